#!/bin/sh
# build.sh test.c …: each to regress/obj/NAME, from the top of the tree, with one
# call of make that builds only what is out of date.
# A test links lib's archive and those of the rooms that its line
# "/* LINK: spamgreyd/front spamgreyd/smtpd … */" names.  The linker takes from
# them only what the test calls and does not define itself.  A source in that
# line ("spamgreyd/os/sandbox_none.c") is linked in any case.  "/* LIBS: -ldb … */"
# adds libraries.  NAME_fuzz.c gets the main() of regress/fuzz/replay.c.  A file
# with the line "/* SHARED */" becomes NAME.so, for LD_PRELOAD.
#	MAKEJOBS	how many are built at a time (default 1)
#	REGRESS_BUILT	set by run.sh, which has built all: what is there is
#			not looked at again
# A program that could not be built is not there.
set -e

# built SOURCE …: is each there?
built() {
	for src; do
		name=regress/obj/$(basename "$src" .c)
		[ -x "$name" ] || [ -x "$name.so" ] || return 1
	done
}

[ -z "${REGRESS_BUILT:-}" ] || ! built "$@" || exit 0
mkdir -p regress/obj
mk=$(mktemp regress/obj/build.XXXXXX)
trap 'rm -f "$mk"' EXIT
case $(uname -s) in
Linux)	oslibs="-lbsd -ldl" ;;
*)	oslibs= ;;
esac
# Berkeley DB's library has its version in its name here and there.
libdb=$(sed -n 's/^D_LIBS =.*\(-ldb[^ ]*\).*/\1/p' "lib/build/$(uname -s).mk")
awk -v libdb="$libdb" -v oslibs="$oslibs" '
function finish(    name, main, i, n, part, line, d) {
	name = src
	sub(/.*\//, "", name)
	sub(/\.c$/, "", name)
	name = "regress/obj/" name
	if (src ~ /_fuzz\.c$/)
		main = " regress/fuzz/replay.c"
	out = shared ? name ".so" : name
	tests = tests " " out
	n = split(link, part, " ")
	link = ""
	for (i = 1; i <= n && !shared; i++) {
		gsub("/", "_", part[i])
		if (!sub(/\.c$/, ".o", part[i]))
			part[i] = part[i] ".a"
		link = link " out/" part[i]
	}
	sub(/-ldb/, libdb, libs)
	print out ":" main " " src link (shared ? "" : " out/libspamgrey.a")
	print "\t@new=`mktemp $@.XXXXXX` && ${TEST_CC} -o $$new" (shared ? \
	    " -shared -fPIC " src libs " -ldl -lpthread" : \
	    " -MMD -MP -MF " name ".d -MT " name main " " src \
	    " -Wl,--start-group" link " out/libspamgrey.a -Wl,--end-group" \
	    " ${OS_LDFLAGS} ${LDFLAGS}" libs \
	    " -levent_core -lidn2 -lpthread " oslibs) " &&" \
	    " chmod 755 $$new && mv -f $$new $@ || { rm -f $$new; exit 1; }"
	d = name ".d"
	if ((getline line < d) > 0)
		print "include " d
}
function words(line) {
	sub(/^[^:]*:/, "", line)
	sub(/ \*\/$/, "", line)
	return line
}
FNR == 1 {
	if (src != "")
		finish()
	src = FILENAME
	link = libs = shared = ""
}
/^\/\* LINK: .* \*\/$/ { link = link words($0) }
/^\/\* LIBS: .* \*\/$/ { libs = libs words($0) }
/^\/\* SHARED \*\/$/ { shared = 1 }
END {
	finish()
	print "tests:" tests
	print "include Makefile"
	print "TEST_CC = ${CC} -std=c11 -g -O1 -Wall -Wextra ${OS_CPPFLAGS}" \
	    " ${CFLAGS} -I."
}' "$@" > "$mk"
# Another make's flags are not this one's; what counts of them (CC, CFLAGS) is
# in the environment.
unset MAKEFLAGS MFLAGS MAKELEVEL
make="${MAKE:-make} -s -k -f $mk V=0"
$make -j"${MAKEJOBS:-1}" tests && exit 0
# What make would still build could not be built.
$make -n tests | sed -n 's/.* && mv -f $new \(regress\/obj\/[^ ]*\) .*/\1/p' |
    xargs rm -f
exit 1
