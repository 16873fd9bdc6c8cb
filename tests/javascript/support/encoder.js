// Writes records for tests. It knows the format from its document alone and shares nothing with the decoder or with the
// writer of the library, so that the same mistake is not made on both sides.
'use strict';

// Fields in their order, nothing between them: name, type, and what the type needs.
const LAYOUT = {
    Name: [['text', 'text']],
    Art: [['kind', 'u8'], ['reserved', 'u8'], ['width', 'u16'], ['height', 'u16'], ['reserved_too', 'u16'], ['path', 'text']],
    Title: [
        ['id', 'u32'], ['uuid', 'uuid'], ['year', 'u16'], ['runtime_minutes', 'u16'], ['kind', 'u8'], ['maturity', 'u8'],
        ['match_score', 'u8'], ['flags', 'u8'], ['season_count', 'u16'], ['episode_count', 'u16'], ['name', 'text'],
        ['original_name', 'text'], ['synopsis', 'text'], ['certificate', 'text'], ['genres', 'table', 'Name'],
        ['cast', 'table', 'Name'], ['directors', 'table', 'Name'], ['art', 'table', 'Art'], ['sprite_sheet', 'text'],
        ['sprite_x', 'u16'], ['sprite_y', 'u16'], ['sprite_width', 'u16'], ['sprite_height', 'u16'],
    ],
    Card: [
        ['id', 'u32'], ['name', 'text'], ['boxart', 'text'], ['year', 'u16'], ['runtime_minutes', 'u16'], ['kind', 'u8'],
        ['maturity', 'u8'], ['match_score', 'u8'], ['flags', 'u8'], ['sprite_sheet', 'u16'], ['sprite_cell', 'u16'],
    ],
    Row: [
        ['id', 'u32'], ['name', 'text'], ['first_item', 'u32'], ['item_count', 'u32'], ['kind', 'u8'], ['flags', 'u8'],
        ['reserved', 'u16'],
    ],
    Item: [['card', 'u24'], ['match_score', 'u8']],
    Play: [
        ['card', 'u24'], ['fraction_watched', 'u8'], ['last_play', 'u32'], ['episodes_left', 'u16'], ['plays', 'u16'],
        ['plays_7_days', 'u8'], ['plays_30_days', 'u8'], ['devices', 'bytes', 4], ['kind', 'u8'], ['reserved', 'u8'], ['hours', 'bytes', 24],
    ],
    Sheet: [['path', 'text'], ['columns', 'u16'], ['rows', 'u16'], ['cell_width', 'u16'], ['cell_height', 'u16']],
    Gallery: [
        ['layout', 'u8'], ['flags', 'u8'], ['reserved', 'u16'], ['made_at', 'u32'], ['profile', 'text'],
        ['display_name', 'text'], ['avatar', 'text'], ['assets', 'text'], ['catalogue', 'text'],
        ['catalogue_hash', 'bytes', 16], ['cards', 'table', 'Card'], ['rows', 'table', 'Row'], ['items', 'table', 'Item'],
        ['plays', 'table', 'Play'], ['sheets', 'table', 'Sheet'],
    ],
    Catalogue: [['assets', 'text'], ['cards', 'table', 'Card'], ['sheets', 'table', 'Sheet']],
    ManyEntry: [['id', 'u32'], ['status', 'u16'], ['reserved', 'u16'], ['offset', 'u32'], ['bytes', 'u32']],
    Many: [['entries', 'table', 'ManyEntry']],
};
const MAGIC = { Title: 'BTIT', Gallery: 'BGAL', Catalogue: 'BCAT', Many: 'BMNY' };
const BYTES = { u8: 1, u16: 2, u24: 3, u32: 4, uuid: 16, text: 8, table: 12 };

function sizeOf(struct) {
    return LAYOUT[struct].reduce((sum, [, type, extra]) => sum + (type === 'bytes' ? extra : BYTES[type]), 0);
}

