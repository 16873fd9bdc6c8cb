/**
 * A gallery as a JSON Graph: `PocoDataSource` is a data source of falcor that reads from records only what the paths
 * ask for, and `toJSONGraph` is the same graph as a whole. ES5; needs poco.js.
 *
 * The graph:
 *   lolomo                   -> ref ["lists", profile]
 *   lists[profile][n]        -> ref ["rows", row id]; also .length
 *   rows[id][n]              -> ref ["videos", title id]; also .id .name .kind .length
 *   rows[id].why             an atom, made when it is asked for: {place, madeAt}, and of a row that was put where it stands by
 *                            a chance also {chance, places, titles: [{id, chance, reasons}]}, as Badger.decodeOrderWhy says it
 *   videos[id].<field>       from the card: id title boxart year runtime kind maturity matchScore sprite;
 *                            from what the profile played: lastPlay fractionWatched episodesLeft plays plays7Days
 *                            plays30Days devices hours;
 *                            from the title's own record: uuid originalName synopsis certificate genres cast directors
 *                            seasonCount episodeCount art hero
 * What is not there is an atom without a value. What cannot be read or fetched is an error in its place, which expires
 * at once, so that the next question tries again.
 */
(function (root, factory) {
    'use strict';
    var define = root.define;
    if (typeof module === 'object' && module.exports) {
        module.exports = factory();
    } else if (typeof define === 'function' && define.amd) {
        define([], factory);
    } else {
        var part = factory();
        root.Badger.PocoDataSource = part.PocoDataSource;
        root.Badger.toJSONGraph = part.toJSONGraph;
    }
})(typeof self !== 'undefined' ? self : this, function () {
    'use strict';

    /** Values that one question may have; a range without an end in a path would otherwise never end. */
    var VALUES_MAX = 250000;

    var has = Object.prototype.hasOwnProperty;

    // ---- Fields of a title ----

    // Each takes a view and the gallery: in the graph a path of a picture is whole, as a page asks for it.

    function field(name) {
        return function (view) { return view[name]; };
    }

    function art(title, gallery) {
        return title.art.toJSON().map(function (picture) {
            picture.path = gallery.asset(picture.path);
            return picture;
        });
    }

    function picture(kind) {
        return function (title, gallery) {
            var found = title.artOf(kind);
            return found === null ? undefined : gallery.asset(found.path);
        };
    }

    function sprite(view, gallery) {
        var cell = view.sprite;
        if (cell !== null) {
            cell.sheet = gallery.asset(cell.sheet);
        }
        return cell;
    }

    /** What a card has. */
    var CARD = {
        id: field('id'), title: field('name'), boxart: field('boxartUrl'), year: field('year'),
        runtime: field('runtimeMinutes'), kind: field('kind'), maturity: field('maturity'),
        matchScore: field('matchScore'), sprite: sprite
    };

    /** What is known of a title that the profile has played. */
    var PLAY = {
        lastPlay: field('lastPlay'), fractionWatched: field('fractionWatched'), episodesLeft: field('episodesLeft'),
        plays: field('plays'), plays7Days: field('plays7Days'), plays30Days: field('plays30Days'),
        devices: field('devices'), hours: field('hours')
    };

    /** What only the record of a title has. */
    var TITLE = {
        uuid: field('uuid'), originalName: field('originalName'), synopsis: field('synopsis'),
        certificate: field('certificate'), genres: field('genres'), cast: field('cast'),
        directors: field('directors'), seasonCount: field('seasonCount'), episodeCount: field('episodeCount'),
        art: art, hero: picture('hero')
    };

    /** What the record of a title says instead of a card, for a title that has none here. */
    var TITLE_AS_CARD = {
        id: field('id'), title: field('name'), boxart: picture('boxart'), year: field('year'),
        runtime: field('runtimeMinutes'), kind: field('kind'), maturity: field('maturity'),
        matchScore: field('matchScore'), sprite: sprite
    };

    // ---- Nodes of the graph ----

    function refTo(path) {
        return {$type: 'ref', value: path};
    }

    /** A value as JSON Graph has it: null and empty texts are unknown; what has parts is one atom. */
    function leaf(value) {
        if (value === null || value === undefined || value === '') {
            return {$type: 'atom', value: undefined};
        }
        return typeof value === 'object' ? {$type: 'atom', value: value} : value;
    }

    function errorNode(error) {
        var value = {message: String(error && error.message || error)};
        ['offset', 'status'].forEach(function (name) {
            if (error && typeof error[name] === 'number') {
                value[name] = error[name];
            }
        });
        return {$type: 'error', $expires: 0, value: value};
    }

    /** A key as a position: 3 and "3" are, "03", -1 and "length" are none. */
    function position(key) {
        var number = Number(key);
        return number >= 0 && number % 1 === 0 && String(number) === String(key) ? number : -1;
    }

    /** There is more below; and: only the title's own record can tell. */
    var BRANCH = {};
    var UNFETCHED = {};
    /** Only the server can tell why an order is as it is. */
    var UNASKED = {};

    // ---- The graph over one gallery ----

    /** Finds what is at a path. What has to be searched through is indexed when it is asked for first. */
    function Graph(gallery, catalogue) {
        this.gallery = catalogue && !gallery.hasCards ? gallery.withCatalogue(catalogue) : gallery;
        this.titles = {};
        /** Why the order is as it is; undefined: nobody was asked. */
        this.why = undefined;
        this._rows = null;
        this._cards = null;
        this._scores = null;
    }

    /** The key of each row, and each key's place. A repeated number gets its place behind it, so no row is lost. */
    Graph.prototype.rows = function () {
        if (this._rows === null) {
            var rows = {keys: [], places: {}};
            for (var place = 0; place < this.gallery.length; place += 1) {
                var id = this.gallery.row(place).id;
                var key = has.call(rows.places, id) ? id + '.' + place : id;
                rows.keys.push(key);
                rows.places[key] = place;
            }
            this._rows = rows;
        }
        return this._rows;
    };

    /** Where the card of each title is. */
    Graph.prototype.cards = function () {
        if (this._cards === null) {
            var places = {};
            var cards = this.gallery.cards;
            for (var place = 0; place < cards.length; place += 1) {
                var id = cards.get(place).id;
                if (!has.call(places, id)) {
                    places[id] = place;
                }
            }
            this._cards = places;
        }
        return this._cards;
    };

    /** The profile's own score of a card, which its items have: that of the first item in the record that has one. */
    Graph.prototype.scores = function () {
        if (this._scores === null) {
            var scores = {};
            var items = this.gallery.items;
            for (var index = 0; index < items.length; index += 1) {
                var item = items.get(index);
                var own = item.ownMatchScore;
                if (own !== null && !has.call(scores, item.cardIndex)) {
                    scores[item.cardIndex] = own;
                }
            }
            this._scores = scores;
        }
        return this._scores;
    };

    /** What is at a path without references in it: a node of JSON Graph, BRANCH or UNFETCHED. */
    Graph.prototype.at = function (path) {
        try {
            return this.read(path);
        } catch (error) {
            return errorNode(error);
        }
    };

    Graph.prototype.read = function (path) {
        var key = path[path.length - 1];
        switch (String(path[0])) {
        case 'lolomo':
            return refTo(['lists', this.gallery.profile]);
        case 'lists':
            return path.length === 1 ? BRANCH : path.length === 2 ? this.list(key) : this.inList(key);
        case 'rows':
            return path.length === 1 ? BRANCH : path.length === 2 ? this.row(key) : this.inRow(path[1], key);
        case 'videos':
            return path.length === 1 ? BRANCH : path.length === 2 ? this.video(key) : this.inVideo(path[1], key);
        default:
            return leaf();
        }
    };

    Graph.prototype.list = function (profile) {
        return String(profile) === this.gallery.profile ? BRANCH : leaf();
    };

    Graph.prototype.inList = function (key) {
        if (key === 'length') {
            return this.gallery.length;
        }
        var place = position(key);
        return place >= 0 && place < this.gallery.length ? refTo(['rows', this.rows().keys[place]]) : leaf();
    };

    Graph.prototype.row = function (key) {
        return has.call(this.rows().places, key) ? BRANCH : leaf();
    };

    Graph.prototype.inRow = function (rowKey, key) {
        var row = this.gallery.row(this.rows().places[rowKey]);
        if (key === 'length' || key === 'id' || key === 'name' || key === 'kind') {
            return leaf(row[key]);
        }
        if (key === 'why') {
            return this.why === undefined ? UNASKED : leaf(this.whyOf(row, this.rows().places[rowKey]));
        }
        var place = position(key);
        var item = place < 0 ? undefined : row.item(place);
        return item === undefined ? leaf() : refTo(['videos', item.card.id]);
    };

    /** Why a row stands at its place. */
    Graph.prototype.whyOf = function (row, place) {
        var said = {place: place, madeAt: this.gallery.madeAt};
        var why = this.why;
        var inRecord = why === null ? undefined : this.gallery.rows.get(why.row);
        if (inRecord !== undefined && inRecord.id === row.id && why.place === place) {
            said.chance = why.chance;
            said.places = why.places;
            said.titles = why.titles.map(function (title) {
                var item = inRecord.item(title.item);
                return {id: item === undefined ? null : item.card.id, chance: title.chance, reasons: title.reasons};
            });
        }
        return said;
    };

    Graph.prototype.video = function (id) {
        return position(id) < 0 ? leaf() : BRANCH;
    };

    Graph.prototype.inVideo = function (id, name) {
        var place = has.call(this.cards(), id) ? this.cards()[id] : -1;
        var isOfTitle = has.call(TITLE, name) || (place < 0 && has.call(TITLE_AS_CARD, name));
        if (isOfTitle) {
            var title = this.titles[id];
            var read = has.call(TITLE, name) ? TITLE[name] : TITLE_AS_CARD[name];
            return title ? leaf(read(title, this.gallery)) : UNFETCHED;
        }
        if (place < 0) {
            return leaf();
        }
        if (has.call(PLAY, name)) {
            var play = this.gallery.play(place);
            return play === undefined ? leaf() : leaf(PLAY[name](play));
        }
        if (name === 'matchScore' && has.call(this.scores(), place)) {
            return this.scores()[place];
        }
        return has.call(CARD, name) ? leaf(CARD[name](this.gallery.card(place), this.gallery)) : leaf();
    };

    // ---- Answers to path sets ----

    function put(target, path, node) {
        var branch = target;
        for (var depth = 0; depth < path.length - 1; depth += 1) {
            var next = has.call(branch, path[depth]) ? branch[path[depth]] : undefined;
            if (next === undefined) {
                next = branch[path[depth]] = {};
            } else if (typeof next !== 'object' || next.$type) {
                // A path that was asked for with more keys ends here already.
                return;
            }
            branch = next;
        }
        branch[path[path.length - 1]] = node;
    }

    /** Calls `visit` with each key of a key set: a key, a range, or an array of both. */
    function eachKey(keys, visit) {
        if (Array.isArray(keys)) {
            keys.forEach(function (key) { eachKey(key, visit); });
        } else if (keys !== null && typeof keys === 'object') {
            var from = keys.from || 0;
            var to = typeof keys.to === 'number' ? keys.to : from + (keys.length || 0) - 1;
            for (var key = from; key <= to; key += 1) {
                visit(key);
            }
        } else if (keys !== null && keys !== undefined) {
            visit(keys);
        }
    }

    /** The part of the graph that path sets name, as far as it is at hand; `unfetched` are the paths that are not. */
    function Answer(graph) {
        this.graph = graph;
        this.jsonGraph = {};
        this.unfetched = [];
        this.unasked = [];
        this.count = 0;
    }

    Answer.prototype.add = function (pathSet, depth, base) {
        var answer = this;
        eachKey(pathSet[depth], function (key) {
            var path = base.concat(key);
            var node = answer.graph.at(path);
            answer.count += 1;
            if (answer.count > VALUES_MAX) {
                throw new Error('more than ' + VALUES_MAX + ' values are asked for at once; ask for smaller ranges');
            }
            if (node === UNFETCHED || node === UNASKED) {
                (node === UNFETCHED ? answer.unfetched : answer.unasked).push(path);
                return;
            }
            if (node !== BRANCH) {
                put(answer.jsonGraph, path, node);
            }
            if (depth + 1 < pathSet.length && (node === BRANCH || node.$type === 'ref')) {
                answer.add(pathSet, depth + 1, node === BRANCH ? path : node.value);
            }
        });
    };

    /** The numbers of the titles whose records are needed, each once. */
    Answer.prototype.ids = function () {
        var seen = {};
        return this.unfetched.map(function (path) { return Number(path[1]); }).filter(function (id) {
            var isNew = !has.call(seen, id);
            seen[id] = true;
            return isNew;
        });
    };

    /** Puts what was not at hand into its place; `paths` are those of titles, or those that ask why. */
    Answer.prototype.complete = function (paths, error) {
        var answer = this;
        paths.forEach(function (path) {
            var node = error ? errorNode(error) : answer.graph.at(path);
            put(answer.jsonGraph, path, node === UNFETCHED || node === UNASKED ? leaf() : node);
        });
    };

    // ---- The data source ----

    /**
     * A data source for `new falcor.Model({source: ...})`. Options:
     *   gallery    a GalleryView, or function(callback) that calls callback(error, GalleryView or what Badger.load
     *              gives); called when the first question comes, and again after a failure;
     *   catalogue  the CatalogueView of a gallery of the shared layout that has not got it yet;
     *   metadata   function(ids, callback) that calls callback(error, array of TitleViews): asked once for each
     *              question that needs titles' own records. Without it those fields are unknown;
     *   why        function(callback) that calls callback(error, what Badger.decodeOrderWhy gives): asked once for each
     *              question that asks why a row stands where it does. Without it that is unknown.
     */
    function PocoDataSource(options) {
        if (!options || !options.gallery) {
            throw new TypeError('PocoDataSource takes {gallery: GalleryView or function(callback), catalogue, metadata}');
        }
        this._options = options;
        this._metadata = options.metadata;
        this._why = options.why;
        this._graph = typeof options.gallery === 'function' ? null : new Graph(options.gallery, options.catalogue);
        this._waiting = [];
    }

    /** Hands the graph to `callback(error, graph)`, at once when it is there. */
    PocoDataSource.prototype._withGraph = function (callback) {
        var source = this;
        if (this._graph !== null) {
            callback(null, this._graph);
            return;
        }
        if (this._waiting.push(callback) > 1) {
            return;
        }
        function receive(error, result) {
            var waiting = source._waiting;
            if (waiting.length === 0) {
                return;
            }
            source._waiting = [];
            try {
                if (!error) {
                    var isLoaded = result.gallery !== undefined;
                    source._graph = new Graph(isLoaded ? result.gallery : result, source._options.catalogue);
                    source._metadata = source._metadata || (isLoaded ? result.metadata : undefined);
                    source._why = source._why || (isLoaded ? result.why : undefined);
                }
            } catch (damage) {
                error = damage;
            }
            waiting.forEach(function (waiter) { waiter(error, source._graph); });
        }
        try {
            this._options.gallery(receive);
        } catch (error) {
            receive(error);
        }
    };

    /** Fetches what an answer lacks, then calls `callback()`. */
    PocoDataSource.prototype._fetch = function (answer, callback) {
        var isOver = false;
        function receive(error, titles) {
            if (isOver) {
                return;
            }
            isOver = true;
            try {
                // Titles serve this answer only: what they said is in the model's cache, which knows its bounds.
                answer.graph.titles = {};
                (error ? [] : titles).forEach(function (title) { answer.graph.titles[title.id] = title; });
            } catch (damage) {
                error = damage;
            }
            answer.complete(answer.unfetched, error);
            answer.graph.titles = {};
            callback();
        }
        if (answer.unfetched.length === 0 || typeof this._metadata !== 'function') {
            receive(null, []);
            return;
        }
        try {
            this._metadata(answer.ids(), receive);
        } catch (error) {
            receive(error);
        }
    };

    /** Asks why, if the answer is to tell, then calls `callback()`. */
    PocoDataSource.prototype._explain = function (answer, callback) {
        var isOver = false;
        function receive(error, why) {
            if (isOver) {
                return;
            }
            isOver = true;
            answer.graph.why = error ? undefined : why;
            answer.complete(answer.unasked, error);
            answer.graph.why = undefined;
            callback();
        }
        if (answer.unasked.length === 0 || typeof this._why !== 'function') {
            receive(null, undefined);
            return;
        }
        try {
            this._why(receive);
        } catch (error) {
            receive(error);
        }
    };

    PocoDataSource.prototype.get = function (pathSets) {
        var source = this;
        return observable(function (observer) {
            source._withGraph(function (error, graph) {
                var answer = new Answer(graph);
                if (error) {
                    pathSets.forEach(function (pathSet) {
                        eachKey(pathSet[0], function (key) { put(answer.jsonGraph, [key], errorNode(error)); });
                    });
                    observer.done({paths: pathSets, jsonGraph: answer.jsonGraph});
                    return;
                }
                try {
                    pathSets.forEach(function (pathSet) { answer.add(pathSet, 0, []); });
                } catch (refusal) {
                    observer.fail(refusal);
                    return;
                }
                source._fetch(answer, function () {
                    source._explain(answer, function () {
                        observer.done({paths: pathSets, jsonGraph: answer.jsonGraph});
                    });
                });
            });
        });
    };

    PocoDataSource.prototype.set = function () {
        return observable(function (observer) {
            observer.fail(new Error('PocoDataSource: records are read only, so there is no set'));
        });
    };

    PocoDataSource.prototype.call = function () {
        return observable(function (observer) {
            observer.fail(new Error('PocoDataSource: records have no functions, so there is no call'));
        });
    };

    /** What falcor subscribes to. `start` runs at each subscription, and ends it by `done(value)` or `fail(error)`. */
    function observable(start) {
        return {subscribe: function (onNext, onError, onCompleted) {
            var observer = onNext !== null && typeof onNext === 'object' ? onNext : null;
            var isOver = false;
            function tell(own, names, value) {
                if (observer === null) {
                    if (own) {
                        own(value);
                    }
                    return;
                }
                names.some(function (name) {
                    var isThere = typeof observer[name] === 'function';
                    if (isThere) {
                        observer[name](value);
                    }
                    return isThere;
                });
            }
            function end() {
                isOver = true;
            }
            start({
                done: function (value) {
                    if (!isOver) {
                        tell(onNext, ['onNext', 'next'], value);
                    }
                    if (!isOver) {
                        end();
                        tell(onCompleted, ['onCompleted', 'complete']);
                    }
                },
                fail: function (error) {
                    if (!isOver) {
                        end();
                        tell(onError, ['onError', 'error'], error);
                    }
                }
            });
            return {dispose: end, unsubscribe: end};
        }};
    }

    // ---- The whole graph ----

    function range(count) {
        var numbers = [];
        while (numbers.length < count) {
            numbers.push(numbers.length);
        }
        return numbers;
    }

    /** The graph of a gallery, and of titles' own records if there are any, for `new falcor.Model({cache: ...})`. */
    function toJSONGraph(gallery, titles) {
        var graph = new Graph(gallery);
        var whole = {};
        function addAll(base, keys) {
            var branch = base.reduce(function (parent, key) {
                parent[key] = parent[key] || {};
                return parent[key];
            }, whole);
            keys.forEach(function (key) { branch[key] = graph.at(base.concat(key)); });
        }
        (titles || []).forEach(function (title) { graph.titles[title.id] = title; });
        addAll([], ['lolomo']);
        addAll(['lists', gallery.profile], ['length'].concat(range(gallery.length)));
        graph.rows().keys.forEach(function (key, place) {
            var row = graph.gallery.row(place);
            // Reads an item, and so finds out that the row has its items before a number of them is believed.
            row.item(0);
            addAll(['rows', key], ['id', 'name', 'kind', 'length'].concat(range(row.length)));
        });
        var cardFields = Object.keys(CARD).concat(Object.keys(PLAY));
        Object.keys(graph.cards()).forEach(function (id) {
            addAll(['videos', id], cardFields);
        });
        Object.keys(graph.titles).forEach(function (id) {
            var isCard = has.call(graph.cards(), id);
            addAll(['videos', id], Object.keys(TITLE).concat(isCard ? [] : Object.keys(TITLE_AS_CARD)));
        });
        return whole;
    }

    return {PocoDataSource: PocoDataSource, toJSONGraph: toJSONGraph};
});
