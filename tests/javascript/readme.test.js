// The programs of the client's README run as they stand there.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const samples = require('./support/samples.js');
const { serve } = require('./support/server.js');
const { site } = require('./support/site.js');

const CLIENT = path.join(__dirname, '../../examples/javascript');
const BLOCKS = [...fs.readFileSync(path.join(CLIENT, 'README.md'), 'utf8').matchAll(/```js\n([^]*?)```/g)].map((hit) => hit[1]);
const PACKAGE = JSON.parse(fs.readFileSync(path.join(CLIENT, 'package.json'), 'utf8'));

/** Finds modules as somebody does who has installed the package. */
function find(name) {
    return require(name.startsWith(PACKAGE.name) ? path.join(CLIENT, name.slice(PACKAGE.name.length) || PACKAGE.main) : name);
}

async function run(block) {
    const { base, close } = await serve(site);
    try {
        return await new Promise((resolve, reject) => {
            const finish = (error, text) => (error ? reject(error) : resolve(text));
            vm.runInThisContext(`(function (require, server, finish) {${block}})`, { filename: 'README.md' })(find, base, finish);
        });
    } finally {
        await close();
    }
}

test('the programs of the README run', async () => {
    assert.equal(BLOCKS.length, 2);
    // The server puts row 2 first, and in it item 5.
    const first = samples.card(100 + ((2 * 6 + 5) * 7) % 20);
    assert.equal(await run(BLOCKS[0]), `Row 2: 臥虎藏龍: ${first.name} (${first.year}), Drama, Комедия`);
    assert.equal(await run(BLOCKS[1]), `${first.name}: ${samples.title(first.id).synopsis}`);
});

test('the package has the files that it names, and depends on nothing', () => {
    assert.deepEqual(PACKAGE.files.slice().sort(), fs.readdirSync(CLIENT).filter((name) => /\.(js|d\.ts)$/.test(name)).sort());
    assert.ok(PACKAGE.files.includes(PACKAGE.main) && PACKAGE.files.includes(PACKAGE.types));
    assert.equal(PACKAGE.dependencies, undefined);
});
