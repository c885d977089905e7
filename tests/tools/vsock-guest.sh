#!/bin/sh
# In the guest of tests/boot/vsock.bats: a shell on vsock port 1002, one command line a connection, a page on port 1003, and on
# port 1004 what is on port 1000, with a backlog of 128.
printf 'HTTP/1.0 200 OK\r\nContent-Length: 19\r\n\r\nserved by the guest' >/run/page
peer run vsock::1002 &
PEER_BACKLOG=128 peer serve vsock::1004 2>/dev/null &
exec peer run vsock::1003 'cat /run/page'
