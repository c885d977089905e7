#!/usr/bin/env bats
# `pith pkg`: images from build.yml.

load ../lib/common
load ../lib/images

setup() {
	test_begin
	export PITH_CACHE=$T/cache
	mkdir p
}
teardown() { test_end; }

recipe() { cat >p/build.yml; }
build() { "$pith" pkg build "$@" p; }

# The layer of p's image, unpacked into ./tree, its configuration in ./config.json.
unpack() {
	rm -rf img tree
	mkdir tree
	skopeo copy -q "oci:cache:docker.io/pith/${1:-thing}:latest" dir:img
	jq -r '.layers[].digest' img/manifest.json | cut -d: -f2 | while read -r d; do tar -xpf "img/$d" -C tree; done
	cp "img/$(jq -r .config.digest img/manifest.json | cut -d: -f2)" config.json
}

@test "files, directories, links, owners and modes as build.yml says" {
	mkdir -p p/dir/sub
	echo data >p/dir/sub/file
	printf '#!/bin/sh\n' >p/script
	chmod 700 p/script
	recipe <<-'EOF'
		image: thing
		files:
		  - {path: /usr/bin/script, source: script}
		  - {path: opt, source: dir}
		  - {path: etc/text, contents: "hello\n", mode: "0640", uid: 12, gid: 34}
		  - {path: link, symlink: etc/text}
		  - {path: tmp, directory: true, mode: "1777"}
		  - {path: "bin/{a,b}", symlink: /usr/bin/script}
		entrypoint: [/usr/bin/script]
		cmd: [-v]
		env: ["A=b"]
		workdir: /opt
		labels: {some.label: text}
		config:
		  net: host
		  capabilities: [CAP_NET_ADMIN]
	EOF
	build
	unpack
	[ "$(cd tree && find . -mindepth 1 -printf '%P %y %m %U:%G %T@ %l\n' | sed 's/\.0000000000 / /; s/ $//' | LC_ALL=C sort)" = "bin d 755 0:0 0
bin/a l 777 0:0 0 /usr/bin/script
bin/b l 777 0:0 0 /usr/bin/script
etc d 755 0:0 0
etc/text f 640 12:34 0
link l 777 0:0 0 etc/text
opt d 755 0:0 0
opt/sub d 755 0:0 0
opt/sub/file f 644 0:0 0
tmp d 1777 0:0 0
usr d 755 0:0 0
usr/bin d 755 0:0 0
usr/bin/script f 755 0:0 0" ]
	[ "$(cat tree/etc/text)" = hello ]
	jq -e '.config | .Entrypoint == ["/usr/bin/script"] and .Cmd == ["-v"] and .Env == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b"] and .WorkingDir == "/opt"' config.json
	jq -e '.config.Labels["some.label"] == "text"' config.json
	jq -e '.config.Labels["org.mobyproject.config"] | fromjson | . == {"net": "host", "capabilities": ["CAP_NET_ADMIN"]}' config.json
}

@test "a container's package whose links lead nowhere is told so; what a machine makes later, and init's parts, are not" {
	mkdir -p p && echo data >p/file
	recipe <<-'EOF'
		image: thing
		files:
		  - {path: usr/bin/file, source: file}
		  - {path: etc/good, symlink: ../usr/bin/file}
		  - {path: "bin/{ls,cat}", symlink: /usr/bin/busybox}
		  - {path: etc/resolv.conf, symlink: /run/resolv.conf}
		cmd: [/bin/ls]
	EOF
	run -0 build
	[ "$(grep -c 'the link leads' <<<"$output")" = 1 ]
	[[ "$output" == *'warning: p/build.yml:5:'*': files[2] "bin/{ls,cat}": the link leads to /usr/bin/busybox, which the package does not have'* ]]
	sed -i '/^cmd/d' p/build.yml
	run -0 build
	[[ "$output" != *"the link leads"* ]]
}

@test "the same inputs give the same bytes, and nothing is built twice" {
	recipe <<<'{image: thing, files: [{path: a, contents: text}]}'
	build 2>first
	grep -q 'building pith/thing:' first
	one=$("$pith" cache ls | sort)
	[ -n "$one" ]
	build 2>second
	grep -q '1 image is up to date' second
	build --force
	[ "$("$pith" cache ls | sort)" = "$one" ]
	rm -rf cache
	# at another time, from a file of another time
	another_second() { [ "$(date +%s)" != "$second" ]; }
	second=$(date +%s)
	within 5 another_second
	touch -d 2020-02-02 p/build.yml
	build
	[ "$("$pith" cache ls | sort)" = "$one" ]
}

@test "a tag without the hash: what the recipe makes now gets the name" {
	recipe <<<'{image: thing, files: [{path: a, contents: one}]}'
	"$pith" pkg build --tag v1 p
	one=$("$pith" cache ls | awk '/thing:v1 / { print $2 }')
	recipe <<<'{image: thing, files: [{path: a, contents: two}]}'
	"$pith" pkg build --tag v1 p
	two=$("$pith" cache ls | awk '/thing:v1 / { print $2 }')
	[ -n "$one" ]
	[ "$one" != "$two" ]
	"$pith" pkg build --tag v1 --nobuild p
}

@test "every input changes the tag: text, content, mode" {
	echo one >p/file
	recipe <<<'{image: thing, files: [{path: file, source: file}]}'
	a=$("$pith" pkg show-tag p)
	[[ $a =~ ^pith/thing:[0-9a-f]{40}$ ]]
	[ "$("$pith" pkg show-tag --canonical p)" = "docker.io/$a" ]
	echo two >p/file
	b=$("$pith" pkg show-tag p)
	chmod +x p/file
	c=$("$pith" pkg show-tag p)
	echo '# comment' >>p/build.yml
	d=$("$pith" pkg show-tag p)
	[ "$(printf '%s\n' "$a" "$b" "$c" "$d" | sort -u | wc -l)" -eq 4 ]
	echo one >p/file
	chmod -x p/file
	sed -i '$d' p/build.yml
	[ "$("$pith" pkg show-tag p)" = "$a" ]
	[ "$("$pith" pkg show-tag --org me --tag 'v1-{{.Hash}}' --hash abc p)" = me/thing:v1-abc ]
	[ "$(USER=ann "$pith" pkg show-tag -dev p)" = ann/thing:dev ]
}

@test "Debian packages: chosen files, and the libraries they need, found without running anything" {
	recipe <<-'EOF'
		image: thing
		debian:
		  packages: [crun]
		  include: [/usr/bin/crun]
		  libraries: true
	EOF
	build
	unpack
	[ -x tree/usr/bin/crun ]
	[ ! -e tree/usr/share ]
	[ -f tree/lib64/ld-linux-x86-64.so.2 ]
	# The loader of the tree, in a root of nothing else, finds them all.
	run chroot tree /lib64/ld-linux-x86-64.so.2 --list /usr/bin/crun
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *"not found"* ]]
	[ "$(grep -c '=> /usr/lib/x86_64-linux-gnu/' <<<"$output")" -ge 5 ]
	# the packages that it has files of, and no others, are in its list, and in an SBOM
	grep ^Package: tree/var/lib/dpkg/status.d/thing | cut -d ' ' -f 2 | sort >packages
	grep -qx crun packages
	grep -qx libc6 packages
	[ -z "$(uniq -d packages)" ]
	grep -A 4 -x 'Package: libc6' tree/var/lib/dpkg/status.d/thing | grep -qx 'Source: glibc'
	printf 'kernel: {image: test/kernel:1, tar: none}\nservices: [{name: thing, image: pith/thing}]\n' >m.yml
	"$root_dir/tests/tools/oci-image" kernel.oci docker.io/test/kernel:1 kernel=KERNEL
	"$pith" -q cache import kernel.oci
	"$pith" -q build --arch amd64 --format tar --name m m.yml
	tar --warning=no-unknown-keyword -xOf m.tar sbom.spdx.json | jq -r '.packages[].externalRefs[]?.referenceLocator' >purls
	grep -q '^pkg:deb/debian/crun@' purls
	[ "$(grep -c '^pkg:deb/' purls)" = "$(wc -l <packages)" ]
}