/**
 * One record. `value` has the numbers of the format (a kind is a number, 255 is unknown). Options: `block` cuts or
 * lengthens the block to so many bytes, `stride` adds so many to the elements of each table, `minor`, `major`.
 */
function record(struct, value, options = {}) {
    const block = options.block ?? sizeOf(struct);
    const widen = options.stride ?? 0;
    const chunks = new Map(); // offset -> bytes
    const texts = new Map();
    // The whole block is written, and then cut: what a cut field points to is still there, as in a real record.
    let end = align(24 + Math.max(block, sizeOf(struct)), 4);

    function place(bytes) {
        const offset = end;
        chunks.set(offset, bytes);
        end = align(end + bytes.length, 4);
        return offset;
    }
    function fields(name, source, size) {
        const bytes = Buffer.alloc(size, widen > 0 || size > sizeOf(name) ? 0xee : 0);
        let at = 0;
        for (const [field, type, extra] of LAYOUT[name]) {
            const it = source[field];
            if (type === 'text') {
                const text = typeof it === 'string' ? Buffer.from(it, 'utf8') : it ?? Buffer.alloc(0);
                const key = text.toString('latin1');
                if (text.length > 0 && !texts.has(key)) {
                    texts.set(key, place(text));
                }
                bytes.writeUInt32LE(text.length === 0 ? 0 : texts.get(key), at);
                bytes.writeUInt32LE(text.length, at + 4);
            } else if (type === 'table') {
                const list = it ?? [];
                const stride = sizeOf(extra) + widen;
                const elements = list.map((element) => fields(extra, element, stride));
                bytes.writeUInt32LE(list.length === 0 ? 0 : place(Buffer.concat(elements)), at);
                bytes.writeUInt32LE(list.length, at + 4);
                bytes.writeUInt32LE(stride, at + 8);
            } else if (type === 'bytes' || type === 'uuid') {
                Buffer.from(it ?? Buffer.alloc(BYTES[type] ?? extra)).copy(bytes, at);
            } else {
                bytes.writeUIntLE(it ?? 0, at, BYTES[type]);
            }
            at += BYTES[type] ?? extra;
        }
        return bytes;
    }

    const whole = fields(struct, value, Math.max(block, sizeOf(struct)));
    const bytes = Buffer.alloc(align(end, 8));
    bytes.write(MAGIC[struct], 0, 'latin1');
    bytes.writeUInt16LE(options.major ?? 1, 4);
    bytes.writeUInt16LE(options.minor ?? 0, 6);
    bytes.writeUInt32LE(bytes.length, 8);
    bytes.writeUInt32LE(block, 12);
    whole.copy(bytes, 24, 0, block);
    for (const [offset, chunk] of chunks) {
        chunk.copy(bytes, offset);
    }
    return bytes;
}

/** The frame of several records: `entries` are [id, record or null]. */
function many(entries) {
    const start = align(24 + sizeOf('Many') + entries.length * sizeOf('ManyEntry'), 8);
    let offset = start;
    const table = entries.map(([id, body]) => {
        const entry = body ? { id, status: 200, offset, bytes: body.length } : { id, status: 404 };
        offset += body ? body.length : 0;
        return entry;
    });
    const head = record('Many', { entries: table });
    if (head.length !== start) {
        throw new Error(`the frame is ${head.length} bytes long, not ${start}`);
    }
    head.writeUInt32LE(offset, 8);
    return Buffer.concat([head, ...entries.map(([, body]) => body ?? Buffer.alloc(0))]);
}

/** The value of a Badger-Order header. */
function order(rows, items = [], version = 1) {
    const numbers = [rows.length, ...rows, ...items.flatMap(([row, list]) => [row, list.length, ...list])];
    const bytes = Buffer.alloc(2 + numbers.length * 2);
    bytes[0] = version;
    numbers.forEach((number, index) => bytes.writeUInt16LE(number, 2 + index * 2));
    return `:${bytes.toString('base64')}:`;
}

function align(number, to) {
    return Math.ceil(number / to) * to;
}

module.exports = { record, many, order, sizeOf, LAYOUT };
