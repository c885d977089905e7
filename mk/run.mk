# make run: from nothing to a machine on this terminal. EXAMPLE names a file of examples/, RUN takes options of `pith run`.

EXAMPLE ?= hello
RUN ?=

.PHONY: run setup boot
setup:  ## install the Debian packages that are lacking
	@mk/setup

# The programs that make itself asks (gcc, git) may come with the set-up: what follows it is a make of its own.
run:  ## install what is lacking, build everything, boot EXAMPLE (hello); Ctrl-C powers it down
	@mk/setup build run
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) images
	@$(MAKE) --no-print-directory boot
boot: images
	$(Q)$(B)/host/pith build --dir $(B)/run --name $(EXAMPLE) examples/$(EXAMPLE).yml
	$(Q)$(B)/host/pith run $(RUN) $(B)/run/$(EXAMPLE)
