// The browse page in Chromium, against the example (HONEYBADGER=path of its program) or a stand-in with the same surface.
// Screenshots go to SCREENSHOTS or tests/javascript/screenshots. What CI must have: chromium, and fonts for the names
// (fonts-noto-core, fonts-noto-cjk, fonts-noto-color-emoji).
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const acorn = require('acorn');
const Badger = require('../../examples/javascript/poco.js');
const support = require('./support/gallery_page.js');

const { focused, rest, isDrawn, pressCode, swipe } = support;
const PAGE = path.join(__dirname, '../../examples/honeybadger/page');
const SCREENSHOTS = process.env.SCREENSHOTS || path.join(__dirname, 'screenshots');
const TV = { viewport: { width: 1280, height: 720 } };
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const IS_THERE = fs.existsSync(support.EXECUTABLE);

const read = (name) => fs.readFileSync(path.join(PAGE, name), 'utf8');

test('the page is ES5 and plain CSS, and asks nobody but its own server', () => {
    const scripts = fs.readdirSync(PAGE).filter((name) => name.endsWith('.js'));
    assert.deepEqual(scripts.sort(), ['art.js', 'data.js', 'grid.js', 'page.js', 'why.js']);
    for (const name of scripts) {
        acorn.parse(read(name), { ecmaVersion: 5, sourceType: 'script' });
        assert.ok(read('index.html').includes(`src="${name}"`), name);
    }
    const style = read('page.css').replace(/\/\*[\s\S]*?\*\//g, '');
    assert.doesNotMatch(style, /display:\s*(inline-)?grid|var\(|\bgap:|\binset:|aspect-ratio|:is\(|:where\(/);
    for (const name of ['index.html', 'page.css', ...scripts]) {
        assert.doesNotMatch(read(name), /https?:\/\/|url\(["']?\/\//, name);
    }
});

test('the browse page', { skip: IS_THERE ? false : `no ${support.EXECUTABLE}` }, async (t) => {
    const server = await support.startServer();
    const browser = await support.startBrowser();
    const people = await (await fetch(`${server.base}/profiles`)).json();
    const profile = people[0].id;
    const expected = await support.galleryOf(server.base, profile);
    const nameAt = (row, column) => expected.row(row).item(column).card.name;
    const lastOf = (row) => expected.row(row).length - 1;
    t.after(async () => {
        await browser.close();
        await server.close();
    });

    /** A test with a page of its own, at `address`, which must end without an error of a script. */
    function scene(name, { options = TV, address = `#/${profile}`, moment = support.MOMENT, drawn = 'gallery-drawn', before = () => {} }, work) {
        return t.test(name, async () => {
            const context = await browser.newContext(options);
            const page = await context.newPage();
            const errors = [];
            page.on('pageerror', (error) => errors.push(error.stack));
            const session = await context.newCDPSession(page);
            try {
                await before(page);
                await page.goto(`${server.base}/?${moment}${address}`);
                if (drawn) {
                    await isDrawn(page, drawn);
                }
                await work(page, session);
                assert.deepEqual(errors, []);
            } finally {
                await context.close();
            }
        });
    }
    async function at(page, row, column) {
        const now = await focused(page);
        assert.deepEqual([now.row, now.column, now.isMarked], [row, column, true]);
        const name = nameAt(row, column);
        assert.ok(now.label.startsWith(name), `${now.label} is not ${name}`);
        assert.equal(await page.locator('.details-name').textContent(), name);
    }
    const press = async (page, ...keys) => {
        for (const key of keys) {
            await page.keyboard.press(key);
        }
    };
    const seen = (page, id) => page.locator(`#${id}`).isVisible();

    await scene('the picker opens a gallery, and remembers which', { address: '', drawn: 'picker-drawn' }, async (page) => {
        assert.equal((await focused(page, 'profiles')).label, people[0].name);
        await press(page, 'ArrowRight');
        assert.equal((await focused(page, 'profiles')).label, people[1].name);
        await press(page, 'ArrowLeft', 'ArrowLeft', 'ArrowRight', 'Enter');
        await isDrawn(page, 'gallery-drawn');
        assert.equal(new URL(page.url()).hash, `#/${people[1].id}`);
        assert.equal(await page.locator('.chip-name').textContent(), people[1].name);
        assert.equal(await page.locator('#note').isVisible(), false);
        await press(page, 'Backspace');
        assert.equal(await seen(page, 'picker'), true);
        await page.reload();
        await isDrawn(page, 'picker-drawn');
        assert.equal((await focused(page, 'profiles')).label, people[1].name);
        await page.goBack();
        await page.waitForFunction(() => !document.getElementById('gallery').hidden);
    });

    await scene('arrow keys, the edges, and rows that remember', {}, async (page) => {
        await at(page, 0, 0);
        // The ring is round the cell before any key was pressed.
        const around = await page.evaluate(() => {
            const [ring, cell] = ['.grid-ring', '.cell.is-focused'].map((name) => document.querySelector(`#rows ${name}`).getBoundingClientRect());
            return [ring.left < cell.left, ring.top < cell.top, ring.right > cell.right, ring.bottom > cell.bottom];
        });
        assert.deepEqual(around, [true, true, true, true]);
        await press(page, 'ArrowLeft');
        await at(page, 0, 0);
        await press(page, 'ArrowRight', 'ArrowRight', 'ArrowRight');
        await at(page, 0, Math.min(3, lastOf(0)));
        await press(page, 'ArrowDown', 'ArrowRight');
        await at(page, 1, 1);
        await press(page, 'ArrowUp');
        await at(page, 0, Math.min(3, lastOf(0)));
        await press(page, 'ArrowDown');
        await at(page, 1, 1);
        await press(page, 'End');
        await at(page, 1, lastOf(1));
        await press(page, 'ArrowRight');
        await at(page, 1, lastOf(1));
        await press(page, 'Home');
        await at(page, 1, 0);
        await press(page, 'PageDown');
        const below = (await focused(page)).row;
        assert.ok(below >= 4 && below < expected.length, `PageDown went to ${below}`);
        await press(page, 'PageUp');
        await at(page, 1, 0);
        await press(page, 'Control+End');
        await at(page, expected.length - 1, lastOf(expected.length - 1));
        await press(page, 'ArrowDown');
        await at(page, expected.length - 1, lastOf(expected.length - 1));
        await press(page, 'Control+Home');
        await at(page, 0, 0);
        await rest(page);
        const { x, y } = await focused(page);
        assert.ok(x >= 1280 * 0.04 && y > 720 * 0.4, `the first cell is at ${x}, ${y}`);
        // Above the first row are the button that asks why, and the one that changes the profile.
        const active = () => page.evaluate(() => document.activeElement.id);
        await press(page, 'ArrowUp');
        assert.equal(await active(), 'why-open');
        await press(page, 'ArrowUp');
        assert.equal(await active(), 'chip');
        await press(page, 'ArrowDown');
        assert.equal(await active(), 'why-open');
        await press(page, 'ArrowDown', 'ArrowDown');
        await at(page, 1, 0);
    });

    // Each device has its own order of the same record, and the page shows the one that it asked for.
    const orders = new Set();
    // The first one may be a guest, who has played nothing.
    const viewer = people[1].id;
    for (const moment of ['device=tv&now=1790020800', 'device=phone&now=1790020800', 'device=phone&now=1790064000']) {
        await scene(`the order of ${moment}`, { moment, address: `#/${viewer}` }, async (page) => {
            const wanted = await support.galleryOf(server.base, viewer, moment);
            const shown = await page.locator('[id^="rows-0-"]').evaluateAll((found) => found.map((cell) => [cell.id, cell.getAttribute('aria-label')]));
            assert.ok(shown.length >= 4, `${shown.length} cells`);
            for (const [id, name] of shown) {
                assert.ok(name.startsWith(wanted.row(0).item(Number(id.split('-').pop())).card.name), `${id}: ${name}`);
            }
            await press(page, 'ArrowDown');
            const below = await focused(page);
            assert.ok(below.label.startsWith(wanted.row(1).item(0).card.name), below.label);
            orders.add(JSON.stringify(Array.from({ length: 16 }, (_, column) => wanted.row(0).item(column).card.name)));
        });
    }
    assert.ok(orders.size > 1, 'every moment had the same order');
    await scene('a page that is not told asks by what it runs on', { moment: '', before: (page) => {
        page.on('request', (request) => { page.asked = (page.asked || []).concat(request.url()); });
    } }, async (page) => {
        assert.ok(page.asked.some((url) => url.endsWith(`/gallery/${profile}?device=web`)), String(page.asked));
    });

    await scene('the codes of remote controls', {}, async (page, session) => {
        for (const [code, row, column] of [[40, 1, 0], [39, 1, 1], [38, 0, 0], [39, 0, 1], [37, 0, 0]]) {
            await pressCode(session, code);
            await at(page, row, column);
        }
        for (const back of [461, 10009, 8, 27]) {
            for (const open of [13, 415]) {
                await pressCode(session, open);
                assert.equal(await seen(page, 'panel'), true, `code ${open}`);
                await pressCode(session, back);
                assert.equal(await seen(page, 'panel'), false, `code ${back}`);
            }
        }
        await pressCode(session, 461);
        assert.equal(await seen(page, 'picker'), true);
        await isDrawn(page, 'picker-drawn');
        await pressCode(session, 13);
        await page.waitForFunction(() => !document.getElementById('gallery').hidden);
        await pressCode(session, 10009);
        assert.equal(await seen(page, 'picker'), true);
    });

    await scene('what the details say is what the server has', {}, async (page) => {
        for (let column = 0; column < 4; column += 1) {
            const item = expected.row(0).item(column);
            const title = await support.titleOf(server.base, item.card.id);
            await page.waitForFunction((text) => document.querySelector('.details-synopsis').textContent === text, title.synopsis);
            const facts = await page.locator('.details .fact:visible').allTextContents();
            assert.equal(facts.includes(`${item.matchScore}% match`), item.matchScore !== null);
            assert.equal(facts.includes(String(item.card.year)), item.card.year !== null);
            assert.equal(title.certificate === '' || facts.includes(title.certificate), true);
            for (const [text, values] of [['.details-genres', title.genres], ['.details-people', title.cast.slice(0, 4)]]) {
                const shown = (await page.locator(text).textContent()).replace(/[\u2068\u2069]/g, '');
                assert.equal(shown, values.join(text === '.details-genres' ? ' · ' : ', '));
            }
            await press(page, 'ArrowRight');
        }
    });

    await scene('a mouse: hovering focuses, the wheel scrolls, buttons turn a row, a click opens', {}, async (page) => {
        await rest(page);
        const { width, height, x, y } = await focused(page);
        const pitch = await page.evaluate(() => document.getElementById('rows-0-1').getBoundingClientRect().left
            - document.getElementById('rows-0-0').getBoundingClientRect().left);
        const place = await page.locator('#rows-0-2 .cell-face').boundingBox();
        await page.mouse.move(place.x + width / 2, place.y + height / 2);
        await at(page, 0, 2);
        await rest(page);
        assert.ok(Math.abs((await focused(page)).x - (x + 2 * pitch)) <= 2, 'hovering scrolls nothing');
        await page.mouse.wheel(0, 100);
        await page.waitForFunction(() => document.getElementById('rows').getAttribute('aria-activedescendant') === 'rows-1-0');
        await rest(page);
        await page.mouse.wheel(0, -100);
        await page.waitForFunction(() => document.getElementById('rows').getAttribute('aria-activedescendant') === 'rows-0-2');
        await rest(page);
        await page.mouse.move(1275, y + height / 2);
        const button = page.locator('.grid-row.is-current .grid-page-on');
        await button.click();
        await rest(page);
        const turned = await focused(page);
        assert.ok(turned.row === 0 && turned.column > 3, `turned to ${turned.row}, ${turned.column}`);
        await page.locator(`#rows-0-${turned.column + 1}`).click();
        assert.equal(await seen(page, 'panel'), true);
        await page.locator('#panel-close').click();
        await at(page, 0, turned.column + 1);
        await page.locator('#chip').click();
        assert.equal(await seen(page, 'picker'), true);
    });

    await scene('a finger: a tap focuses, the second opens, swipes move with momentum', { options: PHONE }, async (page, session) => {
        await rest(page);
        const centre = async (id) => {
            const box = await page.locator(id).boundingBox();
            return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
        };
        const second = await centre('#rows-0-1');
        await page.touchscreen.tap(second.x, second.y);
        await at(page, 0, 1);
        assert.equal(await seen(page, 'panel'), false);
        await page.touchscreen.tap(second.x, second.y);
        assert.equal(await seen(page, 'panel'), true);
        const close = await centre('#panel-close');
        await page.touchscreen.tap(close.x, close.y);
        await swipe(page, session, { x: 340, y: second.y }, { x: 60, y: second.y + 5 });
        await rest(page);
        const across = await focused(page);
        assert.ok(across.row === 0 && across.column >= 3, `swiped to column ${across.column}`);
        assert.ok(across.x >= 0 && across.x + across.width <= 390, 'and it is seen');
        await at(page, 0, across.column);
        await swipe(page, session, { x: 200, y: 780 }, { x: 205, y: 480 });
        await rest(page);
        const down = await focused(page);
        assert.ok(down.row >= 1 && down.column === 0, `swiped to row ${down.row}`);
        await at(page, down.row, 0);
        // Beyond the end it comes back.
        await press(page, 'Control+Home');
        await rest(page);
        const home = await focused(page);
        await swipe(page, session, { x: 60, y: second.y }, { x: 340, y: second.y });
        await rest(page);
        assert.equal((await focused(page)).x, home.x);
        const sizes = await page.locator('#chip, .cell:visible').evaluateAll((all) => all.map((one) => one.getBoundingClientRect()).map((box) => Math.min(box.width, box.height)));
        assert.ok(Math.min(...sizes) >= 44, `the smallest thing to touch is ${Math.min(...sizes)} pixels`);
    });

    await scene('why a row is where it is', {}, async (page, session) => {
        const answer = await fetch(`${server.base}/gallery/${profile}?${support.MOMENT}&why=1`, { method: 'HEAD' });
        const why = Badger.decodeOrderWhy(answer.headers.get('Badger-Order-Why'));
        assert.ok(why !== null || !process.env.HONEYBADGER || answer.headers.get('Badger-Order') === null);
        const active = () => page.evaluate(() => document.activeElement.id);
        const text = (id) => page.locator(`#${id}`).textContent();
        const moved = why === null ? -1 : Array.from({ length: expected.length }, (_, row) => expected.row(row).id).indexOf(expected.rows.get(why.row).id);
        async function says(row) {
            await page.waitForFunction(() => document.getElementById('why').getAttribute('aria-busy') === 'false');
            assert.equal(await text('why-name'), expected.row(row).name);
            const [sentence, titles] = [await text('why-sentence'), await page.locator('#why-titles li').allTextContents()];
            if (row === moved) {
                assert.ok(Math.round(parseFloat(/ is ([0-9.]+) %[.] /.exec(sentence)[1])) === Math.round(why.chance * 100) && sentence.includes('from 50 % on it stands first'), sentence);
                assert.equal(titles.length, why.titles.length);
                titles.forEach((title, index) => assert.ok(title.startsWith(`${nameAt(row, index)} ${Math.round(why.titles[index].chance * 100)} %. `), title));
                assert.match(titles[0], /(For|Against) it: /);
            } else {
                assert.match(sentence, /^This row stands in the order of the record/);
                assert.deepEqual(titles, []);
            }
        }
        await press(page, 'w');
        assert.equal(await seen(page, 'why'), true);
        assert.equal(await active(), 'why-close');
        await says(0);
        const moving = () => page.evaluate(() => document.getElementById('why').getAnimations({ subtree: true }).length);
        assert.equal(await moving(), 0, 'nothing of it moves');
        const dialog = await page.locator('#why').evaluate((node) => ['role', 'aria-modal', 'aria-labelledby', 'aria-describedby'].map((name) => node.getAttribute(name)));
        assert.deepEqual(dialog, ['dialog', 'true', 'why-name', 'why-sentence']);
        assert.equal(await page.locator('#why-previous').isDisabled(), true);
        for (const id of ['why-next', 'why-close', 'why-next']) {
            await press(page, 'Tab');
            assert.equal(await active(), id);
        }
        await press(page, 'ArrowDown');
        await says(1);
        await press(page, 'ArrowUp');
        assert.equal(await active(), 'why-next', 'the focus stays where it was');
        await press(page, 'ArrowDown', 'Escape');
        assert.equal(await active(), 'rows');
        await at(page, 1, 0);
        // By the sign, by the key of a remote control, and by the button.
        await press(page, '?');
        await says(1);
        await press(page, 'w');
        await pressCode(session, 457);
        await says(1);
        await pressCode(session, 461);
        assert.equal(await active(), 'rows');
        await press(page, 'Control+Home', 'ArrowUp', 'Enter');
        await says(0);
        await press(page, 'Enter');
        assert.deepEqual([await active(), await seen(page, 'why')], ['why-open', false]);
    });

    // What becomes of the question. Browsers take a while to let requests be stopped, so that is arranged before the page is there.
    let onWhy;
    const atViewer = { address: `#/${viewer}`, before: (page) => page.route(/why=1/, (route) => onWhy(route)) };
    onWhy = (route) => route.abort();
    await scene('when nobody says why', atViewer, async (page) => {
        await press(page, 'w');
        await page.waitForFunction(() => document.getElementById('why-sentence').textContent.startsWith('The server does not say why. '));
        onWhy = (route) => route.continue();
        await press(page, 'Escape', 'w');
        await page.waitForFunction(() => document.getElementById('why-sentence').textContent.includes('of the record') ||
            document.getElementById('why-titles').children.length > 0);
    });

    await scene('it is asked why once, however often somebody looks', atViewer, async (page) => {
        const isTold = () => page.waitForFunction(() => document.getElementById('why').getAttribute('aria-busy') === 'false');
        const scroll = (...to) => page.evaluate(([pixels]) => {
            const text = document.getElementById('why-text');
            text.scrollTop = pixels === undefined ? text.scrollTop : pixels;
            return text.scrollTop;
        }, to);
        let [asked, answer] = [0, null];
        const isHeld = new Promise((resolve) => { answer = resolve; });
        onWhy = async (route) => {
            asked += 1;
            await isHeld;
            await route.continue();
        };
        await press(page, 'w', 'Escape', 'w', 'Escape', 'w');
        // Somebody reads on before the answer is there.
        await page.evaluate(() => { document.getElementById('why-name').style.paddingBottom = '2000px'; });
        assert.equal(await scroll(40), 40);
        answer();
        await isTold();
        assert.deepEqual([await scroll(), asked], [40, 1]);
        await press(page, 'Escape', 'w');
        await isTold();
        assert.deepEqual([await scroll(), asked], [0, 1]);
        await scroll(40);
        await press(page, 'ArrowDown');
        assert.equal(await scroll(), 0, 'another row begins at its beginning');
    });

    await scene('what is told of another gallery or another order is not shown', atViewer, async (page) => {
        for (const [change, reason] of [
            [{ etag: '"0123456789abcdef"' }, /: the gallery has changed since; load it again\. \/gallery\//], [{ etag: undefined }, /no ETag that can be read/],
            [{ 'badger-order': ':AQAAAA==:' }, /: the order has changed since; load the gallery again\. /],
            [{ 'badger-order-why': undefined }, /no Badger-Order-Why that can be read.* Access-Control-Expose-Headers/], [{ 'badger-order-why': '(0.5' }, /no Badger-Order-Why that can be read/],
        ]) {
            onWhy = async (route) => {
                const answer = await route.fetch();
                const headers = { ...answer.headers(), ...change, 'content-length': undefined };
                await route.fulfill({ status: 200, headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) });
            };
            await press(page, 'w');
            await page.waitForFunction(() => document.getElementById('why-sentence').textContent.startsWith('It cannot be told why: '));
            assert.match(await page.locator('#why-sentence').textContent(), reason);
            assert.equal(await page.locator('#why-titles li').count(), 0);
            await press(page, 'Escape');
            // The next answer must not be mistaken for this one.
            await page.evaluate(() => { document.getElementById('why-sentence').firstChild.data = ''; });
        }
        onWhy = (route) => route.continue();
        await press(page, 'w');
        await page.waitForFunction(() => document.getElementById('why-sentence').textContent !== '');
        assert.match(await page.locator('#why-sentence').textContent(), /^(The chance|This row) /);
    });

    await scene('the panel of a title', {}, async (page) => {
        const title = await support.titleOf(server.base, expected.row(0).item(1).card.id);
        await press(page, 'Enter');
        assert.equal(await page.locator('#panel-name').textContent(), nameAt(0, 0));
        await press(page, 'ArrowRight');
        assert.equal(await page.locator('#panel-name').textContent(), nameAt(0, 1));
        await page.waitForFunction((text) => document.querySelector('.panel-synopsis').textContent === text, title.synopsis);
        const people = (await page.locator('.panel-list dd').allTextContents()).map((text) => text.replace(/[\u2068\u2069]/g, ''));
        assert.deepEqual(people, [title.genres, title.cast, title.directors].filter((list) => list.length).map((list) => list.join(', ')));
        for (const id of ['panel-previous', 'panel-next', 'panel-close', 'panel-previous']) {
            await press(page, 'Tab');
            assert.equal(await page.evaluate(() => document.activeElement.id), id);
        }
        await press(page, 'Enter');
        assert.equal(await page.locator('#panel-name').textContent(), nameAt(0, 0));
        assert.equal(await page.locator('#panel-previous').isDisabled(), true);
        assert.equal(await page.evaluate(() => document.activeElement.id), 'panel-close');
        await press(page, 'ArrowRight', 'ArrowRight', 'Escape');
        assert.equal(await page.evaluate(() => document.activeElement.id), 'rows');
        await at(page, 0, 2);
    });

    await scene('an unknown profile sees what guests see, and is told', { address: '#/nobody%20at%20all' }, async (page) => {
        assert.match(await page.locator('#note').textContent(), /no profile “nobody at all”/);
        const guest = await support.galleryOf(server.base, 'default');
        assert.equal(await page.locator('.details-name').textContent(), guest.row(0).item(0).card.name);
    });

    const broken = [
        ['no answer', (route) => route.abort(), /cannot be reached/],
        ['another status', (route) => route.fulfill({ status: 503, body: 'busy' }), /no answer to give/],
        ['no record', (route) => route.fulfill({ status: 200, body: 'an error page that says 200' }), /cannot be read/],
    ];
    for (const [what, spoil, message] of broken) {
        await scene(`a gallery that cannot be had (${what}) is explained and tried again`, {
            drawn: null, before: (page) => page.route('**/gallery/*', spoil),
        }, async (page) => {
            await page.locator('#failure').waitFor();
            assert.match(await page.locator('#failure-title').textContent(), message);
            assert.match(await page.locator('.failure-detail').textContent(), new RegExp(`/gallery/${profile}`));
            await press(page, 'Enter');
            await page.locator('#failure').waitFor();
            await press(page, 'ArrowRight');
            assert.equal(await page.evaluate(() => document.activeElement.id), 'failure-other');
            await press(page, 'ArrowLeft');
            await page.unroute('**/gallery/*');
            await press(page, 'Enter');
            await isDrawn(page, 'gallery-drawn');
            await press(page, 'ArrowDown');
            await at(page, 1, 0);
        });
    }

    await scene('a gallery that is damaged where it is read late', {
        drawn: null,
        before: (page) => page.route('**/gallery/*', async (route) => {
            const answer = await route.fetch();
            const body = Buffer.from(await answer.body());
            // Every item names a card that is not there.
            const items = 24 + 88;
            body.fill(0xff, body.readUInt32LE(items), body.readUInt32LE(items) + body.readUInt32LE(items + 4) * body.readUInt32LE(items + 8));
            await route.fulfill({ status: 200, body });
        }),
    }, async (page) => {
        await page.locator('#failure').waitFor();
        assert.match(await page.locator('#failure-title').textContent(), /damaged/);
        await page.unroute('**/gallery/*');
        await press(page, 'Enter');
        await isDrawn(page, 'gallery-drawn');
        await at(page, 0, 0);
    });

    await scene('a row that is damaged, and comes into sight below what says why', {
        before: (page) => page.route('**/gallery/*', async (route) => {
            const answer = await route.fetch();
            const body = Buffer.from(await answer.body());
            const { items, rows, length } = Badger.decode(body);
            const last = rows.get(length - 1);
            const [start, stride] = [24 + 88, 24 + 96].map((at) => body.readUInt32LE(at));
            assert.ok(last.firstItem + last.length <= items.length && last.length > 0);
            body.fill(0xff, start + last.firstItem * stride, start + (last.firstItem + last.length) * stride);
            await route.fulfill({ status: 200, body });
        }),
    }, async (page) => {
        await press(page, 'w');
        assert.equal(await seen(page, 'why'), true);
        // Faster than frames are drawn.
        await page.evaluate((rows) => {
            for (let index = 0; index < rows; index += 1) {
                document.dispatchEvent(Object.defineProperty(new KeyboardEvent('keydown', { bubbles: true }), 'keyCode', { value: 40 }));
            }
        }, expected.length);
        await page.locator('#failure').waitFor();
        assert.match(await page.locator('#failure-title').textContent(), /damaged/);
        assert.equal(await seen(page, 'why'), false);
    });

    await scene('profiles that cannot be had: one goes on as a guest', {
        address: '', drawn: null, before: (page) => page.route('**/profiles', (route) => route.abort()),
    }, async (page) => {
        await page.locator('#failure').waitFor();
        await press(page, 'ArrowRight', 'Enter');
        await isDrawn(page, 'gallery-drawn');
        assert.equal(new URL(page.url()).hash, '#/default');
    });

    await scene('titles that cannot be had: the cards are enough to go on', {
        before: (page) => page.route('**/metadata**', (route) => route.abort()),
    }, async (page) => {
        await press(page, 'ArrowRight', 'Enter');
        assert.equal(await page.locator('#panel-name').textContent(), nameAt(0, 1));
        await page.waitForFunction(() => document.querySelector('.panel-synopsis').textContent.includes('cannot be reached'));
        await page.unroute('**/metadata**');
        await press(page, 'ArrowLeft', 'ArrowRight');
        const title = await support.titleOf(server.base, expected.row(0).item(1).card.id);
        await page.waitForFunction((text) => document.querySelector('.panel-synopsis').textContent === text, title.synopsis);
    });

    await scene('names for those who do not see it', {}, async (page, session) => {
        await press(page, 'ArrowDown', 'ArrowRight');
        await rest(page);
        const { nodes } = await session.send('Accessibility.getFullAXTree');
        const of = (role) => nodes.filter((node) => !node.ignored && node.role.value === role);
        const grid = of('grid').find((node) => node.name.value === 'Titles');
        const property = (node, name) => (node.properties.find((one) => one.name === name) || { value: {} }).value;
        assert.ok(property(grid, 'focused').value, 'the grid has the focus');
        const active = property(grid, 'activedescendant').relatedNodes[0].idref;
        assert.equal(active, 'rows-1-1');
        const names = new Set(of('gridcell').map((node) => node.name.value));
        const item = expected.row(1).item(1);
        const full = [item.card.name, item.card.year, item.matchScore === null ? null : `${item.matchScore}% match`].filter(Boolean).join(', ');
        assert.ok([...names].some((name) => name.startsWith(full)), `${full} is not among ${[...names].join(' | ')}`);
        assert.ok([...names].every((name) => name.length > 0));
        assert.ok(of('rowheader').some((node) => node.name.value === expected.row(1).name));
        const counts = await page.locator('#rows').evaluate((one) => [one.getAttribute('aria-rowcount'), one.getAttribute('aria-colcount')].map(Number));
        const longest = Math.max(...Array.from({ length: expected.length }, (_, row) => expected.row(row).length));
        assert.deepEqual(counts, [expected.length, longest + 1]);
        assert.ok(of('button').some((node) => /^Switch profile/.test(node.name.value)));
        await page.waitForFunction((name) => document.getElementById('live').textContent.startsWith(name), nameAt(1, 1));
        await press(page, 'Enter');
        const open = await session.send('Accessibility.getFullAXTree');
        const dialog = open.nodes.find((node) => !node.ignored && node.role.value === 'dialog');
        assert.equal(dialog.name.value, nameAt(1, 1));
        assert.equal(open.nodes.some((node) => !node.ignored && node.role.value === 'gridcell'), false, 'what lies beneath is not told');
    });

    await scene('text is large, and within the safe margins', { options: { viewport: { width: 1920, height: 1080 } } }, async (page) => {
        await page.waitForFunction(() => document.querySelector('.details-synopsis').textContent !== '');
        const texts = await page.evaluate(() => {
            const found = [];
            const walker = document.createTreeWalker(document.getElementById('gallery'), NodeFilter.SHOW_TEXT);
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                const parent = node.parentElement;
                const box = parent.getBoundingClientRect();
                if (node.data.trim() && !parent.closest('.unseen, .cell') && box.width > 1) {
                    found.push({ text: node.data, size: parseFloat(getComputedStyle(parent).fontSize), left: box.left, right: box.right, top: box.top });
                }
            }
            return found;
        });
        assert.ok(texts.length > 5);
        for (const { text, size, left, right, top } of texts) {
            assert.ok(size >= 24, `${text}: ${size} pixels`);
            assert.ok(left >= 96 && right <= 1824 && top >= 40, `${text}: at ${left}-${right}, ${top}`);
        }
    });

    await scene('pictures come without moving or hiding anything', {
        before: (page) => page.addInitScript(() => {
            window.shifts = 0;
            new PerformanceObserver((list) => {
                list.getEntries().forEach((entry) => { window.shifts += entry.sources.some((one) => one.node && one.node.closest && one.node.closest('.cell')) ? entry.value : 0; });
            }).observe({ type: 'layout-shift', buffered: true });
        }),
    }, async (page) => {
        await page.waitForFunction(() => document.querySelectorAll('.cell .boxart.is-ready').length > 8);
        assert.equal(await page.evaluate(() => window.shifts), 0);
        const sheets = await page.locator('.cell:visible .sprite').evaluateAll((all) => all.filter((one) => /url/.test(one.style.backgroundImage)).length);
        assert.ok(sheets > 8, `${sheets} cells have a small picture`);
    });

    await scene('a boxart that is missing leaves the name', {
        before: (page) => page.route('**/assets/**', (route) => route.abort()),
    }, async (page) => {
        await rest(page);
        const placard = page.locator('#rows-0-0 .placard-name');
        assert.equal(await placard.textContent(), nameAt(0, 0));
        assert.equal(await page.locator('.boxart.is-ready').count(), 0);
    });

    await scene('somebody who wants no motion gets none', { options: { ...TV, reducedMotion: 'reduce' } }, async (page) => {
        await rest(page);
        const places = await page.evaluate(() => new Promise((resolve) => {
            const track = () => document.querySelector('.is-current .grid-track').style.transform;
            document.dispatchEvent(Object.defineProperty(new KeyboardEvent('keydown', { bubbles: true }), 'keyCode', { value: 39 }));
            requestAnimationFrame(() => requestAnimationFrame(() => {
                const first = track();
                requestAnimationFrame(() => requestAnimationFrame(() => resolve([first, track()])));
            }));
        }));
        assert.equal(places[0], places[1]);
        await at(page, 0, 1);
    });

    await scene('an old engine, and one that refuses storage', {
        before: (page) => page.addInitScript(() => {
            delete window.fetch;
            delete window.BigInt;
            delete window.TextDecoder;
            delete Object.getPrototypeOf(Uint8Array).from;
            delete HTMLImageElement.prototype.decode;
            Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused'); } });
        }),
    }, async (page) => {
        await page.waitForFunction(() => document.querySelectorAll('.cell .boxart.is-ready').length > 4);
        await press(page, 'ArrowRight', 'ArrowDown');
        await at(page, 1, 0);
    });

    await scene('a thousand keys: as many nodes and listeners as before', {}, async (page, session) => {
        const keys = ['ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowRight', 'End', 'ArrowDown', 'ArrowLeft', 'Home', 'ArrowUp', 'PageDown'];
        const measure = async () => {
            await press(page, 'Control+Home');
            await rest(page);
            await page.waitForFunction((name) => document.getElementById('live').textContent.startsWith(name), nameAt(0, 0));
            await page.evaluate(() => window.gc());
            await session.send('HeapProfiler.collectGarbage');
            const { nodes, jsEventListeners } = await session.send('Memory.getDOMCounters');
            const { usedSize } = await session.send('Runtime.getHeapUsage');
            const inPage = await page.evaluate(() => {
                const walker = document.createTreeWalker(document, NodeFilter.SHOW_ALL);
                let count = 1;
                while (walker.nextNode()) {
                    count += 1;
                }
                return { tree: count, images: document.images.length };
            });
            return { ...inPage, nodes, jsEventListeners, heap: usedSize };
        };
        // Once round the gallery, so that what is kept on purpose (axes of rows, titles) is there.
        for (let index = 0; index < 300; index += 1) {
            await press(page, keys[index % keys.length]);
        }
        // What is on its way (a title, a picture) still adds nodes, and the browser lets go of what is gone in its own time.
        const measureUntil = async (isSo) => {
            let last = await measure();
            for (let look = 0; look < 50 && !isSo(last); look += 1) {
                last = await measure();
            }
            return last;
        };
        let previous = {};
        const before = await measureUntil((now) => {
            const isSame = now.tree === previous.tree && now.jsEventListeners === previous.jsEventListeners && now.nodes === previous.nodes;
            previous = now;
            return isSame;
        });
        for (let index = 0; index < 1000; index += 1) {
            await press(page, keys[index % keys.length]);
        }
        const after = await measureUntil((now) => now.tree === before.tree && now.jsEventListeners === before.jsEventListeners
            && now.nodes <= before.nodes + 3 * now.images);
        t.diagnostic(`after 1,000 keys: heap ${(before.heap / 1024).toFixed(0)} -> ${(after.heap / 1024).toFixed(0)} KiB, `
            + `${before.tree} -> ${after.tree} nodes in the page, ${before.nodes} -> ${after.nodes} in all, `
            + `${before.jsEventListeners} -> ${after.jsEventListeners} listeners`);
        assert.equal(after.tree, before.tree);
        assert.equal(after.jsEventListeners, before.jsEventListeners);
        // An image that has been without a picture has three nodes of the browser's own from then on; nothing else is kept.
        assert.ok(after.nodes <= before.nodes + 3 * after.images, `${before.nodes} -> ${after.nodes} nodes`);
    });

    await t.test('how fast it is with the processor slowed down four times (told, not judged)', async () => {
        const context = await browser.newContext(TV);
        const page = await context.newPage();
        const session = await context.newCDPSession(page);
        await page.addInitScript(() => {
            window.paints = [];
            window.events = [];
            window.addEventListener('keydown', (event) => {
                requestAnimationFrame((frame) => {
                    const channel = new MessageChannel();
                    // What is posted in a frame comes after that frame was drawn.
                    channel.port1.onmessage = () => window.paints.push({ frame: frame - event.timeStamp, drawn: performance.now() - event.timeStamp });
                    channel.port2.postMessage(0);
                });
            }, true);
            new PerformanceObserver((list) => {
                list.getEntries().filter((entry) => entry.name === 'keydown').forEach((entry) => window.events.push({
                    handled: entry.processingEnd - entry.startTime, shown: entry.duration,
                }));
            }).observe({ type: 'event', durationThreshold: 16, buffered: true });
        });
        await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
        const firsts = [];
        for (let index = 0; index < 5; index += 1) {
            await session.send('Network.clearBrowserCache');
            await page.goto('about:blank');
            await page.goto(`${server.base}/?${support.MOMENT}#/${profile}`);
            await isDrawn(page, 'gallery-drawn');
            firsts.push(await page.evaluate(() => performance.getEntriesByName('gallery-drawn')[0].startTime));
        }
        await page.waitForFunction(() => document.querySelector('.details-synopsis').textContent !== '');
        for (let index = 0; index < 60; index += 1) {
            await press(page, ['ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowRight', 'ArrowUp', 'ArrowRight'][index % 6]);
            if (index % 3 === 0) {
                await rest(page);
            }
        }
        await page.waitForFunction(() => window.paints.length === 60);
        const { paints, events } = await page.evaluate(() => ({ paints: window.paints, events: window.events }));
        const order = (list, key) => list.map((one) => (key ? one[key] : one)).sort((one, other) => one - other);
        const say = (list) => `median ${list[Math.floor(list.length / 2)].toFixed(1)} ms, p95 ${list[Math.floor(list.length * 0.95)].toFixed(1)} ms`;
        t.diagnostic(`4x slower: first gallery drawn ${say(order(firsts))} after navigation`);
        t.diagnostic(`4x slower: from a key to the start of its frame ${say(order(paints, 'frame'))}; to the end of its drawing ${say(order(paints, 'drawn'))} (${paints.length} keys)`);
        t.diagnostic(`4x slower: keys that took 16 ms or more until they were shown: ${events.length} of ${paints.length}`
            + (events.length ? `; of those, handled ${say(order(events, 'handled'))}, shown ${say(order(events, 'shown'))}` : ''));
        await context.close();
    });

    const sizes = [['1280x720', TV], ['1920x1080', { viewport: { width: 1920, height: 1080 } }], ['390x844', PHONE]];
    for (const [size, options] of sizes) {
        await scene(`screenshots at ${size}`, { options, address: '', drawn: 'picker-drawn' }, async (page) => {
            fs.mkdirSync(SCREENSHOTS, { recursive: true });
            const shoot = (name) => page.screenshot({ path: path.join(SCREENSHOTS, `${size}-${name}.png`) });
            const complete = async () => {
                await rest(page);
                await page.waitForFunction(() => document.querySelector('.details-synopsis').textContent !== '');
                await page.waitForLoadState('networkidle');
                await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {}))));
            };
            await shoot('picker');
            await press(page, 'Enter');
            await isDrawn(page, 'gallery-drawn');
            await complete();
            await shoot('gallery');
            await press(page, 'ArrowDown', 'ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'ArrowRight');
            await complete();
            await shoot('moved');
            await press(page, 'Enter');
            await complete();
            await shoot('panel');
            const files = ['picker', 'gallery', 'moved', 'panel'].map((name) => fs.statSync(path.join(SCREENSHOTS, `${size}-${name}.png`)).size);
            assert.ok(Math.min(...files) > 5000, `sizes of the files: ${files.join(', ')}`);
        });
    }
});