# A name before the real apt-get: it writes down who may write where it is run, and then runs it.
watched_apt() {
	mkdir -p bin
	cat >bin/apt-get <<-EOF
		#!/bin/bash
		echo "\$*" >>"$T/apt.log"
		setpriv --reuid=_apt --regid=nogroup --clear-groups touch ./x && rm x && echo may-write >>"$T/apt.log"
		$1
		exec /usr/bin/apt-get "\$@"
	EOF
	chmod +x bin/apt-get
}

@test "what talks to Debian's mirrors has no rights of root, and its file is checked once it is ours" {
	export XDG_CACHE_HOME=$T/xdg
	recipe <<<'{image: thing, debian: {packages: [hostname], include: [/usr/bin/hostname]}}'
	watched_apt
	PATH=$T/bin:$PATH build
	[ "$(tail -n 1 apt.log)" = may-write ]
	[[ $(head -n 1 apt.log) != *Sandbox* ]]
	unpack
	[ -x tree/usr/bin/hostname ]
	[ "$(stat -c %U "$XDG_CACHE_HOME"/pith/debs/hostname_*.deb)" = root ]
	# another file, and a link to one
	rm -r xdg/pith/debs
	watched_apt 'echo evil >hostname_1.deb; exit'
	PATH=$T/bin:$PATH fails 'checksum is not what apt says' build --force p
	watched_apt 'ln -s /etc/passwd hostname_1.deb; exit'
	PATH=$T/bin:$PATH fails 'hostname_1.deb' build --force p
	[ -z "$(find "$XDG_CACHE_HOME" -name '*.deb')" ]
}

