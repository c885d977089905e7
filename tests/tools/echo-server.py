#!/usr/bin/python3
"""Gives back what it gets, and ends its side when the other has ended: echo-server.py FILE [tcp|udp|unix:PATH]. The port
is written into FILE when it listens. A datagram comes back with the sender's port of this machine in front."""
import os
import selectors
import socket
import sys

name, kind = sys.argv[1], sys.argv[2]
if kind == "udp":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", 0))
elif kind == "tcp":
    s = socket.create_server(("127.0.0.1", 0), backlog=4096)
else:
    s = socket.socket(socket.AF_UNIX)
    s.bind(kind.split(":", 1)[1])
    s.listen(4096)
with open(name + ".new", "w", encoding="ascii") as f:
    print(s.getsockname()[1] if kind in ("tcp", "udp") else "", file=f)
os.rename(name + ".new", name)
if kind == "udp":
    while True:
        data, client = s.recvfrom(65536)
        s.sendto(b"%d:" % client[1] + data, client)
watch = selectors.DefaultSelector()
watch.register(s, selectors.EVENT_READ, None)
while True:
    for key, _ in watch.select():
        if key.data is None:
            c = s.accept()[0]
            watch.register(c, selectors.EVENT_READ, c)
            continue
        c = key.data
        try:
            data = c.recv(65536)
            if data:
                c.sendall(data)
        except OSError:
            data = b""
        if not data:
            watch.unregister(c)
            c.close()
