/*
 * A grid of cells larger than any screen, moved by keys, wheel and touch. ES5, no dependency, knows nothing of galleries.
 *
 * The idea. What is on the screen is a window on the grid. The window has a place: `down` (in rows) and, for every row,
 * `across` (in columns). Each is an axis: a position, and a target that the position approaches a little in every
 * frame. Keys set targets; a finger sets positions and, when it leaves, the target that its speed would have reached. So
 * there is one way of moving, and it can be interrupted at any moment.
 *
 * There are as many row elements as the window shows, and two more; each has as many cell elements as fit, and a margin
 * on both sides. Row r lives in element r modulo their number, and cells likewise: what leaves on one side is the next to
 * enter on the other. Nothing is created or removed while moving, however long somebody browses.
 *
 * Keyboard focus stays on the grid element, and `aria-activedescendant` names the cell: a recycled element that had the
 * focus itself would take it to another title.
 *
 * A key is answered in the very next frame, also where a frame is hard to make: it moves the ring, which is one element
 * with a layer of its own, and nothing that is laid out. What else goes with a new focus waits for the frame after.
 */
(function (root) {
    'use strict';

    /** How fast a position approaches its target, in milliseconds to 1/e: after a key, and after a finger has left. */
    var KEY_MILLISECONDS = 70;
    var FLING_MILLISECONDS = 240;
    /** How far, in cells, a position may be behind when keys come faster than it moves. Not more than the margins. */
    var BEHIND_COLUMNS_MAX = 2;
    var BEHIND_ROWS_MAX = 1;
    /** Cells drawn beyond the window on either side. */
    var MARGIN_COLUMNS = 2;
    var MARGIN_ROWS = 1;
    /** A finger that moves less than this, in CSS pixels, is a tap. */
    var TAP_PIXELS_MAX = 9;
    /** One notch of a wheel, in CSS pixels; a trackpad's small steps are added up to it. */
    var NOTCH_PIXELS = 100;
    /** The least number of rows that PageUp and PageDown go. */
    var PAGE_ROWS_MIN = 3;

    /** Asked once, for it is read in every frame; it says at any time what holds then. */
    var STILLNESS = root.matchMedia && root.matchMedia('(prefers-reduced-motion: reduce)');

    function clamp(value, low, high) { return Math.max(low, Math.min(high, value)); }

    function modulo(value, count) { return ((value % count) + count) % count; }

    function element(tag, className, parent) {
        var made = document.createElement(tag);
        made.className = className;
        parent.appendChild(made);
        return made;
    }

    function place(target, x, y) { target.style.transform = 'translate3d(' + x + 'px,' + y + 'px,0)'; }

    function Axis() {
        this.position = 0;
        this.target = 0;
        this.time = KEY_MILLISECONDS;
    }

    /** Goes on for `elapsed` milliseconds. Whether it has moved. */
    Axis.prototype.step = function (elapsed, isStill) {
        var left = this.target - this.position;
        if (left === 0) { return false; }
        this.position = isStill || Math.abs(left) < 0.002 ? this.target : this.position + left * (1 - Math.exp(-elapsed / this.time));
        return true;
    };

    /** Aims at `target`, by key: at most `behind` away from it. */
    Axis.prototype.aim = function (target, behind) {
        this.target = target;
        this.time = KEY_MILLISECONDS;
        this.position = clamp(this.position, target - behind, target + behind);
    };

    /** A finger has left at `speed` (cells a millisecond): rests where that would have ended, at a whole cell. */
    Axis.prototype.fling = function (speed, limit) {
        var end = this.position + speed * FLING_MILLISECONDS;
        this.time = FLING_MILLISECONDS;
        // The limit itself may be no whole number of cells.
        this.target = end >= limit ? limit : clamp(Math.round(end), 0, limit);
    };

    /**
     * options:
     *   model     what is shown: { rows, length(row), name(row), bind(cell, row, column), clear(cell) }; `bind` returns the
     *             accessible name of the cell, and fills `cell.face`, which `dress` has furnished
     *   dress     furnishes the element of a cell, once
     *   measure   () -> { left, cell, pitch, lead, height, rowPitch, top }: pixels; the safe margin, width of a cell, from cell to
     *             cell, height of what stands above the cells of a row, height of a cell, from row to row, space above the rows
     *   isTable   a column is kept from row to row, in place of each row remembering its own
     *   onFocus   (row, column); onFocusShown: the frame that shows it is made; onOpen (row, column);
     *             onRest: nothing moves any more; onEdge ("up"): there is no row above
     */
    function Grid(host, options) {
        this.host = host;
        this.options = options;
        this.model = options.model;
        this.down = new Axis();
        this.acrosses = {};
        this.columns = {};
        this.row = 0;
        this.column = 0;
        this.rowSlots = [];
        this.frame = 0;
        this.frameTime = 0;
        /** Whether the next frame is the first with this focus; whether what goes with it waits for the one after. */
        this.isFresh = this.isAwaited = false;
        /** The cell that stands out, which is one frame behind the focus. */
        this.raised = undefined;
        this.finger = null;
        this.wheel = 0;
        this.mouseX = this.mouseY = -1;
        this.tick = this.tick.bind(this);
        this.stage = element('div', 'grid-stage', host);
        this.stage.setAttribute('role', 'presentation');
        host.setAttribute('role', 'grid');
        host.tabIndex = 0;
        this.listen();
        this.resize();
    }

    /** Shows another model, from its first cell on, or from `row` and `column`. */
    Grid.prototype.show = function (model, row, column) {
        var widest = 0;
        var index;
        this.model = model;
        this.acrosses = {};
        this.columns = {};
        this.down = new Axis();
        this.row = this.column = 0;
        for (index = 0; index < model.rows; index += 1) { widest = Math.max(widest, model.length(index)); }
        this.host.setAttribute('aria-rowcount', model.rows);
        this.host.setAttribute('aria-colcount', widest + (this.hasNames() ? 1 : 0));
        this.clear();
        this.fit();
        if (model.rows === 0) {
            this.render();
            return;
        }
        this.focus(row || 0, column || 0, true);
        this.down.position = this.down.target;
        this.across(this.row).position = this.across(this.row).target;
        this.render();
    };

    Grid.prototype.hasNames = function () { return !this.options.isTable; };

    /** Reads the measures again, and makes as many elements as they ask for. */
    Grid.prototype.resize = function () {
        this.fit();
        if (this.model.rows > 0) { this.focus(this.row, this.column, true); }
        this.down.position = this.down.target;
        this.render();
    };

    Grid.prototype.fit = function () {
        var size = this.options.measure();
        var width = this.host.clientWidth;
        var height = this.host.clientHeight;
        var columns, rows;
        this.size = size;
        this.seenColumns = Math.max(1, Math.floor((width - 2 * size.left + size.pitch - size.cell) / size.pitch + 0.01));
        this.seenRows = Math.max(1, Math.floor((height - size.top + size.rowPitch - size.lead - size.height) / size.rowPitch + 0.01));
        columns = Math.ceil(width / size.pitch) + 1 + 2 * MARGIN_COLUMNS;
        rows = Math.ceil((height - size.top) / size.rowPitch) + 1 + 2 * MARGIN_ROWS;
        if (rows !== this.rowSlots.length || columns !== this.rowSlots[0].cells.length) { this.build(rows, columns); }
        this.clear();
    };

    Grid.prototype.build = function (rows, columns) {
        var slot, header, index, cell;
        this.clear();
        this.stage.textContent = '';
        this.rowSlots = [];
        while (this.rowSlots.length < rows) {
            slot = { row: NaN, cells: [], node: element('div', 'grid-row', this.stage) };
            slot.node.setAttribute('role', 'row');
            if (this.hasNames()) {
                header = element('div', 'grid-name', slot.node);
                header.setAttribute('role', 'rowheader');
                header.setAttribute('aria-colindex', 1);
                header.setAttribute('dir', 'auto');
                header.setAttribute('lang', '');
                slot.name = header.appendChild(document.createTextNode(''));
            }
            slot.track = element('div', 'grid-track', slot.node);
            slot.track.setAttribute('role', 'presentation');
            for (index = 0; index < columns; index += 1) {
                cell = { column: NaN, node: element('div', 'cell', slot.track) };
                cell.node.setAttribute('role', 'gridcell');
                cell.face = element('div', 'cell-face', cell.node);
                this.options.dress(cell);
                slot.cells.push(cell);
            }
            if (this.hasNames()) { this.addPaging(slot, 'back', -1); this.addPaging(slot, 'on', 1); }
            this.rowSlots.push(slot);
        }
        if (this.hasNames()) {
            this.ring = element('div', 'grid-ring', this.stage);
            this.ring.setAttribute('aria-hidden', 'true');
            // A new one is nowhere yet.
            this.ringX = this.ringY = NaN;
        }
    };

    /** A button at the end of a row, for a mouse. Keys and fingers have better ways, so readers of the page are not told. */
    Grid.prototype.addPaging = function (slot, name, direction) {
        var button = element('button', 'grid-page grid-page-' + name, slot.node);
        button.type = 'button';
        button.tabIndex = -1;
        button.setAttribute('aria-hidden', 'true');
        button.setAttribute('data-page', direction);
    };

    /** Forgets what the elements show, so that the next `render` fills them anew. */
    Grid.prototype.clear = function () {
        var self = this;
        this.drawnDown = NaN;
        this.rowSlots.forEach(function (slot) {
            slot.row = NaN;
            slot.cells.forEach(function (cell) { self.unbind(cell); });
        });
    };

    Grid.prototype.across = function (row) {
        var found = this.acrosses[row];
        if (!found) { found = this.acrosses[row] = new Axis(); }
        return found;
    };

    Grid.prototype.acrossLimit = function (row) { return Math.max(0, this.model.length(row) - this.seenColumns); };

    Grid.prototype.downLimit = function () { return Math.max(0, this.model.rows - this.seenRows); };

    /** The cell that shows a place of the grid, or undefined while it is outside the window. */
    Grid.prototype.cellAt = function (row, column) {
        var slot = this.rowSlots[modulo(row, this.rowSlots.length)];
        var cell = slot && slot.row === row ? slot.cells[modulo(column, slot.cells.length)] : undefined;
        return cell && cell.column === column ? cell : undefined;
    };

    /** Moves the focus. With `isFollowed` the window follows it; a mouse and a tap leave the window where it is. */
    Grid.prototype.focus = function (row, column, isFollowed) {
        var before = this.cellAt(this.row, this.column);
        this.row = clamp(row, 0, this.model.rows - 1);
        this.column = clamp(column, 0, this.model.length(this.row) - 1);
        this.columns[this.row] = this.column;
        if (before) { before.node.classList.remove('is-focused'); }
        if (isFollowed) {
            this.down.aim(Math.min(this.row, this.downLimit()), BEHIND_ROWS_MAX);
            this.across(this.row).aim(Math.min(this.column, this.acrossLimit(this.row)), BEHIND_COLUMNS_MAX);
        }
        this.render();
        this.mark();
        this.isFresh = true;
        this.start();
        if (this.options.onFocus) { this.options.onFocus(this.row, this.column); }
    };

    /** Draws the focus where it is. */
    Grid.prototype.mark = function () {
        var cell = this.cellAt(this.row, this.column);
        var row = this.row;
        var top = Math.floor(this.down.target);
        this.rowSlots.forEach(function (slot) {
            slot.node.classList.toggle('is-current', slot.row === row);
            slot.node.classList.toggle('is-above', slot.row < top);
        });
        if (!cell) { return; }
        cell.node.classList.add('is-focused');
        this.host.setAttribute('aria-activedescendant', cell.node.id);
    };

    /** The column where the focus goes in a row: the one that it remembers. */
    Grid.prototype.columnOf = function (row) { return this.options.isTable ? this.column : this.columns[row] || 0; };

    Grid.prototype.moveRows = function (count) {
        var row = clamp(this.row + count, 0, this.model.rows - 1);
        if (row !== this.row) {
            this.focus(row, this.columnOf(row), true);
        } else if (count < 0 && this.options.onEdge) {
            this.options.onEdge('up');
        }
    };

    Grid.prototype.moveColumns = function (count) { this.focus(this.row, this.column + count, true); };

    /** Does what a key asks for. Whether the key is one of the grid's. */
    Grid.prototype.key = function (name, hasControl) {
        var page = Math.max(PAGE_ROWS_MIN, this.seenRows);
        if (this.model.rows === 0) { return false; }
        switch (name) {
            case 'left': this.moveColumns(-1); return true;
            case 'right': this.moveColumns(1); return true;
            case 'up': this.moveRows(-1); return true;
            case 'down': this.moveRows(1); return true;
            case 'pageup': this.moveRows(-Math.min(page, this.row)); return true;
            case 'pagedown': this.moveRows(page); return true;
            case 'home': this.focus(hasControl ? 0 : this.row, 0, true); return true;
            case 'end': this.focus(hasControl ? this.model.rows - 1 : this.row, Infinity, true); return true;
            case 'enter': this.options.onOpen(this.row, this.column); return true;
            default: return false;
        }
    };

    /** Brings the elements to where the axes are. Cheap when nothing has changed. */
    Grid.prototype.render = function () {
        // Rounded, so that what enters is bound halfway to it, and not in the frame that answers a key.
        var first = Math.round(this.down.position) - MARGIN_ROWS;
        var index, row, slot;
        if (this.drawnDown !== this.down.position) {
            this.drawnDown = this.down.position;
            place(this.stage, 0, Math.round(this.size.top - this.down.position * this.size.rowPitch));
        }
        for (index = 0; index < this.rowSlots.length; index += 1) {
            row = first + index;
            slot = this.rowSlots[modulo(row, this.rowSlots.length)];
            if (slot.row !== row) { this.bindRow(slot, row); }
            if (row >= 0 && row < this.model.rows) { this.renderRow(slot, row); }
        }
        if (this.ring) { this.renderRing(); }
    };

    Grid.prototype.renderRing = function () {
        var size = this.size;
        var x = this.trackX(this.across(this.row)) + this.column * size.pitch;
        var y = this.row * size.rowPitch + size.lead;
        if (x !== this.ringX || y !== this.ringY) { place(this.ring, x, y); }
        this.ringX = x;
        this.ringY = y;
    };

    Grid.prototype.trackX = function (across) { return Math.round(this.size.left - across.position * this.size.pitch); };

    Grid.prototype.bindRow = function (slot, row) {
        var self = this;
        var isThere = row >= 0 && row < this.model.rows;
        slot.row = row;
        slot.across = NaN;
        slot.cells.forEach(function (cell) { self.unbind(cell); });
        slot.node.style.display = isThere ? '' : 'none';
        if (!isThere) { return; }
        place(slot.node, 0, row * this.size.rowPitch);
        slot.node.setAttribute('aria-rowindex', row + 1);
        slot.node.classList.toggle('is-current', row === this.row);
        slot.node.classList.toggle('is-above', row < Math.floor(this.down.target));
        if (slot.name) { slot.name.data = this.model.name(row); }
    };

    Grid.prototype.renderRow = function (slot, row) {
        var across = this.across(row);
        var first = Math.round(across.position) - MARGIN_COLUMNS;
        var index, column, cell;
        if (slot.across === across.position) { return; }
        slot.across = across.position;
        place(slot.track, this.trackX(across), 0);
        slot.node.classList.toggle('is-first', across.target <= 0);
        slot.node.classList.toggle('is-last', across.target >= this.acrossLimit(row));
        for (index = 0; index < slot.cells.length; index += 1) {
            column = first + index;
            cell = slot.cells[modulo(column, slot.cells.length)];
            if (cell.column !== column) { this.bind(cell, row, column); }
        }
    };

    Grid.prototype.bind = function (cell, row, column) {
        var isThere = column >= 0 && column < this.model.length(row);
        this.unbind(cell);
        cell.column = column;
        if (!isThere) { return; }
        cell.row = row;
        cell.isBound = true;
        cell.node.id = this.host.id + '-' + row + '-' + column;
        cell.node.style.display = '';
        place(cell.node, column * this.size.pitch, 0);
        cell.node.setAttribute('aria-colindex', column + (this.hasNames() ? 2 : 1));
        cell.node.setAttribute('aria-label', this.model.bind(cell, row, column));
        if (row === this.row && column === this.column) { cell.node.classList.add('is-focused'); }
    };

    Grid.prototype.unbind = function (cell) {
        cell.column = NaN;
        cell.node.style.display = 'none';
        if (!cell.isBound) { return; }
        cell.isBound = false;
        cell.node.removeAttribute('id');
        cell.node.classList.remove('is-focused');
        if (this.raised === cell) { this.raise(undefined); }
        this.model.clear(cell);
    };

    /** Calls back with every cell that shows something: the row of the focus first, each from the window's first column on. */
    Grid.prototype.each = function (visit) {
        var current = this.row;
        var slots = this.rowSlots.slice().sort(function (a, b) {
            return Math.abs(a.row - current) - Math.abs(b.row - current) || b.row - a.row;
        });
        slots.forEach(function (slot) {
            slot.cells.slice().sort(function (a, b) { return a.column - b.column; }).forEach(function (cell) {
                if (cell.isBound) { visit(cell); }
            });
        });
    };

    /** Raises a cell, and lowers the one that was. */
    Grid.prototype.raise = function (cell) {
        if (this.raised === cell) { return; }
        if (this.raised) { this.raised.node.classList.remove('is-raised'); }
        this.raised = cell;
        if (cell) { cell.node.classList.add('is-raised'); }
    };

    Grid.prototype.start = function () {
        if (this.frame === 0) {
            this.frameTime = 0;
            this.host.classList.add('is-moving');
            this.frame = root.requestAnimationFrame(this.tick);
        }
    };

    Grid.prototype.tick = function (now) {
        var elapsed = this.frameTime === 0 ? 16 : Math.min(64, now - this.frameTime);
        var isStill = Grid.prefersStillness();
        var hasMoved = this.down.step(elapsed, isStill);
        var self = this;
        this.frame = 0;
        this.frameTime = now;
        if (this.isFresh) {
            this.isFresh = false;
            this.isAwaited = hasMoved = true;
        } else {
            this.raise(this.cellAt(this.row, this.column));
            if (this.isAwaited && this.options.onFocusShown) { this.options.onFocusShown(); }
            this.isAwaited = false;
        }
        this.rowSlots.forEach(function (slot) {
            var across = self.acrosses[slot.row];
            if (across && across.step(elapsed, isStill)) { hasMoved = true; }
        });
        if (hasMoved) {
            this.render();
            this.frame = root.requestAnimationFrame(this.tick);
        } else {
            this.host.classList.remove('is-moving');
            if (!this.finger && this.options.onRest) {
                this.options.onRest();
            }
        }
    };

    Grid.prefersStillness = function () {
        return !!STILLNESS && STILLNESS.matches;
    };

    // Mouse and touch.

    Grid.prototype.listen = function () {
        var host = this.host;
        var self = this;
        function on(name, handler, isActive) {
            host.addEventListener(name, function (event) { self[handler](event); }, isActive ? { passive: false } : false);
        }
        on('mousemove', 'onMouseMove');
        on('click', 'onClick');
        on('wheel', 'onWheel', true);
        on('touchstart', 'onTouchStart', true);
        on('touchmove', 'onTouchMove', true);
        on('touchend', 'onTouchEnd', true);
        on('touchcancel', 'onTouchEnd', true);
    };

    /** What of the grid an event is about: { slot, cell }, each undefined where there is none. */
    Grid.prototype.hit = function (target) {
        var found = {};
        this.rowSlots.forEach(function (slot) {
            if (!slot.node.contains(target)) { return; }
            found.slot = slot;
            slot.cells.forEach(function (cell) { if (cell.isBound && cell.node.contains(target)) { found.cell = cell; } });
        });
        return found;
    };

    Grid.prototype.onMouseMove = function (event) {
        var cell;
        // A browser also says "mousemove" when the page moves beneath a mouse that rests.
        if (event.clientX === this.mouseX && event.clientY === this.mouseY) { return; }
        this.mouseX = event.clientX;
        this.mouseY = event.clientY;
        cell = this.hit(event.target).cell;
        if (cell && (cell.row !== this.row || cell.column !== this.column)) { this.focus(cell.row, cell.column, false); }
    };

    Grid.prototype.onClick = function (event) {
        var found = this.hit(event.target);
        var page = Number(event.target.getAttribute('data-page'));
        if (page && found.slot) {
            this.page(found.slot.row, page);
        } else if (found.cell) {
            this.focus(found.cell.row, found.cell.column, false);
            this.options.onOpen(found.cell.row, found.cell.column);
        }
    };

    /** Turns a row by as many columns as are seen. */
    Grid.prototype.page = function (row, direction) {
        var across = this.across(row);
        var target = clamp(Math.round(across.target) + direction * this.seenColumns, 0, this.acrossLimit(row));
        across.target = target;
        across.time = FLING_MILLISECONDS / 2;
        this.focus(row, target, false);
    };

    Grid.prototype.onWheel = function (event) {
        var isAcross = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
        var delta = isAcross && event.deltaX ? event.deltaX : event.deltaY;
        var notch = event.deltaMode === 1 ? NOTCH_PIXELS / 3 : 1;
        var slot, steps;
        event.preventDefault();
        this.wheel += delta * notch;
        steps = this.wheel < 0 ? Math.ceil(this.wheel / NOTCH_PIXELS) : Math.floor(this.wheel / NOTCH_PIXELS);
        if (steps === 0) { return; }
        this.wheel -= steps * NOTCH_PIXELS;
        if (!isAcross) {
            this.focus(this.row + steps, this.columnOf(clamp(this.row + steps, 0, this.model.rows - 1)), true);
            return;
        }
        slot = this.hit(event.target).slot;
        if (slot) { this.across(slot.row).aim(clamp(Math.round(this.across(slot.row).target) + steps, 0, this.acrossLimit(slot.row)), Infinity); }
        this.start();
    };

    Grid.prototype.onTouchStart = function (event) {
        var touch = event.changedTouches[0];
        var found = this.hit(event.target);
        var row = found.slot ? found.slot.row : this.row;
        var isMoving = this.down.position !== this.down.target || this.across(row).position !== this.across(row).target;
        if (this.finger || Number(event.target.getAttribute('data-page'))) { return; }
        this.finger = {
            id: touch.identifier, x: touch.clientX, y: touch.clientY, row: row, cell: found.cell, axis: null, from: 0,
            isTap: !isMoving, speed: 0, at: 0, time: event.timeStamp
        };
        // A finger holds what moves.
        this.down.target = this.down.position;
        this.across(row).target = this.across(row).position;
    };

    Grid.prototype.fingerOf = function (event) {
        var index;
        for (index = 0; index < event.changedTouches.length; index += 1) {
            if (this.finger && event.changedTouches[index].identifier === this.finger.id) { return event.changedTouches[index]; }
        }
        return undefined;
    };

    Grid.prototype.onTouchMove = function (event) {
        var touch = this.fingerOf(event);
        var finger = this.finger;
        var x, y, isDown, limit, position, elapsed;
        if (!touch) { return; }
        event.preventDefault();
        x = touch.clientX - finger.x;
        y = touch.clientY - finger.y;
        if (!finger.axis) {
            if (Math.max(Math.abs(x), Math.abs(y)) < TAP_PIXELS_MAX) { return; }
            finger.isTap = false;
            finger.axis = Math.abs(y) > Math.abs(x) || this.options.isTable ? this.down : this.across(finger.row);
            finger.from = finger.at = finger.axis.position;
            finger.x = touch.clientX;
            finger.y = touch.clientY;
            x = y = 0;
        }
        isDown = finger.axis === this.down;
        limit = isDown ? this.downLimit() : this.acrossLimit(finger.row);
        position = finger.from - (isDown ? y / this.size.rowPitch : x / this.size.pitch);
        // Beyond an end the grid follows with a third of the way, to say that there is no more.
        if (position < 0) { position /= 3; }
        if (position > limit) { position = limit + (position - limit) / 3; }
        elapsed = Math.max(1, event.timeStamp - finger.time);
        finger.speed = finger.speed * 0.4 + 0.6 * (position - finger.at) / elapsed;
        finger.at = position;
        finger.time = event.timeStamp;
        finger.axis.position = finger.axis.target = position;
        this.render();
    };

    Grid.prototype.onTouchEnd = function (event) {
        var finger = this.finger;
        var isDown, row;
        if (!this.fingerOf(event)) { return; }
        this.finger = null;
        // Else the browser says "mousemove" and "click" as well.
        event.preventDefault();
        this.host.focus();
        if (finger.axis) {
            // A finger that rested before it left throws nothing.
            if (event.timeStamp - finger.time > 80) { finger.speed = 0; }
            isDown = finger.axis === this.down;
            finger.axis.fling(finger.speed, isDown ? this.downLimit() : this.acrossLimit(finger.row));
            row = isDown ? Math.round(this.down.target) : finger.row;
            this.focus(row, isDown ? this.columnOf(row) : Math.round(finger.axis.target), false);
            return;
        }
        // What it has held goes on to a whole cell.
        this.down.fling(0, this.downLimit());
        this.across(finger.row).fling(0, this.acrossLimit(finger.row));
        this.start();
        if (!finger.isTap || !finger.cell || event.type === 'touchcancel') { return; }
        if (finger.cell.row === this.row && finger.cell.column === this.column) {
            this.options.onOpen(this.row, this.column);
        } else {
            this.focus(finger.cell.row, finger.cell.column, false);
        }
    };

    root.Grid = Grid;
}(this));
