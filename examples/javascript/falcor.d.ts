/** A gallery as a JSON Graph. As a script it adds its functions to the global `Badger`. */

import { CatalogueView, GalleryView, OrderWhy, TitleView } from './poco';

export type Key = string | number | boolean | null;
export type KeySet = Key | { from?: number; to?: number; length?: number } | KeySet[];
export type PathSet = KeySet[];

export interface JsonGraph {
  [key: string]: unknown;
}

export interface JsonGraphEnvelope {
  paths: PathSet[];
  jsonGraph: JsonGraph;
}

export interface Observer<T> {
  onNext?(value: T): void;
  onError?(error: Error): void;
  onCompleted?(): void;
}

export interface Subscription {
  dispose(): void;
  unsubscribe(): void;
}

export interface Observable<T> {
  subscribe(
    onNext?: Observer<T> | ((value: T) => void) | null,
    onError?: ((error: Error) => void) | null,
    onCompleted?: (() => void) | null,
  ): Subscription;
}

/** Fetches titles by number and calls back once. What it returns is not looked at. */
export type Metadata = (ids: number[], callback: (error: Error | null, titles?: TitleView[]) => void) => unknown;

/** Asks why the gallery is in its order and calls back once. What it returns is not looked at. */
export type Why = (callback: (error: Error | null, why?: OrderWhy | null) => void) => unknown;

export interface PocoDataSourceOptions {
  /** The gallery, or what fetches it; that may give what `load` gives, with its way to titles. */
  gallery:
    | GalleryView
    | ((callback: (error: Error | null, loaded?: GalleryView | { gallery: GalleryView; metadata?: Metadata; why?: Why }) => void) => unknown);
  /** For a gallery of the shared layout that has not got it. */
  catalogue?: CatalogueView;
  /** For synopsis, genres, cast and what else only a title's own record has. */
  metadata?: Metadata;
  /** For why a row stands where it does. */
  why?: Why;
}

/** A data source for `new falcor.Model({ source })`. */
export class PocoDataSource {
  constructor(options: PocoDataSourceOptions);
  get(pathSets: PathSet[]): Observable<JsonGraphEnvelope>;
  /** Gives an error: records are read only. */
  set(envelope: JsonGraphEnvelope): Observable<JsonGraphEnvelope>;
  /** Gives an error: records have no functions. */
  call(path: Key[], args?: unknown[], refSuffixes?: PathSet[], thisPaths?: PathSet[]): Observable<JsonGraphEnvelope>;
}

/** The whole graph of a gallery, and of titles' own records, for `new falcor.Model({ cache })`. */
export function toJSONGraph(gallery: GalleryView, titles?: TitleView[]): JsonGraph;
