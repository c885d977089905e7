#!/usr/bin/env bats
# Our messages against those of containerd's sources, as Debian ships them.

theirs=/usr/share/gocode/src/github.com/containerd

@test "every message has the fields, numbers and types of containerd's own" {
	run "$BATS_TEST_DIRNAME/protos-compare" "$BATS_TEST_DIRNAME/../lib/proto" $theirs/containerd/api $theirs/containerd/runtime/v2 $theirs/cgroups
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" =~ ^([0-9]+)\ messages\ compared,\ 0\ differences$ ]]
	[ "${BASH_REMATCH[1]}" -ge 80 ]
}

@test "the comparison sees a wrong number, a wrong type, a missing field and a stranger" {
	local t=$BATS_TEST_TMPDIR
	cp "$BATS_TEST_DIRNAME"/../lib/proto/*.proto "$t"
	sed -i 's/string bundle = 2;/string bundle = 22;/; s/uint32 width = 3;/uint64 width = 3;/; /uint32 signal = 3;/d' "$t/task_service.proto"
	printf 'syntax = "proto3";\npackage containerd.task.v2;\nmessage Stranger {\n}\n' >"$t/stranger.proto"
	run "$BATS_TEST_DIRNAME/protos-compare" "$t" $theirs/containerd/api $theirs/containerd/runtime/v2 $theirs/cgroups
	echo "$output"
	[ "$status" -eq 1 ]
	[[ "$output" == *"CreateTaskRequest.bundle: ours (22,"*"ResizePtyRequest.width: ours (3, 'uint64'"*"KillRequest.signal: ours None"*"Stranger: not theirs"* ]] ||
		[[ "$output" == *"Stranger: not theirs"*"CreateTaskRequest.bundle: ours (22,"* ]]
}
