#!/usr/bin/python3
"""Speaks 9P2000 with vpnkit-port-dir, which it starts with the socket as descriptor 3: port-dir.py PROGRAM [OPTION...].
Lines of standard input say what is done, what comes of it is printed:
  mkdir NAME; open NAME (its ctl); write NAME SPEC; read NAME; close NAME; rmdir NAME; ls; sh COMMAND; kill; hangup"""
import os
import socket
import struct
import subprocess
import sys

ours, theirs = socket.socketpair()
ours.settimeout(120)
os.dup2(theirs.fileno(), 3, inheritable=True)
server = subprocess.Popen([*sys.argv[1:], "-fd", "3"], pass_fds=[3])
theirs.close()
os.close(3)
opened = {}
last = 1


def text(value):
    return struct.pack("<H", len(value)) + value.encode()


def whole(n):
    data = b""
    while len(data) < n:
        part = ours.recv(n - len(data))
        if not part:
            raise EOFError("the server is gone")
        data += part
    return data


def ask(kind, body, tag=1):
    ours.sendall(struct.pack("<IBH", 7 + len(body), kind, tag) + body)
    size, answer, _ = struct.unpack("<IBH", whole(7))
    data = whole(size - 7)
    if answer == 107:
        raise OSError(data[2:].decode())
    assert answer == kind + 1, answer
    return data


def walk(*names):
    global last
    last += 1
    data = ask(110, struct.pack("<IIH", 1, last, len(names)) + b"".join(text(n) for n in names))
    if data[0] != len(names):
        raise OSError("No such file or directory")
    return last


def clunk(fid):
    ask(120, struct.pack("<I", fid))


def read(fid, offset=0):
    return ask(116, struct.pack("<IQI", fid, offset, 8000))[4:]


def ls():
    fid = walk()
    ask(112, struct.pack("<IB", fid, 0))
    names, offset = [], 0
    while data := read(fid, offset):
        offset += len(data)
        while data:
            size, = struct.unpack_from("<H", data)
            length, = struct.unpack_from("<H", data, 41)
            names.append(data[43:43 + length].decode() + ("/" if data[8] & 0x80 else ""))
            data = data[2 + size:]
    clunk(fid)
    return " ".join(names)


def do(word, name="", spec=""):
    if word == "mkdir":
        fid = walk()
        ask(114, struct.pack("<I", fid) + text(name) + struct.pack("<IB", 0x800001ed, 0))
        clunk(fid)
    elif word == "open":
        opened[name] = walk(name, "ctl")
        ask(112, struct.pack("<IB", opened[name], 2))
    elif word == "write":
        ask(118, struct.pack("<IQI", opened[name], 0, len(spec)) + spec.encode())
    elif word == "read":
        return read(opened[name]).decode().rstrip("\n")
    elif word == "close":
        clunk(opened.pop(name))
    elif word == "rmdir":
        ask(122, struct.pack("<I", walk(name)))
    elif word == "ls":
        return ls()
    elif word == "kill":
        server.terminate()
        return str(server.wait(120))
    elif word == "hangup":
        ours.close()
        return str(server.wait(120))
    return None


ask(100, struct.pack("<I", 8192) + text("9P2000"), 0xffff)
ask(104, struct.pack("<II", 1, 0xffffffff) + text("root") + text(""))
for line in sys.stdin:
    words = line.rstrip("\n").split(" ", 1)
    try:
        if words[0] == "sh":
            subprocess.run(words[1], shell=True, check=True)
            continue
        said = do(words[0], *(words[1].split(" ") if len(words) > 1 else []))
    except OSError as e:
        said = f"{words[0]}: {e}"
    if said is not None:
        print(said, flush=True)
