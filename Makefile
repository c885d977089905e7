# pith: one Makefile, not recursive. Every folder adds a fragment, build.mk, which says:
#
#   guest-programs += NAME      a static musl program, made as build/guest/NAME
#   host-programs  += NAME      a program of the host, made as build/host/NAME
#   NAME.srcs   := a/b.c ...    its sources
#   NAME.layers := base sys     the layers of lib/ that it may include and links (of base cli sys bundle proto forward disk)
#   NAME.deps   := yaml jansson external libraries, as the linker names them
#   NAME.iquote := DIR ...      further folders of its own that it includes from
#   DIR.sees    := DIR ...      a folder of a program is a room: it includes from itself and from the rooms it sees
#   test_X.srcs, fuzz_X.srcs    sources beside tests/unit/test_X.c, tests/fuzz/fuzz_X.c that the test links
#   test_X.deps, test_X.iquote  the same for its libraries and folders (fuzz_X.* likewise)
#
# Sources include with "header.h" from their own folder and from the layers named, so that an include
# that points up does not compile. Variants: guest (musl, static-pie), host, asan (host with sanitizers), fuzz.
# make ARCH=arm64 builds for another machine, into build/arm64: mk/arch.mk.

SHELL := /bin/bash
MAKEFLAGS += --no-builtin-rules
# One line a step; make V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')
.DELETE_ON_ERROR:
.SUFFIXES:
all:

PREFIX ?= /usr/local
WERROR ?=
include mk/arch.mk

layers := base cli sys bundle proto forward disk
base.sees :=
cli.sees := base
sys.sees := base
bundle.sees := base sys
proto.sees := base sys
forward.sees := base sys proto
disk.sees := base sys
guest-programs :=
host-programs :=
# before the fragments, whose rules name them
unit-tests := $(filter-out $(not-unit-tests.$(arch)),$(sort $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))))
fuzzers := $(sort $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))

