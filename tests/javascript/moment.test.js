// Who gets the row where: the eight viewers of docs/moment.md, packed by `badger pack gallery` (BADGER: path of the program), served
// by `badger serve`, and looked at in the page and in falcor. tests/moment.rs reads the same viewers and the same table.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const { createInterface } = require('node:readline');
const falcor = require('falcor');
const { load } = require('../../examples/javascript/load.js');
const { PocoDataSource } = require('../../examples/javascript/falcor.js');
const { EXECUTABLE, startBrowser, isDrawn } = require('./support/gallery_page.js');

const ROOT = path.join(__dirname, '../..');
const { now: NOW, rows: ROWS, row: ROW, kinds: KINDS, viewers: VIEWERS } = JSON.parse(fs.readFileSync(path.join(ROOT, 'tests/moment/viewers.json'), 'utf8'));
const TITLES = 30;
const { BADGER } = process.env;
const without = !BADGER ? 'no BADGER, the path of the program' : '';
if (without && process.env.CI === 'true') {
    throw new Error(`in CI this must run: ${without}`);
}

/** What the document says of each viewer: { chance, place }, as it is written there. */
function table() {
    const [, lines] = /\| viewer \| chance \| place \|\n\|---\|---\|---\|\n((?:\|.*\|\n)+)/.exec(fs.readFileSync(path.join(ROOT, 'docs/moment.md'), 'utf8'));
    const entries = lines.trim().split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
    return Object.fromEntries(entries.map(([, name, chance, place]) => [name, { chance, place: Number(place) }]));
}

function lines(values) {
    return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}

/** The record of a viewer as a night's job writes it: at eight in the evening everything was played. */
function profile(viewer) {
    const row = (id) => (id === ROW ?
        { id, name: 'Continue Watching', kind: 'continue_watching', titles: viewer.plays.map((play) => play.title) } :
        { id, name: `Row ${id}`, kind: 'genre', titles: Array.from({ length: TITLES }, (_, index) => index + 1) });
    const plays = viewer.plays.map(({ hours_ago: hours, ...play }) => ({
        ...play, plays: 4, last_play: NOW - hours * 3600, hours: Array.from({ length: 24 }, (_, hour) => Number(hour >= 19 && hour <= 21)),
    }));
    return { id: viewer.id, name: viewer.name, made_at: NOW - 36000, rows: Array.from({ length: ROWS }, (_, id) => row(id)), plays };
}

