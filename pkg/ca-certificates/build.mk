# The bundle is made of the certificates that the distribution's package brings, one after another in the order of their
# names, as its own update-ca-certificates does; nothing of a Debian package is run when an image is made.
ca-certificates.dir := /usr/share/ca-certificates/mozilla

$(B)/guest/ca-certificates.crt: $(wildcard $(ca-certificates.dir)/*.crt) pkg/ca-certificates/build.mk
	$(Q)mkdir -p $(@D)
	$(Q)cat $(sort $(filter %.crt,$^)) >$@.tmp && mv $@.tmp $@

guest: $(B)/guest/ca-certificates.crt
