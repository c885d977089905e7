# pith build: the command line, what it says, what it refuses and what it leaves behind. The trees that it makes are judged
# by conformance.bats.

load ../lib/common
load ../lib/images

setup_file() {
	local images=$BATS_FILE_TMPDIR/images image=$root_dir/tests/tools/oci-image
	export CACHE=$BATS_FILE_TMPDIR/cache
	mkdir -p "$images/k/lib/modules/6.0/kernel"
	printf 'loop module' >"$images/k/lib/modules/6.0/kernel/loop.ko"
	printf 'fs module' >"$images/k/lib/modules/6.0/kernel/erofs.ko"
	printf 'kernel/loop.ko\n# none\nkernel/erofs.ko\n' >"$images/k/lib/modules/6.0/modules.early"
	tar -C "$images/k" -cf "$images/kernel.tar" lib
	cd "$images"
	"$image" app.tar docker.io/test/app:latest --entrypoint /bin/app --env A=1 0755:bin/app=program
	"$image" init.tar docker.io/test/init:1 --label 'org.pith.init.root=erofs squashfs' 0755:init=pid1 0755:bin/ \
		0755:bin/rc.init=rc 'lib/' 'sbin->bin'
	"$image" eager.tar docker.io/test/eager:1 --label org.pith.containerd=always \
		--label org.pith.containerd.idle=60 a=b
	"$image" other.tar docker.io/test/other:1 0755:init=pid1 usr/ 'lib->usr/lib' usr/lib/
	"$image" kernel.oci docker.io/test/kernel:1 --label org.pith.kernel.root=erofs,squashfs kernel=KERNEL kernel.tar@kernel.tar \
		ucode.cpio=UCODE
	"$image" plainkernel.oci docker.io/test/plainkernel:1 kernel=KERNEL
	mkdir -p "$images/b/lib/modules/6.0"
	echo none >"$images/b/lib/modules/6.0/modules.dep"
	tar -C "$images/b" -cf "$images/bare.archive" lib
	mkdir "$images/b/lib/modules/6.0/kernel"
	echo all | tee "$images/b/lib/modules/6.0/kernel/loop.ko" >"$images/b/lib/modules/6.0/modules.dep"
	tar -C "$images/b" -cf "$images/full.archive" lib
	: >empty.archive
	for name in bare empty; do
		"$image" "$name.oci" "docker.io/test/${name}kernel:1" --label org.pith.kernel.bare=bare.tar kernel=KERNEL \
			kernel.tar@full.archive "bare.tar@$name.archive"
	done
	"$image" loads.tar docker.io/test/loads:1 --cmd /a a=b --label 'org.pith.kernel.modules=xfs btrfs'
	"$image" settled.tar docker.io/test/settled:1 --cmd /a a=b --label org.pith.kernel.modules=none \
		--label 'org.mobyproject.config={"capabilities": ["CAP_SYS_ADMIN"]}'
	"$image" bad-label.tar docker.io/test/bad-label:1 --label 'org.mobyproject.config={"capabilites":["all"]}' a=b
	"$image" user.tar docker.io/test/user:1 --user daemon --entrypoint /bin/app 0755:bin/app=program etc/ \
		etc/passwd=$'root:x:0:0::/:/bin/sh\ndaemon:x:2:3:d:/:/x\n' etc/group=$'daemon:x:3:\ntty:x:5:daemon,root\nnone:x:9:root\n'
	"$image" odd-user.tar docker.io/test/odd-user:1 --user nobody:nogroup --cmd /a a=b
	"$image" powers.tar docker.io/test/powers:1 --cmd /a a=b --label 'org.mobyproject.config={"capabilities": ["CAP_SYS_ADMIN"],
		"binds": ["/:/host"], "pid": "host", "net": "new", "devices": [{"path": "all", "type": "a"}], "runtime": {"mkdir": ["/var/x"]}}'
	printf '#! /bin/sh -e\nexit\n' >script
	printf '#!/bin/none\n' >off
	"$image" scripts.tar docker.io/test/scripts:1 0755:etc/init.d/010-x@script etc/init.d/020-off@off \
		0755:etc/init.d/030-elf=ELF 'bin->usr/bin' usr/bin/
	"$image" sh.tar docker.io/test/sh:1 'usr/bin/sh->/usr/bin/busybox' 0755:usr/bin/busybox=BB
	"$image" bare.tar docker.io/test/bare:1 a=b
	"$image" zstd.tar docker.io/test/zstd:1 --compress zstd a=z b=y --layer .wh.b=
	"$image" none.tar docker.io/test/none:1 --compress none --docker a=n
	"$image" escape.tar docker.io/test/escape:1 ../outside=x
	"$image" through.tar docker.io/test/through:1 'a->/etc' --layer a/passwd=x
	"$image" absolute.tar docker.io/test/absolute:1 / /usr/ /usr/app=x 'again=>/usr/app' 'l->/usr' /l/y=y
	"$image" file.tar docker.io/test/file:1 bin=x
	python3 - <<-'END'
		import tarfile
		with tarfile.open("deep.layer", "w") as tar:
		    for i in range(200):
		        deep = tarfile.TarInfo("%d" % i + "/a" * 2000)
		        deep.type = tarfile.DIRTYPE
		        tar.addfile(deep)
		with tarfile.open("times.layer", "w") as tar:
		    for name, time in (("early", -86400), ("late", 5000000000)):
		        bent = tarfile.TarInfo(name)
		        bent.mtime = time
		        tar.addfile(bent)
	END
	"$image" deep.tar docker.io/test/deep:1 a=b --archive deep.layer
	"$image" times.tar docker.io/test/times:1 a=b --archive times.layer
	"$image" device.tar docker.io/test/device:1 'dev/../../dev/sda!b:8:0'
	"$pith" -q cache --cache "$CACHE" import ./*.tar ./*.oci 2>"$BATS_FILE_TMPDIR/import.log" ||
		{ rm kernel.tar; "$pith" -q cache --cache "$CACHE" import ./*.tar ./*.oci; }
}

setup() {
	test_begin
	export NO_COLOR=1
}
teardown() { test_end; }

build() { "$pith" build --cache "$CACHE" --arch amd64 "$@"; }

service() { printf 'services:\n  - name: %s\n    image: test/app\n' "${1:-web}"; }

# The whole standard error of a build that must fail with a status.
refused() {
	local want=$1
	shift
	run --separate-stderr build "$@"
	[[ $status -eq $want ]] || { echo "status $status: $stderr"; return 1; }
}
bats_require_minimum_version 1.5.0

paths() { tar tf "$1" | sed 's,/$,,' | sort; }

# --- messages -------------------------------------------------------------------------------------------------

@test "names that a terminal would obey are escaped, wherever they come from" {
	local evil=$'e\033[31mvil\r\302\233x'
	has_no_control() { ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2\x9b' "$1"; }
	touch "$evil.yml"
	printf 'services: [{name: "a\\e[31mb", image: "test/app", \302\205colour: "\\e]0;title\\a"}]\n' >x.yml
	for command in "build $evil" "build $evil.yml" 'build x.yml' "build --dir $evil x.yml" "build --format $evil x.yml" \
		"build --$evil x.yml" "$evil" "run $evil" "run --disk $evil=1 x" "ps $evil" "exec $evil a b" "cache $evil" \
		"cache import $evil" "cache export $evil" "pkg build $evil" "metadata create $evil/x y" "vsock --$evil"; do
		IFS=' ' read -r -a words -d '' <<<"$command" || true
		words[-1]=${words[-1]%$'\n'}
		run --separate-stderr "$pith" --cache "$CACHE" "${words[@]}" </dev/null
		printf %s "$stderr" >said
		printf %s "$output" >shown
		[ "$status" -ne 0 ]
		has_no_control said || { cat -v said; false; }
		has_no_control shown || { cat -v shown; false; }
	done
}

@test "all problems of a file come in one run, with line, caret and what to write" {
	cat >x.yml <<-END
		services:
		  - name: web
		    image: test/app
		    capabilities: [CAP_NET_ADMN]
		    readonly: yes
		    rlimits: ["nofile,1"]
		  - name: db
		    image: test/app
		    imge: x
	END
	refused 1 x.yml
	diff <(echo "$stderr") - <<-END
		x.yml:4:20: error: services[0] "web": unknown capability "CAP_NET_ADMN"
		    4 |     capabilities: [CAP_NET_ADMN]
		      |                    ^~~~~~~~~~~~
		      = did you mean "CAP_NET_ADMIN"?
		x.yml:5:15: error: services[0] "web": readonly: true or false is wanted here, not text
		    5 |     readonly: yes
		      |               ^~~
		      = write \`readonly: true\`
		x.yml:6:15: error: services[0] "web": rlimits: "nofile,1" is not NAME,SOFT,HARD
		    6 |     rlimits: ["nofile,1"]
		      |               ^~~~~~~~~~
		      = for example "nofile,1024,4096", or "core,0,unlimited"
		x.yml:9:5: error: services[1] "db": unknown key "imge"
		    9 |     imge: x
		      |     ^~~~
		      = did you mean "image"?
	END
	[[ -z $(ls | grep -v x.yml) ]]
}

@test "messages for programs are JSON, with the same places" {
	{ service; echo '    comand: ["a"]'; } >x.yml
	refused 1 --format-errors json x.yml
	echo "$stderr" >messages
	python3 - <<-END
		import json
		d = json.load(open("messages"))
		assert len(d) == 1, d
		assert d[0]["file"] == "x.yml" and d[0]["line"] == 4 and d[0]["column"] == 5 and d[0]["width"] == 6, d
		assert d[0]["severity"] == "error" and d[0]["path"] == "services[0]", d
		assert d[0]["hint"] == 'did you mean "command"?', d
	END
}

@test "a missing image is reported where it is named, all of them at once" {
	{ service a; echo 'init: [test/gone:1]'; printf 'onboot:\n  - {name: b, image: test/gone:2}\n'; } >x.yml
	refused 1 x.yml
	grep -q '^x.yml:4:8: error: init\[0\]: image test/gone:1: ' <<<"$stderr"
	grep -q '^x.yml:6:22: error: onboot\[0\] "b": image test/gone:2: ' <<<"$stderr"
	[[ ! -e x-initrd.img ]]
}

@test "a bad label is an error of the image's own text" {
	service | sed 's,test/app,test/bad-label:1,' >x.yml
	refused 1 --format tar x.yml
	[[ $stderr == 'label org.mobyproject.config of docker.io/test/bad-label:1:1:2: error: services[0] "web": unknown key "capabilites"'* ]]
}

# --- what builds and does not work ----------------------------------------------------------------------------------

# warned LINE:COLUMN PART: x.yml builds, with one warning there that says PART; with --strict it does not.
warned() {
	rm -f out.tar
	run --separate-stderr build --format tar --o out.tar x.yml
	echo "$stderr"
	[ "$status" -eq 0 ]
	[ -s out.tar ]
	[ "$(grep -c 'warning:' <<<"$stderr")" -eq 1 ]
	[[ $stderr == *"x.yml:$1: warning: "*"$2"* ]]
	rm out.tar
	refused 1 --strict --format tar --o out.tar x.yml
	[[ $stderr == *"x.yml:$1: error: "*"$2"* ]]
	[ ! -e out.tar ]
}

# quiet: it builds without a word, --strict or not.
silent() {
	run build --strict --format tar --o out.tar x.yml
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output != *warning* && $output != *note* ]]
}

config() { tar xOf out.tar "containers/$1/config.json" | jq -c "$2"; }

@test "half a quote in a text is a warning, also in a dry run" {
	{ service; printf '    command: ["/bin/app", /var/lib/docker"]\n'; } >x.yml
	warned 4:27 '"web": command[1]: the quote is part of the text: /var/lib/docker"'
	run --separate-stderr build --dry-run x.yml
	[ "$status" -eq 0 ]
	[[ $stderr == *'x.yml:4:27: warning: '* ]]
	{ service; printf "    binds: [/a:/b']\n"; } >x.yml
	warned 4:13 "binds[0]: the quote is part of the text: /a:/b'"
	{ service; printf '    env: [A="x, B=y]\n'; } >x.yml
	warned 4:11 'env[0]: the quote is part of the text: A="x'
	{ printf 'kernel: {image: test/kernel:1, cmdline: console=ttyS0 a="b}\ninit: [test/init:1]\n'; service; } >x.yml
	warned 1:41 'kernel.cmdline: the quote is part of the text'
	cat >x.yml <<-'END'
		services:
		  - name: web
		    image: test/app
		    command: [/bin/app, 'a"', "it's", don't, --x="y z"]
		files: [{path: etc/x, contents: it has a " in it}]
	END
	silent
	[ "$(config services/web .process.args)" = '["/bin/app","a\"","it'"'"'s","don'"'"'t","--x=\"y z\""]' ]
}

@test "files below what init mounts over are a warning" {
	while read -r path mount; do
		printf 'init: [test/init:1]\nfiles:\n  - {path: %s, contents: a}\n' "$path" >x.yml
		warned 3:12 "init mounts a file system over $mount: the running machine will not have this"
	done <<-END
		var/lib/host /var
		/run/x /run
		./tmp/y /tmp
		dev/z /dev
	END
	printf 'init: [test/init:1]\nfiles:\n  - {path: var/lib/host, directory: true}\n' >x.yml
	warned 3:12 'mkdir: ["/var/lib/host"]'
	printf 'init: [test/init:1]\nfiles:\n  - {path: var, directory: true}\n  - {path: variable/x, contents: a}\n' >x.yml
	silent
	# without an init of ours the root may be somebody else's
	printf 'files:\n  - {path: var/x, contents: a}\n' >x.yml
	silent
}

@test "an owner beyond 32 bits is what LinuxKit makes of it, and a warning" {
	{ service; echo '    uid: 4294967296'; } >x.yml
	warned 4:10 'numbers end at 4294967295, this is 0'
}

@test "a container that sees /dev and may open nothing there is told of devices:" {
	{ service; echo '    binds: ["/dev:/dev"]'; } >x.yml
	warned 3:12 "the container sees the machine's devices in /dev, and may open none but null"
	[[ $stderr == *'devices: [{path: all, type: b}]'* ]]
	echo '    devices: [{path: all, type: b}]' >>x.yml
	silent
	{ service; echo '    binds: ["/dev/null:/dev"]'; } >x.yml
	silent
}

@test "an image's user is a warning where it is not used, and used where it is asked for" {
	service | sed 's,test/app,test/user:1,' >x.yml
	warned 3:12 'the image asks for the user "daemon", and the container runs as root'
	[[ $stderr == *'org.pith.user: image'* ]]
	cp x.yml y.yml
	echo '    uid: 0' >>x.yml
	silent
	[ "$(config services/web .process.user)" = '{"uid":0,"gid":0}' ]
	{ cat y.yml; echo '    annotations: {org.pith.user: image}'; } >x.yml
	silent
	[ "$(config services/web .process.user)" = '{"uid":2,"gid":3,"additionalGids":[5]}' ]
	echo '    gid: 7' >>x.yml
	silent
	[ "$(config services/web .process.user)" = '{"uid":2,"gid":7,"additionalGids":[5]}' ]
	{ service | sed 's,test/app,test/odd-user:1,'; echo '    annotations: {org.pith.user: image}'; } >x.yml
	refused 1 --format tar x.yml
	[[ $stderr == *'x.yml:3:12: error: '*'the image asks for the user "nobody:nogroup": its etc/passwd has no user "nobody"'* ]]
	{ service; echo '    annotations: {org.pith.user: root}'; } >x.yml
	refused 1 --format tar x.yml
	[[ $stderr == *'x.yml:4:34: error: '*'org.pith.user: "root" is not "image"'* ]]
}

@test "a program without its directory is looked for in Docker's PATH where nothing sets one" {
	default='PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
	{ service; printf '    command: [app]\n'; } >x.yml
	silent
	[ "$(config services/web .process.env)" = "[\"$default\",\"A=1\"]" ]
	{ service; printf '    command: [app]\n    env: [PATH=/x]\n'; } >x.yml
	silent
	[ "$(config services/web .process.env)" = '["PATH=/x"]' ]
	service >x.yml
	silent
	[ "$(config services/web .process.env)" = '["A=1"]' ]
}

@test "a mount on nothing in a read-only container is a warning" {
	mount() { { service; printf '    readonly: true\n    binds: ["/etc/x:%s"]\n' "$1"; } | sed "s,test/app,$2,"; }
	mount /etc/sysctl.d/x test/app >x.yml
	warned 5:13 'the image has no /etc/sysctl.d/x to mount this on, and it cannot be made in a read-only container'
	mount /bin/app test/app >x.yml
	silent
	mount /lib/x test/other:1 >x.yml
	sed -i 's/readonly/command: [\/a]\n    &/' x.yml
	warned 6:13 'the image has no /lib/x'
	mount /lib test/other:1 | sed 's/readonly/command: [\/a]\n    &/' >x.yml
	silent
	# what is mounted above may have it, or makes it
	mount /dev/mine test/app >x.yml
	silent
	mount /etc/x test/app | sed 's,binds: .*,tmpfs: [/etc/x/y]\n    binds: ["/a:/etc"],' >x.yml
	silent
	mount /etc/x test/app | sed '/readonly/d' >x.yml
	silent
}

@test "a container without a command is a warning" {
	service | sed 's,test/app,test/bare:1,' >x.yml
	warned 3:12 'neither the YAML nor the image has a command, and the container cannot start'
	{ service; echo '    command: []'; } >x.yml
	warned 4:14 'there is no command, and the container cannot start'
}

@test "a script of etc/init.d without its interpreter is a warning, where it comes from" {
	printf 'init:\n  - test/scripts:1\n  - test/init:1\n' >x.yml
	warned 2:5 'init[0]: /etc/init.d/010-x needs the interpreter /bin/sh, which the root has not'
	printf 'init:\n  - test/scripts:1\n  - test/sh:1\n' >x.yml
	silent
	printf 'init: [test/init:1]\nfiles:\n  - {path: etc/init.d/x, mode: "0755", contents: "#!/bin/bash"}\n' >x.yml
	warned 3:12 '/etc/init.d/x needs the interpreter /bin/bash'
}

@test "what an image's label gives beyond the YAML is said, and not taken with --strict" {
	service | sed 's,test/app,test/powers:1,' >x.yml
	gives='"web": the label of the image gives what the YAML does not state: capabilities CAP_SYS_ADMIN; binds /:/host; devices all; pid host; runtime.mkdir'
	run --separate-stderr build --format tar x.yml
	[ "$status" -eq 0 ]
	[[ ${stderr_lines[*]} == *"x.yml:3:12: note: services[0] $gives" ]]
	[ "${#stderr_lines[@]}" -eq 2 ]
	run --separate-stderr build -q --format tar x.yml
	[ -z "$stderr" ]
	run --separate-stderr build --format-errors json --format tar x.yml
	jq -e '.[0] | .severity == "note" and .line == 3' <<<"$stderr"
	refused 1 --strict --format tar x.yml
	[[ $stderr == *"x.yml:3:12: error: services[0] $gives"* ]]
	cat >>x.yml <<-'END'
		    capabilities: [CAP_SYS_ADMIN]
		    binds: []
		    pid: new
		    devices: []
		    runtime: {mkdir: [/var/x]}
	END
	silent
}

@test "the command line is checked: one line and status 2" {
	service >x.yml
	local row
	while IFS='|' read -r row want; do
		refused 2 $row
		[[ $(wc -l <<<"$stderr") -eq 1 && $stderr == *"$want"* ]] || { echo "$row: $stderr"; return 1; }
	done <<-END
		--format tar,kernel+initrd x.yml|go with no other one
		--format kernel+initrd --o y x.yml|use --name and --dir
		--format tar --o y --name z x.yml|leave out --name and --dir
		--nonsense x.yml|unknown option --nonsense
		--format|--format needs a value
		--initrd cpio x.yml|--initrd cpio: it is one of auto, plain, erofs, squashfs
		--compress xz x.yml|xz
		--compress zstd:20 x.yml|zstd:1 to zstd:19
		--compress none:1 x.yml|none:1
		--arch a/b x.yml|--arch a/b
		--size big x.yml|--size big
		--pull=maybe x.yml|--pull maybe
		|no YAML file is named
	END
}

@test "a format that is not made: one line and status 1" {
	service >x.yml
	refused 1 --format qcow x.yml
	[[ $stderr == *'unknown format "qcow": use one of tar, docker, kernel+initrd, '* && $(wc -l <<<"$stderr") -eq 1 ]]
}

@test "options of LinuxKit work with one dash and two, and with equal signs" {
	service >x.yml
	build -format tar -name one -dir out -no-sbom -size 1024M x.yml 2>log
	build --format=tar --name=two --dir=out --no-sbom=true --pull=false x.yml 2>log
	[[ $(cat log) != *warning* ]]
	build -f tar -o three.tar --no-sbom --sbom-output=s.json --sbom-current-time=true x.yml 2>log
	[[ $(cat log) != *warning* ]]
	cmp out/one.tar out/two.tar
	cmp out/one.tar three.tar
	if paths three.tar | grep -i -e sbom -e s.json; then return 1; fi
	diff <(ls . out) <(printf '%s\n' '.:' log out three.tar x.yml '' out: one.tar two.tar)
}

@test "LinuxKit's global options work before the command and behind it" {
	local row
	service >x.yml
	while read -r row; do
		# shellcheck disable=SC2086
		"$pith" ${row/CACHE/$CACHE} --arch amd64 --format tar --o "out.tar" x.yml 2>log || { cat log; return 1; }
		paths out.tar | grep -qx containers/services/web/lower/bin/app
		rm out.tar
		case $row in
		*quiet* | *-q* | *'v 0'* | *'=0'*) [[ ! -s log ]] || { echo "$row:"; cat log; return 1; } ;;
		*) [[ -s log ]] || { echo "$row: no message"; return 1; } ;;
		esac
	done <<-'END'
		--cache CACHE build
		--cache=CACHE -v 2 build
		-v build --cache CACHE
		--verbose=1 --cache CACHE build
		-v 0 --cache CACHE build
		-q build --cache CACHE
		build -q --cache CACHE
		build --quiet --cache CACHE
		build -v 2 --cache CACHE
		build -v --cache CACHE
		build --verbose=0 --cache CACHE
	END
	LINUXKIT_CACHE=$CACHE "$pith" build --arch amd64 --format tar x.yml
	paths x.tar | grep -qx containers/services/web/lower/bin/app
	"$pith" build --mirror http://127.0.0.1 --cache "$CACHE" --arch amd64 --format tar x.yml
	refused 2 -v 7 x.yml
	[[ $stderr == *'--verbose 7: it is one of 0, 1, 2, 3'* ]]
}

@test "an unreadable file is one line" {
	refused 1 no-such.yml
	[[ $stderr == 'pith: error: no-such.yml: No such file or directory' ]]
	mkdir d
	refused 1 d
	[[ $(wc -l <<<"$stderr") -eq 1 && $stderr == *'Is a directory'* ]]
}

# --- input ------------------------------------------------------------------------------------------------------

@test "standard input and standard output" {
	service | build --format tar --o - - >out.tar
	paths out.tar | grep -qx containers/services/web/lower/bin/app
	service | build --format tar -
	cmp out.tar moby.tar
}

@test "a URL is fetched with curl" {
	service >x.yml
	background server.log python3 -u -m http.server --bind 127.0.0.1 0
	within 20 grep -q 'port [0-9]' server.log
	local port
	port=$(sed -nE 's/.*port ([0-9]+).*/\1/p' server.log)
	build --format tar "http://127.0.0.1:$port/x.yml"
	paths x.tar | grep -qx containers/services/web/lower/bin/app
	refused 1 --format tar "http://127.0.0.1:$port/y.yml"
	[[ $(wc -l <<<"$stderr") -eq 1 && $stderr == *"cannot fetch http://127.0.0.1:$port/y.yml: "*404* ]]
	# it takes no file of this machine, unless told to
	mkdir own
	echo mine >own/secret
	printf 'files: [{path: s, source: %s/own/secret}]\n' "$T" >s.yml
	refused 1 --format tar "http://127.0.0.1:$port/s.yml"
	[[ $stderr == *'/s.yml:1:27: error: files[0] "s": YAML from a web server takes no file of this machine'*"--allow-source $T/own/secret"* ]]
	refused 1 --format tar --allow-source "$T/ow" "http://127.0.0.1:$port/s.yml"
	[[ ! -e s.tar ]]
	build --format tar --allow-source "$T/own" "http://127.0.0.1:$port/s.yml"
	[[ $(tar xOf s.tar s) == mine ]]
	mkdir allowed
	ln -s ../own/secret allowed/link
	printf 'files: [{path: s, source: %s/allowed/link}]\n' "$T" >s.yml
	refused 1 --format tar --allow-source "$T/allowed" "http://127.0.0.1:$port/s.yml"
	printf 'init: ["@pkg:%s"]\n' "$T" >p.yml
	refused 1 --format tar "http://127.0.0.1:$port/p.yml"
	[[ $stderr == *'works only in a local file'* ]]
}

