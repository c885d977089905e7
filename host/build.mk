# pith: the command of the host. A folder of it adds its sources and libraries by += below.
host.sees := host/command $(B)/gen/host
host-programs += pith
pith.layers := base sys proto
pith.srcs += host/main.c
pith.iquote += host host/vsock

include $(sort $(wildcard host/*/build.mk host/*/*/build.mk))

# what `pith version` says; written anew when the commit is another one
version := 0.1
.PHONY: always
$(B)/gen/host/version.h: always
	@mkdir -p $(@D); commit=$$(git rev-parse HEAD 2>/dev/null) || commit=unknown; \
	printf '#define PITH_VERSION "%s"\n#define PITH_COMMIT "%s"\n' $(version) $$commit >$@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(foreach v,host asan,$(B)/obj/$(v)/host/main.o): | $(B)/gen/host/version.h
