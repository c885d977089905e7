# Builds of the conformance corpus: inputs, images and what LinuxKit's own build makes of them. Its README has the rules of
# comparison. PITH_CONFORMANCE names another folder of the same form.

corpus=${PITH_CONFORMANCE:-tests/conformance}

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.."
	export CORPUS=$(readlink -f "$corpus") PITH=${PITH_UNDER_TEST:-$PWD/build/host/pith} CACHE=$BATS_FILE_TMPDIR/cache
	"$PITH" cache --cache "$CACHE" import "$CORPUS"/images/*.tar
}

# Builds a case; status and messages in $BATS_TEST_TMPDIR/log. Output: out.tar there.
build_case() {
	local inputs=(input.yml) i
	cd "$CORPUS/build/$1"
	for i in 2 3; do [[ -f input.$i.yml ]] && inputs+=(input.$i.yml); done
	rm -f "$BATS_TEST_TMPDIR/out.tar"
	timeout 60 "$PITH" build --cache "$CACHE" --arch amd64 --format tar --no-sbom --o "$BATS_TEST_TMPDIR/out.tar" \
		"${inputs[@]}" >"$BATS_TEST_TMPDIR/log" 2>&1
}

# Prints what is wrong with a case.
judge() {
	local status=0
	build_case "$1" || status=$?
	"$CORPUS/compare.py" --status "$status" "$CORPUS/build/$1" "$BATS_TEST_TMPDIR/out.tar" && return
	cat "$BATS_TEST_TMPDIR/log"
	return 1
}

# Every case of a kind, found by a file of its; the ones named after it are left out.
judge_all() {
	local kind=$1 failed=0 n=0 name
	shift
	for name in "$CORPUS"/build/*/; do
		name=$(basename "$name")
		[[ -e $CORPUS/build/$name/expected/$kind && " $* " != *" $name "* ]] || continue
		n=$((n + 1))
		judge "$name" >"$BATS_TEST_TMPDIR/why" 2>&1 || { failed=$((failed + 1)); echo "--- $name"; cat "$BATS_TEST_TMPDIR/why"; }
	done
	echo "$n cases, $failed failed"
	[[ $n -gt 0 && $failed -eq 0 ]]
}

@test "every valid input becomes the tree that LinuxKit makes" {
	judge_all tree.tsv quirk-opaque quirk-volume-in-mounts
}

@test "every invalid input is refused" {
	judge_all error.txt
}

@test "every refusal names the file and the line" {
	local name
	for name in "$CORPUS"/build/bad-*/; do
		name=$(basename "$name")
		build_case "$name" || true
		grep -qE '^input\.yml:([0-9]+:[0-9]+:)? error: ' "$BATS_TEST_TMPDIR/log" ||
			{ echo "$name:"; cat "$BATS_TEST_TMPDIR/log"; return 1; }
	done
}

# LinuxKit shows files of lower layers below an opaque directory, and those of a directory that was removed and made again;
# the OCI image specification does not.
@test "opaque directories hide lower layers, unlike LinuxKit's" {
	run judge quirk-opaque
	diff - <(printf '%s\n' "${lines[@]}" | grep -v '^pith: ' | sed 's/ (.)$//' | sort) <<-END
		missing: containers/services/leaks/lower/cache/old
		missing: containers/services/leaks/lower/cache/old/item
		missing: containers/services/leaks/lower/conf/low-1
		missing: containers/services/leaks/lower/conf/low-2
		missing: containers/services/leaks/lower/conf/sub
		missing: containers/services/leaks/lower/conf/sub/deep
	END
}

# LinuxKit checks a volume that a bind of `mounts` names, and then leaves the name in config.json, where no runtime finds it.
@test "a volume's name in mounts becomes its path, unlike LinuxKit's" {
	run judge quirk-volume-in-mounts
	diff - <(printf '%s\n' "${lines[@]}" | grep -v '^pith: ' | sort) <<-END
		containers/services/s/config.json: /mounts/3/source: expected "vol-ro", got "/containers/volumes/vol-ro/merged"
		containers/services/s/config.json: /mounts/6/source: expected "vol", got "/containers/volumes/vol/merged"
	END
}

@test "GNU tar extracts every tree, and finds in it what the archive says" {
	local name out=$BATS_TEST_TMPDIR/out.tar tree=$BATS_TEST_TMPDIR/tree failed=0
	for name in "$CORPUS"/build/*/; do
		name=$(basename "$name")
		[[ -e $CORPUS/build/$name/expected/tree.tsv ]] || continue
		build_case "$name"
		rm -rf "$tree"
		mkdir "$tree"
		{ tar -C "$tree" --warning=no-unknown-keyword --xattrs --xattrs-include='*' --numeric-owner -xpf "$out" &&
			tar -C "$tree" --warning=no-unknown-keyword --xattrs --xattrs-include='*' --numeric-owner -df "$out"; } >"$BATS_TEST_TMPDIR/said" 2>&1 ||
			{ failed=1; echo "--- $name"; }
		# times before 1970 and in the future are the archive's own business
		grep -vE 'implausibly old time stamp|in the future' "$BATS_TEST_TMPDIR/said" && failed=1
	done
	[[ $failed -eq 0 ]]
}

@test "sanitizers find nothing to say about any case" {
	local name failed=0
	PITH=$BATS_TEST_DIRNAME/../../build/asan/pith
	export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
	"$PITH" build --help >/dev/null
	for name in "$CORPUS"/build/*/; do
		build_case "$(basename "$name")" || true
		grep -E 'Sanitizer|runtime error' "$BATS_TEST_TMPDIR/log" || continue
		failed=1
		echo "--- $name"
		cat "$BATS_TEST_TMPDIR/log"
	done
	[[ $failed -eq 0 ]]
}

@test "keys without effect are a warning" {
	build_case quirk-dropped-keys
	[[ $(grep -c 'warning: .* is accepted and has no effect, as in LinuxKit' "$BATS_TEST_TMPDIR/log") -eq 13 ]]
}
