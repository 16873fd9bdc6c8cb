"""Asks servers over real connections.

client.py same KEYS ADDRESS...     every answer of the second server and those behind it is that of the first, byte for byte but for
                                   its Date; KEYS is a file of lines: path, size of the plain body, entity tag
client.py large ADDRESS PATH       the answer at PATH is the file that `client.py make` made, asked for in pieces
client.py make FILE                makes it: 6 GiB and a little more, nearly all of it a hole
"""

import collections
import os
import re
import socket
import sys

# The file of `make`: zeros, and at each place its own number as text.
LARGE_BYTES = (6 << 30) + 12_345
MARK_BYTES = 32
MARKS = [0, (1 << 31) - 16, (1 << 31) + 4096, (1 << 32) - 16, (1 << 32) + 65_536, 5 << 30, LARGE_BYTES - MARK_BYTES]
PIECE_BYTES = 1 << 20
LONG_BYTES = 128 << 20
# Requests that are sent at once.
PIPELINE = 16

Answer = collections.namedtuple("Answer", "status fields body")


def mark(place):
    return f"<{place:030}>".encode()


class Connection:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=120)
        self.file = self.socket.makefile("rb", buffering=1 << 18)

    def send(self, method, path, fields=()):
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *fields]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def head(self):
        status = self.file.readline().decode("latin-1").rstrip("\r\n")
        if not status:
            raise EOFError("the server closed the connection")
        fields = []
        while line := self.file.readline().rstrip(b"\r\n"):
            fields.append(line.decode("latin-1"))
        return status, fields

    def answer(self, method):
        status, fields = self.head()
        found = re.search(r"^content-length: *(\d+)$", "\n".join(fields), re.I | re.M)
        code = status.split(" ")[1]
        has_body = method != "HEAD" and code not in ("204", "304")
        body = self.file.read(int(found[1])) if has_body and found else b""
        if has_body and (not found or len(body) != int(found[1])):
            raise EOFError(f"{status}: {len(body)} bytes, {fields}")
        return Answer(status, [field for field in fields if not field.lower().startswith("date:")], body)


def questions(keys):
    """What is asked about each key: method, path, fields."""
    for path, size, tag in keys:
        yield "GET", path, ()
        yield "HEAD", path, ()
        yield "GET", path, ("Accept-Encoding: br, gzip",)
        yield "GET", path, ("Accept-Encoding: gzip;q=0.5, identity;q=0",)
        yield "GET", path, (f"If-None-Match: {tag}",)
        yield "GET", path, (f"If-Match: {tag}", f"Range: bytes={int(size) // 3}-{int(size) // 2}")
        yield "GET", path, ("Range: bytes=0-0, 5-9, -3",)
        yield "GET", path, (f"Range: bytes={int(size)}-",)
        yield "OPTIONS", path, ()
        yield "DELETE", path, ()
    ids = [path.rsplit("/", 1)[1] for path, _, _ in keys if path.startswith("/metadata/")]
    for first in range(0, len(ids), 20):
        yield "GET", "/metadata?ids=" + ",".join(ids[first : first + 20]), ()
    for path in PAGE:
        yield "GET", path, ()
        yield "GET", path, ("Accept-Encoding: br",)
        yield "GET", path, ("Accept-Encoding: gzip", "Range: bytes=1-999")


# The example's page, which each program compresses at its start.
PAGE = ["/", "/page.css", "/grid.js", "/data.js", "/art.js", "/page.js", "/poco.js", "/load.js", "/why.js", "/falcor.js"]

# What may end a connection.
ODD = ["/nothing", "/gallery/nobody", "/metadata/none", "/metadata?ids=", "/assets/../x", "/%00", "//", "*", "/a b"]


def same(keys, addresses):
    with open(keys, encoding="utf-8") as file:
        keys = [line.rstrip("\n").split("\t") for line in file]
    # A gallery's order is that of the moment, so all are asked about the same one.
    moment = "?now=1790020800&device=phone"
    keys = [(path + moment if path.startswith("/gallery/") else path, size, tag) for path, size, tag in keys]
    asked = list(questions(keys))
    batches = [asked[first : first + PIPELINE] for first in range(0, len(asked), PIPELINE)]
    connections = [Connection(address) for address in addresses]
    is_known = {("GET", path, ()) for path, _, _ in keys}
    total = sum(compare(batch, connections, addresses, is_known) for batch in batches)
    for path in ODD:
        total += compare([("GET", path, ())], [Connection(address) for address in addresses], addresses)
    count = len(asked) + len(ODD)
    print(f"{count} answers with {total} bytes are the same from {len(addresses)} servers, about {len(keys)} keys")


