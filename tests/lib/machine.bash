# shellcheck shell=bash
# For what runs inside machine(): a supervisor with the engine $ENGINE, and looking at it.
#
# ENGINE: containerd (it starts with the services), lazy (it starts when somebody asks for it), or direct (there is none).
# PITH_TEST_CONTAINERD: a folder with another containerd, its shim and ctr than the installed ones.

if [ -n "${PITH_TEST_CONTAINERD:-}" ]; then
	mkdir -p "$ROOT/containerd"
	ln -sf "$PITH_TEST_CONTAINERD"/{containerd,ctr,containerd-shim-runc-v2} "$ROOT/containerd/"
	PATH=$ROOT/containerd:$PATH
fi

# within SECONDS COMMAND...: until it succeeds; fails when the time is over.
within() {
	local deadline=$((${EPOCHREALTIME//[!0-9]/} + $1 * ${PITH_TEST_SLOWNESS:-1} * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "${EPOCHREALTIME//[!0-9]/}" -lt "$deadline" ] || { echo "not within the time: $*"; return 1; }
		sleep 0.02
	done
}

# containerd with the configuration of our package, its things in this test's folder.
containerd_configure() {
	mkdir -p /etc/containerd "$ROOT/lib"
	mountpoint -q /etc/containerd || mount -t tmpfs tmpfs /etc/containerd
	sed "s|^root = .*|root = \"$ROOT/lib\"|" "$HELPERS/../../pkg/containerd/etc/config.toml" >/etc/containerd/config.toml
}

# Our shim, which needs no containerd, before any other.
shim_first() {
	mkdir -p "$ROOT/programs"
	ln -sf "$(realpath "$HELPERS/../../build/guest/containerd-shim-pith-v2")" "$ROOT/programs/containerd-shim-runc-v2"
	[[ $PATH == "$ROOT/programs:"* ]] || PATH=$ROOT/programs:$PATH
}

# supervise [OPTION...]: its console is $ROOT/console, its pid $SUPERVISOR. VERB=keep: that is the pid of its keeper.
supervise() {
	local engine=(--containerd /nonexistent --runtime "${RUNTIME:-$(command -v runc)}")
	# shellcheck disable=SC2153 # the test sets it
	if [ "$ENGINE" = containerd ]; then
		[ -e /etc/containerd/config.toml ] && mountpoint -q /etc/containerd || containerd_configure
		engine=(--containerd "$(command -v containerd)")
	elif [ "$ENGINE" = lazy ]; then
		# containerd, when somebody asks for it
		[ -e /etc/containerd/config.toml ] && mountpoint -q /etc/containerd || containerd_configure
		shim_first
		engine=(--containerd "$(command -v containerd)" --containerd-start lazy)
	else
		shim_first
	fi
	"$SERVICE" -v "${VERB:-supervise}" --path "$ROOT/services" "${engine[@]}" "$@" >>"$ROOT/console" 2>&1 </dev/null &
	SUPERVISOR=$!
	within 10 test -S /run/pith/service.sock
}

# supervisor_dies [PID...]: kills it, and those with it
supervisor_dies() {
	kill -9 "$SUPERVISOR" "$@"
	wait "$SUPERVISOR" 2>/dev/null
	true
}

# finish: ends the supervisor; fails unless it ended well
finish() {
	kill -TERM "$SUPERVISOR"
	wait "$SUPERVISOR"
}

# field NAME COLUMN (1 name, 2 state, 3 pid, 4 restarts, 5 uptime, 6 exit)
field() { "$SERVICE" list | awk -v n="$1" -v c="$2" '$1 == n { print $c }'; }
is() { [ "$(field "$1" 2)" = "$2" ]; }
# becomes NAME STATE [SECONDS]
becomes() { within "${3:-20}" is "$1" "$2"; }
says() { grep -qE -- "$1" "$ROOT/console"; }
all_running() { "$SERVICE" list | awk 'NR > 1 && $2 != "running" { bad = 1 } END { exit NR < 2 || bad }'; }
restarted() { [ "$(field "$1" 4)" -ge "$2" ]; }
zombies() { within 20 no_zombies || :; awk '$3 == "Z"' /proc/[0-9]*/stat 2>/dev/null | wc -l; }
no_zombies() { [ -z "$(awk '$3 == "Z"' /proc/[0-9]*/stat 2>/dev/null)" ]; }
