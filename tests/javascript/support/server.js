// A server for tests, as small as it can be: paths and what they answer.
'use strict';

const http = require('node:http');

/** Starts it on a free port of the loopback; `answers(path)` gives `{ status, type, headers, body }` or null. */
function serve(answers) {
    const asked = [];
    const server = http.createServer((request, response) => {
        asked.push(request.url);
        const answer = answers(request.url);
        if (!answer) {
            response.writeHead(404).end('not found');
        } else if (answer.hangUp) {
            request.socket.destroy();
        } else {
            response.writeHead(answer.status ?? 200, { 'Content-Type': answer.type ?? 'application/octet-stream', ...answer.headers });
            response.end(answer.body);
        }
    });
    return listening(server, asked);
}

/** Starts a server on a free port; resolves to where it is, what it was asked, and how to end it. */
function listening(server, asked) {
    return new Promise((resolve) => {
        server.listen(0, '127.0.0.1', () => resolve({
            base: `http://127.0.0.1:${server.address().port}`,
            asked,
            close() {
                server.closeAllConnections();
                return new Promise((closed) => { server.close(closed); });
            },
        }));
    });
}

module.exports = { serve, listening };
