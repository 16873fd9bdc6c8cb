/*
 * The browse page: profile picker, gallery, the panel of one title, and what is said when something fails. ES5; needs
 * grid.js (`Grid`), data.js (`Data`), art.js (`Art`) and why.js (`Why`).
 *
 * One view is shown at a time, and the address says which: `#/` the picker, `#/ada` the gallery of the profile "ada". The
 * panel of a title and the one that says why a row is where it is lie over the gallery. Keys are read in one place (`onKey`) and handed to the view that is shown.
 *
 * Roles: rows and columns that are walked with arrow keys are a `grid` of `row`s and `gridcell`s (a `listbox` has one
 * dimension and no names for its rows); a reader learns the row's name from its `rowheader`, and how large the grid is from
 * `aria-rowcount` and `aria-colcount`, though only the cells on the screen exist.
 */
(function (root) {
    'use strict';

    var Grid = root.Grid;
    var Data = root.Data;
    var Art = root.Art;
    var Why = root.Why;

    /** The focus has to rest so long, in milliseconds, before titles and hero art are asked for, and before it is read out. */
    var REST_MILLISECONDS = 90;
    var SPEAK_MILLISECONDS = 600;
    /** Neighbours in the row whose titles are fetched with that of the focus. */
    var NEIGHBOURS_BEFORE = 2;
    var NEIGHBOURS_BEHIND = 8;
    /** The design is 120 x 67.5 rem: 16 pixels each on a screen of 1920 x 1080. */
    var WIDE_REMS = 120;
    var HIGH_REMS = 67.5;
    /** Screens narrower than this, in CSS pixels, are held in a hand and have the layout for it. */
    var PHONE_PIXELS = 700;
    var SMALL_REM_PIXELS = 10;
    var PROFILE_COLUMNS_MAX = 6;
    var GUEST = { id: 'default', name: 'Guest', avatar: '' };
    var STORED_PROFILE = 'honeybadger.profile';

    /** Remote controls: 461 is Back of webOS and 10009 that of Tizen, 415 is Play and 457 Info of both. */
    var KEYS = {
        87: 'why', 457: 'why',
        37: 'left', 38: 'up', 39: 'right', 40: 'down', 13: 'enter', 415: 'enter', 33: 'pageup', 34: 'pagedown', 35: 'end', 36: 'home',
        8: 'back', 27: 'back', 461: 'back', 10009: 'back'
    };

    var page = document.documentElement;
    var views = {
        picker: byId('picker'), gallery: byId('gallery'), panel: byId('panel'), why: byId('why'), failure: byId('failure')
    };
    /** The block of the focused title, and its parts. */
    var details = { block: byId('details') };
    var shown = '';
    /** The profile that the address names; undefined before it was read. */
    var profile;
    /** What Data.gallery gave, or null while it is under way. */
    var gallery = null;
    var people = [GUEST];
    var personColumns = 1;
    var retry = null;
    /** What had the focus when it was asked why. */
    var whyOpener = null;
    var restTimer = 0;
    var speakTimer = 0;
    var titles = new Data.Titles(onTitles);
    var hero = new Art.Hero(byId('hero'));
    var rows, picker;

    function byId(id) {
        return document.getElementById(id);
    }

    function within(parent, className) {
        return parent.querySelector('.' + className);
    }

    /** Writes a text and takes its element out of the layout when there is none. */
    function write(node, text) {
        // The text node stays, once there is one: nothing is left behind to be collected.
        if (node.firstChild) {
            if (node.firstChild.data === text) {
                return;
            }
            node.firstChild.data = text;
        } else {
            node.textContent = text;
        }
        node.style.display = text === '' ? 'none' : '';
    }

    // Some TVs refuse storage to pages, by throwing.

    function recall() {
        try {
            return root.localStorage.getItem(STORED_PROFILE) || '';
        } catch (error) {
            return '';
        }
    }

    function remember(id) {
        try {
            root.localStorage.setItem(STORED_PROFILE, id);
        } catch (error) {
            // Then the picker starts at the first profile next time.
        }
    }

    // Words about a title.

    /** Names of several scripts in one line: each is isolated (U+2068, U+2069), so that none turns its neighbours round. */
    function listed(names, between) {
        return names.map(function (name) { return '\u2068' + name + '\u2069'; }).join(between);
    }

    function plural(count, word) {
        return count + ' ' + word + (count === 1 ? '' : 's');
    }

    function duration(minutes) {
        var hours = Math.floor(minutes / 60);
        return (hours > 0 ? hours + ' h ' : '') + (minutes % 60 > 0 || hours === 0 ? minutes % 60 + ' min' : '');
    }

    /** How long it is: a film by the clock, a series by its seasons and, with `isWhole`, its episodes. */
    function extent(card, title, isWhole) {
        var parts = [];
        if (title && title.seasonCount) {
            parts.push(plural(title.seasonCount, 'season'));
        }
        if (title && title.episodeCount && (isWhole || parts.length === 0)) {
            parts.push(plural(title.episodeCount, 'episode'));
        }
        if (parts.length === 0 && card.runtimeMinutes) {
            parts.push(duration(card.runtimeMinutes));
        }
        return parts.join(' · ').trim();
    }

    function certificate(card, title) {
        if (title && title.certificate) {
            return title.certificate;
        }
        if (card.maturity === null) {
            return '';
        }
        return card.maturity === 0 ? 'All ages' : card.maturity + '+';
    }

    /** The line of facts; its four elements are made once and stay. */
    function writeFacts(line, item, card, title, isWhole) {
        var parts = [
            ['fact-match', item.matchScore === null ? '' : item.matchScore + '% match'],
            ['fact-year', card.year ? String(card.year) : ''],
            ['fact-certificate', certificate(card, title)],
            ['fact-extent', extent(card, title, isWhole)]
        ];
        parts.forEach(function (part, index) {
            var node = line.children[index];
            if (!node) {
                node = line.appendChild(document.createElement('span'));
                node.className = 'fact ' + part[0];
            }
            write(node, part[1]);
        });
    }

    function watchedOf(data, item) {
        var play = data.view.play(item.cardIndex);
        return play && play.fractionWatched > 0 ? play.fractionWatched : null;
    }

    // The grid of titles.

    function modelOfGallery(data) {
        return {
            rows: data.rows.length,
            length: function (row) { return data.rows[row].length; },
            name: function (row) { return data.rows[row].name; },
            bind: function (cell, row, column) {
                try {
                    return bindTitle(cell, data, data.rows[row].item(column));
                } catch (error) {
                    // Views read when they are asked, so damage is found here.
                    fail('This gallery is damaged.', '/gallery/' + profile + ': ' + error.message, openGallery);
                    return '';
                }
            },
            clear: Art.clear
        };
    }

    function bindTitle(cell, data, item) {
        var card = item.card;
        var sprite = card.sprite;
        var watched = watchedOf(data, item);
        var name = card.name;
        Art.show(cell, {
            id: card.id, name: name, year: card.year, url: card.boxartUrl, sprite: sprite,
            sheet: sprite && data.sheets[sprite.sheet], watched: watched
        });
        return [
            name, card.year, item.matchScore === null ? '' : item.matchScore + '% match',
            watched === null ? '' : Math.round(watched * 100) + '% watched'
        ].filter(Boolean).join(', ');
    }

    var SKELETON = {
        rows: 3,
        length: function () { return 12; },
        name: function () { return ''; },
        bind: function (cell) {
            Art.showSkeleton(cell);
            return 'Loading';
        },
        clear: Art.clear
    };

    function item() {
        return gallery.rows[rows.row].item(rows.column);
    }

    function loadBoxart() {
        var cells = [];
        rows.each(function (cell) { cells.push(cell); });
        Art.load(cells);
    }

    // The focused title.

    /** Draws no more than the name and the facts: the frame that answers a key is short. The rest is drawn one frame later. */
    function onTitleFocus() {
        if (shown === 'panel') {
            onTitleShown();
        } else if (gallery) {
            stopTimers();
            readTitle(drawHead);
        }
    }

    function onTitleShown() {
        if (!gallery) {
            return;
        }
        readTitle(drawTitle);
        stopTimers();
        restTimer = root.setTimeout(onFocusRests, REST_MILLISECONDS);
        speakTimer = root.setTimeout(function () { readTitle(speak); }, SPEAK_MILLISECONDS);
    }

    function stopTimers() {
        root.clearTimeout(restTimer);
        root.clearTimeout(speakTimer);
    }

    function onFocusRests() {
        fetchTitles();
        readTitle(drawHero);
    }

    /** Asks for the focused title and those that the next keys can reach, when one of the nearest is missing. */
    function fetchTitles() {
        var nearest = [];
        var around = [];
        function add(list, row, column) {
            var there = gallery.rows[row] && gallery.rows[row].item(column);
            if (there) {
                list.push(there.card.id);
            }
        }
        var offset;
        [[0, 0], [0, 1], [0, -1]].forEach(function (step) { add(nearest, rows.row, rows.column + step[1]); });
        add(nearest, rows.row + 1, rows.columnOf(rows.row + 1));
        add(nearest, rows.row - 1, rows.columnOf(rows.row - 1));
        for (offset = -NEIGHBOURS_BEFORE; offset <= NEIGHBOURS_BEHIND; offset += 1) {
            add(around, rows.row, rows.column + offset);
            add(around, rows.row + 1, rows.columnOf(rows.row + 1) + offset);
        }
        if (nearest.some(function (id) { return titles.get(id) === undefined; })) {
            titles.want(nearest.concat(around));
        }
    }

    function onTitles(error) {
        if (!gallery) {
            return;
        }
        readTitle(function () {
            drawTitle(error);
            drawHero();
        });
    }

    /** Does what reads the focused title; a damaged one counts as one that the server has not. */
    function readTitle(work) {
        try {
            work();
        } catch (damage) {
            titles.keep(item().card.id, null);
            drawTitle();
        }
    }

    /** Shows what is known of the focused title: at once what its card says, and the rest when the server has answered. */
    function drawTitle(error) {
        var focused = item();
        var card = focused.card;
        var title = titles.get(card.id);
        drawHead();
        details.block.classList.remove('is-waiting');
        write(details.genres, title ? listed(title.genres, ' · ') : '');
        write(details.synopsis, title ? title.synopsis : '');
        details.cast.style.display = title && title.cast.length > 0 ? '' : 'none';
        write(details.people, title ? listed(title.cast.slice(0, 4), ', ') : '');
        if (shown === 'panel') {
            drawPanel(focused, card, title, error);
        }
    }

    function drawHead() {
        var focused = item();
        var card = focused.card;
        write(details.name, card.name);
        writeFacts(details.facts, focused, card, titles.get(card.id));
    }

    function drawHero() {
        var card = item().card;
        var title = titles.get(card.id);
        var art = title ? title.artOf('hero') : null;
        // While the title is not known, the picture stays.
        if (title !== undefined) {
            hero.show(art ? gallery.view.assets + art.path : '', card.id);
        }
    }

    /** Tells a reader what the name of the cell does not say, when the focus has come to rest. */
    function speak() {
        var title = titles.get(item().card.id);
        write(byId('live'), title ?
            [title.name, extent(title, title, true), title.genres.join(', '), title.synopsis].filter(Boolean).join('. ') : '');
    }

    // The panel of one title.

    function openPanel() {
        if (!gallery) {
            return;
        }
        show('panel');
        byId('panel-text').scrollTop = 0;
        onTitleFocus();
    }

    function closePanel() {
        show('gallery');
    }

    function drawPanel(focused, card, title, error) {
        var panel = views.panel;
        var list = within(panel, 'panel-list');
        var original = title && title.originalName !== card.name ? title.originalName : '';
        write(byId('panel-name'), card.name);
        write(within(panel, 'panel-original'), original);
        writeFacts(within(panel, 'details-facts'), focused, card, title, true);
        write(within(panel, 'panel-synopsis'), title ? title.synopsis : withoutTitle(title, error));
        list.textContent = '';
        if (title) {
            addEntry(list, 'Genres', title.genres);
            addEntry(list, 'Cast', title.cast);
            addEntry(list, title.directors.length > 1 ? 'Directors' : 'Director', title.directors);
        }
        byId('panel-previous').disabled = rows.column === 0;
        byId('panel-next').disabled = rows.column === gallery.rows[rows.row].length - 1;
    }

    function withoutTitle(title, error) {
        if (title === null) {
            return 'The server knows no more about this title.';
        }
        return error ? error.message + ' ' + error.detail + ' Go to another title and back to try again.' : '';
    }

    function addEntry(list, name, values) {
        var term, value;
        if (values.length === 0) {
            return;
        }
        term = list.appendChild(document.createElement('dt'));
        term.textContent = name;
        value = list.appendChild(document.createElement('dd'));
        value.dir = 'auto';
        value.lang = '';
        value.textContent = listed(values, ', ');
    }

    function turnPanel(step) {
        rows.moveColumns(step);
        byId('panel-text').scrollTop = 0;
        keepFocus('panel-close');
    }

    // Why a row is where it is.

    function openWhy() {
        var asked = gallery;
        if (!gallery) {
            return;
        }
        whyOpener = document.activeElement;
        show('why');
        // One question for each answer: what is told holds for the moment of that one. After a failure it is asked again.
        if (gallery.why === undefined && !gallery.isAskedWhy) {
            gallery.isAskedWhy = true;
            gallery.whyError = null;
            Data.why(gallery, function (error, why) {
                asked.isAskedWhy = false;
                asked.whyError = error;
                asked.why = error ? undefined : why;
                if (shown === 'why' && gallery === asked) {
                    drawWhy();
                }
            });
        }
        drawWhy();
        byId('why-text').scrollTop = 0;
    }

    function closeWhy() {
        show('gallery');
        if (whyOpener === byId('why-open')) {
            whyOpener.focus();
        }
    }

    function drawWhy() {
        var row = gallery.rows[rows.row];
        var error = gallery.whyError;
        var said = { sentence: error ? error.message + ' ' + error.detail : '', titles: [] };
        try {
            if (gallery.why !== undefined) {
                said = Why.describe(gallery.why, gallery.view, row, Data.nowOf(gallery));
            }
            write(byId('why-name'), row.name);
        } catch (damage) {
            closeWhy();
            fail('This gallery is damaged.', '/gallery/' + profile + ': ' + damage.message, openGallery);
            return;
        }
        byId('why').setAttribute('aria-busy', String(gallery.why === undefined && !error));
        write(byId('why-sentence'), said.sentence);
        Why.fill(byId('why-titles'), said.titles);
        byId('why-previous').disabled = rows.row === 0;
        byId('why-next').disabled = rows.row === gallery.rows.length - 1;
    }

    /** Goes to the row above or below, and says why that one is where it is. */
    function turnWhy(step) {
        rows.moveRows(rows.row + step < 0 ? 0 : step);
        // The row that comes into sight may be damaged, and then there is no gallery any more.
        if (!gallery) {
            return;
        }
        drawWhy();
        byId('why-text').scrollTop = 0;
        keepFocus('why-close');
    }

    /** A disabled button cannot keep the focus. */
    function keepFocus(id) {
        if (document.activeElement === document.body || document.activeElement.disabled) {
            byId(id).focus();
        }
    }

    // The picker.

    function dressPerson(cell) {
        cell.tile = cell.face.appendChild(document.createElement('div'));
        cell.initial = cell.tile.appendChild(document.createElement('span'));
        cell.image = cell.tile.appendChild(document.createElement('img'));
        cell.image.alt = '';
        cell.image.className = 'boxart';
        cell.name = cell.face.appendChild(document.createElement('div'));
        cell.name.className = 'tile-name';
        cell.name.dir = 'auto';
        cell.name.lang = '';
    }

    /** The first character as people see it, as far as ES5 knows: no half of a surrogate pair. */
    function initialOf(name) {
        var found = /^(?:[\uD800-\uDBFF][\uDC00-\uDFFF]|[\s\S])/.exec(name);
        return found ? found[0].toUpperCase() : '?';
    }

    function modelOfPicker() {
        return {
            rows: Math.ceil(people.length / personColumns),
            length: function (row) { return Math.min(personColumns, people.length - row * personColumns); },
            name: function () { return ''; },
            bind: function (cell, row, column) {
                var index = row * personColumns + column;
                var person = people[index];
                var url = person.avatar ? '/assets/' + person.avatar : '';
                cell.tile.className = 'tile ' + Art.toneOf(index);
                cell.initial.textContent = initialOf(person.name);
                cell.name.textContent = person.name;
                cell.url = url;
                if (url) {
                    Art.decode(cell.image, url, function (isReady) {
                        if (isReady && cell.url === url) {
                            cell.image.classList.add('is-ready');
                        }
                    });
                }
                return person.name;
            },
            clear: function (cell) {
                cell.url = '';
                cell.image.classList.remove('is-ready');
                cell.image.removeAttribute('src');
            }
        };
    }

    /** As many columns as fit, in the middle of the screen. */
    function measurePicker() {
        var rem = remPixels();
        var isPhone = page.classList.contains('is-phone');
        var tile = (isPhone ? 10 : 13) * rem;
        var pitch = tile + (isPhone ? 1.8 : 3) * rem;
        var width = views.picker.clientWidth;
        var fitting = Math.floor((width - (isPhone ? 3 : 12) * rem + pitch - tile) / pitch);
        personColumns = Math.max(1, Math.min(PROFILE_COLUMNS_MAX, fitting, people.length));
        return {
            left: (width - personColumns * pitch + pitch - tile) / 2, cell: tile, pitch: pitch, lead: 0, height: tile + 4 * rem,
            rowPitch: tile + 5.5 * rem, top: 1.5 * rem
        };
    }

    function openPicker() {
        stopTimers();
        show('picker');
        document.title = 'HoneyBadger';
        hero.show('', 0);
        Data.profiles(function (error, list) {
            if (shown !== 'picker') {
                return;
            }
            if (error) {
                fail(error.message, error.detail, openPicker);
                return;
            }
            people = list.filter(function (person) { return person && typeof person.id === 'string'; });
            people.forEach(function (person) { person.name = person.name || person.id; });
            if (people.length === 0) {
                people.push(GUEST);
            }
            drawPicker();
        });
    }

    function drawPicker() {
        var last = recall();
        var index = 0;
        people.forEach(function (person, position) {
            if (person.id === last) {
                index = position;
            }
        });
        measurePicker();
        picker.show(modelOfPicker(), Math.floor(index / personColumns), index % personColumns);
        mark('picker-drawn');
    }

    function openPerson(row, column) {
        go('#/' + encodeURIComponent(people[row * personColumns + column].id));
    }

    // The gallery.

    function openGallery() {
        var asked = profile;
        gallery = null;
        show('gallery');
        stopTimers();
        hero.show('', 0);
        details.block.classList.add('is-waiting');
        writeChip(asked, '');
        write(byId('note'), '');
        rows.show(SKELETON);
        byId('rows').setAttribute('aria-busy', 'true');
        Data.gallery(asked, function (error, data) {
            // Somebody may have gone on meanwhile.
            if (profile !== asked || shown !== 'gallery' || gallery) {
                return;
            }
            byId('rows').setAttribute('aria-busy', 'false');
            if (error) {
                fail(error.message, error.detail, openGallery);
            } else if (data.rows.length === 0) {
                fail('This gallery is empty.', '/gallery/' + asked + ' has no row with a title in it.', openGallery);
            } else {
                gallery = data;
                drawGallery();
            }
        });
    }

    function drawGallery() {
        var name = gallery.view.displayName || profile;
        remember(profile);
        document.title = name + ' · HoneyBadger';
        writeChip(name, gallery.view.avatar);
        write(byId('note'), gallery.isFallback ? 'There is no profile “' + profile + '” here: this is what guests see.' : '');
        rows.show(modelOfGallery(gallery));
        // Unless it was found damaged on the way.
        if (gallery) {
            mark('gallery-drawn');
        }
    }

    function writeChip(name, avatar) {
        var picture = within(byId('chip'), 'avatar');
        picture.textContent = avatar ? '' : initialOf(name);
        picture.style.backgroundImage = avatar ? 'url("/assets/' + avatar + '")' : 'none';
        within(byId('chip'), 'chip-name').textContent = name;
    }

    // When something fails.

    function fail(message, detail, again) {
        retry = again;
        gallery = null;
        stopTimers();
        byId('failure-title').textContent = message;
        byId('failure-message').textContent = again === openGallery ?
            'The gallery cannot be shown now. Try again, or choose another profile.' :
            'The profiles cannot be shown now. Try again, or go on as a guest.';
        within(views.failure, 'failure-detail').textContent = detail;
        byId('failure-other').textContent = again === openGallery ? 'Choose another profile' : 'Go on as a guest';
        show('failure');
    }

    // Views and addresses.

    function show(name) {
        var isPanel = name === 'panel' || name === 'why';
        shown = name;
        Object.keys(views).forEach(function (key) {
            // A panel lies over the gallery, which goes on to exist for it.
            var isSeen = key === name || key === 'gallery' && isPanel;
            views[key].hidden = !isSeen;
        });
        page.classList.toggle('is-panel', isPanel);
        page.classList.toggle('is-gallery', name === 'gallery' || isPanel);
        views.gallery.setAttribute('aria-hidden', String(isPanel));
        focusOf(name).focus();
    }

    function focusOf(name) {
        return byId({ picker: 'profiles', gallery: 'rows', panel: 'panel-close', why: 'why-close', failure: 'failure-retry' }[name]);
    }

    function profileOfAddress() {
        var named = /^#\/(.+)$/.exec(root.location.hash);
        try {
            return named ? decodeURIComponent(named[1]) : '';
        } catch (error) {
            return '';
        }
    }

    function go(address) {
        root.location.hash = address;
        route();
    }

    /** Shows what the address names, unless it is shown. */
    function route() {
        var named = profileOfAddress();
        if (named === profile) {
            return;
        }
        profile = named;
        gallery = null;
        if (profile === '') {
            openPicker();
        } else {
            openGallery();
        }
    }

    /** Says when something was put before the person: the frame after the one that drew it has begun. */
    function mark(name) {
        root.requestAnimationFrame(function () {
            root.setTimeout(function () {
                if (root.performance && root.performance.mark) {
                    root.performance.mark(name);
                }
            }, 0);
        });
    }

    // Keys.

    function onKey(event) {
        var name = KEYS[event.keyCode];
        // Where the question mark lies is different on every keyboard.
        name = event.key === '?' ? 'why' : name;
        if (!name || event.altKey || event.metaKey || name === 'why' && event.ctrlKey) {
            if (event.keyCode === 9 && (shown === 'panel' || shown === 'why')) {
                keepTab(event);
            }
            return;
        }
        page.classList.remove('is-mouse');
        if (onNamedKey(name, event)) {
            event.preventDefault();
        }
    }

    /** Whether the key was for the page; else the browser, or the TV, does what it does with it. */
    function onNamedKey(name, event) {
        switch (shown) {
            case 'picker':
                return name !== 'back' && picker.key(name, event.ctrlKey);
            case 'gallery':
                return onGalleryKey(name, event);
            case 'panel':
                return onPanelKey(name, event);
            case 'why':
                return onWhyKey(name, event);
            default:
                return onFailureKey(name, event);
        }
    }

    function onGalleryKey(name, event) {
        if (name === 'back') {
            go('#/');
            return true;
        }
        if (name === 'why') {
            openWhy();
            return true;
        }
        // The two buttons lie above the rows, one below the other.
        if (document.activeElement === byId('chip') || document.activeElement === byId('why-open')) {
            if (name === 'enter') {
                return false;
            }
            return onButtonKey(name);
        }
        // Focusing again what has the focus would cost a layout.
        if (document.activeElement !== byId('rows')) {
            byId('rows').focus();
        }
        return gallery !== null && rows.key(name, event.ctrlKey);
    }

    function onButtonKey(name) {
        var isAtChip = document.activeElement === byId('chip');
        var next = { up: 'chip', down: isAtChip ? 'why-open' : 'rows', left: 'rows', right: 'rows' }[name];
        if (next) {
            byId(next).focus();
        }
        return next !== undefined;
    }

    function onWhyKey(name, event) {
        var isAtButton = document.activeElement && document.activeElement.tagName === 'BUTTON';
        switch (name) {
            case 'up': turnWhy(-1); return true;
            case 'down': turnWhy(1); return true;
            case 'pageup': byId('why-text').scrollTop -= 12 * remPixels(); return true;
            case 'pagedown': byId('why-text').scrollTop += 12 * remPixels(); return true;
            case 'back': case 'why': closeWhy(); return true;
            case 'enter':
                // A button does itself what Enter means.
                if (event.keyCode === 13 && isAtButton) {
                    return false;
                }
                closeWhy();
                return true;
            default: return false;
        }
    }

    function onPanelKey(name, event) {
        var isAtButton = document.activeElement && document.activeElement.tagName === 'BUTTON';
        switch (name) {
            case 'left': turnPanel(-1); return true;
            case 'right': turnPanel(1); return true;
            case 'up': byId('panel-text').scrollTop -= 4 * remPixels(); return true;
            case 'down': byId('panel-text').scrollTop += 4 * remPixels(); return true;
            case 'back': closePanel(); return true;
            case 'enter':
                // A button does itself what Enter means.
                if (event.keyCode === 13 && isAtButton) {
                    return false;
                }
                closePanel();
                return true;
            default: return false;
        }
    }

    function onFailureKey(name, event) {
        var isAtRetry = document.activeElement === byId('failure-retry');
        switch (name) {
            case 'left': case 'right': case 'up': case 'down':
                byId(isAtRetry ? 'failure-other' : 'failure-retry').focus();
                return true;
            case 'back':
                if (profile !== '') {
                    go('#/');
                    return true;
                }
                return false;
            case 'enter':
                if (event.keyCode === 13 && document.activeElement.tagName === 'BUTTON') {
                    return false;
                }
                retry();
                return true;
            default: return false;
        }
    }

    /** Tab goes round the buttons of the panel: what lies beneath is not to be reached. */
    function keepTab(event) {
        var buttons = ['close', 'previous', 'next'].map(function (part) { return byId(shown + '-' + part); }).filter(function (button) { return !button.disabled; });
        var next = buttons.indexOf(document.activeElement) + (event.shiftKey ? -1 : 1);
        event.preventDefault();
        buttons[(next + buttons.length) % buttons.length].focus();
    }

    // The size of everything.

    function remPixels() {
        return parseFloat(page.style.fontSize);
    }

    function measureRows() {
        var rem = remPixels();
        if (page.classList.contains('is-phone')) {
            return {
                left: 1.6 * rem, cell: 10.8 * rem, pitch: 11.8 * rem, lead: 3.6 * rem, height: 15.12 * rem, rowPitch: 20.6 * rem, top: 0
            };
        }
        return { left: 6 * rem, cell: 12.5 * rem, pitch: 13.8 * rem, lead: 3.6 * rem, height: 17.5 * rem, rowPitch: 23.6 * rem, top: 0 };
    }

    function layOut() {
        var width = root.innerWidth;
        var height = root.innerHeight;
        var isPhone = width < PHONE_PIXELS;
        var rem = Math.min(width / WIDE_REMS, height / HIGH_REMS);
        page.style.fontSize = (isPhone ? SMALL_REM_PIXELS : Math.max(rem, SMALL_REM_PIXELS)) + 'px';
        page.classList.toggle('is-phone', isPhone);
        // A phone that lies on its side.
        page.classList.toggle('is-low', !isPhone && height / remPixels() < HIGH_REMS * 0.85);
    }

    function onResize() {
        var index;
        layOut();
        if (shown === 'picker') {
            index = picker.row * personColumns + picker.column;
            measurePicker();
            picker.show(modelOfPicker(), Math.floor(index / personColumns), index % personColumns);
        } else if (shown === 'gallery' || shown === 'panel' || shown === 'why') {
            rows.resize();
        }
    }

    function listen() {
        document.addEventListener('keydown', onKey);
        document.addEventListener('mousemove', function (event) {
            // Not what browsers say on behalf of a finger, or when the page moves beneath a mouse that rests.
            if (event.movementX !== 0 || event.movementY !== 0) {
                page.classList.add('is-mouse');
            }
        });
        root.addEventListener('hashchange', route);
        root.addEventListener('resize', onResize);
        byId('chip').addEventListener('click', function () { go('#/'); });
        byId('panel-close').addEventListener('click', closePanel);
        byId('panel-previous').addEventListener('click', function () { turnPanel(-1); });
        byId('panel-next').addEventListener('click', function () { turnPanel(1); });
        byId('why-open').addEventListener('click', openWhy);
        byId('why-close').addEventListener('click', closeWhy);
        byId('why-previous').addEventListener('click', function () { turnWhy(-1); });
        byId('why-next').addEventListener('click', function () { turnWhy(1); });
        byId('failure-retry').addEventListener('click', function () { retry(); });
        byId('failure-other').addEventListener('click', function () {
            go(retry === openGallery ? '#/' : '#/' + GUEST.id);
        });
    }

    ['name', 'facts', 'genres', 'synopsis', 'cast', 'people'].forEach(function (part) {
        details[part] = within(details.block, 'details-' + part);
    });
    layOut();
    rows = new Grid(byId('rows'), {
        model: { rows: 0 }, dress: Art.dress, measure: measureRows, onFocus: onTitleFocus, onFocusShown: onTitleShown,
        onOpen: openPanel, onRest: loadBoxart,
        onEdge: function () { byId('why-open').focus(); }
    });
    picker = new Grid(byId('profiles'), {
        model: { rows: 0 }, dress: dressPerson, measure: measurePicker, isTable: true, onOpen: openPerson
    });
    listen();
    route();
}(this));
