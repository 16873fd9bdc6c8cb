// Records that tests use: small ones with every field, and a gallery of the size that a server sends.
'use strict';

const { record } = require('./encoder.js');

// What has broken decoders before: accents, other scripts, four bytes, joined emoji, combining marks, a mark of order.
const NAMES = [
    'Amélie', 'Броненосец «Потёмкин»', '臥虎藏龍', 'سواق الأوتوبيس', '👩‍🚀🎬', 'e\u0301te\u0301', 'İstanbul ẞ', '\ufeffBOM', '한국 영화', 'ไทย',
];

function title(id) {
    return {
        id,
        uuid: Array.from({ length: 16 }, (_, index) => (id + index * 17) & 255),
        year: 1900 + (id % 120),
        runtime_minutes: 60 + (id % 90),
        kind: 1 + (id % 4),
        maturity: id % 3 === 0 ? 255 : id % 19,
        match_score: id % 5 === 0 ? 255 : id % 101,
        season_count: id % 7,
        episode_count: id % 50,
        name: `${NAMES[id % NAMES.length]} ${id}`,
        original_name: id % 2 ? `Original ${id}` : '',
        synopsis: `${NAMES.join(', ')}. `.repeat(3) + id,
        certificate: 'PG-13',
        genres: [{ text: 'Drama' }, { text: 'Комедия' }],
        cast: NAMES.map((text) => ({ text })),
        directors: [{ text: 'Agnès Varda' }],
        art: [
            { kind: 1, width: 240, height: 336, path: `boxart/${id}.jpg` },
            { kind: 2, width: 1280, height: 720, path: `hero/${id}.jpg` },
        ],
        sprite_sheet: 'sprites/0.jpg', sprite_x: 60, sprite_y: 84, sprite_width: 60, sprite_height: 84,
    };
}

function card(id) {
    const { year, runtime_minutes, kind, maturity, match_score, name } = title(id);
    return { id, name, boxart: `boxart/${id}-0123456789abcdef.jpg`, year, runtime_minutes, kind, maturity, match_score,
        sprite_sheet: id % 4 ? 1 : 0, sprite_cell: id % 1000 };
}

const SHEETS = [{ path: 'sprites/0.jpg', columns: 40, rows: 25, cell_width: 60, cell_height: 84 }];

/** The value of a gallery: `rows` rows of `length` items over `cards` cards whose numbers begin at 100. */
function gallery(rows, length, cards, isShared = false) {
    const all = Array.from({ length: cards }, (_, index) => card(100 + index));
    return {
        layout: isShared ? 2 : 1, flags: 0, made_at: 1760000000, profile: 'ada', display_name: 'Ада', avatar: 'avatars/ada.png',
        assets: '/assets/', catalogue: isShared ? `/catalogue/${'0123456789abcdef'.repeat(2)}` : '',
        catalogue_hash: isShared ? Buffer.from('0123456789abcdef'.repeat(2), 'hex') : undefined,
        cards: isShared ? [] : all,
        rows: Array.from({ length: rows }, (_, row) => ({
            id: 1000 + row, name: `Row ${row}: ${NAMES[row % NAMES.length]}`, first_item: row * length, item_count: length, kind: row % 10,
        })),
        items: Array.from({ length: rows * length }, (_, index) => ({
            card: (index * 7) % cards, match_score: index % 3 ? 255 : index % 101,
        })),
        plays: Array.from({ length: Math.min(cards, 30) }, (_, index) => ({
            card: index, fraction_watched: (index * 13) % 201, last_play: 1750000000 + index, episodes_left: index, plays: index + 1,
            plays_7_days: 1, plays_30_days: 2, devices: [204, 51, 0, 0], kind: index % 5, hours: Array.from({ length: 24 }, (__, hour) => hour * 11),
        })),
        sheets: isShared ? [] : SHEETS,
    };
}

function catalogue(cards) {
    return { assets: '/assets/', cards: Array.from({ length: cards }, (_, index) => card(100 + index)), sheets: SHEETS };
}

/** The gallery that a server sends: 40 rows of 75 titles. */
function largeGallery() {
    return record('Gallery', gallery(40, 75, 1800));
}

module.exports = { NAMES, SHEETS, title, card, gallery, catalogue, largeGallery };
