#!/usr/bin/env bats
# The command line that LinuxKit's users and scripts know, as far as it is the same for several commands.

load ../lib/common
load ../lib/images

setup() {
	test_begin
	export PITH_CACHE=$T/cache
	mkdir p
	printf 'image: x\nfiles:\n  - {path: x, contents: x}\n' >p/build.yml
}
teardown() { test_end; }

# misuse WANT ARGUMENT...: one line on standard error that says it, status 2
misuse() {
	local want=$1
	shift
	run --separate-stderr "$pith" "$@"
	echo "$stderr"
	[ "$status" -eq 2 ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *"$want"* ]]
}

@test "options of pkg are taken before its command and behind it" {
	for line in '--org example show-tag p' 'show-tag --org example p' 'show-tag p --org=example' '-org example show-tag p' \
		'-q --org example -v 1 show-tag p' '--force=false --org example show-tag --canonical=false p'; do
		# shellcheck disable=SC2086
		[[ $("$pith" pkg $line) == example/x:* ]]
	done
	[[ $("$pith" pkg --canonical --org example show-tag p) == docker.io/example/x:* ]]
	run --separate-stderr "$pith" pkg --org example build p
	[ "$status" -eq 0 ]
	[[ $stderr == *'building example/x:'* ]]
	misuse 'unknown command "shw-tag": did you mean "show-tag"?' pkg --org example shw-tag p
	misuse 'unknown command "example": build, push, show-tag, manifest or remote-tag?' pkg example show-tag p
	misuse 'build, push, show-tag, manifest or remote-tag?' pkg
	misuse 'unknown option --ogr: did you mean --org?' pkg --ogr x show-tag p
	misuse '--force maybe: it is one of false, true' pkg build --force=maybe p
}

@test "global options stand before every command and behind it" {
	"$pith" pkg build -q p
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout key -out cert 2>/dev/null
	for line in '--mirror docker.io=http://m.example cache ls' '--cert-file CERT cache ls' 'cache -v 2 ls' 'cache --verbose=0 ls' \
		'-q cache ls' 'cache ls -q' 'pkg show-tag -q p' '-mirror=http://m.example pkg show-tag p' '--cache other cache ls' \
		'--quiet=false cache ls'; do
		# shellcheck disable=SC2086
		run --separate-stderr "$pith" ${line/CERT/cert}
		echo "$line: $stderr"
		[ "$status" -eq 0 ]
	done
	[ -d other ]
	misuse 'unknown option --mirrow: did you mean --mirror?' --mirrow x cache ls
	misuse '--mirror m.example: write [REGISTRY=]URL' --mirror m.example cache ls
	misuse '--cert-file: missing: No such file' build --cert-file missing y.yml
	misuse '--cert-file p/build.yml: there is no certificate in it' --cert-file p/build.yml cache ls
	misuse 'option --cache needs a value' --cache
	misuse 'unknown command "bild": did you mean "build"?' bild
}

@test "an image is pulled from its registry's mirror" {
	start_registry
	printf 'image: x\norg: library\nfiles:\n  - {path: x, contents: x}\n' >p/build.yml
	"$pith" -q pkg push --org "$registry/library" --hash 1 p
	digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$registry/library/x:1")
	"$pith" -q cache clean
	for how in "--mirror docker.io=http://$registry cache pull" "--mirror http://$registry cache pull" \
		"cache pull --mirror https://none.invalid --mirror docker.io=http://$registry/"; do
		# shellcheck disable=SC2086
		"$pith" $how x:1
		"$pith" cache ls | grep -q "^docker.io/library/x:1  *$digest"
		"$pith" -q cache clean
	done
	LINUXKIT_MIRROR="http://none.invalid docker.io=http://$registry" "$pith" cache pull x:1
	run "$pith" --mirror "other.example=http://$registry" --mirror http://127.0.0.1:1 cache pull x:2
	[ "$status" -eq 1 ]
	[[ $output == *"127.0.0.1:1"* ]]
	LINUXKIT_MIRROR=ftp://x run "$pith" cache pull x:2
	[ "$status" -eq 1 ]
	[[ $output == *'LINUXKIT_MIRROR: "ftp://x" must begin with http:// or https://'* ]]
}

