# shellcheck shell=bash
# Disks that are files: loop devices, and a world in which they have the names that disks have.

guest=$root_dir/build/guest
loops=()

# loop_new NAME SIZE: a new file NAME.img as a loop device; its path is in $loop. The test's end detaches it.
loop_new() {
	truncate -s "$2" "$1.img"
	loop=$(losetup -P -f --show "$1.img")
	loops+=("$loop")
}

# An attached file that has become larger.
loop_grow() { truncate -s "$2" "$1.img" && losetup -c "$loop"; }

loops_end() {
	local l
	for l in "${loops[@]}"; do losetup -d "$l" || :; done
	loops=()
}

# type_of DEVICE, label_of DEVICE
type_of() { blkid -p -s TYPE -o value "$1"; }
label_of() { blkid -p -s LABEL -o value "$1"; }

# mounted DEVICE COMMAND...: with it mounted on ./mnt by the kernel's own guess
mounted() {
	mkdir -p mnt
	mount "$1" mnt
	shift
	local status=0
	"$@" || status=$?
	umount mnt
	return "$status"
}

# in_world NAME=LOOP... -- COMMAND...: in a world whose /dev and /sys have these disks alone, by these names. What the kernel
# makes of a loop device's partition is shown there as devtmpfs would show it.
in_world() {
	unshare -m -- bash "$root_dir/tests/lib/disks-world.sh" "$@"
}
