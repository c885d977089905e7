#!/bin/sh
# What a TPM of version 1.2 needs is a daemon that alone talks to it; the kernel itself shares one of version 2.0.
version=$(cat /sys/class/tpm/tpm0/tpm_version_major 2>/dev/null)
case $version in
1)
	chown tss /dev/tpm0
	exec /usr/sbin/tcsd -f "$@"
	;;
2) echo "tss: the TPM is of version 2.0: programs use /dev/tpmrm0 (tpm2), no daemon is needed" ;;
*) echo "tss: the machine has no TPM" >&2 ;;
esac
