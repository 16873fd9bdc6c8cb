// The client on old devices: the language, what the engine lacks, and the decoder of text that stands in for one.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const acorn = require('acorn');
const Badger = require('../../examples/javascript/poco.js');
const { record, many, order } = require('./support/encoder.js');
const samples = require('./support/samples.js');

const CLIENT = path.join(__dirname, '../../examples/javascript');
const read = (name) => fs.readFileSync(path.join(CLIENT, name), 'utf8');
const SCRIPTS = fs.readdirSync(CLIENT).filter((name) => name.endsWith('.js'));

test('the client is written in ES5', () => {
    assert.deepEqual(SCRIPTS.sort(), ['falcor.js', 'load.js', 'poco.js']);
    for (const name of SCRIPTS) {
        acorn.parse(read(name), { ecmaVersion: 5, sourceType: 'script' });
    }
    assert.throws(() => acorn.parse('const one = () => 1;', { ecmaVersion: 5 }), SyntaxError, 'the check can fail');
});

/** A world as an old engine offers it: scripts run there as in a page. */
function oldEngine() {
    const world = vm.createContext({});
    vm.runInContext('this.self = this; delete this.BigInt; delete this.TextDecoder; '
        + 'var Typed = Object.getPrototypeOf(Uint8Array); delete Typed.from; delete Typed.of; delete Typed.prototype.slice;'
        + 'delete Object.assign; delete Object.entries; delete Object.values; delete Array.from; delete Array.prototype.includes;'
        + 'delete String.prototype.padStart; delete String.prototype.startsWith; delete Number.isInteger; delete this.Symbol;'
        + 'delete this.Map; delete this.Set; delete this.WeakMap; delete this.Promise; delete this.Proxy; delete this.Reflect;', world);
    for (const name of ['poco.js', 'load.js', 'falcor.js']) {
        vm.runInContext(read(name), world, { filename: name });
    }
    return world;
}

test('an engine without BigInt, TextDecoder, Uint8Array.from and all that came with ES6', () => {
    const world = oldEngine();
    assert.equal(vm.runInContext('typeof BigInt + typeof TextDecoder + typeof Uint8Array.from + typeof Map', world), 'undefined'.repeat(4));
    assert.equal(vm.runInContext('typeof Badger.load + typeof Badger.PocoDataSource + typeof Badger.toJSONGraph', world), 'function'.repeat(3));
    const title = record('Title', samples.title(12));
    const wrong = Buffer.from(`efbbbf${'c3a4ff'.repeat(30)}e282eda080f09f98`, 'hex');
    const records = [record('Title', { ...samples.title(12), synopsis: wrong }), record('Gallery', samples.gallery(3, 4, 9)), record('Catalogue', samples.catalogue(5)), many([[12, title], [13, null]])];
    for (const bytes of records) {
        world.numbers = Array.from(bytes);
        const text = vm.runInContext('JSON.stringify(Badger.decode(new Uint8Array(numbers)).toJSON())', world);
        assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(Badger.decode(bytes).toJSON())));
    }
    world.numbers = Array.from(records[1]);
    world.header = order([2]);
    vm.runInContext('var gallery = Badger.decode(new Uint8Array(numbers).buffer);'
        + 'var name = gallery.inOrder(Badger.decodeOrder(header)).row(0).name; var graph;'
        + 'new Badger.PocoDataSource({gallery: gallery}).get([["lolomo", {to: 1}, 0, "title"]]).subscribe(function (it) { graph = it; });', world);
    assert.equal(world.name, Badger.decode(records[1]).row(2).name);
    assert.equal(Object.keys(world.graph.jsonGraph.videos).length, 2);
});

// ---- Text ----

const whole = new TextDecoder('utf-8', { ignoreBOM: true });

function sameText(bytes) {
    const array = Uint8Array.from(bytes);
    assert.equal(Badger.utf8(array), whole.decode(array), Buffer.from(array).toString('hex'));
}

test('text is decoded as TextDecoder decodes it: valid', () => {
    for (const name of [...samples.NAMES, samples.NAMES.join('').repeat(300), '', '\0', '\u{10ffff}', '\ufffd', 'a'.repeat(5000)]) {
        const bytes = Buffer.from(name, 'utf8');
        assert.equal(Badger.utf8(bytes), name);
        sameText(bytes);
    }
    for (let point = 0; point <= 0x10ffff; point += point < 0x3000 ? 1 : 97) {
        if (point < 0xd800 || point > 0xdfff) {
            assert.equal(Badger.utf8(Buffer.from(String.fromCodePoint(point))), String.fromCodePoint(point));
        }
    }
    assert.equal(Badger.utf8(Buffer.from('xäöx'), 1, 5), 'äö', 'a part of the bytes');
});

test('text is decoded as TextDecoder decodes it: invalid', () => {
    // Every two bytes, with a letter behind them; then three and four bytes around every bound of the table.
    for (let one = 0; one < 256; one += 1) {
        for (let two = 0; two < 256; two += 1) {
            sameText([one, two, 0x41]);
        }
    }
    const edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
    for (const one of edges) {
        for (const two of edges) {
            for (const three of edges) {
                sameText([one, two, three]);
                for (const four of edges) {
                    sameText([one, two, three, four]);
                }
            }
        }
    }
    const next = random(5);
    for (let round = 0; round < 2000; round += 1) {
        sameText(Array.from({ length: next() % 40 }, () => (next() % 3 ? 0x80 | next() : next()) & 255));
    }
});

function random(seed) {
    let state = seed;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state >>> 8;
    };
}
