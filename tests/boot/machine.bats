#!/usr/bin/env bats
# `pith machine`: machines with names. One boot shows what a running one is good for.

load ../lib/common

setup() {
	test_begin
	export XDG_DATA_HOME=$T/data XDG_CONFIG_HOME=$T/config LINUXKIT_QEMU_ACCEL=tcg
	machines=$XDG_DATA_HOME/pith/machines
	mkdir bin
	PATH=$T/bin:$PATH
	cat >small.yml <<-'END'
		kernel: {image: "pith/kernel", cmdline: "console=ttyS0 quiet"}
		init: [pith/init, pith/runc]
		services:
		  - {name: idle, image: pith/busybox, command: [sleep, "1000000"]}
	END
}
# a machine that a failed test leaves is in the background, where nobody else ends it
teardown() {
	local name
	for name in $("$pith" machine list --quiet); do
		[ ! -e "$machines/$name/state/qemu.pid" ] || "$pith" machine stop --now "$name" || true
	done
	test_end
}

machine() { timeout 300 "$pith" machine "$@" 3>&- 8>&- 9>&-; }

# refused STATUS MESSAGE WORD...
refused() {
	local want=$1 says=$2
	shift 2
	run --separate-stderr machine "$@"
	echo "$stderr"
	[ "$status" -eq "$want" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == *"$says"* ]]
}

# stub NAME: a command that notes what it was called with
stub() {
	printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\n' "$1" "$T" >"bin/$1"
	chmod +x "bin/$1"
}

fake() { # NAME: a machine that was never built
	mkdir -p "$machines/$1"
	echo '{"cpus": 2, "memory": 536870912, "disk": 1073741824, "publish": ["8080:80"], "template": "docker", "context": true}' >"$machines/$1/settings.json"
}

@test "bad names, words and settings are one line, and leave nothing" {
	for name in a/b .. .x _x 'a b' "$(printf 'a%.0s' {1..64})" ''; do
		refused 1 "cannot be a machine's name" create --template ./small.yml "$name"
	done
	refused 1 'no such template; there are: ' create --template nothing m
	refused 1 'small.ymll' create --template ./small.ymll m
	echo 'kernel: [' >broken.yml
	run -1 --separate-stderr machine create --template broken.yml m
	[[ ${stderr_lines[0]} == broken.yml:2:1:* ]]
	refused 1 'no machine "m": `pith machine create m` makes it' start m
	refused 2 'which machine?' start
	refused 2 'one too many' start a b
	refused 2 '`pith machine list`' ls
	refused 2 'set what?' set m
	refused 2 'exec what?' exec m
	refused 2 'not a size' create --mem lots m
	refused 2 'an option of `pith run`' create --run-option accel m
	[ -z "$(find "$machines" -mindepth 1 ! -name .work)" ]
	[ "$(machine list --quiet)" = '' ]
	fake broken
	echo '{"cpus": "two"}' >"$machines/broken/settings.json"
	refused 1 'machine broken: settings.json: cpus' start broken
	fake fine
	run -1 "$pith" ps fine
	[ "$output" = 'pith: error: the machine fine was never started: `pith machine start fine` starts it' ]
	run --separate-stderr machine list
	[ "$status" -eq 1 ]
	[[ $output == *fine*stopped*2*512M*1G*8080:80* ]]
	[[ $stderr == *'machine broken: settings.json'* ]]
}

@test "a create that is killed leaves no machine, two at once make one" {
	# `pith build` reads the YAML once more, and waits for it here
	mkfifo waits.yml
	background killed timeout 300 "$pith" machine create --template ./waits.yml m
	patiently 60 /bin/sh -c 'cat small.yml >waits.yml'
	within 60 eval '[ -n "$(find "$machines/.work" -name machine.yml)" ]'
	kill -KILL "$(pgrep -P "$background" -f 'machine create')"
	within 30 eval '[ -z "$(find "$machines" -mindepth 1 ! -name .work)" ]'
	background one timeout 300 "$pith" machine create --template ./small.yml m
	background two timeout 300 "$pith" machine create --template ./small.yml m
	within 300 ended "${background_pids[-1]}"
	within 300 ended "${background_pids[-2]}"
	[ "$(machine list --quiet)" = m ]
	[ "$(cat one two | grep -c 'there is a machine m already')" -le 1 ]
	[ "$(find "$machines" -mindepth 1 -maxdepth 1 ! -name .work)" = "$machines/m" ]
	refused 1 'there is a machine m already' create --template ./small.yml m
	machine rm m
	# what a process leaves is taken away by its guard, a moment later
	within 30 eval '[ -z "$(find "$machines" -mindepth 1 ! -name .work)" ]'
}