@test "a mirror that is not reached for another architecture is an error, and is asked again" {
	export XDG_CACHE_HOME=$T/xdg
	other=$([ "$(uname -m)" = aarch64 ] && echo amd64 || echo arm64)
	recipe <<<'{image: thing, debian: {packages: [hostname], include: [/usr/bin/hostname]}}'
	mkdir bin
	printf '#!/bin/sh\n' >bin/dpkg # knows no other architecture
	# as apt does: no failure, unless it is asked to be one
	cat >bin/apt-get <<-EOF
		#!/bin/sh
		echo update >>"$T/asked"
		echo "W: Failed to fetch http://mirror/InRelease"
		case "\$*" in *APT::Update::Error-Mode=any*) exit 100 ;; esac
	EOF
	chmod +x bin/*
	for _ in 1 2; do
		PATH=$T/bin:$PATH fails "apt-get update for $other failed: W: Failed to fetch http://mirror/InRelease" build --platforms "linux/$other" p
	done
	[ "$(wc -l <asked)" -eq 2 ]
	[ ! -e "xdg/pith/apt-$other" ]
}

@test "the package that every image of this tree is made of builds, with a README" {
	for f in "$root_dir"/pkg/*/build.yml; do
		"$pith" pkg show-tag "${f%/*}" >/dev/null
		[ -s "${f%/*}/README.md" ]
	done
}

@test "a build.yml is read as LinuxKit reads it: booleans of YAML 1.1, numbers as text" {
	for value in yes no 'on' Off '"y"' true; do
		printf 'image: thing\nnetwork: %s\ndisable-cache: %s\nfiles: [{path: a, contents: x}]\n' "$value" "$value" >p/build.yml
		[[ $("$pith" pkg show-tag p) == pith/thing:* ]]
	done
	recipe <<-'EOF'
		image: 7
		org: 1e3
		tag: 1.10
		gitrepo:
		env: [PATH=/, 5]
		labels: {one: 1}
		files: [{path: a, contents: 0123, mode: 0600}]
		config: {readonly: yes, env: [9], annotations: {a: 1}}
	EOF
	[ "$("$pith" pkg show-tag p)" = 1e3/7:1.10 ]
	build --org pith
	unpack 7
	[ "$(cat tree/a)" = 0123 ]
	[ "$(stat -c %a tree/a)" = 600 ]
	jq -e '.config | .Env == ["PATH=/", "5"] and .Labels.one == "1"' config.json
	jq -e '.config.Labels["org.mobyproject.config"] | fromjson | . == {"readonly": true, "env": ["9"], "annotations": {"a": "1"}}' config.json
}

fails_with() {
	local want=$2 code=$1
	shift 2
	run --separate-stderr "$pith" pkg "$@"
	echo "$stderr"
	[ "$status" -eq "$code" ]
	[[ $stderr == *"$want"* ]]
}
fails() { fails_with 1 "$@"; }
misused() { fails_with 2 "$@"; }

