#!/usr/bin/env bats
# The metadata program against services on their real addresses, in a network namespace, and against disks and files.

load ../lib/common

metadata=$root_dir/build/guest/metadata

setup() {
	test_begin
	[ "$(id -u)" -eq 0 ] || skip "this needs namespaces of its own"
	cat >hosts <<-END
		127.0.0.1 localhost
		169.254.169.254 metadata.google.internal metaldata metadata.packet.net
	END
}
teardown() { test_end; }

# A machine: namespaces with the addresses of metadata services, names for them, an empty /run and its own host name.
# machine SCRIPT [ARGUMENT...]
machine() {
	unshare -nmu bash -c '
		set -eu
		mount --bind hosts /etc/hosts
		mkdir -p run && mount -t tmpfs run run
		mount --bind run /run
		ip link set lo up
		ip addr add 169.254.169.254/32 dev lo
		ip addr add 169.254.42.42/32 dev lo
		hostname nameless
		tools=$1 metadata=$2
		listening() { grep -q listening "$1"; }
		. "$3/within.bash"
		# serve KIND [ADDRESS]
		serve() {
			rm -f "$1.log"
			"$tools/metadata-server" "$1" "${2:-169.254.169.254}" "$1.log" 3>&- 8>&- 9>&- &
			trap "kill $!" EXIT
			within 10 listening "$1.log"
		}
		# The tree that was written: mode, path, content in one line each
		tree() {
			(cd /run/config && find . -type f | sort | while read -r f; do
				printf "%s %s %s\n" "$(stat -c %a "$f")" "${f#./}" "$(tr "\n" "|" <"$f")"
			done)
		}
		eval "$4"
	' bash "$root_dir/tests/tools" "$metadata" "$root_dir/tests/lib" "$@"
}

# golden PROVIDER [ADDRESS] <TREE: its service alone, asked as the default has it
golden() {
	machine "serve $1 ${2:-}; \$metadata ${3:-$1} 2>messages; tree; hostname" >got || { cat messages got; false; }
	diff - got || { cat messages; false; }
}

@test "aws: files, keys, userdata; without tokens as well" {
	golden aws <<-END
		644 availability_zone zone-1a
		644 from ec2
		644 hostname ec2-host|
		644 instance_id i-1
		644 instance_type t3.nano
		644 local_hostname ec2-host.internal
		644 local_ipv4 10.0.0.1
		644 provider AWS
		644 public_ipv4 203.0.113.1
		600 ssh/authorized_keys ssh-ed25519 AAAA ec2
		644 userdata {"from": {"content": "ec2"}}
		ec2-host
	END
	[ "$(sed -n 2,3p aws.log)" = $'PUT /latest/api/token\nGET /latest/meta-data/hostname' ]
	[ "$(grep -c PUT aws.log)" -eq 1 ]
}

@test "aws: where only tokens open the door, each request carries one" {
	machine 'serve imdsv2; $metadata aws; tree; hostname' >got 2>messages
	grep -qx '644 from ec2' got
	grep -qx '600 ssh/authorized_keys ssh-ed25519 AAAA ec2' got
	[ "$(tail -n 1 got)" = ec2-host ]
}

@test "gcp: its header, the keys of all users, a long name" {
	golden gcp <<-END
		644 from gcp
		644 hostname gcp-host.c.project.internal
		644 provider GCP
		600 ssh/authorized_keys ssh-ed25519 AAAA alice|ssh-ed25519 AAAA bob|
		644 userdata {"from": {"content": "gcp"}}
		gcp-host.c.project.internal
	END
}

@test "hetzner: keys are a list" {
	golden hetzner <<-END
		644 from ec2
		644 hostname ec2-host|
		644 instance_id i-1
		644 local_ipv4 10.0.0.1
		644 provider Hetzner
		644 public_ipv4 203.0.113.1
		600 ssh/authorized_keys ssh-ed25519 AAAA one|ssh-ed25519 AAAA two|
		644 userdata {"from": {"content": "ec2"}}
		ec2-host
	END
}

@test "openstack" {
	golden openstack <<-END
		644 availability_zone zone-1a
		644 from ec2
		644 hostname ec2-host|
		644 instance_id i-1
		644 instance_type t3.nano
		644 local_hostname ec2-host.internal
		644 local_ipv4 10.0.0.1
		644 provider openstack
		644 public_ipv4 203.0.113.1
		600 ssh/authorized_keys ssh-ed25519 AAAA ec2
		644 userdata {"from": {"content": "ec2"}}
		ec2-host
	END
}

