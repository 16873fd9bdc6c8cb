// The real falcor package over records.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const falcor = require('falcor');
const Badger = require('../../examples/javascript/poco.js');
const { PocoDataSource, toJSONGraph } = require('../../examples/javascript/falcor.js');
const { record, order } = require('./support/encoder.js');
const samples = require('./support/samples.js');

const decode = (struct, value) => Badger.decode(record(struct, value));
const small = () => decode('Gallery', samples.gallery(4, 6, 20));
const titles = (ids) => ids.map((id) => decode('Title', samples.title(id)));

/** What a model answers: the JSON and the errors. */
function ask(model, ...paths) {
    return new Promise((resolve) => {
        let json;
        model.get(...paths).subscribe(
            (value) => { json = value.json; },
            (errors) => resolve({ json, errors }),
            () => resolve({ json }),
        );
    });
}

/** JSON without the marks that falcor leaves in it. */
function plain(value) {
    return JSON.parse(JSON.stringify(value, (key, it) => (key.startsWith('$__') ? undefined : it)) ?? 'null');
}

function modelOver(gallery, options) {
    return new falcor.Model({ source: new PocoDataSource({ gallery, ...options }) });
}

test('the first screen equals what a cache of the whole graph gives', async () => {
    const large = Badger.decode(samples.largeGallery());
    const path = 'lolomo[0..5][0..7]["title","boxart"]';
    const { json, errors } = await ask(modelOver(large), path);
    assert.equal(errors, undefined);
    assert.deepEqual(plain(json), plain((await ask(new falcor.Model({ cache: toJSONGraph(large) }), path)).json));
    for (let row = 0; row < 6; row += 1) {
        for (let place = 0; place < 8; place += 1) {
            const { card } = large.row(row).item(place);
            assert.deepEqual(plain(json.lolomo[row][place]), { title: card.name, boxart: `/assets/${card.boxart}` });
        }
    }
});

test('every path of the whole graph is the same from the source and from the cache', async () => {
    const gallery = small();
    const ids = Array.from({ length: 22 }, (_, index) => 99 + index); // two of them have no card
    const metadata = (asked, callback) => callback(null, titles(asked.filter((id) => ids.includes(id))));
    const cached = new falcor.Model({ cache: toJSONGraph(gallery, titles(ids)) });
    const fields = ['id', 'title', 'boxart', 'year', 'runtime', 'kind', 'maturity', 'matchScore', 'sprite', 'lastPlay',
        'fractionWatched', 'episodesLeft', 'plays', 'plays7Days', 'plays30Days', 'devices', 'hours', 'uuid', 'originalName',
        'synopsis', 'certificate', 'genres', 'cast', 'directors', 'seasonCount', 'episodeCount', 'art', 'hero'];
    const questions = [
        [['lolomo', 'length']],
        [['lolomo', { to: 5 }, ['id', 'name', 'kind', 'length']]],
        [['lolomo', { to: 3 }, { to: 5 }, fields]],
        [['lists', 'ada', { from: 1, to: 2 }, { from: 2, to: 4 }, ['title', 'year']], ['lists', 'bob', 0, 'name']],
        [['rows', [1001, '1003', 77], [0, { from: 2, to: 3 }, 5], ['title', 'matchScore']]],
        [['videos', ids, fields]],
        [['lolomo', [0, 2], 1, 'title'], ['lolomo', 1, [{ to: 1 }, { from: 4, to: 5 }], ['boxart', 'genres']]],
    ];
    for (const paths of questions) {
        const one = await ask(modelOver(gallery, { metadata }), ...paths);
        const other = await ask(cached, ...paths);
        assert.equal(one.errors, undefined);
        assert.deepEqual(plain(one.json), plain(other.json), JSON.stringify(paths));
        assert.ok(JSON.stringify(plain(one.json)).length > 20, `an answer to ${JSON.stringify(paths)}`);
    }
    assert.deepEqual(plain((await ask(modelOver(gallery, { metadata }), ['videos', [5000, 'x'], fields])).json), { videos: { 5000: {} } });
    // One model, all questions: what it has cached of one must fit the next.
    const model = modelOver(gallery, { metadata });
    for (const paths of [...questions, ...questions]) {
        assert.deepEqual(plain((await ask(model, ...paths)).json), plain((await ask(cached, ...paths)).json));
    }
});

