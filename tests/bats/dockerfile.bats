#!/usr/bin/env bats
# `pith pkg build` of packages that LinuxKit's tool builds: build.yml with a Dockerfile.

load ../lib/common

setup() {
	test_begin
	export PITH_CACHE=$T/cache
	export GIT_CONFIG_GLOBAL=$T/gitconfig GIT_CONFIG_SYSTEM=/dev/null # no settings of whoever runs this
	git config --file "$GIT_CONFIG_GLOBAL" user.name tester
	git config --file "$GIT_CONFIG_GLOBAL" user.email tester@example.com
	unset LINUXKIT_PKG_ORG LINUXKIT_BUILDERS STORAGE_DRIVER
	# where builds work: everybody may pass, and nothing is left there
	work=$(mktemp -d /var/tmp/pith-test.XXXXXX)
	chmod 755 "$work"
	export TMPDIR=$work
	mkdir -p repo/p
	cd repo
	echo 'image: thing' >p/build.yml
}
teardown() {
	local left
	left=$(ls -A "$work")
	rm -rf "$work"
	test_end
	[ -z "$left" ] || { echo "left behind: $left"; false; }
}

dockerfile() { cat >p/Dockerfile; }
commit() {
	git init -q .
	git add "$@"
	git commit -q -m test
}
tag() { "$pith" pkg show-tag "$@"; }
build() { "$pith" pkg build "$@"; }
fails() { # MESSAGE COMMAND...
	local message=$1
	shift
	run -1 "$@"
	[[ "$output" == *"$message"* ]] || { echo "no: $message"; false; }
}

# The files of an image below ./tree, its configuration in ./config.json.
unpack() {
	rm -rf "$T/tree" "$T/img"
	mkdir "$T/tree"
	"$pith" cache export --format filesystem --outfile - "$@" | tar -xf - -C "$T/tree"
	skopeo copy -q "oci:$PITH_CACHE:docker.io/$1" dir:$T/img
	cp "$T/img/$(jq -r .config.digest "$T/img/manifest.json" | cut -d: -f2)" "$T/config.json"
}
label() { jq -r --arg l "$1" '.config.Labels[$l]' "$T/config.json"; }

# An image of busybox with its commands, in the cache as local/box:1.
box() {
	mkdir "$T/box"
	cat >"$T/box/build.yml" <<-END
		image: box
		org: local
		tag: "1"
		files:
		  - {path: bin/busybox, source: busybox}
		  - {path: "bin/{sh,cat,id,ls,echo,ps,ifconfig,touch,mkdir,readlink,seq,sleep,true,false}", symlink: busybox}
	END
	cp "$(command -v busybox)" "$T/box/busybox"
	"$pith" pkg build "$T/box" 2>/dev/null
}

# --- tags ----------------------------------------------------------------------------------------------------

# tree_of DIR: the hash of a tree that has the packages of list below DIR, as git has it without their files
tree_of() { awk -v d="$1/" '{ n = split($1, p, "/"); if (substr($1, 1, length($1) - length(p[n])) == d) print "040000 tree " $3 "\t" p[n] }' trees | git mktree --missing; }