@test "scaleway: files out of its conf, userdata from a port below 1024" {
	golden scaleway 169.254.42.42 <<-END
		644 from scaleway
		644 hostname scale-host
		644 instance_id s-1
		644 instance_location par1
		644 private_ip 10.0.0.5
		644 provider Scaleway
		644 public_ip 203.0.113.5
		600 ssh/authorized_keys ssh-ed25519 AAAA one|ssh-ed25519 AAAA two|
		644 userdata {"from": {"content": "scaleway"}}
		scale-host
	END
}

@test "vultr: no userdata" {
	golden vultr <<-END
		644 hostname vultr-host
		644 instance_id a747bfz6385e
		644 private_ipv4 10.0.0.3
		644 private_netmask 255.255.240.0
		644 provider Vultr
		644 public_ipv4 203.0.113.3
		644 region_code AMS
		600 ssh/authorized_keys ssh-ed25519 AAAA vultr|
		vultr-host
	END
}

@test "digitalocean: userdata that is no JSON is kept as it is" {
	golden digitalocean <<-END
		644 hostname ocean-host
		644 id 12345
		644 private_ipv4 10.0.0.2
		644 provider DigitalOcean
		644 public_ipv4 203.0.113.2
		644 region nyc3
		600 ssh/authorized_keys ssh-ed25519 AAAA ocean|
		644 userdata #!/bin/sh|echo hello|
		ocean-host
	END
}

@test "metaldata: by its name; a cloud-config stands above the service's name, and adds keys" {
	golden metaldata <<-END
		644 failure_domain rack-1
		644 hostname cloud-host
		644 machine_id m-1
		644 machine_type big
		644 private_ipv4 10.0.0.4
		644 provider metaldata
		644 public_ipv4 203.0.113.4
		600 ssh/authorized_keys ssh-ed25519 AAAA metal|ssh-ed25519 AAAA cloud|
		644 userdata #cloud-config|hostname: cloud-host|ssh_authorized_keys:|- ssh-ed25519 AAAA cloud|
		cloud-host
	END
}

@test "equinixmetal: what boots it by iPXE is no userdata; it is asked only when it is named" {
	golden equinixmetal <<-END
		644 hostname equinix-host
		644 provider EquinixMetal
		600 ssh/authorized_keys ssh-ed25519 AAAA one|ssh-ed25519 AAAA two|
		equinix-host
	END
	machine 'serve equinixmetal; $metadata' 2>messages
	grep -q 'No metadata/userdata found. Bye' messages
	[ "$(grep -c GET equinixmetal.log)" -gt 4 ]
	! grep -q 'GET /metadata$' equinixmetal.log
}

@test "the first in LinuxKit's order wins, whoever answers first; files come last" {
	echo '{"f": {"content": "file"}}' >u.json
	machine 'serve hetzner; $metadata file=u.json digitalocean hetzner aws; cat /run/config/provider' >got 2>messages
	[ "$(cat got)" = Hetzner ]
	machine '$metadata file=u.json aws; cat /run/config/provider; stat -c %a /run/config' >got 2>messages
	[ "$(cat got)" = "u.json"755 ]
}

@test "without a network nothing is found, in two seconds for all of them" {
	# the addresses are there, and nobody answers at all: a queue that is full
	machine '
		python3 - <<-"END" 3>&- 8>&- 9>&- &
			import signal, socket
			held = []
			for address in ("169.254.169.254", "169.254.42.42"):
			    s = socket.socket(); s.bind((address, 80)); s.listen(0); held.append(s)
			    for _ in range(4):
			        c = socket.socket(); c.setblocking(False); c.connect_ex((address, 80)); held.append(c)
			open("full", "w").close()
			signal.pause()
		END
		trap "kill $!" EXIT
		within 10 test -e full
		begin=$(date +%s%N)
		$metadata -v
		echo $((($(date +%s%N) - begin) / 1000000)) >took
		ls -A /run/config >left
	' 2>messages
	grep -q 'AWS: .*nobody answers' messages
	grep -q 'Scaleway: .*nobody answers' messages
	grep -q 'No metadata/userdata found. Bye' messages
	[ ! -s left ]
	# one after the other they would take nine times as long
	[ "$(cat took)" -ge 1900 ]
	[ "$(cat took)" -lt 10000 ]
}

