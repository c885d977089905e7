#!/usr/bin/env bats
# Our .proto files against those that Debian ships with containerd's sources.

load ../lib/common

published=/usr/share/gocode/src/github.com/containerd

setup() { test_begin; }
teardown() { test_end; }

@test "messages, numbers, types and methods are containerd's" {
	run "$root_dir/tests/tools/proto-check" "$root_dir"/lib/proto/*.proto -- "$published"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" =~ ^([0-9]+)\ packages,\ ([0-9]+)\ fields ]]
	[ "${BASH_REMATCH[1]}" -ge 10 ]
	[ "${BASH_REMATCH[2]}" -ge 300 ]
}

@test "a wrong number, type or name is found" {
	local change
	for change in 's/string id = 1/string id = 7/' 's/uint32 exit_status/uint32 exit_code/' 's/uint32 pid/uint64 pid/' \
		's/rpc Wait/rpc Await/' 's/RUNNING = 2/RUNNING = 3/' 's/repeated string filters/string filters/'; do
		rm -rf p && mkdir p && cp "$root_dir"/lib/proto/*.proto p/
		sed -i "$change" p/*.proto
		run "$root_dir/tests/tools/proto-check" p/*.proto -- "$published"
		echo "$change: $output"
		[ "$status" -eq 1 ]
	done
}
