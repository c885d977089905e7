#!/usr/bin/env bats
# One machine as `pith build` makes them, and everything that its onboot and onshutdown containers are promised.
# shellcheck disable=SC2016 # scripts are for the guest's shell

load ../lib/common
load ../lib/initrd
load ../lib/mounts

setup() { test_begin; }
teardown() { test_end; }

# container NAME SCRIPT [FIELD|bind=FROM:TO]...: an entry of the YAML; the script is a file of the machine's root, so that nothing of
# it has to be quoted.
container() {
	local name=$1 script=$2 binds='"/etc/scripts:/tmp"' more
	shift 2
	mkdir -p scripts
	printf '%s\n' "$script" >"scripts/$name"
	printf '  - name: %s\n    image: "@pkg:%s/pkg/busybox"\n    command: [/bin/sh, /tmp/%s]\n' "$name" "$root_dir" "$name"
	for more; do
		case $more in
		bind=*) binds+=", \"${more#bind=}\"" ;;
		*) printf '    %s\n' "$more" ;;
		esac
	done
	printf '    binds: [%s]\n' "$binds"
}

# All children wait until their parent has ended, then end together.
storm_make() {
	cat >storm.c <<-'X'
		#include <stdio.h>
		#include <stdlib.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			int p[2], n;
			char c;
			if (pipe(p) < 0)
				return 1;
			for (n = 0; n < atoi(argv[argc - 1]); n++) {
				pid_t pid = fork();
				if (pid < 0)
					return 2;
				if (pid > 0)
					continue;
				close(p[1]);
				_exit(read(p[0], &c, 1) < 0);
			}
			printf("forked %d\n", n);
			return 0;
		}
	X
	musl-gcc -static -Os -o storm storm.c
}