test('only what is asked for is read', async () => {
    // Every card but one has a damaged name: whoever reads more than asked finds out.
    const bytes = record('Gallery', samples.gallery(4, 6, 20));
    const whole = Badger.decode(bytes);
    const wanted = whole.row(2).item(3).cardIndex;
    const damaged = Buffer.from(bytes);
    const cards = damaged.readUInt32LE(24 + 64);
    for (let card = 0; card < 20; card += 1) {
        if (card !== wanted) {
            damaged.writeUInt32LE(0xfffffff0, cards + card * 32 + 4);
        }
    }
    const { json, errors } = await ask(modelOver(Badger.decode(damaged)), ['lolomo', 2, 3, 'title']);
    assert.equal(errors, undefined);
    assert.equal(json.lolomo[2][3].title, whole.row(2).item(3).card.name);
});

test('what is damaged is an error in its place, and the rest is there', async () => {
    const bytes = record('Gallery', samples.gallery(4, 6, 20));
    const cards = bytes.readUInt32LE(24 + 64);
    const place = Badger.decode(bytes).row(1).item(2).cardIndex;
    bytes.writeUInt32LE(0xfffffff0, cards + place * 32 + 4);
    const { json, errors } = await ask(modelOver(Badger.decode(bytes)), ['lolomo', 1, [2, 3], ['title', 'year']]);
    assert.equal(errors.length, 1);
    assert.deepEqual(errors[0].path, ['lolomo', 1, 2, 'title']);
    assert.match(errors[0].value.message, /text/);
    assert.equal(errors[0].value.offset, 0xfffffff0);
    assert.equal(typeof json.lolomo[1][2].year, 'number');
    assert.equal(typeof json.lolomo[1][3].title, 'string');
});

test('titles are fetched only when their fields are asked for, once, and each number once', async () => {
    const asked = [];
    const metadata = (ids, callback) => {
        asked.push(ids);
        setImmediate(() => callback(null, titles(ids)));
    };
    const model = modelOver(small(), { metadata });
    await ask(model, ['lolomo', { to: 3 }, { to: 5 }, ['title', 'boxart', 'matchScore']]);
    assert.deepEqual(asked, []);
    const { json } = await ask(model, ['lolomo', { to: 1 }, { to: 5 }, ['title', 'synopsis', 'genres', 'cast']], ['lolomo', 0, 0, 'hero']);
    assert.equal(asked.length, 1);
    assert.equal(new Set(asked[0]).size, asked[0].length);
    const gallery = small();
    const { id } = gallery.row(1).item(4).card;
    assert.equal(json.lolomo[1][4].synopsis, samples.title(id).synopsis);
    assert.deepEqual(plain(json.lolomo[1][4].genres), ['Drama', 'Комедия']);
    assert.equal(json.lolomo[0][0].hero, `/assets/hero/${gallery.row(0).item(0).card.id}.jpg`);
    await ask(model, ['lolomo', 1, 4, 'cast']);
    assert.equal(asked.length, 1, 'the model has it');
});

test('a failed fetch of titles is an error at each of their paths, and is tried again', async () => {
    let attempts = 0;
    const metadata = (ids, callback) => {
        attempts += 1;
        if (attempts === 1) {
            callback(Object.assign(new Error('/metadata: status 503'), { status: 503 }));
        } else if (attempts === 2) {
            throw new Error('thrown');
        } else {
            callback(null, titles(ids.filter((id) => id !== 101)));
        }
    };
    const model = modelOver(small(), { metadata });
    const path = ['videos', [100, 101], ['title', 'synopsis']];
    const first = await ask(model, path);
    assert.deepEqual(first.errors.map((error) => [error.path, error.value]), [100, 101].map((id) =>
        [['videos', id, 'synopsis'], { message: '/metadata: status 503', status: 503 }]));
    assert.equal(first.json.videos[100].title, samples.card(100).name);
    assert.deepEqual((await ask(model, path)).errors.map((error) => error.value.message), ['thrown', 'thrown']);
    const third = await ask(model, path);
    assert.equal(third.errors, undefined);
    assert.equal(third.json.videos[100].synopsis, samples.title(100).synopsis);
    assert.equal(third.json.videos[101].synopsis, undefined, 'a title without a record');
});

