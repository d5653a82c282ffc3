#!/bin/sh
# modtab.sh: writes spamgreyd/modules_tab.c, the table of the modules, from the
# names of spamgreyd/mod_*.c.  Run it from the top of the tree.  The makefile
# runs it each time that it is read, because a rule cannot notice a removed
# file.  A table that is up to date is not written, so nothing is built again.
set -e
tab=spamgreyd/modules_tab.c
new=$tab.$$
trap 'rm -f "$new"' EXIT

# Each name becomes part of a C identifier.
names=$(for file in spamgreyd/mod_*.c; do
	[ -f "$file" ] || continue
	name=${file#spamgreyd/mod_}
	name=${name%.c}
	case $name in
	''|*[!a-z0-9_]*)	echo "modtab.sh: $file: the name of a module" \
				    "may have only a-z, 0-9 and _" >&2
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
# Remove the old object: a make that compares times in seconds may think that it
# is up to date.
cmp -s "$new" "$tab" || {
	rm -f "${tab%.c}.o"
	mv "$new" "$tab"
}
