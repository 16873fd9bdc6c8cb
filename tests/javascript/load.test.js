// The loader, over a real connection. (In a browser, with XMLHttpRequest: browser.test.js.)
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { promisify } = require('node:util');
const falcor = require('falcor');
const Badger = require('../../examples/javascript/poco.js');
const { load, request } = require('../../examples/javascript/load.js');
const { PocoDataSource } = require('../../examples/javascript/falcor.js');
const samples = require('./support/samples.js');
const { serve } = require('./support/server.js');
const { site } = require('./support/site.js');

const loaded = promisify(load);

async function withSite(work) {
    const server = await serve(site);
    try {
        await work(server);
    } finally {
        await server.close();
    }
}

test('a gallery comes in the order of its answer', () => withSite(async ({ base, asked }) => {
    const { gallery, isFallback } = await loaded(`${base}/`, 'ada');
    assert.equal(isFallback, false);
    assert.deepEqual([0, 1, 2, 3].map((row) => gallery.row(row).id), [1002, 1000, 1001, 1003]);
    assert.deepEqual(asked, ['/gallery/ada']);
    assert.equal((await loaded(base, 'broken order')).gallery.row(0).id, 1000);
    assert.equal(asked[1], '/gallery/broken%20order');
    assert.equal((await loaded(base, 'nobody')).isFallback, true);
}));

test('a gallery is asked for by its moment, and falcor gives it in that order', () => withSite(async ({ base, asked }) => {
    const at = (moment) => new Promise((resolve, reject) => {
        load(base, 'ada', (error, answer) => (error ? reject(error) : resolve(answer.gallery)), moment);
    });
    const first = async (moment) => {
        const source = new PocoDataSource({ gallery: (callback) => load(base, 'ada', callback, moment) });
        const { json } = await new falcor.Model({ source }).get('lolomo[0].name', 'lolomo[0][0].title');
        return [json.lolomo[0].name, json.lolomo[0][0].title];
    };
    const seen = [];
    for (const [moment, query, row, place] of [
        [undefined, '', 2, 5], [{}, '', 2, 5], [{ device: 'tv', now: 1790000000 }, '?now=1790000000&device=tv', 2, 5],
        [{ device: 'phone' }, '?device=phone', 3, 4], [{ now: 0 }, '?now=0', 2, 5],
    ]) {
        const gallery = await at(moment);
        assert.equal(asked.at(-1), `/gallery/ada${query}`);
        assert.equal(gallery.row(0).id, 1000 + row);
        const plain = Badger.decode(new Uint8Array(require('./support/encoder.js').record('Gallery', samples.gallery(4, 6, 20))).buffer);
        assert.equal(gallery.row(0).item(0).card.name, plain.row(row).item(place).card.name);
        seen.push(await first(moment));
        assert.deepEqual(seen.at(-1), [gallery.row(0).name, gallery.row(0).item(0).card.name]);
    }
    assert.notDeepEqual(seen[3], seen[0]);
}));

test('a gallery of the shared layout comes with its catalogue', () => withSite(async ({ base, asked }) => {
    const { gallery } = await loaded(base, 'shared');
    assert.deepEqual(asked, ['/gallery/shared', `/catalogue/${'0123456789abcdef'.repeat(2)}`]);
    assert.equal(gallery.row(0).item(1).card.name, samples.card(107).name);
}));

test('titles come in few requests', () => withSite(async ({ base, asked }) => {
    const { metadata } = await loaded(base, 'ada');
    const get = promisify(metadata);
    asked.length = 0;
    assert.deepEqual((await get([3, 200000, 1])).map((title) => title.id), [3, 1]);
    assert.deepEqual(asked, ['/metadata?ids=3,200000,1']);
    asked.length = 0;
    const ids = Array.from({ length: 600 }, (_, index) => index + 1);
    assert.deepEqual((await get(ids)).map((title) => title.id).sort((one, other) => one - other), ids);
    assert.equal(asked.length, 3);
    assert.deepEqual(await get([]), []);
}));

test('falcor over the loader', () => withSite(async ({ base, asked }) => {
    const model = new falcor.Model({ source: new PocoDataSource({ gallery: (callback) => load(base, 'shared', callback) }) });
    const { json } = await model.get('lolomo[0..1][0..2]["title","boxart"]', 'lolomo[0][0,1].synopsis');
    assert.equal(json.lolomo[0][0].synopsis, samples.title(100).synopsis);
    assert.equal(json.lolomo[1][2].title, samples.card(116).name);
    assert.deepEqual(asked.map((url) => url.replace(/\?.*/, '')), ['/gallery/shared', `/catalogue/${'0123456789abcdef'.repeat(2)}`, '/metadata']);
}));

test('what goes wrong is told with the address', () => withSite(async ({ base }) => {
    for (const [profile, reason] of [['busy', /\/gallery\/busy: status 503/], ['unknown', /status 404/], ['gone', /cannot be reached/],
        ['title', /a title where a gallery was expected/]]) {
        await assert.rejects(loaded(base, profile), reason);
    }
    await assert.rejects(loaded(base, 'busy'), { status: 503 });
    await assert.rejects(loaded(base, 'text'), (error) => error instanceof Badger.PocoError);
}));

test('a load that was given up does not call back', () => withSite(async ({ base }) => {
    const cancel = load(base, 'ada', () => assert.fail('it was given up'));
    cancel();
    cancel();
    // A later request that has come back shows that the first one has had its time.
    await loaded(base, 'ada');
    const view = await new Promise((resolve, reject) => request(`${base}/metadata?ids=4`, (error, it) => (error ? reject(error) : resolve(it))));
    assert.equal(view.record(0).id, 4);
}));
