/**
 * Fetches what a Badger server has for a profile: its gallery in the order that came with it, the catalogue of the
 * shared layout, and titles, several in one request. ES5; XMLHttpRequest, or fetch where there is none.
 */
(function (root, factory) {
    'use strict';
    var define = root.define;
    if (typeof module === 'object' && module.exports) {
        module.exports = factory(require('./poco.js'));
    } else if (typeof define === 'function' && define.amd) {
        define(['./poco'], factory);
    } else {
        var part = factory(root.Badger);
        root.Badger.load = part.load;
        root.Badger.request = part.request;
    }
})(typeof self !== 'undefined' ? self : this, function (Badger) {
    'use strict';

    /** Titles that are asked for in one request: what the server gives in one answer. */
    var IDS_MAX = 256;

    function failure(url, status) {
        var error = new Error(url + ': ' + (status === 0 ? 'the server cannot be reached' : 'status ' + status));
        error.status = status;
        return error;
    }

    function byXhr(method, url, callback) {
        var xhr = new XMLHttpRequest();
        xhr.open(method, url);
        xhr.responseType = 'arraybuffer';
        xhr.onload = function () {
            callback(xhr.status, xhr.response, function (name) { return xhr.getResponseHeader(name); });
        };
        xhr.onerror = function () { callback(0); };
        xhr.send();
        return function () { xhr.abort(); };
    }

    function byFetch(method, url, callback) {
        fetch(url, {method: method}).then(function (response) {
            return response.arrayBuffer().then(function (body) {
                return [response.status, body, function (name) { return response.headers.get(name); }];
            });
        }).then(null, function () { return [0]; }).then(function (answer) {
            // Out of the promise: what a callback throws is its own and not a failure of the request.
            setTimeout(function () { callback.apply(null, answer); }, 0);
        });
        return function () {};
    }

    function ask(method, url, callback) {
        return (typeof XMLHttpRequest === 'function' ? byXhr : byFetch)(method, url, callback);
    }

    /**
     * Gets one record: `callback(error)` or `callback(null, view, header)`, where `header(name)` gives a header of the
     * answer. Gives a function that gives the request up: then the callback is not called any more.
     */
    function request(url, callback) {
        var isOver = false;
        var cancel = ask('GET', url, function (status, body, header) {
            var view;
            if (isOver) {
                return;
            }
            isOver = true;
            if (status !== 200) {
                callback(failure(url, status));
                return;
            }
            try {
                view = Badger.decode(body);
            } catch (error) {
                callback(error);
                return;
            }
            callback(null, view, header);
        });
        return function () {
            if (!isOver) {
                isOver = true;
                cancel();
            }
        };
    }

    function expect(type, url, callback) {
        return function (error, view, header) {
            if (!error && view.type !== type) {
                error = new Error(url + ': a ' + view.type + ' where a ' + type + ' was expected');
            }
            callback(error, view, header);
        };
    }

    /** Titles by number, all in as few requests as their number allows: `callback(error)` or `callback(null, views)`. */
    function titles(base, ids, callback) {
        var views = [];
        var waiting = Math.ceil(ids.length / IDS_MAX);
        var isOver = false;
        var cancels = [];
        function cancelAll() {
            isOver = true;
            cancels.forEach(function (cancel) { cancel(); });
        }
        function part(from) {
            var url = base + '/metadata?ids=' + ids.slice(from, from + IDS_MAX).join(',');
            cancels.push(request(url, expect('many', url, function (error, many) {
                if (isOver) {
                    return;
                }
                try {
                    for (var index = 0; !error && index < many.length; index += 1) {
                        var view = many.record(index);
                        if (view !== null) {
                            views.push(view);
                        }
                    }
                } catch (damage) {
                    error = damage;
                }
                waiting -= 1;
                if (error) {
                    cancelAll();
                    callback(error);
                } else if (waiting === 0) {
                    isOver = true;
                    callback(null, views);
                }
            })));
        }
        if (waiting === 0) {
            callback(null, views);
        }
        for (var from = 0; from < ids.length && !isOver; from += IDS_MAX) {
            part(from);
        }
        return cancelAll;
    }

    /**
     * Asks why a gallery is in its order, at the time of the answer that has brought it (`brought` gives its headers): a head, and no
     * body. Nobody is asked when no order came.
     */
    function why(gallery, url, moment, brought, callback) {
        var seconds = Math.floor(Date.parse(brought('Date')) / 1000);
        var now = moment.now === undefined && seconds >= 0 ? seconds : moment.now;
        var asked = url.split('?')[0] + query({now: now, device: moment.device, why: 1});
        if (Badger.decodeOrder(brought('Badger-Order')) === null) {
            callback(null, null);
            return;
        }
        ask('HEAD', asked, function (status, body, told) {
            var reasons;
            if (status !== 200) {
                callback(failure(asked, status));
                return;
            }
            try {
                reasons = Badger.explainOrder(gallery, brought, told);
            } catch (error) {
                callback(new Error(asked + ': ' + error.message));
                return;
            }
            callback(null, reasons);
        });
    }

    function query(moment) {
        var parameters = ['now', 'device', 'why'].filter(function (name) { return moment[name] !== undefined; }).map(function (name) {
            return name + '=' + encodeURIComponent(moment[name]);
        });
        return parameters.length === 0 ? '' : '?' + parameters.join('&');
    }

    /**
     * Gets the gallery of a profile from the server at `base` ('' for the one that the page is from), and with it the
     * catalogue if the gallery needs one: `callback(error)` or `callback(null, loaded)`, where `loaded` has
     *   gallery    the GalleryView, complete and in the order of the answer's Badger-Order,
     *   isFallback whether the server had nothing for this profile and gave the default gallery,
     *   metadata   function(ids, callback): TitleViews by number, as PocoDataSource takes it,
     *   why        function(callback): why the gallery is in this order, as Badger.explainOrder gives it; one more request. An error
     *              when the server has another gallery or order by then, or its reasons cannot be read.
     * `moment` may say what the order is to be for: `device` ('tv', 'phone' or 'web'), and `now` in seconds since 1970, else it
     * is by the server's clock. Gives a function that gives it up.
     */
    function load(base, profile, callback, moment) {
        var root = base.replace(/\/+$/, '');
        var url = root + '/gallery/' + encodeURIComponent(profile) + query(moment || {});
        var cancel = request(url, expect('gallery', url, function (error, gallery, header) {
            if (error) {
                callback(error);
                return;
            }
            function done(complete) {
                callback(null, {
                    gallery: complete,
                    isFallback: header('Badger-Fallback') !== null,
                    metadata: function (ids, receive) { return titles(root, ids, receive); },
                    why: function (receive) { why(complete, url, moment || {}, header, receive); }
                });
            }
            var inOrder;
            var path;
            try {
                inOrder = gallery.inOrder(Badger.decodeOrder(header('Badger-Order')));
                path = inOrder.hasCards ? '' : root + inOrder.catalogue;
            } catch (damage) {
                callback(damage);
                return;
            }
            if (path === '') {
                done(inOrder);
                return;
            }
            cancel = request(path, expect('catalogue', path, function (failed, catalogue) {
                if (failed) {
                    callback(failed);
                } else {
                    done(inOrder.withCatalogue(catalogue));
                }
            }));
        }));
        return function () { cancel(); };
    }

    return {load: load, request: request};
});
