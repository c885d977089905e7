#!/usr/bin/env python3
"""Signatures of disks that belong to something else: `raid` (a Linux RAID's superblock, version 1.2, for 4 KiB into the disk)
and `lvm` (LVM2's label, for sector 1). To standard output."""
import struct
import sys
import zlib


def raid():
    sb = bytearray(256)
    struct.pack_into("<III", sb, 0, 0xA92B4EFC, 1, 0)
    sb[16:32] = bytes(range(1, 17))
    sb[32:39] = b"host:md"
    struct.pack_into("<QQ", sb, 128, 2048, 32768)  # where its data are, and how many
    struct.pack_into("<Q", sb, 144, 8)  # where the superblock is itself
    total = sum(struct.unpack("<64I", sb))
    struct.pack_into("<I", sb, 216, ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
    return bytes(sb)


def lvm():
    label = bytearray(512)
    label[0:8] = b"LABELONE"
    struct.pack_into("<Q", label, 8, 1)
    struct.pack_into("<I", label, 20, 32)
    label[24:32] = b"LVM2 001"
    label[32:64] = b"0123456789abcdefghijklmnopqrstuv"
    # LVM's checksum is CRC-32 with another beginning and without the end
    begin = 0xF597A6CF
    struct.pack_into("<I", label, 16, zlib.crc32(label[20:], begin ^ 0xFFFFFFFF) ^ 0xFFFFFFFF)
    return bytes(label)


sys.stdout.buffer.write({"raid": raid, "lvm": lvm}[sys.argv[1]]())
