#!/bin/sh
# private.sh PROGRAM ARGUMENT …: runs a test in namespaces of its own for
# mounts, processes and network, so that it changes nothing outside.  The kernel
# removes them when the test ends in any way.  They have a network with only
# loopback, the users to which the daemon drops its privileges (in copies of
# passwd and group that only the test sees) and /var/empty.
#	SG_TMP	a directory of the test's own, removed afterwards
#	SG_MNT	where it may mount; never below SG_TMP, or the removal would
#		go through the mounts
# Descriptor 9 leads back to the host's network, for installing packages.
# If the system does not allow all that, the test is skipped with the reason.

set -u

skip() {
	echo "1..0 # SKIP $1"
	exit 0
}

outside() {
	[ "$(uname -s)" = Linux ] || skip "needs Linux's namespaces"
	[ "$(id -u)" = 0 ] || skip "needs root, for namespaces of its own"
	command -v ip >/dev/null || skip "needs ip(8), package iproute2"
	why=$(unshare --mount --pid --net --fork true 2>&1) ||
	    skip "no namespaces here: $why"
	SG_TMP=$(mktemp -d "${TMPDIR:-/tmp}/spamgreyd-system.XXXXXX") || exit 1
	chmod 755 "$SG_TMP"
	SG_PRIVATE=1
	export SG_TMP SG_PRIVATE
	exec 9</proc/self/ns/net
	unshare --mount --pid --net --fork --kill-child --mount-proc \
	    --propagation private sh "$0" "$@" &
	test=$!
	# The directory goes after the mounts are gone, and they cannot be
	# seen from here anyway.
	trap 'kill -9 $test; rm -rf "$SG_TMP"' INT TERM HUP
	wait $test
	rc=$?
	rm -rf "$SG_TMP"
	exit $rc
}

[ "${SG_PRIVATE:-}" = 1 ] || outside "$@"
ip link set lo up
. regress/lib/users.sh
users_make || skip "cannot mount"
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
# This shell stays, as the process that reaps the orphans.
"$@"
exit $?