@test "what is wrong with a build.yml is said with line and column; nothing is left in the cache" {
	fails 'No such file or directory' build p
	recipe <<<$'image: thing\nfiels: []'
	fails 'build.yml:2:1: error: unknown key "fiels"' build p
	[[ $stderr == *'did you mean "files"'* ]]
	recipe <<<$'org: me'
	fails 'the key "image" is missing' build p
	recipe <<<$'image: thing\nfiles:\n  - path: a'
	fails 'one of source, contents, symlink or "directory: true" is needed' build p
	recipe <<<$'image: thing\nfiles:\n  - {path: a, contents: x, symlink: y}'
	fails 'not several' build p
	recipe <<<$'image: thing\nfiles:\n  - {path: a, contents: x, mode: "rwx"}'
	fails 'mode "rwx" is not octal' build p
	recipe <<<$'image: thing\nfiles:\n  - {path: a, source: missing}'
	fails 'missing: No such file or directory' build p
	recipe <<<$'image: thing\nfiles:\n  - {path: ../a, contents: x}'
	fails '../a' build p
	recipe <<<$'image: thing\ntag: "{{.Date}}"'
	fails '{{.Hash}} is the only thing' build p
	recipe <<<$'image: thing\ndebian: {packages: [no-such-package-of-debian]}'
	fails 'there is no Debian package no-such-package-of-debian' build p
	recipe <<<$'image: thing\ndebian: {packages: [crun], include: [/usr/bin/nothing]}'
	fails '"/usr/bin/nothing" matches nothing in the packages' build p
	misused 'which package?' build
	misused 'unknown option --nonsense' build --nonsense p
	misused 'build, push, show-tag, manifest or remote-tag?' paint p
	misused 'only one of them can be given' build --force --nobuild p
	run "$pith" cache ls
	[[ $output != *thing* ]]
}

# Refused with the line of build.yml, and without a name for the image.
leads_out() {
	fails "p/build.yml:$1: error: files[0] \"/key\": $2" build p
	[[ $stderr == *"--allow-source $3"* ]]
	fails "$2" show-tag --hash x p
	[ -z "$output" ]
}

@test "a package takes files of its own folder and of its extra-sources, and others only when told to" {
	mkdir p/own shared
	echo secret >secret
	echo shared >shared/file
	echo own >p/own/file
	ln -s ../../secret p/own/out
	ln -s own p/in
	ln -s .. p/up
	key() { recipe <<<$'image: thing\nfiles:\n  - {path: /key, source: '"$1}"; }
	key ../secret
	leads_out 3:26 '../secret is outside' "$T/secret"
	key "$T/secret"
	leads_out 3:26 "$T/secret is outside" "$T/secret"
	key own/../../secret
	leads_out 3:26 'own/../../secret is outside' "$T/secret"
	key own/out
	leads_out 3:26 "own/out leads by a link to $T/secret" "$T/secret"
	key up/secret
	leads_out 3:26 "up/secret leads by a link to $T/secret" "$T/secret"
	key up
	leads_out 3:26 "up leads by a link to $T" "$T"
	# not even that it is missing is told
	key ../nothing
	leads_out 3:26 '../nothing is outside' "$T/nothing"
	echo 'services: [{name: a, image: "@pkg:p"}]' >y.yml
	run "$pith" build --dry-run y.yml
	[ "$status" -eq 1 ]
	run "$pith" build --dry-run --allow-source nothing y.yml
	[ "$status" -eq 1 ]
	# the folder may be entered by a link, and a link within it followed
	key in/file
	ln -s p q
	"$pith" pkg build q
	unpack
	[ "$(cat tree/key)" = own ]
	# a folder comes with its links as links
	key own
	build
	unpack
	[ "$(readlink tree/key/out)" = ../../secret ]
	# told by build.yml, which the build says, or by whoever builds it
	recipe <<<$'image: thing\nextra-sources: ["../shared:/shared"]\nfiles:\n  - {path: a, source: ../shared/file}'
	run build
	[[ $output == *"building pith/thing:"*", with files of ../shared" ]]
	unpack
	[ "$(cat tree/a)" = shared ]
	key ../secret
	build --allow-source secret
	unpack
	[ "$(cat tree/key)" = secret ]
	"$pith" build --dry-run --allow-source secret y.yml | grep -q 'image: pith/thing:'
	fails '--allow-source missing: No such file' build --allow-source missing p
	# a name inside the folder allows nothing: it may be a link
	recipe <<<$'image: thing\nextra-sources: ["up:/x"]\nfiles:\n  - {path: /key, source: ../secret}'
	leads_out 4:26 '../secret is outside' "$T/secret"
	recipe <<<$'image: thing\nextra-sources: [shared]\nfiles: [{path: a, contents: x}]'
	fails 'build.yml:2:17: error: extra-sources: "shared" is not SOURCE:DESTINATION' build p
}

