# shellcheck shell=bash disable=SC2154
# Sourced inside the world of a shim's test (shim.bash).
# T: the test's folder, NS: containerd's namespace, RUNTIME: the OCI runtime.

PATH=$T/bin:$PATH
IMAGE=test/busybox:1
SOCKET=$T/containerd.sock
STATE=$T/state/io.containerd.runtime.v2.task/$NS
export ASAN_OPTIONS=log_path=$T/sanitizer UBSAN_OPTIONS=log_path=$T/sanitizer

. "$HELPERS/within.bash"

# c ARGUMENT...: ctr, where it has to be with the shim under test
c() {
	local options=()
	case "$1" in
	run | container | containers | c)
		if [ "$1" = run ] || [ "${2:-}" = create ]; then
			options=(--runtime "${SHIM_RUNTIME:-io.containerd.pith.v2}")
			[ "$RUNTIME" = runc ] || options+=(--runc-binary "$RUNTIME")
		fi
		;;
	esac
	if [ "${2:-}" = create ]; then
		ctr -a "$SOCKET" -n "$NS" "$1" create "${options[@]}" "${@:3}"
	else
		ctr -a "$SOCKET" -n "$NS" "$1" "${options[@]}" "${@:2}"
	fi
}

containerd_answers() { ctr -a "$SOCKET" --connect-timeout 2s version >/dev/null 2>&1; }

containerd_start() {
	cat >"$T/config.toml" <<-EOF
		version = 2
		root = "$T/root"
		state = "$T/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
		  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
		[grpc]
		address = "$SOCKET"
	EOF
	containerd -c "$T/config.toml" -l "${LOG_LEVEL:-warn}" >>"$T/containerd.log" 2>&1 &
	CONTAINERD=$!
	within 20 containerd_answers || { echo "containerd does not come up"; return 1; }
}

# With the image.
containerd_up() {
	containerd_start || return 1
	"$HELPERS/../tools/oci-image" "$T/image.tar" $IMAGE --compress none --env PATH=/bin --cmd sh bin/ dev/ proc/ sys/ tmp/ run/ etc/ root/ \
		"0755:bin/busybox@$T/rootfs/bin/busybox" \
		$(cd "$T/rootfs/bin" && for n in *; do [ "$n" = busybox ] || echo "bin/$n->busybox"; done) || return 1
	ctr -a "$SOCKET" -n "$NS" images import "$T/image.tar" >/dev/null
}

containerd_kill() {
	kill -9 "$CONTAINERD"
	wait "$CONTAINERD" 2>/dev/null
}

containerd_stop() {
	kill "$CONTAINERD"
	wait "$CONTAINERD" 2>/dev/null
}

# containerd's events, into $T/events
events_start() {
	ctr -a "$SOCKET" -n "$NS" events >"$T/events" &
	EVENTS=$!
	within 20 events_come || echo "no events come"
}
# Something harmless that subscribers are told of, until one has heard it.
events_come() {
	ctr -a "$SOCKET" namespaces label "$NS" "probe=$RANDOM" >/dev/null 2>&1 && grep -q /namespaces/update "$T/events"
}
events_stop() {
	kill -9 "$EVENTS"
	wait "$EVENTS" 2>/dev/null
}

shims() { pgrep -f 'containerd-shim-[a-z]*-v2 .*-id' | tr '\n' ' '; }
shim_of() { pgrep -f "containerd-shim-[a-z]*-v2 .*-id $1( |\$)"; }
status_of() { c task ls | awk -v id="$1" '$1 == id { print $3 }'; }
has_status() { [ "$(status_of "$1")" = "$2" ]; }
running() { has_status "$1" RUNNING; }
stopped() { has_status "$1" STOPPED; }
no_task() { [ -z "$(status_of "$1")" ]; }

