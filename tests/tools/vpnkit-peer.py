#!/usr/bin/python3
"""A host for vpnkit-forwarder, written after VPNKit's own programs: it speaks each generation of the protocol.

usage: vpnkit-peer.py GENERATION SOCKET DESTINATION      standard input there, what comes back to standard output;
                                                         the end of the input is passed on by itself
       vpnkit-peer.py GENERATION SOCKET DESTINATION udp TEXT...
                                                         each TEXT as a datagram of a client of its own; prints who was
                                                         answered what
       vpnkit-peer.py GENERATION SOCKET DESTINATION many COUNT
                                                         that many connections at once, each says a line and reads it
                                                         back; prints how many did
GENERATION: 1, 2, 3, or "listen" (3, and SOCKET is listened on: the other side connects)
DESTINATION: tcp:IP:PORT, udp:IP:PORT or unix:PATH"""
import selectors
import socket
import struct
import sys
import threading

MAGIC = b"https://github.com/moby/vpnkit multiplexer protocol\n"
OPEN, CLOSE, SHUTDOWN, DATA, WINDOW = 1, 2, 3, 4, 5
MAX = 65536


def destination(text):
    proto, rest = text.split(":", 1)
    if proto == "unix":
        return struct.pack("<BH", 3, len(rest)) + rest.encode()
    ip, port = rest.rsplit(":", 1)
    six = ":" in ip
    ip = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, ip.strip("[]"))
    return struct.pack("<BH", 1 if proto == "tcp" else 2, len(ip)) + ip + struct.pack("<H", int(port))


def exactly(stream, n):
    data = b""
    while len(data) < n:
        more = stream.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def connect(path):
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(path)
    return stream


class Channel:
    def __init__(self, number):
        self.number, self.may_send, self.sent, self.taken = number, 0, 0, 0
        self.shut = self.closed = self.ended = False
        self.out, self.got = b"", b""


class Mux:
    """Channels over a stream; run() is called with what to do when something has come."""

    def __init__(self, generation, path):
        if generation == "listen":
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen()
            self.stream = listener.accept()[0]
        else:
            self.stream = connect(path)
        if generation != "2":
            self.stream.sendall(MAGIC + b"\0\0")
            hello = exactly(self.stream, len(MAGIC) + 2)
            assert hello[:-2] == MAGIC, hello
            exactly(self.stream, struct.unpack("<H", hello[-2:])[0])
        self.channels, self.next = {}, 0

    def frame(self, command, number, body=b"", payload=b""):
        self.stream.sendall(struct.pack("<HBI", 7 + len(body), command, number) + body + payload)

    def open(self, to):
        c = Channel(self.next)
        self.next += 1
        self.channels[c.number] = c
        self.frame(OPEN, c.number, b"\x02" + destination(to))
        self.frame(WINDOW, c.number, struct.pack("<Q", MAX))
        return c

    def send(self, c):
        n = min(len(c.out), c.may_send - c.sent)
        if n > 0 and not c.ended:
            part, c.out = c.out[:n], c.out[n:]
            c.sent += n
            self.frame(DATA, c.number, struct.pack("<I", n), part)

    def shutdown(self, c):
        c.shut = True
        self.frame(SHUTDOWN, c.number)

    def step(self):
        """One frame; the channel that it was for."""
        size, command, number = struct.unpack("<HBI", exactly(self.stream, 7))
        body = exactly(self.stream, size - 7)
        c = self.channels[number]
        if command == WINDOW:
            c.may_send = struct.unpack("<Q", body)[0]
        elif command == DATA:
            c.got += exactly(self.stream, struct.unpack("<I", body)[0])
            if len(c.got) + c.taken:
                self.frame(WINDOW, number, struct.pack("<Q", c.taken + len(c.got) + MAX))
        elif command == SHUTDOWN:
            c.ended = True
        elif command == CLOSE:
            c.ended = True
            self.frame(CLOSE, number)
            c.closed = True
            del self.channels[number]
        else:
            raise SystemExit(f"command {command}")
        return c

    def take(self, c):
        got, c.got = c.got, b""
        c.taken += len(got)
        return got


