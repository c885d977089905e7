#!/bin/sh
# In the guest of tests/vsock.bats: a shell on vsock port 1002, one command line a connection, and a page on port 1003.
printf 'HTTP/1.0 200 OK\r\nContent-Length: 19\r\n\r\nserved by the guest' >/run/page
peer run vsock::1002 &
exec peer run vsock::1003 'cat /run/page'
