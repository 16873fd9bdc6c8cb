// generated: begin (from src/poco/schema.rs, by POCO_WRITE=1 cargo test --test poco_schema)
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
        reserved: [18, 'u16'],
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
