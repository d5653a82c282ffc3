#!/bin/sh
# build.sh test.c …: each to regress/obj/NAME, from the top of the tree.
# A test links lib/libspamgrey.a (of which the linker takes only what the test
# calls) and the objects that its line "/* LINK: spamgreyd/x.o … */" names; "/* LIBS: -ldb … */" adds
# libraries.
set -e
mkdir -p regress/obj
os=$(uname -s)
cppflags=$(sed -n 's/^OS_CPPFLAGS =//p' "lib/$os.mk")
ldflags=$(sed -n 's/^OS_LDFLAGS =//p' "lib/$os.mk")
rc=0
for src; do
	out=regress/obj/$(basename "$src" .c)
	link=$(sed -n 's,^/\* LINK: \(.*\) \*/$,\1,p' "$src")
	libs=$(sed -n 's,^/\* LIBS: \(.*\) \*/$,\1,p' "$src")
	# shellcheck disable=SC2086
	if [ -n "$link" ]; then
		${MAKE:-make} -s CFLAGS="$CFLAGS" $link
	fi
	if [ "$out" -nt "$src" ] && [ "$out" -nt lib/libspamgrey.a ] &&
	    [ -z "$link" ]; then
		continue
	fi
	# shellcheck disable=SC2086
	${CC:-cc} -std=c11 -g -O1 -Wall -Wextra $cppflags $CFLAGS -Iregress/lib \
	    -o "$out" "$src" $link lib/libspamgrey.a $ldflags $LDFLAGS $libs \
	    -levent_core -lpthread $( [ "$os" = Linux ] && echo -lbsd ) || rc=1
done
exit $rc
