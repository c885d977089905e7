#!/bin/sh
# Sets up a WireGuard interface that is there already, in this network namespace, from a file of wg-quick's form: keys and
# peers by wg, addresses, MTU and routes by ip. The interface has the file's name. Run again, it changes what has changed.
set -u

if [ $# -ne 2 ] || [ "$1" != configure ]; then
	echo "usage: lk-wg-config configure FILE.conf" >&2
	exit 2
fi
file=$2
name=${file##*/}
name=${name%.conf}

fail() { echo "lk-wg-config: error: $*" >&2; exit 1; }

# settings wg: the file without what wg does not know.
# settings KEY: the values of that key of [Interface], one a line; lists are taken apart.
settings() {
	awk -v want="$1" '
		{ sub(/\r$/, ""); line = $0; sub(/#.*/, ""); gsub(/^[ \t]+|[ \t]+$/, "") }
		/^\[/ { section = tolower($0) }
		{ key = tolower($0); sub(/[ \t]*=.*/, "", key) }
		section == "[interface]" && key ~ /^(address|dns|mtu|table|preup|postup|predown|postdown|saveconfig)$/ {
			if (key != want) next
			if (key ~ /^p/) $0 = line
			sub(/^[^=]*=[ \t]*/, "")
			if (key !~ /^p/) gsub(/[ \t]*,[ \t]*/, "\n")
			print
			next
		}
		want == "wg" { print }' "$file"
}

# of_family ADDRESS: the option of ip for it
of_family() { case $1 in *:*) echo -6 ;; *) echo -4 ;; esac; }

# commands KEY: runs what the file has there, as wg-quick does
commands() {
	settings "$1" | while read -r line; do
		sh -c "$(printf '%s\n' "$line" | sed "s/%i/$name/g")" </dev/null || exit 1
	done || fail "$file: $1 failed"
}

# A way to everywhere is no more than one: in the machine's own namespace the tunnel's packets would go through the tunnel.
route_add() {
	family=$(of_family "$1")
	[ -z "$(ip "$family" route show table "$table" dev "$name" "$1" 2>/dev/null)" ] || return 0
	case $1 in
	*/0)
		other=$(ip "$family" route show table "$table" default 2>/dev/null | head -n 1)
		[ -z "$other" ] || fail "$file: AllowedIPs = $1, and there is a default route: $other." \
			"Give $name a network namespace of its own (runtime: bindNS), or say Table = off"
		;;
	esac
	ip "$family" route add "$1" dev "$name" table "$table" || fail "$file: route to $1"
}

[ -r "$file" ] || fail "$file: there is no such file, or it cannot be read"
[ -e "/sys/class/net/$name" ] || ip link show "$name" >/dev/null 2>&1 ||
	fail "there is no interface $name: have one made (runtime: interfaces: [{name: $name, add: wireguard}]), or rename $file"
commands preup
settings wg | wg setconf "$name" /dev/stdin || fail "$file: wg does not take it"
for address in $(settings address); do
	ip "$(of_family "$address")" address replace "$address" dev "$name" || fail "$file: Address = $address"
done
for mtu in $(settings mtu); do
	ip link set mtu "$mtu" dev "$name" || fail "$file: MTU = $mtu"
done
ip link set up dev "$name" || fail "$name: cannot be set up"
table=$(settings table)
case ${table:=main} in auto) table=main ;; esac
if [ "$table" != off ]; then
	for network in $(wg show "$name" allowed-ips | tr '\t' ' ' | cut -d ' ' -f 2-); do
		case $network in */*) route_add "$network" || exit 1 ;; esac
	done
fi
[ -z "$(settings dns)" ] ||
	echo "lk-wg-config: warning: $file: DNS is passed over: name servers are in the resolv.conf of the containers that use $name" >&2
commands postup
