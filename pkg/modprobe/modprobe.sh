#!/bin/sh
# Loads the modules that are named, all that can be.
exec /usr/sbin/modprobe -a -- "$@"
