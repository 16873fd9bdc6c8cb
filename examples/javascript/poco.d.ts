/** Reads the records of a Badger server. Views read a field when it is asked for it; what is damaged throws PocoError. */

export as namespace Badger;

/** What is wrong with a record, and where. */
export class PocoError extends Error {
  /** What is wrong. */
  readonly reason: string;
  /** The byte of the record where that was seen. */
  readonly offset: number;
  constructor(reason: string, offset: number);
}

/** The elements of a table, made when they are asked for. */
export interface Table<T> {
  readonly length: number;
  get(index: number): T | undefined;
  map<U>(convert: (element: T, index: number) => U): U[];
  toJSON(): unknown[];
}

/** Where a small boxart lies in a spritesheet, in pixels; the path is relative to the assets. */
export interface Sprite {
  sheet: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface ArtView {
  readonly kind: ArtKind;
  readonly width: number;
  readonly height: number;
  /** Relative to the assets. */
  readonly path: string;
  toJSON(): unknown;
}

/** A title. What is unknown is null or empty. */
export class TitleView {
  private constructor();
  readonly type: 'title';
  readonly id: number;
  readonly uuid: string;
  readonly year: number | null;
  readonly runtimeMinutes: number | null;
  readonly kind: Kind;
  readonly maturity: number | null;
  readonly matchScore: number | null;
  readonly flags: number;
  readonly seasonCount: number;
  readonly episodeCount: number;
  readonly name: string;
  readonly originalName: string;
  readonly synopsis: string;
  readonly certificate: string;
  readonly genres: string[];
  readonly cast: string[];
  readonly directors: string[];
  readonly art: Table<ArtView>;
  readonly spriteSheet: string;
  readonly spriteX: number;
  readonly spriteY: number;
  readonly spriteWidth: number;
  readonly spriteHeight: number;
  readonly sprite: Sprite | null;
  artOf(kind: ArtKind): ArtView | null;
  toJSON(): unknown;
}

/** What a row shows of a title. */
export class CardView {
  private constructor();
  readonly id: number;
  readonly name: string;
  /** Relative to the assets; empty: none. */
  readonly boxart: string;
  /** As a page asks for it; empty: none. */
  readonly boxartUrl: string;
  readonly year: number | null;
  readonly runtimeMinutes: number | null;
  readonly kind: Kind;
  readonly maturity: number | null;
  readonly matchScore: number | null;
  readonly flags: number;
  /** Number of the sheet, counted from 1; 0: none. */
  readonly spriteSheet: number;
  readonly spriteCell: number;
  readonly sprite: Sprite | null;
  toJSON(): unknown;
}

export interface SheetView {
  readonly path: string;
  readonly columns: number;
  readonly rows: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  toJSON(): unknown;
}

/** One place in a row. */
export class ItemView {
  private constructor();
  readonly cardIndex: number;
  readonly card: CardView;
  /** The score for this profile, else that of the card. */
  readonly matchScore: number | null;
  readonly ownMatchScore: number | null;
  toJSON(): unknown;
}

export class RowView {
  private constructor();
  readonly id: number;
  readonly name: string;
  readonly kind: RowKind;
  readonly flags: number;
  readonly firstItem: number;
  readonly itemCount: number;
  readonly length: number;
  item(index: number): ItemView | undefined;
  toJSON(): unknown;
}

/** What the profile has played of a title. Shares and fractions are from 0 to 1, times seconds since 1970. */
export class PlayView {
  private constructor();
  readonly cardIndex: number;
  readonly card: CardView;
  readonly fractionWatched: number;
  readonly lastPlay: number;
  readonly episodesLeft: number;
  readonly plays: number;
  readonly plays7Days: number;
  readonly plays30Days: number;
  /** What the title is; a shared gallery says it here before the catalogue is there. */
  readonly kind: Kind;
  readonly devices: { tv: number; phone: number; web: number; other: number };
  readonly hours: number[];
  toJSON(): unknown;
}

/** What a profile sees first. */
export class GalleryView {
  private constructor();
  readonly type: 'gallery';
  readonly layout: Layout;
  readonly flags: number;
  readonly isDefault: boolean;
  readonly madeAt: number;
  readonly profile: string;
  readonly displayName: string;
  readonly avatar: string;
  readonly assets: string;
  /** Path of the catalogue that the shared layout needs; empty: none. */
  readonly catalogue: string;
  readonly catalogueHash: string;
  /** False until a gallery of the shared layout has got its catalogue. */
  readonly hasCards: boolean;
  readonly cards: Table<CardView>;
  /** In the order of the record; `row(index)` follows the order that was applied. */
  readonly rows: Table<RowView>;
  readonly items: Table<ItemView>;
  readonly plays: Table<PlayView>;
  readonly sheets: Table<SheetView>;
  /** How many rows there are. */
  readonly length: number;
  row(index: number): RowView | undefined;
  card(index: number): CardView;
  play(cardIndex: number): PlayView | undefined;
  /** Where a page finds a picture that the record names. */
  asset(path: string): string;
  withCatalogue(catalogue: CatalogueView): GalleryView;
  inOrder(order: Order | null): GalleryView;
  toJSON(): unknown;
}

/** The cards that galleries of the shared layout have in common. */
export class CatalogueView {
  private constructor();
  readonly type: 'catalogue';
  readonly assets: string;
  readonly cards: Table<CardView>;
  readonly sheets: Table<SheetView>;
  asset(path: string): string;
  toJSON(): unknown;
}

export interface ManyEntryView {
  readonly id: number;
  readonly status: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Several records in one answer, in the order in which they were asked for. */
export class ManyView {
  private constructor();
  readonly type: 'many';
  readonly length: number;
  readonly entries: Table<ManyEntryView>;
  /** The record at this place; null: the server has none. */
  record(index: number): RecordView | null;
  /** The record with this number; null: there is none. */
  find(id: number): RecordView | null;
  toJSON(): unknown;
}

export type RecordView = TitleView | GalleryView | CatalogueView | ManyView;

/** Positions that come first: of rows, and of items by the position of their row. */
export interface Order {
  rows: number[];
  items: { [row: number]: number[] };
}

/** Why the row of an order stands where it does. `row` and `item` are positions in the record, places count from 0. */
export interface OrderWhy {
  row: number;
  place: number;
  /** That anything of the row is resumed, 0 to 1. */
  chance: number;
  /** From which chance on the row would stand at which place, the highest first; below the last one it stands behind all. */
  places: { chance: number; place: number }[];
  /** The first titles of the row. */
  titles: {
    item: number;
    /** That this one is resumed. */
    chance: number;
    /** What counts the most, first: a feature of the model, its bin, and how much that speaks for the title. */
    reasons: { feature: string; bin: number; by: number }[];
  }[];
}

/** Makes a view of one whole record, without copying it. Look at its `type`. */
export function decode(record: ArrayBuffer | ArrayBufferView): RecordView;
/** The value of a Badger-Order header; null: there is none, or it is malformed. */
export function decodeOrder(header: string | null | undefined): Order | null;
/** The value of a Badger-Order-Why header; null: there is none, or it is malformed. */
export function decodeOrderWhy(header: string | null | undefined): OrderWhy | null;
/**
 * Why a gallery is in its order, from the headers of the answer that has brought it and of the one that was asked why; null: no
 * row was moved. Throws when that cannot be read, or is of another record or order than what is shown.
 */
export function explainOrder(
  gallery: GalleryView,
  brought: (name: string) => string | null,
  told: (name: string) => string | null,
): OrderWhy | null;
/** Text from UTF-8, as TextDecoder gives it. */
export function utf8(bytes: Uint8Array, from?: number, to?: number): string;
export const schema: Schema;

// generated: begin (from src/poco/schema.rs, by POCO_WRITE=1 cargo test --test poco_schema)
/** What a title is. */
export type Kind = 'unknown' | 'film' | 'series' | 'documentary' | 'special';

/** What a picture shows. */
export type ArtKind = 'unknown' | 'boxart' | 'hero' | 'logo' | 'still';

/** Why a row is there. */
export type RowKind = 'other' | 'continue_watching' | 'my_list' | 'trending' | 'genre' | 'because' | 'new' | 'director' | 'decade' | 'top_picks';

/** Where the cards of a gallery are. */
export type Layout = 'inline' | 'shared';

/** The kinds of records. */
export type RecordName = 'Title' | 'Gallery' | 'Catalogue' | 'Many';

/** The structs that records consist of. */
export type StructName = 'RecordHead' | 'Title' | 'Gallery' | 'Catalogue' | 'Many' | 'ManyEntry' | 'Name' | 'Art' | 'Card' | 'Row' | 'Item' | 'Play' | 'Sheet';

/** The tables of words. */
export type ValuesName = 'Kind' | 'ArtKind' | 'RowKind' | 'Layout';

/** How the bytes of a field are read. */
export type FieldType = 'u8' | 'u16' | 'u24' | 'u32' | 'uuid' | 'bytes' | 'text' | 'table';

/** Offset, type; then the struct of a table's elements, the count of bytes, or the table of words. */
export type SchemaField = [number, FieldType] | [number, FieldType, StructName | ValuesName | number];

/** Where every field of every struct lies. */
export interface Schema {
  readonly version: number;
  readonly magics: { readonly [magic: string]: RecordName };
  readonly mediaTypes: { readonly [name in RecordName]: string };
  readonly structs: {
    readonly [name in StructName]: { readonly size: number; readonly fields: { readonly [field: string]: SchemaField } };
  };
  readonly values: { readonly [name in ValuesName]: { readonly [number: number]: string } };
}
// generated: end
