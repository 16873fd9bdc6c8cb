// The golden records that Rust wrote, field by field.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const Badger = require('../../examples/javascript/poco.js');

const GOLDEN = path.join(__dirname, '../golden/poco-v1');
const NAMES = fs.readdirSync(GOLDEN).filter((name) => name.endsWith('.bin')).map((name) => name.slice(0, -4)).sort();

test('there are golden records of every kind', () => {
    const types = NAMES.map((name) => Badger.decode(fs.readFileSync(path.join(GOLDEN, `${name}.bin`))).type);
    assert.deepEqual([...new Set(types)].sort(), ['catalogue', 'gallery', 'many', 'title']);
});

for (const name of NAMES) {
    test(`golden record ${name}`, () => {
        const bytes = fs.readFileSync(path.join(GOLDEN, `${name}.bin`));
        const expected = JSON.parse(fs.readFileSync(path.join(GOLDEN, `${name}.json`), 'utf8'));
        const found = Badger.decode(bytes).toJSON();
        // Once as text for what undefined or another prototype would hide, once with the names of what differs.
        assert.deepEqual(found, expected);
        assert.equal(JSON.stringify(sorted(found)), JSON.stringify(sorted(expected)));
    });
}

/** The same value with the names of its fields in order. */
function sorted(value) {
    if (Array.isArray(value)) {
        return value.map(sorted);
    }
    if (value === null || typeof value !== 'object') {
        return value;
    }
    return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}
