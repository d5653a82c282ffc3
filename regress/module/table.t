#!/bin/sh
# The table of the modules: a dropped-in file is in it with no other edit, a
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

cp Makefile "$dir"
for file in lib/build/* $(find lib spamgreyd -name '*.h'); do
	mkdir -p "$dir/${file%/*}"
	cp "$file" "$dir/$file"
done
modules=$dir/spamgreyd/modules
mkdir -p "$modules" "$dir/spamgreydb"
: >"$dir/lib/x.c"
: >"$dir/spamgreyd/x.c"
tab=out/modules_tab.c

module() {
	cat >"$modules/$1.c" <<-END
	#include "spamgreyd/runner/module.h"
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
	run() { (cd "$dir" && $make -s "$@") >"$dir/log" 2>&1 ||
	    { sed 's/^/# /' "$dir/log"; false; }; }

	rm -f "$modules"/*.c
	run out/modules_tab.o
	check "$make: without modules"
	[ "$(tables)" = "" ]
	check "$make: the table is empty"
	module zulu
	module alpha_2
	run out/modules_tab.o out/spamgreyd_modules_zulu.o
	check "$make: two are dropped in"
	[ "$(tables)" = "alpha_2 zulu " ]
	check "$make: they are in the table, by name"
	nm "$dir/out/modules_tab.o" | grep -q 'U mod_alpha_2'
	check "$make: and in the object"
	inode=$(ls -i "$dir/$tab")
	run out/spamgreyd_x.o && [ "$(ls -i "$dir/$tab")" = "$inode" ]
	check "$make: a right table is left alone"
	rm "$modules/zulu.c"
	run out/modules_tab.o
	[ "$(tables)" = "alpha_2 " ]
	check "$make: a removed one goes"
	: >"$modules/Bad-name.c"
	(cd "$dir" && $make -s out/modules_tab.c) >"$dir/log" 2>&1
	grep -q 'modules/Bad-name' "$dir/log"
	check "$make: a file whose name is none is named"
	rm "$modules/Bad-name.c"
	run clean && run clean out/modules_tab.o
	check "$make: clean and build in one run"
done
echo "1..$n"
exit $failed
