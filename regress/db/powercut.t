#!/bin/sh
# torture
# A power cut at any moment: whatever the disk kept of what was not synced,
# everything that was committed is there at the next start, which needs no help
# (powercut.c).  record.so writes down what the database does.
# make check: some 300 images of all loads; make torture: thousands.
sh regress/build.sh regress/db/powercut.c || exit 1
# shellcheck disable=SC2086
${CC:-cc} -shared -fPIC -D_GNU_SOURCE ${CFLAGS:-} -I. -o regress/obj/record.so \
    regress/db/record.c -ldl || exit 1
# In memory where that is possible: the syncs need not be true here.
[ -w /dev/shm ] && TMPDIR=/dev/shm
d=$(TMPDIR=${TMPDIR:-/tmp} mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
seed=${SEED:-$$}
max=100
[ "${TORTURE:-}" = full ] && max=2000
echo 1..5
echo "# SEED=$seed"
n=0
# load NAME STEPS CLOSE FAIL: the database is closed every CLOSE steps; FAIL is
# the sync of a *.db file that fails
load() {
	n=$((n + 1))
	mkdir "$d/state" "$d/disk"
	if RECORD="$d/journal" RECORD_STATE="$d/state" RECORD_ACK=1 \
	    RECORD_FAIL="$4" LD_PRELOAD="$PWD/regress/obj/record.so" \
	    regress/obj/powercut load "$d/state" "$2" "$3" >"$d/out" 2>"$d/err" &&
	    regress/obj/powercut check "$1" "$d/journal" "$d/disk" "$max" \
	    "$seed" 2>>"$d/err" >"$d/table" &&
	    { [ "$4" = 0 ] || grep -q 'is up again' "$d/err"; }; then
		echo "ok $n - $1"
		clean=$(sed -n 's/.*| clean //p' "$d/table")
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$d/err" | head -n 20
	fi
	cat "$d/table"
	rm -rf "${d:?}"/*
}
load 'a new database' 12 90 0
load 'log files that begin and end' 140 90 0
load 'a checkpoint whose sync fails' 110 90 5
load 'clean ends' 12 1 0
# Those are believed that are whole, and there are some.
if [ "${clean:-0}" -gt 0 ]; then
	echo "ok 5 - … of which $clean are seen"
else
	echo "not ok 5 - … which are seen"
fi
