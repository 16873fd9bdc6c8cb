// Who gets the row where: the eight viewers of docs/moment.md, packed by `badger pack gallery` (BADGER: path of the program), served
// by `badger serve`, and looked at in the page and in falcor; also while that server changes its content. tests/moment.rs reads the same viewers and the
// same table.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const { createInterface } = require('node:readline');
const { promisify } = require('node:util');
const falcor = require('falcor');
const Badger = require('../../examples/javascript/poco.js');
const { load } = require('../../examples/javascript/load.js');
const { PocoDataSource } = require('../../examples/javascript/falcor.js');
const { record, order } = require('./support/encoder.js');
const samples = require('./support/samples.js');
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

/** The server, with the page in a folder beside the pack: { base, swap }, where swap(viewers) has it serve the galleries of others. */
async function start(t) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'badger-moment-'));
    const at = (name) => path.join(folder, name);
    const pack = (viewers) => {
        fs.writeFileSync(at('profiles.ndjson'), lines(viewers.map(profile)));
        execFileSync(BADGER, ['pack', 'gallery', '--titles', at('titles.ndjson'), '--profiles', at('profiles.ndjson'), '-o', at('gallery.badger')], { stdio: 'pipe' });
    };
    fs.writeFileSync(at('titles.ndjson'), lines(Array.from({ length: TITLES }, (_, index) => ({ id: index + 1, name: `Title ${index + 1}`, kind: KINDS[index + 1] }))));
    pack(VIEWERS);
    fs.cpSync(path.join(ROOT, 'examples/honeybadger/page'), at('page'), { recursive: true });
    fs.copyFileSync(path.join(ROOT, 'examples/javascript/poco.js'), at('page/poco.js'));
    const child = spawn(BADGER, ['serve', at('gallery.badger'), '--mount', `/page=${at('page')}`, '--listen', '127.0.0.1:0', '--control', at('control')], { stdio: ['ignore', 'pipe', 'inherit'] });
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
    return {
        base: /^listening on (http:\S+)/.exec(line)[1],
        swap(viewers) {
            pack(viewers);
            execFileSync(BADGER, ['reload', '--control', at('control')], { stdio: 'pipe' });
        },
    };
}

const percent = (chance) => `${Math.round(chance * 100)} %`;

