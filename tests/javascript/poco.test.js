// What records say, read through views.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const Badger = require('../../examples/javascript/poco.js');
const { record, many, order, sizeOf, LAYOUT } = require('./support/encoder.js');
const samples = require('./support/samples.js');

const KINDS = ['unknown', 'film', 'series', 'documentary', 'special'];
const ROW_KINDS = ['other', 'continue_watching', 'my_list', 'trending', 'genre', 'because', 'new', 'director', 'decade', 'top_picks'];
const known = (number) => (number === 255 ? null : number);

function titleJson(it) {
    const digits = Buffer.from(it.uuid).toString('hex');
    return {
        id: it.id, uuid: digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'), name: it.name, original_name: it.original_name,
        year: it.year, kind: KINDS[it.kind], runtime_minutes: it.runtime_minutes, maturity: known(it.maturity),
        certificate: it.certificate, match_score: known(it.match_score), genres: it.genres.map((name) => name.text),
        cast: it.cast.map((name) => name.text), directors: it.directors.map((name) => name.text), synopsis: it.synopsis,
        season_count: it.season_count, episode_count: it.episode_count,
        art: it.art.map((art) => ({ kind: ['unknown', 'boxart', 'hero', 'logo', 'still'][art.kind], path: art.path, width: art.width, height: art.height })),
        sprite: { sheet: it.sprite_sheet, x: it.sprite_x, y: it.sprite_y, width: it.sprite_width, height: it.sprite_height },
    };
}

function cardJson(it) {
    const { id, name, boxart, year, runtime_minutes, sprite_sheet, sprite_cell } = it;
    return { id, name, boxart, year, runtime_minutes, kind: KINDS[it.kind], maturity: known(it.maturity),
        match_score: known(it.match_score), sprite_sheet, sprite_cell };
}

function galleryJson(it) {
    const [tv, phone, web, other] = [204, 51, 0, 0];
    return {
        layout: ['', 'inline', 'shared'][it.layout], default: (it.flags & 1) === 1, made_at: it.made_at, profile: it.profile,
        display_name: it.display_name, avatar: it.avatar, assets: it.assets, catalogue: it.catalogue,
        catalogue_hash: Buffer.from(it.catalogue_hash ?? Buffer.alloc(16)).toString('hex'), sheets: it.sheets,
        cards: it.cards.map(cardJson),
        rows: it.rows.map((row) => ({
            id: row.id, name: row.name, kind: ROW_KINDS[row.kind],
            items: it.items.slice(row.first_item, row.first_item + row.item_count)
                .map((item) => ({ card: item.card, match_score: known(item.match_score) })),
        })),
        plays: it.plays.map((play) => ({
            card: play.card, last_play: play.last_play, fraction_watched: play.fraction_watched / 200,
            episodes_left: play.episodes_left, plays: play.plays, plays_7_days: play.plays_7_days, plays_30_days: play.plays_30_days,
            devices: { tv, phone, web, other }, hours: play.hours, ...(play.kind && { kind: KINDS[play.kind] }),
        })),
    };
}

test('the schema of the decoder has the fields that the document of the format lists', () => {
    for (const [struct, fields] of Object.entries(LAYOUT)) {
        const found = Badger.schema.structs[struct];
        assert.equal(found.size, sizeOf(struct), struct);
        let offset = 0;
        const expected = fields.map(([name, type, extra]) => {
            const row = [name, offset, type];
            offset += { u8: 1, u16: 2, u24: 3, u32: 4, uuid: 16, text: 8, table: 12 }[type] ?? extra;
            return row;
        });
        assert.deepEqual(Object.entries(found.fields).map(([name, [at, type]]) => [name, at, type]), expected, struct);
    }
});

test('every field of a title', () => {
    for (const id of [1, 2, 3, 4, 5, 6, 15, 65537]) {
        const value = samples.title(id);
        const view = Badger.decode(record('Title', value));
        assert.ok(view instanceof Badger.TitleView);
        assert.equal(view.type, 'title');
        assert.deepEqual(view.toJSON(), titleJson(value));
        assert.equal(view.name, value.name);
        assert.equal(view.runtimeMinutes, value.runtime_minutes);
        assert.equal(view.genres, view.genres, 'an array that is made once');
        assert.equal(view.artOf('hero').path, `hero/${id}.jpg`);
        assert.equal(view.artOf('logo'), null);
    }
});

