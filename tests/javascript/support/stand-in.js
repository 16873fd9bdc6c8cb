// A server with the surface of the example, in Node, for working on the page without building anything: real records,
// simple pictures. It also has what a good demo has not: titles without pictures, rows of one title, long names.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { record, many, order } = require('./encoder.js');
const { serve } = require('./server.js');

const ROOT = path.join(__dirname, '../../..');
const PAGE = path.join(ROOT, 'examples/honeybadger/page');
const ROWS = 40;
const LENGTH = 75;
const TITLES = 500;
const WHY = '(0.5;at=0 0.35;at=1);row=0;place=0;chance=0.6, (age;bin=2;by=0.5 left;bin=0;by=-0.2);item=3;chance=0.4, (device;bin=0;by=-0.5);item=1;chance=0.3';
const WHY_ON_A_PHONE = '(0.5;at=0 0.35;at=1);row=0;place=1;chance=0.4, (age;bin=2;by=0.5);item=5;chance=0.4, ();item=9;chance=0.3, ();item=2;chance=0.2';
const SHEET = { path: 'sprites/0.png', columns: 25, rows: 20, cell_width: 30, cell_height: 42 };

const FIRST = ['The Last', 'A Quiet', 'Midnight', 'Beyond the', 'Paper', 'Northern', 'The Glass', 'Two', 'Winter', 'Honey'];
const SECOND = ['Lighthouse', 'Harbour', 'Orchard', 'Station', 'Kingdom', 'River', 'Astronomer', 'Badgers', 'Letter', 'Garden', 'Signal'];
const OTHERS = [
    'Броненосец «Восток»', '臥虎藏龍之夜', 'سواق الأوتوبيس', '👩‍🚀 Kosmonautka 🎬', 'Cafe\u0301 de l’e\u0301te\u0301', 'İstanbul’da Kış', 'שלום, תל אביב',
    '서울의 봄바람', 'सितारों के पार',
    'The Remarkably Long and Winding Chronicle of a Lighthouse Keeper Who Never Once Looked Out at the Sea Until the Night It Spoke',
];
const GENRES = ['Drama', 'Comedy', 'Science Fiction', 'Documentary', 'Thriller', 'Фантастика', 'Family'];
const PEOPLE = ['Ada Lovelace', 'Toshirō Mifune', 'عمر الشريف', 'Agnès Varda', 'Bong Joon-ho', 'Людмила Гурченко', 'Sidney Poitier'];
const ROW_NAMES = [
    'Continue Watching', 'Trending Now', 'Because you watched “The Glass Harbour”', 'New this week', 'Фантастика', 'أفلام عربية', 'Top picks for you',
];

function nameOf(id) {
    return id % 7 === 3 ? OTHERS[Math.floor(id / 7) % OTHERS.length] : `${FIRST[id % 10]} ${SECOND[Math.floor(id / 3) % 11]}`;
}

function synopsisOf(id) {
    const sentences = [
        `When a storm takes the only road out of town, ${PEOPLE[id % 7]} must decide whom to believe and what to leave behind.`,
        'A letter that was never meant to arrive changes one summer, and then everything after it.',
        'Somebody has been counting the trains that do not stop here.',
        'It would have stayed a secret, had the badgers not found the honey first.',
    ];
    return id % 11 === 0 ? '' : sentences.slice(id % 3).concat(sentences.slice(0, id % 3)).join(' ');
}

const hasArt = (id) => id % 13 !== 5;