test('every viewer has the row where the document says, in the page', { skip: without || (fs.existsSync(EXECUTABLE) ? false : `no ${EXECUTABLE}`) }, async (t) => {
    const [{ base }, browser, said] = [await start(t), await startBrowser(), table()];
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
            // What the page has, of which it leaves out rows without titles.
            const [stands, why] = await page.evaluate(([id, row]) => new Promise((resolve, reject) => {
                Data.gallery(id, (error, shown) => (error ? reject(new Error(error.detail)) : Data.why(shown, (failure, told) => {
                    const ids = shown.view.rows.map((_, index) => shown.view.row(index).id);
                    return failure ? reject(new Error(failure.message)) : resolve([ids.indexOf(row) + 1, told]);
                })));
            }), [viewer.id, ROW]);
            assert.deepEqual([stands, why && why.place + 1, why && percent(why.chance)], [place, place, chance]);
            if (viewer.first === null) {
                assert.deepEqual(names, others);
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

test('what is old or not known is told as that', () => {
    const { describe } = require('../../examples/honeybadger/page/why.js').Why;
    const value = samples.gallery(4, 6, 20);
    const { made_at: madeAt } = value;
    const titles = [1, 2].map((item) => ({ item, chance: 0.3, reasons: [{ feature: 'age', bin: 11, by: -1 }, { feature: 'device', bin: 5, by: 0.2 }] }));
    const why = { row: 2, place: 0, chance: 0.4, places: [{ chance: 0.5, place: 0 }], titles };
    // When the first of them was played is not known.
    value.plays.find((play) => play.card === value.items[2 * 6 + 1].card).last_play = 0;
    const told = (made, now) => {
        const gallery = Badger.decode(record('Gallery', { ...value, made_at: made })).inOrder(Badger.decodeOrder(order([2])));
        return describe(why, gallery, gallery.row(0), now);
    };
    const known = 'For it: on which devices is not known.';
    assert.deepEqual(told(madeAt, madeAt).titles.map(({ reasons }) => reasons), [known, `${known} Against it: played more than 6 weeks ago.`]);
    // As long as the model's clock goes on; then it is said from when the record is.
    const [, days] = /pub const MOMENT_STALE_SECONDS: u32 = ([0-9]+) \* 86_400;/.exec(fs.readFileSync(path.join(ROOT, 'src/poco/moment.rs'), 'utf8'));
    const stale = madeAt + days * 86400;
    const fresh = 'The chance that something of this row is gone on with now, on this device, is 40 %. Its place follows from that: from 50 % on it stands first, below that behind all others.';
    for (const [made, now] of [[madeAt, madeAt - 5], [madeAt, stale], [0, stale + 1], [madeAt, NaN]]) {
        assert.equal(told(made, now).sentence, fresh);
    }
    assert.equal(told(madeAt, stale + 1).sentence, `${fresh} What was played is known up to ${new Date(madeAt * 1000).toLocaleString()}, when the record was made, and how long ago that was is counted as of two days later.`);
});

test('falcor says why when it is asked', { skip: without || false }, async (t) => {
    const [{ base }, said] = [await start(t), table()];
    for (const viewer of VIEWERS) {
        const source = new PocoDataSource({ gallery: (callback) => load(base, viewer.id, callback, { device: viewer.device, now: NOW }) });
        const model = new falcor.Model({ source });
        const { json: { lolomo } } = await model.get(['lolomo', { to: ROWS - 1 }, ['name', 'why']]);
        const why = Array.from({ length: ROWS }, (_, place) => lolomo[place].why);
        const { chance, place } = said[viewer.name];
        why.forEach((one, at) => assert.deepEqual([one.place, one.madeAt], [at, NOW - 36000]));
        const moved = why.filter((one) => one.chance !== undefined);
        assert.deepEqual(moved.map((one) => [one.place + 1, percent(one.chance)]), [[place, chance]], viewer.name);
        assert.equal(lolomo[place - 1].name, 'Continue Watching');
        const [first] = moved[0].titles;
        assert.deepEqual(first ? [first.id, first.reasons.length] : [null], viewer.first === null ? [null] : [viewer.first, 3]);
    }
});

// The same viewers with other titles: the positions are the same, and so is the order; only the record is another.
const OTHERS = VIEWERS.map((viewer) => ({ ...viewer, plays: viewer.plays.map((play) => ({ ...play, title: play.title + 10 })) }));
const [BEA] = VIEWERS;

test('nobody is told of a gallery that came later, in falcor', { skip: without || false }, async (t) => {
    const { base, swap } = await start(t);
    const model = () => new falcor.Model({ source: new PocoDataSource({ gallery: (callback) => load(base, BEA.id, callback, { device: BEA.device, now: NOW }) }) });
    const why = async (of) => (await of.get(['lolomo', 0, 'why'])).json.lolomo[0].why;
    const [old, asked] = [model(), model()];
    assert.equal((await old.get(['lolomo', 0, 0, 'title'])).json.lolomo[0][0].title, `Title ${BEA.first}`);
    assert.equal((await why(asked)).titles[0].id, BEA.first);
    const shown = await promisify(load)(base, BEA.id);
    swap(OTHERS);
    await assert.rejects(why(old), ([{ value: { message } }]) => /\?now=[0-9]+&device=tv&why=1: the gallery has changed since; load it again$/.test(message));
    await assert.rejects(promisify(shown.why)(), /the gallery has changed since; load it again$/);
    assert.equal((await why(model())).titles[0].id, BEA.first + 10);
    // And when it is again what it was, the same is told again.
    swap(VIEWERS);
    assert.equal((await why(old)).titles[0].id, BEA.first);
});

test('nobody is told of a gallery that came later, in the page', { skip: without || (fs.existsSync(EXECUTABLE) ? false : `no ${EXECUTABLE}`) }, async (t) => {
    const [{ base, swap }, browser] = [await start(t), await startBrowser()];
    t.after(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
    const ask = async () => {
        await page.keyboard.press('w');
        await page.waitForFunction(() => document.getElementById('why').getAttribute('aria-busy') === 'false');
        return page.evaluate(() => ['why-sentence', 'why-titles'].map((id) => document.getElementById(id).textContent));
    };
    await page.goto(`${base}/page/?device=${BEA.device}&now=${NOW}#/${BEA.id}`);
    await isDrawn(page, 'gallery-drawn');
    swap(OTHERS);
    const [refused, none] = await ask();
    assert.match(refused, /^It cannot be told why: the gallery has changed since; load it again\. /);
    assert.equal(none, '');
    await page.reload();
    await isDrawn(page, 'gallery-drawn');
    const [sentence, titles] = await ask();
    assert.match(sentence, /^The chance that something of this row /);
    assert.ok(titles.startsWith(`Title ${BEA.first + 10} `), titles);
});
