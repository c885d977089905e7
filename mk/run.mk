# make run: from nothing to a machine on this terminal. EXAMPLE names a file of examples/, RUN takes options of `pith run`.

EXAMPLE ?= hello
RUN ?=

.PHONY: run setup boot
setup:  ## install the Debian packages that are lacking
	@mk/setup
	$(if $(arch-groups),@mk/setup $(arch-groups))

# The programs that make itself asks (gcc, git) may come with the set-up: what follows it is a make of its own.
run:  ## install what is lacking, build everything, boot EXAMPLE (hello); Ctrl-C powers it down
	@mk/setup build run
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) images
	@$(MAKE) --no-print-directory boot
boot: images
	$(Q)$(B)/host/pith build --dir $(B)/run --name $(EXAMPLE) examples/$(EXAMPLE).yml
	$(Q)$(B)/host/pith run $(RUN) $(B)/run/$(EXAMPLE)

# make docker: an engine in the background, for the host's own docker. What it keeps is on the disk in its state folder. DISK, MEM.
DISK ?= 20G
MEM ?= 2048
.PHONY: docker docker-boot
docker:  ## install what is lacking, build everything, boot examples/docker.yml in the background for the host's docker
	@mk/setup build run
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) images
	@$(MAKE) --no-print-directory docker-boot
docker-boot: images
	$(Q)$(B)/host/pith build --dir $(B)/run --name docker examples/docker.yml
	$(Q)$(B)/host/pith run --detached --wait=ready --networking vpnkit --mem $(MEM) --disk size=$(DISK) $(RUN) $(B)/run/docker
	@echo "export DOCKER_HOST=unix://$(CURDIR)/$(B)/run/docker-state/guest.00000948"
