/** Fetches what a Badger server has for a profile. As a script it adds its functions to the global `Badger`. */

import { GalleryView, OrderWhy, RecordView, TitleView } from './poco';

/** Gives a request up: its callback is not called any more. */
export type Cancel = () => void;

/** A failed request. `status` is that of the answer, or 0 when there was none. */
export interface RequestError extends Error {
  status?: number;
}

export interface Loaded {
  /** Complete, and in the order that came with it. */
  gallery: GalleryView;
  /** The server had nothing for this profile and gave the default gallery. */
  isFallback: boolean;
  /** Titles by number; those that the server has not are left out. */
  metadata(ids: number[], callback: (error: RequestError | null, titles?: TitleView[]) => void): Cancel;
  /** Why the gallery is in its order; null: no row of it was moved. An error when the server has another gallery or order by then. */
  why(callback: (error: RequestError | null, why?: OrderWhy | null) => void): void;
}

/** What the order of a gallery is to be for. */
export interface Moment {
  /** Seconds since 1970; by the server's clock when it is not given. */
  now?: number;
  device?: 'tv' | 'phone' | 'web';
}

/** `base` is the origin of the server, and '' that of the page. */
export function load(
  base: string,
  profile: string,
  callback: (error: RequestError | null, loaded?: Loaded) => void,
  moment?: Moment,
): Cancel;

/** One record; `header` gives a header of its answer. */
export function request(
  url: string,
  callback: (error: RequestError | null, record?: RecordView, header?: (name: string) => string | null) => void,
): Cancel;
