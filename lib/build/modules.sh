#!/bin/sh
# modules.sh: writes out/modules_tab.c, the table of the modules, from the names
# of the files: a module is spamgreyd/modules/NAME.c or, where it has a folder
# of its own, spamgreyd/modules/NAME/NAME.c.  Run from the top of the tree.
# The makefile runs it each time it is read, because a rule cannot see that a
# file was removed.  A table that is right already is left alone, so that
# nothing is compiled again.
set -e
dir=spamgreyd/modules
tab=out/modules_tab.c
mkdir -p out
new=$(mktemp "$tab.XXXXXX")
trap 'rm -f "$new"' EXIT
chmod 644 "$new"

# An editor's copy or a backup has a name that C cannot have.
names=$(for file in $dir/*.c $dir/*/*.c; do
	[ -f "$file" ] || continue
	name=${file##*/}
	name=${name%.c}
	case ${file#"$dir/"} in
	"$name.c"|"$name/$name.c")	;;
	*)			continue ;;
	esac
	case $name in
	''|*[!a-z0-9_]*)	echo "modules.sh: $file: a module's name has" \
				    "only a-z, 0-9 and _" >&2
				exit 1 ;;
	esac
	echo "$name"
done | LC_ALL=C sort)

{
	printf '/* Made by lib/build/modules.sh from the names in %s. */\n' $dir
	printf '#include "spamgreyd/runner/module.h"\n\n'
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
