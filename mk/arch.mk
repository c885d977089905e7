# The architecture that is built for: this machine's, or ARCH=arm64, amd64, riscv64 (s390x: unit tests only). What is
# made for another one than this machine's lies in build/ARCH, beside this machine's own in build/, and comes from
# Debian's cross compiler. Package images of all architectures share build/cache, and the pith that makes them is this
# machine's.

machine := $(patsubst x86_64,amd64,$(patsubst aarch64,arm64,$(shell uname -m)))
arch := $(patsubst x86_64,amd64,$(patsubst aarch64,arm64,$(or $(ARCH),$(machine))))
triplet.amd64 := x86_64-linux-gnu
triplet.arm64 := aarch64-linux-gnu
triplet.riscv64 := riscv64-linux-gnu
triplet.s390x := s390x-linux-gnu
triplet := $(triplet.$(arch))
$(if $(triplet),,$(error ARCH=$(ARCH): amd64, arm64, riscv64 or s390x))

foreign := $(filter-out $(machine),$(arch))
B := build$(addprefix /,$(foreign))
cross := $(if $(foreign),$(triplet)-)
gcc := $(cross)gcc
$(if $(and $(foreign),$(filter-out setup help clean,$(or $(MAKECMDGOALS),all))),$(if $(shell command -v $(gcc)),,\
	$(error $(gcc) is not installed: make ARCH=$(arch) setup)))
# what make's set-up installs beside the rest
arch-groups := $(if $(foreign),cross-$(arch))

# Where the processor can check the targets of branches the whole of a program has to be made for that: musl as well,
# which the distribution's is not, and without gcc's start files, whose two functions do nothing for C.
own-musl := $(or $(foreign),$(filter arm64,$(arch)))
musl := $(if $(own-musl),$(B)/deps/musl/lib,/usr/lib/$(triplet:-gnu=-musl))
musl-include := $(if $(own-musl),$(B)/deps/musl/include,/usr/include/$(triplet:-gnu=-musl))
guest-branches.amd64 := -fcf-protection=none
guest-branches.arm64 := -mbranch-protection=standard -mno-outline-atomics
guest-branches := $(guest-branches.$(arch))
guest-link.arm64 := -Wl,-z,force-bti -Wl,-z,max-page-size=16384 -Wl,-z,common-page-size=16384
guest-link := $(guest-link.$(arch))
# The linker warns of each object of musl and libgcc that is not made for it: functions in assembler and arithmetic, which
# are never called by pointer. It has no word to leave these warnings out.
link-quiet := $(if $(filter arm64,$(arch)),2> >(grep -v 'BTI turned on by -z force-bti' >&2))
crt-begin = $(if $(filter arm64,$(arch)),,$(call crtfile,crtbeginS.o))
crt-end = $(if $(filter arm64,$(arch)),,$(call crtfile,crtendS.o))

# Libraries of the other architecture for host programs, and who runs these here.
sysroot := $(if $(foreign),--sysroot=$(CURDIR)/$(B)/sysroot)
# before the cross compiler's own, which are older
sysroot-include := $(if $(foreign),-isystem $(B)/sysroot/usr/include/$(triplet) -isystem $(B)/sysroot/usr/include)
emulator := $(if $(foreign),qemu-$(firstword $(subst -, ,$(triplet))) -L $(CURDIR)/$(B)/sysroot)
$(B)/sysroot/.stamp: mk/sysroot mk/apt
	mk/sysroot $(arch) $(B)/sysroot
# A ring in a guest's memory is little-endian and read as it is: the socket device is not built for other machines.
not-unit-tests.s390x := test_virtqueue test_vsock_clients test_vsock_device test_vsock_session test_vsock_traffic

.PHONY: native-host
native-host:
	@$(MAKE) --no-print-directory ARCH= host
