// The client in Chromium, as a page loads it: with all that the browser has, and without what old ones lack.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const samples = require('./support/samples.js');
const { record, order } = require('./support/encoder.js');
const { serve } = require('./support/server.js');
const { site } = require('./support/site.js');

const EXECUTABLE = process.env.CHROMIUM || '/usr/bin/chromium';
const IS_THERE = fs.existsSync(EXECUTABLE);
const CLIENT = path.join(__dirname, '../../examples/javascript');
const GOLDEN = path.join(__dirname, '../golden/poco-v1');
const NAMES = fs.readdirSync(GOLDEN).filter((name) => name.endsWith('.bin')).map((name) => name.slice(0, -4)).sort();
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];

// What an old engine lacks. Uint8Array has `from` of its parent, which has no name of its own.
const OLD = 'delete self.BigInt; delete self.BigInt64Array; delete self.BigUint64Array; delete self.TextDecoder; delete self.fetch;'
    + 'delete Object.getPrototypeOf(Uint8Array).from; delete Object.getPrototypeOf(Uint8Array).of;'
    + 'delete Object.assign; delete Object.entries; delete Array.from; delete Number.isInteger; delete self.Promise;';

function page(url) {
    if (url === '/page' || url === '/old') {
        const scripts = ['poco.js', 'load.js', 'falcor.js'].map((name) => `<script src="/${name}"></script>`);
        const missing = url === '/old' ? `<script>${OLD}</script>` : '';
        return { type: 'text/html', body: `<!doctype html><meta charset="utf-8"><title>test</title>${missing}${scripts.join('')}` };
    }
    const name = path.basename(url);
    if (name.endsWith('.js') && fs.existsSync(path.join(CLIENT, name))) {
        return { type: 'text/javascript', body: fs.readFileSync(path.join(CLIENT, name)) };
    }
    if (name.endsWith('.bin')) {
        return { body: fs.readFileSync(path.join(GOLDEN, name)) };
    }
    return site(url);
}

// Both run in the page: ES5, results through a global, as an old engine has no promises.
const DECODE_ALL = `
    var results = {}, waiting = names.length;
    names.forEach(function (name) {
        Badger.request('/golden/' + name + '.bin', function (error, view) {
            results[name] = error ? String(error) : JSON.stringify(view.toJSON());
            waiting -= 1;
            self.done = waiting === 0 ? JSON.stringify(results) : undefined;
        });
    });`;
const LOAD = `
    Badger.load('', 'shared', function (error, loaded) {
        if (error) { self.done = String(error); return; }
        var source = new Badger.PocoDataSource({gallery: loaded.gallery, metadata: loaded.metadata});
        source.get([['lolomo', 0, 0, ['title', 'synopsis']]]).subscribe(function (envelope) {
            self.done = JSON.stringify(envelope.jsonGraph.videos);
        }, function (failure) { self.done = String(failure); });
    });`;

test('Chromium decodes every golden record and loads a gallery', { timeout: 120000, skip: !IS_THERE && !process.env.CI
    && `1 test left out: there is no ${EXECUTABLE}; install chromium or set CHROMIUM` }, async () => {
    assert.ok(IS_THERE, `there is no ${EXECUTABLE}; install chromium or set CHROMIUM`);
    const server = await serve(page);
    const browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
    try {
        for (const address of ['/page', '/old']) {
            const tab = await browser.newPage();
            const failures = [];
            tab.on('pageerror', (error) => failures.push(String(error)));
            await tab.goto(server.base + address);
            const lacks = await evaluate(tab, 'JSON.stringify([typeof BigInt, typeof TextDecoder, typeof Uint8Array.from])');
            assert.deepEqual(JSON.parse(lacks), Array(3).fill(address === '/old' ? 'undefined' : 'function'));

            const results = JSON.parse(await finish(tab, `var names = ${JSON.stringify(NAMES)}; ${DECODE_ALL}`));
            assert.deepEqual(Object.keys(results).sort(), NAMES);
            for (const name of NAMES) {
                const expected = JSON.parse(fs.readFileSync(path.join(GOLDEN, `${name}.json`), 'utf8'));
                assert.deepEqual(JSON.parse(results[name]), expected, `${name} in ${address}`);
            }

            const videos = JSON.parse(await finish(tab, LOAD));
            assert.deepEqual(videos, { 100: { title: samples.card(100).name, synopsis: samples.title(100).synopsis } });
            assert.deepEqual(failures, []);
            await tab.close();
        }
    } finally {
        await browser.close();
        await server.close();
    }
});

