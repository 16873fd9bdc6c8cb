// The loader, over a real connection. (In a browser, with XMLHttpRequest: browser.test.js.)
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { promisify } = require('node:util');
const falcor = require('falcor');
const Badger = require('../../examples/javascript/poco.js');
const { load, request } = require('../../examples/javascript/load.js');
const { PocoDataSource } = require('../../examples/javascript/falcor.js');
const { record, order } = require('./support/encoder.js');
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
        const plain = Badger.decode(new Uint8Array(record('Gallery', samples.gallery(4, 6, 20))).buffer);
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

test('why an order is as it is is told of the gallery that was loaded, or not at all', async () => {
    const body = record('Gallery', samples.gallery(4, 6, 20));
    const shown = { ETag: '"a"', 'Badger-Order': order([2], [[2, [5]]]), 'Badger-Order-Why': '(0.5;at=0);row=2;place=0;chance=0.6, (age;bin=1;by=0.5);item=5;chance=0.6', Date: 'Tue, 14 Nov 2023 22:13:20 GMT' };
    let now = {};
    // The content is swapped between the two answers.
    const { base, asked, close } = await serve((url) => {
        const headers = { ...shown, ...(url.includes('why=1') ? now : now.both) };
        delete headers.both;
        return { body, status: now.status, headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== null)) };
    });
    const why = async (change) => {
        now = { both: change.both };
        const { why: ask } = await loaded(base, 'ada');
        now = { ...change.both, ...change };
        return promisify(ask)();
    };
    const told = Badger.decodeOrderWhy(shown['Badger-Order-Why']);
    try {
        assert.deepEqual(await why({}), told);
        assert.deepEqual(asked, ['/gallery/ada', '/gallery/ada?now=1700000000&why=1']);
        // What a proxy that compresses makes of a tag.
        assert.deepEqual(await why({ ETag: 'W/"a"' }), told);
        assert.deepEqual(await why({ both: { ETag: 'W/"a"' }, ETag: '"a"' }), told);
        for (const [change, reason] of [
            [{ ETag: '"b"' }, /why=1: the gallery has changed since; load it again$/], [{ ETag: null }, /no ETag that can be read, .*Access-Control-Expose-Headers/],
            [{ both: { ETag: null }, ETag: '"a"' }, /no ETag that can be read/], [{ both: { ETag: null } }, /no ETag that can be read/],
            [{ 'Badger-Order': order([2], [[2, [4]]]) }, /the order has changed since/], [{ 'Badger-Order': null, 'Badger-Order-Why': null }, /the order has changed since/],
            [{ 'Badger-Order-Why': null }, /no Badger-Order-Why that can be read; .*Access-Control-Expose-Headers/], [{ 'Badger-Order-Why': '(0.5' }, /no Badger-Order-Why that can be read/],
            [{ 'Badger-Order-Why': '();row=1;place=0;chance=0.6' }, /another row/], [{ 'Badger-Order-Why': '();row=9;place=0;chance=0.6' }, /another row/],
            [{ 'Badger-Order-Why': '();row=2;place=9;chance=0.6' }, /another row/], [{ status: 503 }, /why=1: status 503$/], [{ ETag: '"b"', status: 404 }, /status 404/],
        ]) {
            await assert.rejects(why(change), reason, JSON.stringify(change));
        }
        // Where no order came, or one that cannot be read, no row was moved, and nobody needs to be asked.
        asked.length = 0;
        assert.equal(await why({ both: { 'Badger-Order': null }, ETag: '"b"' }), null);
        assert.equal(await why({ both: { 'Badger-Order': ':AQAB:' } }), null);
        assert.deepEqual(asked, ['/gallery/ada', '/gallery/ada']);
        // In falcor it is an error at its place, until the gallery is loaded again.
        now = {};
        const model = () => new falcor.Model({ source: new PocoDataSource({ gallery: (callback) => load(base, 'ada', callback) }) });
        const first = model();
        assert.equal((await first.get('lolomo[0].name')).json.lolomo[0].name, samples.gallery(4, 6, 20).rows[2].name);
        now = { ETag: '"b"', both: { ETag: '"b"' } };
        await assert.rejects(new Promise((resolve, reject) => first.get('lolomo[0].why').subscribe(() => {}, reject, resolve)), ([error]) => /has changed since/.test(error.value.message));
        assert.equal((await model().get('lolomo[0].why')).json.lolomo[0].why.chance, 0.6);
    } finally {
        await close();
    }
});

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
