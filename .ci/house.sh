#!/bin/sh
# house.sh: reads the #include lines of lib, spamgreyd and spamgreydb and fails
# with the rule that a line breaks.  Run it from the top of the tree.  The plan
# of the rooms is in spamgreyd/README.md.
set -u

find lib spamgreyd spamgreydb -name '*.[chy]' | LC_ALL=C sort | xargs awk '
function room(path) {
	sub(/\/[^\/]*$/, "", path)
	return path
}
# The role that a room of spamgreyd/ belongs to; "" for rooms of no role.
function role(path) {
	if (path !~ /^spamgreyd\/(parent|front|store|track|list|fw|pass)\//)
		return ""
	split(path, part, "/")
	return part[2]
}
function broken(rule) {
	printf "%s:%d: %s: %s\n", FILENAME, FNR, header, rule
	bad++
}
function check(file, header,	from, to) {
	from = room(file)
	to = room(header)
	if (header ~ /(^|\/)\.\.?\//) {
		broken("an include is written from the top of the tree")
		return
	}
	if ((getline line < header) < 0) {
		broken("there is no such header below the top of the tree")
		return
	}
	close(header)
	if (file ~ /^lib\// && header !~ /^lib\//)
		broken("lib includes nothing of spamgreyd or spamgreydb")
	if (file ~ /^spamgreydb\// && header ~ /^spamgreyd\//)
		broken("spamgreydb includes nothing of spamgreyd")
	if (role(file) != "" && role(header) != "" &&
	    role(file) != role(header))
		broken("a role includes no other role; roles speak by lib/proto")
	if (file ~ /^spamgreyd\/(front|pass|fw)\// &&
	    header ~ /^lib\/(policy|db|control)\//)
		broken("front, pass and fw include neither policy nor db nor" \
		    " control")
	if (file ~ /^spamgreyd\/modules\// &&
	    header !~ /^spamgreyd\/runner\/(module|mimescan)\.h$/ &&
	    header !~ /^spamgreyd\/pass\/scan\/scan\.h$/ &&
	    header !~ /^lib\// && from != to)
		broken("a module includes only the contracts of runner and" \
		    " scan, its own folder and lib")
	if (file ~ /^spamgreyd\/modules\// && header ~ /^lib\/proto\//)
		broken("a module includes nothing of lib/proto")
	if (file ~ /^spamgreyd\/pass\/(scan|mta|message)\// &&
	    (to == "spamgreyd/pass" || to == "spamgreyd/runner"))
		broken("scan, mta and message include neither runner nor pass")
	if (file ~ /^spamgreyd\/runner\// && to == "spamgreyd/pass")
		broken("runner does not include pass, which gives it what it" \
		    " calls")
	if (file ~ /^lib\/conf\// && to == "spamgreyd/runner")
		broken("conf does not include runner")
	if (file ~ /^spamgreyd\/os\// &&
	    header ~ /^spamgreyd\/(process|fw)\//)
		broken("os includes neither process nor fw")
	if (file ~ /^lib\/(ipc|smtp)\// && to == "lib/proto")
		broken("ipc and smtp do not include proto")
	if (file ~ /^lib\/base\// && from != to)
		broken("base includes no other room")
	if (header ~ /_int\.h$/ && from != to)
		broken("a header that ends in _int.h is included only in its" \
		    " room")
}
FNR == 1 && FILENAME ~ /\.h$/ {
	if (FILENAME ~ /_int\.h$/)
		inner[room(FILENAME)] = 1
	else
		headers[room(FILENAME)]++
}
/Several headers:/ { several[room(FILENAME)] = 1 }
/^[ \t]*#[ \t]*include[ \t]+"/ {
	header = $0
	sub(/^[^"]*"/, "", header)
	sub(/".*/, "", header)
	check(FILENAME, header)
}
END {
	for (name in headers)
		if (headers[name] > 1 && !(name in inner) &&
		    !(name in several)) {
			printf "%s: a room without an _int.h has one public" \
			    " header, or says after \"Several headers:\" why" \
			    " it has more\n", name
			bad++
		}
	exit bad > 0
}'