function title(id) {
    const isSeries = id % 4 === 1;
    return {
        id, uuid: undefined, year: id % 17 ? 1930 + (id % 95) : 0, runtime_minutes: isSeries ? 0 : 62 + (id % 90), kind: isSeries ? 2 : 1,
        maturity: [0, 7, 12, 16, 255][id % 5], match_score: id % 9 === 0 ? 255 : 55 + (id % 45), season_count: isSeries ? 1 + (id % 6) : 0,
        episode_count: isSeries ? 8 + (id % 40) : 0, name: nameOf(id), original_name: id % 6 === 2 ? OTHERS[id % 9] : '', synopsis: synopsisOf(id),
        certificate: id % 3 ? ['PG-13', 'R', 'TV-MA', 'FSK 12'][id % 4] : '', genres: [{ text: GENRES[id % 7] }, { text: GENRES[(id + 3) % 7] }],
        cast: id % 8 === 7 ? [] : [0, 1, 2, 4, 5].map((step) => ({ text: PEOPLE[(id + step) % 7] })), directors: [{ text: PEOPLE[(id + 3) % 7] }],
        art: hasArt(id) ? [{ kind: 1, width: 240, height: 336, path: `boxart/${id}.png` }, { kind: 2, width: 1280, height: 720, path: `hero/${id}.png` }] : [],
    };
}

function card(id) {
    const { year, runtime_minutes, kind, maturity, match_score, name } = title(id);
    return {
        id, name, boxart: hasArt(id) ? `boxart/${id}.png` : '', year, runtime_minutes, kind, maturity, match_score,
        sprite_sheet: hasArt(id) ? 1 : 0, sprite_cell: id % (SHEET.columns * SHEET.rows),
    };
}

const CARDS = Array.from({ length: TITLES }, (_, index) => card(index + 1));
const PROFILES = ['Ada', 'Grace', 'Борис', '美玲', 'يوسف', 'Zoë', '👾 Kim'].map((name, index) => ({ id: `profile-${index}`, name, avatar: '' }));

function gallery(profile, isShared) {
    const known = PROFILES.findIndex((one) => one.id === profile);
    const rows = [];
    const items = [];
    for (let row = 0; row < ROWS; row += 1) {
        const length = row === 3 ? 3 : row === 9 ? 1 : LENGTH;
        rows.push({ id: row + 1, name: row < 7 ? ROW_NAMES[row] : `Decade ${row}`, first_item: items.length, item_count: length, kind: row === 0 ? 1 : 4 });
        for (let index = 0; index < length; index += 1) {
            items.push({ card: (row * 37 + index * 7 + known + 1) % TITLES, match_score: index % 5 ? 255 : 60 + (index % 40) });
        }
    }
    return {
        layout: isShared ? 2 : 1, flags: known < 0 ? 1 : 0, profile: known < 0 ? 'default' : profile, display_name: known < 0 ? 'Guest' : PROFILES[known].name,
        assets: '/assets/', catalogue: isShared ? `/catalogue/${'ab'.repeat(16)}` : '', catalogue_hash: isShared ? Buffer.alloc(16, 0xab) : undefined,
        cards: isShared ? [] : CARDS, rows, items, sheets: isShared ? [] : [SHEET],
        plays: Array.from({ length: 40 }, (_, index) => ({ card: index * 7, fraction_watched: 20 + index * 4 })),
    };
}

function chunk(type, body) {
    const bytes = Buffer.concat([Buffer.alloc(4), Buffer.from(type, 'latin1'), body, Buffer.alloc(4)]);
    bytes.writeUInt32BE(body.length, 0);
    bytes.writeUInt32BE(zlib.crc32(bytes.subarray(4, -4)), bytes.length - 4);
    return bytes;
}

/** A PNG; paint(x, y) gives [red, green, blue]. */
function png(width, height, paint) {
    const rows = Buffer.alloc(height * (1 + width * 3));
    for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) {
            rows.set(paint(x, y), y * (1 + width * 3) + 1 + x * 3);
        }
    }
    const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
    head.writeUInt32BE(width, 0);
    head.writeUInt32BE(height, 4);
    const parts = [chunk('IHDR', head), chunk('IDAT', zlib.deflateSync(rows, { level: 1 })), chunk('IEND', Buffer.alloc(0))];
    return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

