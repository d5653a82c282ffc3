#!/bin/sh
# run.sh [check|torture]: builds and runs all tests that it finds below
# regress/.  Run it from the top of the tree, after make.  The last line is the
# sum.
#	REGRESS="unit smtp"	only these directories of regress/
#	LTESTS="chan kill.t"	only tests whose name has one of these words
#	REGRESS_KEEP=yes	keep the root directories with Debian packages
#				that system tests made (system/root.sh: about
#				300 MB).  Without it a run of all tests removes
#				them at its end.
#	JOBS, LIMIT_FACTOR, TEST_VERBOSE, TICK, VALGRIND
#				see lib/harness.pl
# A unit test is a file NAME_test.c at any depth below regress/AREA, a fuzz
# target is NAME_fuzz.c, and any other test is an executable NAME.t.  torture
# runs only tests that have a line "# torture".

set -u
mode=${1:-check}

areas() {
	if [ -n "${REGRESS:-}" ]; then
		echo "$REGRESS"
		return
	fi
	# Quick tests come first, and tests of whole systems last.
	echo unit fuzz
	for dir in regress/*/; do
		name=$(basename "$dir")
		case $name in
		unit|fuzz|lib|obj|bench|system)	;;
		*)	echo "$name" ;;
		esac
	done
	echo system bench
}

chosen() {
	[ -n "${LTESTS:-}" ] || return 0
	for name in $LTESTS; do
		case $1 in
		*"$name"*)	return 0 ;;
		esac
	done
	return 1
}

tests() {
	for area in $(areas); do
		for file in $(find "regress/$area" -name '*_test.c' -o \
		    -name '*_fuzz.c' -o -name '*.t' | LC_ALL=C sort); do
			chosen "$file" || continue
			# A file for one system is tested only there.
			case $file in
			*_seccomp_test.c)
				[ "$(uname -s)" = Linux ] || continue ;;
			esac
			if [ "$mode" = torture ] &&
			    ! grep -q '^# torture' "$file"; then
				continue
			fi
			echo "$file"
		done
	done
}

# Prints the programs that tests in the same directory build and start: sources
# with a main(), or with a line LINK and the main() of a room.
helpers() {
	for file; do
		case $file in
		*.t)	dirname "$file" ;;
		esac
	done | sort -u | while read -r dir; do
		grep -qs 'build\.sh' "$dir"/*.t "$dir"/*.pm "$dir"/*.sh || continue
		grep -lE '^(main\(|/\* SHARED \*/|/\* LINK:)' "$dir"/*.c 2>/dev/null |
		    grep -v -e '_test\.c$' -e '_fuzz\.c$' -e '^regress/fuzz/'
	done
}

files=$(tests)
# A test that cannot be built counts as failed; it is not left out.  A program
# that cannot be built is missed by the test that starts it.
echo "building the tests"
MAKEJOBS=${MAKEJOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null ||
    getconf NPROCESSORS_ONLN)}
export MAKEJOBS
# shellcheck disable=SC2046,SC2086
set -- $(printf '%s\n' $files | grep '\.c$') $(helpers $files)
[ $# = 0 ] || sh regress/build.sh "$@"
REGRESS_BUILT=yes
export REGRESS_BUILT
if [ "$mode" = torture ]; then
	LIMIT_FACTOR=${LIMIT_FACTOR:-10}
	export LIMIT_FACTOR
fi

# A daemon that root starts needs its users.  When the machine does not have
# them, they are made in a mount namespace, only for the tests.  Where a mount
# namespace is not allowed (in a container), they are made permanently.
# shellcheck disable=SC2086
set -- "${PERL:-perl}" regress/lib/harness.pl $files
if [ -z "${REGRESS:-}${LTESTS:-}${REGRESS_KEEP:-}" ]; then
	trap 'sh regress/system/root.sh -c' EXIT
	trap 'exit 1' INT TERM HUP
fi
if [ "$(id -u)" = 0 ] && ! { id _spamgreyd && id _spamgreydb &&
    [ -d /var/empty ]; } >/dev/null 2>&1; then
	if unshare --mount true 2>/dev/null; then
		unshare --mount --propagation private sh -c '
			. regress/lib/users.sh
			users_make || exit 1
			exec "$@"' sh "$@"
		exit
	fi
	sh lib/build/users.sh || exit 1
fi
"$@"