def compare(batch, connections, addresses, is_known=()):
    """Asks all at once, then reads. Gives the bytes of the bodies of one server. What is known must be there: to be missing
    everywhere is the same too."""
    for connection in connections:
        for question in batch:
            connection.send(*question)
    total = 0
    for question in batch:
        first, *others = [connection.answer(question[0]) for connection in connections]
        for address, other in zip(addresses[1:], others):
            if other != first:
                sys.exit(f"{question}: {address} answers\n{other}\nand {addresses[0]}\n{first}")
        if question in is_known and first.status.split(" ")[1] != "200":
            sys.exit(f"{question}: {first.status}")
        total += len(first.body)
    return total


def expected(first, last):
    piece = bytearray(last - first + 1)
    for place in MARKS:
        for at, byte in enumerate(mark(place), place):
            if first <= at <= last:
                piece[at - first] = byte
    return bytes(piece)


def ask_range(connection, path, first, last):
    connection.send("GET", path, (f"Range: bytes={first}-{last}",))
    answer = connection.answer("GET")
    wanted = f"content-range: bytes {first}-{last}/{LARGE_BYTES}"
    if " 206 " not in answer.status or wanted not in (field.lower() for field in answer.fields):
        sys.exit(f"{path} {first}-{last}: {answer.status} {answer.fields}")
    if answer.body != expected(first, last):
        sys.exit(f"{path} {first}-{last}: wrong bytes")


def large(address, path):
    connection = Connection(address)
    for place in MARKS:
        for before, after in ((0, MARK_BYTES - 1), (3, 40), (100_000, 300_000)):
            first, last = max(place - before, 0), min(place + after, LARGE_BYTES - 1)
            ask_range(connection, path, first, last)
    connection.send("GET", path, ("Range: bytes=-32",))
    if connection.answer("GET").body != mark(MARKS[-1]):
        sys.exit(f"{path}: wrong last bytes")
    # Long enough to fill every buffer on the way, over the place where 32 bits end.
    first, last = (1 << 32) - LONG_BYTES // 2, (1 << 32) + LONG_BYTES // 2 - 1
    connection.send("GET", path, (f"Range: bytes={first}-{last}",))
    status, fields = connection.head()
    if " 206 " not in status or f"content-length: {LONG_BYTES}" not in (field.lower() for field in fields):
        sys.exit(f"{path}: {status} {fields}")
    at = first
    while at <= last:
        piece = connection.file.read(min(PIECE_BYTES, last + 1 - at))
        if not piece or piece != expected(at, at + len(piece) - 1):
            sys.exit(f"{path}: wrong or missing bytes from {at}")
        at += len(piece)
    ask_range(connection, path, 5 << 30, (5 << 30) + 99)
    # The whole, whose beginning is enough.
    connection.send("GET", path)
    status, fields = connection.head()
    if " 200 " not in status or f"content-length: {LARGE_BYTES}" not in (field.lower() for field in fields):
        sys.exit(f"{path}: {status} {fields}")
    if connection.file.read(PIECE_BYTES) != expected(0, PIECE_BYTES - 1):
        sys.exit(f"{path}: wrong first bytes")
    print(f"{path}: {3 * len(MARKS) + 2} ranges, {LONG_BYTES} bytes around 4 GiB, and a length of {LARGE_BYTES} are right")


def make(path):
    with open(path, "wb") as file:
        for place in MARKS:
            os.pwrite(file.fileno(), mark(place), place)


def main():
    match sys.argv[1:]:
        case ["same", keys, *addresses] if len(addresses) > 1:
            same(keys, addresses)
        case ["large", address, path]:
            large(address, path)
        case ["make", path]:
            make(path)
        case _:
            sys.exit(__doc__)


main()
