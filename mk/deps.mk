# The guest's libraries: static, for musl, from the distribution's sources.
$(B)/deps/.stamp: mk/deps
	mk/deps --arch $(arch) $(B)/deps
