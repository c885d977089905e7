#!/usr/bin/env bats
# A storm in a whole machine: containerd, shims, supervisor, agent and runtime are killed at random for a while, services
# restarted, the storm's own container among them (tests/tools/storm.sh). At the end every service runs once, everything answers,
# and mounts, control groups, processes, descriptors and files are as many as before.
#
#   STORM_SECONDS=300 STORM_SEED=42 bats tests/boot/storm.bats
#   STORM_IDLE=3, containerd is stopped when nobody has used it for so many seconds: by hand, too
#   STORM_ENGINE=shim, without containerd: by hand, for the time that it takes

load ../lib/common

setup() { test_begin; }
teardown() { test_end; }

image() {
	local busybox="image: \"@pkg:$root_dir/pkg/busybox\"" more="- \"@pkg:$root_dir/pkg/containerd\""
	[ "$engine" = containerd ] || more=""
	cat <<-EOF2
		kernel:
		  image: "@pkg:$root_dir/pkg/kernel"
		  cmdline: "console=ttyS0 quiet pith.storm.seed=$1 pith.storm.seconds=$2${STORM_IDLE:+ pith.containerd.idle=$STORM_IDLE}"
		init:
		  - "@pkg:$root_dir/pkg/init"
		  - "@pkg:$root_dir/pkg/runc"
		  $more
		services:
		  - name: one
		    $busybox
		    command: [/bin/sh, -c, "trap 'exit 0' TERM; while :; do echo still here; sleep 2 & wait; done"]
		  - name: two
		    $busybox
		    command: [/bin/sh, -c, "echo open; trap 'exit 0' TERM; sleep 100000 & wait"]
		    annotations: {org.pith.after: one, org.pith.ready: "log:open"}
		  - name: three
		    $busybox
		    command: [/bin/sleep, "100000"]
		  - name: storm
		    $busybox
		    command: [/bin/sh, /run/storm.sh]
		    devices: [{path: /dev/console, type: c, major: 5, minor: 1, mode: "0666"}]
		    binds: ["/:/host:rbind,ro", "/run:/run", "/etc/storm:/run/storm.sh"]
		    pid: host
		    capabilities: [all]
		    annotations: {org.pith.restart: always, org.pith.stop-timeout: 1s}
		files:
		  - path: etc/storm
		    source: $root_dir/tests/tools/storm.sh
	EOF2
}

@test "a storm of kills leaves every service running once and nothing behind" {
	local seconds=${STORM_SECONDS:-60} seed=${STORM_SEED:-$RANDOM} engine=${STORM_ENGINE:-containerd}
	echo "# STORM_SECONDS=$seconds STORM_SEED=$seed STORM_ENGINE=$engine" >&3
	image "$seed" "$seconds" | build_image storm
	vm_start storm --mem 768 "$T/storm"
	vm_expect 240 '^storm: seed'
	vm_expect $((seconds + 600)) '^storm: over'
	timeout 60 "$pith" ps storm >ps
	console | grep '^storm: ' >c
	grep -vE '^storm: [0-9]+ s:' c | sed 's/^/# /' >&3
	grep -q '^storm: all services run' c
	grep -q '^storm: one supervisor' c
	if [ "$engine" = containerd ]; then
		grep -q '^storm: one containerd' c
		grep -q '^storm: ctr answers' c
		grep -q '^storm: tasks: one storm three two' c
	fi
	grep -q '^storm: restart answers' c
	grep -q '^storm: all is as before' c
	[ "$(awk '$2 == "running"' ps | wc -l)" = 4 ]
	kill -TERM "$vm_pid"
	vm_wait 120
	[ "$status" -eq 0 ]
}
