#!/bin/sh
# limit 900
# long
# make syntax: it names what is missing, and reads each file of that system and
# none of another one.  The test plays clang; with SYSROOT_OPENBSD or
# SYSROOT_FREEBSD the real one reads the files, too.

set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
n=0
unset MAKEFLAGS MFLAGS MAKELEVEL

ok() {			# status of a test command, name
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$tmp/out" | tail -20
	fi
}

syntax() {
	"${MAKE:-make}" syntax "$@" > "$tmp/out" 2>&1
}

says() {
	grep -q -- "$1" "$tmp/out"
}

cat > "$tmp/clang" <<'EOF'
#!/bin/sh
for last; do :; done
echo "$last" >> "$CLANG_LOG"
[ "$last" != "${CLANG_BAD:-}" ]
EOF
chmod 755 "$tmp/clang"
export CLANG="$tmp/clang" CLANG_LOG="$tmp/read"

syntax; rc=$?
[ "$rc" -ne 0 ] && says 'TARGET=x86_64-unknown-openbsd7.8'
ok $? 'no TARGET: what one looks like'
syntax TARGET=x86_64-unknown-openbsd7.8; rc=$?
[ "$rc" -ne 0 ] && says 'SYSROOT=DIR is missing'
ok $? 'no SYSROOT: what it is'
syntax TARGET=x86_64-unknown-openbsd7.8 SYSROOT="$tmp"; rc=$?
[ "$rc" -ne 0 ] && says "$tmp/usr/include is missing"
ok $? 'a directory without headers'
inc=$tmp/usr/include
mkdir -p "$inc/sys" "$inc/machine" "$inc/net"
touch "$inc/sys/types.h" "$inc/sys/param.h" "$inc/machine/_types.h" \
    "$inc/unistd.h"
syntax TARGET=x86_64-unknown-openbsd7.8 SYSROOT="$tmp"; rc=$?
[ "$rc" -ne 0 ] && says 'net/pfvar.h is missing: these are not'
ok $? 'a header that is not there is named'
[ ! -e "$tmp/read" ]
ok $? 'and nothing was read'
touch "$inc/net/pfvar.h"

for os in OpenBSD FreeBSD; do
	target=x86_64-unknown-$(echo "$os" | tr '[:upper:]' '[:lower:]')14
	rm -f "$tmp/read"
	syntax TARGET="$target" SYSROOT="$tmp"
	ok $? "$os: every file clean"
	{
		find lib spamgreyd spamgreydb -name '*.c' |
		    grep -Ev '^spamgreyd/(os|fw/nft)/'
		echo out/lib_conf_parse.c
		echo out/modules_tab.c
		sandbox=$(sed -n 's/^SANDBOX =[[:space:]]*//p' \
		    "lib/build/$os.mk")
		sed "s/\${SANDBOX}/$sandbox/" "lib/build/$os.mk" |
		    grep -o 'spamgreyd/[a-z_/]*\.c'
		echo "regress/fw/pfabi_$os.c"
	} | sort -u > "$tmp/want"
	sort -u "$tmp/read" > "$tmp/got"
	diff "$tmp/want" "$tmp/got" > "$tmp/out"
	ok $? "$os: each of its files, and none of another system's"
	grep -q 'fw/nft/none.c' "$tmp/got" && ! grep -q 'seccomp' "$tmp/got"
	ok $? "$os: not Linux's"
done

export CLANG_BAD=spamgreyd/fw/pf/pf.c
syntax TARGET=x86_64-unknown-openbsd7.8 SYSROOT="$tmp"; rc=$?
[ "$rc" -ne 0 ] && says 'pf.c: not clean' && says ', 1 not clean'
ok $? 'a file with an error is named, and that is a failure'
unset CLANG_BAD CLANG

real() {		# system, target, directory
	[ -n "$3" ] || return 0
	syntax TARGET="$2" SYSROOT="$3"
	ok $? "$1: every file is clean with its real headers"
}
real OPENBSD x86_64-unknown-openbsd7.8 "${SYSROOT_OPENBSD:-}"
real FREEBSD x86_64-unknown-freebsd14 "${SYSROOT_FREEBSD:-}"
echo "1..$n"
