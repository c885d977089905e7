#!/usr/bin/env bats
# A Docker engine in a machine, used through the host's own docker: one boot of examples/docker.yml plays the whole scene. Images come
# from a registry of the host, and from its files.

load ../lib/common
load ../lib/images

docker() { patiently "${limit:-60}" "$BATS_FILE_TMPDIR/bin/docker" "$@"; }
# machine_sh SCRIPT: a shell with the machine's processes and files (/host)
machine_sh() { docker run --rm --privileged --pid=host --network=host -v /:/host busybox:1 /bin/sh -c "$1"; }

# The client of the distribution, unpacked and not installed: the package of the engine, which has it in Debian 12, is fetched already.
client_unpack() {
	local deb debs=${XDG_CACHE_HOME:-$HOME/.cache}/pith/debs
	mkdir bin client
	for deb in "$debs"/docker.io_*_"$(dpkg --print-architecture)".deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C client ./usr/bin/docker 2>/dev/null || :
	done
	if [ ! -e client/usr/bin/docker ]; then
		(cd client && apt-get -qq -o APT::Sandbox::User= download docker-cli && dpkg-deb -x docker-cli_*.deb .) >apt.log 2>&1
	fi
	ln client/usr/bin/docker bin/docker
}

# An image of ours in a registry of the host, which is 10.0.2.2 in the machine.
registry_fill() {
	start_registry
	echo "$background" >registry.pid
	"$pith" cache export --format docker --outfile busybox.tar --name docker.io/pith/busybox:file pith/busybox:latest
	skopeo copy -q --dest-tls-verify=false docker-archive:busybox.tar "docker://$registry/busybox:1"
	echo "10.0.2.2:${registry#*:}" >registry.name
}

# echoes on port 7, TCP (once a connection) and UDP, IPv4 and IPv6
echo_program() {
	cat >echo.c <<-'END'
		#include <netinet/in.h>
		#include <poll.h>
		#include <sys/socket.h>
		#include <unistd.h>
		int main(void)
		{
			struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(7) }, from;
			int t = socket(AF_INET6, SOCK_STREAM, 0), u = socket(AF_INET6, SOCK_DGRAM, 0), one = 1;
			setsockopt(t, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
			if (bind(t, (void *)&a, sizeof a) || bind(u, (void *)&a, sizeof a) || listen(t, 16))
				return 1;
			for (;;) {
				struct pollfd p[] = { { t, POLLIN, 0 }, { u, POLLIN, 0 } };
				char data[2048];
				socklen_t n = sizeof from;
				poll(p, 2, -1);
				if (p[1].revents) {
					ssize_t r = recvfrom(u, data, sizeof data, 0, (void *)&from, &n);
					sendto(u, data, r > 0 ? r : 0, 0, (void *)&from, n);
				}
				if (p[0].revents) {
					int c = accept(t, NULL, NULL);
					ssize_t r = read(c, data, sizeof data);
					if (r > 0 && write(c, data, r) != r)
						return 1;
					close(c);
				}
			}
		}
	END
	musl-gcc -static -Os -o echo echo.c
}

setup_file() {
	load ../lib/common
	needs_tuned_kernel
	T=$BATS_FILE_TMPDIR name=$BATS_FILE_TMPDIR/docker
	cd "$T" || return 1
	background_pids=()
	"$pith" build --dir "$T" --name docker "$root_dir/examples/docker.yml"
	client_unpack
	echo_program
	registry_fill
	"$pith" run --accel tcg --detached --wait=ready --networking vpnkit --mem 512 --disk size=2G \
		--data '{"docker": {"entries": {"daemon.json": {"content": "{\"insecure-registries\": [\"10.0.2.0/24\"], \"labels\": [\"scene=1\"]}"}}}}' \
		--stop-timeout 60 "$name" 3>&- 8>&- 9>&- || {
		tail -n 60 "$name-state/console.log"
		return 1
	}
	export DOCKER_HOST=unix://$name-state/guest.00000948 DOCKER_CONFIG=$T/config
	docker pull -q "$(cat registry.name)/busybox:1"
	docker tag "$(cat registry.name)/busybox:1" busybox:1
}

