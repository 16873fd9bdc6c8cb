// The dashboard in Chromium: against a made-up server whose load, faults and restarts the test decides, and against `badger serve
// --admin` (BADGER=path of the program). Screenshots go to SCREENSHOTS or tests/javascript/screenshots.
'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const acorn = require('acorn');
const { EXECUTABLE, startBrowser } = require('./support/gallery_page.js');
const { World, serveDashboard, policy, META, counters, PAGE, BOUNDS } = require('./support/stats.js');
const { open, asked, next, text, faint, isWellLaidOut } = require('./support/dashboard.js');
const program = require('./support/program.js');

const SCREENSHOTS = process.env.SCREENSHOTS || path.join(__dirname, 'screenshots');
const IS_THERE = fs.existsSync(EXECUTABLE);

// Counters that tell of no trouble. One that is new has to be put here, or into TROUBLES of the page.
const NO_TROUBLE = ['connections_accepted', 'connections_handed_over', 'connections_open', 'responses', 'responses_2xx', 'responses_3xx', 'responses_4xx', 'bytes_sent',
    'closed_by_peer', 'closed_finished', 'closed_idle_time', 'tasks', 'cold_reads', 'cold_bytes_read', 'cold_checks', 'cold_lookups', 'swaps', 'wakeups'];

/** A load that has all that the page can show, at minute `at` of a day that has waves. */
function busy(world, at) {
    const wave = 1 + 0.4 * Math.sin(at / 14) + 0.12 * Math.sin(at * 1.7);
    const own = (pace) => wave * (1 + 0.1 * Math.sin(at * pace));
    const load = {
        '/gallery': { 200: 900 * own(1.1), 304: 80 * wave }, '/metadata': { 200: 300 * own(0.7), 404: 12 * wave }, '/assets': { 200: 420 * own(0.3), 304: 200 * wave, 206: 8 },
        '/order/{profile}': { 200: 80 * wave, 503: at % 9 === 0 ? 4 : 0 }, '(none)': { 404: 2 }, '(refused)': { 408: 0.2 },
    };
    return world.advance(5, {
        load, typical: at > 90 && at < 97 ? 6 : 3, cpu: (worker) => Math.min(1, wave * (0.2 + 0.05 * (worker % 4) + 0.03 * Math.sin(at + worker))), open: Math.round(1900 * wave),
        counts: { cold_reads: 30, cold_bytes_read: 8e6, cold_checks: 1, closed_by_peer: 40, connections_accepted: 44, tasks: 31, requests_timed_out: at % 20 === 3 ? 1 : 0, closed_send_time: at < 9 ? 2 : 0 },
        hottest: [{ path: '/gallery/7', share: 0.124 }, { path: '/gallery/default', share: 0.09 }, { path: '/assets/boxart/2041-a7f3c0d4e5b6.webp', share: 0.051 },
            { path: '/metadata/99', share: 0.02 }, { path: '/assets/ui/app-91c2.js', share: 0.011 }, { path: '/metadata/1204', share: 0.004 }],
    });
}

/** What has happened before the page is opened. */
const yesterday = (world) => world.advance(90_000, {
    load: { '/gallery': { 200: 900, 304: 80, 404: 0.2 }, '/metadata': { 200: 300, 404: 12 }, '/assets': { 200: 420, 304: 200, 206: 8 }, '/order/{profile}': { 200: 80, 503: 0.02 }, '(none)': { 404: 2 }, '(refused)': { 400: 0.01, 408: 0.2, 431: 0.001 } },
    open: 1900, cpu: (worker) => 0.25 + worker * 0.02,
    counts: { connections_accepted: 912_345, closed_by_peer: 640_000, closed_finished: 12_000, closed_idle_time: 230_000, requests_timed_out: 18_000, closed_send_time: 214, connections_turned_away: 3,
        tasks: 12_000, cold_reads: 8123, cold_bytes_read: 2.1e9, cold_checks: 1200, cold_lookups: 410, swaps: 3, closed_broken: 22 },
});