@test "what is asked for with TLS is not fetched without" {
	service >x.yml
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=127.0.0.1 \
		-addext subjectAltName=IP:127.0.0.1 2>/dev/null
	cat >server.py <<-'END'
		import functools, http.server, ssl, sys, threading
		plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
		class Redirect(http.server.SimpleHTTPRequestHandler):
		    def do_GET(self):
		        if self.path != "/away.yml":
		            return super().do_GET()
		        self.send_response(302)
		        self.send_header("Location", "http://127.0.0.1:%d/x.yml" % plain.server_port)
		        self.end_headers()
		secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirect)
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
		context.load_cert_chain("cert.pem", "key.pem")
		secure.socket = context.wrap_socket(secure.socket, server_side=True)
		threading.Thread(target=plain.serve_forever, daemon=True).start()
		print("port", secure.server_port, flush=True)
		secure.serve_forever()
	END
	background server.log python3 server.py
	within 20 grep -q 'port [0-9]' server.log
	local port
	port=$(sed -nE 's/.*port ([0-9]+).*/\1/p' server.log)
	export CURL_CA_BUNDLE=$T/cert.pem
	build --format tar "https://127.0.0.1:$port/x.yml"
	refused 1 --format tar --name y "https://127.0.0.1:$port/away.yml"
	[[ $stderr == *"cannot fetch https://127.0.0.1:$port/away.yml: "*rotocol* && ! -e y.tar ]] || { echo "$stderr"; return 1; }
}

