# The image cache: archives in and out, with the tools that others use on the other side.
load ../lib/common
load ../lib/images

cache() { "$pith" cache --cache "$T/cache" "$@"; }
oci_image() { "$root_dir/tests/tools/oci-image" "$@"; }

setup() {
	test_begin
	oci_image app.tar test/app:1 --entrypoint /app --env A=b --label l=v bin/ 0755:bin/app=program 'bin/again=>bin/app' \
		etc/ etc/conf=old 'etc/link->conf' --layer etc/conf=new .wh.gone=
}

teardown() { test_end; }

two_platforms() {
	oci_image amd.tar test/two:1 --arch amd64 arch=amd64 common=same
	oci_image arm.tar test/two:1 --arch arm64 arch=arm64 common=same
	index_of two.tar docker.io/test/two:1 amd.tar arm.tar
}

# fails_with STATUS REGEX COMMAND...: one line that says why, nothing else.
fails_with() {
	local want=$1 regex=$2
	shift 2
	run "$@"
	[ "$status" -eq "$want" ] || { echo "status $status: $output"; return 1; }
	[[ $output =~ $regex ]] || { echo "does not say \"$regex\": $output"; return 1; }
	[ "${#lines[@]}" -eq 1 ] || { echo "more than a line: $output"; return 1; }
}

digest_of() { cache ls | awk -v n="$1" '$1 == n { print $2 }'; }
no_leftovers() { [ -z "$(find "$T" -name '.*.tmp' -o -name 'pith.*' -not -path "$T")" ]; }

# --- in ------------------------------------------------------------------------------------------------------

