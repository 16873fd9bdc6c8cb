// A made-up server behind the dashboard: figures that keep the contract of /_badger/stats, under a load that a test sets, and the
// page with the policy that the real server adds.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const { listening } = require('./server.js');

const PAGE = path.join(__dirname, '../../../src/server/admin/dashboard.html');
const BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Every counter of `Stats`, read from where it is declared, so that the page is tested with all of them. */
function counters() {
    const source = fs.readFileSync(path.join(__dirname, '../../../src/server/stats.rs'), 'utf8');
    const block = /^counters! \{([\s\S]*?)^\}/m.exec(source)[1];
    return [...block.matchAll(/^ {4}(\w+),$/gm)].map((found) => found[1]);
}

const META = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/;

/** The policy that the page must have: its one style and its one script by their hashes, answers from its own server, its icon. */
function policy(page) {
    const hashes = (tag) => [...page.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))]
        .map((found) => `'sha256-${crypto.createHash('sha256').update(found[1]).digest('base64')}'`).join(' ');
    return `default-src 'none'; style-src ${hashes('style')}; script-src ${hashes('script')}; connect-src 'self'; img-src data:; require-trusted-types-for 'script'`;
}

/** What the server adds, which a page cannot say of itself. */
function served() {
    const source = fs.readFileSync(path.join(__dirname, '../../../src/server/admin/mod.rs'), 'utf8');
    return /const PAGE_POLICY: &str = "([^"]+)"/.exec(source)[1];
}

/** How many of `count` answers fall in each bucket, around the middle that `typical` (a number of a bucket) is, with a tail. */
function spreadOver(count, typical) {
    const weights = [...BOUNDS, null].map((_, index) => Math.exp(-((index - typical) ** 2) / (index < typical ? 1.2 : 4.5)));
    const all = weights.reduce((before, one) => before + one, 0);
    return weights.map((weight) => Math.floor(weight / all * count));
}

class World {
    constructor(options = {}) {
        const { workers = 4, routes, packs, start = 1_700_000_000 } = options;
        this.clock = start;
        this.stats = {
            version: '0.1.0', now: start, started: start - 93_784, state: 'serving', backend: 'io_uring', generation: 3,
            workers: Array.from({ length: workers }, (_, index) => ({ number: index, connections_open: 0, responses: 0, bytes_sent: 0, cpu_seconds: 0, busy_seconds: 0 })),
            totals: Object.fromEntries(counters().map((name) => [name, 0])),
            connections: { reading: 0, waiting: 0, sending: 0, idle: 0, lingering: 0 },
            routes: routes || [
                { route: '/gallery', kind: 'pack' }, { route: '/metadata', kind: 'pack' }, { route: '/assets', kind: 'directory' }, { route: '/order/{profile}', kind: 'handler' },
                { route: '(none)', kind: 'none' }, { route: '(refused)', kind: 'none' },
            ],
            latency: { bounds: BOUNDS, counts: [...BOUNDS, null].map(() => 0), sum: 0, count: 0 },
            hottest: [],
            packs: packs || [
                { mount: '/gallery', source: '/srv/packs/gallery-2023-11-14.badger', generation: 3, kind: 'pack', made: start - 7300, keys: 1_200_000, bytes: 181_402_112_000, resident_bytes: 21_474_836_480 },
                { mount: '/metadata', kind: 'pack', source: '/srv/packs/titles.badger', generation: 3, made: start - 86_400 * 3, keys: 5_800, bytes: 71_303_168, resident_bytes: 71_303_168 },
                { mount: '/assets', kind: 'directory', source: '/srv/public', generation: 0, made: start - 400, keys: 2_114, bytes: 94_371_840, resident_bytes: 91_250_688 },
            ],
            process: { cpu_seconds: 812, resident_bytes: 41_943_040, open_files: 318, threads: 9 },
            polling: { requests: 0, cpu_seconds: 0, bytes: 0 },
        };
        for (const route of this.stats.routes) {
            route.responses = route.responses || {};
            route.bytes = route.bytes || 0;
        }
        this.asked = 0;
    }

