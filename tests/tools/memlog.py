#!/usr/bin/env python3
"""What tests do with memlogd.

  memlog.py storm MEMLOGD KILLS     keeps a memlogd as PID 1 does, kills it KILLS times while sources write, and
                                    compares what it has at the end with what was written
  memlog.py hostile LOG             sends what no well-meant writer sends
  memlog.py sources LOG COUNT       so many writers at once, a line each
  memlog.py slow QUERY LOG          a reader that stands still while more is written than is kept
"""
import array
import json
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import time


def give(path, name, *fds):
    """A datagram with descriptors, however full the socket is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        s.sendmsg([name], rights, 0, path)


def stream(path, name):
    ours, theirs = socket.socketpair()
    give(path, name, theirs.fileno())
    theirs.close()
    return ours


def ask(path, mode):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(bytes([mode]))
    return s


def dump(path):
    with ask(path, 0) as s, s.makefile() as lines:
        return [json.loads(line) for line in lines]


class Keeper:
    """The descriptors that outlive memlogd."""

    def __init__(self, program, folder):
        self.log, self.query = folder + "/log", folder + "/query"
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        log.bind(self.log)
        query = socket.socket(socket.AF_UNIX)
        query.bind(self.query)
        query.listen(100)
        self.shelf = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for s in (log, query, *self.shelf):
            s.setblocking(False)
        self.kept = (log, query)
        self.fds = [log.fileno(), query.fileno(), os.memfd_create("log"), *(s.fileno() for s in self.shelf)]
        self.program = program

    def start(self):
        def place():
            above = [os.dup2(fd, 100 + i) for i, fd in enumerate(self.fds)]
            for i, fd in enumerate(above):
                os.dup2(fd, 3 + i)
            os.closerange(8, 200)

        return subprocess.Popen([self.program, "-quiet", "-max-lines", "2000000", "-max-bytes", "100000000",
                                 "-max-sources", "100"], env={"PITH_FDS": "5"}, preexec_fn=place, close_fds=False)


def storm(program, kills):
    with tempfile.TemporaryDirectory() as folder:
        k = Keeper(program, folder)
        writers = [stream(k.log, b"a"), stream(k.log, b"b.out")]
        numbers, rest, short = [0, 0], [b"", b""], 0
        for w in writers:
            w.setblocking(False)
        for _ in range(kills):
            p = k.start()
            end = time.monotonic() + random.uniform(0, 0.006)
            while time.monotonic() < end:
                for i, w in enumerate(writers):
                    if not rest[i]:
                        rest[i] = b"".join(b"%d %s\n" % (n, b"x" * (n % 50)) for n in range(numbers[i], numbers[i] + 20))
                        numbers[i] += 20
                    try:
                        rest[i] = rest[i][w.send(rest[i][:random.randint(1, 700)]):]
                    except BlockingIOError:
                        pass
                if random.random() < 0.05:
                    try:
                        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                        s.setblocking(False)
                        ours, theirs = socket.socketpair()
                        s.sendmsg([b"short"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))],
                                  0, k.log)
                        ours.sendall(b"s%d" % short)
                        short += 1
                    except BlockingIOError:
                        pass
                    finally:
                        for end_of in (s, ours, theirs):
                            end_of.close()
            p.kill()
            p.wait()
        p = k.start()
        for i, w in enumerate(writers):
            w.setblocking(True)
            w.sendall(rest[i] + b"end\n")
            w.close()
        deadline = time.monotonic() + 60
        while True:
            got = {}
            for e in dump(k.query):
                got.setdefault(e["source"], []).append(e["msg"])
            if all(got.get(n, [""])[-1] == "end" for n in ("a", "b.out")) and len(got.get("short", [])) >= short:
                break
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        p.kill()
        p.wait()
        for i, name in enumerate(("a", "b.out")):
            want = ["%d %s" % (n, "x" * (n % 50)) for n in range(numbers[i])] + ["end"]
            if got.get(name) != want:
                first = next((n for n, (x, y) in enumerate(zip(got.get(name, []), want)) if x != y), "the end")
                sys.exit(f"{name}: {len(got.get(name, []))} of {len(want)} lines, another one at {first}")
        if sorted(got["short"]) != sorted(f"s{n}" for n in range(short)):
            sys.exit(f"short: {len(got['short'])} of {short}: {set(got['short']) ^ set(f's{n}' for n in range(short))}")
        print(f"{kills} kills, {sum(numbers)} lines of two writers, {short} short ones: all there once, in order")


def hostile(log):
    epoll = select.epoll()
    socks = [socket.socket(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)]
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(log + ".listen")
    listening.listen()
    r, w = os.pipe()
    master, slave = os.openpty()
    fds = {b"a directory": os.open("/", os.O_RDONLY), b"zeroes": os.open("/dev/zero", os.O_RDONLY),
           b"a file": os.open("/etc/passwd", os.O_RDONLY), b"a path": os.open("/etc/passwd", os.O_PATH),
           b"epoll": epoll.fileno(), b"a terminal": slave, b"the wrong end": w, b"tcp": socks[0].fileno(),
           b"datagrams": socks[1].fileno(), b"not connected": socks[2].fileno(), b"listening": listening.fileno(),
           b"n" * 600: r, b"../../etc/x\n\x1b[31m": os.dup(r), b"memory": os.memfd_create("m"), b"": r}
    for name, fd in fds.items():
        give(log, name, fd)
    give(log, b"no descriptor")
    give(log, b"many", *[fds[b"a directory"]] * 253)
    # A pipe whose other reader takes what is in it, and whose flags are changed meanwhile, must hold up nobody.
    r2, w2 = os.pipe()
    give(log, b"stolen", r2)
    os.set_blocking(r2, False)
    for _ in range(300):
        os.write(w2, b"x" * 100)
        os.set_blocking(r2, True)
        try:
            os.set_blocking(r2, False)
            os.read(r2, 100)
        except BlockingIOError:
            pass
        os.set_blocking(r2, True)
    # The end of a line never comes, and the bytes are all there are.
    s = stream(log, b"long")
    s.sendall(b"y" * 300000 + b"\nafter\n" + bytes(range(256)).replace(b"\n", b"") + b"\n")
    s.close()
    good = stream(log, b"good")
    good.sendall(b"still read\n")


def sources(log, count):
    open_ones = []
    for i in range(count):
        s = stream(log, b"many")
        s.sendall(b"line %d\n" % i)
        open_ones.append(s)
    sys.stdin.read()  # they stay open until then


def slow(query, log):
    s = ask(query, 2)
    w = stream(log, b"fast")
    for i in range(50000):
        w.sendall(b"line %d\n" % i)
    w.sendall(b"the last\n")
    numbers, missed = [], 0
    with s.makefile() as lines:
        for line in lines:
            e = json.loads(line)
            if e["source"] == "memlogd" and "missing here" in e["msg"]:
                missed += int(e["msg"].split()[0])
            elif e["source"] == "fast":
                if e["msg"] == "the last":
                    break
                numbers.append(int(e["msg"].split()[1]))
    print("in order" if numbers == sorted(numbers) else "in disorder",
          "nothing lost silently" if len(numbers) + missed == 50000 and missed else f"{len(numbers)} and {missed}")


if __name__ == "__main__":
    {"storm": lambda p, n: storm(p, int(n)), "hostile": hostile, "sources": lambda l, n: sources(l, int(n)),
     "slow": slow}[sys.argv[1]](*sys.argv[2:])
