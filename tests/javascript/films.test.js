// Real films all the way: movies.json -> titles.ndjson, profiles.ndjson -> a pack -> HTTP -> the decoder, and every field
// compared with the JSON. The programs are built before: BADGER is `badger`, VEGA_MOVIES the example `vega_movies`.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { serve, everyTitle, everyGallery } = require('./support/galleries.js');

const { BADGER, VEGA_MOVIES } = process.env;
const why = BADGER && VEGA_MOVIES ? false : 'set BADGER and VEGA_MOVIES to the programs';
if (why && process.env.CI === 'true') {
    throw new Error(why);
}

test('real films', { skip: why }, async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'badger-films-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const source = path.join(__dirname, 'node_modules/vega-datasets/data/movies.json');
    const told = execFileSync(VEGA_MOVIES, [source, '-o', folder], { encoding: 'utf8' });
    t.diagnostic(told.trim().split('\n').join(' | '));
    const lines = (name) => fs.readFileSync(path.join(folder, name), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    const titles = lines('titles.ndjson');
    const profiles = lines('profiles.ndjson');

    await t.test('the importer keeps what is sound', () => {
        const records = JSON.parse(fs.readFileSync(source, 'utf8'));
        assert.equal(records.length, 3201);
        assert.ok(titles.length > 3150, `${titles.length} titles`);
        let untouched = 0;
        for (const title of titles) {
            const record = records[title.id - 1];
            const director = title.directors ? title.directors[0] : null;
            untouched += title.name === record.Title && director === (record.Director || null) ? 1 : 0;
            if (Number.isInteger(record['Running Time min']) && record['Running Time min'] > 0) {
                assert.equal(title.runtime_minutes, record['Running Time min'], title.name);
            }
        }
        t.diagnostic(`${untouched} of ${titles.length} titles have name and director as they were`);
        assert.ok(untouched > 2900);
    });

    for (const layout of ['inline', 'shared']) {
        await t.test(`${layout}: every field, over HTTP`, async (t) => {
            const pack = path.join(folder, `${layout}.badger`);
            const input = ['--titles', path.join(folder, 'titles.ndjson'), '--profiles', path.join(folder, 'profiles.ndjson')];
            execFileSync(BADGER, ['pack', 'gallery', ...input, '--layout', layout, '-o', pack], { stdio: 'pipe' });
            const server = await serve(t, BADGER, pack);
            await everyTitle(server, titles);
            await everyGallery(server, layout, titles, profiles);
            t.diagnostic(`${titles.length} titles, ${profiles.length} galleries, ${fs.statSync(pack).size} bytes of pack`);
        });
    }
});