test('a page of another origin is told why, as far as it may read that', { timeout: 120000, skip: !IS_THERE && !process.env.CI
    && `1 test left out: there is no ${EXECUTABLE}; install chromium or set CHROMIUM` }, async () => {
    assert.ok(IS_THERE, `there is no ${EXECUTABLE}; install chromium or set CHROMIUM`);
    const body = record('Gallery', samples.gallery(4, 6, 20));
    const exposed = { all: 'Badger-Order, Badger-Order-Why, Date, ETag', 'no-reasons': 'Badger-Order, Date, ETag', 'no-tag': 'Badger-Order, Badger-Order-Why, Date', nothing: 'Date' };
    const headers = { ETag: '"a"', 'Badger-Order': order([2]), 'Badger-Order-Why': '();row=2;place=0;chance=0.6', 'Access-Control-Allow-Origin': '*' };
    const [own, other] = [await serve(page), await serve((url) => ({ body, headers: { ...headers, 'Access-Control-Expose-Headers': exposed[/^\/gallery\/([a-z-]+)/.exec(url)[1]] } }))];
    const browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
    try {
        const tab = await browser.newPage();
        await tab.goto(`${own.base}/page`);
        for (const [name, row, place] of [['all', 1002, 0], ['no-reasons', 1002, /no Badger-Order-Why that can be read.*Access-Control-Expose-Headers/], ['no-tag', 1002, /no ETag that can be read.*Access-Control-Expose-Headers/], ['nothing', 1000, null]]) {
            other.asked.length = 0;
            const [first, error, why] = JSON.parse(await finish(tab, `Badger.load(${JSON.stringify(other.base)}, '${name}', function (error, loaded) {
                if (error) { self.done = JSON.stringify([String(error)]); return; }
                loaded.why(function (failure, why) { self.done = JSON.stringify([loaded.gallery.row(0).id, failure && failure.message, why || null]); });
            });`));
            assert.equal(first, row, name);
            if (place instanceof RegExp) {
                assert.match(error, place, name);
            } else {
                assert.deepEqual([error, why && why.place], [null, place], name);
            }
            // A question without a header of its own needs no leave beforehand.
            assert.equal(other.asked.length, name === 'nothing' ? 1 : 2, String(other.asked));
        }
    } finally {
        await browser.close();
        await own.close();
        await other.close();
    }
});

// The protocol of the browser alone: what playwright puts into a page needs more than an old engine has.
async function evaluate(tab, expression) {
    const session = await tab.context().newCDPSession(tab);
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', { expression });
    await session.detach();
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    return result.value;
}

/** Runs a script that sets `done` when it is through, and gives what it has set. */
async function finish(tab, script) {
    const session = await tab.context().newCDPSession(tab);
    const told = new Promise((resolve) => { session.on('Runtime.bindingCalled', (call) => resolve(call.payload)); });
    await session.send('Runtime.enable');
    await session.send('Runtime.addBinding', { name: 'tellDone' });
    const setter = 'Object.defineProperty(self, "done", {configurable: true, set: function (text) { if (text) { tellDone(text); } }});';
    const { exceptionDetails } = await session.send('Runtime.evaluate', { expression: `${setter} (function () {${script}})();` });
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails));
    const text = await told;
    await session.detach();
    return text;
}
