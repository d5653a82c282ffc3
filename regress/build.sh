#!/bin/sh
# build.sh test.c …: each to regress/obj/NAME, from the top of the tree.
# A test links lib's archive and those of the rooms that its line
# "/* LINK: spamgreyd/front spamgreyd/smtpd … */" names.  The linker takes from
# them only what the test calls and does not define itself.  A source in that
# line ("spamgreyd/os/sandbox_none.c") is linked in any case.  "/* LIBS: -ldb … */"
# adds libraries.  NAME_fuzz.c gets the main() of regress/fuzz/replay.c.  The
# archives and objects are made first.
set -e
mkdir -p regress/obj
os=$(uname -s)
cppflags=$(sed -n 's/^OS_CPPFLAGS =//p' "lib/build/$os.mk")
ldflags=$(sed -n 's/^OS_LDFLAGS =//p' "lib/build/$os.mk")
case $os in
Linux)	oslibs="-lbsd -ldl" ;;
*)	oslibs= ;;
esac
# Berkeley DB's library has its version in its name here and there.
libdb=$(sed -n 's/^D_LIBS =.*\(-ldb[^ ]*\).*/\1/p' "lib/build/$os.mk")
# Another make's flags are not this one's; what counts of them (CC, CFLAGS) is
# in the environment.
unset MAKEFLAGS MFLAGS MAKELEVEL
# links SOURCE: what its LINK line names, as files of out/.
links() {
	for part in $(sed -n 's,^/\* LINK: \(.*\) \*/$,\1,p' "$1"); do
		name=out/$(echo "$part" | tr / _)
		case $part in
		*.c)	echo "${name%.c}.o" ;;
		*)	echo "$name.a" ;;
		esac
	done
}

objects=out/libspamgrey.a
for src; do
	objects="$objects $(links "$src")"
done
# shellcheck disable=SC2086
${MAKE:-make} -s V=0 CFLAGS="${CFLAGS:-}" $objects

# newer OUT file …: is OUT there and newer than each?
newer() {
	out=$1
	shift
	[ -f "$out" ] || return 1
	for file; do
		[ "$out" -nt "$file" ] || return 1
	done
}

rc=0
for src; do
	out=regress/obj/$(basename "$src" .c)
	link=$(links "$src")
	libs=$(sed -n 's,^/\* LIBS: \(.*\) \*/$,\1,p' "$src" |
	    sed "s/-ldb/$libdb/")
	case $src in
	*_fuzz.c)	main=regress/fuzz/replay.c ;;
	*)		main= ;;
	esac
	# shellcheck disable=SC2086
	if newer "$out" "$src" $main $link out/libspamgrey.a \
	    regress/lib/*.h; then
		continue
	fi
	# shellcheck disable=SC2086
	${CC:-cc} -std=c11 -g -O1 -Wall -Wextra $cppflags ${CFLAGS:-} \
	    -I. -o "$out" "$src" $main -Wl,--start-group $link \
	    out/libspamgrey.a -Wl,--end-group $ldflags ${LDFLAGS:-} $libs -levent_core -lidn2 -lpthread $oslibs || rc=1
done
exit $rc
