"""Writes an initial file system for a kernel: initrd.py OUT [NAME=FILE | NAME>TARGET | NAME/]...

NAME/ is a folder, NAME=FILE a file with FILE's bytes and mode, NAME>TARGET a symbolic link. The format is "newc" of cpio, which
the kernel unpacks by itself: Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import gzip
import os
import stat
import sys


def entry(number, name, mode, data=b""):
    fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def entries(arguments):
    for argument in arguments:
        if argument.endswith("/"):
            yield argument[:-1], stat.S_IFDIR | 0o755, b""
        elif "=" in argument:
            name, path = argument.split("=", 1)
            with open(path, "rb") as file:
                yield name, stat.S_IFREG | stat.S_IMODE(os.stat(path).st_mode), file.read()
        else:
            name, target = argument.split(">", 1)
            yield name, stat.S_IFLNK | 0o777, target.encode()


def main():
    out, arguments = sys.argv[1], sys.argv[2:]
    with gzip.open(out, "wb", 1) as file:
        for number, (name, mode, data) in enumerate(entries(arguments), 1):
            file.write(entry(number, name, mode, data))
        file.write(entry(0, "TRAILER!!!", 0))


main()
