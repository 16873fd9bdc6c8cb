"""Makes a package of the library and its tests over sockets, and nothing else: bare.py FOLDER.

A package's dev-dependencies are all compiled for any of its tests. Most of ours are for the examples and `badger`; compiled for
another machine, or with a sanitizer, they would take minutes, and for another machine a C compiler for it. FOLDER gets the same
sources by links, and the same Cargo.toml without those dependencies and without the targets that want them.
"""

import os
import re
import shutil
import sys

# What the library's own tests and those of tests/wire name of the dev-dependencies.
DEPENDENCIES = ("serde_json",)
TESTS = ("wire",)


def sections(text):
    """The tables of a TOML file as (name, lines), in order; comments before a table stay with the one before."""
    found = [("", [])]
    for line in text.splitlines(keepends=True):
        head = re.fullmatch(r"(\[\[?[^\]]+\]?\])\s*", line)
        if head:
            found.append((head[1], []))
        found[-1][1].append(line)
    return found


def bare(text):
    for name, lines in sections(text):
        if name in ("[[bin]]", "[[test]]", "[[bench]]", "[[example]]") or name.startswith("[profile.device"):
            continue
        # Those of benchmarks: no test names them.
        if name.startswith("[target.") and name.endswith(".dev-dependencies]"):
            continue
        if name == "[dev-dependencies]":
            lines = lines[:1] + [line for line in lines[1:] if line.split("=")[0].strip() in DEPENDENCIES]
            if len(lines) != 1 + len(DEPENDENCIES):
                raise SystemExit(f"bare.py: [dev-dependencies] of Cargo.toml has not one line each for {', '.join(DEPENDENCIES)}")
        if name == "[package]":
            lines += ["autotests = false\n", "autoexamples = false\n"]
        yield "".join(lines)
    for test in TESTS:
        yield f'\n[[test]]\nname = "{test}"\npath = "tests/{test}/main.rs"\n'


def main():
    folder = sys.argv[1]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in os.listdir(root):
        if not name.startswith(("Cargo.", "target", ".")):
            os.symlink(os.path.join(root, name), os.path.join(folder, name))
    # A copy, since cargo takes out of it what is not needed.
    shutil.copy(os.path.join(root, "Cargo.lock"), folder)
    with open(os.path.join(root, "Cargo.toml")) as file, open(os.path.join(folder, "Cargo.toml"), "w") as out:
        out.writelines(bare(file.read()))


main()