@test "a package takes no name that another one's image has, or one from an archive, unless told to" {
	local mine
	mkdir theirs
	printf 'image: thing\nfiles: [{path: a, contents: mine}]\n' >p/build.yml
	printf 'image: thing\nfiles: [{path: a, contents: theirs}]\n' >theirs/build.yml
	build
	mine=$("$pith" cache ls)
	run "$pith" pkg build --tag latest theirs # which says nothing of the content
	[[ $status -eq 1 && $output == *"another image has the name"* ]]
	run "$pith" pkg build theirs
	[[ $status -eq 1 && $output == *"another image has the name (--force"*"docker.io/pith/thing:latest is in the cache already"*"of the package $T/p; this one is"* ]]
	[ "$("$pith" cache ls)" = "$mine" ]
	printf 'image: thing\nfiles: [{path: a, contents: changed}]\n' >p/build.yml
	build
	"$pith" pkg build --force theirs
	unpack
	[ "$(cat tree/a)" = theirs ]
	run build
	[[ $status -eq 1 && $output == *"of the package $T/theirs"* ]]
	# a folder that has moved is the same package
	mv theirs moved
	"$pith" pkg build --force moved
	mv moved again
	echo "# changed" >>again/build.yml
	"$pith" pkg build again
	# one from elsewhere
	"$root_dir/tests/tools/oci-image" init.tar docker.io/pith/init:latest f=released
	"$pith" cache import init.tar
	printf 'image: init\nfiles: [{path: a, contents: x}]\n' >p/build.yml
	run build
	[[ $status -eq 1 && $output == *"docker.io/pith/init:latest is in the cache already"*"from an archive"* ]]
	build --force
	echo "# changed" >>p/build.yml
	build
}

@test "packages go to a registry: an index, a tag for each platform, a release" {
	start_registry
	recipe <<<$'image: thing\nfiles:\n  - {path: a, contents: x}'
	export LINUXKIT_PKG_ORG=$registry/me
	run "$pith" pkg push -release v1 p
	[ "$status" -eq 0 ]
	name=$("$pith" pkg show-tag p)
	[[ $name == "$registry/me/thing:"* ]]
	[ "$(tail -n 1 <<<"$output")" = "pith: pushed $registry/me/thing:v1" ]
	raw() { skopeo inspect --tls-verify=false --raw "docker://$1"; }
	[ "$(raw "$name" | sha256sum)" = "$(raw "$registry/me/thing:v1" | sha256sum)" ]
	# a commit's tag is a release without a word
	git init -q p && git -C p add . && git -C p -c user.name=a -c user.email=a@b commit -qm a && git -C p tag v2
	run -0 "$pith" pkg push p
	[ "$(tail -n 1 <<<"$output")" = "pith: pushed $registry/me/thing:v2" ]
	rm -rf p/.git
	[ "$(raw "$name" | jq -c '[.manifests[].platform.architecture]')" = '["amd64"]' ]
	skopeo inspect --tls-verify=false "docker://$name-amd64" | jq -e '.Architecture == "amd64"'
	# another platform joins the index, in the cache and then in the registry
	"$pith" -q pkg build --platforms linux/arm64 p
	"$pith" -q pkg manifest --nobuild p
	[ "$(raw "$name" | jq -c '[.manifests[].platform.architecture] | sort')" = '["amd64","arm64"]' ]
	skopeo inspect --tls-verify=false "docker://$name-arm64" | jq -e '.Architecture == "arm64"'
	# without an index, and from the registry instead of a build
	"$pith" -q pkg push --hash other --manifest=false p
	skopeo inspect --tls-verify=false "docker://$registry/me/thing:other-amd64" >/dev/null
	if skopeo inspect --tls-verify=false "docker://$registry/me/thing:other" 2>/dev/null; then return 1; fi
	rm -rf cache
	run "$pith" pkg build --pull p
	[ "$status" -eq 0 ]
	[[ $output == *"pulling $name"* && $output != *building* ]]
	run "$pith" pkg push --org 127.0.0.1:1/me p
	[ "$status" -eq 1 ]
	[[ ${lines[-1]} == *"pushing 127.0.0.1:1/me/thing:"*"the registry is not reached: nothing listens there"* ]]
}

