// What tests of the dashboard need: a page whose clock the test turns, what it asked and whatever it did wrong, and what eyes would measure.
'use strict';

const assert = require('node:assert/strict');

const NOON = new Date('2026-11-22T12:00:00Z');

/**
 * Opens the dashboard at `base` and waits for its first answer. Time stands still from then on: `next` turns it. Gives
 * { page, context, wrong }: `wrong()` lists errors, breaches of the policy, and requests to anybody or anything else.
 */
async function open(browser, base, { options = {}, query = '', clock = true, before = () => {} } = {}) {
    const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', viewport: { width: 1440, height: 900 }, ...options });
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(error.stack));
    page.on('console', (message) => {
        // That an answer failed is told by the browser too; the page has to cope with it.
        if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) {
            errors.push(message.text());
        }
    });
    page.on('request', (request) => {
        const url = new URL(request.url());
        if (url.protocol !== 'data:' && (url.origin !== new URL(base).origin || !['/_badger/', '/_badger/stats'].includes(url.pathname))) {
            errors.push(`asked for ${request.url()}`);
        }
    });
    await page.addInitScript(() => {
        window.breaches = [];
        document.addEventListener('securitypolicyviolation', (event) => window.breaches.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
    });
    if (clock) {
        await page.clock.install({ time: NOON });
        await page.clock.pauseAt(new Date(NOON.getTime() + 60_000));
    }
    await before(page);
    await page.goto(`${base}/_badger/${query}`);
    await asked(page, 1);
    return { page, context, wrong: async () => [...errors, ...await page.evaluate(() => window.breaches)] };
}

/** Waits until the page has asked `times` times. */
async function asked(page, times) {
    await page.locator(`html[data-polls="${times}"]`).waitFor({ state: 'attached' });
}

const polls = (page) => page.evaluate(() => Number(document.documentElement.dataset.polls));

/** Lets the time pass after which the page asks again, and waits for what comes. */
async function next(page, seconds = 5) {
    const before = await polls(page);
    await page.clock.runFor(seconds * 1000);
    await asked(page, before + 1);
}

/** The text of an element by its id, as it is seen. */
const text = (page, id) => page.locator(`#${id}`).innerText().then((one) => one.replace(/\s+/g, ' ').trim());

/** Text and lines whose contrast with what is behind them is less than WCAG 2.2 AA asks for. */
function faint(page) {
    return page.evaluate(() => {
        const parse = (color) => color.match(/[\d.]+/g).map(Number);
        const light = ([red, green, blue]) => {
            const [r, g, b] = [red, green, blue].map((one) => one / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const contrast = (one, other) => {
            const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
            return (high + 0.05) / (low + 0.05);
        };
        const behind = (element) => {
            for (let one = element; one; one = one.parentElement) {
                const color = parse(getComputedStyle(one).backgroundColor);
                if (color.length < 4 || color[3] === 1) {
                    return color;
                }
            }
            return [255, 255, 255];
        };
        const found = [];
        let seen = 0;
        const check = (what, color, element, least) => {
            seen += 1;
            const value = contrast(parse(color), behind(element));
            if (value < least) {
                found.push(`${what}: ${value.toFixed(2)} < ${least} (${color})`);
            }
        };
        const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const parent = node.parentElement;
            const style = getComputedStyle(parent);
            if (node.data.trim() && !parent.closest('script, .unseen, title, [hidden]') && style.visibility !== 'hidden' && parent.getClientRects().length > 0) {
                const size = parseFloat(style.fontSize);
                const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
                check(node.data.trim(), parent instanceof SVGElement ? style.fill : style.color, parent, isLarge ? 3 : 4.5);
            }
        }
        // Lines, bars and edges that carry meaning.
        const graphics = [['.ribbon:not(.is-idle)', 'stroke'], ['.ribbon-bad', 'stroke'], ['.bar', 'fill'], ['.trace', 'stroke'], ['.column', 'stroke'], ['.meter i', 'backgroundColor'], ['.stack i', 'backgroundColor'],
            ['.swatch', 'backgroundColor'], ['button:not(thead button)', 'borderTopColor'], ['.chips .is-bad', 'borderTopColor']];
        for (const [selector, property] of graphics) {
            for (const element of document.querySelectorAll(selector)) {
                check(selector, getComputedStyle(element)[property], element.closest('svg, .meter, .stack')?.parentElement ?? element.parentElement, 3);
            }
        }
        return { found: [...new Set(found)], seen };
    });
}

/** What reaches beyond the width of the screen, or is cut off inside its box though it is text. */
function overflowing(page) {
    return page.evaluate(() => {
        const width = document.documentElement.clientWidth;
        const found = document.documentElement.scrollWidth > width ? [`the page is ${document.documentElement.scrollWidth} wide, the screen ${width}`] : [];
        for (const element of document.querySelectorAll('main *, header *, footer *, .notice')) {
            const box = element.getBoundingClientRect();
            const isSeen = box.width > 0 && box.height > 0 && !element.closest('.unseen, .as-cards thead') && getComputedStyle(element).visibility !== 'hidden';
            const section = element.closest('section, header, footer, .notice');
            const room = section ? section.getBoundingClientRect() : { left: 0, right: width };
            if (isSeen && (box.right > room.right + 1 || box.left < room.left - 1)) {
                found.push(`${element.tagName}.${element.getAttribute('class') ?? ''} "${element.textContent.slice(0, 40)}" at ${box.left.toFixed(0)}-${box.right.toFixed(0)} in ${room.left.toFixed(0)}-${room.right.toFixed(0)}`);
            }
        }
        return found;
    });
}

/** Texts of a picture that lie on each other, or on a bar. */
function overlapping(page) {
    return page.evaluate(() => {
        const found = [];
        for (const svg of document.querySelectorAll('main svg')) {
            const texts = [...svg.querySelectorAll('text')].filter((one) => one.textContent.trim()).map((one) => ({ text: one.textContent, box: one.getBoundingClientRect() }));
            texts.forEach((one, index) => texts.slice(index + 1).forEach((other) => {
                const wide = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
                // A line of text is higher than its letters.
                const high = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
                if (wide > 1 && high > 5) {
                    found.push(`"${one.text}" and "${other.text}"`);
                }
            }));
            for (const bar of svg.querySelectorAll('.bar, .bar-bad, .well')) {
                const box = bar.getBoundingClientRect();
                const lies = (one) => Math.min(one.box.right, box.right) - Math.max(one.box.left, box.left) > 1 && Math.min(one.box.bottom, box.bottom) - Math.max(one.box.top, box.top) > 5;
                found.push(...texts.filter(lies).map((one) => `"${one.text}" and a bar`));
            }
        }
        return found;
    });
}

async function isWellLaidOut(page) {
    assert.deepEqual(await overflowing(page), []);
    assert.deepEqual(await overlapping(page), []);
    const { found, seen } = await faint(page);
    assert.deepEqual(found, []);
    assert.ok(seen > 60, `only ${seen} texts and lines were measured`);
}

module.exports = { open, asked, polls, next, text, faint, overflowing, overlapping, isWellLaidOut };
