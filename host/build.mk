# pith: the command of the host. A folder of it adds its sources and libraries by += below.
host.sees := host/command host/guest host/yaml $(B)/gen/host
host-programs += pith
pith.layers := base cli sys bundle proto forward
pith.srcs += host/main.c
# Templates of `pith machine` lie beside the program: in the tree they are the examples.
all host: $(B)/share/pith/templates
$(B)/share/pith/templates:
	@mkdir -p $(@D) && ln -sfn ../../../examples $@
pith.iquote += host host/vsock

include $(sort $(wildcard host/*/build.mk host/*/*/build.mk))

# What `pith version` says: the number of the file VERSION, with the commit and its day. A checkout asks git; in an
# archive that git made mk/commit has both. Written anew when one of them is another.
.PHONY: always
$(B)/gen/host/version.h: always
	@mkdir -p $(@D); set -- $$(mk/commit); \
	printf '#define PITH_VERSION "%s"\n#define PITH_COMMIT "%s"\n#define PITH_DATE "%s"\n' "$$(cat VERSION)" $$1 $$2 >$@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(foreach v,host asan,$(B)/obj/$(v)/host/main.o $(B)/obj/$(v)/host/assemble/bill.o): | $(B)/gen/host/version.h