@test "a machine that somebody works on is locked, and says by whom" {
	fake m
	exec {held}>"$machines/m/lock"
	flock -n "$held"
	echo "$$" >&"$held"
	refused 1 "process $$; try again when it has ended" set m --cpus 3
	refused 1 "process $$" start m
	refused 1 "process $$" rm m
	[ "$(machine info m --json | jq .cpus)" = 2 ]
	exec {held}>&-
	machine set m --cpus 3 --mem 1G --publish none --run-option=--low-memory
	machine info m --json | jq -e '.cpus == 3 and .memory == 1073741824 and .publish == [] and .state == "stopped"'
	refused 1 'only grows' set m --disk 512M
	refused 1 'does not run' exec m true
	machine stop m 2>err
	grep -q 'does not run' err
	machine info m | grep -qx 'disk:       0M of the host used of 1G'
}

@test "docker is told of a machine by its context and its environment, systemd by a unit" {
	stub docker
	stub systemctl
	fake m
	run -0 machine env m
	( eval "$output" && [ "$DOCKER_HOST" = "unix://$machines/m/state/guest.00000948" ] )
	machine enable m
	unit=$XDG_CONFIG_HOME/systemd/user/pith-machine-m.service
	grep -qxF "Environment=\"XDG_DATA_HOME=$XDG_DATA_HOME\"" "$unit"
	grep -qE "^ExecStart=\"$pith\" machine start m$" "$unit"
	grep -qE "^ExecStop=\"$pith\" machine stop m$" "$unit"
	! type systemd-analyze >/dev/null 2>&1 || XDG_RUNTIME_DIR=$T systemd-analyze verify --user "$unit"
	grep -qx 'systemctl --user enable pith-machine-m.service' calls
	machine rm m
	[ ! -e "$unit" ]
	grep -qx 'systemctl --user disable pith-machine-m.service' calls
	grep -qx 'docker context rm -f pith-m' calls
	fake n
	printf '#!/bin/sh\necho "no bus" >&2\nexit 1\n' >bin/systemctl
	refused 1 'systemctl --user daemon-reload: no bus' enable n
	[ -z "$(ls "$XDG_CONFIG_HOME/systemd/user")" ]
}

@test "a machine is made, started, used, changed, restarted and removed by its name" {
	machine create --template ./small.yml --mem 256M --disk 16M --start m
	machine start m 2>err
	grep -q 'runs already' err
	[[ $(machine list) == *m*running*256M*16M* ]]
	machine info m --json | jq -e '.state == "running" and .memory_used > 10000000 and .disk == 16777216'
	[ "$(machine exec --service idle m echo from the service)" = 'from the service' ]
	[ "$(machine exec --service idle m -- sh -c 'exit 7' || echo $?)" = 7 ]
	[ "$(echo 'echo in a shell; exit' | machine shell --service idle m)" = 'in a shell' ]
	[[ $("$pith" ps m) == *idle*running* ]]
	refused 1 'pith machine stop m' rm m
	machine set m --disk 32M --mem 300M 2>err
	grep -q 'pith machine restart m' err
	machine restart m
	qemu=$(cat "$machines/m/state/qemu.pid")
	[ "$(qemu-img info -U --output=json "$machines/m/state/disk.img" | jq ".\"virtual-size\"")" -eq 33554432 ]
	tr '\0' ' ' <"/proc/$qemu/cmdline" | grep -qE -- '-m (size=)?300M? '
	machine rm --force m
	within 60 ended "$qemu"
	[ -z "$(find "$machines" -mindepth 1 ! -name .work)" ]
}