test('an empty title has unknown and empty fields', () => {
    const view = Badger.decode(record('Title', { id: 7, maturity: 255, match_score: 255 }));
    assert.deepEqual([view.year, view.runtimeMinutes, view.maturity, view.matchScore, view.sprite], [null, null, null, null, null]);
    assert.deepEqual([view.name, view.synopsis, view.genres, view.art.length, view.kind], ['', '', [], 0, 'unknown']);
});

test('every field of an inline gallery', () => {
    const value = samples.gallery(5, 9, 40);
    const view = Badger.decode(record('Gallery', value));
    assert.deepEqual(view.toJSON(), galleryJson(value));
    assert.equal(view.length, 5);
    assert.equal(view.row(1).name, value.rows[1].name);
    assert.equal(view.row(5), undefined);
    assert.equal(view.row(-1), undefined);
    assert.equal(view.row(1).item(9), undefined);
    const item = view.row(1).item(2);
    assert.equal(item.cardIndex, value.items[11].card);
    assert.equal(item.card.id, value.cards[value.items[11].card].id);
    assert.equal(item.matchScore, known(value.cards[value.items[11].card].match_score), 'the score of the card');
    assert.equal(view.row(1).item(3).matchScore, value.items[12].match_score, 'the score of the profile');
    assert.equal(view.cards.get(1).boxartUrl, '/assets/' + value.cards[1].boxart);
    const withSprite = value.cards.findIndex((card) => card.sprite_sheet === 1 && card.sprite_cell > 40);
    const cell = value.cards[withSprite].sprite_cell;
    assert.deepEqual(view.cards.get(withSprite).sprite,
        { sheet: 'sprites/0.jpg', x: (cell % 40) * 60, y: Math.floor(cell / 40) * 84, width: 60, height: 84 });
    assert.equal(view.cards.get(value.cards.findIndex((card) => card.sprite_sheet === 0)).sprite, null);
    assert.equal(view.play(4).lastPlay, value.plays[4].last_play);
    assert.equal(view.play(4).card.id, value.cards[4].id);
    assert.equal(view.play(4).devices.tv, 0.8);
    assert.equal(view.play(39), undefined);
});

test('a shared gallery with its catalogue shows what an inline one does', () => {
    const shared = Badger.decode(record('Gallery', samples.gallery(3, 5, 20, true)));
    const inline = Badger.decode(record('Gallery', samples.gallery(3, 5, 20)));
    assert.equal(shared.hasCards, false);
    assert.throws(() => shared.row(0).item(0).card, { name: 'PocoError', message: /withCatalogue/ });
    assert.deepEqual(shared.toJSON(), galleryJson(samples.gallery(3, 5, 20, true)), 'needs no catalogue');
    const catalogue = Badger.decode(record('Catalogue', samples.catalogue(20)));
    assert.deepEqual(catalogue.toJSON(), { ...samples.catalogue(20), cards: samples.catalogue(20).cards.map(cardJson) });
    const complete = shared.withCatalogue(catalogue);
    assert.equal(complete.hasCards, true);
    for (let row = 0; row < 3; row += 1) {
        for (let place = 0; place < 5; place += 1) {
            const [one, other] = [complete.row(row).item(place), inline.row(row).item(place)];
            assert.deepEqual(one.card.toJSON(), other.card.toJSON());
            assert.deepEqual(one.card.sprite, other.card.sprite);
            assert.equal(one.matchScore, other.matchScore);
        }
    }
    assert.throws(() => shared.withCatalogue(inline), TypeError);
});