machine() {
	local dhcpcd="image: \"@pkg:$root_dir/pkg/dhcpcd\"" f
	cat <<-EOF
		kernel:
		  image: "@pkg:$root_dir/pkg/kernel"
		  cmdline: "console=ttyS0 quiet linuxkit.runc_console=1"
		init:
		  - "@pkg:$root_dir/pkg/init"
		  - "@pkg:$root_dir/pkg/runc"
		onboot:
	EOF
	container first 'echo ran first'
	container fails 'echo ran fails; echo last words >&2; exit 7'
	container killed 'echo ran killed; kill -9 $$' 'pid: host'
	container root 'exec 2>&1; echo ran root; echo x >/host/x; echo "its root: $?"' 'bind=/:/host'
	container own 'exec 2>&1; echo ran own; echo x >/x; echo "own root: $?"' 'readonly: true'
	container overlay 'echo ran overlay; echo new >/etc/made && rm /bin/vi && echo "made: $(cat /etc/made)"
		[ -e /bin/vi ] || echo "removed: vi"; echo "root type: $(awk "\$2 == \"/\" {print \$3}" /proc/mounts)"'
	container again 'echo ran again; ls /etc/made 2>/dev/null; ls /bin/vi'
	container mounts 'echo ran mounts; echo "extra: $(awk "\$2 == \"/extra\" {print \$3, \$4}" /proc/mounts)"; stat -c "extra/deep: %F" /extra/deep
		ls -d /sys/fs/cgroup/kept/below' \
		'bind=/var/extra:/extra' 'bind=/sys/fs/cgroup:/sys/fs/cgroup' \
		'runtime: {mounts: [{type: tmpfs, source: extra, destination: /var/extra, options: [nosuid, nodev, noexec, "size=1m", "mode=700"]}],' \
		'          mkdir: [/var/extra/deep], cgroups: [kept/below]}'
	container mover 'echo ran mover; echo "moved: $(ls /sys/class/net | tr "\n" " ")"' \
		'net: new' 'runtime: {interfaces: [{name: eth0}]}'
	container maker 'echo ran maker; ip link set in0 up && ip addr add 10.9.9.1/24 dev in0; hostname apart
		echo "made: $(ls /sys/class/net | tr "\n" " ")"' \
		'net: new' 'uts: new' 'capabilities: [all]' \
		'runtime: {interfaces: [{name: in0, add: veth, peer: out0}, {name: dum0, add: dummy, createInRoot: true}],' \
		'          bindNS: {net: /run/netns/apart, uts: /run/utsns/apart}}'
	container user 'echo ran user; ip addr show in0 | grep -o "10.9.9.1/24" && echo "host: $(hostname)"' \
		'net: /run/netns/apart' 'uts: /run/utsns/apart'
	container outside 'echo ran outside; ip link set out0 up && ip addr add 10.9.9.2/24 dev out0 && ping -c 1 -W 10 10.9.9.1 >/dev/null && echo "through: out0"
		echo "outside: $(ls /sys/class/net | tr "\n" " ")"; echo "host outside: $(hostname)"' 'capabilities: [all]'
	container storm 'echo ran storm; /storm 1000' 'pid: host' 'bind=/usr/bin/storm:/storm'
	printf '  - name: dhcpcd\n    %s\n    command: [/sbin/dhcpcd, --nobackground, -f, /dhcpcd.conf, "-1"]\n' "$dhcpcd"
	container addresses 'echo ran addresses; ip -4 -o addr show eth0; cat /etc/resolv.conf' 'bind=/etc/resolv.conf:/etc/resolv.conf'
	echo 'onshutdown:'
	container bye 'echo ran bye'
	container worse 'echo ran worse; echo last words of worse; exit 5'
	printf 'services:\n  - name: dhcpcd\n    %s\n' "$dhcpcd"
	container look 'exec >/dev/console 2>&1
		until grep -q "leased 10.0.2" /log/dhcpcd.log /log/dhcpcd.out.log; do sleep 0.2; done
		echo "== service"; cat /log/dhcpcd.log /log/dhcpcd.out.log
		echo "resolv.conf: $(stat -c %i /etc/resolv.conf) $(stat -c %i /run/resolvconf/resolv.conf)"
		echo "== report"; cat /run/pith/boot.json; echo
		echo "== mounts"; cat /proc/1/mounts
		echo "== memory"; grep -E "MemTotal|MemAvailable|Shmem:" /proc/meminfo; grep ^Pss: /proc/1/smaps_rollup
		i=0; while ps -o stat,comm | grep -q "^Z\|storm" && [ $i -lt 300 ]; do i=$((i + 1)); sleep 0.1; done # one that has just ended is no fault
		echo "== left"; ps -o stat,comm | grep -c "^Z\|storm"
		echo "== logs"; ls -1 /log/onboot/; cat /log/onboot/onboot.001-fails.log
		echo "== end"; poweroff' \
		'pid: host' 'capabilities: [all]' 'bind=/var/log:/log' 'bind=/run:/run' 'bind=/etc/resolv.conf:/etc/resolv.conf' \
		'devices: [{path: /dev/console, type: c, major: 5, minor: 1, mode: "0666"}]'
	echo 'files:'
	for f in scripts/*; do
		printf '  - {path: etc/%s, source: %s, mode: "0644"}\n' "$f" "$T/$f"
	done
	printf '  - {path: usr/bin/storm, source: %s, mode: "0755"}\n  - {path: ballast, source: %s}\n' "$T/storm" "$T/ballast"
}

@test "onboot and onshutdown in a machine: order, status, roots, mounts, links, namespaces, orphans, addresses" {
	storm_make
	truncate -s 48M ballast # nothing in the image; a copy of the root would be seen
	machine | build_image m
	[ "$(stat -c %s m-initrd.img)" -lt 33554432 ]
	vm_start m --mem 2048 --stop-timeout 60 "$T/m"
	vm_wait 300
	[ "$status" -eq 0 ]
	console >c
	grep -q 'reboot: Power down' c

	# in their order, and the report has every status
	[ "$(sed -n 's/^ran //p' c | tr '\n' ' ')" = 'first fails killed root own overlay again mounts mover maker user outside storm addresses bye worse ' ]
	section c report | jq -r '.steps[] | select(.program == "onboot") | "\(.name) \(.status)"' >report
	[ "$(grep -v ' 0$' report)" = $'001-fails 7\n002-killed 137' ]
	[ "$(wc -l <report)" -eq 15 ]
	grep -qE 'onboot: .*001-fails: exit status 7' c
	grep -q '^last words$' c
	grep -qE 'onboot: .*002-killed: killed by signal 9' c
	grep -qE 'onshutdown: .*001-worse: exit status 5' c
	section c logs | grep -qx 'onboot.001-fails.log'

	# roots
	[ "$(grep -c 'Read-only file system' c)" -ge 2 ]
	grep -qx 'its root: 1' c
	grep -qx 'own root: 1' c
	grep -qx 'made: new' c
	grep -qx 'removed: vi' c
	grep -qx 'root type: overlay' c
	[ "$(grep -cx '/etc/made' c)" -eq 0 ]
	grep -qx '/bin/vi' c

	# mounts, and no copy of the root
	grep -qE '^extra: tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700' c
	grep -qx 'extra/deep: directory' c
	grep -qx '/sys/fs/cgroup/kept/below' c
	section c mounts >mounts
	memory() { section c memory | awk -v f="$1:" '$1 == f {print $2}'; }
	mounts_documented mounts "$(memory MemTotal)" '^/(containers/services|run/netns|run/utsns|run/pith|run/containerd)/|^/var/extra$'
	grep -qE '^(/dev/loop0|/rootfs.erofs) / erofs ro,' mounts
	[ "$(memory Shmem)" -lt $(($(stat -c %s m-initrd.img) / 1024 + 4096)) ]
	most=98304 # the distribution's kernel and its modules take 60 MiB more
	[ "$(readlink "$root_dir/build/kernel/default")" = tuned ] || most=180224
	[ $(($(memory MemTotal) - $(memory MemAvailable))) -lt $most ]
	[ "$(memory Pss)" -lt 200 ]

	# links and namespaces
	grep -qx 'moved: eth0 lo ' c
	grep -qx 'made: dum0 in0 lo ' c
	grep -qx '10.9.9.1/24' c
	grep -qx 'host: apart' c
	grep -qx 'through: out0' c
	grep -qxE 'outside: (dummy0 )?eth0 lo out0 ' c # the module of dummy links makes one as it is loaded
	grep -qE '^host outside: linuxkit-' c

	# orphans
	grep -qx 'forked 1000' c
	[ "$(section c left)" = 0 ]

	# addresses: dhcpcd once in onboot, and again as a service
	grep -qE '^2: eth0 +inet 10\.0\.2\.[0-9]+/24' c
	grep -qx 'nameserver 10.0.2.3' c
	[ "$(section c service | grep -c 'exiting due to oneshot')" -eq 0 ]
	# and the file that a container has bound is the one that it writes
	grep -qE '^resolv.conf: ([0-9]+) \1$' c
}