@test "servers that do not behave are said and passed over: redirects, no HTTP, values without end, a byte a second" {
	for kind in redirect garbage toobig trickle; do
		machine "serve $kind; \$metadata -v aws; ls -A /run/config" >got 2>messages
		[ ! -s got ]
		cp messages "$kind.messages"
	done
	grep -q 'AWS: the server sends on to http://203.0.113.9/: that is not followed' redirect.messages
	grep -q 'AWS: .*the answer is no HTTP' garbage.messages
	grep -q 'AWS: .*the answer has more than 1048576 bytes' toobig.messages
	grep -q 'AWS: .*the answer took too long' trickle.messages
	machine 'serve chunks; $metadata aws; cat /run/config/from' >got 2>messages
	[ "$(cat got)" = ec2 ]
}

@test "userdata of 64 MiB is taken, one byte more is not" {
	machine 'serve big; $metadata aws; stat -c %s /run/config/userdata' >got 2>messages
	[ "$(cat got)" -eq $((64 * 1024 * 1024)) ]
	head -c $((64 * 1024 * 1024 + 1)) /dev/zero >big
	machine '$metadata file=big; ls -A /run/config' >got 2>messages
	[ ! -s got ]
	grep -q 'big: .*File too large' messages
}

@test "userdata that is hostile: names that climb, links, half an entry; the rest is written" {
	cat >u.json <<-'END'
		{"../climbs": {"content": "x"}, "/absolute": {"content": "x"}, "d/../../x": {"content": "x"}, "": {"content": "x"},
		 ".pith-new": {"content": "x"}, "link/x": {"content": "x"}, "both": {"content": "x", "entries": {}}, "neither": {},
		 "perm": {"content": "x", "perm": "rw"}, "text": "x", "nul\u0000": {"content": "x"}, "there": {"content": "x"},
		 "bytes": {"content": "a\u0000b"}, "set": {"content": "x", "perm": "4755"},
		 "dir": {"perm": "0700", "entries": {"..": {"content": "x"}, "empty": {"entries": {}}, "good": {"content": "", "perm": "0600"}}}}
	END
	machine '
		mkdir -p /run/config/there /run/elsewhere
		ln -s ../elsewhere /run/config/link
		$metadata file=u.json
		tree
		find /run/elsewhere /run/config -type d -printf "%m %P\n" | LC_ALL=C sort
		ls -A /run
	' >got 2>messages
	diff - <(tr -d '\0' <got) <<-END
		644 bytes ab
		600 dir/good 
		644 provider u.json
		755 set x
		644 userdata $(tr '\n' '|' <u.json)
		700 dir
		755 
		755 
		755 dir/empty
		755 there
		config
		elsewhere
	END
	sed -n 's/^metadata: warning: //p' messages >said
	diff - said <<-'END'
		../climbs: its name leads out of the folder
		/absolute: its name is absolute
		d/../../x: its name leads out of the folder
		: it has no name
		.pith-new: names that begin with .pith- are the program's own
		both: an entry has either "content" or "entries"
		neither: an entry has either "content" or "entries"
		perm: "rw" is no permission: octal digits are wanted, as in "0644"
		text: an entry has either "content" or "entries"
		: its name holds a byte 0
		dir/..: its name leads out of the folder
		link: something else than a directory is there
		there: a directory is there
	END
}

@test "cloud-config: files with their encodings, permissions and owners; commands are refused in one line" {
	cat >u <<-END
		#cloud-config
		fqdn: web.example.org
		write_files:
		- {path: /etc/app.conf, content: "a: b\n", permissions: '0640', owner: "12:34"}
		- {path: /run/config/here, content: $(printf 'binary\0' | base64), encoding: b64}
		- {path: /etc/packed, content: $(echo packed | gzip | base64 -w 0), encoding: gz+b64, permissions: 0600}
		- path: /etc/text
		  content: |
		    two
		    lines
		- {path: /etc/text, content: "more\n", append: true}
		- {path: /../climbs, content: x}
		- {path: relative, content: x}
		- {path: /etc/mode, content: x, permissions: 644}
		- {path: /etc/name, content: x, owner: "app:app"}
		runcmd: [reboot]
		packages: [vim]
		users: []
	END
	machine '$metadata file=u; tree; hostname; stat -c %u:%g /run/config/files/etc/app.conf' >got 2>messages
	diff - <(tr -d '\0' <got | grep -v ' userdata ') <<-'END'
		640 files/etc/app.conf a: b|
		644 files/etc/name x
		600 files/etc/packed packed|
		644 files/etc/text two|lines|more|
		644 here binary
		644 hostname web
		644 provider u
		web
		12:34
	END
	diff - <(sed -n 's/^metadata: warning: //p' messages) <<-'END'
		/../climbs: its name leads out of the folder
		relative: its path is not absolute
		/etc/mode: its permissions are no text of octal digits, as in '0644'
		/etc/name: it belongs to root: of owners only numbers can be had
		runcmd: commands are not run: an onboot container or a service does that here
		packages, users: not understood, and left out
	END
}

