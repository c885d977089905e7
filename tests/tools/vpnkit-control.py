#!/usr/bin/python3
"""The host's control API as VPNKit's programs serve it: vpnkit-control.py SOCKET LOG. Requests are written into LOG, one a
line. A port 7 is taken already; port 8 answers with a text alone; port 9 with no answer of the API at all. Port 6 is opened
only after its client has gone, and after whoever closes it meanwhile."""
import http.server
import json
import os
import socketserver
import sys
import threading

path, log = sys.argv[1:3]
ports = []
closes = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def answer(self, status, *body):
        data = b"".join(json.dumps(b).encode() for b in body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if data:
            self.wfile.write(data)

    def change(self):
        port = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open(log, "a", encoding="ascii") as f:
            print(self.command, self.path, json.dumps(port, sort_keys=True), file=f)
        if port.get("out_port") == 7:
            self.answer(400, {"message": "Bind for 0.0.0.0:7 failed: port is already allocated"})
        elif port.get("out_port") == 8:
            self.answer(400, "exposed ports can only be TCP or UDP")
        elif port.get("out_port") == 9:
            self.answer(500)
        else:
            if self.path.startswith("/forwards/unexpose/"):
                closes.set()
            elif port.get("out_port") == 6:
                self.connection.recv(1)
                closes.wait(1)
            if self.path.startswith("/forwards/expose/") and port not in ports:
                ports.append(port)
            if self.path.startswith("/forwards/unexpose/") and port in ports:
                ports.remove(port)
            try:
                self.answer(200)
            except OSError:
                pass
            with open(log, "a", encoding="ascii") as f:
                print("done", self.command, file=f)

    do_PUT = do_POST = do_DELETE = change

    def do_GET(self):
        if self.path == "/forwards/list":
            self.answer(200, ports or None)
        else:
            self.answer(200, "what there is")


class Server(socketserver.ThreadingUnixStreamServer):
    request_queue_size = 64


server = Server(path, Handler)
os.chmod(path, 0o600)
server.serve_forever()
