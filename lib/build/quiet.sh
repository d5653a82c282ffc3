#!/bin/sh
# quiet.sh WORD FILE COMMAND ...: prints "WORD FILE" and runs the command.  When
# the command fails, it is printed in full.  With V=1 each command is printed.
# With V=0 or make -s only a command that fails is printed.

silent() {
	[ "${V:-}" = 0 ] && return 0
	# BSD make passes -s as a word of its own.  GNU make passes all option
	# letters together in the first word, without a dash.
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
