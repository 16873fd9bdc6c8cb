/**
 * Reads the records of a Badger server: title, gallery, catalogue, many. Usable alone, on old devices too: the
 * language is ES5, numbers are 32 bits at most, nothing is needed but DataView and Uint8Array.
 *
 * `Badger.decode(bytes)` looks at the 24 bytes of the head and gives a view. A view reads a field when it is asked for
 * it and keeps nothing but the places of tables, so a gallery costs what is looked at. Whatever is damaged gives a
 * PocoError with the offset, when it is read; nothing is ever read outside the record, and no loop is longer than the
 * record has bytes.
 *
 * How a record of another version reads: fields behind the end of a block or of a table's stride are unknown or empty
 * (an older writer), what lies behind the fields known here is passed over (a newer one).
 */
(function (root, factory) {
    'use strict';
    var define = root.define;
    if (typeof module === 'object' && module.exports) {
        module.exports = factory();
    } else if (typeof define === 'function' && define.amd) {
        define([], factory);
    } else {
        root.Badger = factory();
    }
})(typeof self !== 'undefined' ? self : this, function () {
    'use strict';

    // generated: begin (POCO_WRITE=1 cargo test --test poco_schema)
    var SCHEMA = {
      version: 1,
      magics: { BTIT: 'Title', BGAL: 'Gallery', BCAT: 'Catalogue', BMNY: 'Many' },
      mediaTypes: {
        Title: 'application/vnd.badger.title;v=1',
        Gallery: 'application/vnd.badger.gallery;v=1',
        Catalogue: 'application/vnd.badger.catalogue;v=1',
        Many: 'application/vnd.badger.many;v=1'
      },
      structs: {
        RecordHead: {
          size: 24,
          fields: {
            magic: [0, 'bytes', 4],
            major: [4, 'u16'],
            minor: [6, 'u16'],
            record_bytes: [8, 'u32'],
            block_bytes: [12, 'u32'],
            reserved: [16, 'bytes', 8]
          }
        },
        Title: {
          size: 128,
          fields: {
            id: [0, 'u32'],
            uuid: [4, 'uuid'],
            year: [20, 'u16'],
            runtime_minutes: [22, 'u16'],
            kind: [24, 'u8', 'Kind'],
            maturity: [25, 'u8'],
            match_score: [26, 'u8'],
            flags: [27, 'u8'],
            season_count: [28, 'u16'],
            episode_count: [30, 'u16'],
            name: [32, 'text'],
            original_name: [40, 'text'],
            synopsis: [48, 'text'],
            certificate: [56, 'text'],
            genres: [64, 'table', 'Name'],
            cast: [76, 'table', 'Name'],
            directors: [88, 'table', 'Name'],
            art: [100, 'table', 'Art'],
            sprite_sheet: [112, 'text'],
            sprite_x: [120, 'u16'],
            sprite_y: [122, 'u16'],
            sprite_width: [124, 'u16'],
            sprite_height: [126, 'u16']
          }
        },
        Gallery: {
          size: 124,
          fields: {
            layout: [0, 'u8', 'Layout'],
            flags: [1, 'u8'],
            reserved: [2, 'u16'],
            made_at: [4, 'u32'],
            profile: [8, 'text'],
            display_name: [16, 'text'],
            avatar: [24, 'text'],
            assets: [32, 'text'],
            catalogue: [40, 'text'],
            catalogue_hash: [48, 'bytes', 16],
            cards: [64, 'table', 'Card'],
            rows: [76, 'table', 'Row'],
            items: [88, 'table', 'Item'],
            plays: [100, 'table', 'Play'],
            sheets: [112, 'table', 'Sheet']
          }
        },
        Catalogue: {
          size: 32,
          fields: {
            assets: [0, 'text'],
            cards: [8, 'table', 'Card'],
            sheets: [20, 'table', 'Sheet']
          }
        },
        Many: {
          size: 12,
          fields: {
            entries: [0, 'table', 'ManyEntry']
          }
        },
        ManyEntry: {
          size: 16,
          fields: {
            id: [0, 'u32'],
            status: [4, 'u16'],
            reserved: [6, 'u16'],
            offset: [8, 'u32'],
            bytes: [12, 'u32']
          }
        },
        Name: {
          size: 8,
          fields: {
            text: [0, 'text']
          }
        },
        Art: {
          size: 16,
          fields: {
            kind: [0, 'u8', 'ArtKind'],
            reserved: [1, 'u8'],
            width: [2, 'u16'],
            height: [4, 'u16'],
            reserved_too: [6, 'u16'],
            path: [8, 'text']
          }
        },
        Card: {
          size: 32,
          fields: {
            id: [0, 'u32'],
            name: [4, 'text'],
            boxart: [12, 'text'],
            year: [20, 'u16'],
            runtime_minutes: [22, 'u16'],
            kind: [24, 'u8', 'Kind'],
            maturity: [25, 'u8'],
            match_score: [26, 'u8'],
            flags: [27, 'u8'],
            sprite_sheet: [28, 'u16'],
            sprite_cell: [30, 'u16']
          }
        },
        Row: {
          size: 24,
          fields: {
            id: [0, 'u32'],
            name: [4, 'text'],
            first_item: [12, 'u32'],
            item_count: [16, 'u32'],
            kind: [20, 'u8', 'RowKind'],
            flags: [21, 'u8'],
            reserved: [22, 'u16']
          }
        },
        Item: {
          size: 4,
          fields: {
            card: [0, 'u24'],
            match_score: [3, 'u8']
          }
        },
        Play: {
          size: 44,
          fields: {
            card: [0, 'u24'],
            fraction_watched: [3, 'u8'],
            last_play: [4, 'u32'],
            episodes_left: [8, 'u16'],
            plays: [10, 'u16'],
            plays_7_days: [12, 'u8'],
            plays_30_days: [13, 'u8'],
            devices: [14, 'bytes', 4],
            kind: [18, 'u8', 'Kind'],
            reserved: [19, 'u8'],
            hours: [20, 'bytes', 24]
          }
        },
        Sheet: {
          size: 16,
          fields: {
            path: [0, 'text'],
            columns: [8, 'u16'],
            rows: [10, 'u16'],
            cell_width: [12, 'u16'],
            cell_height: [14, 'u16']
          }
        }
      },
      values: {
        Kind: { 0: 'unknown', 1: 'film', 2: 'series', 3: 'documentary', 4: 'special' },
        ArtKind: { 0: 'unknown', 1: 'boxart', 2: 'hero', 3: 'logo', 4: 'still' },
        RowKind: { 0: 'other', 1: 'continue_watching', 2: 'my_list', 3: 'trending', 4: 'genre', 5: 'because', 6: 'new', 7: 'director', 8: 'decade', 9: 'top_picks' },
        Layout: { 1: 'inline', 2: 'shared' }
      }
    };
    // generated: end

    var MAJOR = SCHEMA.version;
    var HEAD_BYTES = SCHEMA.structs.RecordHead.size;
    var REPLACEMENT = 0xfffd;
    /** Code units that are put together at once: few enough for every engine's limit of arguments. */
    var TEXT_CHUNK = 1024;
    /** Where `utf8` gathers code units; kept, as a text is read in every cell of a row. */
    var UNITS = [];
    /** From this length on the engine's own decoder is quicker than `utf8`; below it, calling it costs more. */
    var TEXT_LONG = 40;

    // ---- Errors ----

    /** What is wrong with a record (`reason`), and the byte of it where that was seen (`offset`). */
    function PocoError(reason, offset) {
        this.name = 'PocoError';
        this.reason = reason;
        this.offset = offset;
        this.message = reason + ' (byte ' + offset + ' of the record)';
        if (Error.captureStackTrace) {
            Error.captureStackTrace(this, PocoError);
        } else {
            this.stack = new Error(this.message).stack;
        }
    }
    PocoError.prototype = Object.create(Error.prototype, {
        constructor: {value: PocoError, writable: true, configurable: true}
    });

    // ---- UTF-8 ----

    /**
     * Text from UTF-8, by the decoder of the Encoding Standard: each longest wrong start of a character becomes one
     * U+FFFD. A byte order mark is kept, as it is part of the stored text.
     */
    function utf8(bytes, from, to) {
        var text = '';
        var count = 0; // units that wait in UNITS
        var point = 0;
        var missing = 0; // continuation bytes that the character still lacks
        var lowest = 0x80;
        var highest = 0xbf;
        var at = from === undefined ? 0 : from;
        var end = to === undefined ? bytes.length : to;
        while (at < end) {
            var byte = bytes[at];
            if (missing === 0) {
                at += 1;
                if (byte < 0x80) {
                    UNITS[count++] = byte;
                } else if (byte >= 0xc2 && byte <= 0xdf) {
                    missing = 1;
                    point = byte & 0x1f;
                } else if (byte >= 0xe0 && byte <= 0xef) {
                    // No overlong forms, no surrogates: what may follow the first byte depends on it.
                    lowest = byte === 0xe0 ? 0xa0 : 0x80;
                    highest = byte === 0xed ? 0x9f : 0xbf;
                    missing = 2;
                    point = byte & 0x0f;
                } else if (byte >= 0xf0 && byte <= 0xf4) {
                    lowest = byte === 0xf0 ? 0x90 : 0x80;
                    highest = byte === 0xf4 ? 0x8f : 0xbf;
                    missing = 3;
                    point = byte & 0x07;
                } else {
                    UNITS[count++] = REPLACEMENT;
                }
            } else if (byte < lowest || byte > highest) {
                // The byte may start the next character, so it is looked at again.
                UNITS[count++] = REPLACEMENT;
                missing = 0;
                lowest = 0x80;
                highest = 0xbf;
            } else {
                at += 1;
                missing -= 1;
                lowest = 0x80;
                highest = 0xbf;
                point = (point << 6) | (byte & 0x3f);
                if (missing === 0 && point > 0xffff) {
                    UNITS[count++] = 0xd800 + ((point - 0x10000) >> 10);
                    UNITS[count++] = 0xdc00 + ((point - 0x10000) & 0x3ff);
                } else if (missing === 0) {
                    UNITS[count++] = point;
                }
            }
            // A pair may have gone one beyond.
            if (count >= TEXT_CHUNK) {
                text += String.fromCharCode.apply(null, UNITS.slice(0, count));
                count = 0;
            }
        }
        if (missing !== 0) {
            UNITS[count++] = REPLACEMENT;
        }
        return text + String.fromCharCode.apply(null, UNITS.slice(0, count));
    }

    /** The engine's decoder, where it has one that keeps a byte order mark too. */
    var nativeText = typeof TextDecoder === 'function' ? new TextDecoder('utf-8', {ignoreBOM: true}) : null;
    if (nativeText !== null && nativeText.ignoreBOM !== true) {
        nativeText = null;
    }

    // ---- Reading of fields ----

    /** The bytes of one record. */
    function Bytes(array) {
        this.array = array;
        this.data = new DataView(array.buffer, array.byteOffset, array.byteLength);
        this.length = array.length;
    }

    Bytes.prototype.check = function (offset, count, what) {
        if (offset > this.length || count > this.length - offset) {
            throw new PocoError(what + ' of ' + count + ' bytes is not inside the ' + this.length + ' of the record',
                offset);
        }
    };

    Bytes.prototype.text = function (at) {
        var offset = this.data.getUint32(at, true);
        var count = this.data.getUint32(at + 4, true);
        if (count === 0) {
            return '';
        }
        this.check(offset, count, 'text');
        if (count >= TEXT_LONG && nativeText !== null) {
            return nativeText.decode(this.array.subarray(offset, offset + count));
        }
        return utf8(this.array, offset, offset + count);
    };

    /**
     * Everything that has fields: a block or an element of a table. It begins at `at`, its writer made it `size` bytes
     * long, and the record has all of them: that is checked before a view is made. `root` is the view of the record.
     */
    function View(bytes, at, size, root) {
        this._bytes = bytes;
        this._at = at;
        this._size = size;
        this._root = root || this;
    }

    function subtype(Parent, members) {
        function Child(bytes, at, size, root) {
            Parent.call(this, bytes, at, size, root);
        }
        Child.prototype = Object.create(Parent.prototype);
        Child.prototype.constructor = Child;
        return define(Child, members);
    }

    /** Adds properties (`members.get`) and methods (`members.methods`) to the prototype of a view. */
    function define(Type, members) {
        var groups = [members.get || {}, members.methods || {}];
        Object.keys(groups[0]).forEach(function (name) {
            Object.defineProperty(Type.prototype, name, {get: groups[0][name], enumerable: true, configurable: true});
        });
        Object.keys(groups[1]).forEach(function (name) {
            Object.defineProperty(Type.prototype, name, {value: groups[1][name], configurable: true});
        });
        return Type;
    }

    function hexadecimal(array) {
        var text = '';
        for (var index = 0; index < array.length; index += 1) {
            text += (array[index] < 16 ? '0' : '') + array[index].toString(16);
        }
        return text;
    }

    /** For each type of the schema: its length, how it is read, and what a field is that the writer did not know. */
    var TYPES = {
        u8: {
            size: 1,
            read: function (view, at) { return view._bytes.data.getUint8(at); },
            missing: function () { return 0; }
        },
        u16: {
            size: 2,
            read: function (view, at) { return view._bytes.data.getUint16(at, true); },
            missing: function () { return 0; }
        },
        u24: {
            size: 3,
            read: function (view, at) {
                return view._bytes.data.getUint16(at, true) + view._bytes.data.getUint8(at + 2) * 0x10000;
            },
            missing: function () { return 0; }
        },
        u32: {
            size: 4,
            read: function (view, at) { return view._bytes.data.getUint32(at, true); },
            missing: function () { return 0; }
        },
        uuid: {
            size: 16,
            read: function (view, at) {
                var digits = hexadecimal(view._bytes.array.subarray(at, at + 16));
                return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20),
                    digits.slice(20)].join('-');
            },
            missing: function () { return '00000000-0000-0000-0000-000000000000'; }
        },
        bytes: {
            read: function (view, at, count) { return view._bytes.array.subarray(at, at + count); },
            missing: function (count) { return new Uint8Array(count); }
        },
        text: {
            size: 8,
            read: function (view, at) { return view._bytes.text(at); },
            missing: function () { return ''; }
        },
        table: {
            size: 12,
            read: function (view, at, name) { return new Table(view, at, VIEWS[name]); },
            missing: function (name) { return new Table(null, 0, VIEWS[name]); }
        }
    };

    /** The function that reads a field of a struct from a view on it. */
    function reader(struct, name) {
        var field = SCHEMA.structs[struct].fields[name];
        var offset = field[0];
        var extra = field[2];
        var type = TYPES[field[1]];
        var words = field[1] === 'u8' && extra !== undefined ? SCHEMA.values[extra] : null;
        var end = offset + (field[1] === 'bytes' ? extra : type.size);
        // 255 is "unknown" for these two and 0 for the others, as the document of the format has it.
        var unknown = {year: 0, runtime_minutes: 0, maturity: 255, match_score: 255}[name];
        return function () {
            var value = end <= this._size ? type.read(this, this._at + offset, extra) : type.missing(extra);
            if (words !== null) {
                // A newer writer may have more words than are known here; the first stands for all of those.
                return Object.prototype.hasOwnProperty.call(words, value) ? words[value] : words[Object.keys(words)[0]];
            }
            return unknown !== undefined && (value === unknown || end > this._size) ? null : value;
        };
    }

    /** What every struct of the schema has in common: a property for each field, in camelCase. */
    function viewOf(struct, members) {
        var get = {};
        Object.keys(SCHEMA.structs[struct].fields).forEach(function (name) {
            if (name.indexOf('reserved') !== 0) {
                get[camelCase(name)] = reader(struct, name);
            }
        });
        return define(subtype(View, {get: get}), members || {});
    }

    function camelCase(name) {
        return name.replace(/_([a-z0-9])/g, function (all, letter) { return letter.toUpperCase(); });
    }

    // ---- Tables ----

    /** The elements of a table. Its place is checked once, here; elements are made when they are asked for. */
    function Table(view, at, Type) {
        this._type = Type;
        this._view = view;
        this._offset = 0;
        this._stride = 0;
        this.length = 0;
        if (view === null) {
            return;
        }
        var data = view._bytes.data;
        var count = data.getUint32(at + 4, true);
        if (count === 0) {
            return;
        }
        this._offset = data.getUint32(at, true);
        this._stride = data.getUint32(at + 8, true);
        if (this._stride === 0) {
            throw new PocoError('the elements of a table have no length', at);
        }
        // Below 2^64 this product is wrong by far less than what is compared: a record is at most 2^32 bytes long.
        view._bytes.check(this._offset, count * this._stride, 'table');
        this.length = count;
    }

    /** The element at this position, or undefined. */
    Table.prototype.get = function (index) {
        if (!(index >= 0 && index < this.length && Math.floor(index) === index)) {
            return undefined;
        }
        var Type = this._type;
        return new Type(this._view._bytes, this._offset + index * this._stride, this._stride, this._view._root);
    };

    Table.prototype.map = function (convert) {
        var results = [];
        for (var index = 0; index < this.length; index += 1) {
            results.push(convert(this.get(index), index));
        }
        return results;
    };

    Table.prototype.toJSON = function () {
        return this.map(function (element) { return element.toJSON(); });
    };

    /** Makes a property of a record's view that is computed once, when it is first read. */
    function once(name, compute) {
        var slot = '_' + name;
        return function () {
            if (this[slot] === undefined) {
                this[slot] = compute.call(this);
            }
            return this[slot];
        };
    }

    /** A table of a block as a property; the same object each time. */
    function table(struct, name) {
        return once(name, reader(struct, name));
    }

    /** A table of names as an array of strings. */
    function names(name) {
        var read = reader('Title', name);
        return once(name, function () {
            return read.call(this).map(function (element) { return element.text; });
        });
    }

    // ---- Titles ----

    var NameView = viewOf('Name', {methods: {
        toJSON: function () { return this.text; }
    }});

    var ArtView = viewOf('Art', {methods: {
        toJSON: function () {
            return {kind: this.kind, path: this.path, width: this.width, height: this.height};
        }
    }});

    var TitleView = viewOf('Title', {
        get: {
            type: function () { return 'title'; },
            genres: names('genres'),
            cast: names('cast'),
            directors: names('directors'),
            art: table('Title', 'art'),
            /** Where a small boxart lies in a spritesheet; null: in none. */
            sprite: function () {
                var sheet = this.spriteSheet;
                return sheet === '' ? null : {
                    sheet: sheet, x: this.spriteX, y: this.spriteY, width: this.spriteWidth, height: this.spriteHeight
                };
            }
        },
        methods: {
            /** The first picture of a kind ('boxart', 'hero', 'logo', 'still'), or null. */
            artOf: function (kind) {
                for (var index = 0; index < this.art.length; index += 1) {
                    var art = this.art.get(index);
                    if (art.kind === kind) {
                        return art;
                    }
                }
                return null;
            },
            toJSON: function () {
                return {
                    id: this.id, uuid: this.uuid, name: this.name, original_name: this.originalName, year: this.year || 0,
                    kind: this.kind, runtime_minutes: this.runtimeMinutes || 0, maturity: this.maturity,
                    certificate: this.certificate, match_score: this.matchScore, genres: this.genres.slice(),
                    cast: this.cast.slice(), directors: this.directors.slice(), synopsis: this.synopsis,
                    season_count: this.seasonCount, episode_count: this.episodeCount, art: this.art.toJSON(),
                    sprite: this.sprite
                };
            }
        }
    });

    // ---- Cards, which galleries and catalogues have ----

    /** Where a page finds a picture that a record names: behind the path of the assets, written as a URL. */
    function asset(path) {
        return path === '' ? '' : this.assets + path.split('/').map(encodeURIComponent).join('/');
    }

    var SheetView = viewOf('Sheet', {methods: {
        toJSON: function () {
            return {
                path: this.path, columns: this.columns, rows: this.rows, cell_width: this.cellWidth,
                cell_height: this.cellHeight
            };
        }
    }});

    var CardView = viewOf('Card', {
        get: {
            /** The boxart as a page asks for it; empty: there is none. */
            boxartUrl: function () { return this._root.asset(this.boxart); },
            /** Where a small boxart lies in a spritesheet; null: in none. */
            sprite: function () {
                var number = this.spriteSheet;
                if (number === 0) {
                    return null;
                }
                var sheet = this._root.sheets.get(number - 1);
                var cell = this.spriteCell;
                if (sheet === undefined || cell >= sheet.columns * sheet.rows) {
                    throw new PocoError('a card names a cell of a spritesheet that is not there',
                        this._at + SCHEMA.structs.Card.fields.sprite_sheet[0]);
                }
                return {
                    sheet: sheet.path, x: cell % sheet.columns * sheet.cellWidth,
                    y: Math.floor(cell / sheet.columns) * sheet.cellHeight, width: sheet.cellWidth,
                    height: sheet.cellHeight
                };
            }
        },
        methods: {
            toJSON: function () {
                return {
                    id: this.id, name: this.name, boxart: this.boxart, year: this.year || 0,
                    runtime_minutes: this.runtimeMinutes || 0, kind: this.kind, maturity: this.maturity,
                    match_score: this.matchScore, sprite_sheet: this.spriteSheet, sprite_cell: this.spriteCell
                };
            }
        }
    });

    var CatalogueView = viewOf('Catalogue', {
        get: {
            type: function () { return 'catalogue'; },
            cards: table('Catalogue', 'cards'),
            sheets: table('Catalogue', 'sheets')
        },
        methods: {
            asset: asset,
            toJSON: function () {
                return {assets: this.assets, cards: this.cards.toJSON(), sheets: this.sheets.toJSON()};
            }
        }
    });

    // ---- Galleries ----

    var ItemView = viewOf('Item', {
        get: {
            cardIndex: reader('Item', 'card'),
            card: function () { return this._root.card(this.cardIndex, this._at); },
            /** The score for this profile or null: then the card's own holds. */
            ownMatchScore: reader('Item', 'match_score'),
            matchScore: function () {
                var own = this.ownMatchScore;
                return own === null ? this.card.matchScore : own;
            }
        },
        methods: {
            toJSON: function () { return {card: this.cardIndex, match_score: this.ownMatchScore}; }
        }
    });

    var RowView = viewOf('Row', {
        get: {
            length: reader('Row', 'item_count')
        },
        methods: {
            /** The item at this place, or undefined. */
            item: function (index) {
                var count = this.itemCount;
                var first = this.firstItem;
                var items = this._root.items;
                if (first > items.length || count > items.length - first) {
                    throw new PocoError('a row has items that are not there',
                        this._at + SCHEMA.structs.Row.fields.first_item[0]);
                }
                if (!(index >= 0 && index < count)) {
                    return undefined;
                }
                return items.get(first + (this._positions ? this._positions[index] : index));
            },
            toJSON: function () {
                var items = [];
                for (var index = 0; index < this.length; index += 1) {
                    items.push(this.item(index).toJSON());
                }
                return {id: this.id, name: this.name, kind: this.kind, items: items};
            }
        }
    });

    var DEVICES = ['tv', 'phone', 'web', 'other'];
    var readFraction = reader('Play', 'fraction_watched');
    var readDevices = reader('Play', 'devices');
    var readHours = reader('Play', 'hours');

    function devices(play, divisor) {
        var shares = readDevices.call(play);
        var named = {};
        DEVICES.forEach(function (name, index) { named[name] = shares[index] / divisor; });
        return named;
    }

    function hours(play, divisor) {
        var shares = readHours.call(play);
        var list = [];
        for (var hour = 0; hour < shares.length; hour += 1) {
            list.push(shares[hour] / divisor);
        }
        return list;
    }

    var PlayView = viewOf('Play', {
        get: {
            cardIndex: reader('Play', 'card'),
            card: function () { return this._root.card(this.cardIndex, this._at); },
            /** From 0 to 1, in steps of half a percent. */
            fractionWatched: function () { return readFraction.call(this) / 200; },
            /** The share of plays on each class of device, from 0 to 1. */
            devices: function () { return devices(this, 255); },
            /** The share of plays in each hour of the day (UTC), from 0 to 1. */
            hours: function () { return hours(this, 255); }
        },
        methods: {
            toJSON: function () {
                var told = {
                    card: this.cardIndex, last_play: this.lastPlay, fraction_watched: this.fractionWatched,
                    episodes_left: this.episodesLeft, plays: this.plays, plays_7_days: this.plays7Days,
                    plays_30_days: this.plays30Days, devices: devices(this, 1), hours: hours(this, 1)
                };
                // Galleries of before this field do not say it.
                if (this.kind !== 'unknown') {
                    told.kind = this.kind;
                }
                return told;
            }
        }
    });

    var readFlags = reader('Gallery', 'flags');
    var readHash = reader('Gallery', 'catalogue_hash');
    var ownCards = table('Gallery', 'cards');

    var GalleryView = viewOf('Gallery', {
        get: {
            type: function () { return 'gallery'; },
            isDefault: function () { return (readFlags.call(this) & 1) === 1; },
            /** 32 hexadecimal digits; zeros: the cards are in the gallery itself. */
            catalogueHash: function () { return hexadecimal(readHash.call(this)); },
            /** Whether cards can be read: a gallery of the shared layout needs its catalogue for that. */
            hasCards: function () { return this.layout !== 'shared' || this._catalogue !== undefined; },
            cards: function () {
                if (this._catalogue !== undefined) {
                    return this._catalogue.cards;
                }
                if (!this.hasCards) {
                    throw new PocoError('the cards are in the catalogue ' + this.catalogue +
                        ': fetch it and use gallery.withCatalogue(catalogue)', this._at);
                }
                return ownCards.call(this);
            },
            /** Rows as they lie in the record; `row(index)` follows the order, if there is one. */
            rows: table('Gallery', 'rows'),
            items: table('Gallery', 'items'),
            plays: table('Gallery', 'plays'),
            sheets: table('Gallery', 'sheets'),
            length: function () { return this.rows.length; }
        },
        methods: {
            asset: asset,
            /** The row at this place, from the top; undefined: there are fewer. */
            row: function (index) {
                var row = this.rows.get(this._order && index in this._order.rows ? this._order.rows[index] : index);
                if (row !== undefined && this._order) {
                    row._positions = this._order.items[this._order.rows[index]];
                }
                return row;
            },
            /** The card at this position. `from` is where the record names it. */
            card: function (index, from) {
                var card = this.cards.get(index);
                if (card === undefined) {
                    throw new PocoError('there is no card ' + index, from === undefined ? this._at : from);
                }
                return card;
            },
            /** What the profile has played of the card at this position; undefined: nothing. */
            play: function (cardIndex) {
                var low = 0;
                var high = this.plays.length;
                while (low < high) {
                    var middle = (low + high) >>> 1;
                    var play = this.plays.get(middle);
                    if (play.cardIndex === cardIndex) {
                        return play;
                    } else if (play.cardIndex < cardIndex) {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                return undefined;
            },
            /** The same gallery with the cards of a catalogue (layout 'shared'). */
            withCatalogue: function (catalogue) {
                if (!(catalogue instanceof CatalogueView)) {
                    throw new TypeError('withCatalogue takes what Badger.decode made of the record at ' + this.catalogue);
                }
                return derived(this, catalogue, this._order);
            },
            /**
             * The same gallery in an order that came beside it (`Badger.decodeOrder`). An order that does not fit,
             * or null, leaves the gallery's own.
             */
            inOrder: function (order) {
                return derived(this, this._catalogue, order ? fitOrder(this, order) : undefined);
            },
            toJSON: function () {
                var rows = [];
                for (var index = 0; index < this.length; index += 1) {
                    rows.push(this.row(index).toJSON());
                }
                return {
                    layout: this.layout, 'default': this.isDefault, made_at: this.madeAt, profile: this.profile,
                    display_name: this.displayName, avatar: this.avatar, assets: this.assets,
                    catalogue: this.catalogue, catalogue_hash: this.catalogueHash, sheets: this.sheets.toJSON(),
                    cards: ownCards.call(this).toJSON(), rows: rows, plays: this.plays.toJSON()
                };
            }
        }
    });

    function derived(gallery, catalogue, order) {
        var view = new GalleryView(gallery._bytes, gallery._at, gallery._size);
        view._catalogue = catalogue;
        view._order = order;
        return view;
    }

    // ---- The order beside a gallery ----

    var ORDER_VERSION = 1;
    var BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

    /** The bytes of a structured field `:base64:`; null: it is none. */
    function byteSequence(header) {
        var match = /^[ \t]*:([A-Za-z0-9+\/]*)(={0,2}):[ \t]*$/.exec(header);
        if (match === null || match[1].length % 4 === 1 ||
            (match[2] !== '' && (match[1].length + match[2].length) % 4 !== 0)) {
            return null;
        }
        var bytes = [];
        var bits = 0;
        var count = 0;
        for (var index = 0; index < match[1].length; index += 1) {
            bits = ((bits << 6) | BASE64.indexOf(match[1].charAt(index))) & 0xffff;
            count += 6;
            if (count >= 8) {
                count -= 8;
                bytes.push((bits >> count) & 0xff);
            }
        }
        return bytes;
    }

    /**
     * Reads the value of a Badger-Order header: `{rows: [position, ...], items: {row: [position, ...]}}`, the
     * positions that come first. null when there is none or it is malformed: then the record's own order holds.
     */
    function decodeOrder(header) {
        var bytes = typeof header === 'string' ? byteSequence(header) : null;
        if (bytes === null || bytes.length < 4 || bytes.length % 2 !== 0 || bytes[0] !== ORDER_VERSION) {
            return null;
        }
        var at = 2;
        function next() {
            at += 2;
            return bytes[at - 2] + bytes[at - 1] * 256;
        }
        function list() {
            var count = next();
            var positions = [];
            var seen = {};
            if (count * 2 > bytes.length - at) {
                return null;
            }
            while (positions.length < count) {
                var position = next();
                if (seen[position]) {
                    return null;
                }
                seen[position] = true;
                positions.push(position);
            }
            return positions;
        }
        var order = {rows: list(), items: {}};
        if (order.rows === null) {
            return null;
        }
        while (at < bytes.length) {
            var row = next();
            var positions = bytes.length - at >= 2 && !order.items[row] ? list() : null;
            if (positions === null) {
                return null;
            }
            order.items[row] = positions;
        }
        return order;
    }

    /** Takes off the beginning of `text.rest` what is there of `pattern`; null: nothing of it is. */
    function take(text, pattern) {
        var match = pattern.exec(text.rest);
        if (match === null) {
            return null;
        }
        text.rest = text.rest.slice(match[0].length);
        return match[0];
    }

    // Structured fields, as RFC 9651 section 3 writes them.

    var KEY = /^[a-z*][a-z0-9_.*\-]*/;
    var NUMBER = /^-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})/;
    var TOKEN = /^[A-Za-z*][A-Za-z0-9!#$%&'*+\-.\^_`|~:\/]*/;
    /** What else a parameter may have: a token, a string, bytes, a boolean, a date, a string of more than ASCII. */
    var OTHERS = [TOKEN, /^"(?:[ !#-\[\]-~]|\\["\\])*"/, /^:[A-Za-z0-9+\/=]*:/, /^\?[01]/, /^@-?[0-9]{1,15}/, /^%"(?:[ !#$&-~]|%[0-9a-f]{2})*"/];

    /** Takes what stands behind the `=` of a parameter, and tells whether that is anything; a number becomes one. */
    function takeValue(text) {
        var number = take(text, NUMBER);
        return number !== null ? Number(number) : OTHERS.reduce(function (found, pattern) {
            return found !== null ? found : take(text, pattern);
        }, null);
    }

    /** Takes parameters. Those that `names` has come into `target`; what a newer server adds, of whatever type, is not looked at. */
    function takeParameters(text, names, target) {
        while (take(text, /^; */) !== null) {
            var key = take(text, KEY);
            // A key alone means true.
            var value = take(text, /^=/) === null ? true : takeValue(text);
            if (key === null || value === null) {
                return false;
            }
            if (names.indexOf(key) >= 0) {
                target[key] = value;
            }
        }
        return true;
    }

    /** Takes an inner list of what `pattern` is, each an object with that as its `name` and its parameters; null: it is none. */
    function takeInnerList(text, pattern, name, names) {
        var list = [];
        if (take(text, /^\( */) === null) {
            return null;
        }
        while (take(text, /^\)/) === null) {
            var entry = {};
            entry[name] = take(text, pattern);
            if (entry[name] === null || !takeParameters(text, names, entry) || take(text, /^(?: +|(?=\)))/) === null) {
                return null;
            }
            list.push(entry);
        }
        return list;
    }

    function isPosition(value) {
        return typeof value === 'number' && value >= 0 && value % 1 === 0;
    }

    function isChance(value) {
        return typeof value === 'number' && value >= 0;
    }

    /** The row of an order: the first member of the header. */
    function takeOrderedRow(text) {
        var why = {row: -1, place: -1, chance: -1, places: [], titles: []};
        var steps = takeInnerList(text, NUMBER, 'chance', ['at']);
        var isGood = steps !== null && takeParameters(text, ['row', 'place', 'chance'], why) &&
            isPosition(why.row) && isPosition(why.place) && isChance(why.chance) && steps.every(function (step) {
                why.places.push({chance: Number(step.chance), place: step.at});
                return Number(step.chance) >= 0 && isPosition(step.at);
            });
        return isGood ? why : null;
    }

    /** One of its titles: each of the other members. */
    function takeOrderedTitle(text) {
        var title = {item: -1, chance: -1, reasons: takeInnerList(text, TOKEN, 'feature', ['bin', 'by'])};
        var isGood = title.reasons !== null && takeParameters(text, ['item', 'chance'], title) &&
            isPosition(title.item) && isChance(title.chance) && title.reasons.every(function (reason) {
                return isPosition(reason.bin) && typeof reason.by === 'number';
            });
        return isGood ? title : null;
    }

    /**
     * Reads the value of a Badger-Order-Why header (`?why=1`): `{row, place, chance, places: [{chance, place}], titles: [{item,
     * chance, reasons: [{feature, bin, by}]}]}`: `row` and `item` are positions in the record, places count from 0. null when
     * there is none or it is malformed.
     */
    function decodeOrderWhy(header) {
        var text = {rest: typeof header === 'string' ? header : ''};
        take(text, /^[ \t]*/);
        var why = takeOrderedRow(text);
        while (why !== null && take(text, /^[ \t]*,[ \t]*/) !== null) {
            var title = takeOrderedTitle(text);
            if (title === null) {
                return null;
            }
            why.titles.push(title);
        }
        return take(text, /^[ \t]*$/) === null ? null : why;
    }

    /** The tag of an answer. A proxy that compresses says that its own is weak; it is of the same record nevertheless. */
    function tagOf(header) {
        var tag = header('ETag');
        return tag ? tag.replace(/^W\//, '') : null;
    }

    /**
     * Why a gallery (which `inOrder` gave) is in its order, as decodeOrderWhy says it. `brought` gives the headers of the answer that
     * has brought the gallery, `told` those of the one that was asked why (`?why=1`), both by name. null: no order came with it, so no
     * row was moved. Throws an Error when there are no reasons that can be read, and when they are of something else than what is
     * shown, as after the content of the server was swapped.
     *
     * Tags are compared here, and not sent in If-Match: a page of another origin would need leave for that, and If-Match never
     * takes a weak one.
     */
    function explainOrder(gallery, brought, told) {
        var exposed = '; a page of another origin can read what Access-Control-Expose-Headers names';
        var order = brought('Badger-Order');
        if (decodeOrder(order) === null) {
            return null;
        }
        if (tagOf(brought) === null || tagOf(told) === null) {
            throw new Error('there is no ETag that can be read, by which to see that it is about the same gallery' + exposed);
        }
        if (tagOf(brought) !== tagOf(told)) {
            throw new Error('the gallery has changed since; load it again');
        }
        if (told('Badger-Order') !== order) {
            throw new Error('the order has changed since; load the gallery again');
        }
        var why = decodeOrderWhy(told('Badger-Order-Why'));
        if (why === null) {
            throw new Error('there is no Badger-Order-Why that can be read' + exposed);
        }
        var row = gallery.row(why.place);
        var inRecord = gallery.rows.get(why.row);
        if (row === undefined || inRecord === undefined || row._at !== inRecord._at) {
            throw new Error('Badger-Order-Why is about another row than the one that stands at its place');
        }
        return why;
    }

    /** All positions below `count`, those of `first` before the others; null: one of them is out of range. */
    function permutation(first, count) {
        var isFirst = [];
        var positions = [];
        var position;
        for (position = 0; position < first.length; position += 1) {
            if (first[position] >= count || isFirst[first[position]]) {
                return null;
            }
            isFirst[first[position]] = true;
            positions.push(first[position]);
        }
        for (position = 0; position < count; position += 1) {
            if (!isFirst[position]) {
                positions.push(position);
            }
        }
        return positions;
    }

    function fitOrder(gallery, order) {
        var fitted = {rows: permutation(order.rows, gallery.rows.length), items: {}};
        var fits = fitted.rows !== null && Object.keys(order.items).every(function (key) {
            var row = gallery.rows.get(Number(key));
            // The row checks that it has its items: a damaged count must not decide the length of a loop.
            if (row !== undefined && row.length > 0) {
                row.item(0);
            }
            fitted.items[key] = row === undefined ? null : permutation(order.items[key], row.length);
            return fitted.items[key] !== null;
        });
        return fits ? fitted : undefined;
    }

    // ---- Many records in one ----

    var ManyEntryView = viewOf('ManyEntry');

    var ManyView = viewOf('Many', {
        get: {
            type: function () { return 'many'; },
            entries: table('Many', 'entries'),
            length: function () { return this.entries.length; }
        },
        methods: {
            /** The record at this place of the answer, or null: there is none of this number. */
            record: function (index) {
                var entry = this.entries.get(index);
                if (entry === undefined || entry.status !== 200) {
                    return null;
                }
                var start = entry.offset;
                this._bytes.check(start, entry.bytes, 'record');
                // Else a frame could hold itself, without end.
                if (start < this._at + this._size || magicOf(this._bytes.array, start) === 'BMNY') {
                    throw new PocoError('an entry is not a record of its own behind the head',
                        entry._at + SCHEMA.structs.ManyEntry.fields.offset[0]);
                }
                return decode(this._bytes.array.subarray(start, start + entry.bytes));
            },
            /** The record with this number, or null. */
            find: function (id) {
                for (var index = 0; index < this.length; index += 1) {
                    if (this.entries.get(index).id === id) {
                        return this.record(index);
                    }
                }
                return null;
            },
            toJSON: function () {
                var many = this;
                return {entries: this.entries.map(function (entry, index) {
                    var record = many.record(index);
                    return {id: entry.id, status: entry.status, record: record === null ? null : record.toJSON()};
                })};
            }
        }
    });

    // ---- The way in ----

    var VIEWS = {
        Name: NameView, Art: ArtView, Title: TitleView, Sheet: SheetView, Card: CardView, Catalogue: CatalogueView,
        Item: ItemView, Row: RowView, Play: PlayView, Gallery: GalleryView, ManyEntry: ManyEntryView, Many: ManyView
    };

    function magicOf(array, at) {
        return String.fromCharCode(array[at], array[at + 1], array[at + 2], array[at + 3]);
    }

    /** Makes a view of one record: an ArrayBuffer, or a typed array whose bytes it is. Nothing is copied. */
    function decode(input) {
        var array;
        if (Object.prototype.toString.call(input) === '[object ArrayBuffer]') {
            array = new Uint8Array(input);
        } else if (input && Object.prototype.toString.call(input.buffer) === '[object ArrayBuffer]') {
            array = new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
        } else {
            throw new TypeError('Badger.decode takes an ArrayBuffer or a Uint8Array; set responseType = "arraybuffer"');
        }
        if (array.length < HEAD_BYTES) {
            throw new PocoError('cut short: ' + array.length + ' bytes are less than the head of a record', 0);
        }
        var bytes = new Bytes(array);
        var magic = magicOf(array, 0);
        if (!Object.prototype.hasOwnProperty.call(SCHEMA.magics, magic)) {
            throw new PocoError('not a record: it begins with ' + JSON.stringify(magic) + '; is it still compressed?', 0);
        }
        var major = bytes.data.getUint16(4, true);
        if (major !== MAJOR) {
            throw new PocoError('version ' + major + ', and this reader knows ' + MAJOR + ': use a newer poco.js', 4);
        }
        var recordBytes = bytes.data.getUint32(8, true);
        if (recordBytes !== array.length) {
            throw new PocoError((recordBytes > array.length ? 'cut short: ' : 'too long: ') + 'the record has ' +
                recordBytes + ' bytes, and here are ' + array.length, 8);
        }
        var blockBytes = bytes.data.getUint32(12, true);
        if (blockBytes > array.length - HEAD_BYTES) {
            throw new PocoError('the block goes past the end of the record', 12);
        }
        return new VIEWS[SCHEMA.magics[magic]](bytes, HEAD_BYTES, blockBytes);
    }

    return {
        decode: decode, decodeOrder: decodeOrder, decodeOrderWhy: decodeOrderWhy, explainOrder: explainOrder, utf8: utf8, schema: SCHEMA, PocoError: PocoError, TitleView: TitleView,
        GalleryView: GalleryView, CatalogueView: CatalogueView, ManyView: ManyView, RowView: RowView, ItemView: ItemView,
        CardView: CardView, PlayView: PlayView
    };
});
