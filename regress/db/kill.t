#!/bin/sh
# kill -9 at any moment loses no committed entry.  The directory can be moved
# while no process uses it.
sh regress/build.sh regress/db/dbtool.c || exit 1
d=$(mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
echo 1..6
n=0
for lines in 1 40 1500; do
	rm -rf "$d/state"; mkdir "$d/state"
	rm -f "$d/out"; mkfifo "$d/out"
	regress/obj/dbtool fill "$d/state" >"$d/out" &
	pid=$!
	# What was read when the kill came was promised.
	promised=$(head -n $lines <"$d/out" | tail -n 1)
	kill -9 $pid 2>/dev/null
	wait $pid 2>/dev/null
	n=$((n + 1))
	if [ "${promised:-0}" -gt 0 ] &&
	    regress/obj/dbtool check "$d/state" "$promised" >"$d/log" 2>&1; then
		echo "ok $n - killed after $lines commits"
	else
		echo "not ok $n - killed after $lines commits"
	fi
	sed 's/^/# /' "$d/log"
done

rm -rf "$d/state"; mkdir "$d/state"; mkfifo "$d/out2"
regress/obj/dbtool fill "$d/state" >"$d/out2" & pid=$!
promised=$(head -n 100 <"$d/out2" | tail -n 1)
kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
cp -R "$d/state" "$d/elsewhere"
mv "$d/state" "$d/moved"
for i in moved elsewhere; do
	n=$((n + 1))
	if regress/obj/dbtool check "$d/$i" "$promised" >"$d/log" 2>&1; then
		echo "ok $n - $i"
	else
		echo "not ok $n - $i"
	fi
	sed 's/^/# /' "$d/log"
done
n=$((n + 1))
left=$(find "$d/moved/db" -name '__db*')
[ -z "$left" ] && echo "ok $n - no region files" ||
    echo "not ok $n - no region files"
