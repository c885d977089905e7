# shellcheck shell=bash
# The table of mounts in docs/boot.md, held against a machine's.
# shellcheck disable=SC2154 # root_dir is of the file that loads this one

# mounts_documented FILE KIB [REGEX]: FILE is a machine's /proc/mounts, KIB its MemTotal. Whatever the table has is mounted as
# it says (optional ones may lack), and nothing else is but / and mount points that match REGEX.
mounts_documented() {
	local got=$1 total=$2 more=${3:-^/$} table line target type source options optional o
	table=$(sed -n '/^### Mounts/,/^### /p' "$root_dir/docs/boot.md" | grep '^| `/' | tr -d '`')
	[ "$(wc -l <<<"$table")" -gt 15 ] || return 1
	while IFS='|' read -r _ target type source options optional _; do
		read -r target type source options optional <<<"$target $type $source $options $optional"
		line=$(awk -v t="$target" '$2 == t' "$got")
		if [ -z "$line" ]; then
			[ "$optional" = optional ] && continue
			echo "not mounted: $target" && return 1
		fi
		[ "$(cut -d' ' -f1,3 <<<"$line")" = "$source $type" ] || { echo "$target: want $source $type: $line" && return 1; }
		for o in ${options//,/ }; do
			case $o in
			size=*%) awk -v line="$line" -v want="${o//[!0-9]/}" -v total="$total" 'BEGIN {
				if (!match(line, /size=[0-9]+/)) exit want != 50 # the default need not be shown
				got = substr(line, RSTART + 5, RLENGTH - 5) * 100 / total
				exit !(got > want - 1 && got < want + 1) }' || { echo "$target: want $o of $total: $line" && return 1; } ;;
			mode=1777) ;; # not shown, being tmpfs's own
			*) [[ ,$(cut -d' ' -f4 <<<"$line"), == *,$o,* ]] || { echo "$target lacks $o: $line" && return 1; } ;;
			esac
		done
	done <<<"$table"
	while read -r target; do
		[[ $target == / || $target =~ $more ]] || grep -qF "| $target |" <<<"$table" || { echo "not in the table: $target" && return 1; }
	done < <(awk '{print $2}' "$got")
}
