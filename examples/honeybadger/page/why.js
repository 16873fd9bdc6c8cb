/*
 * Why a row stands where it does, in plain words, and the panel that says so. ES5.
 *
 * What the server knows of it comes in `Badger-Order-Why` (poco.js reads it): chances, places, and for each of the first titles
 * the bins of what was looked at. The words of the bins are here, in the order of src/poco/moment/model.rs.
 */
(function (root) {
    'use strict';

    var PLACES = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'];

    var SHARES = ['hardly ever', 'seldom', 'at times', 'often', 'nearly always'];

    function shares(what, unknown) {
        return SHARES.map(function (often) { return often + ' watched ' + what; }).concat(unknown);
    }

    function watched(what, all) {
        return ['hardly begun'].concat(['an eighth', 'a quarter', 'three eighths', 'half', 'five eighths', 'three quarters', 'nearly all'].map(function (part) {
            return part + what + ' watched';
        }), all);
    }

    /** What each bin of each feature means. */
    var WORDS = {
        age: ['played less than an hour ago', 'played an hour ago', 'played 2 to 4 hours ago', 'played 4 to 8 hours ago',
            'played 8 to 16 hours ago', 'played 16 to 32 hours ago', 'played 1 to 3 days ago', 'played 3 to 5 days ago',
            'played 5 to 11 days ago', 'played 11 to 21 days ago', 'played 3 to 6 weeks ago', 'played more than 6 weeks ago'],
        film: watched('', 'watched to its end'),
        series: watched(' of the episode', 'an episode just finished, and others left'),
        left: ['no further episode', 'one further episode', '2 or 3 further episodes', '4 to 7 further episodes',
            '8 to 15 further episodes', 'more than 15 further episodes'],
        week: ['not played this week', 'played once this week', 'played 2 or 3 times this week', 'played 4 to 7 times this week',
            'played more than 7 times this week'],
        month: ['not played this month', 'played once this month', 'played 2 or 3 times this month', 'played 4 to 7 times this month',
            'played 8 to 15 times this month', 'played more than 15 times this month'],
        hour: shares('about this hour', 'its hours are not known'),
        device: shares('on a device like this', 'on which devices is not known'),
        kind: [null, 'a film', 'a series', 'a documentary', 'a special']
    };

    function percent(chance) {
        return Math.round(chance * 100) + ' %';
    }

    function placeOf(place) {
        return PLACES[place] || 'at place ' + (place + 1);
    }

    function listed(parts) {
        return parts.length < 2 ? parts.join('') : parts.slice(0, -1).join(', ') + ' and ' + parts[parts.length - 1];
    }

    /**
     * "For it: played 2 to 4 hours ago. Against it: no episode is left." What has no word is left out, and so is how long ago it was
     * played when that is not known: the model counts it like the longest time, which it need not be.
     */
    function reasonsOf(title, play) {
        function hasWord(reason) {
            var isUnknown = reason.feature === 'age' && play !== undefined && play.lastPlay === 0;
            return !isUnknown && WORDS[reason.feature] && WORDS[reason.feature][reason.bin];
        }
        function side(isFor) {
            return listed(title.reasons.filter(function (reason) {
                return reason.by > 0 === isFor && hasWord(reason);
            }).map(function (reason) { return WORDS[reason.feature][reason.bin]; }));
        }
        return [['For it: ', side(true)], ['Against it: ', side(false)]].filter(function (part) {
            return part[1] !== '';
        }).map(function (part) { return part[0] + part[1] + '.'; }).join(' ');
    }

    /** A record that is older says nothing of what was played since: the model's clock stands still there. */
    var STALE_SECONDS = 2 * 86400;

    function timeOf(seconds) {
        return new Date(seconds * 1000).toLocaleString();
    }

    /** How a row that the moment moved got its place; `now` in seconds since 1970, NaN: not known. */
    function sentenceOf(why, madeAt, now) {
        var steps = why.places.map(function (place) { return 'from ' + percent(place.chance) + ' on it stands ' + placeOf(place.place); });
        // Beside a bound a whole number could seem to be on its other side.
        var isBeside = why.places.some(function (place) { return percent(place.chance) === percent(why.chance); });
        var chance = isBeside ? (why.chance * 100).toFixed(1) + ' %' : percent(why.chance);
        var sentences = ['The chance that something of this row is gone on with now, on this device, is ' + chance + '.'];
        if (steps.length > 0) {
            sentences.push('Its place follows from that: ' + steps.join(', ') + ', below that behind all others.');
        }
        if (madeAt > 0 && now > madeAt + STALE_SECONDS) {
            sentences.push('What was played is known up to ' + timeOf(madeAt) +
                ', when the record was made, and how long ago that was is counted as of two days later.');
        }
        return sentences.join(' ');
    }

    function ofRecord(madeAt) {
        return madeAt > 0 ?
            'This row stands in the order of the record that was made at ' + timeOf(madeAt) + '.' :
            'This row stands in the order of the record, which does not say when it was made.';
    }

    /** Whether this is the row that the moment moved. */
    function isMoved(why, gallery, row) {
        var moved = why ? gallery.rows.get(why.row) : undefined;
        return moved !== undefined && moved.id === row.id;
    }

    /**
     * What there is to say of a row: { sentence, titles: [{ name, chance, reasons }] }. `why` is what Data.why gave: null when no row
     * was moved; `now` is the moment of the gallery, in seconds since 1970.
     */
    function describe(why, gallery, row, now) {
        if (!isMoved(why, gallery, row)) {
            return { sentence: ofRecord(gallery.madeAt), titles: [] };
        }
        return {
            sentence: sentenceOf(why, gallery.madeAt, now),
            titles: why.titles.map(function (title) {
                // Its position is that of the record, which `items` keeps whatever the order is.
                var item = gallery.rows.get(why.row).item(title.item);
                var play = item ? gallery.play(item.cardIndex) : undefined;
                return { name: item ? item.card.name : '', chance: percent(title.chance), reasons: reasonsOf(title, play) };
            })
        };
    }

    /** Fills a list with titles: a name, its chance, and what speaks for it and against it. */
    function fill(list, titles) {
        list.textContent = '';
        list.style.display = titles.length > 0 ? '' : 'none';
        titles.forEach(function (title) {
            var entry = list.appendChild(document.createElement('li'));
            var name = entry.appendChild(document.createElement('span'));
            name.className = 'why-title';
            name.dir = 'auto';
            name.lang = '';
            name.textContent = title.name;
            entry.appendChild(document.createTextNode(' ' + title.chance + '. ' + title.reasons));
        });
    }

    root.Why = { describe: describe, fill: fill, WORDS: WORDS };
}(this));