@test "an OCI archive is imported: from a file, through a pipe, gzip'ed, as a directory" {
	cache import app.tar
	[[ $(cache ls) =~ ^docker.io/test/app:1\ +sha256:[0-9a-f]{64}$ ]]
	local digest
	digest=$(digest_of docker.io/test/app:1)
	gzip -k app.tar
	mkdir layout && tar -C layout -xf app.tar
	for how in "cat app.tar" "cat app.tar.gz" "zstd -qc app.tar"; do
		rm -rf cache
		$how | cache import -
		[ "$(digest_of docker.io/test/app:1)" = "$digest" ]
	done
	rm -rf cache
	cache import layout
	[ "$(digest_of docker.io/test/app:1)" = "$digest" ]
	(cd cache && sha256sum blobs/sha256/*) | awk '{ if ("blobs/sha256/" $1 != $2) exit 1 }'
}

@test "an archive without a name needs one, and takes it" {
	skopeo copy -q oci-archive:app.tar oci-archive:nameless.tar
	fails_with 1 "--name NAME" cache import nameless.tar
	cache import --name test/named nameless.tar
	[ -n "$(digest_of docker.io/test/named:latest)" ]
	skopeo copy -q oci-archive:app.tar oci-archive:tagged.tar:test/tagged:v2
	cache import tagged.tar
	[ -n "$(digest_of docker.io/test/tagged:v2)" ]
}

@test "what docker save writes is imported" {
	skopeo copy -q oci-archive:app.tar docker-archive:docker.tar:docker.io/test/saved:3
	cache import docker.tar app.tar
	cache export --format filesystem --outfile saved.tar test/saved:3
	cache export --format filesystem --outfile app.fs.tar test/app:1
	cmp saved.tar app.fs.tar
}

@test "a damaged archive is refused and leaves nothing behind" {
	mkdir layout && tar -C layout -xf app.tar
	local layer
	layer=$(find layout/blobs -type f | sort | head -n 1)
	echo >>"$layer"
	tar -C layout -cf damaged.tar .
	fails_with 1 "does not have the digest" cache import damaged.tar
	fails_with 1 "does not have this digest" cache import layout
	head -c 3000 app.tar >short.tar
	fails_with 1 "short.tar: (the archive|data) ends early" cache import short.tar
	echo nonsense >text
	fails_with 1 "text: " cache import text
	mkdir empty && tar -cf empty.tar empty
	fails_with 1 "neither an OCI image layout nor a docker archive" cache import empty.tar
	rm "$layer" && tar -C layout -cf incomplete.tar .
	fails_with 1 "is missing in it" cache import incomplete.tar
	fails_with 1 "No such file" cache import nowhere.tar
	[ -z "$(cache ls)" ]
	no_leftovers
}

@test "an index is imported with all its platforms, or with some" {
	two_platforms
	cache import two.tar
	cache export --format filesystem --platform linux/arm64 --outfile - test/two:1 | tar -xO arch | grep -x arm64
	cache export --format filesystem --platform amd64 --outfile - test/two:1 | tar -xO arch | grep -x amd64
	fails_with 1 "no image for linux/riscv64" cache export --format filesystem --platform riscv64 --outfile x test/two:1
	[ ! -e x ]
}

# --- out -----------------------------------------------------------------------------------------------------

@test "skopeo reads an exported image, as OCI archive and as docker archive" {
	cache import app.tar
	cache export --outfile out.tar test/app:1
	[ "$(skopeo inspect --format '{{.Digest}}' oci-archive:out.tar)" = "$(digest_of docker.io/test/app:1)" ]
	[ "$(skopeo inspect --format '{{.Digest}}' oci-archive:out.tar:docker.io/test/app:1)" = "$(digest_of docker.io/test/app:1)" ]
	skopeo copy -q docker-archive:out.tar:docker.io/test/app:1 dir:docker
	skopeo copy -q oci-archive:out.tar dir:oci
	[ "$(jq -r '.config.Entrypoint[0], .config.Labels.l' "docker/$(jq -r .config.digest docker/manifest.json | cut -d: -f2)")" = $'/app\nv' ]
}

@test "exports are the same every time, and come back as they were" {
	cache import app.tar
	cache export --outfile 1.tar test/app:1
	cache export --format docker --outfile - test/app:1 >2.tar
	cmp 1.tar 2.tar
	"$pith" cache --cache "$T/other" import 1.tar
	[ "$("$pith" cache --cache "$T/other" ls)" = "$(cache ls)" ]
	cache export --name test/else:9 --outfile 3.tar test/app:1
	cache import 3.tar
	[ "$(digest_of docker.io/test/else:9)" = "$(digest_of docker.io/test/app:1)" ]
}

@test "containerd imports an exported image and mounts it" {
	[ "$(id -u)" -eq 0 ] || skip "containerd needs root"
	cache import app.tar
	two_platforms
	cache import two.tar
	cache export --outfile app.out.tar test/app:1
	cache export --platform all --outfile two.out.tar test/two:1
	mkdir root state
	cat >config.toml <<-END
		version = 2
		root = "$T/root"
		state = "$T/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$T/sock"
		[ttrpc]
		address = "$T/sock.ttrpc"
	END
	background containerd.err containerd --config config.toml
	ctr() { command ctr --address "$T/sock" "$@"; }
	within 20 ctr version
	ctr image import --snapshotter native app.out.tar
	ctr image import --no-unpack --all-platforms two.out.tar
	ctr image ls -q | grep -Fx docker.io/test/app:1
	ctr image ls | grep -E "^docker.io/test/two:1 .* linux/amd64,linux/arm64"
	ctr image check --snapshotter native | grep -E "^docker.io/test/app:1 .* complete .* true"
	mkdir mnt && ctr image mount --snapshotter native docker.io/test/app:1 "$T/mnt"
	[ "$(cat mnt/bin/app mnt/etc/conf mnt/etc/link)" = programnewnew ]
	[ mnt/bin/app -ef mnt/bin/again ]
	umount mnt
	cache export --format filesystem --outfile fs.tar test/app:1
	mkdir fs && tar -C fs -xf fs.tar
	[ "$(cat fs/bin/app fs/etc/conf fs/etc/link)" = programnewnew ]
	[ fs/bin/app -ef fs/bin/again ]
}

# The distribution's daemon, unpacked and not installed: a machine that is tested on gets no service of it.
docker_programs() {
	mkdir docker-debs
	(cd docker-debs && apt-get -qq -o APT::Sandbox::User= download docker.io tini && { apt-get -qq -o APT::Sandbox::User= \
		download docker-cli || true; }) >apt.log 2>&1
	for deb in docker-debs/*.deb; do dpkg-deb -x "$deb" docker-root; done
	PATH=$T/docker-root/usr/bin:$T/docker-root/usr/sbin:$PATH
}

@test "docker load takes an exported image, and a package is built into Docker" {
	[ "$(id -u)" -eq 0 ] || skip "dockerd needs root"
	docker_programs
	export DOCKER_HOST=unix://$T/docker.sock HOME=$T
	background dockerd.err dockerd --data-root "$T/data" --exec-root "$T/exec" -p "$T/docker.pid" -H "$DOCKER_HOST" \
		--iptables=false --ip6tables=false --bridge=none --storage-driver=vfs
	within 40 docker version
	cache import app.tar
	cache export --format docker --outfile app.out.tar test/app:1
	[[ $(docker load <app.out.tar) == *"Loaded image: test/app:1"* ]]
	[ "$(docker image inspect --format '{{index .Config.Entrypoint 0}} {{.Config.Labels.l}} {{.Architecture}}' test/app:1)" = \
		"/app v amd64" ]
	container=$(docker create --network none test/app:1)
	docker export "$container" | tar -x -C "$(mkdir fs && echo fs)" bin etc/conf
	[ "$(cat fs/bin/app fs/etc/conf)" = programnew ]
	docker rm "$container"
	two_platforms
	cache import two.tar
	cache export --platform all --outfile two.out.tar test/two:1
	docker load <two.out.tar
	[ "$(docker image inspect --format '{{.Architecture}}' test/two:1)" = amd64 ]
	mkdir pkg
	printf 'image: x\nfiles:\n  - {path: a, contents: b}\n' >pkg/build.yml
	"$pith" pkg build --cache "$T/cache" --docker pkg
	docker image inspect "$("$pith" pkg show-tag pkg)" >/dev/null
}

@test "a disk that fills up, or a signal: the old file stays, nothing else does" {
	head -c 3000000 /dev/urandom >big
	oci_image big.tar test/big:1 --compress none data@big
	cache import big.tar
	if [ "$(id -u)" -eq 0 ]; then
		mkdir small && mount -t tmpfs -o size=1m none small
		echo old >small/out.tar
		run cache export --outfile small/out.tar test/big:1
		[ "$status" -eq 1 ]
		[[ $output =~ "No space left" ]]
		[ "$(ls -A small)" = out.tar ]
		[ "$(cat small/out.tar)" = old ]
		run "$pith" cache --cache small/cache import big.tar
		[ "$status" -eq 1 ]
		[[ $output =~ "No space left" ]]
		[ -z "$(find small/cache/blobs -type f)" ]
		[ -z "$("$pith" cache --cache small/cache ls)" ]
		umount small
	fi
	echo old >out.tar
	mkfifo pipe
	background import.err bash -c "exec '$pith' cache --cache '$T/cache2' import - <'$T/pipe'"
	exec 7>pipe
	head -c 100000 big.tar >&7
	kill -TERM "$background"
	within 10 ended "$background"
	exec 7>&-
	[ -z "$(find cache2 -path '*/blobs/*' -type f)" ]
	[ "$(cat out.tar)" = old ]
}

# --- registries ----------------------------------------------------------------------------------------------

@test "images go to a registry and come back with the same digests" {
	start_registry
	two_platforms
	cache import app.tar two.tar
	cache push --remote-name "$registry/test/two:1" --with-arch-tags test/two:1
	cache push --remote-name "$registry/app:1" test/app:1
	[ "$(skopeo inspect --tls-verify=false --raw "docker://$registry/test/two:1" | sha256sum | cut -d' ' -f1)" = "$(digest_of docker.io/test/two:1 | cut -d: -f2)" ]
	skopeo inspect --tls-verify=false "docker://$registry/test/two:1-arm64" | jq -e '.Architecture == "arm64"'

	other() { "$pith" --quiet cache --cache "$T/other" "$@"; }
	other pull --platform linux/arm64 "$registry/test/two:1" "$registry/app:1"
	[ "$(other ls | awk '{ print $2 }' | sort)" = "$(cache ls | awk '{ print $2 }' | sort)" ]
	other export --format filesystem --platform arm64 --outfile - "$registry/test/two:1" | tar -xO arch | grep -x arm64
	fails_with 1 "not in the image cache" other export --format filesystem --platform amd64 --outfile x "$registry/test/two:1"
	other pull --platform all "$registry/test/two:1"
	other export --format filesystem --platform amd64 --outfile - "$registry/test/two:1" | tar -xO arch | grep -x amd64
	other pull "$registry/app@$(digest_of docker.io/test/app:1)"
	other export --format filesystem --outfile - "$registry/app@$(digest_of docker.io/test/app:1)" | tar -t | grep -x bin/app

	fails_with 1 "no image for linux/riscv64 in it, which has linux/amd64, linux/arm64" other pull --platform riscv64 "$registry/test/two:1"
	fails_with 1 "pulling $registry/none:latest: the registry has no image of that name and tag" other pull "$registry/none"
	no_leftovers
}

@test "a registry of this machine is spoken to without TLS, and without a setting" {
	start_registry
	local name=localhost:${registry#*:}
	cache import app.tar
	cache push --remote-name "$name/a/b:1" test/app:1
	printf 'services: [{name: a, image: "%s/a/b:1"}]\n' "$name" >x.yml
	"$pith" build --cache "$T/other" --format tar --o x.tar x.yml
	[ "$(tar -xOf x.tar containers/services/a/lower/etc/conf)" = new ]
	cache pull "$registry/a/b:1"
	[ "$(digest_of "$registry/a/b:1")" = "$(digest_of docker.io/test/app:1)" ]
}

@test "push skips what is there, unless told; only what is published is removed when asked so" {
	start_registry
	cache import --name "$registry/app:1" app.tar
	oci_image new.tar x:1 f=other
	cache push "$registry/app:1"
	cache import --name "$registry/app:1" new.tar
	run cache push "$registry/app:1"
	[ "$status" -eq 0 ]
	[[ $output =~ "in the registry already" ]]
	cache import app.tar
	run cache clean --published-only
	[ "$status" -eq 0 ]
	[ "$(cache ls | wc -l)" -eq 2 ]
	cache push --override "$registry/app:1"
	run cache clean --published-only
	[ "$status" -eq 0 ]
	[[ $(cache ls) =~ ^docker.io/test/app:1 ]]
	[ "$(cache ls | wc -l)" -eq 1 ]
}

@test "without skopeo the package to install is named" {
	mkdir bin
	PATH=$T/bin run cache pull test/app:1
	[ "$status" -eq 1 ]
	[[ $output =~ "skopeo is not installed (Debian package skopeo)" ]]
}

# --- the rest ------------------------------------------------------------------------------------------------

@test "rm and clean free what no name needs" {
	two_platforms
	cache import app.tar two.tar
	cache import --force amd.tar
	cache rm test/app:1
	[ -z "$(digest_of docker.io/test/app:1)" ]
	[ -n "$(digest_of docker.io/test/two:1)" ]
	fails_with 1 "docker.io/test/app:1 is not in the image cache" cache rm test/app:1
	cache clean
	[ -z "$(cache ls)" ]
	[ -z "$(find cache/blobs -type f)" ]
}

@test "an archive takes no name that is there, unless told to, and says what it replaces" {
	local before
	cache import app.tar
	before=$(cache ls)
	oci_image theirs.tar test/app:1 f=theirs
	oci_image other.tar test/other:1 f=x
	index_of both.tar test/both:1 other.tar other.tar
	fails_with 1 "docker.io/test/app:1 is in the cache already: sha256:[0-9a-f]{64}, from an archive; this one is sha256:" \
		cache import theirs.tar
	[[ $output == *--force* && $output == *--name* && $(cache ls) == "$before" ]]
	cache import app.tar
	[ "$(cache ls)" = "$before" ]
	run cache import --force theirs.tar
	[[ $output =~ imported\ docker.io/test/app:1\ \(was\ sha256:[0-9a-f]{64},\ is\ $(digest_of docker.io/test/app:1)\) ]]
	[ "$(cache ls)" != "$before" ]
	run cache import --name test/app:1 app.tar
	[[ $output == *"(was sha256:"* && $(cache ls) == "$before" ]]
	# all names of an archive, or none
	python3 - <<-END
		import json, tarfile, io
		one, two = (tarfile.open(n) for n in ("other.tar", "theirs.tar"))
		lists = [json.load(t.extractfile("index.json"))["manifests"] for t in (one, two)]
		index = json.dumps({"schemaVersion": 2, "manifests": lists[0] + lists[1]}).encode()
		with tarfile.open("mixed.tar", "w") as out:
		    for t in (one, two):
		        for m in t:
		            if m.isfile() and m.name.startswith("blobs/"):
		                out.addfile(m, t.extractfile(m))
		    info = tarfile.TarInfo("./index.json")
		    info.size = len(index)
		    out.addfile(info, io.BytesIO(index))
	END
	fails_with 1 "test/app:1 is in the cache already" cache import mixed.tar
	[ "$(cache ls)" = "$before" ]
	# where a name comes from is nobody else's business
	cache export --platform all --outfile out.tar test/app:1
	! tar -xOf out.tar index.json | grep -q origin
}

@test "a name with a digest is that of its content, in what is imported and in what is exported of an index" {
	local other=sha256:$(printf x | sha256sum | cut -d ' ' -f 1) index
	"$root_dir/tests/tools/oci-image" wrong.tar "docker.io/test/x@$other" a=b
	fails_with 1 'not that of the name' cache import wrong.tar
	[ -z "$(cache ls)" ]
	"$root_dir/tests/tools/oci-image" one.tar docker.io/test/x:1 a=b
	mkdir one && tar -C one -xf one.tar
	cp one/index.json inner
	index=$(sha256sum inner | cut -d ' ' -f 1)
	cp inner "one/blobs/sha256/$index"
	jq -n --arg d "sha256:$index" --argjson n "$(stat -c %s inner)" '{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.index.v1+json",
		digest: $d, size: $n, annotations: {"org.opencontainers.image.ref.name": ("docker.io/test/x@" + $d)}}]}' >one/index.json
	cache import one
	cache export --platform linux/amd64 --outfile out.tar "docker.io/test/x@sha256:$index"
	cache rm "docker.io/test/x@sha256:$index"
	cache import out.tar
	[[ $(cache ls) == "docker.io/test/x@$(jq -r '.manifests[0].digest' inner) "* ]]
}

@test "a cache takes any number of names" {
	cache import app.tar
	python3 - <<-END
		import copy, json
		index = json.load(open("cache/index.json"))
		first = index["manifests"][0]
		for i in range(20000):
		    entry = copy.deepcopy(first)
		    entry["annotations"]["org.opencontainers.image.ref.name"] = "docker.io/x/y:t%d" % i
		    index["manifests"].append(entry)
		json.dump(index, open("cache/index.json", "w"))
	END
	cache import --name foo/bar:one app.tar
	[ "$(cache ls | wc -l)" -eq 20002 ]
	cache rm x/y:t19999
	[ "$(cache ls | wc -l)" -eq 20001 ]
	cache clean
	[ -z "$(cache ls)" ]
	[ -z "$(find cache/blobs -type f)" ]
	echo nonsense >cache/index.json
	fails_with 1 "index.json: image index is no JSON" cache ls
	cache clean
	[ -z "$(cache ls)" ]
}

# damage HOW FILE
damage() {
	case $1 in
	flip) printf X | dd of="$2" bs=1 seek=5 conv=notrunc status=none ;;
	cut) truncate -s 7 "$2" ;;
	empty) : >"$2" ;;
	folder) rm "$2" && mkdir -p "$2/x" ;;
	esac
}

@test "a damaged blob is told with what helps, and whoever stores it again puts it right" {
	local how blob again
	printf 'services: [{name: a, image: test/app:1}]\n' >x.yml
	mkdir layout && tar -C layout -xf app.tar
	cp -r layout pristine
	mkdir pkg
	printf 'image: x\nfiles:\n  - {path: a, contents: b}\n' >pkg/build.yml
	for again in "cache import app.tar" "cache import layout" "cache import --name foo/bar app.tar"; do
		for blob in pristine/blobs/sha256/*; do
			for how in flip cut empty folder; do
				rm -rf cache && cache import app.tar
				damage "$how" "cache/blobs/sha256/${blob##*/}"
				run "$pith" build --cache "$T/cache" --format tar --o x.tar x.yml
				[[ $status -eq 1 && $output == *"store it again: "*"pith cache import"* ]] || { echo "$how $blob: $output"; return 1; }
				$again
				cmp "$blob" "cache/blobs/sha256/${blob##*/}"
				"$pith" -q build --cache "$T/cache" --format tar --o x.tar x.yml
			done
		done
	done
	for again in "" --force; do
		rm -rf cache
		"$pith" -q pkg build --cache "$T/cache" pkg
		rm -rf pristine && cp -r cache pristine
		for blob in pristine/blobs/sha256/*; do
			for how in flip cut empty folder; do
				damage "$how" "cache/blobs/sha256/${blob##*/}"
				# shellcheck disable=SC2086
				"$pith" -q pkg build --cache "$T/cache" $again pkg
				cmp "$blob" "cache/blobs/sha256/${blob##*/}"
			done
		done
	done
}

