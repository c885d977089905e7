# Installation: the pith command with its manual pages and completion, below DESTDIR/PREFIX; a Debian package.

.PHONY: man install uninstall deb
man: host  ## the manual pages, into build/man
	@rm -rf $(B)/man && mkdir -p $(B)/man
	$(Q)$(B)/host/pith help --man-pages $(B)/man

where := $(DESTDIR)$(PREFIX)
# Where each shell looks for completion of a package's commands.
completion.bash := share/bash-completion/completions/pith
completion.zsh := share/zsh/site-functions/_pith
completion.fish := share/fish/vendor_completions.d/pith.fish

# The templates are the examples; where no tree is beside them they name images, not folders of it.
install: man  ## pith, manual pages, completion below DESTDIR/PREFIX; also as linuxkit with LINUXKIT=1
	install -D -m 0755 $(B)/host/pith $(where)/bin/pith
	$(if $(LINUXKIT),ln -sf pith $(where)/bin/linuxkit)
	install -D -m 0644 docs/pith.schema.json $(where)/share/pith/pith.schema.json
	install -D -m 0644 -t $(where)/share/pith/templates examples/*.yml
	sed -i -E 's,"@pkg:\.\./pkg/([^"]+)",pith/\1:latest,' $(where)/share/pith/templates/*.yml
	install -D -m 0644 -t $(where)/share/man/man1 $(B)/man/*.1
	install -D -m 0644 -t $(where)/share/man/man5 $(B)/man/*.5
	install -D -m 0644 -t $(where)/share/man/man8 $(B)/man/*.8
	$(foreach s,bash zsh fish,$(B)/host/pith completion $(s) | install -D -m 0644 /dev/stdin $(where)/$(completion.$(s)) &&) true

uninstall:  ## remove what make install put there
	rm -f $(where)/bin/pith $(where)/share/man/man1/pith.1 $(where)/share/man/man1/pith-*.1 $(where)/share/man/man5/pith.yml.5 $(where)/share/man/man8/service.8
	[ "$$(readlink $(where)/bin/linuxkit)" != pith ] || rm $(where)/bin/linuxkit
	rm -f $(foreach s,bash zsh fish,$(where)/$(completion.$(s)))
	rm -rf $(where)/share/pith

deb: images man  ## a Debian package of pith and the images, in build/deb
	$(Q)mk/deb $(B)/deb
