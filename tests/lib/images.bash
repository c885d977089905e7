# Images and where they come from: for tests that load common.bash too.

# index_of OUT.tar NAME AMD64.tar ARM64.tar: one archive with an image index of both.
index_of() {
	python3 - "$@" <<'END'
import hashlib, io, json, sys, tarfile
out, name, parts = sys.argv[1], sys.argv[2], sys.argv[3:]
blobs, manifests = {}, []
for part, arch in zip(parts, ("amd64", "arm64")):
    with tarfile.open(part) as t:
        for m in t:
            if m.isfile() and m.name.startswith("blobs/"):
                blobs[m.name] = t.extractfile(m).read()
        d = json.load(t.extractfile("index.json"))["manifests"][0]
    manifests.append({"mediaType": d["mediaType"], "digest": d["digest"], "size": d["size"],
                      "platform": {"os": "linux", "architecture": arch}})
kind = "application/vnd.oci.image.index.v1+json"
index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": manifests}).encode()
digest = hashlib.sha256(index).hexdigest()
blobs["blobs/sha256/" + digest] = index
root = {"schemaVersion": 2, "manifests": [{"mediaType": kind, "digest": "sha256:" + digest, "size": len(index),
        "annotations": {"io.containerd.image.name": name}}]}
files = dict(blobs, **{"index.json": json.dumps(root).encode(), "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'})
with tarfile.open(out, "w") as t:
    for path in sorted(files):
        info = tarfile.TarInfo(path)
        info.size = len(files[path])
        t.addfile(info, io.BytesIO(files[path]))
END
}

# A registry of our own on 127.0.0.1, without TLS; its address is in $registry.
start_registry() {
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	registry=127.0.0.1:$port
	cat >registry.yml <<-END
		version: 0.1
		storage: {filesystem: {rootdirectory: $T/registry}}
		http: {addr: $registry}
	END
	export HOME=$T # no settings of whoever runs this
	background registry.err docker-registry serve registry.yml
	within 20 curl -s -o /dev/null "http://$registry/v2/"
}

# A Docker daemon that has one image, as far as skopeo asks: start_docker DOCKER_ARCHIVE; DOCKER_HOST is set.
start_docker() {
	export DOCKER_HOST=unix://$T/docker.sock
	cat >docker-daemon <<-'END'
		import http.server, socketserver, sys
		class Daemon(http.server.BaseHTTPRequestHandler):
		    def address_string(self):
		        return "client"
		    def do_GET(self):
		        with open(sys.argv[2], "rb") as f:
		            body = f.read() if "/images/" in self.path else b"OK"
		        self.send_response(200)
		        self.send_header("Content-Type", "application/x-tar")
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
		    pass
		Server(sys.argv[1], Daemon).serve_forever()
	END
	background docker.log python3 docker-daemon "$T/docker.sock" "$1"
	within 20 test -S "$T/docker.sock"
}
