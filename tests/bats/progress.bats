#!/usr/bin/env bats
# What long steps show: a line that moves on a terminal, plain lines anywhere else.

load ../lib/common

setup() {
	test_begin
	head -c 3000000 /dev/urandom >big
	"$root_dir/tests/tools/oci-image" image.tar test/big:1 --compress none bin/big@big
}
teardown() { test_end; }

# on_terminal COLUMNS COMMAND: in the background, with a terminal of that width; what it shows is in $T/shown.
on_terminal() {
	background script.out script -qefc "stty cols $1; $2" shown
}

@test "on a terminal: one line that moves while bytes come, as wide as the terminal, gone at the end" {
	mkfifo in
	on_terminal 40 "'$pith' cache --cache '$T/cache' import - <in"
	exec {in}>in
	# a reader that is ahead of us: little by little, until the line is there
	exec {from}<image.tar
	for _ in $(seq 250); do
		head -c 8192 <&"$from" >&"$in"
		grep -q 'importing -' shown && break
		sleep 0.02
	done
	cat <&"$from" >&"$in"
	exec {in}>&- {from}<&-
	within 20 ended "$background"
	grep -q 'imported docker.io/test/big:1' shown
	python3 - <<-'END'
		import re
		text = open("shown", "rb").read().decode()
		body = text.split("\n", 1)[1]  # the first line is script's own
		painted = re.findall(r"\r(importing [^\r\x1b\n]*)", body)
		assert painted, text
		assert all(len(p) < 40 for p in painted), painted
		assert re.search(r"[0-9] [kM]B$", painted[-1]), painted
		# what stays, line by line: the message alone
		left = [re.sub(r".*\r\x1b\[K", "", l.rstrip("\r")) for l in body.split("\n")]
		assert [l for l in left if "importing" in l] == [], left
	END
}

@test "a file's import says how much of it is done; a dumb terminal and a pipe get no moving line" {
	on_terminal 80 "TERM=dumb '$pith' cache --cache '$T/cache' import image.tar"
	within 20 ended "$background"
	if grep -q $'\r\033' shown; then return 1; fi
	grep -q 'imported docker.io/test/big:1' shown
	run "$pith" cache --cache "$T/cache" import image.tar
	[ "$output" = "pith: imported docker.io/test/big:1" ]
	run "$pith" --quiet cache --cache "$T/cache" export --outfile out.tar test/big:1
	[ -z "$output" ]
}

@test "a build and a package say their steps in plain lines in a pipe" {
	mkdir pkg
	printf 'image: x\nextra-sources: ["../big:/big"]\nfiles:\n  - {path: big, source: ../big}\n' >pkg/build.yml
	run "$pith" pkg build --cache "$T/cache" pkg
	[ "$status" -eq 0 ]
	[[ $output == "pith: building pith/x:"* ]]
	[ "${#lines[@]}" -eq 1 ]
	echo 'init: [pith/x]' >x.yml
	run env PITH_CACHE="$T/cache" "$pith" build --format tar x.yml
	[ "$status" -eq 0 ]
	[ "$output" = 'pith:   x.tar' ]
}

# The line of the kernel's build is the script's own.
@test "the kernel's build: a line that moves on a terminal, one for each tenth in a pipe" {
	sed -n '/^progress() {/,/^}/p' "$root_dir/kernel/build" >progress.bash
	printf '%s\n' 'objects=100' '. ./progress.bash' 'seq 100 | progress' >run.bash
	run bash run.bash
	[ "${#lines[@]}" -eq 9 ]
	[ "${lines[0]}" = 'kernel: compiling, about 10%' ]
	on_terminal 80 'bash run.bash'
	within 20 ended "$background"
	[ "$(tr '\r' '\n' <shown | grep -c 'compiling, about')" -ge 99 ]
}