/** The server, with the page in a folder beside the pack; gives its address. */
async function start(t) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'badger-moment-'));
    const at = (name) => path.join(folder, name);
    fs.writeFileSync(at('titles.ndjson'), lines(Array.from({ length: TITLES }, (_, index) => ({ id: index + 1, name: `Title ${index + 1}`, kind: KINDS[index + 1] }))));
    fs.writeFileSync(at('profiles.ndjson'), lines(VIEWERS.map(profile)));
    execFileSync(BADGER, ['pack', 'gallery', '--titles', at('titles.ndjson'), '--profiles', at('profiles.ndjson'), '-o', at('gallery.badger')], { stdio: 'pipe' });
    fs.cpSync(path.join(ROOT, 'examples/honeybadger/page'), at('page'), { recursive: true });
    fs.copyFileSync(path.join(ROOT, 'examples/javascript/poco.js'), at('page/poco.js'));
    const child = spawn(BADGER, ['serve', at('gallery.badger'), '--mount', `/page=${at('page')}`, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    t.after(async () => {
        child.kill('SIGTERM');
        const [status] = await ended;
        fs.rmSync(folder, { recursive: true });
        assert.equal(status, 0, 'it stops when it is told to');
    });
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    const asked = process.env.BADGER_BACKEND;
    assert.ok(!asked || asked === 'auto' || line.includes(` backend=${asked} `), line);
    return /^listening on (http:\S+)/.exec(line)[1];
}

test('every viewer has the row where the document says, in the page', { skip: without || (fs.existsSync(EXECUTABLE) ? false : `no ${EXECUTABLE}`) }, async (t) => {
    const [base, browser, said] = [await start(t), await startBrowser(), table()];
    t.after(() => browser.close());
    assert.deepEqual(Object.keys(said), VIEWERS.map((viewer) => viewer.name));
    for (const viewer of VIEWERS) {
        await t.test(viewer.name, async () => {
            const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
            const errors = [];
            page.on('pageerror', (error) => errors.push(error.stack));
            await page.goto(`${base}/page/?device=${viewer.device}&now=${NOW}#/${viewer.id}`);
            await isDrawn(page, 'gallery-drawn');
            // From row to row in the panel that says why.
            const rows = [];
            await page.keyboard.press('w');
            await page.waitForFunction(() => document.getElementById('why').getAttribute('aria-busy') === 'false');
            for (;;) {
                const row = await page.evaluate(() => ['why-name', 'why-sentence', 'why-titles'].map((id) => document.getElementById(id).textContent));
                rows.push(row);
                if (await page.locator('#why-next').isDisabled()) {
                    break;
                }
                await page.keyboard.press('ArrowDown');
            }
            const names = rows.map(([name]) => name);
            const others = Array.from({ length: ROWS }, (_, id) => `Row ${id}`).filter((_, id) => id !== ROW);
            const { chance, place } = said[viewer.name];
            if (viewer.first === null) {
                // A row without titles is not shown, and stands behind all others in the table.
                assert.deepEqual([names, place, chance], [others, ROWS, '0 %']);
            } else {
                assert.deepEqual(names, [...others.slice(0, place - 1), 'Continue Watching', ...others.slice(place - 1)]);
                const [, sentence, titles] = rows[place - 1];
                assert.ok(sentence.includes(`is ${chance}. `), `${sentence} has not ${chance}`);
                assert.ok(titles.startsWith(`Title ${viewer.first} `), titles);
                // The panel has gone to the last row, and the gallery with it.
                await page.keyboard.press('Escape');
                for (let row = ROWS; row > place; row -= 1) {
                    await page.keyboard.press('ArrowUp');
                }
                assert.equal(await page.locator('.details-name').textContent(), `Title ${viewer.first}`);
            }
            for (const [name, sentence, titles] of rows.filter(([one]) => one !== 'Continue Watching')) {
                assert.ok(sentence.startsWith('This row stands in the order of the record that was made at ') && titles === '', `${name}: ${sentence}`);
            }
            assert.deepEqual(errors, []);
            await page.close();
        });
    }
});

test('the page has a word for each bin of each feature of the model', () => {
    const { WORDS } = require('../../examples/honeybadger/page/why.js').Why;
    const lines = fs.readFileSync(path.join(ROOT, 'src/poco/moment/default.model'), 'utf8').split('\n').map((line) => line.split(' '));
    const features = lines.filter(([name]) => /^[a-z]+$/.test(name) && !['badger', 'bias', 'calibration', 'place'].includes(name));
    assert.deepEqual(features.map(([name, ...weights]) => [name, weights.length]), Object.entries(WORDS).map(([name, words]) => [name, words.length]));
});

test('falcor says why when it is asked', { skip: without || false }, async (t) => {
    const [base, said] = [await start(t), table()];
    for (const viewer of VIEWERS) {
        const source = new PocoDataSource({ gallery: (callback) => load(base, viewer.id, callback, { device: viewer.device, now: NOW }) });
        const model = new falcor.Model({ source });
        const { json: { lolomo } } = await model.get(['lolomo', { to: ROWS - 1 }, ['name', 'why']]);
        const why = Array.from({ length: ROWS }, (_, place) => lolomo[place].why);
        const { chance, place } = said[viewer.name];
        why.forEach((one, at) => assert.deepEqual([one.place, one.madeAt], [at, NOW - 36000]));
        const moved = why.filter((one) => one.chance !== undefined);
        if (viewer.first === null) {
            assert.deepEqual(moved, []);
            continue;
        }
        assert.deepEqual([moved.length, moved[0].place, `${Math.round(moved[0].chance * 100)} %`], [1, place - 1, chance]);
        assert.equal(lolomo[place - 1].name, 'Continue Watching');
        assert.equal(moved[0].titles[0].id, viewer.first);
        assert.equal(moved[0].titles[0].reasons.length, 3);
    }
});
