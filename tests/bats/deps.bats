# The guest's libraries: what mk/deps made, and how it reads the machine's apt configuration.

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	deps=$PWD/build/deps
}

@test "every library is a static archive with headers that a musl program links and runs with" {
	cat >"$BATS_TEST_TMPDIR/all.c" <<-END
		#include <nghttp2/nghttp2.h>
		#include <protobuf-c/protobuf-c.h>
		#include <stdio.h>
		#include <sys/capability.h>
		#include <yaml.h>
		#include <zlib.h>
		int main(void)
		{
			printf("%s %s %d %s %s\n", nghttp2_version(0)->version_str, protobuf_c_version(),
			       cap_max_bits() > 30, yaml_get_version_string(), zlibVersion());
			return 0;
		}
	END
	# whole archives: no object of any of them may need what musl has not
	run musl-gcc -static -isystem "$deps/kernel-headers" -isystem "$deps/include" -o "$BATS_TEST_TMPDIR/all" \
		"$BATS_TEST_TMPDIR/all.c" -L"$deps/lib" -Wl,--whole-archive -lnghttp2 -lprotobuf-c -lcap -lyaml -lz \
		-Wl,--no-whole-archive
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	run "$BATS_TEST_TMPDIR/all"
	[ "$status" -eq 0 ]
	version() { awk -v want="$1" '$1 == want { sub(/^[0-9]*:/, "", $2); sub(/-.*/, "", $2); print $2 }' "$deps/versions"; }
	[ "$output" = "$(version nghttp2) $(version protobuf-c) 1 $(version libyaml) $(version zlib | sed s/.dfsg//)" ]
	[ -z "$(find "$deps/lib" -name '*.so*' -o -name '*.la')" ]
}

@test "no object has a relocation that a position-independent program cannot have" {
	for archive in "$deps"/lib/*.a; do
		run bash -c "readelf -rW '$archive' | grep -E 'R_X86_64_(32|32S|16|8)\b'"
		[ "$status" -eq 1 ] || { echo "$archive: $output"; false; }
	done
}

@test "stack protector is in every library" {
	for name in nghttp2 cap yaml z; do
		nm "$deps/lib/lib$name.a" 2>/dev/null | grep -q 'U __stack_chk_fail'
	done
}

@test "pkg-config finds them wherever the folder lies" {
	cp -a "$deps" "$BATS_TEST_TMPDIR/moved"
	for name in libnghttp2 libprotobuf-c libcap yaml-0.1 zlib; do
		run env PKG_CONFIG_LIBDIR="$BATS_TEST_TMPDIR/moved/lib/pkgconfig" pkg-config --define-prefix --libs "$name"
		[ "$status" -eq 0 ]
		[[ $output == *-l* ]]
	done
}

@test "a second build takes them from the cache, without apt and without a compiler" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "$0 was called" >&2\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/apt-get"
	cp "$BATS_TEST_TMPDIR/bin/apt-get" "$BATS_TEST_TMPDIR/bin/make"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	run env PATH="$BATS_TEST_TMPDIR/bin:$PATH" mk/deps "$BATS_TEST_TMPDIR/out"
	[ "$status" -eq 0 ] || { echo "$output"; false; }
	[ -z "$output" ]
	diff -r --no-dereference "$BATS_TEST_TMPDIR/out" "$deps"
}

# APT_CONFIG of a machine whose sources are the ones in $1
machine() {
	cat >"$BATS_TEST_TMPDIR/apt.conf" <<-END
		Dir::Etc::sourcelist "$1/sources.list";
		Dir::Etc::sourceparts "$1/sources.list.d";
	END
	export APT_CONFIG=$BATS_TEST_TMPDIR/apt.conf
	mkdir -p "$1/sources.list.d"
}

@test "one-line apt sources become deb-src with their options; comments and deb-src lines go" {
	etc=$BATS_TEST_TMPDIR/etc
	machine "$etc"
	cat >"$etc/sources.list" <<-'END'
		# deb http://off.invalid/debian stable main
		deb [signed-by=/usr/share/keyrings/k.gpg arch=amd64] http://mirror.invalid/debian bookworm main contrib
		deb-src http://mirror.invalid/debian bookworm main
	END
	echo "deb	http://security.invalid/debian-security bookworm-security main" >"$etc/sources.list.d/more.list"
	mk/deps --source-lists "$BATS_TEST_TMPDIR/lists"
	run cat "$BATS_TEST_TMPDIR/lists/sources.list"
	[ "$output" = "deb-src [signed-by=/usr/share/keyrings/k.gpg arch=amd64] http://mirror.invalid/debian bookworm main contrib" ]
	run cat "$BATS_TEST_TMPDIR/lists/more.list"
	[ "$output" = "deb-src http://security.invalid/debian-security bookworm-security main" ]
}

@test "deb822 apt sources become deb-src and keep their keys" {
	etc=$BATS_TEST_TMPDIR/etc
	machine "$etc"
	cat >"$etc/sources.list.d/debian.sources" <<-'END'
		Types: deb deb-src
		URIs: http://mirror.invalid/debian
		Suites: trixie trixie-updates
		Components: main
		Signed-By:
		 -----BEGIN PGP PUBLIC KEY BLOCK-----
		 .
		 mDMEY865UxYJKwYBBAHaRw8BAQdA
		 -----END PGP PUBLIC KEY BLOCK-----

		Types: deb
		URIs: http://security.invalid/debian-security
		Suites: trixie-security
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	END
	mk/deps --source-lists "$BATS_TEST_TMPDIR/lists"
	run diff <(sed 's/^Types:.*/Types: deb-src/' "$etc/sources.list.d/debian.sources") "$BATS_TEST_TMPDIR/lists/debian.sources"
	[ "$status" -eq 0 ]
}