include $(sort $(filter-out mk/arch.mk,$(wildcard mk/*.mk)) $(wildcard lib/*/build.mk init/build.mk rc/build.mk onboot/build.mk services/build.mk \
	containerd-shim/build.mk pkg/*/build.mk kernel/build.mk host/build.mk tests/build.mk bench/*/build.mk))

# --- compilers and flags ----------------------------------------------------------------------------------

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wformat=2 \
	-Wundef -Wno-missing-field-initializers $(if $(WERROR),-Werror)
common := -std=gnu17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 $(warnings) -g -fno-strict-aliasing -fno-common \
	-fstack-protector-strong -fstack-clash-protection -ffunction-sections -fdata-sections -MMD -MP

crtfile = $(shell $(gcc) -print-file-name=$(1))

guest.cc := $(gcc)
guest.cflags = $(common) -Os -fPIE $(guest-branches) -fno-asynchronous-unwind-tables -nostdinc -isystem $(musl-include) \
	-isystem $(call crtfile,include) -isystem $(B)/deps/include -isystem $(B)/deps/kernel-headers
guest.link = $(gcc) -nostdlib -nostartfiles -static-pie -Wl,-z,relro,-z,now,-z,noexecstack $(guest-link) -Wl,--gc-sections \
	-Wl,--build-id=none -L$(B)/deps/lib -L$(musl) -o $(1) \
	$(musl)/rcrt1.o $(musl)/crti.o $(crt-begin) $(2) -Wl,--start-group $(3) -lc -lgcc -lgcc_eh -Wl,--end-group \
	$(crt-end) $(musl)/crtn.o $(link-quiet)
guest.needs := $(B)/deps/.stamp

host.cc := $(gcc) $(sysroot)
host.cflags = $(common) $(sysroot-include) -O2 -fPIE -D_FORTIFY_SOURCE=2
host.link = $(gcc) $(sysroot) -pie -Wl,-z,relro,-z,now -Wl,--gc-sections -o $(1) $(2) -Wl,--start-group $(3) -Wl,--end-group
host.needs := $(if $(foreign),$(B)/sysroot/.stamp)

sanitize := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
asan.cc := gcc
asan.cflags = $(common) -O1 $(sanitize)
asan.link = gcc $(sanitize) -Wl,--gc-sections -o $(1) $(2) -Wl,--start-group $(3) -Wl,--end-group
asan.needs :=

fuzz.cc := clang
fuzz.cflags = $(filter-out -fstack-clash-protection,$(common)) -O1 $(sanitize) -fsanitize=fuzzer-no-link
fuzz.link = clang $(sanitize) -fsanitize=fuzzer -o $(1) $(2) -Wl,--start-group $(3) -Wl,--end-group
fuzz.needs :=

# --- rules -------------------------------------------------------------------------------------------------
# $(call objs,VARIANT,SOURCES), $(call layer-lib,VARIANT,LAYER)
objs = $(patsubst %.c,$(B)/obj/$(1)/%.o,$(2))
layer-lib = $(B)/obj/$(1)/lib$(2).a
layer-libs = $(foreach l,$(2),$(call layer-lib,$(1),$(l)))
layer-iquote = $(foreach l,$(1),-iquote lib/$(l)) $(if $(filter proto,$(1)),-iquote $(B)/gen)

# generated protobuf-c sources: lib/proto/*.proto
protos := $(wildcard lib/proto/*.proto)
proto.gen := $(protos:lib/proto/%.proto=$(B)/gen/%.pb-c.c)
$(B)/gen/%.pb-c.c: lib/proto/%.proto
	@mkdir -p $(@D)
	$(call say,PROTO,$@)
	$(Q)protoc-c --proto_path=lib/proto --c_out=$(B)/gen $<

define layer-rules
$(call layer-lib,$(1),$(2)): $(call objs,$(1),$(sort $(wildcard lib/$(2)/*.c)) $($(2).gen))
	@rm -f $$@
	$(Q)$(cross)ar rcs $$@ $$^
$(B)/obj/$(1)/lib/$(2)/%.o: private iquote := -iquote lib/$(2) $(call layer-iquote,$($(2).sees) $(filter proto,$(2)))
$(if $(filter proto,$(2)),$(call objs,$(1),$(wildcard lib/proto/*.c) $(proto.gen)): | $(proto.gen))
endef

# a program: $(1) variant, $(2) name, $(3) output
define program-rules
$(3): $(call objs,$(1),$($(2).srcs)) $(call layer-libs,$(1),$($(2).layers)) | $($(1).needs)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$(Q)$$(call $(1).link,$$@,$(call objs,$(1),$($(2).srcs)),$(call layer-libs,$(1),$($(2).layers)) $(addprefix -l,$($(2).deps)))
	$(if $(filter guest,$(1)),@cp $$@ $(B)/obj/$(1)/$(2).debug; $(cross)strip -s $$@)
$(call objs,$(1),$($(2).srcs)): | $(if $(filter proto,$($(2).layers)),$(proto.gen))
endef

# what a program's sources see, in every variant: tests link some of them, too. A folder that does not say which rooms
# it sees sees all of its program's.
folders = $(patsubst %/,%,$(sort $(dir $(1))))
sees = $(if $(filter undefined,$(origin $(1).sees)),$(call folders,$($(2).srcs)) $($(2).iquote),$(1) $($(1).sees))
define room-rules
$(B)/obj/$(1)/$(3)/%.o: private iquote := $(addprefix -iquote ,$(call sees,$(3),$(2))) $(call layer-iquote,$($(2).layers))
endef
define source-rules
$(foreach d,$(call folders,$($(2).srcs)),$(eval $(call room-rules,$(1),$(2),$(d))))
endef

define test-rules
$(3): $(call objs,$(1),$(4) $($(2).srcs)) $(call layer-libs,$(1),disk forward proto bundle sys cli base)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$(Q)$$(call $(1).link,$$@,$(call objs,$(1),$(4) $($(2).srcs)),$(call layer-libs,$(1),disk forward proto bundle sys cli base) $(addprefix -l,$($(2).deps)))
$(call objs,$(1),$(4) $(filter tests/%,$($(2).srcs)) $(if $(filter fuzz,$(1)),$($(2).srcs))): private iquote := -iquote tests/unit -iquote tests/fuzz \
	$(addprefix -iquote ,$(patsubst %/,%,$(sort $(dir $($(2).srcs)))) $($(2).iquote)) $(call layer-iquote,$(layers))
$(call objs,$(1),$(4)): | $(proto.gen)
endef

define variant-rules
$(B)/obj/$(1)/%.o: %.c Makefile | $($(1).needs)
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$(Q)$$($(1).cc) $$($(1).cflags) $$(iquote) -c -o $$@ $$<
$(B)/obj/$(1)/$(B)/gen/%.o: private iquote := -iquote $(B)/gen
endef

variants := guest host asan fuzz
$(foreach v,$(variants),$(foreach l,$(layers),$(eval $(call layer-rules,$(v),$(l)))))
$(foreach v,$(variants),$(foreach p,$(guest-programs) $(host-programs),$(eval $(call source-rules,$(v),$(p)))))
$(foreach p,$(guest-programs),$(eval $(call program-rules,guest,$(p),$(B)/guest/$(p))))
$(foreach p,$(host-programs),$(eval $(call program-rules,host,$(p),$(B)/host/$(p))))
$(foreach p,$(guest-programs) $(host-programs),$(eval $(call program-rules,asan,$(p),$(B)/asan/$(p))))
$(foreach t,$(unit-tests),$(eval $(call test-rules,host,$(t),$(B)/tests/$(t),tests/unit/$(t).c)))
$(foreach t,$(unit-tests),$(eval $(call test-rules,asan,$(t),$(B)/asan/$(t),tests/unit/$(t).c)))
$(foreach t,$(fuzzers),$(eval $(call test-rules,fuzz,$(t),$(B)/fuzz/$(t),tests/fuzz/$(t).c)))
$(foreach v,$(variants),$(eval $(call variant-rules,$(v))))
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)

# --- what one asks for ---------------------------------------------------------------------------------------
.PHONY: all guest host unit clean help print-rooms
all: guest $(if $(foreign),native-host,host)  ## the guest programs and the pith command
guest: $(addprefix $(B)/guest/,$(guest-programs))
host: $(addprefix $(B)/host/,$(host-programs))
unit: $(addprefix $(B)/tests/,$(unit-tests))  ## build and run the C unit tests
	@set -e; for t in $^; do echo "# $$t"; $(emulator) $$t; done
asan-run: $(addprefix $(B)/asan/,$(unit-tests) $(guest-programs) $(host-programs))
	@set -e; for t in $(addprefix $(B)/asan/,$(unit-tests)); do echo "# $$t"; $$t; done
# Some bats files run the programs with sanitizers, too.
asan-programs: $(addprefix $(B)/asan/,$(guest-programs) $(host-programs))
clean:  ## remove build/ (what is cached outside the tree stays)
	rm -rf $(B)
print-rooms:
	@:$(foreach v,$(sort $(filter %.sees,$(.VARIABLES))),$(info $(v:.sees=): $($(v))))
help:  ## list these targets
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 14