/** A sun over hills, in colours that are the title's own; x and y go from 0 to 1. */
function scene(id, x, y) {
    const wave = (shift) => 90 + 80 * Math.sin(id * 2.4 + shift);
    const [red, green, blue] = [wave(0), wave(2.1), wave(4.2)];
    if (y > 0.62 + 0.1 * Math.sin(x * 9 + id) + 0.04 * Math.sin(x * 23 + id)) {
        return [red * 0.22, green * 0.22, blue * 0.22];
    }
    const isSun = (x - 0.66) ** 2 + (y - 0.25 - (id % 5) / 30) ** 2 < 0.012;
    const light = isSun ? 0.75 : 0;
    return [red, green, blue].map((one) => (one * (0.45 + 0.75 * y)) * (1 - light) + 255 * light);
}

const drawn = new Map();

function asset(name) {
    const [, kind, id] = /^(boxart|hero|sprites)\/(\d+)\.png$/.exec(name) || [];
    if (kind && !drawn.has(name)) {
        const { columns, rows, cell_width: width, cell_height: height } = SHEET;
        const pictures = {
            boxart: () => png(120, 168, (x, y) => scene(Number(id), x / 120, y / 168)),
            hero: () => png(480, 270, (x, y) => scene(Number(id), x / 480, y / 270)),
            sprites: () => png(columns * width, rows * height, (x, y) => {
                const cell = Math.floor(y / height) * columns + Math.floor(x / width);
                return scene(cell || TITLES, (x % width) / width, (y % height) / height);
            }),
        };
        drawn.set(name, pictures[kind]());
    }
    return drawn.get(name);
}

const FILES = { '/': ['index.html', 'text/html; charset=utf-8'] };
for (const name of fs.readdirSync(PAGE)) {
    FILES[`/${name}`] = [name, name.endsWith('.css') ? 'text/css' : name.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8'];
}

function answer(url) {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const [, top, rest] = /^\/([^/]*)\/?(.*)$/.exec(decodeURIComponent(pathname));
    if (FILES[pathname]) {
        return { type: FILES[pathname][1], body: fs.readFileSync(path.join(PAGE, FILES[pathname][0])) };
    }
    switch (top) {
        case 'poco.js': return { type: 'text/javascript', body: fs.readFileSync(path.join(ROOT, 'examples/javascript/poco.js')) };
        case 'profiles': return { type: 'application/json', body: JSON.stringify(PROFILES) };
        case 'gallery': {
            const value = gallery(rest, rest.endsWith('1'));
            const body = record('Gallery', value);
            const headers = value.profile === rest ? {} : { 'Badger-Fallback': 'default' };
            headers.ETag = `"${crypto.createHash('sha256').update(body).digest('hex')}"`;
            // As a server would that knows what was begun where, and why.
            const isPhone = searchParams.get('device') === 'phone';
            headers['Badger-Order'] = isPhone ? order([1, 0], [[0, [5, 9, 2]]]) : order([0], [[0, [3, 1]]]);
            if (searchParams.get('why') === '1') { headers['Badger-Order-Why'] = isPhone ? WHY_ON_A_PHONE : WHY; }
            return { type: 'application/vnd.badger.gallery;v=1', body, headers };
        }
        case 'catalogue': return { type: 'application/vnd.badger.catalogue;v=1', body: record('Catalogue', { assets: '/assets/', cards: CARDS, sheets: [SHEET] }) };
        case 'metadata': {
            const ids = (searchParams.get('ids') || '').split(',').map(Number);
            return { type: 'application/vnd.badger.many;v=1', body: many(ids.map((id) => [id, id >= 1 && id <= TITLES ? record('Title', title(id)) : null])) };
        }
        case 'assets': {
            const body = asset(rest);
            return body && { type: 'image/png', body, headers: { 'Cache-Control': 'max-age=31536000, immutable' } };
        }
        default: return null;
    }
}

module.exports = { start: () => serve(answer) };

if (require.main === module) {
    module.exports.start().then(({ base }) => { console.log(base); });
}