@test "several files merge; volumes of one serve another; a name may be defined once" {
	printf 'volumes: [{name: v}]\n' >1.yml
	{ service; echo '    binds: ["v:/v"]'; } >2.yml
	service other >3.yml
	build --format tar 1.yml 2.yml 3.yml
	tar xf 3.tar
	[[ $(python3 -c 'import json; print([m["source"] for m in json.load(open("containers/services/web/config.json"))["mounts"] if m["destination"] == "/v"])') == "['/containers/volumes/v/merged']" ]]
	refused 1 --format tar 1.yml 1.yml
	[[ $stderr == *'1.yml:1:18: error: volumes[0] "v": there are two volumes of the name "v"'* ]]
	refused 1 --format tar 2.yml
	[[ $stderr == *'"v" is neither an absolute path nor the name of a volume'* ]]
}

@test "a dry run prints what it would build, to be read again" {
	printf 'kernel: {image: test/kernel:1, cmdline: a}\n' >1.yml
	{ echo 'kernel: {cmdline: "b: c"}'; service; echo '    resources: {memory: {limit: 0x10, kernelTCP: 3}}'; } >2.yml
	build --dry-run 1.yml 2.yml >3.yml 2>/dev/null
	grep -qx '  cmdline: "b: c"' 3.yml
	grep -qx '      limit: 16' 3.yml
	build --dry-run 3.yml | cmp - 3.yml
	[[ ! -e 2-kernel ]]
	# neither images nor files are looked for: the file may be for another machine
	printf 'init: [test/gone:1]\nfiles: [{path: a, source: gone}]\n' >4.yml
	[[ $(build --dry-run 4.yml) == *'source: gone'* ]]
	refused 1 4.yml
	[[ $stderr == *'4.yml:2:27: error: files[0] "a": gone: No such file or directory'* ]] || { echo "$stderr"; return 1; }
}

