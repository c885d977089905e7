"""Clients for bench/forward.

connects PORT COUNT   that many connections at once, each sends a byte to an echo: milliseconds until it is back, p50 p99
churn PATH COUNT      opens and closes, one after the other on a Unix socket, an echo in each hundredth
flows PORT COUNT      a datagram from each of that many sockets, and how many were answered; holds them until its input ends
"""
import asyncio
import resource
import select
import socket
import sys
import time


LOST_S = 20  # a connection that takes longer counts as lost, and for so long


async def echo_one(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"echo\nx")
        await reader.readexactly(1)
    finally:
        writer.transport.abort()


async def connect_one(port, start):
    await start.wait()
    began = time.monotonic()
    try:
        await asyncio.wait_for(echo_one(port), LOST_S)
    except (OSError, EOFError, asyncio.TimeoutError):
        return LOST_S * 1000
    return (time.monotonic() - began) * 1000


async def connects(port, count):
    start = asyncio.Event()
    tasks = [asyncio.create_task(connect_one(port, start)) for _ in range(count)]
    await asyncio.sleep(0)
    start.set()
    times = sorted(await asyncio.gather(*tasks))
    lost = sum(t >= LOST_S * 1000 for t in times)
    print("p50 %.2f p99 %.2f lost %d" % (times[len(times) // 2], times[int(len(times) * 0.99) - 1], lost))


def churn(path, count):
    for n in range(count):
        s = socket.socket(socket.AF_UNIX)
        while True:
            try:
                s.connect(path)
                break
            except BlockingIOError:
                time.sleep(0.001)
        if n % 100 == 0:
            s.sendall(b"echo\nx")
            if s.recv(1) != b"x":
                sys.exit("connection %d: no echo" % n)
        s.close()
    print("churned", count)


def flows(port, count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, count + 100))
    clients = []
    answered = 0
    poll = select.epoll()
    for n in range(count):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.connect(("127.0.0.1", port))
        clients.append(s)
        poll.register(s, select.EPOLLIN)
        s.send(b"x")
        if n % 50 == 49:
            until = time.monotonic() + 2
            got = 0
            while got < 50 and time.monotonic() < until:
                for fd, _ in poll.poll(0.1):
                    answered += 1
                    got += 1
                    poll.unregister(fd)
    print("answered", answered, flush=True)
    sys.stdin.read()


mode, where, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
if mode == "connects":
    asyncio.run(connects(int(where), number))
elif mode == "churn":
    churn(where, number)
else:
    flows(int(where), number)