    /** `seconds` of a load: requests of each route a second by status, bytes of an answer, the typical bucket, share of each core. */
    advance(seconds, { load = {}, size = 24_000, typical = 3, cpu = () => 0.3, open = 0, counts = {}, hottest } = {}) {
        const { stats } = this;
        stats.now += seconds;
        let answers = 0;
        for (const [name, statuses] of Object.entries(load)) {
            const route = stats.routes.find((one) => one.route === name);
            for (const [status, each] of Object.entries(statuses)) {
                const count = Math.round(each * seconds);
                route.responses[status] = (route.responses[status] || 0) + count;
                route.bytes += status === '200' ? count * size : count * 180;
                stats.totals.bytes_sent += status === '200' ? count * size : count * 180;
                stats.totals[`responses_${status[0]}xx`] += count;
                answers += count;
            }
        }
        stats.totals.responses += answers;
        const measured = spreadOver(answers, typical);
        measured.forEach((count, index) => { stats.latency.counts[index] += count; });
        stats.latency.count = stats.latency.counts.reduce((all, one) => all + one, 0);
        stats.latency.sum += measured.reduce((all, count, index) => all + count * (BOUNDS[index] || 60) * 0.7, 0);
        const shares = stats.workers.map((_, index) => cpu(index));
        const all = shares.reduce((before, one) => before + one, 0) || 1;
        stats.workers.forEach((worker, index) => {
            const share = shares[index];
            worker.cpu_seconds += share * seconds;
            worker.busy_seconds += Math.min(1, share * 1.1) * seconds;
            worker.responses += Math.round(answers * share / all);
            worker.bytes_sent += Math.round(answers * size * share / all);
            worker.connections_open = Math.round(open / stats.workers.length) + (index % 3);
        });
        stats.process.cpu_seconds += shares.reduce((before, one) => before + one, 0) * seconds;
        stats.totals.connections_open = open;
        stats.connections = { reading: Math.round(open * 0.01), waiting: Math.round(open * 0.02), sending: Math.round(open * 0.11), idle: 0, lingering: Math.round(open * 0.005) };
        stats.connections.idle = open - Object.values(stats.connections).reduce((before, one) => before + one, 0);
        for (const [name, count] of Object.entries(counts)) {
            stats.totals[name] = (stats.totals[name] || 0) + count;
        }
        stats.hottest = hottest || stats.hottest;
        return this;
    }

    /** What stats answers now; asking counts itself. */
    answer() {
        const text = JSON.stringify(this.stats);
        Object.assign(this.stats.polling, { requests: this.stats.polling.requests + 1, cpu_seconds: this.stats.polling.cpu_seconds + 0.0004, bytes: this.stats.polling.bytes + text.length + 180 });
        return text;
    }
}

/**
 * Serves the page at /_badger/ and what `answers()` gives at /_badger/stats: text, { status, body }, 'hang up' or 'never'.
 * Gives { base, asked, close }; `asked` are all requests, as { url, authorization }.
 */
function serveDashboard(answers) {
    const page = fs.readFileSync(PAGE, 'utf8');
    const policyOfServer = served();
    const asked = [];
    const server = http.createServer((request, response) => {
        asked.push({ url: request.url, authorization: request.headers.authorization });
        const { pathname } = new URL(request.url, 'http://localhost');
        if (pathname === '/_badger/') {
            response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': policyOfServer, 'X-Content-Type-Options': 'nosniff' }).end(page);
        } else if (pathname === '/_badger/stats') {
            const answer = answers(request);
            if (answer === 'hang up') {
                request.socket.destroy();
            } else if (answer !== 'never') {
                const { status = 200, body } = typeof answer === 'string' ? { body: answer } : answer;
                response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(body);
            }
        } else {
            response.writeHead(404).end('not found');
        }
    });
    return listening(server, asked);
}

module.exports = { World, serveDashboard, policy, META, counters, PAGE, BOUNDS };
