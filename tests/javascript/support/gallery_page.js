// What tests of the browse page need: a server, a browser, and what the page must show, read from the server by Node.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const { createInterface } = require('node:readline');
const { chromium } = require('playwright-core');
const Badger = require('../../../examples/javascript/poco.js');
const standIn = require('./stand-in.js');

const EXECUTABLE = process.env.CHROMIUM || '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--js-flags=--expose-gc'];

/** The example, freshly prepared, when HONEYBADGER is the path of its program; else the stand-in. Gives { base, close }. */
async function startServer() {
    const program = process.env.HONEYBADGER;
    if (!program) {
        return standIn.start();
    }
    const data = fs.mkdtempSync(path.join(os.tmpdir(), 'honeybadger-page-'));
    const child = spawn(program, ['--listen', '127.0.0.1:0', '--data', data, '--demo-titles', '400', '--demo-profiles', '12'],
        { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    async function close() {
        child.kill('SIGTERM');
        await ended;
        fs.rmSync(data, { recursive: true, force: true });
    }
    for await (const line of createInterface({ input: child.stdout })) {
        const found = /^listening on (http:\S+)/.exec(line);
        if (found) {
            const asked = process.env.BADGER_BACKEND;
            if (asked && asked !== 'auto' && !line.includes(` backend=${asked} `)) {
                await close();
                throw new Error(`${program} was to run on ${asked}: ${line}`);
            }
            child.stdout.resume();
            return { base: found[1], close };
        }
    }
    await close();
    throw new Error(`${program} ended without the line "listening on http://..."`);
}

function startBrowser() {
    return chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
}

/** What the page asks for in these tests: an hour that does not end while they run. */
const MOMENT = 'device=web&now=1790020800';

/** The gallery of a profile, complete, as Node reads it: the page must show this. */
async function galleryOf(base, profile, moment = MOMENT) {
    const record = async (url) => {
        const answer = await fetch(base + url);
        return { view: Badger.decode(await answer.arrayBuffer()), headers: answer.headers };
    };
    const { view, headers } = await record(`/gallery/${profile}?${moment}`);
    const ordered = view.inOrder(Badger.decodeOrder(headers.get('Badger-Order')));
    return ordered.layout === 'shared' ? ordered.withCatalogue((await record(ordered.catalogue)).view) : ordered;
}

async function titleOf(base, id) {
    const answer = await fetch(`${base}/metadata?ids=${id}`);
    return Badger.decode(await answer.arrayBuffer()).record(0);
}

/** The place and the accessible name of what has the focus in a grid of the page. */
function focused(page, grid = 'rows') {
    return page.evaluate((id) => {
        const cell = document.getElementById(document.getElementById(id).getAttribute('aria-activedescendant'));
        const [row, column] = cell.id.split('-').slice(-2).map(Number);
        const box = cell.getBoundingClientRect();
        const isMarked = cell.classList.contains('is-focused') && document.querySelectorAll(`#${id} .is-focused`).length === 1;
        return { row, column, label: cell.getAttribute('aria-label'), isMarked, x: box.left, y: box.top, width: box.width, height: box.height };
    }, grid);
}

/** Waits until nothing moves any more. */
async function rest(page, grid = 'rows') {
    await page.waitForFunction((id) => !document.getElementById(id).classList.contains('is-moving'), grid);
}

async function isDrawn(page, what) {
    await page.waitForFunction((name) => performance.getEntriesByName(name).length > 0, what);
}

/** A key as a remote control sends it: by its number alone. */
async function pressCode(session, code) {
    for (const type of ['rawKeyDown', 'keyUp']) {
        await session.send('Input.dispatchKeyEvent', { type, windowsVirtualKeyCode: code, nativeVirtualKeyCode: code });
    }
}

/** A finger that goes from one place to another in steps, and leaves while it moves. */
// By a clock of its own, so that a finger is as quick on a slow machine.
async function swipe(page, session, from, to) {
    const steps = 8;
    const begun = Date.now() / 1000;
    const touch = (type, index, touchPoints) => session.send('Input.dispatchTouchEvent', { type, touchPoints, timestamp: begun + index * 0.016 });
    const at = (index) => ({ x: from.x + (to.x - from.x) * index / steps, y: from.y + (to.y - from.y) * index / steps });
    await touch('touchStart', 0, [at(0)]);
    for (let index = 1; index <= steps; index += 1) {
        await touch('touchMove', index, [at(index)]);
        await page.evaluate(() => new Promise((next) => { requestAnimationFrame(next); }));
    }
    await touch('touchEnd', steps + 1, []);
}

module.exports = { EXECUTABLE, MOMENT, startServer, startBrowser, galleryOf, titleOf, focused, rest, isDrawn, pressCode, swipe };
