#!/bin/sh
# The installer of the practice release. It has no logic of its own: snobox contains it, and names itself in
# SNOBOX for every program that it starts.
exec "${SNOBOX:?is not set: the practice installer must be started by snobox, or with SNOBOX=/path/to/snobox}" \
    practice-installer "$@"
