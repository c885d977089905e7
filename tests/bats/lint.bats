#!/usr/bin/env bats
# The rules of `make lint` that are the project's own: each sees a small tree that breaks it, and the same tree mended.

load ../lib/common

# A tree of its own, with this tree's Makefile and rules: two programs of rooms, of which nothing is wrong.
setup() {
	test_begin
	unset MAKEFLAGS MAKELEVEL GIT_DIR GIT_INDEX_FILE
	cp -r "$root_dir/Makefile" "$root_dir/mk" .
	: >mk/opens
	mkdir -p lib/{base,sys,bundle,proto} host/{up,down} docs
	tree host/up/one.c 'void io_fill_standard(void);' 'int two_make(void);' 'int main(void)' '{' '	io_fill_standard();' '	return two_make();' '}'
	tree host/up/two.c '#include "deep.h"' 'int two_make(void);' 'int two_make(void)' '{' '	return deep_make();' '}'
	tree host/down/deep.h 'int deep_make(void);'
	tree host/down/deep.c '#include "deep.h"' 'int deep_make(void)' '{' '	return 0;' '}'
	tree host/build.mk 'host-programs += some' 'some.srcs := host/up/one.c host/up/two.c host/down/deep.c' 'host/up.sees := host/down' 'host/down.sees :='
	git init -q . && git add -A
	mk/rooms svg >docs/rooms.svg
}
teardown() { test_end; }

# tree FILE LINE...
tree() { mkdir -p "$(dirname "$1")" && printf '%s\n' "${@:2}" >"$1"; }

# refused TEXT COMMAND...: it fails, and says that
refused() {
	run "${@:2}"
	echo "$output"
	[ "$status" -eq 1 ] || [ "$status" -eq 2 ] || return 1
	[[ $output == *"$1"* ]]
}

compile() { make -s "build/obj/host/host/$1.o"; }

# Whatever the tree has, its objects and the index are of it.
objects() { git add -A && make -s build/obj/host/host/{up/one,up/two,down/deep}.o; }

@test "a tree that keeps the rules passes all of them" {
	objects
	mk/check-house dashes words checks circles
	mk/check-layers
	mk/check-opens
	mk/rooms check
	mk/rooms picture
}

@test "a dash in a C file's name" {
	git mv host/up/two.c host/up/two-more.c
	refused 'host/up/two-more.c' mk/check-house dashes
}

@test "two checks in one statement of a test, of which the first goes unseen" {
	tree tests/bats/some.bats '@test "x" {' '	one && [ a = a ]' '	[ a = a ]' '}'
	git add -A
	refused 'tests/bats/some.bats:2:' mk/check-house checks
	tree tests/bats/some.bats '@test "x" {' '	[ a = b ] && [[ a == a ]]' '	[ a = a ]' '}'
	refused 'tests/bats/some.bats:2:' mk/check-house checks
	tree tests/bats/some.bats '@test "x" {' '	[ a = a ]' '	[[ a == a && b == b ]]' '	[ a = b ] && [ a = a ] || true' '	if [ a = a ] && [ b = b ]; then' '		true' '	fi' '}'
	mk/check-house checks
}

@test "a static function of one word, in a file of more than 100 lines" {
	tree host/up/one.c 'static int make(void)' '{' '	return 0;' '}' $(seq -f '//%g' 100)
	refused 'host/up/one.c: make' mk/check-house words
	sed -i 's/make(/one_make(/' host/up/one.c
	mk/check-house words
	tree host/up/one.c 'static int make(void)' '{' '	return 0;' '}' $(seq -f '//%g' 96)
	mk/check-house words
}

@test "files of one room that call each other in a circle" {
	tree host/up/two.c 'int main(void);' 'int two_make(void);' 'int two_make(void)' '{' '	return main();' '}'
	objects
	refused 'host/up: these call each other in a circle' mk/check-house circles
	[[ $output == *one.c* && $output == *two.c* ]]
}

@test "a source without an object is said, not passed over" {
	refused 'host/up/one.c: no object of it' mk/check-house circles
}

@test "rooms that see each other in a circle, and a room that does not exist" {
	echo 'host/down.sees := host/up' >>host/build.mk
	refused 'these rooms see each other in a circle' mk/rooms check
	echo 'host/down.sees := host/none' >>host/build.mk
	refused 'no room host/none, which is seen by host/down' mk/rooms check
}

@test "a picture of the rooms that is not theirs any more" {
	echo 'host/up.sees :=' >>host/build.mk
	refused 'docs/rooms.svg is not the picture' mk/rooms picture
	make -s rooms
	mk/rooms picture
}

@test "an include of a room that is not seen does not compile, nor of a header that is another room's own" {
	compile up/two
	echo 'host/up.sees :=' >>host/build.mk
	rm build/obj/host/host/up/two.o
	refused 'deep.h: No such file' compile up/two
}

@test "an include that leaves its folder, and a program that does not look after its standard descriptors" {
	tree host/up/two.c '#include "../down/deep.h"'
	refused 'host/up/two.c:1:' mk/check-layers
	tree host/up/two.c 'int main(void)' '{' '}'
	refused 'main() does not call io_fill_standard() (lib/base/io.h): host/up/two.c' mk/check-layers
	tree host/up/two.c 'int main(void)' '{' '	io_fill_standard();' '}'
	mk/check-layers
}

@test "an open by name without a reason, a reason without its open, a row that is none" {
	tree host/state/file.c 'int file_first(const char *path)' '{' '	return open(path, O_RDONLY);' '}'
	git add -A
	refused 'host/state/file.c:3: open(path, O_RDONLY);' mk/check-opens
	echo 'host/state/file.c | open\(path, | nobody else writes there' >mk/opens
	mk/check-opens
	sed -i 's/return open/return beneath_open/' host/state/file.c
	refused 'no such call any more' mk/check-opens
	echo 'host/state/file.c | open' >mk/opens
	refused 'three parts are wanted' mk/check-opens
	: >mk/opens
	tree host/state/file.c 'int file_first(void)' '{' '	return open("/proc/self/stat", O_RDONLY);' '}'
	mk/check-opens
}