@test "where this user cannot write: the folder's error alone, and of a cache what to name in its place" {
	service >x.yml
	mkdir -p folder/cache
	run unshare -m bash -c "mount -t tmpfs none folder && mount -o remount,ro folder &&
		'$pith' build --cache '$CACHE' --format tar --dir folder x.yml"
	[ "$status" -eq 1 ]
	[ "${lines[*]}" = 'pith: error: folder/x.tar: cannot be created: Read-only file system' ]
	run unshare -m bash -c "mount -t tmpfs none folder && '$pith' cache --cache folder/cache ls &&
		mount -o remount,ro folder && '$pith' cache --cache folder/cache import '$BATS_FILE_TMPDIR/images/app.tar'"
	[ "$status" -eq 1 ]
	echo "$output"
	[[ $output == *'folder/cache: this user cannot write there: name another one with --cache DIR or PITH_CACHE=DIR: Read-only'* ]]
}

@test "@pkg: stands for the image of a package" {
	mkdir -p sub pkg/mine
	printf 'image: mine\norg: me\nfiles: [{path: a, contents: x}]\n' >pkg/mine/build.yml
	service | sed 's,test/app,"@pkg:../pkg/mine",' >sub/x.yml
	local tag
	tag=$("$pith" pkg show-tag pkg/mine)
	build --dry-run sub/x.yml | grep -F "image: $tag"
	refused 1 sub/x.yml
	grep -F 'pith pkg build' <<<"$stderr"
	refused 1 - <sub/x.yml
	[[ $stderr == *'"@pkg:../pkg/mine" works only in a local file'* && $(grep -c 'error: ' <<<"$stderr") -eq 1 ]]
	sed "s,@pkg:../pkg,@pkg:$T/pkg," sub/x.yml | build --dry-run - | grep -F "image: $tag"
	sed -i s,pkg/mine,pkg/none, sub/x.yml
	refused 1 --dry-run sub/x.yml
	[[ $stderr == *'cannot resolve "@pkg:../pkg/none"'* && $(grep -c 'error: ' <<<"$stderr") -eq 1 ]]
	[[ $stderr == *'`pith/none:latest`'* ]]
}

@test "@pkg: stands for the image of a package in any value" {
	mkdir -p mine
	printf 'image: mine\norg: me\nfiles: [{path: a, contents: x}]\n' >mine/build.yml
	cat >x.yml <<-END
		services:
		  - {name: web, image: test/app, command: [/run, "@pkg:mine"], env: ["@pkg:none", "A=@pkg:mine"]}
		files:
		  - {path: a, contents: "@pkg:mine"}
		  - {path: b, contents: "@other"}
	END
	local tag
	tag=$("$pith" pkg show-tag mine)
	build --format tar x.yml 2>said
	grep -E '^x.yml:2:[0-9]+: warning: "@pkg:none" is left as it is' said
	[[ $(tar xOf x.tar a) == "$tag" && $(tar xOf x.tar b) == @other ]]
	tar xOf x.tar containers/services/web/config.json >config.json
	[[ $(jq -c '[.process.args, .process.env]' config.json) == '[["/run","'"$tag"'"],["@pkg:none","A=@pkg:mine"]]' ]]
}

# --- names and paths ------------------------------------------------------------------------------------------------

@test "references: untagged is latest, digests resolve, every compression and media type" {
	local digest
	digest=$("$pith" cache --cache "$CACHE" ls | awk '$1 == "docker.io/test/app:latest" { print $2 }')
	printf 'init: ["test/app", "docker.io/test/app@%s", test/zstd:1, test/none:1]\n' "$digest" >x.yml
	build --format tar x.yml
	[[ $(tar xOf x.tar a) == n ]]
	if paths x.tar | grep -x b; then return 1; fi
}