test('many records in one', () => {
    const bodies = [1, 2].map((id) => record('Title', samples.title(id)));
    const view = Badger.decode(many([[2, bodies[1]], [9, null], [1, bodies[0]]]));
    assert.equal(view.length, 3);
    assert.equal(view.record(0).id, 2);
    assert.equal(view.record(1), null);
    assert.equal(view.find(1).name, samples.title(1).name);
    assert.equal(view.find(9), null);
    assert.equal(view.find(10), null);
    assert.deepEqual(view.toJSON().entries.map((entry) => [entry.id, entry.status, entry.record && entry.record.id]),
        [[2, 200, 2], [9, 404, null], [1, 200, 1]]);
    assert.equal(Badger.decode(many([])).length, 0);
});

test('a newer minor: longer blocks and wider strides read as before', () => {
    const value = samples.gallery(3, 4, 12);
    const longer = record('Gallery', value, { minor: 7, block: sizeOf('Gallery') + 40, stride: 12 });
    assert.deepEqual(Badger.decode(longer).toJSON(), galleryJson(value));
    const title = samples.title(8);
    assert.deepEqual(Badger.decode(record('Title', title, { minor: 9, block: 300, stride: 4 })).toJSON(), titleJson(title));
});

test('an older minor: what its block lacks is unknown or empty', () => {
    const title = samples.title(8);
    for (let block = 0; block <= sizeOf('Title'); block += 1) {
        const view = Badger.decode(record('Title', title, { block }));
        let end = 0;
        for (const [name, type, extra] of LAYOUT.Title) {
            end += { u8: 1, u16: 2, u32: 4, uuid: 16, text: 8, table: 12 }[type] ?? extra;
            const property = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
            const isThere = end <= block;
            const value = view[property];
            const empty = value === null || value === 0 || value === '' || value === 'unknown' || value.length === 0
                || value === '00000000-0000-0000-0000-000000000000';
            assert.equal(empty, !isThere || !title[name], `${name} with a block of ${block}`);
        }
    }
});

test('words of a newer version read as unknown', () => {
    assert.equal(Badger.decode(record('Title', { id: 1, kind: 200 })).kind, 'unknown');
    const gallery = Badger.decode(record('Gallery', { layout: 1, rows: [{ id: 1, kind: 99 }] }));
    assert.equal(gallery.row(0).kind, 'other');
    const play = Badger.decode(record('Gallery', { layout: 2, plays: [{ kind: 99 }] })).play(0);
    assert.deepEqual([play.kind, 'kind' in play.toJSON()], ['unknown', false]);
});

test('a record lies anywhere in a larger buffer', () => {
    const value = samples.title(3);
    const bytes = record('Title', value);
    const buffer = new Uint8Array(bytes.length + 13);
    buffer.fill(0xaa);
    buffer.set(bytes, 5);
    assert.deepEqual(Badger.decode(buffer.subarray(5, 5 + bytes.length)).toJSON(), titleJson(value));
    assert.deepEqual(Badger.decode(buffer.buffer.slice(5, 5 + bytes.length)).toJSON(), titleJson(value));
});

test('what is no record is refused with the reason and the place', () => {
    const whole = record('Title', samples.title(1));
    const cases = [
        [Buffer.alloc(0), 0, /cut short/],
        [whole.subarray(0, 23), 0, /cut short/],
        [whole.subarray(0, whole.length - 8), 8, /cut short/],
        [Buffer.concat([whole, Buffer.alloc(8)]), 8, /too long/],
        [Buffer.from('{"id":1,"name":"a title, in JSON"}'), 0, /not a record/],
        [record('Title', samples.title(1), { major: 2 }), 4, /version 2/],
    ];
    const block = Buffer.from(whole);
    block.writeUInt32LE(whole.length - 23, 12);
    cases.push([block, 12, /block/]);
    for (const [bytes, offset, reason] of cases) {
        assert.throws(() => Badger.decode(bytes), (error) => error instanceof Badger.PocoError && error instanceof Error
            && error.offset === offset && reason.test(error.reason) && error.message.includes(String(offset)));
    }
    for (const input of [null, undefined, 'BTIT', 7, {}, [1, 2, 3]]) {
        assert.throws(() => Badger.decode(input), TypeError);
    }
});

