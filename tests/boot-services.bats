#!/usr/bin/env bats
# Services in whole machines (cgroup version 2, our kernel, init and shim), with both engines: the same image once with
# containerd in it and once without.

load lib

setup() { test_begin; }
teardown() { test_end; }

# image NAME RUNTIME [PACKAGE]: services that behave badly, a chain, and one that shows the list on the console
image() {
	local busybox="image: \"@pkg:$root_dir/pkg/busybox\"" more=""
	[ -z "${3:-}" ] || more="- \"@pkg:$root_dir/pkg/$3\""
	cat <<-EOF | build_image "$1"
		kernel:
		  image: "@pkg:$root_dir/pkg/kernel"
		  cmdline: "console=ttyS0 quiet"
		init:
		  - "@pkg:$root_dir/pkg/init"
		  - "@pkg:$root_dir/pkg/$2"
		  $more
		services:
		  - name: a-last
		    $busybox
		    command: [/bin/sh, -c, "echo a-last; trap 'exit 0' TERM; sleep 10000 & wait"]
		    annotations: {org.pith.after: middle}
		  - name: middle
		    $busybox
		    command: [/bin/sh, -c, "sleep 1; echo open now; trap 'exit 0' TERM; sleep 10000 & wait"]
		    annotations: {org.pith.after: z-first, org.pith.ready: "log:open now"}
		  - name: z-first
		    $busybox
		    command: [/bin/sh, -c, "trap 'exit 0' TERM; sleep 10000 & wait"]
		  - name: crash
		    $busybox
		    command: [/bin/sh, -c, "echo my last words >&2; exit 3"]
		  - name: deaf
		    $busybox
		    command: [/bin/sh, -c, "trap '' TERM; while :; do sleep 1000; done"]
		    annotations: {org.pith.stop-timeout: 1s}
		  - name: late
		    $busybox
		    command: [/bin/sh, -c, "trap 'exit 0' TERM; sleep 10000 & wait"]
		    annotations: {org.pith.ready: "tcp:999", org.pith.ready-timeout: 2s, org.pith.restart: "no"}
		  - name: hungry
		    $busybox
		    command: [/bin/sh, -c, "sleep 6; tail /dev/zero"]
		    annotations: {org.pith.restart: "no"}
		    resources: {memory: {limit: 8388608}}
		  - name: show
		    $busybox
		    command: [/bin/sh, -c, "sleep 8; while :; do /host/usr/bin/service list; ls /log; echo --; sleep 2; done >/dev/console"]
		    devices: [{path: /dev/console, type: c, major: 5, minor: 1, mode: "0666"}]
		    binds: ["/:/host:rbind,ro", "/run/pith:/run/pith", "/var/log:/log"]
		    annotations: {org.pith.restart: "always"}
	EOF
}

behaves() {
	vm_start "$1" --mem 768 --stop-timeout 60 "$T/$1"
	vm_expect 150 '^a-last +running +[0-9]+ +0 '
	vm_expect 60 '^late +failed'
	vm_expect 60 '^crash +(backoff|starting) +- +[3-9]'
	vm_expect 30 '^hungry +failed +- +0 +- +137'
	vm_expect 10 '^deaf +running'
	kill -TERM "$vm_pid"
	vm_wait 90
	[ "$status" -eq 0 ]
	console >c
	grep -qE 'crash: exit status 3; starting it again in 0.1 s' c
	grep -qE 'crash\| my last words' c
	grep -qE 'late: not ready within 2.0 s' c
	grep -qE 'deaf: does not end, killing it' c
	grep -q '^a-last.out.log' c
}

@test "services through containerd: a chain, a crash loop, one that ignores TERM, one that is never ready, one that eats memory" {
	image ctrd runc containerd
	behaves ctrd
	grep -qE 'hungry: out of memory: a process was killed' c
}

@test "the same without containerd, on crun" {
	image direct crun
	behaves direct
}
