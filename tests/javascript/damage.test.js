// Damaged records: whatever is asked of them gives a value or a PocoError, and ends.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const Badger = require('../../examples/javascript/poco.js');
const { PocoDataSource, toJSONGraph } = require('../../examples/javascript/falcor.js');
const { record, many, order } = require('./support/encoder.js');
const samples = require('./support/samples.js');

const title = record('Title', samples.title(12));
const RECORDS = {
    title,
    gallery: record('Gallery', samples.gallery(3, 4, 7)),
    shared: record('Gallery', samples.gallery(3, 4, 7, true)),
    catalogue: record('Catalogue', samples.catalogue(5)),
    many: many([[12, title], [13, null], [14, record('Title', { id: 14 })]]),
};
const CATALOGUE = Badger.decode(RECORDS.catalogue);
const ORDER = Badger.decodeOrder(order([1], [[0, [2]]]));
const PATHS = [['lolomo', { to: 3 }, { to: 4 }, ['title', 'boxart', 'matchScore', 'sprite', 'plays', 'hours']], ['lolomo', 'length']];

/** Does all that can be done with a record. Anything but a PocoError goes through; gives how often one was seen. */
function useAll(bytes) {
    let errors = 0;
    const attempt = (work) => {
        try {
            return work();
        } catch (error) {
            if (!(error instanceof Badger.PocoError) || typeof error.offset !== 'number' || !error.reason) {
                throw error;
            }
            errors += 1;
            return undefined;
        }
    };
    const view = attempt(() => Badger.decode(bytes));
    if (view === undefined) {
        return errors;
    }
    attempt(() => view.toJSON());
    if (view.type === 'many') {
        for (let index = 0; index < 4; index += 1) {
            attempt(() => view.record(index));
        }
        attempt(() => view.find(14));
    } else if (view.type === 'gallery') {
        const complete = attempt(() => view.withCatalogue(CATALOGUE).inOrder(ORDER)) ?? view;
        for (const gallery of [view, complete]) {
            attempt(() => toJSONGraph(gallery));
            attempt(() => gallery.play(3));
            attempt(() => gallery.row(0)?.item(1)?.card.sprite);
            // A data source must not throw at all: what is damaged is in its answer.
            new PocoDataSource({ gallery }).get(PATHS).subscribe(() => {}, (error) => assert.fail(error));
        }
    } else if (view.type === 'catalogue') {
        attempt(() => view.cards.map((card) => card.sprite));
    } else {
        attempt(() => view.artOf('still'));
    }
    return errors;
}

test('undamaged records give no error', () => {
    for (const [name, bytes] of Object.entries(RECORDS)) {
        const complete = name === 'shared' ? useAll(bytes) > 0 : useAll(bytes) === 0;
        assert.ok(complete, name);
    }
});

test('every byte flipped, in two ways', () => {
    let errors = 0;
    for (const bytes of Object.values(RECORDS)) {
        for (let at = 0; at < bytes.length; at += 1) {
            for (const mask of [0xff, 1 << (at % 8)]) {
                const damaged = Buffer.from(bytes);
                damaged[at] ^= mask;
                errors += useAll(damaged);
            }
        }
    }
    assert.ok(errors > 500, `only ${errors} errors were seen`);
});

test('every truncation', () => {
    for (const bytes of Object.values(RECORDS)) {
        for (let length = 0; length < bytes.length; length += 1) {
            assert.equal(useAll(bytes.subarray(0, length)), 1);
            if (length >= 24) {
                // With a head that says so, as a writer would that stopped early.
                const damaged = Buffer.from(bytes.subarray(0, length));
                damaged.writeUInt32LE(length, 8);
                useAll(damaged);
            }
        }
    }
});

test('random bytes, behind a head and instead of one', () => {
    let state = 11;
    const next = () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state >>> 8;
    };
    for (let round = 0; round < 4000; round += 1) {
        const source = Object.values(RECORDS)[round % 5];
        const bytes = Buffer.from(source);
        const from = round % 3 === 0 ? 0 : 24;
        for (let changes = next() % 12; changes >= 0; changes -= 1) {
            const at = from + (next() % (bytes.length - from));
            bytes[at] = next() & 255;
        }
        if (round % 7 === 0) {
            for (let at = 24; at < bytes.length; at += 1) {
                bytes[at] = next() & 255;
            }
        }
        useAll(bytes);
    }
});

test('counts and strides that would never end', () => {
    const tables = [64, 76, 88, 100, 112].map((offset) => 24 + offset);
    for (const table of tables) {
        for (const [count, stride] of [[0xffffffff, 0], [0xffffffff, 1], [0xffffffff, 0xffffffff], [0x10000, 0x10000], [1, 0xffffffff], [0xffffffff, 4]]) {
            const damaged = Buffer.from(RECORDS.gallery);
            damaged.writeUInt32LE(count, table + 4);
            damaged.writeUInt32LE(stride, table + 8);
            assert.ok(useAll(damaged) > 0, `count ${count}, stride ${stride}`);
        }
    }
    const gallery = Buffer.from(RECORDS.gallery);
    const row = gallery.readUInt32LE(24 + 76);
    for (const [first, count] of [[0, 0xffffffff], [0xffffffff, 1], [12, 1], [0xffffffff, 0xffffffff]]) {
        gallery.writeUInt32LE(first, row + 12);
        gallery.writeUInt32LE(count, row + 16);
        assert.ok(useAll(gallery) > 0, `items ${first} + ${count}`);
        assert.throws(() => Badger.decode(gallery).row(0).item(0), { name: 'PocoError', offset: row + 12 });
    }
});

test('a frame that holds itself is refused', () => {
    const frame = Buffer.from(RECORDS.many);
    const entry = frame.readUInt32LE(24);
    frame.writeUInt32LE(0, entry + 8);
    frame.writeUInt32LE(frame.length, entry + 12);
    assert.throws(() => Badger.decode(frame).toJSON(), { name: 'PocoError' });
    const nested = many([[1, many([[1, RECORDS.title]])]]);
    assert.throws(() => Badger.decode(nested).record(0), { name: 'PocoError' });
});
