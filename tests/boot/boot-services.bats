#!/usr/bin/env bats
# Services in whole machines (cgroup version 2, our kernel, init and shim), with both engines: the same image once with
# containerd in it and once without.

load ../lib/common

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
		    annotations: {org.pith.stop-timeout: 5s}
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
		  - name: victim
		    $busybox
		    command: [/bin/sh, -c, "trap 'exit 0' TERM; sleep 10000 & wait"]
		  - name: leaver
		    $busybox
		    command: [/bin/sh, -c, "while [ ! -e /run/leave ]; do sleep 0.2; done; exit 3"]
		    binds: ["/run:/run"]
		    annotations: {org.pith.restart: "no"}
		  - name: chaos
		    $busybox
		    command: [/bin/sh, /run/chaos]
		    devices: [{path: /dev/console, type: c, major: 5, minor: 1, mode: "0666"}]
		    binds: ["/:/host:rbind,ro", "/run:/run", "/etc/chaos:/run/chaos"]
		    pid: host
		    capabilities: [all]
		    annotations: {org.pith.restart: "no"}
		files:
		  - path: etc/chaos
		    source: $T/chaos
	EOF
}

# Kills containerd with a service, then the supervisor, and tells the console what has become of them.
chaos() {
	cat >"$T/chaos" <<-'EOF'
		exec >/dev/console 2>&1
		list() { /host/usr/bin/service list 2>/dev/null; }
		field() { list | awk -v n="$1" -v c="$2" '$1 == n { print $c }'; }
		await() { until [ "$(field "$1" 2)" = "$2" ]; do sleep 0.2; done; }
		supervisor() { for p in $(pidof service); do grep -q supervise "/proc/$p/cmdline" && echo "$p"; done; }
		ctr() { chroot /host /usr/bin/ctr -n services.linuxkit "$@" 2>/dev/null; }
		for s in victim leaver a-last; do await $s running; done
		await hungry failed; await late failed
		a=$(field a-last 3) v=$(field victim 3)
		if [ -x /host/usr/bin/containerd ]; then
			[ -z "$(pidof containerd)" ] && echo "chaos: nobody has asked for containerd"
			until ctr version >/dev/null; do sleep 0.1; done
			c=$(pidof containerd)
			kill -9 $c $v
			from=$(cut -d. -f1 /proc/uptime)
			until ctr version >/dev/null; do sleep 0.1; done
			echo "chaos: containerd is back, after $(($(cut -d. -f1 /proc/uptime) - from)) s"
			until [ "$(field victim 4)" = 1 ] && [ "$(field victim 2)" = running ]; do sleep 0.2; done
			ctr tasks ls | awk -v a="$a" '$1 == "a-last" && $2 == a || $1 == "victim" { print "chaos: task", $1, $3 }'
		fi
		until n=$(field crash 4); [ "${n:-0}" -ge 3 ]; do sleep 0.2; done
		old=$(supervisor)
		kill -9 "$old" || exit 1
		touch /run/leave
		await leaver failed
		echo "chaos: leaver ended with $(field leaver 6)"
		[ "$(field a-last 3)" = "$a" ] && echo "chaos: a-last stays"
		[ "$(field crash 4)" -ge "$n" ] && echo "chaos: crash is counted on"
		[ "$(supervisor)" != "$old" ] && echo "chaos: another supervisor"
		echo "chaos: supervisor $(awk '/^VmRSS/ { print $2 }' "/proc/$(supervisor)/status") KiB"
		echo "chaos: over"
	EOF
}

behaves() {
	vm_start "$1" --mem 768 --stop-timeout $((60 * ${PITH_TEST_SLOWNESS:-1})) "$T/$1"
	vm_expect 150 '^a-last +running +[0-9]+ +0 '
	vm_expect 60 '^late +failed'
	vm_expect 60 '^crash +(backoff|starting) +- +([3-9]|[1-9][0-9])'
	vm_expect 30 '^hungry +failed +- +0 +- +137 +\(oom\)'
	vm_expect 10 '^deaf +running'
	# the kernel may choose what containers run, though it is started by programs that it must not choose
	for process in 1 self; do
		[ "$("$pith" exec -n "$T/$1-state" deaf cat /proc/$process/oom_score_adj)" = 0 ]
	done
	vm_expect 90 '^chaos: over'
	kill -TERM "$vm_pid"
	vm_wait 90
	[ "$status" -eq 0 ]
	console >c
	grep -qE 'crash: exit status 3; starting it again in 0.1 s' c
	grep -qE 'crash\| my last words' c
	grep -qE 'late: not ready within 2.0 s' c
	grep -qE 'hungry: out of memory: a process was killed \(limit 8.0 MiB\)' c
	grep -qE 'hungry: killed by signal 9 \(exit status 137, out of memory\)' c
	grep -qE 'deaf: does not end, killing it' c
	grep -qE 'waiting for deaf to end: it is killed 5.0 s after its stop signal' c
	# the button is pressed each second
	[ "$(grep -c 'shutting down already' c)" -le 1 ]
	[ "$(grep -c 'power button pressed' c)" -eq 1 ]
	grep -q '^a-last.out.log' c
	grep -q '^chaos: leaver ended with 3' c
	grep -q '^chaos: another supervisor' c
	grep -q '^chaos: a-last stays' c
	grep -q '^chaos: crash is counted on' c
	sed -n 's/^chaos: supervisor \([0-9]*\) KiB.*/\1/p' c >kib
	echo "# supervisor: $(cat kib) KiB resident; $(grep -o 'containerd is back.*' c || true)" >&3
	[ "$(cat kib)" -gt 0 ]
	[ "$(cat kib)" -lt 1024 ]
}

@test "services through containerd: a chain, a crash loop, one that ignores TERM, one that is never ready, one that eats memory, containerd and supervisor killed" {
	chaos
	image ctrd runc containerd
	behaves ctrd
	grep -q '^chaos: containerd is back' c
	grep -q '^chaos: task a-last RUNNING' c
	grep -q '^chaos: task victim RUNNING' c
}

@test "the same without containerd, on crun" {
	chaos
	image direct crun
	behaves direct
}
