# docs/pith.schema.json: made from the parser's tables, and held against parser, examples and conformance corpus.

load ../lib/common

corpus=${PITH_CONFORMANCE:-$root_dir/tests/conformance}

setup() {
	test_begin
	schema=$root_dir/docs/pith.schema.json
	check=$root_dir/tests/tools/schema-check
}
teardown() { test_end; }

@test "the schema in docs/ is what pith build --schema prints" {
	"$pith" build --schema | diff "$schema" -
}

@test "schema and parser agree on every field, with values of every type" {
	"$check" fields "$pith" "$schema"
}

@test "every field is explained in docs/yaml.md, with its type and an example" {
	local missing=0 record key
	while read -r record key; do
		grep -qE "^\| \`$key\` \|" <(sed -n "/<!-- $record -->/,/^\$/p" "$root_dir/docs/yaml.md") ||
			{ echo "$record: $key"; missing=1; }
	done < <(jq -r '(.definitions + {config: .}) | to_entries[] | .key as $r | .value.properties | keys[] | "\($r) \(.)"' "$schema")
	[ "$missing" -eq 0 ]
}

@test "the examples are valid" {
	"$check" valid "$schema" "$root_dir"/examples/*.yml
}

@test "valid inputs of the corpus are valid, wrong types and keys are not" {
	local name valid=()
	for name in "$corpus"/build/*/; do
		[ -e "$name/expected/tree.tsv" ] && valid+=("$name"input*.yml)
	done
	"$check" valid "$schema" "${valid[@]}"
	"$check" invalid "$schema" "$corpus"/build/bad-{unknown-key,wrong-type,null-section,device-mode}/input.yml
}
