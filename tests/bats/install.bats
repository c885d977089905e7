#!/usr/bin/env bats
# pith where it is installed: what make install puts there, its manual pages and its completion, the Debian package.

load ../lib/common

setup_file() {
	make -s -C "$BATS_TEST_DIRNAME/../.." install DESTDIR="$BATS_FILE_TMPDIR/root" PREFIX=/usr LINUXKIT=1
}
setup() {
	test_begin
	root=$BATS_FILE_TMPDIR/root
	installed=$root/usr/bin/pith
}
teardown() { test_end; }

commands() { "$installed" --help | sed -nE 's/^  ([a-z]+)  .*/\1/p'; }

@test "make install puts pith where it is asked to, also under the other name; make uninstall takes all away" {
	[ "$("$root/usr/bin/linuxkit" version --short)" = "$(cat "$root_dir/VERSION")" ]
	[ -s "$root/usr/share/pith/pith.schema.json" ]
	# a template is an example whose images are looked for by name: there is a package of each
	run -1 grep -r @pkg "$root/usr/share/pith/templates"
	sed -nE 's/.*[ "]pith\/([^ "]+).*/\1/p' "$root"/usr/share/pith/templates/*.yml | sort -u >images
	grep -qx binfmt-arm64:latest images
	while read -r name; do
		[ -e "$root_dir/pkg/${name%:latest}/build.yml" ] || { echo "$name"; false; }
	done <images
	cp -a "$root" copy
	make -s -C "$root_dir" uninstall DESTDIR="$T/copy" PREFIX=/usr
	run find copy ! -type d
	[ -z "$output" ]
}

@test "the version is the file's, the commit git's or that of the archive that git made" {
	[ "$("$installed" --version)" = "pith version $(cat "$root_dir/VERSION")
commit: $(git -C "$root_dir" rev-parse HEAD)" ]
	git -C "$root_dir" archive HEAD VERSION mk/commit | tar -x
	[ "$(mk/commit)" = "$(git -C "$root_dir" log -1 --format='%H %cs')" ]
	mkdir bare bare/mk
	cp "$root_dir/mk/commit" bare/mk
	echo 9.9 >bare/VERSION
	touch -d 2025-02-03T12:00Z bare/VERSION
	[ "$(bare/mk/commit)" = 'unknown 2025-02-03' ]
}

@test "every command has a manual page with its options, and roff finds nothing wrong with any" {
	for page in "$root"/usr/share/man/man?/*; do
		run groff -man -ww -Tutf8 "$page"
		[ "$status" -eq 0 ]
		[[ $output != *"$page"* ]] || { echo "$output"; false; } # a warning names the file
		mandoc -T lint -W warning "$page"
	done
	for command in $(commands); do
		groff -man -Tascii "$root/usr/share/man/man1/pith-$command.1" | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g' >page
		for option in $("$installed" "$command" --help | grep -oE '^  (-[a-z], )?--[a-z0-9-]+' | grep -oE -- '--.*'); do
			grep -qE -- "$option( |$)" page || { echo "$command: $option"; false; }
		done
		grep -q "pith-$command - " page
	done
	groff -man -Tascii "$root/usr/share/man/man8/service.8" | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g' >page
	for word in list ps top start stop restart wait logs report system-init supervise; do
		grep -q "^ *$word" page
	done
	groff -man -Tascii "$root/usr/share/man/man5/pith.yml.5" | sed 's/.\x08//g; s/\x1b\[[0-9;]*m//g' >page
	for key in $(jq -r '.definitions[].properties | keys[]' "$root_dir/docs/pith.schema.json"); do
		grep -qE "^ +$key: " page || { echo "pith.yml: $key"; false; }
	done
}

# complete WORD...: what bash completes the last word to
complete_words() {
	bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pith; echo "${COMPREPLY[@]}"' \
		"$root/usr/share/bash-completion/completions/pith" "$@"
}

@test "bash completes commands, their words, options, and the values of these" {
	[ "$(complete_words pith bu)" = build ]
	[ "$(complete_words pith -q ru)" = run ]
	[ "$(complete_words pith --cache build ru)" = run ]
	[ "$(complete_words pith run --vsock-h)" = --vsock-hybrid ]
	[ "$(complete_words pith cache ex)" = export ]
	[ "$(complete_words pith help lo)" = logs ]
	[ "$(complete_words pith run --accel k)" = kvm ]
	[ "$(complete_words pith build --initrd '')" = 'auto plain erofs squashfs' ]
	[ "$(complete_words pith run hel)" = '' ] # a file
	[ "$(complete_words pith cache export ex)" = '' ]
	[[ " $(complete_words pith pkg --) " == *' --org '*' --mirror '* ]]
	[[ $(complete_words pith pkg --) != *builder-name* ]] # without effect
	[ "$(complete_words pith pkg --builder '')" = 'buildah docker buildctl' ]
	# names of machines
	export XDG_DATA_HOME=$T/data PATH=$root/usr/bin:$PATH
	mkdir -p data/pith/machines/{web,db}
	[ "$(complete_words pith machine st)" = 'start stop' ]
	[ "$(complete_words pith machine stop '')" = 'db web' ]
	[ "$(complete_words pith machine stop --now w)" = web ]
}

@test "zsh and fish read their completion" {
	zsh -n "$root/usr/share/zsh/site-functions/_pith"
	cat >zshrc <<-END
		fpath=($root/usr/share/zsh/site-functions \$fpath)
		autoload -Uz compinit && compinit -u -D
		[[ \$_comps[pith] == _pith ]] && autoload +X _pith && echo known
	END
	[ "$(zsh -f zshrc)" = known ]
	fish -n "$root/usr/share/fish/vendor_completions.d/pith.fish"
	complete_fish() { fish --no-config -c "source $root/usr/share/fish/vendor_completions.d/pith.fish; complete -C '$1'" | cut -f 1; }
	[ "$(complete_fish 'pith bu')" = build ]
	[ "$(complete_fish 'pith run --accel k')" = kvm ]
	[ "$(complete_fish 'pith run --vsock-h')" = --vsock-hybrid ]
	[ "$(complete_fish 'pith cache exp')" = export ]
}

# dpkg itself, on a system of its own that has no other package.
dpkg_alone() { dpkg --root="$T/root" --log="$T/dpkg.log" --force-depends --force-not-root "$@"; }

@test "the Debian package is installed, runs without this tree or a registry for its images, and goes without a trace" {
	"$root_dir/mk/deb" out
	deb=$(echo out/pith_*.deb)
	! type lintian >/dev/null 2>&1 || lintian --no-cfg --allow-root --fail-on error,warning "$deb"
	for name in $(dpkg-deb -f "$deb" Depends | sed 's/([^)]*)//g' | tr ',' '\n'); do
		dpkg-query -W "$name" >/dev/null || { echo "$name: this machine runs pith without it"; false; }
	done
	mkdir -p root/var/lib/dpkg/{updates,info}
	touch root/var/lib/dpkg/{status,available}
	dpkg_alone -i "$deb"
	[ "$(dpkg-query --root="$T/root" -W -f '${Status} ${Version}' pith)" = "install ok installed $(cat "$root_dir/VERSION")" ]
	dpkg_alone --verify pith >verified
	[ ! -s verified ] # every file is there, with the sum that the package has of it
	export PITH_CACHE=$T/cache LINUXKIT_MIRROR=http://127.0.0.1:1 # nothing listens there
	unpacked=$T/root/usr/bin/pith
	[ "$("$unpacked" version)" = "$("$pith" version)" ]
	cp root/usr/share/doc/pith/examples/hello.yml .
	run grep @pkg root/usr/share/doc/pith/examples/*.yml
	[ "$status" -eq 1 ]
	"$unpacked" build hello.yml
	[ -s hello-initrd.img ]
	[ -s hello-kernel ]
	"$unpacked" cache ls | grep -q '^docker.io/pith/init:latest '
	tag=$("$pith" pkg show-tag "$root_dir/pkg/hello")
	"$unpacked" cache pull "$tag" # by its hash, too
	run -1 "$unpacked" cache pull pith/none
	[[ $output == *'127.0.0.1:1'* ]]
	run -1 "$unpacked" cache pull other/init
	[[ $output == *'127.0.0.1:1'* ]]
	mkdir -p given/pith
	cp -L root/usr/share/pith/images/pith/hello:latest.tar given/pith/hello:mine.tar
	PITH_IMAGES=$T/given "$unpacked" cache pull pith/hello:mine
	"$unpacked" cache ls | grep -q '^docker.io/pith/hello:mine '
	dpkg_alone --purge pith
	run find root -path root/var/lib/dpkg -prune -o ! -type d -print
	[ -z "$output" ]
	[ -z "$(dpkg-query --root="$T/root" -W 2>/dev/null)" ]
	[ ! -e root/usr ]
}
