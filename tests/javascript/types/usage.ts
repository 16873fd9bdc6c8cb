// Compiled by types.test.js, never run.
import * as Badger from '../../../examples/javascript/poco';
import { load, request } from '../../../examples/javascript/load';
import { PocoDataSource, toJSONGraph } from '../../../examples/javascript/falcor';

const view = Badger.decode(new ArrayBuffer(24));
if (view.type === 'gallery') {
    const order: Badger.Order | null = Badger.decodeOrder(':AQAAAA==:');
    const ordered: Badger.GalleryView = view.inOrder(order);
    const names: string[] = ordered.rows.map((row) => row.name);
    const item = ordered.row(0)?.item(0);
    const score: number | null | undefined = item?.matchScore;
    const kind: Badger.RowKind | undefined = ordered.row(0)?.kind;
    const watched: number = ordered.play(3)?.fractionWatched ?? 0;
    const graph = toJSONGraph(ordered);
    console.log(names, score, kind, watched, graph['lolomo'], item?.card.sprite?.sheet);
    const source = new PocoDataSource({ gallery: ordered });
    source.get([['lolomo', { from: 0, to: 5 }, [0, { to: 7 }], ['title', 'boxart']]]).subscribe((envelope) => envelope.jsonGraph);
} else if (view.type === 'title') {
    const art: string | undefined = view.artOf('hero')?.path;
    console.log(view.genres.join(', '), view.year ?? 'unknown', art);
} else if (view.type === 'many') {
    console.log(view.find(7)?.type);
} else {
    console.log(view.cards.get(0)?.name);
}

const cancel = load('', 'ada', (error, loaded) => {
    if (error instanceof Badger.PocoError) {
        console.log(error.offset, error.reason);
    } else if (error) {
        console.log(error.status);
    }
    loaded?.why((failure, why) => console.log(failure?.status, why?.titles[0]?.reasons[0]?.feature));
    loaded?.metadata([1, 2], (failure, titles) => console.log(failure, titles?.map((title) => title.synopsis)));
});
cancel();
request('/metadata/1', (error, record, header) => console.log(error, record?.type, header?.('ETag')));
request('/gallery/ada', (error, record, header) => {
    if (record?.type === 'gallery' && header) {
        const why: Badger.OrderWhy | null = Badger.explainOrder(record, header, () => null);
        console.log(why?.chance);
    }
});
export const source = new PocoDataSource({
    gallery: (callback) => load('', 'ada', callback, { device: 'tv', now: 1790000000 }),
    metadata: (ids, callback) => callback(null, []),
});