test('a gallery that is fetched: once for all who wait, an error at each path, and tried again', async () => {
    let calls = 0;
    const source = new PocoDataSource({ gallery: (callback) => {
        calls += 1;
        setImmediate(() => (calls === 1 ? callback(new Error('/gallery/ada: status 500')) : callback(null, small())));
    } });
    const model = new falcor.Model({ source });
    const failed = await Promise.all([ask(model, ['lolomo', 0, 'name']), ask(model, ['lolomo', 1, 'name'])]);
    assert.equal(calls, 1);
    for (const answer of failed) {
        assert.equal(answer.errors[0].value.message, '/gallery/ada: status 500');
    }
    assert.equal((await ask(model, ['lolomo', 0, 'name'])).json.lolomo[0].name, small().row(0).name);
    assert.equal(calls, 2);
    const loaded = new PocoDataSource({ gallery: (callback) => callback(null, {
        gallery: small(), metadata: (ids, receive) => receive(null, titles(ids)),
    }) });
    const answer = await ask(new falcor.Model({ source: loaded }), ['lolomo', 0, 0, 'certificate']);
    assert.equal(answer.json.lolomo[0][0].certificate, 'PG-13', 'what Badger.load gives has the function for titles');
});

test('the shared layout and the order of a request', async () => {
    const shared = decode('Gallery', samples.gallery(4, 6, 20, true)).inOrder(Badger.decodeOrder(order([2], [[2, [5]]])));
    const catalogue = decode('Catalogue', samples.catalogue(20));
    const path = ['lolomo', { to: 1 }, { to: 2 }, ['title', 'boxart', 'sprite']];
    const { json } = await ask(modelOver(shared, { catalogue }), path);
    const complete = shared.withCatalogue(catalogue);
    assert.deepEqual(plain(json), plain((await ask(new falcor.Model({ cache: toJSONGraph(complete) }), path)).json));
    assert.equal(json.lolomo[0][0].title, small().row(2).item(5).card.name);
    const without = await ask(modelOver(shared), ['lolomo', 0, 0, 'title'], ['lolomo', 0, 'name']);
    assert.match(without.errors[0].value.message, /withCatalogue/);
    assert.equal(without.json.lolomo[0].name, small().row(2).name);
});

test('rows with the same number are all there', async () => {
    const value = samples.gallery(3, 2, 6);
    value.rows.forEach((row) => { row.id = 7; });
    const gallery = decode('Gallery', value);
    const { json } = await ask(modelOver(gallery), ['lolomo', { to: 2 }, 'name']);
    assert.deepEqual([0, 1, 2].map((row) => json.lolomo[row].name), value.rows.map((row) => row.name));
});

test('the contract of a data source', () => {
    const source = new PocoDataSource({ gallery: small() });
    const log = [];
    const observer = { onNext: (value) => log.push(['next', value]), onError: (error) => log.push(['error', error]), onCompleted: () => log.push(['completed']) };
    source.get([['lolomo', 0, 'name']]).subscribe(observer);
    assert.deepEqual(log.map((entry) => entry[0]), ['next', 'completed']);
    assert.deepEqual(log[0][1], {
        paths: [['lolomo', 0, 'name']],
        jsonGraph: {
            lolomo: { $type: 'ref', value: ['lists', 'ada'] },
            lists: { ada: { 0: { $type: 'ref', value: ['rows', 1000] } } },
            rows: { 1000: { name: small().row(0).name } },
        },
    });
    for (const refused of [source.set({}), source.call(['lolomo', 'add'], [])]) {
        log.length = 0;
        refused.subscribe({ next() {}, error: (error) => log.push(error.message), complete() {} });
        assert.match(log[0], /PocoDataSource: records/);
    }
    // An answer that comes after its question was given up is not told.
    let receive;
    const late = new PocoDataSource({ gallery: (callback) => { receive = callback; } });
    log.length = 0;
    const subscription = late.get([['lolomo', 'length']]).subscribe(observer);
    subscription.dispose();
    receive(null, small());
    assert.deepEqual(log, []);
    // The other way to write a range, and no range at all.
    log.length = 0;
    source.get([['lists', 'ada', { from: 2, length: 2 }], ['lists', 'ada', { from: 1, length: 0 }], ['lists', 'ada', []]]).subscribe(observer);
    assert.deepEqual(Object.keys(log[0][1].jsonGraph.lists.ada), ['2', '3']);
    // A range that nobody can mean.
    log.length = 0;
    source.get([['lolomo', { to: 4e9 }, 'name']]).subscribe(observer);
    assert.match(log[0][1].message, /smaller ranges/);
    assert.throws(() => new PocoDataSource({}), TypeError);
    for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
        log.length = 0;
        source.get([['videos', key, key], ['rows', key, key], ['lists', key, key], [key, key]]).subscribe(observer);
        assert.deepEqual(log.map((entry) => entry[0]), ['next', 'completed'], key);
    }
    assert.equal({}.$type, undefined);
});