@test "a layer that is not compressed is told damaged whatever its bytes look like, and one that is gone is told" {
	local layer how
	oci_image plain.tar test/plain:1 --compress none f=x
	printf 'services: [{name: a, image: test/plain:1}]\n' >x.yml
	cache import plain.tar
	layer=$(find cache/blobs -type f -size +8k)
	cp "$layer" good
	for how in 'dd if=/dev/zero bs=1 count=512' 'dd if=/etc/passwd bs=1 count=300' gone; do
		cp good "$layer"
		if [ "$how" = gone ]; then rm "$layer"; else $how of="$layer" conv=notrunc 2>/dev/null; fi
		run "$pith" build --cache "$T/cache" --format tar --o x.tar x.yml
		echo "$how: $output"
		[[ $status -eq 1 && $output == *"store it again: "*"pith cache import"* ]]
		cache import plain.tar
		cmp good "$layer"
	done
}

@test "a build keeps layers without their compression: the next one has the same bytes, whatever has become of them" {
	local layer plain
	head -c 200000 /dev/urandom >noise
	oci_image noisy.tar test/noisy:1 --compress gzip f@noise
	printf 'services: [{name: a, image: test/noisy:1}]\n' >x.yml
	cache import noisy.tar
	layer=$(find cache/blobs -type f -size +100k)
	PITH_CACHE_PLAIN=0 "$pith" -q build --cache "$T/cache" --format tar -o want.tar x.yml
	[ ! -e cache/plain ]
	export PITH_CACHE_PLAIN=10M # on a disk that is nearly full it is none otherwise
	"$pith" -q build --cache "$T/cache" --format tar -o one.tar x.yml
	cmp want.tar one.tar
	plain=$(find cache/plain -type f)
	gzip -dc "$layer" | cmp - "$plain"
	# the second build reads it, and not the blob
	damage flip "$layer"
	"$pith" -q build --cache "$T/cache" --format tar -o two.tar x.yml
	cmp want.tar two.tar
	# one that is damaged is made again of the blob
	cache import noisy.tar
	damage cut "$plain"
	"$pith" -q build --cache "$T/cache" --format tar -o three.tar x.yml
	cmp want.tar three.tar
	gzip -dc "$layer" | cmp - "$plain"
	# and of a damaged blob nothing is made
	damage cut "$plain"
	damage flip "$layer"
	run "$pith" build --cache "$T/cache" --format tar -o four.tar x.yml
	[[ $status -eq 1 && $output == *"store it again: "* ]]
	[ ! -e four.tar ]
	cache clean
	[ -z "$(find cache/plain cache/blobs -type f)" ]
}

