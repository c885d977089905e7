# shellcheck shell=bash
# What bats files share: a folder a test, background programs that end with it, waiting with a deadline, machines.
#
#   setup() { test_begin; }  teardown() { test_end; }

bats_require_minimum_version 1.5.0
root_dir=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
pith=$root_dir/build/host/pith

# --- a folder, and what runs ---------------------------------------------------------------------------------

# A new folder, $T, as working directory.
test_begin() {
	T=$(mktemp -d "${BATS_TEST_TMPDIR:-/tmp}/pith.XXXXXX")
	cd "$T" || return 1
	background_pids=()
	vm_pid='' vm_console='' vm_in=''
}

# Ends what the test has started, by process id, and removes the folder. When the test has failed, the ends of consoles
# are shown as they are before that, and all of them are kept with the tests' logs.
test_end() {
	local pid f
	if [ -z "${BATS_TEST_COMPLETED:-}" ]; then
		for f in "$T"/*.console "$T"/*.err; do
			[ -s "$f" ] || continue
			echo "--- ${f##*/}" && tail -n 60 "$f" | tr -d '\r'
			mkdir -p "$root_dir/build/test-logs" && cp "$f" "$root_dir/build/test-logs/" || true
		done
	fi
	for pid in "${background_pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null && within 10 ended "$pid" && continue
		kill -KILL "$pid" 2>/dev/null || true
	done
	[ -n "$vm_in" ] && exec {vm_in}>&- || true
	cd / && rm -rf "$T"
}

# background OUTPUT COMMAND...: runs it with both outputs in a file; its pid is in $background.
background() {
	local out=$1
	shift
	# bats waits for whoever holds its descriptor 3, slot's locks are on 8 and 9
	"$@" >"$out" 2>&1 </dev/null 3>&- 8>&- 9>&- &
	background=$!
	background_pids+=("$background")
}

ended() { ! kill -0 "$1" 2>/dev/null; }

# within SECONDS COMMAND...
. "$root_dir/tests/lib/within.bash"

# --- machines ------------------------------------------------------------------------------------------------

# vm_start NAME ARGUMENT...: `pith run` with these arguments, in the background and with TCG. Its console is in
# $T/NAME.console ($vm_console), its messages in NAME.err, vm_send types on it, its pid is $vm_pid.
vm_start() {
	local name=$1
	shift
	[ -z "$vm_in" ] || exec {vm_in}>&-
	vm_console=$T/$name.console
	rm -f "$T/$name.in"
	mkfifo "$T/$name.in"
	exec {vm_in}<>"$T/$name.in"
	: >"$vm_console"
	"$pith" run --accel tcg "$@" <"$T/$name.in" >"$vm_console" 2>"$T/$name.err" 3>&- 8>&- 9>&- &
	vm_pid=$!
	background_pids+=("$vm_pid")
}

vm_send() { printf '%s' "$1" >&"$vm_in"; }

console_has() { grep -qE -- "$1" "$vm_console"; }
console_has_or_ended() { console_has "$1" || ended "$vm_pid"; }

# vm_expect SECONDS REGEX: waits for a line of the console; fails at once when the machine ends without it.
vm_expect() {
	within "$1" console_has_or_ended "$2" && console_has "$2" && return 0
	echo "the console does not say: $2"
	return 1
}

# vm_wait SECONDS: waits for the machine's end; its exit status is in $status.
vm_wait() {
	within "$1" ended "$vm_pid" || {
		echo "the machine has not ended"
		return 1
	}
	status=0
	wait "$vm_pid" || status=$?
}

# The console without carriage returns and without the kernel's own lines' times.
console() { tr -d '\r' <"$vm_console"; }

# build_image NAME [OPTION...] <YAML: `pith build` of a YAML on standard input into $T/NAME-*.
build_image() {
	local name=$1
	shift
	cat >"$T/$name.yml"
	"$pith" build --dir "$T" --name "$name" "$@" "$T/$name.yml"
}

# lines FILE: their number
lines() { wc -l <"$1"; }

# A TCP port that nobody listens on.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'; }

# For tests of what the distribution's kernel has not built in.
needs_tuned_kernel() {
	[ "$(readlink "$root_dir/build/kernel/default")" = tuned ] || skip "this needs the tuned kernel"
}
