#!/bin/sh
# buildid.sh OUT FILE ...: writes C source to OUT that defines the string
# buildid.  The string is a checksum of the files, so it changes when one of
# them changes.

set -e
out=$1
shift
cat "$@" | cksum | sed 's/\(.*\) \(.*\)/extern const char buildid[]; const char buildid[] = "\1-\2";/' > "$out"
