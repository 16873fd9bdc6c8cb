"""Runs a command as an older or stricter kernel would: under.py linux34|android|android-glibc COMMAND...

linux34: what came after Linux 3.4 answers as it does there: system calls ENOSYS, options of sockets (SO_REUSEPORT, SO_BUSY_POLL
and what is newer) ENOPROTOOPT, O_TMPFILE, a flag that such a kernel does not see, EISDIR, and madvise and fcntl EINVAL for what
they do not know. EPOLLEXCLUSIVE lies behind a pointer, where a filter cannot look; such a kernel ignores it.

android: what the filter for apps of Android 8, the first that has one, does not know ends the process with SIGSYS, and
ANDROID_ROOT is set, as it is there. Calls that only x86 has, where ARM has newer ones in their place, are allowed.
android-glibc: the same for programs of this system's C library, which no Android has and which could not even start there: what it
calls by itself (CALLS_OF_GLIBC) answers ENOSYS and does not end the process.

Only for x86-64: the numbers are its own.
"""

import ctypes
import errno
import os
import platform
import struct
import sys

# linux/filter.h, linux/seccomp.h, linux/audit.h
LOAD_WORD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, ERROR, TRAP, KILL = 0x7FFF0000, 0x00050000, 0x00030000, 0x80000000
ARCHITECTURE_X86_64 = 0xC000003E
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2

# Where `struct seccomp_data` has them; of an argument the lower half, which is what these calls look at.
NUMBER, ARCHITECTURE = 0, 4

# asm/unistd_64.h
CALLS = dict(
    open=2, fcntl=72, madvise=28, setsockopt=54, openat=257, set_robust_list=273, get_robust_list=274, kcmp=312,
    getrandom=318, memfd_create=319, seccomp=317, membarrier=324, statx=332, rseq=334, pidfd_open=434, clone3=435, close_range=436,
)  # fmt: skip
# At the start of a process and of a thread, to start a command, to look at a file.
CALLS_OF_GLIBC = ("set_robust_list", "rseq", "clone3", "statx", "pidfd_open", "close_range")
O_TMPFILE = 0o20000000
SOL_SOCKET, SO_REUSEPORT, SO_NOFCS = 1, 15, 43


def argument(index):
    return 16 + 8 * index


class Filter:
    def __init__(self):
        self.code = []

    def add(self, code, k, if_true=0, if_false=0):
        self.code.append((code, if_true, if_false, k))

    def load(self, offset):
        self.add(LOAD_WORD, offset)

    def answer(self, what):
        self.add(RETURN, what)

    def answer_call(self, number, what):
        """The number is loaded, and stays so."""
        self.add(JUMP_EQUAL, number, 0, 1)
        self.answer(what)

    def answer_calls(self, first, last, what):
        """All from the first to the last."""
        self.add(JUMP_AT_LEAST, first, 0, 2)
        self.add(JUMP_AT_LEAST, last + 1, 1, 0)
        self.answer(what)

    def answer_argument(self, number, index, test, value, what, also=None):
        """Of a call whose argument passes the test; `also` is another argument that must equal something."""
        inner = Filter()
        if also:
            inner.load(argument(also[0]))
            inner.add(JUMP_EQUAL, also[1], 0, 3)
        inner.load(argument(index))
        inner.add(test, value, 0, 1)
        inner.answer(what)
        inner.load(NUMBER)
        self.add(JUMP_EQUAL, number, 0, len(inner.code))
        self.code += inner.code

    def enter(self):
        program = b"".join(struct.pack("=HBBI", *instruction) for instruction in self.code)
        code = ctypes.create_string_buffer(program, len(program))
        described = struct.pack("@HP", len(self.code), ctypes.addressof(code))
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        for arguments in [(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0)]:
            if prctl(*[value if isinstance(value, bytes) else ctypes.c_ulong(value) for value in arguments]) != 0:
                sys.exit(f"under.py: {os.strerror(ctypes.get_errno())}")


def linux34(filter):
    filter.answer_calls(CALLS["kcmp"], 0x3FFFFFFF, ERROR | errno.ENOSYS)
    options = (CALLS["setsockopt"], 2)
    is_of_socket = (1, SOL_SOCKET)
    filter.answer_argument(*options, JUMP_EQUAL, SO_REUSEPORT, ERROR | errno.ENOPROTOOPT, is_of_socket)
    filter.answer_argument(*options, JUMP_AT_LEAST, SO_NOFCS + 1, ERROR | errno.ENOPROTOOPT, is_of_socket)
    filter.answer_argument(CALLS["open"], 1, JUMP_ANY_BIT, O_TMPFILE, ERROR | errno.EISDIR)
    filter.answer_argument(CALLS["openat"], 2, JUMP_ANY_BIT, O_TMPFILE, ERROR | errno.EISDIR)
    # MADV_DODUMP is the last; F_OFD_GETLK and F_OFD_SETLK, and F_ADD_SEALS and what follows, came later.
    filter.answer_argument(CALLS["madvise"], 2, JUMP_AT_LEAST, 17 + 1, ERROR | errno.EINVAL)
    filter.answer_argument(CALLS["fcntl"], 1, JUMP_AT_LEAST, 1033, ERROR | errno.EINVAL)
    for command in (36, 37):
        filter.answer_argument(CALLS["fcntl"], 1, JUMP_EQUAL, command, ERROR | errno.EINVAL)


def android(filter, of_c_library=()):
    os.environ["ANDROID_ROOT"] = "/system"
    for name in of_c_library:
        filter.answer_call(CALLS[name], ERROR | errno.ENOSYS)
    filter.answer_call(CALLS["set_robust_list"], TRAP)
    filter.answer_call(CALLS["get_robust_list"], TRAP)
    # Newer than what its C library has functions for, and allowed all the same.
    for name in ("seccomp", "getrandom", "membarrier"):
        filter.answer_call(CALLS[name], ALLOW)
    filter.answer_calls(CALLS["kcmp"], 0x3FFFFFFF, TRAP)


MODES = {
    "linux34": linux34,
    "android": android,
    "android-glibc": lambda filter: android(filter, CALLS_OF_GLIBC),
}


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in MODES:
        sys.exit(__doc__)
    if platform.machine() != "x86_64":
        sys.exit("under.py: the numbers of system calls in it are those of x86-64")
    filter = Filter()
    filter.load(ARCHITECTURE)
    filter.add(JUMP_EQUAL, ARCHITECTURE_X86_64, 1, 0)
    filter.answer(KILL)
    filter.load(NUMBER)
    MODES[sys.argv[1]](filter)
    filter.answer(ALLOW)
    filter.enter()
    os.execvp(sys.argv[2], sys.argv[2:])


main()
