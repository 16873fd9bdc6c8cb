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
