// Galleries over HTTP: `badger serve` on a pack, and everything that it answers compared with the JSON lines it was made of.
'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const readline = require('node:readline');
const Badger = require('../../../examples/javascript/poco.js');

const IDS_AT_ONCE = 256;

/** Serves a pack until the test ends; gives what asks it. */
async function serve(t, badger, pack) {
    const child = spawn(badger, ['serve', pack, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    t.after(async () => {
        agent.destroy();
        child.kill('SIGTERM');
        const [status] = await once(child, 'exit');
        assert.equal(status, 0, 'it stops when it is told to');
    });
    const [line] = await once(readline.createInterface({ input: child.stdout }), 'line');
    const url = /^listening on (http:\S+)/.exec(line)[1];
    return (target) => get(agent, url + target);
}

function get(agent, url) {
    return new Promise((resolve, reject) => {
        http.get(url, { agent }, (response) => {
            const pieces = [];
            response.on('data', (piece) => pieces.push(piece));
            response.on('error', reject);
            response.on('end', () => resolve({ response, body: Buffer.concat(pieces) }));
        }).on('error', reject);
    });
}

/** Each title as the record has it, in answers of many and one by one. */
async function everyTitle(server, titles) {
    for (let at = 0; at < titles.length; at += IDS_AT_ONCE - 1) {
        const part = titles.slice(at, at + IDS_AT_ONCE - 1);
        const ids = [...part.map((title) => title.id), 4294967295];
        const { response, body } = await server(`/metadata?ids=${ids.join(',')}`);
        assert.equal(response.statusCode, 200);
        assert.equal(response.headers['content-type'], 'application/vnd.badger.many;v=1');
        const { entries } = Badger.decode(body).toJSON();
        assert.deepEqual(entries.map((entry) => [entry.id, entry.status]), ids.map((id, index) => [id, index < part.length ? 200 : 404]));
        part.forEach((title, index) => assert.deepEqual(entries[index].record, expectedTitle(title, entries[index].record)));
    }
    for (const title of titles.filter((_, index) => index % 97 === 0)) {
        const { response, body } = await server(`/metadata/${title.id}`);
        assert.equal(response.headers['content-type'], 'application/vnd.badger.title;v=1');
        const found = Badger.decode(body).toJSON();
        assert.deepEqual(found, expectedTitle(title, found));
    }
    assert.equal((await server('/metadata/4294967295')).response.statusCode, 404);
}

/** What a record must say of a line; a uuid that the line lacks was made, and is only looked at. */
function expectedTitle(title, found) {
    if (!title.uuid) {
        assert.match(found.uuid, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    }
    return {
        id: title.id,
        uuid: title.uuid || found.uuid,
        name: title.name,
        original_name: title.original_name || '',
        year: title.year || 0,
        kind: title.kind || 'unknown',
        runtime_minutes: title.runtime_minutes || 0,
        maturity: title.maturity ?? null,
        certificate: title.certificate || '',
        match_score: title.match_score ?? null,
        genres: title.genres || [],
        cast: title.cast || [],
        directors: title.directors || [],
        synopsis: title.synopsis || '',
        season_count: title.season_count || 0,
        episode_count: title.episode_count || 0,
        art: title.art || [],
        sprite: title.sprite || null,
    };
}

/** Each gallery with all rows and items, its cards looked up where the layout has them. */
async function everyGallery(server, layout, titles, profiles) {
    const byId = new Map(titles.map((title) => [title.id, title]));
    let catalogue = null;
    for (const profile of profiles) {
        const { response, body } = await server(`/gallery/${encodeURIComponent(profile.id)}`);
        assert.equal(response.headers['badger-fallback'], undefined);
        assert.equal(response.headers['content-type'], 'application/vnd.badger.gallery;v=1');
        const found = Badger.decode(body).toJSON();
        if (layout === 'shared' && !catalogue) {
            const answer = await server(found.catalogue);
            assert.match(answer.response.headers['cache-control'], /immutable/);
            catalogue = Badger.decode(answer.body).toJSON();
        }
        const cards = layout === 'shared' ? catalogue.cards : found.cards;
        assert.equal(found.layout, layout);
        assert.deepEqual([found.profile, found.display_name, found.default], [profile.id, profile.name, Boolean(profile.default)]);
        assert.deepEqual([found.avatar, found.made_at], [profile.avatar || '', profile.made_at || 0]);
        const rows = found.rows.map((row) => ({
            id: row.id,
            name: row.name,
            kind: row.kind,
            titles: row.items.map((item) => ({ ...shown(cards[item.card]), own: item.match_score })),
        }));
        const expected = profile.rows.map((row) => ({
            id: row.id,
            name: row.name,
            kind: row.kind || 'other',
            titles: row.titles.map((entry) => {
                const { id, match_score: own } = typeof entry === 'number' ? { id: entry } : entry;
                return { ...asCard(byId.get(id)), own: own ?? null };
            }),
        }));
        assert.deepEqual(rows, expected, profile.id);
        assert.deepEqual(
            found.plays.map((play) => [cards[play.card].id, play.last_play, play.episodes_left, play.plays]).sort((a, b) => a[0] - b[0]),
            (profile.plays || []).map((play) => [play.title, play.last_play, play.episodes_left || 0, play.plays || 0]).sort((a, b) => a[0] - b[0]),
        );
    }
    const stranger = await server('/gallery/nobody%20knows');
    assert.equal(stranger.response.headers['badger-fallback'], 'default');
    assert.equal(Badger.decode(stranger.body).toJSON().default, true);
}

function shown(card) {
    const { sprite_sheet: _sheet, sprite_cell: _cell, ...rest } = card;
    return rest;
}

function asCard(title) {
    return {
        id: title.id,
        name: title.name,
        boxart: '',
        year: title.year || 0,
        runtime_minutes: title.runtime_minutes || 0,
        kind: title.kind || 'unknown',
        maturity: title.maturity ?? null,
        match_score: title.match_score ?? null,
    };
}

module.exports = { serve, everyTitle, everyGallery };