test('the order beside a gallery', () => {
    const view = Badger.decode(record('Gallery', samples.gallery(5, 4, 20)));
    const ids = (gallery) => Array.from({ length: gallery.length }, (_, index) => gallery.row(index).id);
    const cards = (row) => Array.from({ length: row.length }, (_, index) => row.item(index).cardIndex);
    const own = [1000, 1001, 1002, 1003, 1004];
    const ordered = view.inOrder(Badger.decodeOrder(order([3, 0], [[1, [2]], [3, [3, 1]]])));
    assert.deepEqual(ids(ordered), [1003, 1000, 1001, 1002, 1004]);
    assert.deepEqual(cards(ordered.row(0)), [3, 1, 0, 2].map((place) => cards(view.row(3))[place]));
    assert.deepEqual(cards(ordered.row(1)), cards(view.row(0)));
    assert.deepEqual(cards(ordered.row(2)), [2, 0, 1, 3].map((place) => cards(view.row(1))[place]));
    assert.equal(ordered.row(0).item(4), undefined);
    assert.equal(ordered.row(5), undefined);
    assert.deepEqual(ids(view), own, 'the gallery itself stays');
    assert.deepEqual(ids(view.inOrder(null)), own);

    // Refused by the gallery: out of range. Refused by the reader: repeated, ragged, another version, not base64.
    const fitting = [order([5]), order([0], [[1, [4]]]), order([], [[5, [0]]])];
    const refused = [order([1, 1]), order([], [[1, [0, 0]]]), order([], [[1, [0]], [1, [1]]]), order([0], [], 2), ':AQAB:', ':AQ=A:', 'AQAAAA==',
        ':AQAAAA=:', ':AQAAA:', ':AQAFAAAA:', ':AQAAAAE=:', ':AQAAAAEA:', ':AQAA AA==:', '', '::', null, undefined];
    for (const header of fitting) {
        assert.notEqual(Badger.decodeOrder(header), null, header);
        assert.deepEqual(ids(view.inOrder(Badger.decodeOrder(header))), own, header);
    }
    for (const header of refused) {
        assert.equal(Badger.decodeOrder(header), null, String(header));
    }
    // Headers that the tests of the library have too, and what both sides read in them.
    const shared = [
        [':AQAAAA==:', { rows: [], items: {} }],
        [':AQABAAIA:', { rows: [2], items: {} }],
        [':AQACAAEA/v8=:', { rows: [1, 0xfffe], items: {} }],
        [':AQABAAMAAAACAAUABAADAAEAAgE=:', { rows: [3], items: { 0: [5, 4], 3: [0x102] } }],
        [':AQcAAA==:', { rows: [], items: {} }],
    ];
    for (const [header, expected] of shared) {
        assert.deepEqual(Badger.decodeOrder(header), expected, header);
        assert.deepEqual(Badger.decodeOrder(` ${header.replace(/=/g, '')}\t`), expected, 'without padding');
    }
    for (const header of [':', ':AQAAAA=', ':AQAAA:', ':AQAAAA===:', ':AQ AAA==:', ':AQAA-A==:', '::A:', '?1']) {
        assert.equal(Badger.decodeOrder(header), null, header);
    }
    assert.deepEqual(Badger.decodeOrder(' :AQABAAMA: '), { rows: [3], items: {} });
    assert.deepEqual(Badger.decodeOrder(':AQAAAA:'), { rows: [], items: {} }, 'padding may be left out');
});