teardown_file() {
	load ../lib/common
	"$pith" stop --now "$BATS_FILE_TMPDIR/docker" 3>&- || :
	kill "$(cat "$BATS_FILE_TMPDIR/registry.pid")" || :
}

setup() {
	name=$BATS_FILE_TMPDIR/docker
	export DOCKER_HOST=unix://$name-state/guest.00000948 DOCKER_CONFIG=$BATS_FILE_TMPDIR/config
	cd "$BATS_TEST_TMPDIR" || return 1
	exec 8>&- 9>&-
}

@test "version and info: overlay2 on the disk, the settings of the metadata, and one containerd with our shim" {
	docker version --format '{{.Server.Os}}' | grep -qx linux
	docker info --format '{{json .}}' >info
	jq -r '[.Driver, .CgroupVersion, .Labels[0], .DefaultRuntime, (.DriverStatus[] | select(.[0] == "Backing Filesystem") | .[1])] | join(" ")' info >short
	[ "$(cat short)" = 'overlay2 2 scene=1 runc extfs' ]
	machine_sh 'for p in /proc/[0-9]*; do readlink $p/exe; done' | sort >programs
	[ "$(grep -c '/containerd$' programs)" = 1 ]
	grep -q '/containerd-shim-pith-v2$' programs
}

@test "load; run and what it prints, its status, standard input, a terminal of the host; attach" {
	[[ $(docker load <"$BATS_FILE_TMPDIR/busybox.tar") == *'Loaded image: pith/busybox:file'* ]]
	run -7 docker run --rm -i pith/busybox:file /bin/sh -c 'cat; exit 7' <<<words
	[ "$output" = words ]
	python3 "$root_dir/tests/tools/terminal.py" "$BATS_FILE_TMPDIR/bin/docker" run --rm -it --detach-keys ctrl-x --name term busybox:1 /bin/sh <<-'END'
		send until stty size | grep "33 1[0]1"; do sleep 0.1; done; tty
		expect 33 101
		expect /dev/pts/0
		key 24
		exit 0
	END
	python3 "$root_dir/tests/tools/terminal.py" "$BATS_FILE_TMPDIR/bin/docker" attach term <<-'END'
		send echo again-$((1 + 1))
		expect again-2
		send exit 3
		exit 3
	END
}