@test "files with holes in layers: GNU's format and the three of pax" {
	local format image=$root_dir/tests/tools/oci-image
	mkdir -p s
	python3 - <<-'END'
		import os, random
		random.seed(1)
		with open("s/holes", "wb") as f:  # more segments than a header has room for, a hole at the end
		    for i in range(60):
		        f.seek(i * 131072 + 5)
		        f.write(random.randbytes(random.choice((1, 4096, 9000))))
		    f.truncate(9000001)
		with open("s/hole", "wb") as f:
		    f.truncate(70000)
	END
	for format in gnu pax-0.0 pax-0.1 pax-1.0; do
		mkdir -p "$format"
		cp --sparse=always s/* "$format/"
		case $format in
		gnu) tar -cS --format=gnu -f "$format.tar" "$format" ;;
		*) tar -cS --format=posix --sparse-version="${format#pax-}" -f "$format.tar" "$format" ;;
		esac
		[[ $(stat -c %s "$format.tar") -lt 2000000 ]]
	done
	"$image" s.oci docker.io/test/sparse:1 a=b --archive gnu.tar --archive pax-0.0.tar --archive pax-0.1.tar --archive pax-1.0.tar
	"$pith" -q cache --cache "$CACHE" import s.oci
	printf 'init: [test/sparse:1]\n' >x.yml
	build --format tar x.yml
	mkdir t
	tar -C t -xf x.tar
	for format in gnu pax-0.0 pax-0.1 pax-1.0; do
		cmp "t/$format/holes" s/holes
		cmp "t/$format/hole" s/hole
	done
	if paths x.tar | grep GNUSparse; then return 1; fi
}

@test "blobs of sha512 are taken, and verified like those of sha256" {
	local kind blob
	for kind in sha256 sha512; do
		"$root_dir/tests/tools/oci-image" "$kind.oci" "docker.io/test/$kind:1" --digest "$kind" a="$kind"
		"$pith" -q cache --cache cache import "$kind.oci"
		mkdir "$kind"
		tar -C "$kind" -xf "$kind.oci"
		printf 'init: ["test/%s:1"]\n' "$kind" >"$kind.yml"
		"$pith" build --cache cache --arch amd64 --format tar "$kind.yml"
		[[ $(tar xOf "$kind.tar" a) == "$kind" ]]
		"$pith" -q cache --cache "from-$kind" import "$kind"
		"$pith" build --cache "from-$kind" --arch amd64 --format tar --o - "$kind.yml" | cmp - "$kind.tar"
	done
	for kind in sha256 sha512; do
		for blob in "cache/blobs/$kind"/*; do
			grep -q "layers" "$blob" || printf 'x' | dd of="$blob" bs=1 seek=20 conv=notrunc status=none
		done
		run "$pith" build --cache cache --arch amd64 --format tar --o new "$kind.yml"
		[[ $status -eq 1 && $output == *"$kind"*'(it is damaged)'* && ! -e new ]] || { echo "$output"; return 1; }
		printf x >>"$kind/blobs/$kind/$(basename "$blob")"
		run "$pith" cache --cache other import "$kind"
		[[ $status -eq 1 && $output == *'(it is damaged)'* ]] || { echo "$output"; return 1; }
	done
}

@test "without a Docker daemon --docker takes the image of the cache" {
	service >x.yml
	DOCKER_HOST=unix:///nonexistent build --docker --format tar x.yml
	paths x.tar | grep -qx containers/services/web/lower/bin/app
}

@test "--docker prefers the image of the Docker daemon, --pull the registry's" {
	local image=$root_dir/tests/tools/oci-image
	build_here() { "$pith" build --cache "$T/cache" --arch amd64 --format tar --o - "$@"; }
	content() { tar xO init.content; }
	start_registry
	"$image" old.tar "$registry/thing:1" init.content=cached
	"$image" new.tar "$registry/thing:1" init.content=registry
	"$image" own.tar "$registry/thing:1" init.content=docker
	"$pith" -q cache --cache push import new.tar
	"$pith" -q cache --cache push push "$registry/thing:1"
	skopeo copy -q oci-archive:own.tar "docker-archive:docker.tar:$registry/thing:1"
	printf 'init: ["%s/thing:1"]\n' "$registry" >x.yml

	[[ $(build_here x.yml | content) == registry ]] # the cache is empty
	"$pith" -q cache --cache "$T/cache" import --force old.tar
	[[ $(build_here x.yml | content) == cached ]]
	start_docker docker.tar
	[[ $(build_here x.yml | content) == cached ]]
	[[ $(build_here --docker x.yml | content) == docker ]]
	"$pith" -q cache --cache "$T/cache" import --force old.tar
	[[ $(build_here --docker=false x.yml | content) == cached ]]
	[[ $(build_here --pull --docker x.yml | content) == registry ]]
	[[ $(build_here x.yml | content) == registry ]] # it is in the cache from then on
	sed -i s/thing/nothing/ x.yml
	run build_here --pull x.yml
	[[ $status -eq 1 && $output == *"x.yml:1:8: error: init[0]: image $registry/nothing:1: "* ]]
}

@test "--arch takes the image of that platform out of an index, for the root, volumes and containers" {
	local arch
	for arch in amd64 arm64; do
		"$root_dir/tests/tools/oci-image" "$arch.tar" test/two:1 --arch "$arch" --env "ARCH=$arch" "arch=$arch"
	done
	index_of two.tar docker.io/test/two:1 amd64.tar arm64.tar
	"$pith" -q cache --cache "$CACHE" import two.tar
	printf 'init: [test/two:1]\nservices: [{name: s, image: test/two:1}]\nvolumes: [{name: v, image: test/two:1}]\n' >x.yml
	for arch in amd64 arm64; do
		"$pith" build --cache "$CACHE" --arch "$arch" --format tar --name "$arch" x.yml
		mkdir "$arch"
		tar -C "$arch" -xf "$arch.tar"
		[[ $(cat "$arch/arch" "$arch/containers/services/s/lower/arch" "$arch/containers/volumes/v/lower/arch") == "$arch$arch$arch" ]]
		jq -e ".process.env == [\"ARCH=$arch\"]" "$arch/containers/services/s/config.json"
	done
	"$pith" build --cache "$CACHE" --format tar --name here x.yml
	cmp here.tar "$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/').tar"
	run --separate-stderr "$pith" build --cache "$CACHE" --arch riscv64 --format tar x.yml
	[[ $status -eq 1 && $stderr == *'x.yml:1:8: error: init[0]: image test/two:1: '*'no image for linux/riscv64 in it, which has linux/amd64, linux/arm64'* ]] ||
		{ echo "$stderr"; return 1; }
	# a single image is for its own platform; where only its files are asked for it may be of any
	"$root_dir/tests/tools/oci-image" alone.tar test/alone:1 --arch arm64 --cmd /a arch=arm64
	"$pith" -q cache --cache "$CACHE" import alone.tar
	printf 'services: [{name: s, image: test/alone:1}]\n' >x.yml
	run --separate-stderr "$pith" build --cache "$CACHE" --arch amd64 --format tar x.yml
	[[ $status -eq 1 && $stderr == *'x.yml:1:29: error: services[0] "s": image test/alone:1 is for linux/arm64 alone, not for linux/amd64'* ]] ||
		{ echo "$stderr"; return 1; }
	printf 'volumes: [{name: v, image: test/alone:1}]\n' >x.yml
	"$pith" build --cache "$CACHE" --arch amd64 --format tar --o - x.yml | tar -t | grep -qx containers/volumes/v/lower/arch
}

@test "what would leave the root, lose files or ask for gigabytes is refused" {
	local row want
	while IFS='|' read -r row want; do
		printf '%b\n' "$row" >x.yml
		refused 1 --format tar x.yml
		[[ $stderr == *"$want"* && ! -e x.tar ]] || { echo "$row: $stderr"; return 1; }
	done <<-'END'
		files: [{path: ../x, contents: a}]|x.yml:1:16: error: files[0] "../x": ".." would lead out
		files: [{path: a/../../x, contents: a}]|".." would lead out
		init: [test/other:1]\nfiles: [{path: lib/x, contents: a}]|x.yml:2:16: error: files[0] "lib/x": 
		init: [test/escape:1]|outside
		init: [test/deep:1]|more than 256 MiB of paths
		init: [test/init:1, test/file:1]|bin: a directory with files in it would be replaced
		init: [test/init:1]\nfiles: [{path: bin, symlink: usr/bin}]|bin is a directory with files in it
		init: [test/device:1]|dev/sda
		services: [{name: a/b, image: test/app}]|cannot be a name
		services: [{name: .., image: test/app}]|cannot be a name
		onboot: [{name: ../../x, image: test/app}]|cannot be a name
		volumes: [{name: ../x}]|cannot be a volume's name
	END
}

@test "absolute names of layers, and names behind links, are inside the root" {
	printf 'services: [{name: a, image: test/absolute:1}, {name: t, image: test/through:1}]\n' >x.yml
	build --format tar x.yml
	tar xf x.tar
	cd containers/services
	[[ $(cat a/lower/usr/app a/lower/usr/y) == xy && a/lower/again -ef a/lower/usr/app && -L a/lower/l ]]
	[[ -L t/lower/a && $(cat t/lower/etc/passwd) == x ]]
}

# Every Debian of today has its /lib as a link to usr/lib; a kernel's archive has the directory lib.
@test "an image whose lib is a link loses no file of the kernel or of other images" {
	local order
	for order in '[test/init:1, test/other:1]' '[test/other:1, test/init:1]'; do
		image_yml test/kernel:1 kernel.tar | sed "s|^init: .*|init: $order|" >x.yml
		grep -qF "$order" x.yml
		build --format tar x.yml
		[[ $(tar xOf x.tar usr/lib/modules/6.0/kernel/loop.ko) == 'loop module' ]]
		[[ $(tar tvf x.tar lib) == *'lib -> usr/lib' ]]
		build x.yml
		cpio -t --quiet <x-initrd.img | grep -x early/00-loop.ko
	done
}

@test "kernel modules are in an image where something in it may load them, and only there" {
	# has_modules YAML-LINES...: whether they are in its tree; where they are not, neither are the tables that name them
	has_modules() {
		printf '%s\n' "kernel: {image: \"${kernel:-test/barekernel:1}\"${tar:+, tar: $tar}}" "$@" >x.yml
		build --no-sbom --format tar x.yml 2>said || { cat said; return 2; }
		case $(tar xOf x.tar lib/modules/6.0/modules.dep) in
		all) tar tf x.tar lib/modules/6.0/kernel/loop.ko >/dev/null || return 2 ;;
		none) ! tar tf x.tar lib/modules/6.0/kernel >/dev/null 2>&1 || return 2; return 1 ;;
		*) return 2 ;;
		esac
	}
	run -1 has_modules
	run -1 has_modules 'services: [{name: a, image: test/app}]'
	run -1 has_modules 'services: [{name: a, image: test/settled:1}]'
	run -1 has_modules 'services: [{name: a, image: test/app, capabilities: [CAP_NET_ADMIN]}]'
	has_modules 'services: [{name: a, image: test/loads:1}]'
	has_modules 'onboot: [{name: a, image: test/powers:1}]'
	run -1 has_modules 'onboot: [{name: a, image: test/powers:1, capabilities: [CAP_NET_ADMIN]}]'
	has_modules 'onboot: [{name: a, image: test/app, capabilities.add: [CAP_SYS_MODULE]}]'
	has_modules 'onshutdown: [{name: a, image: test/app, capabilities: [all]}]'
	has_modules 'init: [test/loads:1]'
	# who names an archive gets that one, and a kernel that needs its modules has them
	tar=kernel.tar has_modules 'services: [{name: a, image: test/app}]'
	tar=bare.tar run -1 has_modules 'services: [{name: a, image: test/loads:1}]'
	kernel=test/emptykernel:1 has_modules 'services: [{name: a, image: test/app}]'
	# an archive of a build before does not keep them away
	printf '%s\n' 'kernel: {image: test/barekernel:1}' 'services: [{name: a, image: test/app}]' >old.yml
	build --format tar --name old old.yml
	printf '%s\n' 'kernel: {image: test/barekernel:1}' 'services: [{name: a, image: test/loads:1}]' >x.yml
	build --format tar --input-tar old.tar x.yml
	[ "$(tar xOf x.tar lib/modules/6.0/kernel/loop.ko)" = all ]
}

@test "bad annotations of ours and circles of them are refused" {
	{ service a; echo '    annotations: {org.pith.restart: maybe}'; } >x.yml
	refused 1 x.yml
	[[ $stderr == *"x.yml:4:37: error: services[0] \"a\": annotations: org.pith.restart: 'maybe' is none of"* ]]
	{ service a; echo '    annotations: {org.pith.after: b}'; service b | tail -n +2; echo '    annotations: {org.pith.after: a}'; } >x.yml
	refused 1 x.yml
	[[ $stderr == *'x.yml:4:35: error: services[0] "a": org.pith.after: cycle: a -> b -> a'* ]] || { echo "$stderr"; return 1; }
	{ service a; echo '    annotations: {org.pith.restrat: always}'; } >x.yml
	run --separate-stderr build --format tar x.yml
	[[ $status -eq 0 && $stderr == *'warning: '*'did you mean "org.pith.restart"?'* ]]
}

@test "random containers and labels become what LinuxKit's rules say, written down a second time" {
	"$root_dir/tests/tools/build-rules" "$pith" "$root_dir/tests/tools/oci-image" 1 150
	rm -r ./*
	"$root_dir/tests/tools/build-rules" "$root_dir/build/asan/pith" "$root_dir/tests/tools/oci-image" 2 60
}

# --- output -----------------------------------------------------------------------------------------------------------

image_yml() {
	printf 'kernel: {image: %s, cmdline: "console=ttyS0", tar: %s}\ninit: [test/init:1]\n' "$1" "$2"
	service
	printf 'files: [{path: boot/extra, contents: x}, {path: etc/f, contents: hello}]\n'
}

@test "an image of the init section says by its label when containerd starts, and the command line has the last word" {
	image_yml test/plainkernel:1 none | sed 's/cmdline/ucode: none, cmdline/; s,test/init:1,"test/init:1"\, "test/eager:1",' >x.yml
	build x.yml
	[ "$(cat x-cmdline)" = 'console=ttyS0 pith.containerd=always pith.containerd.idle=60' ]
	sed -i 's/"console=ttyS0"/"pith.containerd=lazy"/' x.yml
	build x.yml
	[ "$(cat x-cmdline)" = 'pith.containerd=lazy pith.containerd.idle=60' ]
}

@test "kernel+initrd, plain: kernel, command line, the whole tree without boot/, microcode in front" {
	image_yml test/plainkernel:1 none | sed 's/cmdline/ucode: none, cmdline/' >x.yml
	build x.yml
	[[ $(cat x-kernel) == KERNEL && $(cat x-cmdline) == console=ttyS0 ]]
	mkdir t
	(cd t && gzip -dc ../x-initrd.img | cpio -idm --quiet)
	[[ $(cat t/etc/f) == hello && $(cat t/init) == pid1 && -f t/containers/services/web/config.json ]]
	[[ -d t/boot && ! -e t/boot/kernel && ! -e t/boot/extra ]]
	image_yml test/kernel:1 none | sed 's/cmdline/ucode: ucode.cpio, cmdline/' >x.yml
	build --initrd plain --compress none x.yml
	[[ $(head -c 5 x-initrd.img) == UCODE && $(dd if=x-initrd.img bs=512 skip=1 count=1 status=none | head -c 6) == 070701 ]]
	build --initrd plain x.yml
	dd if=x-initrd.img bs=512 skip=1 status=none | zstd -qdc | cpio -t --quiet | grep -qx etc/f
}

@test "--compress takes a level; gzip is one stream that others read" {
	head -c 600000 "$pith" >big
	printf 'files: [{path: big, source: %s/big}]\n' "$PWD" >x.yml
	build --initrd plain --compress none --name n x.yml
	for how in gzip:1 gzip:9 zstd:1 zstd:19; do
		build --initrd plain --compress "$how" --name "${how/:/}" x.yml
	done
	for n in gzip1 gzip9; do gzip -dc <"$n-initrd.img" | cmp - n-initrd.img; done
	for n in zstd1 zstd19; do zstd -dcq <"$n-initrd.img" | cmp - n-initrd.img; done
	[ "$(stat -c %s gzip9-initrd.img)" -lt "$(stat -c %s gzip1-initrd.img)" ]
	[ "$(stat -c %s zstd19-initrd.img)" -lt "$(stat -c %s zstd1-initrd.img)" ]
}

@test "a plain initrd gives a time that cpio cannot hold the nearest, and says so" {
	image_yml test/plainkernel:1 none | sed 's|test/init:1|test/init:1, test/times:1|' >x.yml
	[[ $(build --initrd plain --compress none x.yml 2>&1) == *'a plain initrd holds times from 1970 to 2106: /late gets the nearest (and there may be more)'* ]]
	mkdir t
	(cd t && cpio -idm --quiet <../x-initrd.img)
	[[ $(stat -c %Y t/early t/late | tr '\n' ' ') == "0 4294967295 " ]]
}

@test "kernel+initrd with an image in it: where kernel and init can mount it" {
	image_yml test/kernel:1 kernel.tar >x.yml
	build x.yml
	mkdir t
	(cd t && cpio -idm --quiet <../x-initrd.img && find . -type f | sort >../list)
	diff list - <<-END
		./early/00-loop.ko
		./early/01-erofs.ko
		./init
		./rootfs.erofs
	END
	[[ $(cat t/early/01-erofs.ko) == 'fs module' && $(cat t/init) == pid1 ]]
	fsck.erofs t/rootfs.erofs
	build --initrd squashfs --name y x.yml
	cpio -idm --quiet rootfs.squashfs <y-initrd.img
	[[ $(unsquashfs -cat rootfs.squashfs etc/f) == hello ]]
	image_yml test/plainkernel:1 none >z.yml
	build z.yml
	gzip -t z-initrd.img
}

@test "the formats squashfs, erofs, iso and tar-kernel-initrd, several in one run" {
	image_yml test/kernel:1 none >x.yml
	printf 'init: [test/links:1]\n' >y.yml
	head -c 1000000 /dev/urandom >big
	"$root_dir/tests/tools/oci-image" l.oci docker.io/test/links:1 4711:a@big 'b=>a' 'c=>a' 'deep/1/2/3/4/5/6/7/8/9/10=ten'
	"$pith" -q cache --cache "$CACHE" import l.oci
	said=$(build --name x --format kernel+squashfs,kernel+erofs,kernel+iso,tar-kernel-initrd --initrd plain y.yml x.yml 2>&1)
	[[ $said != *'drivers built in'* ]]
	[[ $(unsquashfs -cat x-squashfs.img etc/f) == hello && $(cat x-kernel) == KERNEL ]]
	fsck.erofs x-erofs.img
	xorriso -osirrox on -indev x.iso -extract / iso 2>iso.log || { cat iso.log; return 1; }
	[[ $(cat iso/etc/f) == hello && $(readlink iso/sbin) == bin && $(cat iso/deep/1/2/3/4/5/6/7/8/9/10) == ten && ! -e iso/boot/kernel ]]
	[[ $(stat -c %a iso/a) == 4711 && $(stat -c %s x.iso) -lt 2500000 ]]
	cmp iso/c big
	rm -r iso iso.log big l.oci y.yml
	diff <(paths x-initrd.tar) <(printf '%s\n' cmdline initrd.img kernel)
	tar xOf x-initrd.tar initrd.img | zstd -qdc | cpio -t --quiet | grep -qx etc/f
	diff <(ls) <(printf '%s\n' x-cmdline x-erofs.img x-initrd.tar x-kernel x-squashfs.img x.iso x.yml)
	# a kernel with modules has nothing to load them with
	image_yml test/kernel:1 kernel.tar >x.yml
	[[ $(build --name m --format kernel+erofs x.yml 2>&1) == *'kernel+erofs: to boot from this takes a kernel with its drivers built in'* ]]
}

@test "format docker is the tree of format tar with LinuxKit's Dockerfile; it goes to standard output, too" {
	service >x.yml
	build --format docker x.yml
	build --format tar x.yml
	diff <(tar xOf x.docker Dockerfile) <(printf '\nFROM scratch\n\nCOPY . ./\n\nENTRYPOINT ["/bin/rc.init"]\n')
	# the SBOM of the one has the Dockerfile
	listed() { tar --warning=no-unknown-keyword -tvf "$1" | grep -vE ' (Dockerfile|sbom.spdx.json)$'; }
	diff <(listed x.docker) <(listed x.tar)
	build --format docker -o - x.yml | cmp - x.docker
}

@test "the same input gives the same bytes" {
	image_yml test/kernel:1 kernel.tar >x.yml
	build --name a --format kernel+initrd,kernel+squashfs,kernel+erofs,kernel+iso x.yml
	build --name b --format kernel+initrd,kernel+squashfs,kernel+erofs,kernel+iso x.yml
	for f in a-* a.iso; do cmp "$f" "b${f#a}"; done
}

@test "a build that fails leaves the old output, and nothing half-written" {
	service >x.yml
	build --format tar x.yml
	cp x.tar old
	head -c 3000000 /dev/urandom >big
	printf 'files: [{path: a, source: big}]\n' >>x.yml
	mkdir full
	run unshare -m bash -c "mount -t tmpfs -o size=1m none full && cp x.tar full/x.tar &&
		! '$pith' build --cache '$CACHE' --format tar --dir full x.yml && ls -A full && cmp full/x.tar old"
	echo "$output"
	[[ $status -eq 0 && $output == *'No space left on device'* && ${lines[-1]} == x.tar ]]
}

@test "files of a build come together: when one cannot be written the others stay as they were" {
	local image=$root_dir/tests/tools/oci-image
	head -c 3000000 /dev/urandom >kernel
	"$image" k.oci docker.io/test/bigkernel:1 kernel@kernel
	"$pith" -q cache --cache "$CACHE" import k.oci
	mkdir full
	printf 'kernel: {image: test/%s:1, cmdline: %s, tar: none}\ninit: [test/init:1]\n' plainkernel old >x.yml
	run unshare -m bash -ec "mount -t tmpfs -o size=2m none full
		$pith build --cache $CACHE --arch amd64 --dir full --format kernel+initrd,kernel+squashfs x.yml
		mkdir was
		cp full/* was
		printf 'kernel: {image: test/bigkernel:1, tar: none}\ninit: [test/init:1, test/app]\n' >x.yml
		if $pith build --cache $CACHE --arch amd64 --dir full --format kernel+initrd,kernel+squashfs x.yml; then exit 3; fi
		diff -r was full
		ls -A full
		mount -o remount,size=9m full
		$pith build --cache $CACHE --arch amd64 --dir full --format kernel+initrd,kernel+squashfs x.yml
		cmp full/x-kernel kernel
		if cmp -s full/x-initrd.img was/x-initrd.img; then exit 4; fi
		echo command line: \$(stat -c %s full/x-cmdline) bytes"
	echo "$output"
	[[ $status -eq 0 && $output == *'No space left on device'* ]]
	grep -A3 -x 'x-cmdline' <<<"$output" | diff - <(printf '%s\n' x-cmdline x-initrd.img x-kernel x-squashfs.img)
	# a command line of a former build does not stay: one that the YAML does not have is empty, as LinuxKit writes it
	[[ $output == *'command line: 0 bytes' ]]
}

@test "what is said goes into no output, also when descriptors 0, 1 and 2 are closed" {
	local closed
	{
		echo 'kernel: {image: test/kernel:1, cmdline: a, tar: none}'
		service
	} >x.yml
	mkdir good
	build --dir good --name x x.yml
	for closed in '0<&-' '1>&-' '2>&-' '0<&- 1>&-' '0<&- 1>&- 2>&-'; do
		rm -rf bad && mkdir bad
		(eval "exec $closed" && build --dir bad --name x x.yml)
		diff -r good bad
	done
	# a standard output that is closed takes nothing
	(exec >&- && build --format tar --o - x.yml)
}

# Every way to write a file: each is called with the file to write.
write_build() { build --format tar --o "$1" x.yml; }
write_short() { build --format tar -o "$1" x.yml; }
write_dir() { build --format kernel+initrd --dir "${1%/*}" --name x x.yml; }
write_export() { "$pith" cache --cache "$CACHE" export --outfile "$1" test/app:1; }
write_metadata() { "$pith" metadata create "$1" 'some: data'; }

@test "an output that is a device or fifo is written into, a link is followed, only a regular file is replaced" {
	local w
	[ "$(id -u)" -eq 0 ] || skip "this needs mknod"
	{
		echo 'kernel: {image: test/kernel:1, tar: none}'
		service
	} >x.yml
	"$root_dir/tests/tools/oci-image" a.tar docker.io/test/app:1 a=b
	"$pith" -q cache --cache "$CACHE" import a.tar
	for w in write_build write_short write_export write_metadata write_dir; do
		mkdir "$w" && mkdir "$w/out"
		cd "$w" && cp ../x.yml .
		mknod out/null c 1 3
		mknod out/full c 1 7
		mkfifo out/fifo
		ln -s ../target out/link
		ln -s ../missing/none out/dangling
		echo old >target
		"$w" "$PWD/out/regular"
		if [ "$w" = write_dir ]; then # it has names of its own
			mv out/x-kernel regular
			ln -s ../target out/x-kernel
			ln -f out/null out/x-cmdline
			"$w" "$PWD/out/link"
			cmp target regular
			[[ -c out/x-cmdline && -L out/x-kernel ]]
			cd ..
			continue
		fi
		"$w" "$PWD/out/null"
		[ "$(stat -c %t:%T out/null)" = 1:3 ]
		run "$w" "$PWD/out/full"
		[[ $status -eq 1 && $output == *'out/full: No space left on device'* ]]
		[ -c out/full ]
		cat out/fifo >got &
		"$w" "$PWD/out/fifo"
		wait $!
		cmp got out/regular
		[ -p out/fifo ]
		"$w" "$PWD/out/link"
		[[ -L out/link && ! -L target ]]
		cmp target out/regular
		run "$w" "$PWD/out/dangling"
		[ "$status" -eq 1 ]
		mkdir missing
		"$w" "$PWD/out/dangling"
		cmp missing/none out/regular
		"$w" /dev/stdout >got
		cmp got out/regular
		"$w" /dev/stdout | cmp - out/regular
		cd ..
	done
	# nothing is left of what was written beside
	[ "$(find . -name '*.tmp')" = '' ]
}

@test "root follows no stranger's link where everybody can make one" {
	[ "$(id -u)" -eq 0 ] || skip "this needs a second user"
	mkdir -m 1777 everybody
	echo mine >mine
	ln -s ../mine everybody/out
	chown -h 65534 everybody/out
	run -1 "$pith" metadata create everybody/out text
	[[ $output == *'a link of user 65534, in a directory where everybody may make one' ]]
	[ "$(cat mine)" = mine ]
	chown -h 0 everybody/out
	"$pith" metadata create everybody/out text
	[ "$(head -c 4 mine)" != mine ]
}

@test "SIGTERM leaves nothing behind" {
	truncate -s 3G big # takes seconds
	printf 'files: [{path: a, source: big}]\n' >x.yml
	background build.log "$pith" build --cache "$CACHE" --format kernel+initrd --compress gzip --initrd plain x.yml
	within 10 grep -q initrd build.log
	kill -TERM "$background"
	within 10 ended "$background"
	nothing_new() { ! ls -A | grep -vE '^(big|x.yml|build.log|.*\.err)$'; }
	within 10 nothing_new
}

# --- kernels -------------------------------------------------------------------------------------------------------------

# A bzImage around a payload (file $2): boot protocol 2.15, one setup sector.
bzimage() {
	python3 - "$1" "$2" <<-'END'
		import struct, sys
		payload = open(sys.argv[2], "rb").read()
		head = bytearray(2 * 512)
		head[0x1f1], head[0x1fe:0x200], head[0x202:0x206] = 1, b"\x55\xaa", b"HdrS"
		struct.pack_into("<H", head, 0x206, 0x20f)
		struct.pack_into("<II", head, 0x248, 64, len(payload))
		open(sys.argv[1], "wb").write(bytes(head) + bytes(64) + payload + b"tail")
	END
}

# EFI zboot around a payload (file $2) of that method ($3).
zboot() {
	python3 - "$@" <<-'END'
		import struct, sys
		payload = open(sys.argv[2], "rb").read()
		head = b"MZ\0\0zimg" + struct.pack("<II", 256, len(payload)) + bytes(8) + sys.argv[3].encode()
		open(sys.argv[1], "wb").write(head.ljust(256, b"\0") + payload + struct.pack("<I", 100000))
	END
}

decompress() {
	"$root_dir/tests/tools/oci-image" k.oci docker.io/test/k:1 "kernel@$1"
	"$pith" -q cache --cache "$CACHE" import --force k.oci
	printf 'kernel: {image: test/k:1, tar: none}\n' >k.yml
	build --decompress-kernel --format kernel+initrd k.yml
}

# The file kernel, compressed as the kernel's build does.
pack() {
	case $1 in
	gzip) gzip -9c kernel ;;
	zstd) zstd -qc --ultra -22 kernel ;;
	xz) xz -c --check=crc32 --x86 --lzma2=dict=32MiB kernel ;;
	lzma) xz -c --format=lzma -9 kernel ;;
	bzip2) bzip2 -9c kernel ;;
	lz4) lz4 -l -9 -q -c kernel ;;
	lzo) lzop -9 -c kernel ;;
	esac
}

@test "--decompress-kernel: every method, in a bzImage, in EFI zboot and as a compressed Image of arm64" {
	local method
	mkdir temporary
	export TMPDIR=$PWD/temporary
	{ head -c 50000 /dev/urandom; head -c 49992 /dev/zero; printf 'the end\n'; } >kernel
	for method in gzip zstd xz lzma bzip2 lz4 lzo; do
		echo "# $method"
		pack "$method" >packed
		rm -f k-kernel
		decompress packed
		cmp k-kernel kernel
		zboot z packed "$method"
		rm -f k-kernel
		decompress z
		cmp k-kernel kernel
		[[ $method == gzip ]] || printf '\xa0\x86\1\0' >>packed
		bzimage bz packed
		rm -f k-kernel
		decompress bz
		cmp k-kernel kernel
	done
	[[ -z $(ls -A temporary) ]]
}

@test "--decompress-kernel says what it cannot do" {
	head -c 1000 /dev/zero >kernel
	run decompress kernel
	[[ $status -eq 1 && $output == *'the kernel is not compressed, or in no known format'* ]]
	pack gzip >kernel.gz
	bzimage bz kernel.gz
	truncate -s 1090 bz
	run decompress bz
	[[ $status -eq 1 && $output == *'goes beyond the end of the file'* && ! -e k-kernel ]]
	bzimage bz kernel
	run decompress bz
	[[ $status -eq 1 && $output == *'what is compressed in it is in no known format'* ]]
	head -c 100000 /dev/urandom >kernel
	pack xz | head -c 60000 >cut
	run decompress cut
	[[ $status -eq 1 && $output == *'cannot decompress the kernel: xz failed (exit status 1): '*'nexpected end of input'* && ! -e k-kernel ]] ||
		{ echo "$output"; return 1; }
	pack lzo >packed
	decompress packed
	mkdir bin
	PATH=$PWD/bin run build --decompress-kernel --format kernel+initrd k.yml
	[[ $status -eq 1 && $output == *'lzop is not installed (Debian package lzop)'* ]] || { echo "$output"; return 1; }
}

@test "--decompress-kernel unpacks no more than a kernel can have" {
	local method
	mkdir temporary
	export TMPDIR=$PWD/temporary
	truncate -s 513M kernel
	for method in 'zstd -qc' 'lz4 -l -q -c'; do
		$method kernel >packed
		run decompress packed
		[[ $status -eq 1 && $output == *'cannot decompress the kernel: it unpacks to more than 512 MiB'* && ! -e k-kernel ]] ||
			{ echo "$output"; return 1; }
		[[ -z $(ls -A temporary) ]]
	done
}

@test "a kernel image without what the YAML names is an error of that line" {
	printf 'kernel:\n  image: test/kernel:1\n  binary: vmlinuz\n' >x.yml
	refused 1 x.yml
	[[ $stderr == *'x.yml:3:11: error: kernel: the image test/kernel:1 has no kernel "vmlinuz"'* ]]
	printf 'kernel:\n  image: test/plainkernel:1\n' >x.yml
	refused 1 x.yml
	[[ $stderr == *'has no archive "kernel.tar"'*'write `tar: none`'* && ! -e x-kernel ]]
	# names are those of the image to the letter
	printf 'kernel:\n  image: test/kernel:1\n  binary: ./kernel\n' >x.yml
	refused 1 x.yml
	[[ $stderr == *'has no kernel "./kernel"'* ]]
}

@test "one file of a kernel image is one thing only" {
	printf 'kernel: {image: "test/kernel:1", binary: kernel.tar}\n' >x.yml
	refused 1 --format tar x.yml
	[[ $stderr == *'has no archive besides the kernel "kernel.tar"'*'write `tar: none`'* ]]
	printf 'kernel: {image: "test/kernel:1", ucode: kernel}\n' >x.yml
	build --format tar x.yml
	[[ $(paths x.tar) != *ucode* ]]
	printf 'kernel: {image: "test/kernel:1", ucode: kernel.tar, tar: none}\n' >x.yml
	build --format tar x.yml
	tar xOf x.tar boot/ucode.cpio | tar t | grep -x 'lib/modules/6.0/kernel/loop.ko'
}

# What LinuxKit makes of paths that say more than they need to.
@test "paths of files: a slash at the end, a dot in front" {
	local row want
	while IFS='|' read -r row want; do
		printf 'files:\n%b\n' "$row" >x.yml
		build --format tar --no-sbom x.yml
		[[ $(tar tvf x.tar | awk '{print $1, $NF}' | paste -sd' ') == "$want" ]] || { echo "$row:"; tar tvf x.tar; return 1; }
	done <<-'END'
		- {path: a/, contents: "", mode: "0750"}|drwxr-x--- a/
		- {path: a, directory: true, mode: "0711"}\n- {path: a/b, contents: x}|drwx--x--x a/ -rw------- a/b
		- {path: a/, directory: true, mode: "0711"}\n- {path: a/b, contents: x}|drwx--x--x a/ -rw------- a/b
		- {path: ./a, directory: true, mode: "0711"}\n- {path: a/b, contents: x}|drwx------ a/ -rw------- a/b
	END
	printf 'files: [{path: a/, contents: x}]\n' >x.yml
	refused 1 --format tar x.yml
	[[ $stderr == *'x.yml:1:16: error: files[0] "a/": the path of a file ends with "/"'*'directory: true'* ]]
}

@test "files from a pipe or a device; a directory is no source" {
	printf 'files: [{path: a, source: /dev/null}, {path: b, source: /dev/fd/9}]\n' >x.yml
	printf 'from a pipe' | { build --format tar x.yml 9<&0; }
	[[ -z $(tar xOf x.tar a) && $(tar xOf x.tar b) == 'from a pipe' ]]
	printf 'files: [{path: a, source: .}]\n' >x.yml
	refused 1 --format tar x.yml
	[[ $stderr == *'x.yml:1:27: error: files[0] "a": the source is a directory'* ]]
}

@test "a mode that no archive can say is refused" {
	printf 'files: [{path: a, contents: x, mode: "7777777"}]\n' >x.yml
	build --format tar x.yml
	printf 'files: [{path: a, contents: x, mode: "10000000"}]\n' >x.yml
	refused 1 --format tar x.yml
	[[ $stderr == *'the mode is not octal, or too large'* ]]
}

# --- size -----------------------------------------------------------------------------------------------------------------

# The mkfs programs have bounds of their own (bench/build shows them): this is about pith itself.
@test "memory does not depend on the size of images, in any format" {
	local how
	# what repeats itself is compressed quickly, and read as any other
	head -c 8192 /dev/urandom >part
	yes part | head -n 8545 | xargs cat >big
	"$root_dir/tests/tools/oci-image" b.oci docker.io/test/big:1 0755:init=pid1 big@big
	"$pith" -q cache --cache "$CACHE" import b.oci
	rm big b.oci
	printf 'init: [test/big:1]\n' >x.yml
	while read -r how; do
		# shellcheck disable=SC2086
		python3 - "$pith" build --cache "$CACHE" --dir out $how x.yml <<-'END'
			import subprocess, sys, time
			child, peak = subprocess.Popen(sys.argv[1:]), 0
			while child.poll() is None:
			    with open("/proc/%d/status" % child.pid) as f:
			        peak = max([peak] + [int(line.split()[1]) for line in f if line.startswith("VmHWM")])
			    time.sleep(0.01)
			print(" ".join(sys.argv[6:-1]), "peak", peak, "KiB")
			assert child.returncode == 0 and 1024 < peak < 64 * 1024
		END
		[[ $how != *tar* || $(du -sk out | cut -f1) -gt 66000 ]]
		rm -r out
	done <<-'END'
		--format tar
		--initrd plain --compress zstd
		--initrd plain --compress gzip
		--initrd plain --compress none --format tar-kernel-initrd
		--format kernel+squashfs
		--initrd erofs
		--format kernel+iso
	END
}
