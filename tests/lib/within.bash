# shellcheck shell=bash
# within SECONDS COMMAND...: again and again until it succeeds; fails when the time is over.
within() {
	local deadline=$(($(date +%s%N) + $1 * ${PITH_TEST_SLOWNESS:-1} * 1000000000))
	shift
	until "$@"; do
		[ "$(date +%s%N)" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}
