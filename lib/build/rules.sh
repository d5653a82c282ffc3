#!/bin/sh
# rules.sh FILE SOURCE ...: writes FILE, which the makefile includes: the lists
# of sources and objects, a rule for each object, a rule for each room's archive
# (tests link them), and the dependency files that the compiler has written.
# The sources are those that only this system compiles.  Those of other systems
# are in no list, but have a rule.  Run from the top of the tree.
#
# The object of lib/smtp/line.c is out/lib_smtp_line.o, because ar(1) knows its
# members by the last part of their names only.  No suffix rule that both makes
# understand can say that.  (A folder named "obj" would be BSD make's own.)
set -e
file=$1
shift
mkdir -p out
# (A process's number is not enough: each test has numbers of its own.)
new=$(mktemp "$file.XXXXXX")
chmod 644 "$new"
trap 'rm -f "$new"' EXIT

{
	for name; do
		echo "os $name"
	done
	for name in out/*.d; do
		[ -f "$name" ] && echo "d $name"
	done
	find lib spamgreyd spamgreydb -name '*.[chy]' | LC_ALL=C sort |
	    sed 's/^/f /'
} | awk '
function object(file) {
	gsub("/", "_", file)
	sub(/\.[cy]$/, ".o", file)
	return "out/" file
}
function list(name, words) {
	gsub(/ /, " \\\n\t", words)
	print name " =" words
}
function rule(obj, file) {
	print obj ": " file
	print "\t${QUIET} CC " file " ${COMPILE} -o $@ " file
	known[substr(obj, 1, length(obj) - 2) ".d"] = 1
}
$1 == "os" { here[$2] = 1; next }
$1 == "d" { d[++nd] = $2; next }
$2 ~ /\.h$/ { headers = headers " " $2; next }
$2 ~ /\.y$/ {
	made = object($2)
	sub(/o$/, "c", made)
	grammars = grammars " " $2
	print made ": " $2 " lib/build/yacc.sh"
	print "\t${QUIET} YACC " $2 " ${YACC_CMD} " $2 " $@"
	rule(object($2), made)
	made_c = made_c " " made
	lib = lib " " object($2)
	next
}
{
	rule(object($2), $2)
	if ($2 ~ /^spamgreyd\/(os|fw\/nft)\// && !($2 in here))
		next
	if ($2 ~ /^lib\//) {
		lib = lib " " object($2)
		lib_c = lib_c " " $2
	} else if ($2 ~ /^spamgreyd\//) {
		d_o = d_o " " object($2)
		d_c = d_c " " $2
	} else {
		db_o = db_o " " object($2)
		db_c = db_c " " $2
	}
	room = $2
	sub(/\/[^\/]*$/, "", room)
	if (room !~ /^lib\//) {
		if (!(room in member))
			rooms[++nrooms] = room
		member[room] = member[room] " " object($2)
	}
}
END {
	rule("out/modules_tab.o", "out/modules_tab.c")
	rule("out/buildid.o", "out/buildid.c")
	d_o = d_o " out/modules_tab.o"
	list("LIB_SRC", lib_c)
	list("D_SRC", d_c)
	list("DB_SRC", db_c)
	list("HEADERS", headers)
	list("GRAMMARS", grammars)
	list("MADE_SRC", made_c " out/modules_tab.c")
	list("LIB_OBJ", lib)
	list("D_OBJ", d_o)
	list("DB_OBJ", db_o)
	for (i = 1; i <= nrooms; i++) {
		name = rooms[i]
		gsub("/", "_", name)
		print "out/" name ".a:" member[rooms[i]]
		print "\t@rm -f $@"
		print "\t${QUIET} AR $@ ${AR} rc $@" member[rooms[i]]
	}
	for (i = 1; i <= nd; i++)
		if (d[i] in known)
			print "include " d[i]
}' >"$new"
cmp -s "$new" "$file" || mv "$new" "$file"
