// What a viewer asks of the server, recorded from the browse page in Chromium: what it costs a device to serve one. It proves
// nothing by passing: it prints docs/devices/session.json, which `badger probe --measure` plays.
//
//   cargo run --release --example honeybadger       (until everything is drawn)
//   node session.js http://127.0.0.1:8080 > ../../docs/devices/session.json
//
// Three parts: the first visit, until the screen has its pictures; browsing, ROWS rows with COLUMNS steps in each, at the pace of
// somebody who looks; and the visit of the next day, with a new gallery and what the browser has kept.
'use strict';

const { startBrowser, isDrawn, rest } = require('./support/gallery_page.js');

const TV = { viewport: { width: 1280, height: 720 } };
const ROWS = 10;
const COLUMNS = 5;
/** Milliseconds between two keys. */
const PACE = 700;
/** Two days at noon. */
const DAYS = [1790164800, 1790251200];
/** Nothing has come for so many milliseconds: the screen has what it wants. */
const QUIET = 1500;

const KINDS = [[/^\/profiles/, 'profiles'], [/^\/gallery\//, 'gallery'], [/^\/catalogue\//, 'catalogue'], [/^\/metadata/, 'metadata'],
    [/^\/assets\/boxart\//, 'boxart'], [/^\/assets\/sprites?\//, 'spritesheet'], [/^\/assets\//, 'picture']];
const kindOf = (path) => (KINDS.find(([pattern]) => pattern.test(path)) || [null, 'page'])[1];

async function main() {
    const base = process.argv[2];
    if (!base) {
        throw new Error('usage: node session.js http://HOST:PORT > ../../docs/devices/session.json');
    }
    const [profile] = await (await fetch(`${base}/profiles`)).json();
    const browser = await startBrowser();
    const context = await browser.newContext(TV);
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    const open = new Map();
    let answers = [];
    let connections = new Set();
    let last = Date.now();
    session.on('Network.requestWillBeSent', ({ requestId, request }) => {
        last = Date.now();
        open.set(requestId, { path: new URL(request.url).pathname });
    });
    session.on('Network.responseReceived', ({ requestId, response }) => {
        const one = open.get(requestId);
        if (one && !response.fromDiskCache && !response.fromPrefetchCache) {
            Object.assign(one, { status: response.status, encoding: response.headers['Content-Encoding'] || 'identity', connection: response.connectionId, headBytes: response.encodedDataLength });
        }
    });
    // What the browser kept comes from its memory, and costs the server nothing.
    session.on('Network.requestServedFromCache', ({ requestId }) => open.delete(requestId));
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
        last = Date.now();
        const one = open.get(requestId);
        open.delete(requestId);
        if (one && one.status && encodedDataLength > 0) {
            connections.add(one.connection);
            // A browser that revalidates shows its 200; so few bytes are a head alone.
            const isHead = encodedDataLength <= one.headBytes;
            answers.push({ kind: kindOf(one.path), status: isHead && one.status === 200 ? 304 : one.status, encoding: one.encoding, bytes: isHead ? 0 : encodedDataLength - one.headBytes, head_bytes: one.headBytes });
        }
    });
    const quiet = async () => {
        do {
            await page.waitForTimeout(100);
        } while (Date.now() - last < QUIET);
    };
    /** What came since the last part, each kind with its number and bytes. */
    const part = (more = {}) => {
        const kinds = {};
        for (const { kind, status, encoding, bytes, head_bytes } of answers) {
            const one = kinds[`${kind} ${status} ${encoding}`] ||= { kind, status, encoding, requests: 0, body_bytes: 0, head_bytes: 0 };
            one.requests += 1;
            one.body_bytes += bytes;
            one.head_bytes += head_bytes;
        }
        const all = (name) => Object.values(kinds).reduce((sum, one) => sum + one[name], 0);
        const found = { ...more, connections: connections.size, requests: all('requests'), bytes: all('body_bytes') + all('head_bytes'),
            answers: Object.values(kinds).sort((a, b) => (`${a.kind}${a.status}` < `${b.kind}${b.status}` ? -1 : 1)) };
        answers = [];
        connections = new Set();
        return found;
    };
    const visit = (now) => page.goto(`${base}/?device=tv&now=${now}#/${profile.id}`).then(() => isDrawn(page, 'gallery-drawn'));
    try {
        await visit(DAYS[0]);
        await quiet();
        const first = part();
        const start = Date.now();
        for (let row = 0; row < ROWS; row += 1) {
            for (let column = 0; column < COLUMNS; column += 1) {
                await page.keyboard.press('ArrowRight');
                await rest(page);
                await page.waitForTimeout(PACE);
            }
            await page.keyboard.press('ArrowDown');
            await rest(page);
            await page.waitForTimeout(PACE);
        }
        await quiet();
        const browse = part({ rows: ROWS, titles: ROWS * (COLUMNS + 1), seconds: Math.round((Date.now() - start - QUIET) / 1000) });
        // From elsewhere, as the next day begins: the page itself is asked for anew.
        await page.goto('about:blank');
        await visit(DAYS[1]);
        await quiet();
        const next = part();
        const version = browser.version();
        console.log(JSON.stringify({ page: 'examples/honeybadger', browser: `Chromium ${version.split('.')[0]}`, screen: '1280x720', first_visit: first, browse, next_day: next }, null, 2));
    } finally {
        await browser.close();
    }
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