# Whatever of containers there is: processes, mounts, control groups, files of the runtime, of the shim, of containerd.
leftovers() {
	local all
	all=$(ps -eo pid=,args=)
	grep -vE "^ *${CONTAINERD:-0} |ps -eo|bash -c" <<<"$all" | sed 's/^/process /'
	grep -E " $T/(state|bundles)/" /proc/self/mountinfo | cut -d' ' -f5 | sed 's/^/mount /'
	find /sys/fs/cgroup -type d -path "*/$NS/*" 2>/dev/null | sed 's/^/cgroup /'
	find /run/containerd /run/runc /run/crun -mindepth 1 ! -type d 2>/dev/null | sed 's/^/file /'
	find /run/containerd/runc /run/containerd/s -mindepth 2 2>/dev/null | sed 's/^/file /'
	find "$STATE" -mindepth 1 -maxdepth 1 2>/dev/null | sed 's/^/bundle /'
	losetup -n -O NAME,BACK-FILE 2>/dev/null | grep -F "$T" | sed 's/^/loop /'
}
nothing_left() { [ -z "$(leftovers)" ]; }
# Says so, or says what is left.
clean() { if within "${1:-10}" nothing_left; then echo clean; else leftovers; fi; }

# --- without containerd: the shim by itself, called by shim-client ---------------------------------------------------

. "$HELPERS/bundles.bash"
ROOTFS=$T/rootfs TAG=$NS
mkdir -p "$T/bundles"

# box NAME [bundle option...] -- COMMAND...: a bundle in $T/bundles
box() { bundle "$T/bundles/$1" "${@:2}"; }

# shim NAME [ARGUMENT...]: starts one for that bundle; its address is in $A
shim() {
	A=$(cd "$T/bundles/$1" && env -u MAX_SHIM_VERSION TTRPC_ADDRESS="${TTRPC_ADDRESS:-}" "${PROGRAM:-$SHIM}" -namespace "$NS" -id "$1" \
		-address /nonexistent "${@:2}" start </dev/null)
}
# shim_delete NAME: the `delete` command
shim_delete() {
	(cd "$T/bundles/$1" && "$SHIM" -namespace "$NS" -id "$1" -address /nonexistent -bundle "$T/bundles/$1" delete | wc -c)
}
# shim_pid: that of the shim at $A
shim_pid() { call Connect | sed -n 's/^shim_pid=//p'; }
# call METHOD FIELD=VALUE...
call() { "$CLIENT" "$A" "$@"; }
# create NAME [FIELD=VALUE...], with the runtime of the test
create() {
	local root=()
	[ -z "${RUNTIME_ROOT:-}" ] || root=(options.root="$RUNTIME_ROOT")
	call Create id="$1" bundle="$T/bundles/$1" options.binary_name="${USE_RUNTIME:-$RUNTIME}" "${root[@]}" "${@:2}"
}
start() { call Start id="$1" "${@:2}"; }
state() { call State id="$1" "${@:2}" | sed -n 's/^status=//p'; } # 1 created, 2 running, 3 stopped, 4 paused, 5 pausing
is_state() { [ "$(state "$1")" = "$2" ]; }
process_json() { printf '{"args":["sh","-c",%s],"cwd":"/","env":["PATH=/bin"]}' "$(jq -Rs . <<<"$1" | sed 's/\\n"$/"/')"; }
# add NAME EXEC-ID COMMAND [FIELD=VALUE...]: a process, added and started
add() {
	process_json "$3" >"$T/process.json"
	call Exec id="$1" exec_id="$2" spec=@"$T/process.json" "${@:4}" && call Start id="$1" exec_id="$2"
}
finish() { call Kill id="$1" signal=9 >/dev/null 2>&1; call Wait id="$1" >/dev/null; call Delete id="$1" >/dev/null; call Shutdown id="$1"; }
fifos() { for f in "$@"; do mkfifo "$T/$f"; done; }

# A runtime that does what the test wants: as long as $T/hang-VERB is there it hangs in that verb, $T/garbage-VERB holds
# commands to be run instead; verbs are noted in $T/calls.
runtime_wrap() {
	cat >"$T/bin/wrapped" <<-EOF
		#!/bin/bash
		for a; do case \$a in create|start|exec|delete|kill|pause|resume|update|ps|state) verb=\$a; break ;; esac; done
		echo "\$verb" >>$T/calls
		if [ -e $T/hang-\$verb ]; then echo \$\$ >>$T/hung; exec sleep 1000; fi
		if [ -e $T/garbage-\$verb ]; then . $T/garbage-\$verb; fi
		exec $RUNTIME "\$@"
	EOF
	chmod +x "$T/bin/wrapped"
	USE_RUNTIME=$T/bin/wrapped
	: >"$T/calls"
}
calls() { tr '\n' ' ' <"$T/calls"; }
