#!/usr/bin/env bats
# What the README says a reader can type, typed: every command of its blocks, in order, in one boot.

load ../lib/common

setup() { test_begin; }
teardown() {
	"$pith" stop --now "$(dirname "$(ls -d "$T"/*/hello-state)")/hello" 2>/dev/null || true
	test_end
}

@test "the README from top to bottom: build, run, exec, logs, ctr, stop" {
	cd "$root_dir"
	export TMPDIR=$T LINUXKIT_QEMU_ACCEL=tcg PORTS="8080=$(free_port)"
	python3 tests/tools/walk.py README.md 3>&- 8>&- 9>&-
}