test('set and call of a model tell their reason', async () => {
    const model = modelOver(small());
    const failure = await new Promise((resolve) => model.call(['lolomo', 'add'], []).subscribe(() => {}, resolve, resolve));
    assert.match(String(failure.message ?? failure[0]?.value?.message), /no call/);
});

test('times, told and not judged', async (context) => {
    const bytes = samples.largeGallery();
    const copy = new Uint8Array(bytes).buffer;
    const path = ['lolomo', { from: 0, to: 5 }, { from: 0, to: 7 }, ['title', 'boxart']];
    const timed = async (rounds, work) => {
        const times = [];
        for (let round = 0; round < rounds; round += 1) {
            const start = process.hrtime.bigint();
            await work();
            times.push(Number(process.hrtime.bigint() - start) / 1000);
        }
        times.sort((one, other) => one - other);
        return `median ${times[rounds >> 1].toFixed(1)} us, 95 % ${times[Math.floor(rounds * 0.95)].toFixed(1)} us`;
    };
    const decoded = await timed(400, () => Badger.decode(copy));
    const source = await timed(400, () => ask(modelOver(Badger.decode(copy)), path));
    const graph = toJSONGraph(Badger.decode(copy));
    // As a server would send it: what is unknown is left out.
    const text = JSON.stringify(graph, (key, value) => (value && value.$type === 'atom' && value.value === undefined ? undefined : value));
    const built = await timed(15, () => toJSONGraph(Badger.decode(copy)));
    const cached = await timed(15, () => {
        const model = new falcor.Model();
        model.setCache(JSON.parse(text));
        return ask(model, path);
    });
    const walked = await timed(15, () => Badger.decode(copy).toJSON());
    context.diagnostic(`a gallery of ${bytes.length} bytes: decode ${decoded}`);
    context.diagnostic(`6 x 8 from the data source, fresh model and view: ${source}`);
    context.diagnostic(`6 x 8 from JSON.parse and setCache of the same graph (${text.length} bytes): ${cached}`);
    context.diagnostic(`toJSONGraph of all: ${built}; toJSON of all: ${walked}`);
    assert.deepEqual(plain((await ask(modelOver(Badger.decode(copy)), path)).json),
        plain((await ask(new falcor.Model({ cache: graph }), path)).json));
});

test('why a row stands where it does is asked for once, when a path asks, and again next time', async () => {
    const gallery = small();
    let asked = 0;
    let answer = [null, { row: 2, place: 2, chance: 0.4, places: [{ chance: 0.5, place: 0 }], titles: [{ item: 1, chance: 0.3, reasons: [] }] }];
    const model = modelOver(gallery, { why: (callback) => { asked += 1; callback(...answer); } });
    await ask(model, ['lolomo', { to: 3 }, ['name', 'length']]);
    assert.equal(asked, 0);
    const { json } = await ask(model, ['lolomo', { to: 3 }, 'why']);
    assert.equal(asked, 1);
    const madeAt = gallery.madeAt;
    [0, 1, 3].forEach((place) => assert.deepEqual(json.lolomo[place].why, { place, madeAt }));
    const { chance, places } = answer[1];
    assert.deepEqual(json.lolomo[2].why, { place: 2, madeAt, chance, places, titles: [{ id: gallery.row(2).item(1).card.id, chance: 0.3, reasons: [] }] });
    // When the server cannot be asked it is an error in its place, which does not stay.
    answer = [new Error('the server cannot be reached')];
    const other = modelOver(gallery, { why: (callback) => { callback(...answer); } });
    const { errors } = await ask(other, ['lolomo', 0, 'why']);
    assert.equal(errors[0].value.message, 'the server cannot be reached');
    answer = [null, null];
    assert.deepEqual((await ask(other, ['lolomo', 0, 'why'])).json.lolomo[0].why, { place: 0, madeAt });
    // Without anybody to ask it is unknown.
    assert.equal((await ask(modelOver(gallery), ['lolomo', 0, 'why'])).json?.lolomo?.[0]?.why, undefined);
});