@test "a machine without apt sources is told so" {
	machine "$BATS_TEST_TMPDIR/none"
	run mk/deps --source-lists "$BATS_TEST_TMPDIR/lists"
	[ "$status" -eq 1 ]
	[[ $output == *"no package sources found"* ]]
}

@test "setup is silent when nothing is missing" {
	mk/setup --check || skip "packages are missing"
	run mk/setup
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "setup installs what is missing in one go, with the first alternative that the release has" {
	bin=$BATS_TEST_TMPDIR/bin tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$bin" "$tree/mk"
	cp mk/setup "$tree/mk/"
	printf '%s\n' '# a comment' '[one]' 'here  # installed' 'old-name|new-name' '[two]' 'missing' 'rare?' >"$tree/packages.txt"
	printf '#!/bin/sh\necho "here installed"\nexit 1\n' >"$bin/dpkg-query"
	cat >"$bin/apt-cache" <<-'END'
		#!/bin/sh
		shift
		for name; do
			case $name in
			new-name | missing) printf '%s:\n  Installed: (none)\n  Candidate: 1.0\n' "$name" ;;
			rare) printf '%s:\n  Installed: (none)\n  Candidate: (none)\n' "$name" ;;
			esac
		done
	END
	printf '#!/bin/sh\necho "$@" >>%s/calls\n' "$BATS_TEST_TMPDIR" >"$bin/apt-get"
	printf '#!/bin/sh\nexec "$@"\n' >"$bin/sudo"
	chmod +x "$bin"/*
	PATH="$bin:$PATH" "$tree/mk/setup"
	run grep -c install "$BATS_TEST_TMPDIR/calls"
	[ "$output" -eq 1 ]
	grep -q ' install new-name missing$' "$BATS_TEST_TMPDIR/calls"
	run env PATH="$bin:$PATH" "$tree/mk/setup" --check
	[ "$status" -eq 1 ]
	[ "$output" = $'old-name|new-name\nmissing' ]
	run env PATH="$bin:$PATH" "$tree/mk/setup" --check one
	[ "$output" = 'old-name|new-name' ]
	run env PATH="$bin:$PATH" "$tree/mk/setup" --check three
	[[ $output == *"no group three"* ]]
}