@test "disks: what pith makes, ISO 9660 with each kind of names, FAT of each width" {
	mkdir seed
	printf 'instance-id: i-9\nlocal-hostname: seed-host\n' >seed/meta-data
	echo '{"from": {"content": "disk"}}' >seed/user-data
	"$pith" metadata create made.iso '{"from": {"content": "pith"}}'
	xorriso -as mkisofs -quiet -V cidata -J -R -o rock.iso seed 2>/dev/null
	xorriso -as mkisofs -quiet -V CIDATA -J -o joliet.iso seed 2>/dev/null
	for bits in 12:1 16:16 32:40; do
		mkfs.vfat -C -F "${bits%:*}" -s 1 -n CIDATA "fat${bits%:*}.img" $((${bits#*:} * 1024)) >/dev/null
		mcopy -i "fat${bits%:*}.img" seed/user-data seed/meta-data ::
	done
	for image in rock.iso joliet.iso fat12.img fat16.img fat32.img; do
		machine "\$metadata cdrom=$image; tree; hostname" >got 2>messages || { cat messages; false; }
		diff - got <<-END || { cat messages; false; }
			644 from disk
			644 hostname seed-host
			644 instance_id i-9
			644 provider CDROM $image
			644 userdata {"from": {"content": "disk"}}|
			seed-host
		END
	done
	machine '$metadata cdrom=made.iso; cat /run/config/from' >got 2>messages
	[ "$(cat got)" = pith ]
	# half an image, one that holds nothing, no image
	head -c 40000 rock.iso >half.iso
	head -c 40000 /dev/zero >zero.iso
	machine '$metadata cdrom=half.iso cdrom=zero.iso cdrom=seed cdrom=none; ls -A /run/config' >got 2>messages
	[ ! -s got ]
	grep -q 'CDROM half.iso: ' messages
	grep -q 'CDROM seed: ' messages
	grep -q 'CDROM none: .*No such file' messages
}

@test "killed before any system call it leaves whole files, and provider only where all are there" {
	echo '{"a": {"content": "A"}, "d": {"entries": {"x": {"content": "X"}, "y": {"content": "Y"}}}}' >u.json
	machine '
		n=1
		# the calls before the folder is begun are of no interest
		while '"$root_dir/tests/tools/kill-at"' $n $metadata file=u.json 2>/dev/null; do
			n=$((n + 1))
			[ -d /run/config ] || continue
			find /run/config -path /run/config/.pith-new -prune -o -type f -print | while read -r f; do
				case $f in
				*/a) want=A ;;
				*/x) want=X ;;
				*/y) want=Y ;;
				*/provider) want=u.json ;;
				*/userdata) want=$(cat u.json) ;;
				esac
				[ "$(cat "$f")" = "$want" ] || echo "after $n: $f is half"
			done
			[ ! -e /run/config/provider ] || [ "$(find /run/config -type f -not -path "*/.pith-new/*" | wc -l)" -eq 5 ] ||
				echo "after $n: provider is there too early"
			# the next one begins anew
			[ $((n % 2)) -eq 0 ] || rm -rf /run/config/*
		done
		echo "$n"
		$metadata file=u.json
		find /run/config -name ".pith-*"
	' >got 2>messages
	[ "$(lines got)" -eq 1 ] || { cat got; false; }
	[ "$(cat got)" -gt 60 ]
}

@test "a command line that makes no sense ends with status 2, and names what there is" {
	run "$metadata" azure
	[ "$status" -eq 2 ]
	[[ $output == *'Unrecognised metadata provider: azure; there are aws gcp '* ]]
	run "$metadata" file=
	[ "$status" -eq 2 ]
	run "$metadata" --nonsense
	[ "$status" -eq 2 ]
	run "$metadata" --help
	[ "$status" -eq 0 ]
	[[ $output == *'usage: metadata'* ]]
}
