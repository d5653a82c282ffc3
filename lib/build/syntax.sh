#!/bin/sh
# syntax.sh SYSROOT TARGET FLAGS FILE ...: checks the files of another system
# with clang -fsyntax-only against that system's headers.  It writes no file
# into the tree, only a temporary directory of headers.  The exit status is 1
# when a file has an error or a warning, and 2 when something is missing.

set -eu
sysroot=$1
target=$2
flags=$3
shift 3
cc=${CLANG:-clang}

missing() {
	echo "syntax: $*" >&2
	exit 2
}

[ -n "$sysroot" ] || missing "SYSROOT=DIR is missing; DIR must have the" \
    "system's usr/include (for OpenBSD from baseNN.tgz and compNN.tgz," \
    "for FreeBSD from base.txz)"
[ -d "$sysroot/usr/include" ] || missing "$sysroot/usr/include is missing"
for h in sys/types.h sys/param.h machine/_types.h net/pfvar.h unistd.h; do
	[ -f "$sysroot/usr/include/$h" ] ||
	    missing "$sysroot/usr/include/$h is missing: these are not" \
	    "all headers of $target"
done
command -v "$cc" >/dev/null || missing "$cc is missing; install it, or set" \
    "CLANG=PROGRAM"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# The makefile's -I name the directories of packages.  Here they are below
# SYSROOT.
own=
places=
for f in $flags; do
	case $f in
	-I/*)	own="$own -isystem $sysroot${f#-I}"
		places="$places $sysroot${f#-I}" ;;
	*)	own="$own $f" ;;
	esac
done

# A header that SYSROOT does not have is taken from this machine.  It gets a
# link of its own, so that the compiler sees no other header of this machine.
multi=$(cc -print-multiarch 2>/dev/null || :)
borrow() {		# header, directories of SYSROOT where it may be
	h=$1
	shift
	for dir; do
		[ ! -e "$dir/$h" ] || return 0
	done
	for dir in ${multi:+"/usr/include/$multi"} /usr/include \
	    /usr/local/include; do
		if [ -d "$dir/$h" ]; then	# may be in two directories
			mkdir -p "$tmp/$h"
			ln -sf "$dir/$h"/* "$tmp/$h/"
		elif [ -e "$dir/$h" ] && [ ! -e "$tmp/$h" ]; then
			ln -s "$dir/$h" "$tmp/$h"
		fi
	done
}

# These are packages on every system.  A db.h of the base system is another one,
# so only the directories of packages are searched.
for h in event2 db.h jansson.h jansson_config.h idn2.h ares.h ares_build.h \
    ares_dns.h ares_dns_record.h ares_nameser.h ares_rules.h \
    ares_version.h; do
	# shellcheck disable=SC2086
	borrow "$h" $places
done
for h in pcap.h pcap tls.h zlib.h zconf.h openssl; do
	# shellcheck disable=SC2086
	borrow "$h" $places "$sysroot/usr/include"
done

bad=0
for file; do
	# shellcheck disable=SC2086
	"$cc" -fsyntax-only -Werror --target="$target" --sysroot="$sysroot" \
	    $own -isystem "$tmp" "$file" || {
		echo "syntax: $file: not clean for $target" >&2
		bad=$((bad + 1))
	}
done
echo "syntax: $# files for $target, $bad not clean"
[ "$bad" -eq 0 ]
