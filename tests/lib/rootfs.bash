# shellcheck shell=bash
# rootfs_make DIR: a root of a static busybox. It is made once for a file of tests, since a link for each of its names
# takes a while. DIR is a tree of hard links to it: what has been there at the start is not to be written to.
rootfs_make() {
	local made=${BATS_FILE_TMPDIR:-$T}/rootfs.made # a benchmark has no file
	if [ ! -d "$made" ]; then
		mkdir -p "$made"/{bin,dev,proc,sys,tmp,run,etc,root,mnt}
		cp "$(command -v busybox)" "$made/bin/busybox"
		busybox --list | grep -vx busybox | python3 -c 'import os, sys
for name in sys.stdin: os.symlink("busybox", sys.argv[1] + "/" + name.strip())' "$made/bin"
	fi
	cp -al "$made" "$1"
}