@test "an image of a registry gets one more name" {
	start_registry
	"$pith" -q pkg push --org "$registry/me" --hash 1 p
	run "$pith" pkg remote-tag "$registry/me/x:1" "$registry/me/x:v2"
	[ "$status" -eq 0 ]
	digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$registry/me/x:1")
	[ "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$registry/me/x:v2")" = "$digest" ]
	run "$pith" pkg remote-tag "$registry/me/x:1" "$registry/me/x:v2"
	[[ $output == *"$registry/me/x:v2 is $registry/me/x:1 already" ]]
	"$pith" -q pkg remote-tag "$registry/me/x:1" "$registry/you/y:1"
	skopeo inspect --tls-verify=false "docker://$registry/you/y:1" >/dev/null
	run "$pith" pkg remote-tag "$registry/me/x:none" "$registry/me/x:v3"
	[ "$status" -eq 1 ]
	misuse 'remote-tag takes two names' pkg remote-tag a
}

@test "version, help and completion" {
	[[ $("$pith" version --short) =~ ^[0-9]+\.[0-9]+[^\ ]*$ ]]
	[[ $("$pith" version --commit) =~ ^([0-9a-f]{40}|unknown)$ ]]
	[ "$("$pith" version)" = "pith version $("$pith" version -short)
commit: $("$pith" version --commit)" ]
	[ "$("$pith" --version)" = "$("$pith" version)" ]
	ln -s "$pith" linuxkit
	[[ $(./linuxkit version) == "linuxkit version "* ]]
	misuse 'unknown option --shrt: did you mean --short?' version --shrt
	for command in build run pkg cache stop version completion; do
		[ "$("$pith" help "$command")" = "$("$pith" "$command" --help)" ]
	done
	for command in build run pkg cache exec logs ps stop vsock metadata; do
		[ "$("$pith" "$command" help)" = "$("$pith" "$command" --help)" ]
	done
	[ "$("$pith" help)" = "$("$pith" --help)" ]
	misuse 'unknown command "rnu"' help rnu
	misuse 'takes options only' version 1
	misuse 'bash, zsh or fish' completion
	misuse 'bash, zsh or fish' completion tcsh
	for shell in bash zsh fish; do
		[[ $("$pith" completion "$shell") == *accel* ]]
	done
}

@test "a standard output that is full is an error, whatever is printed" {
	for line in version --version help 'help run' --help 'run --help' 'completion bash' 'pkg show-tag p' 'build --schema' \
		'cache ls --help'; do
		# shellcheck disable=SC2086
		! "$pith" $line >/dev/full 2>err || false
		[ "$(wc -l <err)" -eq 1 ]
	done
}

@test "options of run are those of LinuxKit; what is wrong is named whole" {
	no_image() {
		run --separate-stderr "$pith" run "$@"
		echo "$stderr"
		[ "$status" -eq 1 ]
		[[ $stderr == *'no machine image x'* ]]
	}
	no_image -q x
	no_image -v 2 x
	no_image --verbose 2 x
	no_image --uefi=false x
	no_image --detached=false --kernel=0 --iso=F x
	no_image qemu --uefi=false x
	no_image --mirror http://m.example qemu x
	[ ! -e x-state ]
	misuse '--hyperkit is for `pith run hyperkit`' run -hyperkit /h x
	misuse 'unknown option --detatched: did you mean --detached?' run --detatched x
	misuse 'unknown option -m: ' run -m 5 x
	misuse 'one image at a time: "b" is one too many' run qemu a b
	misuse 'which image?' run
	misuse '--uefi perhaps: it is one of false, true' run --uefi=perhaps x
	no_image hyperkit -hyperkit /h -vpnkit /v -ip 192.168.65.10 -console-file x
	[[ $stderr == *'--hyperkit has no effect: the machine runs in QEMU'* ]]
	no_image virtualization -networking vmnet -publish 2222:22/tcp x
	no_image virtualization.framework -vsock-ports 2374 -ip 1.2.3.4 x
	misuse '--ip 192.168.65.1: a guest has .3 to .254 of its network' run --ip 192.168.65.1 x
	for backend in vbox hyperv; do
		run --separate-stderr "$pith" run "$backend" -ip 1.2.3.4 --own x
		[ "$status" -eq 1 ]
		[[ $stderr == "pith: error: back-end \"$backend\" is not there: qemu is the only one" ]]
	done
}

@test "every wrong word gets one line, what was meant, and status 2" {
	misuse 'unknown option --follwo: did you mean --follow?' logs --follwo m s
	misuse 'unknown option --worldir: did you mean --workdir?' exec --worldir / m s c
	misuse 'unknown option --stat: did you mean --state?' vsock --stat x
	misuse 'unknown option --versoin: did you mean --version?' --versoin
	misuse 'unknown option --cahce: did you mean --cache?' ps --cahce x m
	misuse 'unknown option --quite: did you mean --quiet?' completion --quite bash
	misuse 'unknown command "crate": did you mean "create"?' metadata crate x y
	misuse 'in which machine? pith exec STATE SERVICE COMMAND' exec
	misuse 'in which service, and which command?' exec mine
	misuse 'either the service or the command is missing beside "echo"' exec mine echo
	misuse 'which command is to run in the machine?' exec -g mine
	misuse 'option -u needs a value' exec -u
	misuse 'which machine? pith logs' logs
	misuse 'which service? pith start STATE SERVICE' start mine
	misuse '"b" is one too many: pith top' top a b
	misuse '"x": `pith vsock` takes options only' vsock x
	misuse '--state, and either --socket or --fd, must be given' vsock --state x
	misuse 'rm what?' cache rm
	misuse 'ls takes no names' cache ls x
	misuse '--name goes with one file' cache import --name x a b
	misuse 'where to? --outfile FILE' cache export x
	misuse '--format zip: it is one of oci, docker, filesystem' cache export --format zip --outfile x a
	misuse 'create takes a file and a text' metadata create x
}

@test "commands that Docker or LinuxKit has elsewhere are pointed at" {
	misuse 'there is no command "images": `pith cache ls` lists the images' images
	misuse 'there is no command "kill": `pith stop --now STATE`' kill mine
	misuse 'there is no command "serve": any web server' serve
	misuse 'there is no command "builder": packages are built without Docker' pkg builder du
	misuse 'there is no command "serve": `pith pkg push`' pkg serve
}

@test "letters stand together and values behind them where Docker's do; options stand behind words" {
	run --separate-stderr "$pith" exec -tie A=B -w/ -uroot mine web sh -c 'echo -x'
	[ "$status" -eq 1 ] # what follows the service is the command's own
	[[ $stderr == *"no machine 'mine'"* ]]
	run --separate-stderr "$pith" logs mine web -fn5 -q
	[ "$status" -eq 1 ]
	[[ $stderr == *"no machine 'mine'"* ]]
	run --separate-stderr "$pith" stop mine --now
	[ "$status" -eq 1 ]
	run --separate-stderr "$pith" run -d x
	[ "$status" -eq 1 ]
	[[ $stderr == *'no machine image x'* ]]
}

@test "programs of the guest: misuse is usage on standard error and status 2; no fifo among settings holds a boot up" {
	local program argument
	for program in acpid binfmt pith-agent rngd sysctl sysfs vpnkit-forwarder vsudd; do
		for argument in --nosuch -nosuch x; do
			run --separate-stderr timeout 10 "$root_dir/build/guest/$program" "$argument"
			echo "$program $argument: $status $stderr"
			[ "$status" -eq 2 ]
			[ -z "$output" ]
			[ -n "$stderr" ]
		done
	done
	mkdir settings sys
	mkfifo settings/10.conf
	run timeout 10 "$root_dir/build/guest/sysctl" -configDir settings -sysctlDir sys
	[[ $status -eq 1 && $output == *"10.conf: this is no file"* ]]
}
