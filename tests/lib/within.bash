# shellcheck shell=bash
# within SECONDS COMMAND...: again and again until it succeeds; fails when the time is over.
within() {
	local deadline=$((${EPOCHREALTIME//[!0-9]/} + $1 * ${PITH_TEST_SLOWNESS:-1} * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME//[!0-9]/}" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}

# patiently SECONDS COMMAND...: as timeout(1). What hangs is ended; what is slow has as much longer as elsewhere.
patiently() { timeout -k 5 $(($1 * ${PITH_TEST_SLOWNESS:-1})) "${@:2}"; }
export -f patiently # for scripts of bash -c
