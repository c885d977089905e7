# shellcheck shell=bash
# Unified kernel images.

# uki FILE SECTION: what is in a section of a unified kernel image
uki() {
	python3 - "$@" <<-'END'
		import struct, sys
		data = open(sys.argv[1], "rb").read()
		pe = struct.unpack_from("<I", data, 0x3c)[0]
		count, optional = struct.unpack_from("<H", data, pe + 6)[0], struct.unpack_from("<H", data, pe + 20)[0]
		for i in range(count):
		    name, size, _, _, at = struct.unpack_from("<8s4I", data, pe + 24 + optional + 40 * i)
		    if name.rstrip(b"\0").decode() == sys.argv[2]:
		        sys.stdout.buffer.write(data[at:at + size])
	END
}