test('why an order is as it is', () => {
    const why = Badger.decodeOrderWhy('(0.5;at=0 0.35;at=1);row=1;place=0;chance=0.592, (device;bin=4;by=-0.42 age;bin=5;by=0.41);item=3;chance=0.31');
    assert.deepEqual(why, {
        row: 1, place: 0, chance: 0.592, places: [{ chance: 0.5, place: 0 }, { chance: 0.35, place: 1 }],
        titles: [{ item: 3, chance: 0.31, reasons: [{ feature: 'device', bin: 4, by: -0.42 }, { feature: 'age', bin: 5, by: 0.41 }] }],
    });
    // What a newer server adds is skipped.
    assert.deepEqual(Badger.decodeOrderWhy('();row=0;place=2;chance=0;mood=7 ,(film;bin=0;by=1;new=2);item=0;chance=1'),
        { row: 0, place: 2, chance: 0, places: [], titles: [{ item: 0, chance: 1, reasons: [{ feature: 'film', bin: 0, by: 1 }] }] });
    // Of whatever type that is: signs that mean something elsewhere are a part of strings.
    const added = [';mood=evening', ';fresh', '; fresh;stale=?0', ';note="a \\"b\\\\ (c), ;row=7"', ';key=:AQID/+==:', ';key=::', ';since=@-1659578233', ';share=-0.5',
        ';said=%"f%c3%bc (\\), r"', ';*a.b_c-1=*x/y:z', ';constructor=1', ';fresh;fresh=2;fresh'];
    const known = { row: 1, place: 2, chance: 0.25, places: [{ chance: 0.5, place: 0 }, { chance: 0.25, place: 2 }],
        titles: [{ item: 3, chance: 0.5, reasons: [{ feature: 'age', bin: 4, by: -1.5 }, { feature: 'left', bin: 0, by: 2 }] }, { item: 0, chance: 0, reasons: [] }] };
    for (const one of ['', ...added, added.join('')]) {
        for (const [before, behind] of [[one, ''], ['', one], [one, one]]) {
            const header = `(0.5${before};at=0${behind}  0.25${before};at=2${behind} )${before};row=1;place=2${before};chance=0.25${behind},`
                + `\t( age${before};bin=4;by=-1.5${behind} left;bin=0${one};by=2)${before};item=3;chance=0.5${behind} , ()${before};item=0;chance=0${behind}`;
            assert.deepEqual(Badger.decodeOrderWhy(header), known, header);
        }
    }
    // A parameter that is given again means what it says last.
    assert.equal(Badger.decodeOrderWhy('();row=0;place=2;chance=0;row=7').row, 7);
    for (const one of [';', ';=1', ';Mood=1', ';1=1', ';mood=', ';mood="evening', ';mood="\\n"', ';mood="\u00fc"', ';mood=:AQ', ';mood=:A-:', ';mood=?2', ';mood=@', ';mood=@1.5', ';mood=%"%C3"',
        ';mood=%"%c"', ';mood=evening(', ';mood =1', ';mood= 1', ' ;mood=1', ';mood=1.', ';mood=.5', ';mood=1.2345', ';mood=1234567890123456', ';mood=-', ';mood=\u00fc', ';mood=()']) {
        assert.equal(Badger.decodeOrderWhy(`();row=1;place=0;chance=1${one}`), null, one);
        assert.equal(Badger.decodeOrderWhy(`(0.5;at=0${one});row=1;place=0;chance=1`), null, one);
    }
    // What is known has to be what it is.
    const malformed = ['();row;place=0;chance=1', '();row=1;place=?1;chance=1', '();row=1;place=0;chance="1"', '();row=1.5;place=0;chance=1', '(0.5;at);row=1;place=0;chance=1',
        '("0.5";at=0);row=1;place=0;chance=1', '();row=1;place=0;chance=1, ("age";bin=1;by=1);item=0;chance=1', '();row=1;place=0;chance=1, (age;bin=1;by=a);item=0;chance=1',
        '();row=1;place=0;chance=1, x', '(0.5;at=0,0.3;at=1);row=1;place=0;chance=1', '(0.5;at=0', '(0.5;at=0(', null, undefined, '', '()', 'x', '(0.5;at=0)', '();row=1;place=0', '();row=1;place=0;chance=x', '();row=1;place=0;chance=1,',
        '();row=1;place=0;chance=1 ()', '();row=-1;place=0;chance=1', '(x;at=0);row=1;place=0;chance=1', '(0.5);row=1;place=0;chance=1',
        '();row=1;place=0;chance=1, (age;bin=1);item=0;chance=1', '();row=1;place=0;chance=1, (age;bin=1;by=1);chance=1', '(;row=1;place=0;chance=1'];
    malformed.forEach((header) => assert.equal(Badger.decodeOrderWhy(header), null, header));
});
