# Package images, in build/cache: every folder of pkg/ with a build.yml. What has not changed costs nothing.
# A name in the cache belongs to the folder that its package was built from: a tree that was moved or copied begins anew.

packages := $(patsubst %/build.yml,%,$(sort $(wildcard pkg/*/build.yml)))

.PHONY: images
images: guest $(B)/host/pith $(B)/kernel/default/kernel  ## the package images
	$(Q)[ "$$(cat $(B)/cache.tree 2>/dev/null)" = "$(CURDIR)" ] || rm -rf $(B)/cache
	$(Q)echo "$(CURDIR)" >$(B)/cache.tree
	$(Q)$(B)/host/pith pkg build $(packages)
