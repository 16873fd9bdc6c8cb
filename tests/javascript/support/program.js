// `badger serve --admin` for tests of the dashboard, with content to ask for and those who ask.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const { createInterface } = require('node:readline');

/** A folder and a pack, until the test ends. */
function content(t, badger) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'badger-dashboard-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const write = (name, size) => {
        fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
        fs.writeFileSync(path.join(folder, name), Buffer.alloc(size, `${name} `));
    };
    write('site/hot.txt', 900);
    write('site/large.bin', 3_000_000);
    for (let index = 0; index < 40; index += 1) {
        write(`films/${index}.txt`, 24_000 + index);
    }
    execFileSync(badger, ['pack', 'files', path.join(folder, 'films'), '-o', path.join(folder, 'films.badger')], { stdio: 'pipe' });
    return folder;
}

/** The program, serving that content: { base, admin, child, ended, lines, stop }. */
async function start(t, badger, folder, more = []) {
    const child = spawn(badger, ['serve', path.join(folder, 'site'), '--mount', `/films=${path.join(folder, 'films.badger')}`, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--workers', '2', ...more],
        { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = once(child, 'exit').then(([status, signal]) => ({ status, signal }));
    t.after(async () => {
        child.kill('SIGKILL');
        await ended;
    });
    const lines = [];
    const find = (stream, pattern) => new Promise((resolve, reject) => {
        createInterface({ input: stream }).on('line', (line) => {
            lines.push(line);
            const found = pattern.exec(line);
            if (found) {
                resolve(found[1]);
            }
        }).on('close', () => reject(new Error(`${badger} ended without ${pattern}: ${lines.join(' | ')}`)));
    });
    const [base, admin] = await Promise.all([find(child.stdout, /^listening on (http:\S+)/), find(child.stderr, /admin on (http:\S+)\/_badger\//)]);
    return { base, admin, child, ended, lines };
}

/** Asks for each of `wanted` ([path, status, headers]) over a few connections that stay open. */
async function ask(base, wanted, lanes = 8) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: lanes });
    const one = ([target, status, headers = {}]) => new Promise((resolve, reject) => {
        http.get(base + target, { agent, headers }, (response) => {
            response.on('error', reject).on('end', () => resolve(assert.equal(response.statusCode, status, target))).resume();
        }).on('error', reject);
    });
    const waiting = [...wanted];
    try {
        await Promise.all(Array.from({ length: lanes }, async () => {
            while (waiting.length > 0) {
                await one(waiting.pop());
            }
        }));
    } finally {
        agent.destroy();
    }
}

/** A connection on which `text` has been sent; `answered()` gives all that came until the server closed it. */
async function connect(base, text) {
    const { hostname, port } = new URL(base);
    const socket = net.connect({ host: hostname, port: Number(port) });
    const pieces = [];
    socket.on('data', (piece) => pieces.push(piece));
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    await new Promise((sent) => { socket.write(text, sent); });
    return { socket, answered: () => closed.then(() => Buffer.concat(pieces).toString('latin1')) };
}

module.exports = { content, start, ask, connect };