test('the page is one file that its policy can hold, and asks nobody but its own server', () => {
    const page = fs.readFileSync(PAGE, 'utf8');
    const script = /<script>([\s\S]*?)<\/script>/.exec(page)[1];
    acorn.parse(script, { ecmaVersion: 2022, sourceType: 'script' });
    const markup = page.replace(/<script>[\s\S]*?<\/script>|<style>[\s\S]*?<\/style>|<!--[\s\S]*?-->/g, '');
    assert.equal(page.match(/<style\b/g).length, 1);
    assert.equal(page.match(/<script\b/g).length, 1);
    assert.doesNotMatch(markup, /\sstyle=|\son\w+=|\ssrc=|javascript:/i);
    assert.doesNotMatch(page.replaceAll('http://www.w3.org/2000/svg', ''), /https?:\/\/|@import|url\((?!#)/);
    if (process.env.DASHBOARD_WRITE) {
        fs.writeFileSync(PAGE, page.replace(META, (whole, old) => whole.replace(`"${old}"`, `"${policy(page)}"`)));
    } else {
        assert.equal(META.exec(page)[1], policy(page), 'the page or its policy changed: DASHBOARD_WRITE=1 node --test dashboard.test.js');
    }
    assert.doesNotMatch(script, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttribute\('style'/);
});

test('the dashboard', { skip: IS_THERE ? false : `no ${EXECUTABLE}` }, async (t) => {
    const browser = await startBrowser();
    t.after(() => browser.close());
    fs.mkdirSync(SCREENSHOTS, { recursive: true });

    /** A test with a made-up server of its own, whose answers are those of `world` or of `answers`. */
    function scene(name, { world = new World(), answers = () => world.answer(), ...options }, work) {
        return t.test(name, async () => {
            const now = { answers };
            const server = await serveDashboard((request) => now.answers(request));
            const { page, context, wrong } = await open(browser, server.base, options);
            try {
                await work(page, { world, server, now });
                assert.deepEqual(await wrong(), []);
            } finally {
                await context.close();
                await server.close();
            }
        });
    }
    /** Some load, and the page's look at it. */
    async function pass(page, world, load, times = 1) {
        for (let time = 0; time < times; time += 1) {
            world.advance(5, load);
            await next(page);
        }
    }

    await scene('rates: what has grown, and never what went back', {}, async (page) => {
        const results = await page.evaluate(() => [rate(110, 10, 5), rate(10, 10, 5), rate(9, 10, 5), rate(null, 10, 5), rate(10, undefined, 5), rate(10, 1, 0), rate(10, 1, null), rate('10', 1, 5)]);
        assert.deepEqual(results, [20, 0, null, null, null, null, null, null]);
        const restarts = await page.evaluate(() => {
            const one = { started: 100, totals: { responses: 50, connections_accepted: 5 }, latency: { count: 50 } };
            const but = (change) => isRestart({ ...one, ...change }, one);
            return [but({}), but({ started: 100.2 }), but({ started: 200 }), but({ totals: { responses: 49, connections_accepted: 5 } }), but({ totals: { responses: 50, connections_accepted: 4 } }),
                but({ latency: { count: 3 } }), but({ totals: null, latency: null, started: null }), but({ totals: { responses: 51 } })];
        });
        assert.deepEqual(restarts, [false, false, true, true, true, true, false, false]);
        assert.deepEqual(await page.evaluate(() => [1, 1.01, 2.4, 5.5, 99, 100, 1234, 0.03].map(roundUp)), [1, 1.5, 3, 6, 100, 100, 1500, 0.03]);
    });

    await scene('percentiles: the bucket that holds them, from any measured times', {}, async (page) => {
        const table = [
            // Counts, share, bucket: more than the first, at most the second.
            [[10, 0, 0, 0], 0.5, 0, 1], [[0, 10, 0, 0], 0.5, 1, 2], [[5, 5, 0, 0], 0.5, 0, 1], [[5, 6, 0, 0], 0.5, 1, 2], [[990, 10, 0, 0], 0.99, 0, 1], [[989, 11, 0, 0], 0.99, 1, 2],
            [[999, 1, 0, 0], 0.999, 0, 1], [[998, 1, 1, 0], 0.999, 1, 2], [[0, 0, 0, 1], 0.5, 4, null], [[0, 1, 0, 0], 0.999, 1, 2],
        ];
        const found = await page.evaluate((rows) => rows.map(([counts, share]) => percentile({ bounds: [1, 2, 4], counts, count: counts.reduce((all, one) => all + one) }, share)), table);
        found.forEach((one, index) => assert.deepEqual([one.above, one.upTo], table[index].slice(2), JSON.stringify(table[index])));
        assert.deepEqual(await page.evaluate(() => [percentile(null, 0.5), percentile({ bounds: [1], counts: [0, 0], count: 0 }, 0.5)]), [null, null]);
        // Against times that are known one by one.
        let state = 9;
        const random = () => { state = (state * 1103515245 + 12345) % 2147483648; return state / 2147483648; };
        const runs = Array.from({ length: 60 }, (_, run) => {
            const times = Array.from({ length: 1 + Math.floor(random() * (run % 2 ? 4000 : 9)) }, () => 10 ** (-4.5 + 6.2 * random() ** 1.5)).sort((a, b) => a - b);
            const counts = [...BOUNDS, Infinity].map((bound, index) => times.filter((one) => one <= bound && (index === 0 || one > BOUNDS[index - 1])).length);
            return { times, counts };
        });
        const shares = [0.5, 0.9, 0.99, 0.999];
        const buckets = await page.evaluate(([bounds, all, wanted]) => all.map((counts) => wanted.map((share) => percentile({ bounds, counts, count: counts.reduce((a, b) => a + b) }, share))), [BOUNDS, runs.map((run) => run.counts), shares]);
        runs.forEach(({ times }, run) => shares.forEach((share, index) => {
            const rank = Math.max(1, times.findIndex((_, place) => (place + 1) / times.length >= share - 1e-12) + 1);
            const { above, upTo, isSlowest } = buckets[run][index];
            const exact = times[rank - 1];
            assert.ok(exact > above && exact <= (upTo ?? Infinity), `${share} of ${times.length}: ${exact} is not in ${above}-${upTo}`);
            assert.equal(isSlowest, rank === times.length);
        }));
        const differences = await page.evaluate(() => [
            between({ bounds: [1, 2], counts: [5, 3, 1], sum: 9 }, { bounds: [1, 2], counts: [4, 3, 0], sum: 5 }),
            between({ bounds: [1, 2], counts: [5, 3, 1] }, { bounds: [1, 3], counts: [4, 3, 0] }), between({ bounds: [1, 2], counts: [5, 3, 1] }, { bounds: [1, 2], counts: [6, 3, 0] }),
            between({ bounds: [1, 2], counts: [5, 3] }, null), between(null, null), between({ bounds: [1], counts: [1, 0], sum: 1 }, {}),
        ]);
        assert.deepEqual(differences, [{ bounds: [1, 2], counts: [1, 0, 1], count: 2, sum: 4 }, null, null, null, null, null]);
    });

    await scene('every counter of the server is a trouble with words, or is known to be none', {}, async (page) => {
        const troubles = await page.evaluate(() => Object.keys(TROUBLES));
        assert.deepEqual([...troubles, ...NO_TROUBLE].sort(), counters().sort());
        const heard = await page.evaluate((names) => names.filter((name) => SOUNDS_BAD.test(name)), NO_TROUBLE);
        assert.deepEqual(heard, []);
        const words = await page.evaluate(() => troublesOf({ totals: { some_new_failures: 3, closed_idle_time: 9, accept_failures: 0, closed_broken: 2, requests_too_odd: 'x', constructor: 1 } }, { closed_broken: 2 }));
        assert.deepEqual(words.map((one) => [one.name, one.what, one.total, one.recent]), [['some_new_failures', 'Some new failures', 3, 3], ['closed_broken', 'Connections that broke', 2, 0]]);
    });

    await scene('a device with a battery has tiles, others have none', {}, async (page, { world }) => {
        assert.equal(await page.locator('#device').isVisible(), false);
        world.stats.device = {
            batteries: [{ name: 'battery', status: 'Discharging', charge: 0.83, celsius: 31.2, amperes: -0.412, volts: 3.921 }, { name: '<b>\u202e', status: null, charge: null, celsius: null, amperes: null, volts: null }],
            temperatures: [[35, 'skin'], [41.5, 'cpu-thermal'], [null, 'off'], [30, 'a'], [29, 'b'], [28, 'c']].map(([celsius, type], zone) => ({ zone, type, celsius })),
        };
        await pass(page, world, {}, 1);
        const tiles = await page.locator('#tiles > div').evaluateAll((all) => all.map((one) => [...one.querySelectorAll('dt, dd > span')].map((part) => part.textContent)));
        assert.deepEqual(tiles, [['Battery', '83%', 'discharging · 31.2°C · -0.41 A · 3.92 V'], ['Battery <b>\\u{202e}', 'unknown', ''], ['Warmest', '41.5°C', 'cpu-thermal'], ['Temperature', '35°C', 'skin'],
            ['Temperature', '30°C', 'a'], ['Temperature', '29°C', 'b']]);
        await isWellLaidOut(page);
        world.stats.device = { batteries: 'none', temperatures: [7] };
        await pass(page, world, {}, 1);
        assert.equal(await page.locator('#device').isVisible(), false);
    });

    await scene('the first answer: totals, as no rate is known yet', { world: yesterday(new World()) }, async (page) => {
        assert.match(await text(page, 'requests'), /^1\d\d,\d{3},\d{3}$/);
        assert.equal(await text(page, 'requests-unit'), 'since the start');
        assert.equal(await text(page, 'requests-note'), 'Rates come with the next answer.');
        assert.match(await text(page, 'bits'), / TB$/);
        assert.match(await text(page, 'cpu'), /day|hour/);
        assert.match(await text(page, 'latency-note'), /answers in all since the start/);
        assert.match(await text(page, 'traffic-scale'), /shares of all since the start/);
        assert.match(await page.locator('#requests-chart').getAttribute('aria-valuetext'), /not known yet/);
        assert.match(await page.locator('#traffic-text').textContent(), /\/gallery: 88,218,000, \d+%/);
        assert.equal(await page.locator('#routes td').first().innerText(), '–');
        await page.screenshot({ path: path.join(SCREENSHOTS, 'dashboard-first.png'), fullPage: true });
        await isWellLaidOut(page);
    });

    await scene('a steady load: rates, shares, percentiles', {}, async (page, { world, server }) => {
        const load = { load: { '/gallery': { 200: 600 }, '/metadata': { 200: 300 }, '/assets': { 200: 60, 404: 40 } }, size: 10_000, typical: 4, cpu: (worker) => (worker === 1 ? 0.5 : 0.1), open: 100, counts: { cold_reads: 10, closed_broken: 5 } };
        await pass(page, world, load, 3);
        assert.equal(await text(page, 'requests'), '1,000');
        assert.equal(await text(page, 'requests-note'), 'over the last 5 seconds; 15,000 since the start');
        assert.equal(await text(page, 'bits'), '76.9');
        assert.equal(await text(page, 'cpu'), '20%');
        assert.match(await text(page, 'cpu-note'), /from 10% to 50%/);
        const found = await page.locator('#percentiles dd').allInnerTexts();
        assert.deepEqual(found.map((one) => one.split('\n')[0]), ['≤ 2.5 ms', '≤ 10 ms', '≤ 50 ms', '≤ 100 ms']);
        assert.match(found[0], /and more than 1 ms/);
        assert.match(await text(page, 'latency-note'), /^4,9\d\d answers in the last 5 seconds, [\d.]+ ms on average$/);
        assert.match(await text(page, 'cores-note'), /the busiest worker answers 2.5 times the mean/);
        const cores = await page.locator('#cores li').allInnerTexts();
        assert.equal(cores.length, 4);
        assert.match(cores[1].replace(/\s+/g, ' '), /Worker 1 50% 625\/s 63% 26 open busy 55%/);
        assert.match(await text(page, 'troubles'), /Connections that broke 15 Resets and other errors of the network 15 in the last 15 seconds/);
        assert.match(await text(page, 'cold'), /Reads 2\/s 30|Reads 30 2\/s/);
        assert.equal(await page.locator('#requests-chart').getAttribute('aria-valuetext'), '12:01:15: 1,000/s; lowest 1,000/s · highest 1,000/s');
        assert.match(await page.locator('#traffic-text').textContent(), /^100 client connections\. 1,000\/s in all\. \/gallery: 600\/s, 60%, from gallery-2023-11-14\.badger\. \/metadata: 300\/s, 30%, from titles\.badger\. \/assets: 100\/s, 10%, of which 40% 4xx or 5xx, from public\/\./);
        assert.match(await text(page, 'cost'), /^Asked every 5 seconds\. What asking has cost since the start: 3 requests, [\d.]+ kB, 1\.2 ms of processor time\. Just now: [\d.]+ kB an answer, 0\.008% of one core\.$/);
        assert.equal(await page.title(), 'badger 1,000/s');
        assert.equal(server.asked.filter((one) => one.url === '/_badger/stats').length, 4);
        // The widths of the lines are as the load.
        const thick = await page.evaluate(() => [...picture.nodes.children].map((one) => Number(one.firstChild.getAttribute('height'))));
        assert.ok(Math.abs(thick[0] / thick[1] - 2) < 0.01 && Math.abs(thick[0] / thick[2] - 6) < 0.01, String(thick));
        // By bytes, the failed answers weigh little.
        await page.getByLabel('Mbit/s', { exact: true }).check();
        assert.match(await page.locator('#traffic-text').textContent(), /\/gallery: 48 Mbit\/s, 62%/);
        // Half the load: half the width, as the full one is the highest that was seen.
        await page.getByLabel('requests', { exact: true }).check();
        await pass(page, world, { ...load, load: { '/gallery': { 200: 300 } } });
        const now = await page.evaluate(() => Number(picture.nodes.firstChild.firstChild.getAttribute('height')));
        assert.ok(Math.abs(now / thick[0] - 0.5) < 0.01, `${now} of ${thick[0]}`);
        assert.match(await text(page, 'traffic-scale'), /highest of the last 10 minutes, 1,000\/s/);
    });

    await scene('nothing to do: zeros and no invention', {}, async (page, { world }) => {
        await pass(page, world, {}, 2);
        assert.equal(await text(page, 'requests'), '0');
        assert.equal(await text(page, 'bits'), '0');
        assert.equal(await text(page, 'latency-note'), 'no answer in the last 5 seconds');
        assert.deepEqual((await page.locator('#percentiles dd').allInnerTexts()).map((one) => one.split('\n')[0]), ['–', '–', '–', '–']);
        assert.equal(await text(page, 'traffic-scale'), 'Nothing is asked for just now.');
        assert.match(await page.locator('#traffic-text').textContent(), /No requests just now/);
        assert.equal(await page.locator('#traffic .ribbon.is-idle').count(), 8);
        assert.equal(await page.locator('.beads').count(), 0);
        assert.equal(await page.locator('#troubles-empty').isVisible(), true);
        assert.equal(await page.locator('#hot-empty').isVisible(), true);
        assert.equal(await text(page, 'requests-note'), 'over the last 5 seconds; 0 since the start');
        await isWellLaidOut(page);
    });

    await scene('few answers: the percentile is the slowest of them, and says so', {}, async (page, { world }) => {
        world.advance(5, {});
        world.stats.latency.counts[3] += 4;
        world.stats.latency.counts[BOUNDS.length] += 1;
        await next(page);
        const found = await page.locator('#percentiles dd').allInnerTexts();
        assert.match(found[0].replace(/\s+/g, ' '), /^≤ 1 ms and more than 0.5 ms$/);
        found.slice(1).forEach((one) => assert.match(one.replace(/\s+/g, ' '), /^> 30 secs? the slowest of 5$/));
    });

    await scene('draining', { world: yesterday(new World()) }, async (page, { world, now }) => {
        await pass(page, world, { open: 12 });
        world.stats.state = 'draining';
        await pass(page, world, { open: 3 });
        assert.equal(await text(page, 'state'), 'Draining');
        assert.match(await text(page, 'notice'), /^The server is draining/);
        assert.match(await text(page, 'log'), /The server began to drain/);
        const words = await page.locator('#notice').innerHTML();
        await pass(page, world, { open: 2 });
        assert.equal(await page.locator('#notice').innerHTML(), words, 'nothing is announced again');
        now.answers = () => 'hang up';
        await next(page);
        assert.match(await text(page, 'notice'), /It was draining: it has probably stopped/);
        await isWellLaidOut(page);
    });

    await scene('the server goes away and comes back as it was', { world: yesterday(new World()) }, async (page, { world, now }) => {
        busy(world, 1);
        await next(page);
        const before = await text(page, 'requests');
        now.answers = () => 'hang up';
        await next(page);
        assert.equal(await text(page, 'state'), 'No answer');
        assert.match(await text(page, 'notice'), /^The server does not answer since 12:01:10 ?It cannot be reached\. What is shown is from 12:01:05\. It is asked again every 5 seconds\.$/);
        assert.equal(await page.title(), 'No answer · badger');
        assert.equal(await text(page, 'requests'), before, 'what was known stays');
        await isWellLaidOut(page);
        await page.screenshot({ path: path.join(SCREENSHOTS, 'dashboard-gone.png'), fullPage: true });
        for (const [answer, why] of [[{ status: 500, body: 'broken' }, /It answered 500/], [{ status: 200, body: '<!doctype html>' }, /not the JSON of stats/], [{ status: 200, body: '[]' }, /not the JSON/], [{ status: 200, body: 'null' }, /not the JSON/]]) {
            now.answers = () => answer;
            await next(page);
            assert.match(await text(page, 'notice'), why);
            assert.match(await text(page, 'notice'), /since 12:01:10/);
        }
        now.answers = () => world.answer();
        world.advance(20, {});
        busy(world, 2);
        await next(page);
        assert.equal(await text(page, 'state'), 'Serving');
        assert.equal(await page.locator('#notice').isVisible(), false);
        assert.match(await text(page, 'requests-note'), /over the last 25 seconds/);
        assert.match(await text(page, 'log'), /It answers again after 25 seconds .*No answer: It cannot be reached\./);
        // The lines have a gap, not a bridge: two begin where one was.
        const begins = await page.evaluate(() => document.querySelector('#requests-chart .trace').getAttribute('d').match(/M/g).length);
        assert.equal(begins, 2);
    });

    await scene('a server that takes a question and never answers', {}, async (page, { now, world }) => {
        now.answers = () => 'never';
        await next(page, 15);
        assert.match(await text(page, 'notice'), /Nothing came within 10 seconds/);
        now.answers = () => world.answer();
        await next(page, 1);
        assert.equal(await text(page, 'state'), 'Serving');
    });

    await scene('nothing answers from the beginning', { answers: () => 'hang up' }, async (page, { now, world }) => {
        assert.equal(await text(page, 'state'), 'No answer');
        assert.equal(await page.locator('#main').isVisible(), false);
        now.answers = () => world.answer();
        await next(page);
        assert.equal(await page.locator('#main').isVisible(), true);
        await isWellLaidOut(page);
    });

    await scene('a restart: counts begin again, and no rate is made of it', { world: yesterday(new World()) }, async (page, { world, now }) => {
        await pass(page, world, { load: { '/gallery': { 200: 100 } } }, 2);
        now.answers = () => 'hang up';
        await next(page);
        const other = new World({ start: world.stats.now + 10 });
        other.stats.started = other.stats.now - 2;
        other.advance(2, { load: { '/gallery': { 200: 50 } }, counts: { closed_broken: 4 } });
        now.answers = () => other.answer();
        await next(page);
        assert.equal(await text(page, 'state'), 'Serving');
        assert.match(await text(page, 'notice'), /^The server restarted: seen at 12:01:20 ?All counts began again at 0\.$/);
        assert.match(await text(page, 'log'), /The server restarted and answers again after 5 seconds/);
        assert.equal(await text(page, 'requests'), '100');
        assert.equal(await text(page, 'requests-unit'), 'since the start');
        other.advance(5, { load: { '/gallery': { 200: 70 } } });
        await next(page);
        assert.equal(await text(page, 'requests'), '70');
        assert.match(await text(page, 'troubles'), /Connections that broke 4 .*none in the last 5 seconds/);
        // The history before is kept, with a mark where it was cut.
        const drawn = await page.evaluate(() => [samples.length, document.querySelector('#requests-chart .trace').getAttribute('d').match(/M/g).length, document.querySelectorAll('#requests-chart .mark').length]);
        assert.deepEqual(drawn, [3, 2, 1]);
        for (let time = 0; time < 13; time += 1) {
            await pass(page, other, {});
        }
        assert.equal(await page.locator('#notice').isVisible(), false, 'after a minute it is no news');
    });

    await scene('a clock of the server that is set back', {}, async (page, { world }) => {
        await pass(page, world, { load: { '/gallery': { 200: 100 } } }, 2);
        world.advance(5, { load: { '/gallery': { 200: 100 } } });
        world.stats.now -= 3600;
        await next(page);
        assert.equal(await text(page, 'state'), 'Serving');
        assert.equal(await text(page, 'requests'), '1,500');
        assert.equal(await text(page, 'requests-note'), 'Rates come with the next answer.');
        await pass(page, world, { load: { '/gallery': { 200: 100 } } });
        assert.equal(await text(page, 'requests'), '100');
    });

    await scene('new content is marked', {}, async (page, { world }) => {
        await pass(page, world, { load: { '/gallery': { 200: 100 } } });
        world.stats.generation = 4;
        await pass(page, world, { load: { '/gallery': { 200: 100 } } });
        assert.match(await text(page, 'log'), /New content: generation 3 became 4/);
        assert.match(await text(page, 'facts'), /Generation 4/);
        assert.equal(await page.locator('#requests-chart .mark').count(), 1);
        assert.equal(await text(page, 'requests'), '100');
    });

    await scene('a hidden page does not ask, nor does one that is paused', {}, async (page, { world, server }) => {
        const hide = (isHidden) => page.evaluate((value) => {
            Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
            document.dispatchEvent(new Event('visibilitychange'));
        }, isHidden);
        const questions = () => server.asked.filter((one) => one.url === '/_badger/stats').length;
        await hide(true);
        await page.clock.runFor(120_000);
        assert.equal(questions(), 1);
        world.advance(120, { load: { '/gallery': { 200: 10 } } });
        await hide(false);
        await asked(page, 2);
        assert.match(await text(page, 'requests-note'), /over the last 2 minutes/);
        await page.getByRole('button', { name: 'Pause' }).click();
        assert.equal(await text(page, 'state'), 'Paused');
        assert.equal(await page.locator('#pause').getAttribute('aria-pressed'), 'true');
        await page.clock.runFor(120_000);
        assert.equal(questions(), 2);
        await hide(true);
        await hide(false);
        await page.clock.runFor(10_000);
        assert.equal(questions(), 2);
        await isWellLaidOut(page);
        await page.getByRole('button', { name: 'Pause' }).click();
        await asked(page, 3);
        assert.equal(await text(page, 'state'), 'Serving');
        await next(page);
        assert.equal(questions(), 4);
    });

    for (const [query, seconds] of [['?every=1', 1], ['?every=0.001', 1], ['?every=9999', 60], ['?every=word', 5], ['?every=-3', 1]]) {
        await scene(`how often it asks has bounds: ${query}`, { query }, async (page, { server }) => {
            const questions = () => server.asked.filter((one) => one.url === '/_badger/stats').length;
            await page.clock.runFor(seconds * 1000 - 10);
            assert.equal(questions(), 1);
            await page.clock.runFor(10);
            await asked(page, 2);
            assert.match(await text(page, 'cost'), new RegExp(`^Asked every ${seconds} seconds?\\.`));
        });
    }

    await scene('paths that want to be more than text', {}, async (page, { world }) => {
        const nasty = ['<img src=x onerror=window.hit=1>', '"><script>window.hit=1</script>', '/\u202Egnp.exe', '/a\u0000b\nc\u200b', '/' + 'x'.repeat(127), '/عربي/中文/👾', '/%3Cscript%3E', '${window.hit=1}', '__proto__', ''];
        world.stats.routes.push({ route: '<b>bold</b>', kind: '<i>', responses: { '<u>': 3, 200: 1 }, bytes: 1 }, { route: '__proto__', kind: 'constructor', responses: { 200: 5 }, bytes: 1 });
        world.stats.packs.push({ mount: '<b>bold</b>', source: '/srv/<script>window.hit=1</script>.badger', generation: 1, made: 0, keys: 1, bytes: 1, resident_bytes: 0 });
        Object.assign(world.stats, { version: '<h1>', backend: '<script>', state: '<svg onload=1>' });
        await pass(page, world, { hottest: nasty.map((one) => ({ path: one, share: 0.1 })), load: { '/gallery': { 200: 5 } } }, 2);
        const shown = await page.locator('#hot bdi').allTextContents();
        assert.deepEqual(shown.slice(0, 4), [nasty[0], nasty[1], '/\\u{202e}gnp.exe', '/a\\u{0}b\\u{a}c\\u{200b}']);
        assert.equal(shown.length, 10);
        assert.equal(await page.evaluate(() => window.hit), undefined);
        assert.equal(await page.locator('main img, main script, main h1, header script, #routes b b').count(), 0);
        await isWellLaidOut(page);
    });

    await scene('what a server does not know, and what a later one says more', { world: yesterday(new World()) }, async (page, { world }) => {
        busy(world, 1);
        await next(page);
        const clear = (value) => {
            for (const [key, one] of Object.entries(value)) {
                if (['now', 'started', 'bounds', 'state', 'mount', 'route', 'kind', 'path', 'source', 'number'].includes(key)) {
                    continue;
                }
                if (one && typeof one === 'object') {
                    clear(one);
                } else if (!['version', 'backend'].includes(key)) {
                    value[key] = null;
                }
            }
        };
        const later = new World();
        Object.assign(later.stats, JSON.parse(JSON.stringify(world.stats)));
        later.stats.now += 5;
        clear(later.stats);
        Object.assign(later.stats, { quotas: [{ a: 1 }], next: { deep: [1] } });
        later.stats.connections.upgraded = 7;
        later.stats.workers[0].numa_node = 1;
        await page.evaluate((stats) => took(stats), later.stats);
        for (const id of ['requests', 'bits', 'cpu', 'connections']) {
            assert.equal(await text(page, id), 'unknown', id);
        }
        assert.equal(await text(page, 'latency-note'), 'not known');
        assert.match(await text(page, 'process'), /Memory unknown Open files unknown Threads unknown Processor time unknown/);
        assert.match(await text(page, 'packs'), /unknown/);
        assert.match(await text(page, 'states'), /idle, kept open unknown .*upgraded 7/);
        await isWellLaidOut(page);
        // Whatever stands at any place of the JSON: the page goes on.
        const told = await page.evaluate((whole) => {
            const places = [];
            const walk = (value, here) => {
                places.push(here);
                if (value && typeof value === 'object') {
                    Object.keys(value).slice(0, Array.isArray(value) ? 2 : 99).forEach((key) => walk(value[key], [...here, key]));
                }
            };
            walk(whole, []);
            const problems = [];
            let tried = 0;
            for (const place of places.filter((one) => one.length > 0)) {
                for (const odd of [undefined, null, 'text', -1, 1e300, true, {}, [], [null], [[]], { a: null }]) {
                    const stats = structuredClone(whole);
                    const parent = place.slice(0, -1).reduce((value, key) => value[key], stats);
                    parent[place[place.length - 1]] = odd;
                    try {
                        took(stats);
                        took(structuredClone(stats));
                        tellState();
                    } catch (error) {
                        problems.push(`${place.join('.')} = ${JSON.stringify(odd)}: ${error.message}`);
                    }
                    tried += 1;
                    const words = document.body.innerText;
                    if (/NaN|undefined|\[object|Infinity/.test(words)) {
                        problems.push(`${place.join('.')} = ${JSON.stringify(odd)}: ${/.*(NaN|undefined|\[object|Infinity).*/.exec(words)[0]}`);
                    }
                }
            }
            return { tried, problems };
        }, world.stats);
        assert.deepEqual(told.problems, []);
        assert.ok(told.tried > 700, String(told.tried));
        busy(world, 2);
        await next(page);
        busy(world, 3);
        await next(page);
        assert.match(await text(page, 'requests'), /^[12],\d{3}$/);
    });

    const many = () => {
        const routes = Array.from({ length: 64 }, (_, index) => ({ route: index % 9 === 4 ? `/deep/${'section/'.repeat(9)}{profile}/${index}` : `/mount-${index}`, kind: ['pack', 'directory', 'handler'][index % 3] }));
        const packs = routes.filter((one) => one.kind === 'pack').map((one, index) => ({ mount: one.route, source: `/srv/packs/${one.route.split('/').pop()}.badger`, generation: 1, made: 1_700_000_000 - index * 40_000, keys: 10 ** (index % 8), bytes: 2 ** (20 + index), resident_bytes: index % 4 === 0 ? null : 2 ** (19 + index) }));
        return new World({ workers: 32, routes: [...routes, { route: '(other)', kind: 'none' }, { route: '(none)', kind: 'none' }, { route: '(refused)', kind: 'none' }], packs });
    };
    const manyLoad = (at) => ({
        load: { ...Object.fromEntries(Array.from({ length: 64 }, (_, index) => [index % 9 === 4 ? `/deep/${'section/'.repeat(9)}{profile}/${index}` : `/mount-${index}`, { 200: 4000 / (1 + index), 304: 90, 404: index % 7 ? 0 : 11, 503: index === 5 ? 3 : 0 }])), '(none)': { 404: 30 }, '(other)': { 200: 20 } },
        cpu: (worker) => 0.1 + ((worker * 7 + at) % 32) / 40, open: 123_456, counts: Object.fromEntries(counters().filter((name) => !/^(responses|bytes|connections_open)/.test(name)).map((name) => [name, 3])),
        hottest: Array.from({ length: 64 }, (_, index) => ({ path: `/mount-0/${'a-long-name-'.repeat(9)}${index}`, share: 0.3 / (index + 1) })),
    });

    for (const width of [360, 1440]) {
        await scene(`64 routes, 32 workers, every limit reached, ${width} pixels`, { world: many(), options: { viewport: { width, height: 900 }, colorScheme: 'dark' } }, async (page, { world }) => {
            for (let at = 0; at < 3; at += 1) {
                await pass(page, world, manyLoad(at));
            }
            assert.equal(await page.locator('#cores li').count(), 32);
            assert.equal(await page.locator('#routes tr').count(), 12);
            await page.getByRole('button', { name: 'Show all 66 routes' }).click();
            assert.equal(await page.locator('#routes tr').count(), 66);
            const rows = await page.locator('#traffic .name').count();
            assert.equal(rows, width === 360 ? 6 : 9);
            assert.match(await page.locator('#traffic').textContent(), /5\d more routes|6\d more routes/);
            await isWellLaidOut(page);
            await page.screenshot({ path: path.join(SCREENSHOTS, `dashboard-many-${width}.png`), fullPage: true });
            await page.locator('#routes-more').click();
            const nodes = () => page.evaluate(() => document.querySelectorAll('*').length);
            for (let at = 0; at < 5; at += 1) {
                await pass(page, world, manyLoad(at));
            }
            const before = await nodes();
            for (let at = 0; at < 20; at += 1) {
                await pass(page, world, manyLoad(at));
            }
            assert.equal(await nodes(), before, 'nothing piles up');
        });
    }

    await scene('the history has an end', { query: '?every=60' }, async (page, { world }) => {
        for (let at = 0; at < 14; at += 1) {
            world.advance(60, { load: { '/gallery': { 200: 100 + at } } });
            await next(page, 60);
        }
        assert.equal(await page.evaluate(() => samples.length), 11);
        assert.equal(await page.locator('#requests-chart').getAttribute('aria-valuetext').then((one) => one.split('; ')[1]), 'lowest 103/s · highest 113/s');
    });

    await scene('by keyboard, and by name', { world: yesterday(new World()) }, async (page, { world }) => {
        for (let at = 0; at < 4; at += 1) {
            busy(world, at);
            await next(page);
        }
        const stops = [];
        for (let time = 0; time < 40; time += 1) {
            await page.keyboard.press('Tab');
            const stop = await page.evaluate(() => {
                const one = document.activeElement;
                const style = getComputedStyle(one.matches('input[type=radio]') ? one.closest('label') : one);
                return one === document.body ? null : { name: one.id || one.name || one.textContent, isMarked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 };
            });
            if (!stop || (stops.length > 0 && stop.name === stops[0].name)) {
                break;
            }
            stops.push(stop);
        }
        assert.deepEqual(stops.map((one) => one.name), ['pause', 'unit', 'requests-chart', 'bits-chart', 'cpu-chart', 'latency-chart', 'Route', 'Requests/s', 'Mbit/s', 'Answers', 'Bytes', 'stats', 'metrics']);
        assert.deepEqual(stops.filter((one) => !one.isMarked), []);
        const chart = page.locator('#requests-chart');
        const told = () => chart.getAttribute('aria-valuetext').then((one) => one.split(';')[0]);
        await chart.focus();
        const newest = await told();
        await page.keyboard.press('ArrowLeft');
        assert.match(await told(), /^12:01:15: [\d,]+\/s$/);
        assert.match(await page.locator('#bits-chart .reading').textContent(), /^12:01:15 · \d+ Mbit\/s$/);
        assert.match(await page.locator('#latency-chart .reading').textContent(), /^12:01:15 · p50 ≤ 1 ms, p99 ≤ 25 ms$/);
        await page.keyboard.press('Home');
        assert.match(await told(), /^12:01:05: /);
        await page.keyboard.press('End');
        assert.equal(await told(), newest);
        await page.keyboard.press('Escape');
        assert.match(await page.locator('#bits-chart .reading').textContent(), /^lowest/);
        await page.locator('#requests-chart svg').hover({ position: { x: 5, y: 40 } });
        assert.match(await page.locator('#requests-chart .reading').textContent(), /^12:01:05 · /);
        await page.mouse.move(0, 0);
        const first = () => page.locator('#routes bdi').first().textContent();
        assert.equal(await first(), '/gallery');
        await page.getByRole('button', { name: 'Route', exact: true }).focus();
        await page.keyboard.press('Enter');
        assert.equal(await first(), '/assets');
        assert.deepEqual(await page.locator('th[aria-sort]').evaluateAll((all) => all.map((one) => `${one.textContent} ${one.getAttribute('aria-sort')}`)), ['Route ascending']);
        await page.keyboard.press('Enter');
        assert.equal(await first(), 'refused before routing');

        const session = await page.context().newCDPSession(page);
        const { nodes } = await session.send('Accessibility.getFullAXTree');
        const named = (role) => nodes.filter((node) => !node.ignored && node.role.value === role).map((node) => node.name.value);
        assert.deepEqual(named('heading'), ['badger', 'Traffic', 'Requests', 'Sent', 'Processor', 'Latency', 'How long answers took', 'p50 (dotted) and p99 (line), last 10 minutes', 'Connections', 'Coming and going',
            'Hottest paths', 'Errors, and limits that were reached', 'Balance over cores', 'Routes', 'Packs and folders', 'Cold reads', 'Process', 'Since this page was opened']);
        assert.ok(named('region').includes('Traffic'));
        // A picture's role is called by both names.
        const pictures = [...named('image'), ...named('img')];
        assert.equal(pictures.length, 2, String(pictures));
        assert.match(pictures[0], /^Traffic [\d,]+ client connections\. .*\/gallery: [\d.,]+\/s, \d+%/);
        assert.match(pictures[1], /^Answers by time: .*35% up to 1 ms/);
        assert.equal(named('slider').length, 4);
        assert.equal(named('table').length, 2);
        for (const role of ['button', 'slider', 'radio', 'link', 'columnheader']) {
            assert.deepEqual(named(role).filter((name) => !name.trim()), [], role);
        }
    });

    await scene('with little motion, with none', { options: { reducedMotion: 'reduce' } }, async (page, { world }) => {
        await pass(page, world, { load: { '/gallery': { 200: 500 } } });
        const moving = () => page.evaluate(() => document.getAnimations().filter((one) => one.playState === 'running').length);
        assert.equal(await moving(), 0);
        await page.emulateMedia({ reducedMotion: 'no-preference' });
        assert.equal(await moving(), 2);
        await page.getByRole('button', { name: 'Pause' }).click();
        assert.equal(await moving(), 0, 'a pause stops what moves');
    });

    await scene('numbers as the reader writes them', { options: { locale: 'de-DE' } }, async (page, { world }) => {
        await pass(page, world, { load: { '/gallery': { 200: 12_345 } }, size: 1000 });
        assert.equal(await text(page, 'requests'), '12.345');
        assert.equal(await text(page, 'bits'), '98,8');
        assert.match((await page.locator('#percentiles dd').first().innerText()).split('\n')[0], /^≤ 1 ms$/);
    });

    await scene('a listener that wants a token', { answers: (request) => (request.headers.authorization === 'Bearer s3cret' ? '{"now": 1, "started": 0, "state": "serving"}' : { status: 401, body: 'no' }) }, async (page, { server }) => {
        assert.equal(await text(page, 'state'), 'Token wanted');
        await isWellLaidOut(page).catch((error) => assert.match(error.message, /texts and lines were measured/));
        await page.getByLabel('Token of the admin listener').fill('wrong');
        await page.keyboard.press('Enter');
        await asked(page, 2);
        assert.equal(await text(page, 'state'), 'Token wanted');
        await page.getByLabel('Token of the admin listener').fill('s3cret');
        await page.getByRole('button', { name: 'Use it' }).click();
        await asked(page, 3);
        assert.equal(await text(page, 'state'), 'Serving');
        assert.equal(await page.locator('#token-form').isVisible(), false);
        assert.equal(new URL(page.url()).search, '', 'it is not in the address');
        await next(page);
        assert.deepEqual(server.asked.filter((one) => one.url === '/_badger/stats').map((one) => one.authorization), [undefined, 'Bearer wrong', 'Bearer s3cret', 'Bearer s3cret']);
    });

    for (const colorScheme of ['light', 'dark']) {
        for (const width of [360, 800, 1440]) {
            await scene(`how it looks: ${colorScheme}, ${width} pixels`, { world: yesterday(new World()), query: '?every=10', options: { viewport: { width, height: 900 }, colorScheme, deviceScaleFactor: width === 360 ? 2 : 1 } }, async (page, { world }) => {
                for (let at = 0; at < 122; at += 2) {
                    busy(busy(world, at), at + 1);
                    world.stats.generation = at < 60 ? 3 : 4;
                    await next(page, 10);
                }
                await isWellLaidOut(page);
                await page.screenshot({ path: path.join(SCREENSHOTS, `dashboard-${colorScheme}-${width}.png`), fullPage: true, animations: 'disabled' });
                if (colorScheme === 'dark' && width === 1440) {
                    // The picture of docs/dashboard.md.
                    await page.setViewportSize({ width: 1200, height: 806 });
                    await page.waitForFunction(() => picture.width < 1200);
                    await page.screenshot({ path: path.join(SCREENSHOTS, 'dashboard.jpg'), type: 'jpeg', quality: 80, animations: 'disabled' });
                }
            });
        }
    }

    await t.test('the measures see what is wrong', async () => {
        const world = busy(yesterday(new World()), 1);
        const server = await serveDashboard(() => world.answer());
        const { page, context, wrong } = await open(browser, server.base);
        try {
            await isWellLaidOut(page);
            assert.deepEqual(await wrong(), []);
            await page.evaluate(() => {
                document.getElementById('cost').style.color = '#999';
                document.getElementById('cores').style.width = '3000px';
                document.body.insertAdjacentElement('beforeend', document.createElement('p')).setAttribute('style', 'color: red');
                document.body.append(Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:9/x.png' }));
            });
            assert.match((await faint(page)).found.join(), /Asked every 5 seconds/);
            await assert.rejects(isWellLaidOut(page), /UL\.cores/);
            await page.waitForFunction(() => window.breaches.length >= 2);
            assert.match((await wrong()).join('\n'), /style-src-attr[\s\S]*img-src|img-src[\s\S]*style-src-attr/);
        } finally {
            await context.close();
            await server.close();
        }
    });
});

const { BADGER } = process.env;
const without = BADGER ? false : 'set BADGER to the program';
if (without && process.env.CI === 'true') {
    throw new Error(without);
}

test('the dashboard of badger serve --admin', { skip: IS_THERE ? without : `no ${EXECUTABLE}` }, async (t) => {
    const folder = program.content(t, BADGER);
    const server = await program.start(t, BADGER, folder);
    const browser = await startBrowser();
    t.after(() => browser.close());
    const { page, wrong } = await open(browser, server.admin);
    const state = () => text(page, 'state');
    /** Asks again until `is` holds; each time it waits for an answer, and what the server was told comes at last. */
    async function until(is) {
        for (let time = 0; !await is(); time += 1) {
            assert.ok(time < 2000, `still not: ${is}`);
            await next(page);
        }
    }
    const row = async (name) => (await page.locator('#routes tr', { has: page.locator('bdi', { hasText: new RegExp(`^${name}$`) }) }).innerText()).replace(/\s+/g, ' ');
    const traffic = (rounds) => Array.from({ length: rounds }, () => [...Array.from({ length: 30 }, () => ['/hot.txt', 200]), ['/films/7.txt', 200], ['/films/39.txt', 200], ['/films/none', 404], ['/none', 404], ['/hot.txt', 206, { Range: 'bytes=0-9' }]]).flat();

    await t.test('its first answer', async () => {
        assert.equal(await state(), 'Serving');
        assert.equal(await text(page, 'requests'), '0');
        assert.equal(await text(page, 'requests-unit'), 'since the start');
        assert.match(await text(page, 'facts'), /Version \d+\.\d+\.\d+ Backend (epoll|io_uring) Workers 2 Generation 1 Up /);
        assert.match(await text(page, 'packs'), /\/films .*films\.badger .* 40 /);
        assert.deepEqual(await wrong(), []);
    });

    await t.test('under traffic: what was asked for is what it shows', async () => {
        await program.ask(server.base, traffic(40));
        await next(page);
        assert.equal(await text(page, 'requests-unit'), 'a second');
        assert.match(await text(page, 'requests-note'), /; 1,400 since the start$/);
        assert.ok(Number((await text(page, 'requests')).replace(/,/g, '')) > 0);
        assert.ok(Number((await text(page, 'bits')).replace(/,/g, '')) > 0);
        // What left in a worker's last turn may be measured a moment after it has arrived.
        assert.match(await text(page, 'latency-note'), /^1,[34]\d\d answers in the last /);
        for (const one of await page.locator('#percentiles dd').allInnerTexts()) {
            assert.match(one, /^[≤>] \d/);
        }
        assert.match(await row('/films'), /pack .* 120 .* 200 80 404 40$/);
        assert.match(await row('/'), /files .* 1,280 .* 200 1,200 206 40 404 40$/);
        const told = await page.locator('#traffic-text').textContent();
        assert.match(told, /\/: [\d.,]+\/s, 91%, of which 3\.1% 4xx or 5xx, from site\/\./);
        assert.match(told, /\/films: [\d.,]+\/s, 8\.6%, of which 33% 4xx or 5xx, from films\.badger\./);
        assert.equal(await page.locator('#cores li').count(), 2);
        const first = await page.locator('#hot li').first().innerText();
        assert.match(first.replace(/\s+/g, ' '), /^\/hot\.txt \d+%$/);
        assert.doesNotMatch(await page.locator('main').innerText(), /unknown/);
        assert.match(await text(page, 'cost'), /since the start: 1 request, /);
        assert.deepEqual(await wrong(), []);
        await isWellLaidOut(page);
    });

    await t.test('a limit that is reached', async () => {
        assert.equal(await page.locator('#troubles-empty').isVisible(), true);
        const long = await program.connect(server.base, `GET /${'x'.repeat(70_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
        assert.match(await long.answered(), /^HTTP\/1\.1 414 /);
        await next(page);
        assert.match(await text(page, 'troubles'), /Refused 414: the request line was too long 1 .*1 in the last/);
        assert.match(await row('refused before routing'), /414 1$/);
    });

    await t.test('new content', async () => {
        server.child.kill('SIGHUP');
        await until(async () => /Generation 2/.test(await text(page, 'facts')));
        assert.match(await text(page, 'log'), /New content: generation 1 became 2/);
        await program.ask(server.base, traffic(10));
        await next(page);
        assert.match(await row('/films'), / 150 .* 200 100 404 50$/);
        await page.screenshot({ path: path.join(SCREENSHOTS, 'dashboard-real.png'), fullPage: true });
        assert.deepEqual(await wrong(), []);
    });

    await t.test('it drains, is gone, and another one takes its place', async () => {
        const slow = await program.connect(server.base, 'GET /hot.txt HTTP/1.1\r\nHost: x\r\n');
        await until(async () => /reading a request 1/.test(await text(page, 'states')));
        server.child.kill('SIGTERM');
        await until(async () => await state() === 'Draining');
        assert.match(await text(page, 'notice'), /^The server is draining/);
        slow.socket.write('\r\n');
        assert.match(await slow.answered(), /^HTTP\/1\.1 200 [\s\S]*Connection: close/i);
        assert.deepEqual(await server.ended, { status: 0, signal: null });
        await next(page);
        assert.equal(await state(), 'No answer');
        assert.match(await text(page, 'notice'), /it has probably stopped, as it was told to/);
        const other = await program.start(t, BADGER, folder);
        await page.route(`${server.admin}/_badger/stats`, async (route) => route.fulfill({ response: await route.fetch({ url: `${other.admin}/_badger/stats` }) }));
        await program.ask(other.base, traffic(1));
        await next(page);
        assert.equal(await state(), 'Serving');
        assert.match(await text(page, 'notice'), /^The server restarted/);
        assert.equal(await text(page, 'requests'), '35');
        assert.deepEqual(await wrong(), []);
    });

    await t.test('with a token', async () => {
        const token = 'a-token-for-tests-0123456789';
        fs.writeFileSync(path.join(folder, 'token'), `${token}\n`);
        const guarded = await program.start(t, BADGER, folder, ['--admin-token-file', path.join(folder, 'token')]);
        const guest = await open(browser, guarded.admin);
        assert.equal(await text(guest.page, 'state'), 'Token wanted');
        await guest.page.getByLabel('Token of the admin listener').fill(token);
        await guest.page.keyboard.press('Enter');
        await asked(guest.page, 2);
        assert.equal(await text(guest.page, 'state'), 'Serving');
        assert.deepEqual(await guest.wrong(), []);
    });
});
