"""Writes an initial file system for a kernel: initrd.py OUT [NAME=PATH | NAME>TARGET | NAME/ | NAME@KERNEL]...

NAME/ is a folder, NAME=PATH a file with that one's bytes and mode, or a folder with all that is in it, NAME>TARGET a symbolic link.
NAME@KERNEL is a module of the kernel that is unpacked there, with those that it needs; lib/order names them in the order in which
they are to be loaded, and has no line for one that is built in. The format is "newc" of cpio, which the kernel unpacks by itself:
Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import gzip
import os
import pathlib
import re
import stat
import sys


def entry(number, name, mode, data=b""):
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def file_entry(name, path):
    with open(path, "rb") as file:
        return name, stat.S_IFREG | stat.S_IMODE(os.stat(path).st_mode), file.read()


def folder_entries(name, path):
    yield name, stat.S_IFDIR | 0o755, b""
    for child in sorted(os.listdir(path)):
        below = os.path.join(path, child)
        if os.path.isdir(below):
            yield from folder_entries(f"{name}/{child}", below)
        else:
            yield file_entry(f"{name}/{child}", below)


def with_needed(module, kernel, order):
    """Appends the files of a module and of those it depends on, the needed ones first."""
    # In names of files "-" and "_" are the same letter.
    found = [path for path in pathlib.Path(kernel).rglob("*.ko") if path.stem.replace("-", "_") == module.replace("-", "_")]
    for path in found:
        needed = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for name in needed[1].decode().split(",") if needed else ():
            if name:
                with_needed(name, kernel, order)
        if path not in order:
            order.append(path)


def entries(arguments):
    order = []
    for argument in arguments:
        if argument.endswith("/"):
            yield argument[:-1], stat.S_IFDIR | 0o755, b""
        elif "=" in argument:
            name, path = argument.split("=", 1)
            if os.path.isdir(path):
                yield from folder_entries(name, path)
            else:
                yield file_entry(name, path)
        elif "@" in argument:
            with_needed(*argument.split("@", 1), order)
        else:
            name, target = argument.split(">", 1)
            yield name, stat.S_IFLNK | 0o777, target.encode()
    for path in order:
        yield file_entry(f"lib/{path.name}", path)
    yield "lib/order", stat.S_IFREG | 0o644, "".join(f"{path.name}\n" for path in order).encode()


def main():
    out, arguments = sys.argv[1], sys.argv[2:]
    with gzip.open(out, "wb", 1) as file:
        for number, (name, mode, data) in enumerate(entries(arguments), 1):
            file.write(entry(number, name, mode, data))
        file.write(entry(0, "TRAILER!!!", 0))


main()
