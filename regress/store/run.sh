#!/bin/sh
# run.sh NAME [SIZE]: one scenario of scenario.c, or of PROGRAM.c, in a directory
# of its own, or on a file system of SIZE.
prog=${PROGRAM:-scenario}
sh regress/build.sh "regress/store/$prog.c" || exit 1
d=$(mktemp -d) || exit 1
trap 'rm -rf "$d"' EXIT
if [ $# -lt 2 ]; then
	"regress/obj/$prog" "$1" "$d"
	exit
fi
if ! unshare -m true 2>/dev/null; then
	echo "1..1"
	echo "ok 1 # SKIP needs a mount namespace (root)"
	exit 0
fi
D="$d" N="$1" S="$2" P="$prog" unshare -m sh -c '
	mount --make-rprivate / && mount -t tmpfs -o "size=$S" tmpfs "$D" &&
	exec "regress/obj/$P" "$N" "$D"'
