# Guest kernels. build/kernel/default is a link to the flavour that examples and tests boot: the tuned one where it
# has been built on this machine, else the distribution's, which takes seconds. KERNEL=debian or KERNEL=tuned decides.

KERNEL ?=
# The link is made anew when it leads to another flavour than the one that was asked for.
kernel-other := $(if $(filter-out $(shell readlink $(B)/kernel/default),$(KERNEL)),kernel-other)
.PHONY: kernel-other
kernel-arch := $(if $(foreign),--arch $(patsubst amd64,x86_64,$(arch)))
kernel-inputs := kernel/build kernel/lz4-store kernel/debian kernel/debian.modules $(wildcard kernel/config/*.config kernel/patches/*)

.PHONY: kernel
kernel:  ## build the tuned kernel (minutes, once a machine), and make it the default
	@kernel/build $(kernel-arch) $(B)/kernel/tuned
	@ln -sfn tuned $(B)/kernel/default

$(addprefix $(B)/kernel/debian/,kernel kernel.tar kernel-bare.tar) &: kernel/debian kernel/debian.modules
	@kernel/debian $(if $(foreign),--arch $(arch)) $(B)/kernel/debian

$(addprefix $(B)/kernel/default/,kernel kernel.tar kernel-bare.tar) &: $(kernel-inputs) $(kernel-other)
	@mkdir -p $(B)/kernel
	@case "$(KERNEL)" in \
	tuned) kernel/build $(kernel-arch) $(B)/kernel/tuned && flavour=tuned ;; \
	debian) $(MAKE) --no-print-directory $(B)/kernel/debian/kernel && flavour=debian ;; \
	'') if kernel/build $(kernel-arch) --cached $(B)/kernel/tuned; then flavour=tuned; \
		else $(MAKE) --no-print-directory $(B)/kernel/debian/kernel && flavour=debian; fi ;; \
	*) echo "KERNEL=$(KERNEL): tuned or debian" >&2; exit 1 ;; \
	esac && ln -sfn $$flavour $(B)/kernel/default && touch $(addprefix $(B)/kernel/default/,kernel kernel.tar kernel-bare.tar)
