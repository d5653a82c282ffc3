#!/bin/sh
# quiet.sh WORD FILE COMMAND …: says "WORD FILE" and runs the command, which is
# shown whole when it fails.  V=1 shows each command; V=0 and make -s only what
# fails.

silent() {
	[ "${V:-}" = 0 ] && return 0
	# GNU make's letters stand together in the first word; BSD make has -s.
	case " ${MAKEFLAGS:-} " in
	*" -s "*)	return 0 ;;
	esac
	first=${MAKEFLAGS:-}
	case ${first%% *} in
	-*|*=*)	;;
	*s*)	return 0 ;;
	esac
	return 1
}

word=$1
file=$2
shift 2
if [ "${V:-}" = 1 ]; then
	echo "$*"
elif ! silent; then
	printf '%-4s %s\n' "$word" "$file"
fi
"$@" && exit 0
rc=$?
[ "${V:-}" = 1 ] || echo "failed: $*" >&2
exit $rc
