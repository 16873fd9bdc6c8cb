// What a gallery costs as JSON and as records, on the wire, on the server and in the client. It proves nothing by passing: it
// prints a table.
//
//   BADGER=target/release/badger node measure.js titles.ndjson profiles.ndjson [PROFILES]
//
// Three forms of the same galleries, packed and served by `badger`: JSON (the JSON Graph that falcor's cache takes), records
// with their cards inline, records that share a catalogue. Bytes are those of whole answers with their heads, in br; the
// server's CPU is its run time by the kernel's accounts, over requests that are answered in br; the client's time is from
// bytes that are there to the titles and boxart of 6 rows of 8, in Node.js, medians.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const readline = require('node:readline');
const zlib = require('node:zlib');
const falcor = require('falcor');
const Badger = require('../../examples/javascript/poco.js');
const { PocoDataSource, toJSONGraph } = require('../../examples/javascript/falcor.js');

const REQUESTS = 20_000;
const CONNECTIONS = 16;
const ROUNDS = 5;
const SCREEN = ['lolomo', { to: 5 }, { to: 7 }, ['title', 'boxart']];

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});

async function main() {
    const [titles, profiles, count = '50'] = process.argv.slice(2);
    const badger = process.env.BADGER;
    if (!badger || !profiles) {
        throw new Error('usage: BADGER=path/to/badger node measure.js titles.ndjson profiles.ndjson [PROFILES]');
    }
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'badger-measure-'));
    try {
        const some = fs.readFileSync(profiles, 'utf8').trim().split('\n').slice(0, Number(count));
        const input = path.join(folder, 'profiles.ndjson');
        fs.writeFileSync(input, `${some.join('\n')}\n`);
        const ids = some.map((line) => JSON.parse(line).id);
        const packs = {};
        for (const layout of ['inline', 'shared']) {
            packs[layout] = path.join(folder, `${layout}.badger`);
            execFileSync(badger, ['pack', 'gallery', '--titles', titles, '--profiles', input, '--layout', layout, '-o', packs[layout]], { stdio: 'pipe' });
        }
        packs.json = await packJson(badger, folder, packs.inline, ids);
        const servers = {};
        for (const [form, pack] of Object.entries(packs)) {
            servers[form] = await serve(badger, pack);
        }
        try {
            await report(servers, ids);
        } finally {
            Object.values(servers).forEach((server) => server.child.kill('SIGTERM'));
        }
    } finally {
        fs.rmSync(folder, { recursive: true });
    }
}

/** The same galleries as JSON Graph, under the same paths. */
async function packJson(badger, folder, inline, ids) {
    const lines = path.join(folder, 'json.ndjson');
    const pack = path.join(folder, 'json.badger');
    const server = await serve(badger, inline);
    const out = fs.createWriteStream(lines);
    for (const id of ids) {
        const { body } = await server.get(`/gallery/${encodeURIComponent(id)}`, 'identity');
        const text = JSON.stringify(toJSONGraph(Badger.decode(body)));
        out.write(`${JSON.stringify({ key: `/gallery/${id}`, type: 'application/json', text })}\n`);
    }
    out.end();
    await once(out, 'finish');
    server.child.kill('SIGTERM');
    execFileSync(badger, ['pack', 'records', lines, '--encode', 'br', '-o', pack], { stdio: 'pipe' });
    return pack;
}

async function serve(badger, pack) {
    const child = spawn(badger, ['serve', pack, '--listen', '127.0.0.1:0', '--workers', '1'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = await once(readline.createInterface({ input: child.stdout }), 'line');
    const [, host, port] = /^listening on http:\/\/([^:]+):(\d+)/.exec(line);
    const ask = (target, encoding, etag) => `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nAccept-Encoding: ${encoding}\r\n${etag ? `If-None-Match: ${etag}\r\n` : ''}\r\n`;
    return {
        child,
        /** One answer over a connection of its own. */
        async get(target, encoding, etag) {
            const connection = new Connection(Number(port), host);
            const answer = await connection.ask(ask(target, encoding, etag));
            connection.socket.destroy();
            return answer;
        },
        /** Microseconds of the server's run time for a request, over connections that stay. */
        async cpu(targets, requests) {
            const connections = Array.from({ length: CONNECTIONS }, () => new Connection(Number(port), host));
            const texts = targets.map((target) => ask(target, 'br'));
            const run = async (total) => {
                let next = 0;
                await Promise.all(connections.map(async (connection) => {
                    while (next < total) {
                        next += 1;
                        await connection.ask(texts[next % texts.length]);
                    }
                }));
            };
            await run(requests / 20);
            const before = runTime(child.pid);
            await run(requests);
            const nanos = runTime(child.pid) - before;
            connections.forEach((connection) => connection.socket.destroy());
            return nanos / 1000 / requests;
        },
    };
}

/** A connection that stays open, one request at a time. */
class Connection {
    constructor(port, host) {
        this.socket = net.connect(port, host).setNoDelay();
        this.pieces = [];
        this.length = 0;
        this.wanted = 0;
        this.socket.on('data', (piece) => this.take(piece));
        this.socket.on('error', (error) => this.reject && this.reject(error));
    }

    ask(text) {
        return new Promise((resolve, reject) => {
            Object.assign(this, { resolve, reject, pieces: [], length: 0, wanted: 0 });
            this.socket.write(text);
        });
    }

    take(piece) {
        this.pieces.push(piece);
        this.length += piece.length;
        if (!this.wanted) {
            const bytes = Buffer.concat(this.pieces);
            this.pieces = [bytes];
            const end = bytes.indexOf('\r\n\r\n');
            if (end < 0) {
                return;
            }
            this.head = bytes.toString('latin1', 0, end);
            const length = /^content-length: (\d+)$/im.exec(this.head);
            this.wanted = end + 4 + (length && !/^HTTP\/1.1 304/.test(this.head) ? Number(length[1]) : 0);
            this.start = end + 4;
        }
        if (this.length >= this.wanted) {
            const body = Buffer.concat(this.pieces).subarray(this.start);
            const etag = (/^etag: (.*)$/im.exec(this.head) || [])[1];
            this.resolve({ head: this.head, body, etag, bytes: this.wanted });
        }
    }
}

function runTime(pid) {
    const tasks = fs.readdirSync(`/proc/${pid}/task`);
    return tasks.reduce((sum, task) => sum + Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]), 0);
}