@test "exec, logs, cp both ways, top, stats, stop, start, restart, events" {
	patiently 600 "$BATS_FILE_TMPDIR/bin/docker" events --since 1 --filter container=work >events 3>&- &
	events=$!
	docker run -d --name work --memory 64m busybox:1 /bin/sh -c 'echo began; echo error >&2; trap "exit 5" TERM; sleep 100000 & wait' >/dev/null
	[ "$(docker exec -e A=b work /bin/sh -c 'echo $A; exit')" = b ]
	run -9 docker exec work /bin/sh -c 'exit 9'
	docker logs work >out 2>err
	[ "$(cat out) $(cat err)" = 'began error' ]
	head -c 3000000 /dev/urandom >blob
	docker cp blob work:/tmp/there
	docker cp work:/tmp/there back
	cmp blob back
	docker top work | grep -q 'sleep 100000'
	[[ $(docker stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' work) == 'work '*' / 64MiB '* ]]
	docker stop work >/dev/null
	[ "$(docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' work)" = 'exited 5' ]
	docker start work >/dev/null
	docker restart work >/dev/null
	[ "$(docker ps --format '{{.Names}} {{.State}}')" = 'work running' ]
	docker rm -f work >/dev/null
	heard() { grep -q 'container destroy' events; }
	within 30 heard
	kill "$events"
	for what in create start exec_die die stop restart destroy; do grep -q "container $what" events; done
}

@test "build, by BuildKit and without it; a port of a container is one of the host for as long as it runs" {
	cp "$BATS_FILE_TMPDIR/echo" .
	printf 'FROM busybox:1\nCOPY echo /echo\nCMD ["/echo"]\n' >Dockerfile
	DOCKER_BUILDKIT=0 docker build -q -t echo:classic .
	printf 'FROM echo:classic\nRUN echo built >/words && test "$(cat /words)" = built\n' >Dockerfile
	DOCKER_BUILDKIT=1 docker build -q -t echo:kit .
	port=$(free_port)
	docker run -d --name echo -p "$port:7" -p "$port:7/udp" echo:kit >/dev/null
	[ "$(docker exec echo cat /words)" = built ]
	cat >ask.py <<-'END'
		import socket, sys
		port = int(sys.argv[1])
		for family, address in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
		    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
		        with socket.socket(family, kind) as s:
		            s.settimeout(20)
		            s.connect((address, port))
		            s.send(b"words")
		            if s.recv(100) != b"words":
		                sys.exit("wrong")
	END
	answers() { python3 ask.py "$port"; }
	within 30 answers
	docker rm -f echo >/dev/null
	closed() { ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
	within 30 closed
	[[ $("$pith" ports "$name") != *"$port"* ]]
}

@test "volumes and networks: data stays, containers know each other by name" {
	docker volume create data >/dev/null
	docker run --rm -v data:/data busybox:1 /bin/sh -c 'echo kept >/data/file'
	docker network create --subnet 172.30.0.0/24 --ipv6 --subnet fd00:30::/64 net >/dev/null
	docker run -d --name server --network net -v data:/data echo:classic >/dev/null
	# by volume, by name, by IPv6, and out of the machine to the host's registry
	docker run --rm --network net -v data:/data:ro busybox:1 /bin/sh -c "cat /data/file; echo asked | nc server 7; ping6 -c 1 fd00:30::2
		wget -q -O - http://$(cat "$BATS_FILE_TMPDIR/registry.name")/v2/_catalog" >out
	[ "$(head -n 2 out)" = $'kept\nasked' ]
	grep -q '1 packets received' out
	grep -q '"busybox"' out
	docker rm -f server >/dev/null
	docker network rm net >/dev/null
	docker volume rm data >/dev/null
	[ -z "$(docker volume ls -q)" ]
}

@test "compose: two services, one reaches the other" {
	cat >docker-compose.yml <<-'END'
		version: "3"
		services:
		  echo: {image: "echo:classic"}
		  client:
		    image: "busybox:1"
		    depends_on: [echo]
		    command: ["/bin/sh", "-c", "until echo composed | nc echo 7; do sleep 1; done"]
	END
	compose() { patiently 120 docker-compose -p scene "$@"; }
	compose up -d
	said() { compose logs client | grep -q composed; }
	within 60 said
	compose ps | grep -q echo
	compose down -t 1
	[ -z "$(docker ps -aq)" ]
}

@test "dockerd that is killed is back, with its images; nothing is left of containers" {
	docker create --name kept busybox:1 true >/dev/null
	machine_sh 'kill -9 $(pidof dockerd)' || :
	back() { docker ps -a --format '{{.Names}}' | grep -qx kept; }
	within 150 back
	docker rm kept >/dev/null
	[ "$(docker images -q busybox:1 | wc -l)" = 1 ]
	# the shell's own group, mount and bundle
	machine_sh 'ls /host/sys/fs/cgroup/moby | grep -cE "^[0-9a-f]{64}$"; grep -c "/overlay2/.*/merged " /proc/1/mounts
		ls /host/run/containerd/io.containerd.runtime.v2.task/moby | wc -l' >left
	[ "$(cat left)" = $'1\n1\n1' ]
}
