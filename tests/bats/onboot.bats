#!/usr/bin/env bats
# onboot, onshutdown and volumes on hand-made bundles with the real runtimes, in namespaces of this machine.

load ../lib/bundles

setup() { bundles_setup; }
teardown() { bundles_teardown; }

runtimes() { command -v runc crun; }

onboot='"$SERVICE" onboot --path "$ROOT/onboot" --runtime "$RUNTIME"'

# with_each FUNCTION: once a runtime, in a folder of its own
with_each() {
	local rt top=$ROOT
	for rt in $(runtimes); do
		export RUNTIME=$rt
		ROOT=$top/$(basename "$rt")
		mkdir -p "$ROOT"
		echo "# with $rt"
		"$@"
	done
}

in_order() {
	bundle "$ROOT/onboot/001-second" -- echo two
	bundle "$ROOT/onboot/000-first" -- echo one
	bundle "$ROOT/onboot/002-third" -- echo three
	run machine "$onboot"';
		echo "status $?"; cat /run/pith/boot.steps; ls /run/'"$(basename "$RUNTIME")"' 2>/dev/null | wc -l'
	echo "$output"
	[ "${lines[0]} ${lines[1]} ${lines[2]} ${lines[3]}" = "one two three status 0" ]
	[ "$(grep '^{' <<<"$output" | jq -r '[.name, .program, .status, .end_us > .start_us] | join(" ")')" = \
		"000-first onboot 0 true
001-second onboot 0 true
002-third onboot 0 true" ]
	[ "${lines[-1]}" = 0 ] # the runtime remembers none of them
}

@test "containers run one after another in the order of their names, and are reported" { with_each in_order; }

@test "logs are under /run/log/onboot, linked from /var/log/onboot, and copied to the console" {
	bundle "$ROOT/onboot/000-talk" -- sh -c 'echo out; echo err >&2'
	RUNTIME=$(command -v runc) run machine "$onboot"' >/dev/null
		readlink /var/log/onboot; cd /var/log/onboot; for f in *.log; do echo "$f: $(cat $f)"; done'
	[ "$output" = "/run/log/onboot
onboot.000-talk.log: err
onboot.000-talk.out.log: out" ]
	RUNTIME=$(command -v runc) run machine "$onboot"
	[ "$output" = "out
err" ]
}

@test "the same on cgroup version 2" {
	export CGROUPS=2
	with_each in_order
}

fails() {
	bundle "$ROOT/onboot/000-bad" -- sh -c 'echo last words >&2; exit 7'
	bundle "$ROOT/onboot/001-host" ns=mount -- sh -c 'kill -9 $$'
	bundle "$ROOT/onboot/002-good" -- echo still here
	run machine "$onboot; echo \"status \$?\"; cat /run/pith/boot.steps"
	echo "$output"
	[[ "$output" == *"last words"*"000-bad: exit status 7"*"001-host: killed by signal 9"*"still here"*"status 1"* ]]
	[ "$(grep '^{' <<<"$output" | jq -r .status | tr '\n' ' ')" = "7 137 0 " ]
}

@test "a failing container is named with its status and its last lines, and the boot goes on" { with_each fails; }

missing_executable() {
	bundle "$ROOT/onboot/000-none" -- /no/such/program
	bundle "$ROOT/onboot/001-good" -- echo still here
	run machine "$onboot; echo \"status \$?\""
	echo "$output"
	[[ "$output" == *"/no/such/program"*"000-none: exit status "*"still here"*"status 1"* ]]
}

@test "a missing executable fails with the runtime's message" { with_each missing_executable; }

not_created() {
	# in the host's PID namespace a container is made and started in two calls
	bundle "$ROOT/onboot/000-none" ns=mount -- /no/such/program
	bundle "$ROOT/onboot/001-bind" ns=mount mount='{"destination":"/new/file","type":"bind","source":"'"$ROOT"'/nowhere","options":["bind"]}' -- true
	run machine "${1:-}$onboot; echo \"status \$?\""
	echo "$output"
	[[ "$output" == *"/no/such/program"*"000-none: "*"exit status "*nowhere*"001-bind: "*"exit status "*"status 1"* ]]
}

@test "the runtime's reason is shown for what it cannot create" { with_each not_created; }

@test "the same with linuxkit.runc_console=1" {
	echo 'linuxkit.runc_console=1' >"$ROOT/cmdline"
	export CMDLINE=$ROOT/cmdline
	with_each not_created 'mount --bind $CMDLINE /proc/cmdline; '
}

live_daemon() {
	bundle "$ROOT/onboot/000-daemon" ns=mount -- sh -c 'yes & echo started >&2'
	bundle "$ROOT/onboot/001-next" -- sh -c 'echo next >&2'
	run machine 'mount --bind $CMDLINE /proc/cmdline; '"$onboot"' >/dev/null; cd /run/log/onboot; cat onboot.000-daemon.log onboot.001-next.log'
	echo "$output"
	[[ "$output" == *started*next* ]]
}

@test "a process left behind that never stops writing does not hold the boot" {
	echo 'linuxkit.runc_console=1' >"$ROOT/cmdline"
	export CMDLINE=$ROOT/cmdline
	with_each live_daemon
}

@test "org.pith.onfail tells PID 1 and runs no further container" {
	local policy signal
	for policy in halt:USR1 poweroff:USR2 reboot:TERM; do
		signal=${policy#*:} policy=${policy%:*}
		rm -rf "$ROOT/onboot"
		bundle "$ROOT/onboot/000-bad" annotation=org.pith.onfail:"$policy" -- false
		bundle "$ROOT/onboot/001-never" -- touch /dev/never
		RUNTIME=$(command -v crun) run machine 'trap "echo got '"$signal"'; exit 3" '"$signal"'
			'"$onboot"' & wait $!; wait $!; echo went on'
		echo "$output"
		[ "$status" -eq 3 ]
		[[ "$output" == *"000-bad: exit status 1"*"org.pith.onfail: $policy"*"got $signal"* ]]
		[[ "$output" != *001-never* && "$output" != *"went on"* ]]
	done
}

@test "an unknown failure policy is named and the boot goes on" {
	bundle "$ROOT/onboot/000-bad" annotation=org.pith.onfail:explode -- false
	bundle "$ROOT/onboot/001-next" -- echo next
	RUNTIME=$(command -v crun) run machine "$onboot"
	[[ "$output" == *"'explode' is none of continue, halt, poweroff, reboot"*next* ]]
}

overlay() {
	bundle "$ROOT/onboot/000-rw" readonly=false -- sh -c 'echo new >/etc/file; rm /bin/ls; cat /etc/file; [ -e /bin/ls ] || echo removed'
	bundle_overlay "$ROOT/onboot/000-rw"
	bundle "$ROOT/onboot/001-ro" -- sh -c 'echo x >/etc/file'
	run machine "$onboot"'; grep -c " $ROOT/" /proc/self/mountinfo; ls $ROOT/onboot/000-rw/tmp $ROOT/onboot/000-rw/rootfs'
	echo "$output"
	[ "${lines[0]} ${lines[1]}" = "new removed" ]
	[[ "$output" == *"/etc/file: Read-only file system"*"001-ro: exit status 1"* ]]
	# nothing stays mounted, nothing reached the image
	grep -qx 0 <<<"$output"
	[ -e "$ROOT/onboot/000-rw/lower/bin/ls" ]
	[ ! -e "$ROOT/onboot/000-rw/lower/etc/file" ]
}

@test "an overlay container writes to its own layer, which goes when it ends" { with_each overlay; }

# mounts elsewhere stay: they were made for others
@test "mounts with every kind of option, compared to a table" {
	bundle "$ROOT/onboot/000-m" -- true
	mkdir -p "$ROOT/src/inner" "$ROOT/m"
	cat >"$ROOT/onboot/000-m/runtime.json" <<-EOF
		{"mounts":[
		 {"destination":"$ROOT/m/tmpfs","source":"a","type":"tmpfs","options":["nosuid","nodev","noexec","size=1m","mode=700"]},
		 {"destination":"$ROOT/m/plain","source":"b","type":"tmpfs"},
		 {"destination":"$ROOT/m/plain","options":["remount","shared"]},
		 {"destination":"$ROOT/m/bind","source":"$ROOT/src","options":["bind"]},
		 {"destination":"$ROOT/m/robind","source":"$ROOT/src","type":"bind","options":["rw","bind","ro","nosuid"]},
		 {"destination":"$ROOT/m/again","source":"c","type":"tmpfs","options":["ro","noatime"]},
		 {"destination":"$ROOT/m/again","type":"tmpfs","options":["remount","rw"]}]}
	EOF
	RUNTIME=$(command -v crun) run machine "$onboot"' && awk -v p="$ROOT/m/" "index(\$5, p) == 1 {
			sep = 7; while (\$sep != \"-\") sep++
			print substr(\$5, length(p) + 1), \$6, (sep > 7 && \$7 ~ /shared/ ? \"shared\" : \"private\"), \$(sep + 1) }" /proc/self/mountinfo'
	echo "$output"
	[ "$(sed "s/ [^ ]*$//" <<<"$output")" = "$(sed 's/ *$//' <<-'EOF'
		tmpfs rw,nosuid,nodev,noexec,relatime private
		plain rw,relatime shared
		bind rw,relatime private
		robind ro,nosuid,relatime private
		again rw,noatime private
	EOF
	)" ]
}

@test "mkdir makes directories, also on a mount and below the root file system" {
	bundle "$ROOT/onboot/000-d" readonly=false -- ls -d /made/here
	cat >"$ROOT/onboot/000-d/runtime.json" <<-EOF
		{"mounts":[{"destination":"$ROOT/vol","source":"t","type":"tmpfs"}],"mkdir":["$ROOT/vol/a/b","made/here"]}
	EOF
	RUNTIME=$(command -v crun) run machine "$onboot"' && ls -d $ROOT/vol/a/b'
	[ "$output" = "/made/here
$ROOT/vol/a/b" ]
}

@test "links of an image, or of a container that writes a part of the machine, lead nothing out of their place" {
	mkdir -p "$ROOT/victim"
	bundle "$ROOT/onboot/000-image" readonly=false -- sh -c 'ls -d /mnt/made; grep -c " /mnt/on " /proc/self/mountinfo'
	ln -s /mnt "$ROOT/onboot/000-image/rootfs/out"
	cat >"$ROOT/onboot/000-image/runtime.json" <<-EOF
		{"mounts":[{"destination":"out/on","source":"t","type":"tmpfs","options":["nosuid","private"]}],
		 "mkdir":["out/made","$ROOT/onboot/000-image/rootfs/out/made2"]}
	EOF
	bundle "$ROOT/onboot/001-mkdir" -- echo never
	echo '{"mkdir":["/run/shared/made"]}' >"$ROOT/onboot/001-mkdir/runtime.json"
	bundle "$ROOT/onboot/002-mount" -- echo never
	echo '{"mounts":[{"destination":"/run/shared","source":"t","type":"tmpfs"}]}' >"$ROOT/onboot/002-mount/runtime.json"
	bundle "$ROOT/onboot/003-source" -- echo never
	echo '{"mounts":[{"destination":"mnt","source":"/run/shared","type":"bind","options":["bind"]}]}' >"$ROOT/onboot/003-source/runtime.json"
	bundle "$ROOT/onboot/004-bound" ns=pid,mount,network -- echo never
	echo '{"bindNS":{"net":"/run/bound"}}' >"$ROOT/onboot/004-bound/runtime.json"
	bundle "$ROOT/onboot/005-fifo" ns=pid,mount,network -- echo never
	echo '{"bindNS":{"net":"/run/fifo"}}' >"$ROOT/onboot/005-fifo/runtime.json"
	bundle "$ROOT/onboot/006-log" -- echo logged
	RUNTIME=$(command -v crun) run machine 'ln -s $ROOT/victim /run/shared; ln -s $ROOT/victim/made-by-bind /run/bound; mkfifo /run/fifo
		mkdir -p /run/log/onboot; echo kept >$ROOT/victim/file; ln -s $ROOT/victim/file /run/log/onboot/onboot.006-log.out.log
		timeout 20 '"$onboot"'; echo "status $?"; cat $ROOT/victim/file; ls $ROOT/victim; grep -c "$ROOT/victim" /proc/self/mountinfo
		cat /run/log/onboot/onboot.006-log.out.log; ls -d $ROOT/onboot/000-image/rootfs/mnt/made2'
	echo "$output"
	[ "${lines[0]}|${lines[1]}" = '/mnt/made|1' ]
	[[ "$output" == *"001-mkdir: /run/shared/made: shared is a link that a container may have made"* ]]
	[[ "$output" == *"002-mount: /run/shared: shared is a link"* ]]
	[[ "$output" == *"003-source: /run/shared: shared is a link"* ]]
	[[ "$output" == *"004-bound: bind net namespace to /run/bound: bound: "* ]]
	[[ "$output" == *"005-fifo: bind net namespace to /run/fifo: fifo: "* ]]
	[ "$(grep -c never <<<"$output")" = 0 ]
	[[ "$output" == *$'status 1\nkept\nfile\n0\nlogged\n'"$ROOT/onboot/000-image/rootfs/mnt/made2" ]]
}

@test "cgroups are made in the one tree of version 2" {
	bundle "$ROOT/onboot/000-c" -- true
	echo '{"cgroups":["/'"$TAG"'-extra/sub"]}' >"$ROOT/onboot/000-c/runtime.json"
	CGROUPS=2 RUNTIME=$(command -v crun) run machine "$onboot"' && rmdir /sys/fs/cgroup/'"$TAG"'-extra/sub /sys/fs/cgroup/'"$TAG"'-extra'
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "a cgroup that would leave the tree is refused" {
	bundle "$ROOT/onboot/000-c" -- echo never
	echo '{"cgroups":["../'"$TAG"'-extra"]}' >"$ROOT/onboot/000-c/runtime.json"
	RUNTIME=$(command -v crun) run machine "$onboot"
	[[ "$output" == *"000-c: cgroup '../$TAG-extra': Invalid argument"* && "$output" != *never* ]]
}

@test "cgroups are made in every tree" {
	bundle "$ROOT/onboot/000-c" -- true
	echo '{"cgroups":["'"$TAG"'-extra/sub","'"$TAG"'-flat"]}' >"$ROOT/onboot/000-c/runtime.json"
	RUNTIME=$(command -v crun) run machine "$onboot"
	[ "$status" -eq 0 ]
	local made trees=1
	made=$(find /sys/fs/cgroup -type d -path "*/$TAG-extra/sub" | wc -l)
	[ -e /sys/fs/cgroup/cgroup.controllers ] || trees=$(find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d ! -name unified | wc -l)
	# other tests' groups come and go meanwhile
	while read -r group; do
		rmdir "$group"
	done < <(find /sys/fs/cgroup -depth -type d \( -name "$TAG-extra" -o -name "$TAG-flat" -o -path "*/$TAG-extra/sub" \) 2>/dev/null)
	[ "$made" -eq "$trees" ]
}

links() {
	local sys='{"destination":"/sys","type":"sysfs","source":"sysfs","options":["ro"]}'
	bundle "$ROOT/onboot/000-net" ns=pid,mount,network mount="$sys" -- ls /sys/class/net
	echo '{"interfaces":[{"name":"moved0"},{"name":"taken0","add":"ifb"},{"name":"root0","add":"ifb","createInRoot":true},
		{"name":"v0","peer":"v0peer"},{"name":"br7","add":"bridge"}]}' >"$ROOT/onboot/000-net/runtime.json"
	run machine -n 'ip link add moved0 type ifb; ip link add taken0 type ifb
		'"$onboot"' || exit; echo --; ls /sys/class/net'
	echo "$output"
	[ "$(sed '/--/,$d' <<<"$output" | grep -vE '^(lo|bonding_masters|tunl0|sit0|ip6.*|gre.*|erspan0)$' | sort | tr '\n' ' ')" = "br7 moved0 root0 taken0 v0 " ]
}

@test "interfaces are moved, made inside, made in the root namespace, and paired" { with_each links; }

@test "the other end of a veth stays outside while the container runs" {
	bundle "$ROOT/onboot/000-net" ns=pid,mount,network mount='{"destination":"/x","type":"bind","source":"'"$ROOT"'","options":["bind"]}' -- \
		sh -c 'while [ ! -e /x/go ]; do usleep 10000; done'
	echo '{"interfaces":[{"name":"v0","add":"veth","peer":"v0peer"}]}' >"$ROOT/onboot/000-net/runtime.json"
	RUNTIME=$(command -v crun) run machine -n "$onboot"' & within 20 ip link show v0peer; ip link show v0peer
		ip link show v0 2>&1; touch $ROOT/go; wait'
	echo "$output"
	[[ "$output" == *"v0peer@"* && "$output" == *'"v0" does not exist'* ]]
}

@test "an interface that is not there fails the container and leaves nothing behind" {
	bundle "$ROOT/onboot/000-net" ns=pid,mount,network -- echo never
	echo '{"interfaces":[{"name":"absent0"}]}' >"$ROOT/onboot/000-net/runtime.json"
	bundle "$ROOT/onboot/001-kind" ns=pid,mount,network -- echo never
	echo '{"interfaces":[{"name":"x0","add":"nosuchkind"}]}' >"$ROOT/onboot/001-kind/runtime.json"
	RUNTIME=$(command -v runc) run machine -n "$onboot"'; ls /run/runc | wc -l'
	echo "$output"
	[[ "$output" == *"000-net: move interface absent0"*"No such device"* ]]
	[[ "$output" == *"001-kind: make interface x0 of type nosuchkind"* ]]
	[[ "$output" != *never* && "${lines[-1]}" = 0 ]]
}

binds() {
	bundle "$ROOT/onboot/000-ns" ns=pid,mount,network,ipc,uts,cgroup,user -- sh -c 'ls -l /proc/self/ns'
	# a user namespace needs its mapping
	jq '.linux.uidMappings=[{"containerID":0,"hostID":0,"size":65536}] | .linux.gidMappings=.linux.uidMappings' \
		"$ROOT/onboot/000-ns/config.json" >"$ROOT/c" && mv "$ROOT/c" "$ROOT/onboot/000-ns/config.json"
	echo '{"bindNS":{"cgroup":"/run/b/cgroup","ipc":"/run/b/ipc","mnt":"/run/b/mnt","net":"/run/b/net","pid":"/run/b/pid",
		"user":"/run/b/user","uts":"/run/b/uts"}}' >"$ROOT/onboot/000-ns/runtime.json"
	bundle "$ROOT/onboot/001-join" ns=pid,mount,network:/run/b/net,uts:/run/b/uts -- sh -c 'readlink /proc/self/ns/net; readlink /proc/self/ns/uts'
	# Linux 6.18 compares numbers of mount namespaces that grow on each CPU alone, to refuse loops
	PIN=1 run machine "mount --make-rshared /; $onboot"'
		for n in cgroup ipc mnt net pid user uts; do echo "bound $n:[$(stat -c %i /run/b/$n)]"; done'
	echo "$output"
	local n
	for n in cgroup ipc mnt net pid user uts; do
		# what the container saw as its own is what the file holds
		grep -q " $n -> $(sed -n "s/^bound \($n:.*\)/\1/p" <<<"$output" | sed 's/[][]/\\&/g')$" <<<"$output" || { echo "$n differs"; return 1; }
	done
	[ "$(grep -c "^$(sed -n 's/^bound \(net:.*\)/\1/p' <<<"$output" | sed 's/[][]/\\&/g')$" <<<"$output")" -eq 1 ]
	[ "$(grep -c "^$(sed -n 's/^bound \(uts:.*\)/\1/p' <<<"$output" | sed 's/[][]/\\&/g')$" <<<"$output")" -eq 1 ]
}

@test "all seven namespaces are bound and can be joined by a later container" { with_each binds; }

@test "linuxkit.runc_debug=1 on the kernel command line shows each step and the runtime's own messages" {
	bundle "$ROOT/onboot/000-d" -- echo hello
	echo 'console=ttyS0 linuxkit.runc_debug=1' >"$ROOT/cmdline"
	RUNTIME=$(command -v runc) run machine 'mount --bind $ROOT/cmdline /proc/cmdline; '"$onboot"
	echo "$output"
	[[ "$output" == *"debug: 000-d: from $ROOT/onboot/000-d"* && "$output" == *"level=debug"* && "$output" == *hello* ]]
}

@test "linuxkit.runc_console=1 shows output while the container runs, and the log has it too" {
	bundle "$ROOT/onboot/000-c" mount='{"destination":"/x","type":"bind","source":"'"$ROOT"'","options":["bind"]}' -- \
		sh -c 'echo early; while [ ! -e /x/go ]; do usleep 10000; done; echo late >&2'
	echo 'linuxkit.runc_console=1' >"$ROOT/cmdline"
	RUNTIME=$(command -v runc) run machine 'mount --bind $ROOT/cmdline /proc/cmdline; : >$ROOT/console; '"$onboot"' >$ROOT/console &
		within 20 grep -q early $ROOT/console; cat $ROOT/console; touch $ROOT/go; wait
		echo --; cat $ROOT/console; cat /run/log/onboot/onboot.000-c.out.log /run/log/onboot/onboot.000-c.log'
	[ "$output" = "early
--
early
late
early
late" ]
}

@test "service logs shows both streams of an onboot container in the order written, with times, from a line or a time on" {
	bundle "$ROOT/onboot/000-talk" "$(shared)" -- sh -c 'next() { until [ -e /x/$1 ]; do usleep 20000; done; }
		echo one; next a; echo two >&2; next b; printf thr; next c; echo ee'
	# more than is kept of a stream: what comes after its head is in the file only at the end
	bundle "$ROOT/onboot/001-flood" "$(shared)" -- sh -c 'next() { until [ -e /x/$1 ]; do usleep 20000; done; }
		echo begin >&2; next d; yes 0123456789abcde | head -c 400000; next e; echo middle >&2; next f; echo end'
	bundle "$ROOT/onboot/002-mute" -- true
	echo 'linuxkit.runc_console=1' >"$ROOT/cmdline"
	RUNTIME=$(command -v crun) run machine 'mount --bind $ROOT/cmdline /proc/cmdline; : >$ROOT/console; '"$onboot"' >>$ROOT/console &
		has() { [ $(stat -c %s $ROOT/console) -ge $1 ]; }; logs() { "$SERVICE" logs "$@"; }
		within 20 has 4; touch $ROOT/a; within 20 has 8; since=$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ); touch $ROOT/b; within 20 has 11; touch $ROOT/c; within 20 has 14
		within 20 has 20; touch $ROOT/d; within 20 has 400020; touch $ROOT/e; within 20 has 400027; touch $ROOT/f; wait
		logs talk | tr "\n" ,; echo; logs -t onboot/talk | sed "s/[0-9]/9/g" | tr "\n" ,; echo; logs -n 2 onboot/000-talk | tr "\n" ,; echo; logs --since $since talk
		logs flood | sed -n "1p; \$p"; logs -t -n 2 flood | cut -d" " -f2; logs flood | grep -c "bytes are left out"; logs -t flood | grep -cv ^2; [ "$(logs -t flood | grep ^2 | cut -d" " -f1 | sort)" = "$(logs -t flood | grep ^2 | cut -d" " -f1)" ] && echo sorted
		logs -t mute; echo "mute $?"; [ $(stat -c %s /run/log/onboot/onboot.001-flood.order) -le $((6144 * 16)) ] && echo bounded'
	echo "$output"
	local t=9999-99-99T99:99:99.999999Z
	[ "${lines[0]}|${lines[1]}|${lines[2]}|${lines[3]}" = "one,two,three,|$t one,$t two,$t three,|two,three,|three" ]
	[ "${lines[4]}|${lines[5]}|${lines[6]}|${lines[7]}|${lines[8]}" = "begin|end|middle|end|1" ]
	# the word about what is left out, and what it parts
	[ "${lines[9]}" -le 3 ]
	[ "${lines[10]}|${lines[11]}|${lines[12]}" = "sorted|mute 0|bounded" ]
}

much() {
	bundle "$ROOT/onboot/000-much" -- sh -c 'i=0; while [ $i -lt 60000 ]; do echo line-$i-0123456789abcdefghijklmnopqrstuvwxyz; i=$((i + 1)); done; echo end >&2'
	bundle "$ROOT/onboot/001-some" -- sh -c 'yes 0123456789abcde | head -c 300000'
	run machine "$onboot"' >$ROOT/console; cd /run/log/onboot; cp onboot.000-much.out.log $ROOT/log; stat -c %s onboot.001-some.out.log $ROOT/console; cat onboot.000-much.log'
	echo "$output"
	# a log has the first 256 KiB and the last 64, with a word between them; the console has the last 64 KiB of each stream
	[ "$output" = $'300000\n131076\nend' ]
	[ "$(stat -c %s "$ROOT/log")" -lt 327800 ]
	seq -f 'line-%.0f-0123456789abcdefghijklmnopqrstuvwxyz' 0 59999 >"$ROOT/all"
	cmp -n 262144 "$ROOT/log" "$ROOT/all"
	cmp <(tail -c 65536 "$ROOT/log") <(tail -c 65536 "$ROOT/all")
	left=$(($(stat -c %s "$ROOT/all") - 327680))
	[ "$left" -gt 0 ]
	grep -qa "^\[\.\.\. $left bytes are left out here \.\.\.\]$" "$ROOT/log"
}

@test "the log of a container that writes a lot is bounded: its beginning and its end are kept" { with_each much; }

@test "logs leave /run the half of its room" {
	bundle "$ROOT/onboot/000-one" -- sh -c 'yes | head -c 250000'
	bundle "$ROOT/onboot/001-two" -- sh -c 'yes | head -c 250000'
	RUNTIME=$(command -v crun) run machine 'mount -o remount,size=512k /run; '"$onboot"' >/dev/null; cd /run/log/onboot; stat -c %s *.out.log'
	echo "$output"
	[ "${lines[0]}" = 250000 ]
	[ "${lines[1]}" -lt 120000 ]
	[ "${lines[1]}" -gt 65536 ]
}

@test "a container that takes long is named on the console, and to who asks for the services" {
	mkfifo "$ROOT/go"
	bundle "$ROOT/onboot/000-dhcpcd" "$(shared)" -- cat /x/go
	RUNTIME=$(command -v crun) run machine "$onboot"' >$ROOT/console 2>&1 & within 20 test -e /run/pith/boot.running; $SERVICE list; echo "list $?"
		within 30 grep -q waits $ROOT/console; : >$ROOT/go; wait; cat $ROOT/console; $SERVICE list; ls /run/pith'
	echo "$output"
	[[ "${lines[0]}" == *'no supervisor runs yet: the boot waits for onboot 000-dhcpcd, which has run for '*' s' ]]
	[ "${lines[1]}" = 'list 1' ]
	[[ "${lines[2]}" == *'onboot: 000-dhcpcd still runs after 10 s: the boot waits for it' ]]
	[[ "${lines[3]}" == *'this machine has no services' ]]
	[ "${lines[4]}" = boot.steps ]
}

daemon() {
	bundle "$ROOT/onboot/000-daemon" ns=mount "$(shared)" -- sh -c '(cat /x/go; echo last words; exec sleep 1000) & echo started'
	bundle "$ROOT/onboot/001-next" -- echo next
	rm -f "$ROOT/go"; mkfifo "$ROOT/go"
	run machine "$onboot"'; for p in /proc/[0-9]*; do tr "\0" " " <$p/cmdline; echo; done 2>/dev/null | grep "^cat /x/go"
		echo heard >$ROOT/go; within 20 grep -q "last words" /run/log/onboot/onboot.000-daemon.out.log; cat /run/log/onboot/onboot.000-daemon.out.log'
	echo "$output"
	[ "${lines[0]}" = started ]
	[ "${lines[1]}" = next ]
	[ "${lines[2]}" = "cat /x/go " ]
	# what it writes then is logged, too
	[ "${lines[3]}|${lines[4]}|${lines[5]}" = "started|heard|last words" ]
}

@test "a container in the host's PID namespace may leave a daemon behind" { with_each daemon; }

@test "what cannot be prepared is named, taken back, and does not stop the others" {
	bundle "$ROOT/onboot/000-m" -- echo never
	cat >"$ROOT/onboot/000-m/runtime.json" <<-EOF
		{"mounts":[{"destination":"$ROOT/onboot/000-m/t","source":"t","type":"tmpfs"},
		 {"destination":"$ROOT/onboot/000-m/rootfs","source":"x","type":"nosuchfs"}]}
	EOF
	bundle "$ROOT/onboot/001-json" -- echo never
	echo '{"mkdir": 5}' >"$ROOT/onboot/001-json/runtime.json"
	bundle "$ROOT/onboot/002-config" -- echo never
	echo '{"process":' >"$ROOT/onboot/002-config/config.json"
	mkdir "$ROOT/onboot/003-empty"
	bundle "$ROOT/onboot/004-good" -- echo good
	RUNTIME=$(command -v runc) run machine "$onboot"'; echo "status $?"; grep -c " $ROOT/" /proc/self/mountinfo'
	echo "$output"
	[[ "$output" == *"000-m: mount nosuchfs x on $ROOT/onboot/000-m/rootfs: No such device"* ]]
	[[ "$output" == *"001-json: $ROOT/onboot/001-json/runtime.json: mkdir: not a list"* ]]
	[[ "$output" == *"002-config: $ROOT/onboot/002-config/config.json: line 2: "* ]]
	[[ "$output" == *"003-empty: $ROOT/onboot/003-empty/config.json: No such file"* ]]
	[[ "$output" == *"good"*"status 1"* && "$output" != *never* ]]
	[ "${lines[-1]}" = 0 ]
}

@test "nothing to run is no failure, and a runtime that is missing is named" {
	run machine '"$SERVICE" onboot --path "$ROOT/none" --runtime /no/runc && ls /run'
	[ "$status" -eq 0 ]
	[[ "$output" != *pith* && "$output" != *log* ]]
	bundle "$ROOT/onboot/000-a" -- true
	run machine '"$SERVICE" onboot --path "$ROOT/onboot" --runtime /no/runc'
	[ "$status" -eq 1 ]
	[[ "$output" == *"000-a: start /no/runc: No such file or directory"* ]]
}

@test "the name that the program is called by decides what it does" {
	bundle "$ROOT/onshutdown/000-bye" annotation=org.pith.onfail:halt -- sh -c 'echo bye; exit 4'
	ln -s "$SERVICE" "$ROOT/010-onshutdown"
	RUNTIME=$(command -v crun) run machine 'trap "echo told" USR1; $ROOT/010-onshutdown -path $ROOT/onshutdown -runtime $RUNTIME
		ls /run/log/shutdown /var/log/shutdown/; cat /run/pith/boot.steps'
	echo "$output"
	[[ "$output" == *bye*"onshutdown: "*"000-bye: exit status 4"*"shutdown.000-bye.log"* ]]
	[[ "$output" != *told* && "$output" == *'"program":"shutdown"'* ]]
}

@test "volumes: writable ones are overlays, the others read-only binds" {
	mkdir -p "$ROOT"/v/{rw,ro,broken}/{lower,merged} "$ROOT/v/rw/tmp"
	rmdir "$ROOT/v/broken/merged"
	echo image | tee "$ROOT/v/rw/lower/f" >"$ROOT/v/ro/lower/f"
	run machine '"$SERVICE" volumes --path $ROOT/v; echo "status $?"
		cd $ROOT/v; echo new >rw/merged/f && cat rw/merged/f rw/lower/f; cat ro/merged/f; sh -c "echo no >ro/merged/f" 2>&1'
	echo "$output"
	[[ "${lines[0]}" == *"broken: $ROOT/v/broken/merged: Not a directory"* ]]
	[ "${lines[1]}|${lines[2]}|${lines[3]}|${lines[4]}" = "status 1|new|image|image" ]
	[[ "${lines[5]}" == *"Read-only file system"* ]]
	run machine '"$SERVICE" volumes --path $ROOT/none'
	[ "$status" -eq 0 ]
}

# a disk, which the machine mounts on $ROOT/disk
disk_make() {
	truncate -s 16M "$ROOT/disk.img"
	mkfs.ext4 -q "$ROOT/disk.img"
	mkdir -p "$ROOT/disk"
}

@test "what a container writes to its root is kept on a disk that is mounted, and in memory where none is" {
	disk_make
	bundle "$ROOT/onboot/000-w" readonly=false "annotation=org.pith.upper:$ROOT/disk/w" -- sh -c 'cat /kept 2>&1; echo mine >/kept'
	bundle_overlay "$ROOT/onboot/000-w"
	export RUNTIME
	for RUNTIME in $(runtimes); do
		run machine 'mount -o loop $ROOT/disk.img $ROOT/disk; '"$onboot; echo next; $onboot"'; umount $ROOT/disk && e2fsck -fn $ROOT/disk.img >/dev/null 2>&1 && echo whole'
		echo "$output"
		[[ "${lines[0]}" == *"can't open '/kept'"* ]]
		[ "${lines[1]}|${lines[2]}|${lines[3]}" = 'next|mine|whole' ]
		debugfs -w -R 'rm /w/upper/kept' "$ROOT/disk.img"
	done
	# where a tmpfs is, nothing would be kept
	run machine 'mount -t tmpfs none $ROOT/disk; '"$onboot; $onboot"
	echo "$output"
	[ "$(grep -c "no writable disk is mounted at $ROOT/disk/w: what it writes is in memory" <<<"$output")" = 2 ]
	[ "$(grep -c "can't open '/kept'" <<<"$output")" = 2 ]
	# nor on a disk that is read-only, whether the folder is there or not
	truncate -s 16M "$ROOT/new.img"
	mkfs.ext4 -q "$ROOT/new.img"
	for image in disk new; do
		run machine 'mount -o loop,ro $ROOT/'$image'.img $ROOT/disk; '"$onboot"
		echo "$output"
		[[ "${lines[0]}" == *"no writable disk is mounted at $ROOT/disk/w: what it writes is in memory" ]]
		[[ "${lines[1]}" == *"can't open '/kept'"* ]]
	done
	# what somebody has put there leads nowhere else
	run machine 'mount -o loop $ROOT/disk.img $ROOT/disk; rm -r $ROOT/disk/w; mkdir $ROOT/disk/other; ln -s other $ROOT/disk/w; '"$onboot"'; find $ROOT/disk/other'
	echo "$output"
	[[ "${lines[0]}" == *"org.pith.upper: $ROOT/disk/w: w is a link that a container may have made"* ]]
	[ "${lines[-1]}" = "$ROOT/disk/other" ]
}

@test "volumes are kept on the disk that a container has mounted, and those without a disk in memory" {
	disk_make
	mkdir -p "$ROOT"/volumes/{data,image,fixed}/{lower,merged} "$ROOT"/volumes/{data,image}/tmp
	echo image | tee "$ROOT/volumes/image/lower/f" >"$ROOT/volumes/fixed/lower/f"
	bundle "$ROOT/onboot/000-mount" "annotation=org.pith.volumes:$ROOT/disk/volumes" -- true
	RUNTIME=$(command -v runc)
	export RUNTIME
	boot='"$SERVICE" volumes --path $ROOT/volumes; echo early >$ROOT/volumes/data/merged/early; '"$onboot; cd $ROOT/volumes; cat image/merged/f fixed/merged/f; ls data/merged"
	run machine 'mount -o loop $ROOT/disk.img $ROOT/disk; '"$boot"'; echo kept >data/merged/a; echo new >image/merged/f'
	echo "$output"
	[ "$output" = $'image\nimage' ]
	run machine 'mount -o loop $ROOT/disk.img $ROOT/disk; '"$boot"'; cat data/merged/a; ls $ROOT/disk/volumes'
	echo "$output"
	[ "$output" = $'new\nimage\na\nkept\ndata\nimage' ]
	# one that cannot be kept there is as it began, and the others are kept
	run machine 'mount -o loop $ROOT/disk.img $ROOT/disk; rm -r $ROOT/disk/volumes/image/upper; ln -s /tmp $ROOT/disk/volumes/image/upper; '"$boot"
	echo "$output"
	[[ "${lines[0]}" == *"error: image: "*"upper is a link that a container may have made"* ]]
	[ "${lines[1]}|${lines[2]}|${lines[3]}" = 'image|image|a' ]
	run machine 'mount -t tmpfs none $ROOT/disk; '"$boot"
	echo "$output"
	[[ "${lines[0]}" == *"no writable disk is mounted at $ROOT/disk/volumes: volumes stay in memory"* ]]
	[ "${lines[1]}|${lines[2]}|${lines[3]}" = 'image|image|early' ]
}
