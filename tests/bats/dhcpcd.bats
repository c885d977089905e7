#!/usr/bin/env bats
# The program that dhcpcd runs when an address comes; dhcpcd itself is in the tests that boot machines.

load ../lib/common

setup() { test_begin; }
teardown() { test_end; }

# hook REASON [VARIABLE=VALUE]...
hook() { env -i RESOLV_CONF="$T/resolv.conf" interface=eth0 reason="$1" "${@:2}" "$root_dir/build/guest/dhcpcd-hook"; }

@test "name servers go into the file that containers have bound, whole and nothing else" {
	head -c 5000 /dev/zero | tr '\0' '#' >resolv.conf
	exec {bound}<resolv.conf
	hook BOUND new_domain_name_servers='10.0.2.3 nonsense 10.0.2.4' new_domain_name='example.org bad;name'
	diff - resolv.conf <<-EOF
		# by dhcpcd on eth0
		search example.org
		nameserver 10.0.2.3
		nameserver 10.0.2.4
	EOF
	cmp - resolv.conf <&"$bound"
	hook RENEW new_domain_name_servers=10.0.2.5
	[ "$(tail -n 1 resolv.conf)" = 'nameserver 10.0.2.5' ]
	[ "$(lines resolv.conf)" -eq 2 ]
}

@test "what brings no server changes nothing, and what cannot be written is said" {
	echo mine >resolv.conf
	hook PREINIT
	hook EXPIRE new_domain_name_servers=10.0.2.3
	hook BOUND new_ip_address=10.0.2.15
	[ "$(cat resolv.conf)" = mine ]
	rm resolv.conf
	hook BOUND new_domain_name_servers=10.0.2.3
	[ "$(stat -c %a resolv.conf)" = 644 ]
	RESOLV_CONF=/nowhere/resolv.conf reason=BOUND new_domain_name_servers=10.0.2.3 run "$root_dir/build/guest/dhcpcd-hook"
	[ "$status" -eq 1 ]
	[[ $output == *'write /nowhere/resolv.conf: No such file or directory'* ]]
}
