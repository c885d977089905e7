#!/usr/bin/env python3
"""Runs a command on a terminal of its own, by a script on standard input:

  expect REGEX   waits for it in what came since the last one
  send TEXT      types a line          type TEXT   types it without the line's end
  key N          types one byte        size R C    makes the terminal that large
  size R C REGEX the same, and again until REGEX came: for a client that has a moment in which it misses SIGWINCH
  signal NAME    sends one             exit N|any  waits for the end, which has to be this status

The terminal has 33 rows and 101 columns at the start. Its settings have to be the same at the end."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 60 * float(os.environ.get("PITH_TEST_SLOWNESS", "1"))


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def fail(pid, why):
    print(why)
    os.kill(pid, signal.SIGKILL)
    sys.exit(1)


def read_more(fd, pid, end, what, seen, nudge=None):
    while True:
        left = max(0, end - time.monotonic())
        ready, _, _ = select.select([fd], [], [], min(left, 0.5) if nudge else left)
        if ready or left == 0:
            break
        if nudge:
            nudge()
    if not ready:
        fail(pid, f"not in time: {what}; the terminal has {seen!r}")
    try:
        return os.read(fd, 4096)
    except OSError:
        return b""


master, slave = pty.openpty()
resize(master, 33, 101)
before = termios.tcgetattr(slave)
child = os.fork()
if child == 0:
    os.login_tty(slave) if hasattr(os, "login_tty") else (
        os.setsid(), fcntl.ioctl(slave, termios.TIOCSCTTY, 0), [os.dup2(slave, n) for n in range(3)])
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
for line in sys.stdin.read().splitlines():
    verb, _, rest = line.strip().partition(" ")
    end = time.monotonic() + PATIENCE
    nudge = None
    if verb == "size":
        rows, columns, *rest = rest.split(maxsplit=2)
        rows, columns = int(rows), int(columns)
        resize(master, rows, columns)
        if not rest:
            continue
        verb, rest = "expect", rest[0]

        def nudge():
            resize(master, rows, columns - 1)
            resize(master, rows, columns)
    if verb == "expect":
        while not (found := re.search(rest.encode(), seen)):
            more = read_more(master, child, end, rest, seen, nudge)
            if not more:
                fail(child, f"ended before: {rest}; the terminal has {seen!r}")
            seen += more
        seen = seen[found.end():]
    elif verb == "send":
        os.write(master, rest.encode() + b"\r")
    elif verb == "type":
        os.write(master, rest.encode())
    elif verb == "key":
        os.write(master, bytes([int(rest)]))
    elif verb == "signal":
        try:
            os.kill(child, getattr(signal, "SIG" + rest))
        except ProcessLookupError:
            pass
    elif verb == "exit":
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                break
            ready, _, _ = select.select([master], [], [], 0.05)
            if ready:
                os.read(master, 4096)
            if time.monotonic() > end:
                fail(child, "it does not end")
        code = os.waitstatus_to_exitcode(status)
        after = termios.tcgetattr(slave)
        if rest != "any" and code != int(rest):
            print(f"exit status {code}")
            sys.exit(1)
        if after[:4] != before[:4]:
            print("the terminal is not as it was")
            sys.exit(1)