@test "an index that is damaged is told with what helps" {
	cache import app.tar
	echo '{' >cache/index.json
	fails_with 1 "pith cache clean" cache ls
	cache clean
	cache import app.tar
}

@test "what is damaged hinders nothing else: other names go, and clean always works" {
	local manifest
	oci_image other.tar test/other:1 f=x
	cache import app.tar other.tar
	manifest=cache/blobs/sha256/$(digest_of docker.io/test/app:1 | cut -d: -f2)
	damage flip "$manifest"
	run cache rm test/other:1
	[[ $status -eq 0 && $output == *"docker.io/test/app:1: "*"no blobs are removed until"* ]]
	[ -z "$(digest_of docker.io/test/other:1)" ]
	cache import app.tar
	cache rm test/app:1
	[ -z "$(find cache/blobs -type f)" ]
	cache import app.tar
	damage folder "$manifest"
	cache clean
	[ -z "$(find cache/blobs -mindepth 2)" ]
}

# What an index or a configuration can make large is bounded, or worked once.
@test "indexes in indexes cost what they are long; a configuration of any size is refused with a reason" {
	python3 - <<-'END'
		import hashlib, json, os
		os.makedirs("nest/blobs/sha256")
		def blob(data, media):
		    digest = hashlib.sha256(data).hexdigest()
		    open("nest/blobs/sha256/" + digest, "wb").write(data)
		    return {"mediaType": "application/vnd.oci.image." + media, "digest": "sha256:" + digest, "size": len(data)}
		def index(name, entries):
		    entries = [dict(e, annotations={"org.opencontainers.image.ref.name": name}) for e in entries]
		    json.dump({"schemaVersion": 2, "manifests": entries}, open("nest/index.json", "w"))
		manifest = lambda config: {"schemaVersion": 2, "config": config, "layers": []}
		m = blob(json.dumps(manifest(blob(b"{}", "config.v1+json"))).encode(), "manifest.v1+json")
		m["platform"] = {"os": "linux", "architecture": "none"}
		for _ in range(3):
		    m = blob(json.dumps({"schemaVersion": 2, "manifests": [m] * 4000}).encode(), "index.v1+json")
		index("docker.io/test/nest:1", [m] * 4000)
		open("nest/oci-layout", "w").write('{"imageLayoutVersion":"1.0.0"}')
	END
	cache import nest
	fails_with 1 "no image for linux/amd64" cache export --platform linux/amd64 --outfile x test/nest:1
	cache clean
	python3 - <<-'END'
		import hashlib, json, os
		os.makedirs("large/blobs/sha256")
		def blob(data, media):
		    digest = hashlib.sha256(data).hexdigest()
		    open("large/blobs/sha256/" + digest, "wb").write(data)
		    return {"mediaType": "application/vnd.oci.image." + media, "digest": "sha256:" + digest, "size": len(data)}
		def layout(config, tag):
		    m = blob(json.dumps({"schemaVersion": 2, "config": blob(config, "config.v1+json"), "layers": []}).encode(), "manifest.v1+json")
		    return dict(m, annotations={"org.opencontainers.image.ref.name": "docker.io/test/large:" + tag})
		index = [layout(b'{"config":{"Labels":{"a":"' + b"x" * 100_000_000 + b'"}}}', "long"),
		         layout(b'{"x":[' + b'{},' * 1_000_000 + b'{}]}', "many")]
		json.dump({"schemaVersion": 2, "manifests": index}, open("large/index.json", "w"))
	END
	cache import large
	fails_with 1 "large:long: blob sha256:.* has 100000030 bytes: a document of an image may have 4194304" \
		cache export --outfile x test/large:long
	fails_with 1 "large:many: image configuration with more than 262144 values" cache export --outfile x test/large:many
}

