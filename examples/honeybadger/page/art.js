/*
 * Pictures: boxart on cells, hero art behind the page. ES5, no dependency.
 *
 * A cell has three layers, and each covers the one below when it is there: its name on a colour, the small picture from
 * a spritesheet (one request for a thousand titles), the boxart. A picture is shown when it is decoded and not before, so
 * nothing moves and nothing flashes.
 */
(function (root) {
    'use strict';

    /** Pictures fetched at once: the other two connections that a browser has for a server stay free for titles and hero art. */
    var LOADING_MAX = 4;
    /** Background colours for what has no picture; page.css has as many. */
    var TONES = 8;

    var queue = [];
    var loading = 0;

    function toneOf(id) {
        return 'tone-' + id % TONES;
    }

    function layer(tag, className, parent) {
        var made = document.createElement(tag);
        made.className = className;
        parent.appendChild(made);
        return made;
    }

    /** Gives `image` another picture; done(isReady) when it can be shown without a wait, or never can. */
    function decode(image, url, done) {
        image.src = url;
        if (image.decode) {
            image.decode().then(function () { done(true); }, function () { done(false); });
        } else {
            image.onload = function () { done(true); };
            image.onerror = function () { done(false); };
        }
    }

    /** Furnishes an empty cell. */
    function dress(cell) {
        var placard = layer('div', 'placard', cell.face);
        var name = layer('div', 'placard-name', placard);
        name.dir = 'auto';
        name.lang = '';
        // Text nodes stay, and only what they say changes: nothing is left behind to be collected.
        cell.name = name.appendChild(document.createTextNode(''));
        cell.year = layer('div', 'placard-year', placard).appendChild(document.createTextNode(''));
        cell.sprite = layer('div', 'sprite', cell.face);
        cell.image = layer('img', 'boxart', cell.face);
        cell.image.alt = '';
        cell.bar = layer('div', 'bar', cell.face);
        cell.watched = layer('div', 'bar-watched', cell.bar);
    }

    /** The part of the element's background that is one cell of a sheet, whatever the element's size. */
    function showSprite(node, sheet, x, y) {
        var column = x / sheet.width;
        var row = y / sheet.height;
        node.style.backgroundImage = 'url("' + sheet.url + '")';
        node.style.backgroundSize = sheet.columns * 100 + '% ' + sheet.rows * 100 + '%';
        node.style.backgroundPosition = (sheet.columns > 1 ? column / (sheet.columns - 1) * 100 : 0) + '% ' +
            (sheet.rows > 1 ? row / (sheet.rows - 1) * 100 : 0) + '%';
    }

    /**
     * Puts a title on a cell: { id, name, year, url (of the boxart, or empty), sprite ({ x, y } or null), sheet,
     * watched (0 to 1, or null) }. The boxart itself comes with `load`.
     */
    function show(cell, look) {
        cell.face.className = 'cell-face ' + toneOf(look.id);
        cell.name.data = look.name;
        cell.year.data = look.year || '';
        cell.url = look.url;
        if (look.sprite && look.sheet) {
            showSprite(cell.sprite, look.sheet, look.sprite.x, look.sprite.y);
        }
        cell.bar.style.display = look.watched === null ? 'none' : '';
        cell.watched.style.width = (look.watched || 0) * 100 + '%';
    }

    function showSkeleton(cell) {
        cell.face.className = 'cell-face is-skeleton';
        cell.name.data = cell.year.data = '';
        cell.bar.style.display = 'none';
    }

    function clear(cell) {
        cell.url = '';
        cell.sprite.style.backgroundImage = 'none';
        if (cell.ticket) {
            release(cell.ticket);
            cell.ticket = null;
            cell.image.classList.remove('is-ready');
            cell.image.removeAttribute('src');
        }
    }

    function release(ticket) {
        if (ticket.isOpen) {
            ticket.isOpen = false;
            loading -= 1;
        }
    }

    /** Fetches the boxart of these cells, the first ones first, in place of what was waiting. */
    function load(cells) {
        queue = cells;
        loadNext();
    }

    function loadNext() {
        while (loading < LOADING_MAX && queue.length > 0) {
            loadOne(queue.shift());
        }
    }

    function loadOne(cell) {
        var ticket = { isOpen: true };
        if (!cell.url || cell.ticket) {
            return;
        }
        cell.ticket = ticket;
        loading += 1;
        decode(cell.image, cell.url, function (isReady) {
            release(ticket);
            // By now the cell may show another title.
            if (isReady && cell.ticket === ticket) {
                cell.image.classList.add('is-ready');
                cell.face.classList.add('is-complete');
            }
            loadNext();
        });
    }

    /** The large picture behind the page: two images that take turns, so that one can fade into the next. */
    function Hero(host) {
        this.host = host;
        this.images = host.querySelectorAll('img');
        this.front = 0;
        this.url = '';
    }

    Hero.prototype.show = function (url, id) {
        var self = this;
        var back = 1 - this.front;
        this.host.className = 'hero ' + toneOf(id);
        if (url === this.url) {
            return;
        }
        this.url = url;
        if (url === '') {
            this.images[this.front].classList.remove('is-ready');
            return;
        }
        this.images[back].classList.remove('is-ready');
        decode(this.images[back], url, function (isReady) {
            if (self.url !== url) {
                return;
            }
            self.images[self.front].classList.remove('is-ready');
            if (isReady) {
                self.images[back].classList.add('is-ready');
                self.front = back;
            }
        });
    };

    root.Art = {
        dress: dress, show: show, showSkeleton: showSkeleton, clear: clear, load: load, toneOf: toneOf, decode: decode, Hero: Hero
    };
}(this));