@test "the tags of LinuxKit's own packages are those that LinuxKit's tool says" {
	local dir name list
	git init -q .
	# a tree's hash is that of its list of names and hashes: the files themselves are not needed
	awk -F'\t' '/^#/ { next } /^ / { print substr($0, 2) >list; next } { list = "list." ++n; print $1, $2, list }' \
		"$root_dir/tests/conformance/pkg-tags.tsv" >packages
	while read -r dir name list; do
		echo "$dir $name $(git mktree --missing <"$list")"
		mkdir -p "$dir"
		name=${name#*/}
		echo "image: ${name%:*}" >"$dir/build.yml"
		touch "$dir/Dockerfile"
	done <packages >trees
	printf '040000 tree %s\t%s\n' "$(tree_of pkg)" pkg "$(tree_of tools)" tools \
		"$(printf '040000 tree %s\tpkg\n' "$(tree_of test/pkg)" | git mktree --missing)" test >top
	commit=$(git commit-tree -m x "$(git mktree --missing <top)")
	mapfile -t dirs < <(awk '{ print $1 }' trees)
	[ "${#dirs[@]}" -ge 60 ]
	tag --hash-commit "$commit" "${dirs[@]}" >tags
	awk '{ print $2 }' trees | diff - tags
}

@test "a tag is git's: the folder's tree, what is not committed, extra sources, a folder above; none outside of git" {
	dockerfile <<<'FROM scratch'
	[ "$(tag p)" = linuxkit/thing:latest ]
	[ "$(tag --canonical p)" = docker.io/linuxkit/thing:latest ]
	mkdir -p common/x && echo one >common/x/file
	commit p common
	tree=$(git rev-parse HEAD:p)
	[ "$(tag p)" = "linuxkit/thing:$tree" ]
	[ "$(cd p && "$pith" pkg show-tag .)" = "linuxkit/thing:$tree" ]
	ln -s p link
	[ "$(tag link)" = "linuxkit/thing:$tree" ]
	[ "$(tag --org me --tag 'v-{{.Hash}}' p)" = "me/thing:v-$tree" ]
	[ "$(USER=ann "$pith" pkg show-tag --dev p)" = ann/thing:dev ]
	[ "$(tag --hash abc p)" = linuxkit/thing:abc ]
	[ "$(tag --hash-path . p)" = "linuxkit/thing:$(git rev-parse HEAD:./)-dirty-$(dirty_hash p)" ] # for the link
	rm link
	[ "$(tag --hash-path . p)" = "linuxkit/thing:$(git rev-parse 'HEAD^{tree}')" ]
	fails 'is not above' tag --hash-path common p

	# not committed: known to git, new, a link, a name that git quotes, ignored
	echo change >>p/Dockerfile
	[ "$(tag p)" = "linuxkit/thing:$tree-dirty-$(dirty_hash p)" ]
	[ "$(tag --hash-commit "$(git rev-parse HEAD)" p)" = "linuxkit/thing:$tree" ]
	git checkout -q p
	[ "$(tag p)" = "linuxkit/thing:$tree" ]
	[ "$(tag --force-dirty p)" = "linuxkit/thing:$tree-dirty-$(dirty_hash p)" ]
	echo new >p/new && ln -s new p/link && mkfifo p/fifo && echo quoted >"p/"$'\t'"tab"
	[ "$(tag p)" = "linuxkit/thing:$tree-dirty-$(dirty_hash p)" ]
	rm p/new p/link p/fifo "p/"$'\t'"tab"
	# what the folder's own configuration names is not run
	git config filter.x.clean "touch $T/filtered; cat" && git config filter.x.required true
	echo 'p/* filter=x' >.git/info/attributes
	touch -d '2 days ago' p/Dockerfile
	[ "$(tag p)" = "linuxkit/thing:$tree" ]
	[ ! -e "$T/filtered" ]
	git config --remove-section filter.x && rm .git/info/attributes
	echo ignored >.gitignore && git add .gitignore && git commit -q -m ignore
	echo x >p/ignored
	[ "$(tag p)" = "linuxkit/thing:$tree" ]

	# extra sources: SHA-1 of the hashes' text
	echo 'extra-sources: ["../common:/common", "../common/x:/x"]' >>p/build.yml
	git commit -qam extra
	want=$(printf %s "$(git rev-parse HEAD:p)" "$(git rev-parse HEAD:common)" "$(git rev-parse HEAD:common/x)" | sha1sum | cut -d' ' -f1)
	[ "$(tag p)" = "linuxkit/thing:$want" ]

	mkdir q && echo 'image: q' >q/build.yml && touch q/Dockerfile
	fails "is not in git's commit HEAD" tag q
	fails 'is no commit' tag --hash-commit --all p
	mkdir -p other/r && cp q/* other/r && git init -q other
	fails "is not in git's commit HEAD" tag other/r
}

# The seven digits of what is not committed, after LinuxKit's rule: all files that git names and that are plain ones.
dirty_hash() {
	(cd "$1" && { git ls-files && git ls-files --exclude-standard --others; } | while IFS= read -r f; do
		[ -f "$f" ] && [ ! -h "$f" ] && cat -- "$f" || true
	done) | sha256sum | head -c 7
}

@test "git that is missing, or that does not trust the folder, is said; a hash that is given needs no git" {
	dockerfile <<<'FROM scratch'
	commit p
	chown -R 65534 .
	fails 'git does not trust' tag p
	chown -R 0 .
	PATH=/nowhere fails 'git is not installed' "$pith" pkg show-tag p
}

# --- builds --------------------------------------------------------------------------------------------------

@test "stages, RUN, COPY --from, ARG from build.yml, files and other packages; labels, .dockerignore, config" {
	box
	mkdir -p dep/a-b dep/c q && echo '{image: a-b}' >dep/a-b/build.yml && echo '{image: c, org: o}' >dep/c/build.yml
	touch dep/a-b/Dockerfile dep/c/Dockerfile
	cat >p/build.yml <<-'END'
		image: thing
		org: me
		gitrepo: https://example.com/r
		network: false
		disable-cache: true
		arches: [amd64, arm64, s390x]
		buildArgs:
		  - ONE=yml
		  - TWO=yml
		  - DEP=@lkt:pkg:../dep/c
		  - ALL_%=@lkt:pkgs:../dep/*
		config:
		  binds: ["/a:/b"]
		  capabilities: [CAP_NET_ADMIN]
	END
	printf '# comment\n\n TWO = file \nTHREE=@lkt:pkg:dep/c\n' >args
	printf 'secret\n' >p/.dockerignore
	echo secret >p/secret && echo 'hello there' >p/hello && chmod 750 p/hello
	dockerfile <<-'END'
		# syntax=docker/dockerfile:1
		ARG BASE=local/box
		FROM ${BASE}:1 AS build
		ARG ONE=no
		ARG TWO=no THREE=no FOUR=default
		ARG DEP ALL_ME_NONE ALL_LINUXKIT_A_B ALL_O_C
		ARG SOURCE REVISION GOPKGVERSION PKG_HASH PKG_IMAGE TARGETARCH
		COPY . /in
		RUN mkdir /out && echo "$ONE $TWO $THREE $FOUR" >/out/args && \
		    # a comment in between
		    echo "$DEP $ALL_LINUXKIT_A_B $ALL_O_C" >/out/packages
		RUN echo "$SOURCE $REVISION $GOPKGVERSION $PKG_HASH $PKG_IMAGE $TARGETARCH" >/out/usual && ls /in >/out/files && ls -l /in/hello >/out/mode
		FROM scratch
		COPY --from=build /out /out
		COPY --from=0 /in/hello /hello
		COPY --from=local/box:1 /bin/busybox /bin/busybox
		CMD ["/bin/busybox"]
	END
	commit p dep args
	run -0 build --build-arg-file args p
	# steps are shown with the arguments that are given, and with the names that the file has
	[[ "$output" == *'STEP 1/'*'FROM '*'local/box:1 AS build'* ]]
	[[ "$output" == *'RUN echo "https://example.com/r '* ]]
	[[ "$output" != *'not consumed: ['*ONE* ]]
	name=$(tag p)
	unpack "$name"
	[ "$(cat ../tree/out/args)" = 'yml file o/c:'"$(git rev-parse HEAD:dep/c)"' default' ]
	[ "$(cat ../tree/out/packages)" = "o/c:$(git rev-parse HEAD:dep/c) linuxkit/a-b:$(git rev-parse HEAD:dep/a-b) o/c:$(git rev-parse HEAD:dep/c)" ]
	head=$(git rev-parse HEAD)
	[ "$(cat ../tree/out/usual)" = "https://example.com/r $head v0.0.0-$(git show -s --date=format-local:%Y%m%d%H%M%S --format=%cd)-${head:0:12} ${name#*:} me/thing amd64" ]
	[ "$(cat ../tree/out/files)" = "Dockerfile
build.yml
hello" ]
	[[ "$(cat ../tree/out/mode)" == -rwxr-x---*0*0* ]]
	cmp ../tree/hello p/hello
	cmp ../tree/bin/busybox "$T/box/busybox"
	[ "$(ls -A ../tree | tr '\n' ' ')" = 'bin hello out ' ]
	jq -e '.config.Cmd == ["/bin/busybox"] and .architecture == "amd64" and .os == "linux"' "$T/config.json"
	[ "$(label org.opencontainers.image.source)" = https://example.com/r ]
	[ "$(label org.opencontainers.image.revision)" = "$head" ]
	[ "$(label org.mobyproject.config | jq -cS .)" = '{"binds":["/a:/b"],"capabilities":["CAP_NET_ADMIN"]}' ]
	[ "$(label org.mobyproject.linuxkit.version)" = "$(cat "$root_dir/VERSION")" ]
	[[ "$(label org.mobyproject.linuxkit.revision)" =~ ^[0-9a-f]{40}$ ]]

	# made once; the next is made on it (chained), at another time, to the same bytes
	run -0 build p
	[[ "$output" == *"1 image is up to date"* ]]
	mkdir r && printf 'image: second\n' >r/build.yml
	printf 'FROM %s AS src\nFROM local/box:1\nCOPY --from=src /hello /\nRUN cat /hello\n' "$name" >r/Dockerfile
	git add r && git commit -qm second
	run -0 build r
	[[ "$output" == *"hello there"* ]]
	one=$("$pith" cache ls | grep second)
	run -0 build --force r
	[ "$("$pith" cache ls | grep second)" = "$one" ]
	run ! grep -q thing:latest <("$pith" cache ls)
}

@test "a step that fails is told with its last twenty lines; nothing is made of it" {
	box
	dockerfile <<-'END'
		FROM local/box:1
		RUN echo before
		RUN for i in $(seq 1 30); do echo line $i; done; exit 7
		RUN echo after
	END
	run -1 build --progress tty p
	[[ "$output" == *"package p: p/Dockerfile: step 3/"*": RUN for i in "*": failed"* ]]
	[[ "$output" == *"line 15"* && "$output" == *"line 30"*"exit status 7"* ]]
	[[ "$output" != *"line 9"* && "$output" != *before* && "$output" != *after* ]]
	[ "$(grep -c '^line' <<<"$output")" -ge 15 ]
	run -1 build --progress plain p
	[[ "$output" == *before*"line 1"*"line 30"*"failed"* ]]
	[ "$(grep -c '^line 30' <<<"$output")" = 1 ]
	run ! grep -q thing <("$pith" cache ls)
}

@test "RUN is alone: no device, process, file or network of the machine, out of its root as well" {
	box
	cat >escape.c <<-'END'
		#include <dirent.h>
		#include <errno.h>
		#include <fcntl.h>
		#include <signal.h>
		#include <stdio.h>
		#include <string.h>
		#include <sys/stat.h>
		#include <unistd.h>
		static void attempt(const char *what, int r) { printf("%s: %s\n", what, r < 0 ? strerror(errno) : "done"); }
		int main(int argc, char **argv) {
			mkdir("/e", 0755);
			attempt("chroot", chroot("/e"));
			for (int i = 0; i < 64; i++) if (chdir("..") < 0) return 1;
			attempt("out", chroot("."));
			attempt("outside", access("/etc/debian_version", F_OK));
			attempt("read", open(argv[1], O_RDONLY));
			attempt("write", open("/etc/debian_version", O_WRONLY));
			attempt("make", open("/etc/pith-probe", O_WRONLY | O_CREAT, 0644));
			attempt("tmp", open("/var/tmp/pith-probe2", O_WRONLY | O_CREAT, 0644));
			attempt("terminal", open("/dev/tty", O_RDWR));
			attempt("node", mknod("/var/tmp/pith-probe", S_IFBLK | 0666, 0x801));
			attempt("disk", open(argv[2], O_RDONLY));
			attempt("home", access(argv[3], F_OK));
			int n = 0; DIR *d = opendir("/root"); struct dirent *e;
			while (d && (e = readdir(d))) n++;
			printf("root: %d\n", n - 2);
			int pid; sscanf(argv[4], "%d", &pid);
			attempt("kill", kill(pid, 0));
		}
	END
	gcc -static -o p/escape escape.c
	echo secret >"$T/secret" && chmod 600 "$T/secret"
	printf 'FROM local/box:1\nCOPY escape /escape\n%s\n%s\n%s\n%s\n%s\nRUN %s\n' 'RUN ls /dev && ls -d /proc/[0-9]* && ifconfig' \
		'RUN [ -w /dev/null ] && echo x >/dev/null && touch /dev/shm/x' 'RUN sleep 98765 & true' 'RUN ! test -e /dev/vda && ! test -e /dev/kvm' 'RUN readlink /proc/self/ns/net && env' \
		"/escape $T/secret $(findmnt -no SOURCE / | grep ^/dev || echo /dev/null-) $HOME/.bashrc $$" >p/Dockerfile
	export SECRET_TOKEN=1
	# on a terminal, into which a RUN could otherwise type for the user
	run -0 script -qec "'$pith' pkg build --progress plain p" /dev/null
	output=${output//$'\r'/}
	[ "$(pgrep -fc '^sleep 98765$')" = 0 ]
	[ ! -e /var/tmp/pith-probe2 ]
	for line in 'chroot: done' 'out: done' 'outside: done' 'write: Permission denied' 'tmp: done' 'terminal: No such device or address' 'make: Permission denied' 'root: 0' 'kill: No such process'; do
		grep -qxF "$line" <<<"$output" || { echo "no: $line"; false; }
	done
	grep -qE '^read: (Permission denied|No such file or directory)$' <<<"$output"
	grep -qE '^node: Operation not permitted$' <<<"$output"
	grep -qE '^disk: (Permission denied|No such file or directory)$' <<<"$output"
	grep -qE '^home: No such file or directory$' <<<"$output"
	[ "$(sed -n '/^full$/,/^zero$/p' <<<"$output" | tr '\n' ' ')" = 'full mqueue null ptmx pts random shm tty urandom zero ' ]
	[ "$(grep -cE '^/proc/[0-9]+$' <<<"$output")" -lt 10 ]
	[ "$(grep -c '^[a-z0-9]* *Link encap' <<<"$output")" = 1 ]
	grep -q 'UP LOOPBACK RUNNING' <<<"$output"
	run ! grep -qxF "$(readlink /proc/self/ns/net)" <<<"$output"
	[[ "$output" != *SECRET_TOKEN* && "$output" != *"HOME=$HOME"* ]]
	[ ! -e /etc/pith-probe ]

	# a package that asks for the network has the machine's
	printf 'FROM local/box:1\nRUN readlink /proc/self/ns/net\n' >p/Dockerfile
	echo 'network: yes' >>p/build.yml
	run -0 build p
	grep -qxF "$(readlink /proc/self/ns/net)" <<<"$output"
	run -0 build --force --nonetwork p
	run ! grep -qxF "$(readlink /proc/self/ns/net)" <<<"$output"
}

@test "extra sources and images of depends are among the files; the package's folder stays as it is" {
	box
	mkdir -p common/sub extra && echo common >common/sub/file && echo mine >p/own && echo theirs >extra/own
	digest=$("$pith" cache ls | awk '/local.box:1/ { print $2 }')
	cat >p/build.yml <<-END
		image: thing
		extra-sources: ["../common:/vendor/common", "../extra:."]
		depends:
		  docker-images:
		    target-dir: images
		    from-file: images.lst
	END
	printf '# one a line\n\nlocal/box:1@%s\n' "$digest" >p/images.lst
	printf 'FROM local/box:1\nCOPY . /in\nRUN cat /in/vendor/common/sub/file /in/own && ls /in/images && ls /in\n' >p/Dockerfile
	commit p common extra
	run -0 build p
	[[ "$output" == *"building linuxkit/thing:"*", with files of ../common, ../extra"* ]]
	[[ "$output" == *$'\ncommon\ntheirs\n'* && "$output" == *$'\n'"box@$digest.tar"$'\n'* ]]
	[ -z "$(git status --porcelain)" ]
	# all in one archive
	"$pith" cache export --format oci --outfile "$T/box.tar" local/box:1
	"$pith" cache import --name local/other:2 "$T/box.tar"
	other=$("$pith" cache ls | awk '/local.other:2/ { print $2 }')
	cat >p/build.yml <<-END
		image: thing
		depends: {docker-images: {target: sub/all.tar, list: ["local/box:1@$digest", "local/other:2@$other"]}}
	END
	printf 'FROM scratch\nCOPY sub/all.tar /\n' >p/Dockerfile
	git commit -qam one
	build p
	unpack "$(tag p)"
	[ "$(tar -xOf ../tree/all.tar manifest.json | jq -r '.[].RepoTags[]' | sort | tr '\n' ' ')" = 'docker.io/local/box:1 docker.io/local/other:2 ' ]
	[ "$(tar -xOf ../tree/all.tar index.json | jq '.manifests | length')" = 2 ]
	skopeo copy -q "docker-archive:$T/tree/all.tar:docker.io/local/other:2" "dir:$T/other"
}

@test "mistakes are said with what helps, before anything is built" {
	box
	local name text
	try() { # MESSAGE DOCKERFILE-TEXT [OPTION...]
		local message=$1
		printf "$2" >p/Dockerfile
		shift 2
		fails "$message" build "$@" p
	}
	try 'p/Dockerfile: there is no FROM in it' '# nothing\n'
	try 'p/Dockerfile:2: FROM: the name of the image is empty: a build argument is missing' 'ARG A\nFROM $A\n'
	try 'p/Dockerfile:2: image 127.0.0.1:1/none: ' 'FROM scratch AS a\nFROM 127.0.0.1:1/none\n'
	try 'p/Dockerfile:2: ADD of https://example.com/x needs the network, which the package does not have' 'FROM scratch\nADD https://example.com/x /\n'
	try '"network: yes" in build.yml or --network gives it' 'FROM scratch\nADD https://example.com/x.git /\n'
	try 'only HEAD can be built' 'FROM scratch\n' --hash-commit HEAD~1
	try 'p/none: No such file or directory' 'FROM scratch\n' --dockerfile none
	printf 'ONE\n' >args
	try '--build-arg-file: args:1: "ONE" is not NAME=VALUE' 'FROM scratch\n' --build-arg-file args
	printf '\nONE=@lkt:x:y\n' >args
	try 'args:2: build argument ONE: "@lkt:x:y" is not known' 'FROM scratch\n' --build-arg-file args
	printf 'ONE=@lkt:pkg:none\n' >args
	try 'none/build.yml: No such file' 'FROM scratch\n' --build-arg-file args
	printf 'ONE=@lkt:pkgs:x*\n' >args
	try 'the name needs a %' 'FROM scratch\n' --build-arg-file args
	run -2 build --builder podman p
	run -2 build --builders linux/arm64 --builder docker p
	echo 'FROM scratch' >"$T/Dockerfile.out" && ln -sf "$T/Dockerfile.out" p/Dockerfile.out
	try 'is outside of the package' 'FROM scratch\n' --dockerfile Dockerfile.out
	try 'is outside of the package' 'FROM scratch\n' --dockerfile ../../Dockerfile.out

	recipe() { printf "image: thing\n$1" >p/build.yml; }
	recipe 'cmd: [x]\nlabels: {a: b}\n'
	try "p/build.yml:2:" 'FROM scratch\n'
	[ "$(grep -c 'the Dockerfile says that' <<<"$output")" = 2 ]
	recipe 'arches: [amd46]\n'
	try 'unknown architecture "amd46"' 'FROM scratch\n'
	recipe 'buildArgs: [ONE]\n'
	try 'p/build.yml:2: buildArgs: build argument "ONE" is not NAME=VALUE' 'FROM scratch\n'
	recipe 'extra-sources: ["../x"]\n'
	try '"../x" is not SOURCE:DESTINATION' 'FROM scratch\n'
	mkdir x && touch x/x
	recipe 'extra-sources: ["../x:../y"]\n'
	try 'leads out of the package' 'FROM scratch\n'
	ln -s / p/root
	recipe 'extra-sources: ["../x:/root/tmp"]\n'
	try 'leads through a link of the package' 'FROM scratch\n'
	recipe 'extra-sources: ["root/etc:/k"]\n'
	try "is outside of the package's folder" 'FROM scratch\n'
	recipe ''
	ln -s /etc/shadow p/.dockerignore
	try '.dockerignore is no plain file' 'FROM scratch\n'
	rm p/.dockerignore
	mkfifo p/Dockerfile.dockerignore
	try 'Dockerfile.dockerignore is no plain file' 'FROM scratch\n'
	rm p/Dockerfile.dockerignore
	try 'longer than 65536 bytes' "ARG A=0123456789\n$(printf 'ARG A=$A$A$A$A\n%.0s' {1..20})\nFROM scratch\n"
	recipe 'depends: {docker-images: {target: a, list: [local/box]}}\n'
	try 'image local/box has no digest' 'FROM scratch\n'
	recipe "depends: {docker-images: {target: root/a, list: [local/box:1@$("$pith" cache ls | awk '/local.box:1/ { print $2 }')]}}\n"
	try 'leads through a link of the package' 'FROM scratch\n'
	run ! grep -q thing <("$pith" cache ls)
	mkdir "$T/bin"
	for name in git sh cp chown; do ln -s "$(command -v "$name")" "$T/bin"; done
	recipe ''
	printf 'FROM scratch\n' >p/Dockerfile
	PATH=$T/bin fails 'buildah is not installed (Debian package buildah)' "$pith" pkg build p
}

@test "a here-document, or a git repository: built, or refused where this buildah does not know it" {
	box
	printf 'FROM local/box:1\nRUN <<EOF\necho one >/file\nEOF\n' >p/Dockerfile
	version=$(buildah --version | sed 's/[^0-9]*\([0-9]*\)\.\([0-9]*\).*/\1 \2/')
	if [ "${version% *}" -eq 1 ] && [ "${version#* }" -lt 33 ]; then
		fails 'p/Dockerfile:2: a here-document, which buildah knows from version 1.33 on (this one is 1.' build p
		printf 'FROM scratch\nADD https://example.com/x.git /\n' >p/Dockerfile
		fails 'p/Dockerfile:2: ADD of a git repository, which buildah knows from version' build --network p
		run ! grep -q thing <("$pith" cache ls)
	else
		build p
		unpack linuxkit/thing:latest
		[ "$(cat ../tree/file)" = one ]
	fi
}

@test "an image for each platform that is asked for" {
	printf 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n' >p/Dockerfile
	echo amd64 >p/amd64 && echo arm64 >p/arm64
	build --platforms linux/amd64,linux/arm64 p
	for arch in amd64 arm64; do
		rm -rf "$T/tree" && mkdir "$T/tree"
		"$pith" cache export --platform "linux/$arch" --format filesystem --outfile - linuxkit/thing:latest | tar -xf - -C "$T/tree"
		[ "$(cat "$T/tree/arch")" = "$arch" ]
	done
	echo 'arches: [arm64]' >>p/build.yml
	run -0 build p
	[[ "$output" == *"is not built for linux/amd64"* ]]
}

@test "docker and buildctl are called with the same, and give the image back" {
	box
	"$pith" cache export --format oci --outfile "$T/box.tar" local/box:1
	digest=$("$pith" cache ls | awk '/local.box:1/ { print $2 }')
	mkdir "$T/bin"
	cat >"$T/bin/docker" <<-END
		#!/bin/sh
		printf '%s\n' "\$@" >$T/called
		for a; do
			case \$a in
			--file=*) cat "\${a#*=}" >$T/file; cat "\${a#*=}.dockerignore" >$T/ignore ;;
			--local=dockerfile=*) cat "\${a##*=}/Dockerfile" >$T/file; cat "\${a##*=}/Dockerfile.dockerignore" >$T/ignore ;;
			--output=*) cp $T/box.tar "\${a##*=}" ;;
			esac
		done
		echo '#7 [build 2/4] RUN make' >&2
		[ ! -e $T/broken ] || { echo '#7 0.1 no make' >&2; exit 1; }
	END
	chmod +x "$T/bin/docker"
	ln -s docker "$T/bin/buildctl"
	export PATH=$T/bin:$PATH
	printf 'ARG A=1\nFROM local/box:1\nRUN <<E\nE\nCOPY --from=local/box:1 / /\n' >p/Dockerfile
	printf 'image: thing\nbuildArgs: [A=2, B=3]\ndisable-cache: true\n' >p/build.yml
	echo secret >p/Dockerfile.dockerignore
	build --builder docker --builders linux/amd64=there,linux/arm64=elsewhere p
	for word in --context=there buildx build --platform=linux/amd64 --network=none --no-cache A=2 \
		"--build-context=pith-base-0=oci-layout://$PITH_CACHE@$digest" 'org.mobyproject.linuxkit.version='"$(cat "$root_dir/VERSION")"; do
		grep -qxF -e "$word" "$T/called" || { echo "no: $word"; false; }
	done
	run ! grep -q '^B=3' "$T/called"
	[ "$(cat "$T/file")" = $'ARG A=1\nFROM pith-base-0\nRUN <<E\nE\nCOPY --from=pith-base-0 / /' ]
	[ "$(cat "$T/ignore")" = secret ]
	"$pith" cache ls | grep -q docker.io/linuxkit/thing:latest
	LINUXKIT_BUILDERS=linux/amd64=env build --builder docker --network --enable-cache p
	grep -qxF -e --context=env "$T/called"
	grep -qxF -e --network=default "$T/called"
	run ! grep -qxF -e --no-cache "$T/called"

	build --builder buildctl --force p
	for word in build --frontend=dockerfile.v0 --opt build-arg:A=2 --opt=force-network-mode=none \
		"--oci-layout=pith=$PITH_CACHE" "--opt=context:pith-base-0=oci-layout:pith@$digest"; do
		grep -qxF -e "$word" "$T/called" || { echo "no: $word"; false; }
	done
	touch "$T/broken"
	fails 'p/Dockerfile: step 2/4: RUN make: failed' build --builder buildctl --progress tty p
	[[ "$output" == *'#7 0.1 no make'* ]]
}

@test "what is not committed is built, and not pushed" {
	echo 'FROM scratch' >p/Dockerfile
	echo one >p/file && echo 'COPY file /' >>p/Dockerfile
	commit p
	echo two >p/file
	fails 'is not pushed: something in it is not committed to git' "$pith" pkg push p
	"$pith" cache ls | grep -q "$(tag p)"
}
