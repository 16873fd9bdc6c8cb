// What a Badger server answers, from the sample records: two layouts, titles, and what goes wrong.
'use strict';

const { record, many, order } = require('./encoder.js');
const samples = require('./samples.js');

const INLINE = record('Gallery', samples.gallery(4, 6, 20));
const SHARED = record('Gallery', samples.gallery(4, 6, 20, true));
const CATALOGUE = record('Catalogue', samples.catalogue(20));

function site(url) {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    switch (decodeURIComponent(pathname)) {
    case '/gallery/ada':
        // On a phone another row and another title come first.
        return { body: INLINE, headers: { 'Badger-Order': searchParams.get('device') === 'phone' ? order([3], [[3, [4]]]) : order([2], [[2, [5]]]) } };
    case '/gallery/broken order':
        return { body: INLINE, headers: { 'Badger-Order': ':AQAB:' } };
    case '/gallery/shared':
        return { body: SHARED };
    case '/gallery/nobody':
        return { body: INLINE, headers: { 'Badger-Fallback': 'default' } };
    case '/gallery/title':
        return { body: record('Title', samples.title(5)) };
    case '/gallery/text':
        return { body: 'an error page that says 200' };
    case '/gallery/busy':
        return { status: 503, body: 'busy' };
    case '/gallery/gone':
        return { hangUp: true };
    case samples.gallery(1, 1, 1, true).catalogue:
        return { body: CATALOGUE };
    case '/metadata': {
        const ids = searchParams.get('ids').split(',').map(Number);
        return { body: many(ids.map((id) => [id, id > 100000 ? null : record('Title', samples.title(id))])) };
    }
    default:
        return null;
    }
}

module.exports = { site };