@test "programs of another architecture lie beside this machine's; both are under one name where they are built together" {
	other=$([ "$(uname -m)" = aarch64 ] && echo amd64 || echo arm64)
	mkdir -p "made/$other"
	cp -a /bin/true made/here.elf # a program of this machine
	mkdir made/guest
	cp made/here.elf made/guest/program
	echo text >made/guest/text
	recipe <<<$'image: thing\nextra-sources: ["../made/guest:/guest"]\nfiles:\n  - {path: program, source: ../made/guest/program}\n  - {path: text, source: ../made/guest/text}'
	build
	here=$("$pith" pkg show-tag p)
	# what is for this machine is not put into an image for another one
	run build --platforms "linux/$other"
	[[ $status -eq 1 && $output == *'/made/guest/program is a program for '*"and the image is for $other: "*"a folder $other beside"* ]] ||
		{ echo "$output"; return 1; }
	mkdir "made/$other/guest"
	python3 -c 'import sys; d = bytearray(open("made/here.elf", "rb").read()); d[18] = 62 + 183 - d[18]; sys.stdout.buffer.write(d)' >"made/$other/guest/program"
	echo theirs >"made/$other/guest/text"
	run build --platforms "linux/$other"
	[[ $status -eq 0 && $output == *"with files of ../made/$other/guest"* ]] || { echo "$output"; return 1; }
	there=$("$pith" pkg show-tag --platforms "linux/$other" p)
	[ "$here" != "$there" ]
	# the newest of each architecture is under the common name, and is not built again
	content() { "$pith" cache export --format filesystem --platform "linux/$1" --outfile - "$2" | tar -xO text; }
	[ "$(content "$other" pith/thing:latest)" = theirs ]
	[ "$(content "$(uname -m)" pith/thing:latest)" = text ]
	for platform in "$other" "$(uname -m)"; do
		run build --platforms "linux/$platform"
		[[ $output == *"1 image is up to date"* ]] || { echo "$output"; return 1; }
	done
	# together: one name for both, which is neither's own
	run -0 build --platforms "linux/amd64,linux/arm64"
	both=$("$pith" pkg show-tag --platforms "linux/amd64,linux/arm64" p)
	[ "$both" != "$here" ]
	[ "$both" != "$there" ]
	[ "$(content "$other" "$both")" = theirs ]
	[ "$(content "$(uname -m)" "$both")" = text ]
	# a link there leads no further than one here
	ln -sf /etc/passwd "made/$other/guest/text"
	run build --platforms "linux/$other"
	[[ $status -eq 1 && $output == *"outside of the package's folder"* ]] || { echo "$output"; return 1; }
}

@test "platforms are chosen, passed over, and refused where they are none" {
	recipe <<<$'image: thing\narches: [amd64]\nfiles:\n  - {path: a, contents: x}'
	run build --platforms linux/amd64,linux/arm64
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == *"building pith/thing:"* && ${lines[1]} == *"is not built for linux/arm64" ]]
	run build --force --skip-platforms linux/amd64
	[[ $output == *"is not built for linux/amd64" ]]
	run build --force --skip-platforms linux/arm
	[[ $output == *"building pith/thing:"* ]]
	misused '--platforms' build --platforms / p
	misused '--skip-platforms' build --skip-platforms , p
	misused 'only one of them can be given' build --platforms linux/amd64 --skip-platforms linux/arm64 p
}
