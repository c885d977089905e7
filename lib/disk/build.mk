test_disk.srcs := pkg/swap/condition.c
fuzz_disk_table.srcs :=
fuzz_blkid.srcs :=
