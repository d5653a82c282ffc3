#!/bin/sh
# The table of the modules: a dropped-in mod_*.c is in it with no other edit, a
# removed one goes, and what is right already is not made anew; in each make.
# The makefile and the headers are the tree's, copied.
set -u
n=0
failed=0
check() {			# check NAME: of the last command's status
	rc=$?
	n=$((n + 1))
	if [ $rc = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		failed=1
	fi
}

dir=$(mktemp -d "${TMPDIR:-/tmp}/modtab.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
unset MAKEFLAGS MFLAGS MAKELEVEL

mkdir "$dir/lib" "$dir/spamgreyd" "$dir/spamgreydb"
cp Makefile "$dir"
cp lib/*.h lib/*.mk lib/*.sh "$dir/lib"
cp spamgreyd/*.h "$dir/spamgreyd"
: >"$dir/lib/x.c"
: >"$dir/spamgreyd/x.c"
tab=spamgreyd/modules_tab.c

module() {
	cat >"$dir/spamgreyd/mod_$1.c" <<-END
	#include "module.h"
	static const struct module_option options[] = {
		{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
	};
	extern const struct module mod_$1;
	const struct module mod_$1 = { .name = "$1", .options = options };
	END
}
tables() {			# the names in the table, in order
	sed -n 's/^	&mod_\([a-z0-9_]*\),$/\1/p' "$dir/$tab" | tr '\n' ' '
}

for make in make bmake; do
	if ! command -v $make >/dev/null 2>&1; then
		n=$((n + 1))
		echo "ok $n - the table with $make # SKIP no $make here"
		continue
	fi
	run() { (cd "$dir" && $make -s "$@") >"$dir/out" 2>&1 ||
	    { sed 's/^/# /' "$dir/out"; false; }; }

	rm -f "$dir"/spamgreyd/mod_*.c
	run spamgreyd/modules_tab.o
	check "$make: without modules"
	[ "$(tables)" = "" ]
	check "$make: the table is empty"
	module zulu
	module alpha_2
	run spamgreyd/modules_tab.o spamgreyd/mod_zulu.o
	check "$make: two are dropped in"
	[ "$(tables)" = "alpha_2 zulu " ]
	check "$make: they are in the table, by name"
	nm "$dir/spamgreyd/modules_tab.o" | grep -q 'U mod_alpha_2'
	check "$make: and in the object"
	inode=$(ls -i "$dir/$tab")
	run spamgreyd/x.o && [ "$(ls -i "$dir/$tab")" = "$inode" ]
	check "$make: a right table is left alone"
	rm "$dir/spamgreyd/mod_zulu.c"
	run spamgreyd/modules_tab.o
	[ "$(tables)" = "alpha_2 " ]
	check "$make: a removed one goes"
	: >"$dir/spamgreyd/mod_Bad-name.c"
	(cd "$dir" && $make -s spamgreyd/modules_tab.c) >"$dir/out" 2>&1
	grep -q 'mod_Bad-name' "$dir/out"
	check "$make: a file whose name is none is named"
	rm "$dir/spamgreyd/mod_Bad-name.c"
	run clean && run clean spamgreyd/modules_tab.o
	check "$make: clean and build in one run"
done
echo "1..$n"
exit $failed
