# Package images, in build/cache: every folder of pkg/ with a build.yml. What has not changed costs nothing.

packages := $(patsubst %/build.yml,%,$(sort $(wildcard pkg/*/build.yml)))

.PHONY: images
images: guest $(B)/host/pith $(B)/kernel/default/kernel  ## the package images
	$(Q)$(B)/host/pith pkg build $(packages)