@test "mistakes on the command line: a line that helps, status 2 or 1" {
	fails_with 2 "unknown command \"lss\"" cache lss
	fails_with 2 "unknown option --nonsense" cache ls --nonsense
	fails_with 2 "option --outfile needs a value" cache export x --outfile
	fails_with 2 "import what" cache import
	fails_with 1 "is no image name" cache rm 'a//b'
	fails_with 2 "--format zip: it is one of oci, docker, filesystem" cache export --format zip --outfile x a
	fails_with 2 "where to" cache export a
	fails_with 1 "no platform" cache export --platform l/i/n/u/x --outfile x a
	fails_with 1 "docker.io/library/a:latest is not in the image cache" cache export --outfile x a
	fails_with 1 "No such file or directory" cache export --outfile none/x a || fails_with 1 "not in the image cache" cache export --outfile none/x a
	fails_with 1 "Permission denied|Not a directory|Read-only" "$pith" cache --cache /proc/version/x ls
	run cache
	[ "$status" -eq 2 ]
	[[ $output =~ usage ]]
	run cache -help
	[ "$status" -eq 0 ]
	[[ $output =~ usage ]]
}

@test "options may have one dash or two" {
	"$pith" cache -cache "$T/cache" import app.tar
	cache export -outfile x.tar -format=oci test/app:1
	[ -s x.tar ]
}

@test "only who may change the cache can lock it, and who is waited for is said" {
	umask 022
	cache import app.tar
	for f in .lock .users; do
		[ "$(stat -c %a "cache/$f")" = 600 ]
		chmod 644 "cache/$f" # as older versions made them
	done
	cache ls
	[ "$(stat -c %a cache/.users)" = 600 ]
	background holder.out flock cache/.lock sleep 600
	holder=$background
	held() { ! flock -n cache/.lock true; }
	within 10 held
	background waits.out "$pith" cache --cache "$T/cache" import --name test/again app.tar
	within 10 grep -q "waiting for process $holder (flock), which has the image cache $T/cache locked" waits.out
	pkill -P "$holder"
	within 10 ended "$background"
	[ -n "$(digest_of docker.io/test/again:latest)" ]
	[ "$(stat -c %a cache/.lock)" = 600 ]
	# a cache that a group shares
	rm cache/.lock
	chmod 775 cache
	cache import app.tar
	[ "$(stat -c %a cache/.lock)" = 660 ]
	# what somebody left in its place
	rm cache/.lock && mkfifo cache/.lock
	fails_with 1 'a regular file is wanted, this is a fifo' cache import app.tar
}