async function report(servers, ids) {
    const targets = ids.map((id) => `/gallery/${encodeURIComponent(id)}`);
    const cpu = { json: [], inline: [], shared: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
        for (const form of Object.keys(cpu)) {
            cpu[form].push(await servers[form].cpu(targets, REQUESTS));
        }
    }
    console.log(`${ids.length} galleries; server CPU: ${ROUNDS} rounds of ${REQUESTS} requests, the forms in turn, medians; Node.js ${process.version}\n`);
    console.log('| form | first visit, bytes | new gallery next day, bytes | nothing new (304), bytes | server CPU, us/request | client: parse, ms | client: first screen 6 x 8, ms |');
    console.log('|---|---|---|---|---|---|---|');
    for (const form of ['json', 'inline', 'shared']) {
        const sizes = [];
        const warm = [];
        let catalogue = null;
        let sample = null;
        for (const target of targets) {
            const answer = await servers[form].get(target, 'br');
            sizes.push(answer.bytes);
            warm.push((await servers[form].get(target, 'br', answer.etag)).bytes);
            if (!sample) {
                sample = unpacked(answer);
                if (form === 'shared') {
                    catalogue = await servers[form].get(Badger.decode(sample).catalogue, 'br');
                }
            }
        }
        const shared = catalogue && unpacked(catalogue);
        const [parse, screen] = form === 'json' ? clientJson(sample) : clientRecords(sample, shared);
        const first = median(sizes) + (catalogue ? catalogue.bytes : 0);
        const cells = [first, median(sizes), median(warm), median(cpu[form]).toFixed(1), parse.toFixed(3), screen.toFixed(2)];
        console.log(`| ${form} | ${cells.join(' | ')} |`);
    }
}

function unpacked({ head, body }) {
    if (!/^content-encoding: br$/im.test(head)) {
        throw new Error(`an answer that is not in br: ${head}`);
    }
    return zlib.brotliDecompressSync(body);
}

/** Milliseconds of `JSON.parse`, and of parsing, filling a fresh cache and asking it for the screen. */
function clientJson(bytes) {
    const text = bytes.toString();
    const parse = timed(() => JSON.parse(text));
    const screen = timed(() => {
        const model = new falcor.Model({ cache: JSON.parse(text) });
        return ask(model);
    });
    return [parse, screen];
}

/** Milliseconds of decoding, and of decoding and asking a fresh model for the screen. */
function clientRecords(bytes, shared) {
    const decode = () => {
        const gallery = Badger.decode(bytes);
        return shared ? gallery.withCatalogue(Badger.decode(shared)) : gallery;
    };
    return [timed(decode), timed(() => ask(new falcor.Model({ source: new PocoDataSource({ gallery: decode() }) })))];
}

function ask(model) {
    let found = null;
    let failure = null;
    model.get(SCREEN).subscribe((value) => { found = value; }, (error) => { failure = error; });
    if (failure || !found || Object.keys(found.json.lolomo).length < 6) {
        throw new Error(`the first screen is not there: ${JSON.stringify(failure)}`);
    }
    return found;
}

function timed(work) {
    const times = [];
    for (let turn = 0; turn < 60; turn += 1) {
        const start = process.hrtime.bigint();
        work();
        times.push(Number(process.hrtime.bigint() - start) / 1e6);
    }
    // The first ones teach the engine.
    return median(times.slice(20));
}

function median(numbers) {
    return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
