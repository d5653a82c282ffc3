#!/bin/sh
# syntax.sh SYSROOT TARGET FLAGS FILE ...: checks the files of another system
# with clang -fsyntax-only against that system's headers.  Makes no file of the
# tree; a header directory of its own stands in a temporary place.  Exit status
# 1 when a file has an error or a warning, 2 when something is missing.

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

[ -n "$sysroot" ] || missing "SYSROOT=DIR is missing: a directory with" \
    "the system's usr/include (for OpenBSD that of baseNN.tgz and" \
    "compNN.tgz, for FreeBSD that of base.txz)"
[ -d "$sysroot/usr/include" ] || missing "$sysroot/usr/include is missing"
for h in sys/types.h sys/param.h machine/_types.h net/pfvar.h unistd.h; do
	[ -f "$sysroot/usr/include/$h" ] ||
	    missing "$sysroot/usr/include/$h is missing: these are not" \
	    "all headers of $target"
done
command -v "$cc" >/dev/null || missing "$cc is missing; CLANG=PROGRAM" \
    "names another"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# The makefile's -I name the places of packages: below SYSROOT here.
own=
places=
for f in $flags; do
	case $f in
	-I/*)	own="$own -isystem $sysroot${f#-I}"
		places="$places $sysroot${f#-I}" ;;
	*)	own="$own $f" ;;
	esac
done

# A header that SYSROOT does not have comes from this machine, by a link of its
# own, so that no other header of this machine is seen.
multi=$(cc -print-multiarch 2>/dev/null || :)
borrow() {		# header, directories of SYSROOT where it may be
	h=$1
	shift
	for dir; do
		[ ! -e "$dir/$h" ] || return 0
	done
	for dir in ${multi:+"/usr/include/$multi"} /usr/include \
	    /usr/local/include; do
		if [ -d "$dir/$h" ]; then	# may be in two parts
			mkdir -p "$tmp/$h"
			ln -sf "$dir/$h"/* "$tmp/$h/"
		elif [ -e "$dir/$h" ] && [ ! -e "$tmp/$h" ]; then
			ln -s "$dir/$h" "$tmp/$h"
		fi
	done
}

# Packages everywhere; the db.h of a base system is another one.
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
