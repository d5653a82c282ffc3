#!/bin/sh
# A number is added to the configuration by one line of lib/conf/schema.h, in a
# copy of the tree.  It must then be parsed, checked, printed and shipped, must
# have its default and its hint, and must be gone without the line.  Only the
# room that reads the configuration, and the one that prints and ships it, are
# built again.

set -u
top=$PWD
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
n=0
line='LIMIT(NUMBER, one_line, "one-line NUMBER", "7", 2, 90)'
os=$(uname -s)
cppflags=$(sed -n 's/^OS_CPPFLAGS =//p' "lib/build/$os.mk")
ldflags=$(sed -n 's/^OS_LDFLAGS =//p' "lib/build/$os.mk")
oslibs=
[ "$os" != Linux ] || oslibs="-lbsd -ldl"

ok() {			# status of a test command, name
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$tmp/out" | tail -20
	fi
}

# Some words of limit, in a file: what the driver says of them.
limit() {		# words, arguments of the driver
	words=$1
	shift
	printf 'hostname mx.example.org\nfirewall pf\nlimit { %s }\n' \
	    "$words" > "$tmp/test.conf"
	(cd "$tmp" && ./driver test.conf "$@") > "$tmp/out" 2>&1
}

says() {
	grep -qFx -- "$1" "$tmp/out"
}

if [ ! -f out/libspamgrey.a ] || [ ! -f out/lib_conf_parse.c ]; then
	echo '1..0 # skip not built'
	exit 0
fi
mkdir "$tmp/spamgreyd" "$tmp/regress" && cp -R lib "$tmp/" &&
    cp -R spamgreyd/parent "$tmp/spamgreyd/" || exit 1
awk -v line="$line" '{ print } /^LIMIT\(NUMBER, per_host,/ { print line }' \
    lib/conf/schema.h > "$tmp/lib/conf/schema.h"
diff lib/conf/schema.h "$tmp/lib/conf/schema.h" > "$tmp/out"
[ "$(grep -c '^[<>]' "$tmp/out")" = 1 ]
ok $? 'one line is added'

cd "$tmp" || exit 1
# shellcheck disable=SC2086
for src in lib/conf/*.c spamgreyd/parent/conf/*.c "$top/out/lib_conf_parse.c" \
    "$top/regress/config/oneline_driver.c"; do
	echo "$src"
done | xargs -n 6 -P 2 ${CC:-cc} -std=c11 -O0 -I. $cppflags ${CFLAGS:-} \
    -c > "$tmp/out" 2>&1 &&
    ${CC:-cc} ${CFLAGS:-} -o driver ./*.o "$top/out/libspamgrey.a" \
    $ldflags ${LDFLAGS:-} -levent_core -lidn2 -lpthread $oslibs \
    >> "$tmp/out" 2>&1
ok $? 'and it is built'
cd "$top" || exit 1

limit 'per-host 40'
says '	one-line 7'
ok $? 'its default is printed'
[ "$(sed -n '/per-host 40/{n;p;}' "$tmp/out")" = '	one-line 7' ]
ok $? 'where its line stands'
says 'shipped: the same'
ok $? 'and shipped'
limit 'one-line 23 per-host 40'
says '	one-line 23' && says 'shipped: the same'
ok $? 'it is set, printed and shipped'
! limit 'one-line 91' &&
    says 'test.conf:3: limit one-line: "91" is not between 2 and 90'
ok $? 'too large'
! limit 'one-line 1' &&
    says 'test.conf:3: limit one-line: "1" is not between 2 and 90'
ok $? 'too small'
! limit 'one-line many' && says 'test.conf:3: limit one-line: "many" is not a number'
ok $? 'not a number'
! limit 'one-line 5 one-line 6' &&
    says 'test.conf:3: limit one-line given twice, first at test.conf:3'
ok $? 'given twice'
! limit 'one-line' && says 'test.conf:3: syntax error at "}"; write: one-line NUMBER'
ok $? 'its form is shown'
! limit 'one-lin 5' &&
    says 'test.conf:3: unknown keyword "one-lin"; did you mean "one-line"?'
ok $? 'its name is known to the hints'
limit 'per-host 40' one-line 91
says 'shipped: refused'
ok $? 'a child refuses what the file could not say'

grep -vF "$line" "$tmp/lib/conf/schema.h" | cmp - lib/conf/schema.h > "$tmp/out"
ok $? 'it is taken away again'
./spamgreyd/spamgreyd -n -f "$tmp/test.conf" > "$tmp/out" 2>&1
ok $? 'without the line the rest is a configuration'
limit 'one-line 23'
! ./spamgreyd/spamgreyd -n -f "$tmp/test.conf" > "$tmp/out" 2>&1 &&
    says "$tmp/test.conf:3: unknown keyword \"one-line\""
ok $? 'and nothing knows the number'
echo "1..$n"
