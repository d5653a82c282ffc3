#!/bin/sh
# torture
# Damage at each place of the database's files (damage.c).
# make check: some places of each file; make torture: each 4 KiB.
sh regress/build.sh regress/db/damage.c || exit 1
[ -w /dev/shm ] && TMPDIR=/dev/shm
d=$(TMPDIR=${TMPDIR:-/tmp} mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
every=${EVERY:-97}
[ "${TORTURE:-}" = full ] && every=1
mkdir "$d/base"
regress/obj/damage fill "$d/base" 130 >/dev/null || exit 1
regress/obj/damage run "$d/base" "$d/work" 130 "$every" 2>"$d/err"
rc=$?
[ $rc = 0 ] || sed 's/^# //' "$d/err" | sort | uniq -c | sort -rn | head -n 20 |
    sed 's/^/# /'
exit $rc
