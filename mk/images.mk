# Package images, in build/cache: every folder of pkg/ with a build.yml. What has not changed costs nothing.
# An image of another architecture goes under the same names, into an index: what comes from build/guest is taken from
# build/ARCH/guest (docs/packages.md, extra-sources), and the pith that makes it is this machine's.
# A name in the cache belongs to the folder that its package was built from: a tree that was moved or copied begins anew.

packages := $(patsubst %/build.yml,%,$(sort $(wildcard pkg/*/build.yml)))

.PHONY: images
images: guest $(if $(foreign),native-host,$(B)/host/pith) $(B)/kernel/default/kernel  ## the package images
	$(Q)[ "$$(cat build/cache.tree 2>/dev/null)" = "$(CURDIR)" ] || rm -rf build/cache
	$(Q)echo "$(CURDIR)" >build/cache.tree
	$(Q)build/host/pith pkg build $(if $(foreign),--platforms linux/$(arch)) $(packages)
