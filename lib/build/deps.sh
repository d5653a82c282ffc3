#!/bin/sh
# deps.sh build|check|fuzz|bench|ci: installs missing packages.  It prints nothing when
# none are missing.
#	build	what `make' needs
#	check	also what `make check' needs
#	fuzz	what `make' and `make fuzz' need
#	bench	what `make' and `make bench' need
#	ci	also what .ci/run needs
# Packages that only tests use may stay missing.  Those tests are then skipped
# and say why.

set -u
what=${1:-build}
case $what in
build|check|fuzz|bench|ci) ;;
*)	echo "usage: deps.sh build|check|fuzz|bench|ci" >&2; exit 2 ;;
esac

have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif have sudo; then
		sudo "$@"
	elif have doas; then
		doas "$@"
	else
		echo "deps.sh: cannot install: not root, and neither sudo nor" \
		    "doas is installed" >&2
		return 1
	fi
}

# Prints the names of the packages.
debian_packages() {
	have cc || echo gcc
	have byacc || have bison || have yacc || echo byacc
	echo libc6-dev libdb5.3-dev libevent-dev libtls-dev libssl-dev \
	    libc-ares-dev libidn2-dev libpcap-dev libnftables-dev libmnl-dev libseccomp-dev libjansson-dev libbsd-dev \
	    zlib1g-dev
	case $what in
	build)	return ;;
	fuzz)	echo clang libclang-rt-dev; return ;;
	bench)	echo perl nftables iproute2; return ;;
	esac
	have curl || have wget || echo curl
	echo perl python3 libgmime-3.0-dev patch swaks libnet-ssleay-perl \
	    openssl nftables iproute2 mandoc groff strace
	[ "$what" = check ] && return
	echo bmake bison byacc gcc clang cppcheck shellcheck valgrind
}

debian_missing() {
	# For an unknown package dpkg-query prints nothing: it is missing too.
	# shellcheck disable=SC2046
	set -- $(debian_packages)
	for pkg; do
		case $(dpkg-query -W -f '${Status}' "$pkg" 2>/dev/null) in
		*" installed")	;;
		*)		echo "$pkg" ;;
		esac
	done
}

# Shows apt's output only when it fails.
debian_apt() {
	out=$(as_root env DEBIAN_FRONTEND=noninteractive apt-get -q \
	    -o DPkg::Lock::Timeout=300 "$@" 2>&1) && return 0
	printf '%s\n' "$out" >&2
	return 1
}

debian_install() {
	debian_apt install -y --no-install-recommends "$@"
}

debian() {
	missing=$(debian_missing | tr '\n' ' ')
	[ -z "$missing" ] && return 0
	echo "deps.sh: installing $missing(this may take some minutes)"
	# The first try fails when the package lists are missing or old.
	# shellcheck disable=SC2086
	debian_install $missing 2>/dev/null || {
		debian_apt update && debian_install $missing
	}
	missing=$(debian_missing | tr '\n' ' ')
	[ -z "$missing" ]
}

freebsd() {
	pkgs="db5 libevent jansson libretls c-ares libidn2"
	case $what in
	check|ci)	pkgs="$pkgs perl5 swaks" ;;
	esac
	missing=
	for pkg in $pkgs; do
		pkg info -e "$pkg" || missing="$missing $pkg"
	done
	[ -z "$missing" ] && return 0
	echo "deps.sh: installing$missing"
	# shellcheck disable=SC2086
	as_root pkg install -y $missing
}

openbsd() {
	pkgs="db libevent jansson libcares libidn2"
	case $what in
	check|ci)	pkgs="$pkgs swaks" ;;
	esac
	missing=
	for pkg in $pkgs; do
		pkg_info -q -e "$pkg-*" >/dev/null || missing="$missing $pkg"
	done
	[ -z "$missing" ] && return 0
	echo "deps.sh: installing$missing"
	# shellcheck disable=SC2086
	as_root pkg_add -I $missing
}

# Succeeds when the build has what it needs, even if no package provides it.
build_possible() {
	have cc || return 1
	have byacc || have bison || have yacc || return 1
	[ "$(uname -s)" = Linux ] || return 0
	printf '#include <%s>\n' db.h event2/event.h tls.h ares.h idn2.h pcap.h jansson.h zlib.h \
	    nftables/libnftables.h libmnl/libmnl.h seccomp.h bsd/string.h |
	    cc -E - >/dev/null 2>&1
}

case $(uname -s) in
Linux)
	if have apt-get && have dpkg-query; then
		debian && exit 0
	else
		missing="a C compiler, byacc or bison, and the headers of
Berkeley DB 5.3, libevent 2.1, libtls, c-ares, libidn2, libpcap, libnftables, libmnl, libseccomp, jansson, libbsd, zlib"
	fi
	;;
FreeBSD)
	freebsd && exit 0 ;;
OpenBSD)
	openbsd && exit 0 ;;
*)	missing="what lib/build/*.mk names" ;;
esac

if build_possible; then
	[ "$what" = build ] && [ "$(uname -s)" = Linux ] && ! have apt-get &&
	    exit 0
	echo "deps.sh: not installed: $missing" >&2
	echo "deps.sh: the build continues; tests that need these are skipped" >&2
	exit 0
fi
echo "deps.sh: the build needs these; install them by hand: $missing" >&2
exit 1
