// Texts of every kind all the way: JSON lines -> a pack -> HTTP -> the decoder. BADGER is the program.
'use strict';

const test = require('node:test');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { serve, everyTitle, everyGallery } = require('./support/galleries.js');

const { BADGER } = process.env;
const why = BADGER ? false : 'set BADGER to the program';
if (why && process.env.CI === 'true') {
    throw new Error(why);
}

// Latin, Cyrillic, Greek, Han, Kana, Hangul, Arabic, Hebrew, Devanagari, Thai, emoji (joined, with skin tones, flags), combining
// marks beside their composed form, right-to-left marks, the last characters of each length of UTF-8, control characters.
const TEXTS = [
    'plain', 'Amélie – “quoted”', 'Сталкер', 'Ψυχή', '千と千尋の神隠し', 'シン・ゴジラ', '기생충', 'وجدة', 'ואלס עם באשיר', 'पथेर पांचाली', 'ลุงบุญมี',
    '👩‍👩‍👧‍👦🏳️‍🌈👍🏽🇧🇷', 'e\u0301 \u00e9 a\u0308\u0304', '\u200fab\u200e', '\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}', ' spaces  kept ', 'tab\tline\nend',
    '\u0000\u0001', '\ufeffmark', '\\ / " \' & < > %41',
];

test('every text arrives as it was', { skip: why }, async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'badger-strings-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const titles = TEXTS.map((text, index) => ({
        id: index + 1,
        uuid: '6f1a3c52-9d0e-4b7a-8c55-2e7d1f0b9a61',
        name: text,
        original_name: index % 2 ? text : '',
        synopsis: TEXTS.slice(0, index).join(' '),
        certificate: text,
        genres: [text, text],
        cast: TEXTS.slice(index),
        directors: [],
    }));
    const profiles = TEXTS.map((text, index) => ({
        id: `viewer ${index} ${text.replace(/[/\u0000-\u001f\u007f-\u009f]/g, '')}`.trim(),
        name: text,
        avatar: '',
        default: index === 3,
        rows: [{ id: 1, name: text, kind: 'genre', titles: titles.map((title) => title.id) }, { id: 2, name: 'nothing', titles: [] }],
    }));
    for (const [name, lines] of [['titles', titles], ['profiles', profiles]]) {
        fs.writeFileSync(path.join(folder, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    }
    for (const layout of ['inline', 'shared']) {
        const pack = path.join(folder, `${layout}.badger`);
        const input = ['--titles', path.join(folder, 'titles'), '--profiles', path.join(folder, 'profiles')];
        execFileSync(BADGER, ['pack', 'gallery', ...input, '--layout', layout, '-o', pack], { stdio: 'pipe' });
        const server = await serve(t, BADGER, pack);
        await everyTitle(server, titles);
        await everyGallery(server, layout, titles, profiles);
    }
});