def pipe_dedicated(path, to):
    stream = connect(path)
    stream.sendall(destination(to))

    def there():
        while data := sys.stdin.buffer.raw.read(MAX):
            stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)
    threading.Thread(target=there, daemon=True).start()
    while data := stream.recv(MAX):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def pipe_channel(generation, path, to):
    mux = Mux(generation, path)
    c = mux.open(to)
    watch = selectors.DefaultSelector()
    watch.register(mux.stream, selectors.EVENT_READ)
    watch.register(0, selectors.EVENT_READ)
    end = False
    while not c.closed:
        for key, _ in watch.select():
            if key.fd == 0:
                data = sys.stdin.buffer.raw.read(MAX)
                c.out += data
                if not data:
                    watch.unregister(0)
                    end = True
            else:
                mux.step()
                sys.stdout.buffer.write(mux.take(c))
                sys.stdout.buffer.flush()
            mux.send(c)
            if end and not c.out and not c.shut and not c.closed:
                mux.shutdown(c)


def datagram(ip, port, payload):
    head = struct.pack("<H", len(ip)) + ip + struct.pack("<HHH", port, 0, len(payload))
    return struct.pack("<H", (2 + len(head) + len(payload)) & 65535) + head + payload


def datagrams(data):
    """Those that are whole, and the rest."""
    found = []
    while len(data) >= 4:
        n = struct.unpack_from("<H", data, 2)[0]
        at = 4 + n
        if len(data) < at + 6:
            break
        port, zone, size = struct.unpack_from("<HHH", data, at)
        if len(data) < at + 6 + zone + size:
            break
        found.append((port, data[at + 6 + zone:at + 6 + zone + size]))
        data = data[at + 6 + zone + size:]
    return found, data


def udp(generation, path, to, texts):
    data = b"".join(datagram(socket.inet_aton("10.1.1.1"), 1000 + i, t.encode()) for i, t in enumerate(texts))
    answers, rest = [], b""
    if generation == "1":
        stream = connect(path)
        stream.sendall(destination(to) + data)
        more = lambda: stream.recv(MAX)
    else:
        mux = Mux(generation, path)
        c = mux.open(to)
        c.out = data

        def more():
            mux.step()
            mux.send(c)
            return mux.take(c)
    while len(answers) < len(texts):
        found, rest = datagrams(rest + more())
        answers += found
    for port, text in sorted(answers):
        print(port, text.decode())


def many(generation, path, to, count):
    good = 0
    if generation == "1":
        streams = []
        for i in range(count):
            s = connect(path)
            s.sendall(destination(to) + b"%d\n" % i)
            streams.append(s)
        for i, s in enumerate(streams):
            good += s.makefile("rb").readline() == b"%d\n" % i
    else:
        mux = Mux(generation, path)
        waiting = {}
        for i in range(count):
            c = mux.open(to)
            c.out = b"%d\n" % i
            waiting[c.number] = c.out
        while waiting:
            c = mux.step()
            mux.send(c)
            if c.got.endswith(b"\n") and waiting.get(c.number) == c.got:
                good += 1
            if c.got.endswith(b"\n") or c.ended:
                waiting.pop(c.number, None)
                if not c.shut and not c.closed:
                    mux.shutdown(c)
        while mux.channels:
            mux.step()
    print(good)


def main():
    generation, path, to = sys.argv[1:4]
    rest = sys.argv[4:]
    if rest and rest[0] == "udp":
        udp(generation, path, to, rest[1:])
    elif rest:
        many(generation, path, to, int(rest[1]))
    elif generation == "1":
        pipe_dedicated(path, to)
    else:
        pipe_channel(generation, path, to)


main()
