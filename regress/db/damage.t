#!/bin/sh
# torture
# Damage at each place of the database's files (damage.c), and in log files
# before the last one.
# make check: some places of each file; make torture: each 4 KiB, and every 16th
# of the log files before the last.
sh regress/build.sh regress/db/damage.c || exit 1
[ -w /dev/shm ] && TMPDIR=/dev/shm
d=$(TMPDIR=${TMPDIR:-/tmp} mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
every=${EVERY:-97}
[ "${TORTURE:-}" = full ] && every=1
earlier=$((every == 1 ? 16 : 4 * every))
mkdir "$d/base" "$d/logs" "$d/other"
regress/obj/damage fill "$d/base" 130 >/dev/null || exit 1
regress/obj/damage logs "$d/logs" 150 || exit 1
# Closed after its last step, so that its index has only what it has.
regress/obj/damage fill "$d/other" 90 >/dev/null || exit 1
{
	regress/obj/damage run "$d/base" "$d/work" 130 "$every" \
	    "$d/other/db/expire.db" || : > "$d/bad"
	regress/obj/damage earlier "$d/logs" "$d/work" 150 "$earlier" ||
	    : > "$d/bad"
} 2>"$d/err" | awk '
	# One plan for both.
	/^1\.\./ { next }
	/^(not )?ok / { sub(/ok [0-9]+/, "ok " ++n) }
	{ print; fflush() }
	END { print "1.." n }'
[ ! -e "$d/bad" ] && exit 0
sed 's/^# //' "$d/err" | sort | uniq -c | sort -rn | head -n 20 | sed 's/^/# /'
exit 1
