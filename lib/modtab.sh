#!/bin/sh
# modtab.sh: writes spamgreyd/modules_tab.c, the table of the modules, from the
# names of spamgreyd/mod_*.c; from the top of the tree.  The makefile runs it
# each time that it is read, because a rule cannot see that a file went; so a
# table that is right already is left alone, and nothing is made anew.
set -e
tab=spamgreyd/modules_tab.c
new=$tab.$$
trap 'rm -f "$new"' EXIT

# What is no name of C is no module (an editor's copy, a backup).
names=$(for file in spamgreyd/mod_*.c; do
	[ -f "$file" ] || continue
	name=${file#spamgreyd/mod_}
	name=${name%.c}
	case $name in
	''|*[!a-z0-9_]*)	echo "modtab.sh: $file: a module's name is" \
				    "of a-z, 0-9 and _" >&2
				exit 1 ;;
	esac
	echo "$name"
done | LC_ALL=C sort)

{
	printf '/* Made by lib/modtab.sh from the names of mod_*.c. */\n'
	printf '#include "module.h"\n\n'
	for name in $names; do
		printf 'extern const struct module mod_%s;\n' "$name"
	done
	printf '\nconst struct module *const modules[] = {\n'
	for name in $names; do
		printf '\t&mod_%s,\n' "$name"
	done
	printf '\tNULL\n};\n'
} >"$new"
# A make that counts in seconds would take the old object for new enough.
cmp -s "$new" "$tab" || {
	rm -f "${tab%.c}.o"
	mv "$new" "$tab"
}
