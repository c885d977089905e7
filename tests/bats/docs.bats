#!/usr/bin/env bats
# What the documents say holds: links, examples, lists of fields and targets.

load ../lib/common

setup() { test_begin; }
teardown() { test_end; }

# blocks FILE LANGUAGE: its code blocks of that language, as block.1, block.2, ...
blocks() {
	awk -v lang="\`\`\`$2" '$0 == lang { n++; on = 1; next } /^```$/ { on = 0 } on { print >("block." n) }' "$1"
}

@test "every link of the documents leads to a file, and every folder of the README is there" {
	cd "$root_dir"
	for doc in README.md CONTRIBUTING.md SECURITY.md tests/README.md docs/*.md pkg/README.md pkg/*/README.md; do
		for link in $(grep -oE '\]\([^)#]+' "$doc" | cut -c3-); do
			case $link in http*) continue ;; esac
			[ -e "$(dirname "$doc")/$link" ] || { echo "$doc: $link"; false; }
		done
	done
	for folder in $(sed -nE 's/^\| (`[a-z-]+\/`.*) \| .*/\1/p' README.md | tr -d '`,'); do
		[ -d "$folder" ] || { echo "$folder"; false; }
	done
	for page in docs/*.md; do
		grep -q "$page" README.md || { echo "the README does not name $page"; false; }
	done
}

@test "the README's package has a tag, and a mistake looks as it says" {
	mkdir -p tree/pkg
	blocks "$root_dir/README.md" yaml
	mkdir tree/pkg/hello
	mv block.2 tree/pkg/hello/build.yml
	ln -s "$root_dir/build" tree/build
	[[ $("$pith" pkg show-tag tree/pkg/hello) == pith/hello:* ]]
	printf 'services:\n  - {name: web, image: pith/busybox, capabilities: [CAP_FOO]}\n' >hello.yml
	run "$pith" build hello.yml
	[ "$status" -eq 1 ]
	[[ ${lines[0]} =~ ^hello.yml:2:[0-9]+:\ error:\ services\[0\]\ \"web\":\ unknown\ capability\ \"CAP_FOO\"$ ]]
}

@test "make help lists the targets" {
	run make -s -C "$root_dir" help
	for target in run test all images kernel lint asan fuzz bench install uninstall man clean help setup; do
		grep -qE "^$target +[^ ]" <<<"$output" || { echo "$target"; false; }
	done
}

@test "docs/packages.md has every field of build.yml" {
	for field in $(sed -nE 's/.*\] = \{ "([A-Za-z-]+)", FIELD_.*/\1/p' "$root_dir/host/pkg/recipe.c"); do
		grep -q "\`$field\`" "$root_dir/docs/packages.md" || { echo "$field"; false; }
	done
	blocks "$root_dir/docs/packages.md" yaml
	mkdir p
	mv block.1 p/build.yml
	touch p/redis.conf
	[[ $("$pith" pkg show-tag p) == pith/redis:* ]]
}

@test "pkg/README.md has every package, with the capabilities of its build.yml" {
	for f in "$root_dir"/pkg/*/build.yml; do
		name=$(basename "${f%/*}")
		capabilities=$(awk '/^  capabilities:/ {on = 1; print; next} /^ ? ?[a-z]/ {on = 0} on' "$f" | sed 's/#.*//' | grep -oE 'CAP_[A-Z_]+|\ball\b|\bnone\b' | sed 's/^CAP_//' | paste -sd, | sed 's/,/, /g')
		grep -qE "^\\| \\[$name\\]\\($name/README.md\\) \\|.*\\| (${capabilities:-none|-}) \\| [^|]* \\|\$" "$root_dir/pkg/README.md" ||
			{ echo "$name: $capabilities"; false; }
	done
}

@test "every command tells its usage when asked for help" {
	commands=$("$pith" --help | sed -nE 's/^  ([a-z]+)  .*/\1/p')
	[ "$(wc -w <<<"$commands")" -ge 12 ]
	for command in $commands; do
		run --separate-stderr "$pith" "$command" --help
		[ "$status" -eq 0 ] && [ -z "$stderr" ] && [[ ${output,,} == *usage:*"pith $command"* ]] || { echo "$command: $output $stderr"; false; }
	done
}
