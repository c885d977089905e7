#!/usr/bin/env bats
# How the tree's scripts have apt fetch: without root's rights, nothing older than the newest, and checked.

load ../lib/common

setup() {
	test_begin
	export XDG_CACHE_HOME=$T/xdg
	mkdir bin
	PATH=$T/bin:$PATH
}
teardown() { test_end; }

# program NAME: a script before the real one
program() { cat >"bin/$1" && chmod +x "bin/$1"; }

# An apt of versions 2 and 1, whose mirrors have only $1. It writes down what it is asked, and whether apt's user may
# write where it is.
apt_with() {
	program apt-cache <<-'EOF'
		#!/bin/bash
		case $1 in
		madison) printf ' linux-source-6.12 | %s | http://mirror.invalid\n' 6.12.2 6.12.1 ;;
		pkgnames) printf 'linux-image-6.12.%s+deb12-amd64\n' 1 2 ;;
		show) echo "SHA256: $(sha256sum <<<content | cut -d' ' -f1)" ;;
		esac
	EOF
	program apt-get <<-EOF
		#!/bin/bash
		echo "\$*" >>"$T/asked"
		setpriv --reuid=_apt --regid=nogroup --clear-groups touch ./x 2>/dev/null && rm x && echo may-write >>"$T/asked"
		[[ \$* != *12.$1* ]] && echo "404 Not Found" && exit 100
		${2:-echo content >a_1.deb}
	EOF
}

@test "a mirror that withholds the newest kernel does not bring in an older one, unless that is allowed" {
	apt_with 1
	for script in build debian; do
		rm -f asked
		run "$root_dir/kernel/$script" out
		echo "$output"
		[ "$status" -eq 1 ]
		[[ $output == *"404 Not Found"* && ${lines[-1]} == *"6.12.2"*"cannot be had: "*"ALLOW_OLDER=1" ]]
		grep -q '6\.12\.2' asked
		if grep -q '6\.12\.1' asked; then false; fi
		# the older one is fetched, and is no package
		ALLOW_OLDER=1 run "$root_dir/kernel/$script" out
		grep -q '6\.12\.1' asked
		[ "$(grep -c may-write asked)" -eq 3 ]
		if grep -q Sandbox asked; then false; fi
	done
	[ ! -e out ]
}

@test "what apt's user put in place of a package is not taken" {
	. "$root_dir/mk/apt"
	mkdir to
	export TMPDIR=$T/tmp
	mkdir tmp
	apt_with 1
	apt_download a=6.12.1 to
	[ "$(cat to/a_1.deb)" = content ]
	rm to/*
	apt_with 1 'echo other >a_1.deb'
	run apt_download a=6.12.1 to
	[ "$status" -eq 1 ]
	[[ $output == *"the file is not the one of apt's lists" ]]
	apt_with 1 "echo content >$T/elsewhere; ln -s $T/elsewhere a_1.deb"
	run apt_download a=6.12.1 to
	[ "$status" -eq 1 ]
	[ -z "$(find to tmp -mindepth 1)" ]
}

@test "the libraries' sources come without root's rights, too" {
	program apt-get <<-EOF
		#!/bin/bash
		echo "\$*" >>"$T/asked"
		[[ \$* == *" update" ]] && exit
		setpriv --reuid=_apt --regid=nogroup --clear-groups touch ./x && rm x && echo may-write >>"$T/asked"
		echo "404 Not Found" && exit 100
	EOF
	run "$root_dir/mk/deps" out
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"404 Not Found"* && ${lines[-1]} == *"protobuf-c cannot be had: "*"ALLOW_OLDER=1" ]]
	grep -q 'source --download-only protobuf-c=' asked
	grep -q may-write asked
	if grep -qE 'Sandbox|tar-only' asked; then false; fi
	ALLOW_OLDER=1 run "$root_dir/mk/deps" out
	[ "$status" -eq 1 ]
	grep -q -- --tar-only asked
}
