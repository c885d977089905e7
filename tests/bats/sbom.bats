#!/usr/bin/env bats
# The bill of materials (SBOM) of a build: what is in it, that it holds true, and where it is put.

load ../lib/common
bats_require_minimum_version 1.5.0

# Images with packages of every kind. RPM's databases are made by hand: the sqlite by SQLite itself.
setup_file() {
	local image=$root_dir/tests/tools/oci-image
	export CACHE=$BATS_FILE_TMPDIR/cache
	cd "$BATS_FILE_TMPDIR"
	python3 - <<-'END'
		import sqlite3, struct
		def header(name, version, licence, epoch=None, more=""):
		    tags = [(1000, name), (1001, version), (1002, "1.fc40"), (1014, licence), (1022, "x86_64"), (1004, more)]
		    index = data = b""
		    for tag, text in tags:
		        index += struct.pack(">4I", tag, 6, len(data), 1)
		        data += text.encode() + b"\0"
		    if epoch:
		        data += b"\0" * (-len(data) % 4)
		        index += struct.pack(">4I", 1003, 4, len(data), 1)
		        data += struct.pack(">I", epoch)
		    return struct.pack(">2I", len(index) // 16, len(data)) + index + data
		db = sqlite3.connect("rpmdb.sqlite")
		db.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
		for i in range(300): # more than a page holds, and rows that go on elsewhere
		    db.execute("INSERT INTO Packages (blob) VALUES (?)", (header("lib%03d" % i, "1.%d" % i, "MIT", 2 if i == 7 else None, "x" * 50 * i),))
		db.execute("INSERT INTO Packages (blob) VALUES (?)", (header("gpg-pubkey", "1", "pubkey"),))
		db.commit()
		blobs = slots = b""
		for i, name in enumerate(("zypper", "bash")):
		    head = header(name, "5.2", "GPLv2+ and BSD")
		    slots += b"Slot" + struct.pack("<3I", i + 1, (4096 + len(blobs)) // 16, (len(head) + 31) // 16)
		    blobs += (b"BlbS" + struct.pack("<3I", i + 1, 1, len(head)) + head).ljust((len(head) + 31) // 16 * 16, b"\0")
		page = (b"RpmP" + struct.pack("<4I", 0, 1, 1, 3)).ljust(32, b"\0") + slots
		open("Packages.db", "wb").write(page + (b"Slot" + b"\0" * 12) * ((4096 - len(page)) // 16) + blobs)
	END
	cat >status <<-'END'
		Package: libc6
		Status: install ok installed
		Version: 2.36-9+deb12u9
		Architecture: amd64
		Maintainer: GNU <glibc@debian.org>
		Source: glibc

		Package: gone
		Status: deinstall ok config-files
		Version: 1
	END
	"$image" init.tar docker.io/test/init:1 0755:init=pid1 'again=>init' etc/os-release=$'ID=debian\nVERSION_ID="12"\n' \
		var/lib/dpkg/status@status \
		usr/share/doc/libc6/copyright=$'Format: https://x/1.0/\nFiles: *\nLicense: LGPL-2.1+\nFiles: b\nLicense: BSD-odd\n'
	"$image" init2.tar docker.io/test/init2:1 var/lib/dpkg/status=$'Package: bash\nStatus: install ok installed\nVersion: 1:5.2+x\nArchitecture: amd64\n'
	"$image" slim.tar docker.io/test/slim:1 --entrypoint /x x=x var/lib/dpkg/status.d/tz=$'Package: tzdata\nVersion: 2025a\nArchitecture: all\n' \
		var/lib/dpkg/status.d/tz.md5sums=$'no stanza\n'
	"$image" alpine.tar docker.io/test/alpine:1 --entrypoint /x x=x usr/lib/os-release=$'ID=alpine\nVERSION_ID=3.20.1\n' \
		lib/apk/db/installed=$'P:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\n\nP:odd\nV:1\nL:custom\n'
	"$image" fedora.tar docker.io/test/fedora:1 --entrypoint /x --label org.opencontainers.image.licenses=Apache-2.0 \
		etc/os-release=$'ID=fedora\nVERSION_ID=40\n' usr/lib/sysimage/rpm/rpmdb.sqlite@rpmdb.sqlite
	"$image" suse.tar docker.io/test/suse:1 --entrypoint /x x=x var/lib/rpm/Packages.db@Packages.db
	"$image" bad.tar docker.io/test/bad:1 --entrypoint /x var/lib/dpkg/status=$'Package: a\nnonsense\n' var/lib/rpm/Packages=BDB
	"$image" kernel.oci docker.io/test/kernel:1 kernel=KERNEL
	"$pith" -q cache --cache "$CACHE" import ./*.tar ./*.oci
}

setup() {
	test_begin
	cat >x.yml <<-'END'
		kernel: {image: test/kernel:1, cmdline: "console=ttyS0", tar: none}
		init: [test/init:1, test/init2:1]
		onboot: [{name: slim, image: test/slim:1}]
		services:
		  - {name: alpine, image: test/alpine:1}
		  - {name: fedora, image: test/fedora:1, readonly: true}
		  - {name: suse, image: test/suse:1}
		files: [{path: etc/motd, contents: hello}]
	END
}
teardown() { test_end; }

build() { "$pith" -q build --cache "$CACHE" --arch amd64 "$@"; }
check() { "$root_dir/tests/tools/sbom-check" "$@"; }
of() { tar --warning=no-unknown-keyword -xOf "$@"; }
# purls of an SBOM, those of the many of fedora left out
purls() { jq -r '.packages[].externalRefs[]?.referenceLocator' "$1" | grep -v '/lib[0-9]' | sort; }

@test "images, packages of dpkg, apk and RPM, files and their digests, as SPDX and as CycloneDX" {
	build --format tar x.yml
	of x.tar sbom.spdx.json >s.json
	check s.json x.tar
	[ "$(purls s.json | grep -v pkg:oci)" = "$(cat <<-END
		pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20.1
		pkg:apk/alpine/odd@1?distro=alpine-3.20.1
		pkg:deb/debian/bash@1:5.2%2Bx?arch=amd64&distro=debian-12
		pkg:deb/debian/libc6@2.36-9%2Bdeb12u9?arch=amd64&distro=debian-12
		pkg:deb/debian/tzdata@2025a?arch=all
		pkg:generic/pith@$("$pith" version --short)
		pkg:rpm/redhat/bash@5.2-1.fc40?arch=x86_64
		pkg:rpm/redhat/zypper@5.2-1.fc40?arch=x86_64
	END
	)" ] || { purls s.json; return 1; }
	[ "$(jq '[.packages[] | select(.name | startswith("lib0") or startswith("lib1") or startswith("lib2"))] | length' s.json)" -eq 300 ]
	jq -r '.packages[].externalRefs[]?.referenceLocator' s.json | grep -qxF 'pkg:rpm/fedora/lib007@1.7-1.fc40?arch=x86_64&distro=fedora-40&epoch=2'
	purls s.json | grep -qE '^pkg:oci/fedora@sha256:[0-9a-f]{64}\?arch=amd64&repository_url=docker\.io/test/fedora&tag=1$'
	jq -e '.packages[] | select(.name == "libc6") | .licenseDeclared == "LGPL-2.1-or-later AND LicenseRef-BSD-odd" and
		.supplier == "Organization: GNU (glibc@debian.org)"' s.json
	jq -e '.packages[] | select(.name == "zypper") | .licenseDeclared == "GPL-2.0-or-later AND LicenseRef-BSD"' s.json
	jq -e '.packages[] | select(.name == "docker.io/test/fedora:1") | .licenseDeclared == "Apache-2.0"' s.json
	jq -e '.creationInfo.created == "2017-04-18T16:30:00Z"' s.json
	build --format tar --name c --sbom-output machine.cdx.json x.yml
	of c.tar machine.cdx.json | cmp - machine.cdx.json
	check machine.cdx.json c.tar
	[ "$(jq -r '.. | .purl? // empty' machine.cdx.json | sort)" = "$(jq -r '.packages[].externalRefs[]?.referenceLocator' s.json |
		grep -v pkg:generic/pith | sort)" ]
}

@test "every format has the same SBOM, also several at once, and a build of another time" {
	build --format tar x.yml
	of x.tar sbom.spdx.json >want
	build --format kernel+squashfs,kernel+initrd,tar-kernel-initrd --initrd plain --compress none x.yml
	unsquashfs -q -d root x-squashfs.img sbom.spdx.json >/dev/null
	cmp root/sbom.spdx.json want
	cpio -i --quiet --to-stdout sbom.spdx.json <x-initrd.img | cmp - want
	build --format kernel+initrd --initrd plain --compress none --name alone x.yml
	cmp alone-initrd.img x-initrd.img
	build --format tar --sbom-current-time --name now x.yml
	of now.tar sbom.spdx.json >now.json
	check now.json now.tar
	[ "$(jq -r '.creationInfo.created' now.json | cut -c1-2)" = 20 ]
	[ "$(jq -r '.creationInfo.created' now.json)" != 2017-04-18T16:30:00Z ]
}

@test "--no-sbom makes none, --sbom-output names it, and what is in its place is said" {
	build --format tar --no-sbom x.yml
	if of x.tar sbom.spdx.json >s.json; then return 1; fi
	mkdir out
	build --format tar --dir out --sbom-output usr/share/bill.json x.yml
	of out/x.tar usr/share/bill.json | cmp - out/bill.json
	build --format tar --sbom-output "$PWD/host.cdx.json" x.yml
	check host.cdx.json x.tar
	of x.tar sbom.spdx.json >s.json
	check s.json x.tar
	build --sbom-output=s2.json -o - x.yml >y.tar
	of y.tar s2.json | cmp - s2.json
	printf 'files: [{path: sbom.spdx.json, contents: mine}]\n' >y.yml
	run --separate-stderr build --format tar x.yml y.yml
	[ "$status" -eq 1 ]
	[[ $stderr == *'the SBOM goes to /sbom.spdx.json, which is in the image: --sbom-output gives it another name, --no-sbom leaves it out'* ]]
}

@test "a database that cannot be read is a warning with its name, and the build goes on" {
	printf 'services: [{name: bad, image: test/bad:1}]\n' >y.yml
	"$pith" build --cache "$CACHE" --arch amd64 --format tar y.yml 2>log
	grep -q 'warning: /containers/services/bad/lower/var/lib/dpkg/status: line 2 is no field: packages of it are missing' log
	grep -q "warning: /containers/services/bad/lower/var/lib/rpm/Packages: RPM's database in the format of Berkeley DB" log
	of y.tar sbom.spdx.json >s.json
	check s.json y.tar
}

@test "every entry of an archive says which image and which line of the YAML it is from, as LinuxKit's does" {
	printf 'volumes: [{name: v, image: test/slim:1}, {name: blank}]\n' >y.yml
	build --format tar --name y x.yml y.yml
	python3 - y.tar <<-'END' >got
		import sys, tarfile
		with tarfile.open(sys.argv[1]) as tar:
		    for m in tar:
		        print(m.name, m.pax_headers["LINUXKIT.source"], m.pax_headers["LINUXKIT.location"])
	END
	while read -r line; do
		grep -qxF "$line" got || { echo "missing: $line"; cat got; return 1; }
	done <<-'END'
		boot/kernel docker.io/test/kernel:1 kernel
		boot/cmdline docker.io/test/kernel:1 kernel
		init docker.io/test/init:1 init[0]
		again docker.io/test/init:1 init[0]
		var/lib/dpkg/status docker.io/test/init2:1 init[1]
		etc/hosts docker.io/test/init2:1 init[1]
		containers/volumes/v/lower/x docker.io/test/slim:1 volume[0]
		containers/volumes/v/tmp linuxkit.volumes volume[0]
		containers/volumes/blank/lower empty volume[1]
		containers/onboot/000-slim/config.json docker.io/test/slim:1 onboot[0]
		containers/services/alpine/lower/x docker.io/test/alpine:1 services[0]
		containers/services/fedora/rootfs docker.io/test/fedora:1 services[1]
		etc/motd linuxkit.files files[0]
		sbom.spdx.json linuxkit.sbom sbom
	END
}

@test "--input-tar takes files of images from the archive of a build before: the same bytes where nothing changed" {
	build --format tar -o one.tar x.yml
	build -v 2 --format tar --input-tar one.tar -o two.tar x.yml 2>log
	cmp one.tar two.tar
	for place in 'onboot\[0\]' 'services\[0\]' 'services\[2\]'; do grep -q "Copy $place files from input tar: docker.io/test/" log; done
	# the init images have lists of packages, of which the archive holds one
	if grep -q 'Copy init' log; then return 1; fi
	# what it holds is taken, and no layer is read: the store may be without them
	cp -r "$CACHE" cache
	sed -e 's,init: .*,init: [test/slim:1],' x.yml >y.yml
	build --format tar -o one.tar --no-sbom y.yml
	cp one.tar kept.tar
	find cache/blobs -type f -size +1k -delete
	"$pith" -q build --cache cache --arch amd64 --no-sbom --format tar --input-tar one.tar -o two.tar y.yml
	cmp one.tar two.tar
	cmp one.tar kept.tar
}

@test "--input-tar: what has changed is made anew, and nothing is lost that another file had hidden" {
	build --format tar -o one.tar --no-sbom x.yml
	sed -e 's,readonly: true,readonly: true\, command: [/y],' -e 's/test\/suse:1/test\/slim:1/' -e 's,etc/motd,etc/other,' x.yml >y.yml
	build --format tar -o want.tar --no-sbom y.yml
	build -v 2 --format tar --input-tar one.tar -o two.tar --no-sbom y.yml 2>log
	list() { python3 -c 'import hashlib, sys, tarfile
with tarfile.open(sys.argv[1]) as tar:
    for m in sorted(tar, key=lambda m: m.name):
        data = tar.extractfile(m).read() if m.isfile() else b""
        print(m.name, m.mode, m.type, m.linkname if m.issym() else "", m.mtime, hashlib.sha1(data).hexdigest(), sorted(m.pax_headers.items()))' "$1"; }
	diff <(list two.tar) <(list want.tar)
	grep -q 'a file of the archive is not in the YAML any more' log
	sed -i 's,etc/other,etc/motd,' y.yml
	build --format tar -o want.tar --no-sbom y.yml
	build -v 2 --format tar --input-tar one.tar -o two.tar --no-sbom y.yml 2>log
	diff <(list two.tar) <(list want.tar)
	grep -q 'Copy services\[0\] files' log
	grep -q 'Files of the changed services\[1\] come from' log
	if grep -q 'services\[2\]' log; then return 1; fi
	for wrong in '--input-tar a.tar -o a.tar' '--input-tar a.tar --pull'; do
		# shellcheck disable=SC2086
		run --separate-stderr build $wrong x.yml
		[ "$status" -eq 2 ]
		[[ $stderr == *--input-tar* ]]
	done
	tar cf plain.tar x.yml
	run --separate-stderr build --input-tar plain.tar -o two.tar x.yml
	[ "$status" -eq 1 ]
	[[ $stderr == *'plain.tar: no archive of a build: its entries do not say where they are from' ]]
}

@test "--input-tar: a name that stands for another image by now is unpacked again" {
	cp -r "$CACHE" cache
	build --format tar -o one.tar x.yml
	"$root_dir/tests/tools/oci-image" new.tar docker.io/test/slim:1 --entrypoint /x x=other
	"$pith" -q cache --cache cache rm test/slim:1
	"$pith" -q cache --cache cache import new.tar
	"$pith" build -v 2 --cache cache --arch amd64 --format tar --input-tar one.tar -o two.tar x.yml 2>log
	[ "$(of two.tar containers/onboot/000-slim/lower/x)" = other ]
	if grep -q 'onboot\[0\] files' log; then return 1; fi
	grep -q 'Copy services\[0\] files' log
}
