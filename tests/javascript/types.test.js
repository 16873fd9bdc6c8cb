// The declarations: a program that uses them compiles strictly, one that misuses them does not, and they name what is there.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const ts = require('typescript');
const Badger = require('../../examples/javascript/poco.js');
const load = require('../../examples/javascript/load.js');
const falcor = require('../../examples/javascript/falcor.js');
const { record, many } = require('./support/encoder.js');
const samples = require('./support/samples.js');

const CLIENT = path.join(__dirname, '../../examples/javascript');

function compile(name) {
    const compiler = path.join(__dirname, 'node_modules/typescript/bin/tsc');
    const flags = ['--noEmit', '--strict', '--target', 'es2020', '--module', 'commonjs', '--lib', 'es2020,dom'];
    return spawnSync(process.execPath, [compiler, ...flags, path.join(__dirname, 'types', name)], { encoding: 'utf8' });
}

test('a program that uses the client compiles', () => {
    const { status, stdout } = compile('usage.ts');
    assert.equal(status, 0, stdout);
});

test('a program that misuses it does not', () => {
    const { status, stdout } = compile('misuse.ts');
    assert.notEqual(status, 0);
    const lines = fs.readFileSync(path.join(__dirname, 'types/misuse.ts'), 'utf8').split('\n');
    const wrong = lines.flatMap((line, index) => (line.includes('// wrong') ? [index + 1] : []));
    assert.deepEqual([...stdout.matchAll(/misuse\.ts\((\d+),/g)].map((hit) => Number(hit[1])), wrong, stdout);
});

/** The members that a declaration file gives a class or interface. */
function declared(file, name) {
    const source = ts.createSourceFile(file, fs.readFileSync(path.join(CLIENT, file), 'utf8'), ts.ScriptTarget.ES2020);
    const found = source.statements.find((it) => (ts.isClassDeclaration(it) || ts.isInterfaceDeclaration(it)) && it.name.text === name);
    return found.members.filter((it) => it.name).map((it) => it.name.text).sort();
}

/** What a view offers. */
function offered(view) {
    const names = new Set();
    for (let it = view; it !== Object.prototype; it = Object.getPrototypeOf(it)) {
        Object.getOwnPropertyNames(it).forEach((name) => names.add(name));
    }
    return [...names].filter((name) => name !== 'constructor' && !name.startsWith('_')).sort();
}

test('the declarations name what views have, all of it', () => {
    const gallery = Badger.decode(record('Gallery', samples.gallery(2, 3, 6)));
    const title = Badger.decode(record('Title', samples.title(1)));
    const frame = Badger.decode(many([[1, null]]));
    const views = {
        TitleView: title, GalleryView: gallery, CatalogueView: Badger.decode(record('Catalogue', samples.catalogue(2))), ManyView: frame,
        RowView: gallery.row(0), ItemView: gallery.row(0).item(0), CardView: gallery.cards.get(0), PlayView: gallery.plays.get(0),
        SheetView: gallery.sheets.get(0), ArtView: title.art.get(0), ManyEntryView: frame.entries.get(0), Table: gallery.rows,
    };
    for (const [name, view] of Object.entries(views)) {
        assert.deepEqual(offered(view), declared('poco.d.ts', name), name);
    }
});

test('the declarations name what the modules export', () => {
    for (const [file, module] of [['poco', Badger], ['load', load], ['falcor', falcor]]) {
        const text = fs.readFileSync(path.join(CLIENT, `${file}.d.ts`), 'utf8');
        const names = [...text.matchAll(/^export (?:class|function|const) (\w+)/gm)].map((hit) => hit[1]);
        assert.deepEqual(names.sort(), Object.keys(module).sort(), file);
    }
});
