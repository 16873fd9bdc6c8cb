/*
 * What the page asks of the server: the profiles, a gallery, titles. ES5; needs poco.js (`Badger`).
 *
 * Everything comes by XMLHttpRequest: it is the one way that a TV of 2013 and a browser of today have in common, so
 * there is one road, and it is the tested one. Answers come as `done(error, value)`. An error has `message`, for the
 * person in front of the screen, and `detail`, for whoever is asked for help.
 */
(function (root) {
    'use strict';

    var Badger = root.Badger;
    /** How long an answer may take before the page says so. */
    var ANSWER_MILLISECONDS_MAX = 15000;
    /** Titles that are kept: several screens of them, and a few hundred KB. */
    var TITLES_KEPT_MAX = 400;
    /** Titles asked for at once. */
    var TITLES_ASKED_MAX = 32;

    function failure(message, detail) { return { message: message, detail: detail }; }

    /**
     * Asks for `path`; `type` is "json", or that of a record. done(error, value, header), where header(name) reads the head of
     * the answer.
     */
    function ask(path, type, done) {
        var request = new XMLHttpRequest();
        request.open('GET', path, true);
        request.timeout = ANSWER_MILLISECONDS_MAX;
        if (type !== 'json') { request.responseType = 'arraybuffer'; }
        request.onload = function () {
            var value;
            if (request.status !== 200) {
                done(failure('The server has no answer to give.', path + ' is answered with status ' + request.status + '.'));
                return;
            }
            try {
                value = type === 'json' ? JSON.parse(request.responseText) : Badger.decode(request.response);
                if (type !== 'json' && value.type !== type) { throw new Error('this is a ' + value.type + ', not a ' + type); }
            } catch (error) {
                done(failure('The answer cannot be read.', path + ': ' + error.message));
                return;
            }
            done(null, value, function (name) { return request.getResponseHeader(name); });
        };
        request.onerror = function () {
            done(failure('The server cannot be reached.', path + ' has no answer. Is the server running, and the network up?'));
        };
        request.ontimeout = function () {
            done(failure('The server takes too long.', path + ' has no answer after ' + ANSWER_MILLISECONDS_MAX / 1000 + ' s.'));
        };
        request.send();
    }

    function profiles(done) {
        ask('/profiles', 'json', function (error, list) {
            if (!error && !Array.isArray(list)) { error = failure('The answer cannot be read.', '/profiles is no list.'); }
            done(error, list);
        });
    }

    // The catalogue is immutable and the same for every profile, so the last one usually serves the next as well.
    var lastCatalogue = { path: '', view: null };

    function withCatalogue(gallery, done) {
        if (gallery.layout !== 'shared') {
            done(null, gallery, gallery);
        } else if (lastCatalogue.path === gallery.catalogue) {
            done(null, gallery.withCatalogue(lastCatalogue.view), lastCatalogue.view);
        } else {
            ask(gallery.catalogue, 'catalogue', function (error, catalogue) {
                if (error) { done(error); return; }
                lastCatalogue = { path: gallery.catalogue, view: catalogue };
                done(null, gallery.withCatalogue(catalogue), catalogue);
            });
        }
    }

    /** What all cards of a gallery share: where art lies, and the shape of each spritesheet by its path. */
    function sheetsOf(holder) {
        var sheets = {};
        holder.sheets.map(function (sheet) {
            sheets[sheet.path] = {
                url: holder.assets + sheet.path, columns: sheet.columns, rows: sheet.rows, width: sheet.cellWidth, height: sheet.cellHeight
            };
        });
        return sheets;
    }

    /** What this page runs on, as far as a browser tells. */
    function deviceOf(agent) {
        if (/\b(TV|SmartTV|SMART-TV|Tizen|Web0S|BRAVIA|AFT[A-Z]|CrKey)\b/i.test(agent)) { return 'tv'; }
        return /Mobi/.test(agent) ? 'phone' : 'web';
    }

    /**
     * What the order of a gallery is asked for: this device, and now by the server's clock, so that the address stays the
     * same and a browser asks again for what it has. `?device=phone&now=1790000000` in the address of the page looks at another.
     */
    function momentOf(search, agent) {
        function given(name, isGood) {
            var found = new RegExp('[?&]' + name + '=([^&]*)').exec(search);
            return found && isGood.test(found[1]) ? found[1] : '';
        }
        var now = given('now', /^[0-9]{1,10}$/);
        return '?device=' + (given('device', /^(tv|phone|web)$/) || deviceOf(agent)) + (now ? '&now=' + now : '');
    }

    /**
     * The moment of a gallery (as `gallery` below gave it), in seconds since 1970: what was asked for, else by the server's clock.
     * NaN: not known.
     */
    function nowOf(shown) {
        var asked = /&now=([0-9]+)$/.exec(shown.path);
        return asked ? Number(asked[1]) : Math.floor(Date.parse(shown.header('Date')) / 1000);
    }

    /**
     * Asks why a gallery (as `gallery` below gave it) is in its order: a head, for the moment of that answer. done(error, why), where
     * `why` is null when no row was moved: then nobody is asked.
     */
    function why(shown, done) {
        var seconds = nowOf(shown);
        var path = shown.path.replace(/&now=[0-9]+$/, '') + (seconds >= 0 ? '&now=' + seconds : '') + '&why=1';
        var request = new XMLHttpRequest();
        function fail(what) { done(failure('The server does not say why.', path + what)); }
        if (Badger.decodeOrder(shown.header('Badger-Order')) === null) {
            done(null, null);
            return;
        }
        request.open('HEAD', path, true);
        request.timeout = ANSWER_MILLISECONDS_MAX;
        request.onload = function () {
            var told;
            if (request.status !== 200) {
                fail(' is answered with status ' + request.status + '.');
                return;
            }
            try {
                told = Badger.explainOrder(shown.view, shown.header, function (name) { return request.getResponseHeader(name); });
            } catch (error) {
                done(failure('It cannot be told why: ' + error.message + '.', path + ' was asked.'));
                return;
            }
            done(null, told);
        };
        request.onerror = function () { fail(' has no answer.'); };
        request.ontimeout = function () { fail(' has no answer after ' + ANSWER_MILLISECONDS_MAX / 1000 + ' s.'); };
        request.send();
    }

    /**
     * Fetches a gallery and what it needs. done(error, { view, rows, sheets, isFallback, path, header }): rows without titles are left
     * out; `path` and `header(name)` are those of the answer.
     */
    function gallery(profile, done) {
        var path = '/gallery/' + encodeURIComponent(profile) + momentOf(root.location.search, root.navigator.userAgent);
        ask(path, 'gallery', function (error, view, header) {
            if (error) { done(error); return; }
            withCatalogue(view, function (missing, complete, holder) {
                var rows = [];
                var sheets, index, row;
                if (missing) { done(missing); return; }
                try {
                    complete = complete.inOrder(Badger.decodeOrder(header('Badger-Order')));
                    sheets = sheetsOf(holder);
                    for (index = 0; index < complete.length; index += 1) {
                        row = complete.row(index);
                        if (row.length > 0) { rows.push(row); }
                    }
                } catch (broken) {
                    done(failure('The answer cannot be read.', path + ': ' + broken.message));
                    return;
                }
                done(null, {
                    view: complete, rows: rows, sheets: sheets, isFallback: header('Badger-Fallback') !== null, path: path, header: header
                });
            });
        });
    }

    /**
     * The titles that were looked at last. One question is under way at a time, and it asks for all that is wanted by then:
     * somebody who runs along a row makes one request in place of twenty.
     */
    function Titles(onArrival) {
        this.onArrival = onArrival;
        this.kept = {};
        this.ids = [];
        this.wanted = [];
        this.isAsking = false;
    }

    /** The title; null if the server has none with this number; undefined while it is not known. */
    Titles.prototype.get = function (id) { return this.kept[id]; };

    /** Fetches what is missing of `ids`, the most important first, in place of what was wanted before. */
    Titles.prototype.want = function (ids) {
        var self = this;
        this.wanted = ids.filter(function (id, index) { return self.kept[id] === undefined && ids.indexOf(id) === index; });
        if (!this.isAsking) { this.fetch(); }
    };

    Titles.prototype.keep = function (id, title) {
        if (this.kept[id] === undefined) { this.ids.push(id); }
        this.kept[id] = title;
        if (this.ids.length > TITLES_KEPT_MAX) { delete this.kept[this.ids.shift()]; }
    };

    Titles.prototype.fetch = function () {
        var ids = this.wanted.splice(0, TITLES_ASKED_MAX);
        var self = this;
        if (ids.length === 0) { return; }
        this.isAsking = true;
        ask('/metadata?ids=' + ids.join(','), 'many', function (error, many) {
            self.isAsking = false;
            if (!error) {
                try { self.keepAll(many); } catch (broken) { error = failure('The answer cannot be read.', '/metadata: ' + broken.message); }
            }
            self.onArrival(error);
            // What was wanted meanwhile; after an error the next one who wants something tries again.
            if (!error && !self.isAsking) { self.want(self.wanted); }
        });
    };

    Titles.prototype.keepAll = function (many) {
        var index;
        for (index = 0; index < many.length; index += 1) { this.keep(many.entries.get(index).id, many.record(index)); }
    };

    root.Data = { profiles: profiles, gallery: gallery, why: why, nowOf: nowOf, Titles: Titles };
}(this));
