#!/bin/sh
# place.sh memory|disk network|host PROGRAM ARGUMENT ...: runs a test file in the
# namespaces that the harness made for it (mounts, processes, and with "network"
# a network).  The network gets a loopback interface with one more address,
# which is no loopback address.  With "memory" /tmp is an empty one in memory.
# The names of ip-netns(8) are the file's own.  This shell stays, as the process
# that reaps the orphans.

memory() {
	mount -t tmpfs -o mode=1777 tmpfs /tmp || exit 1
	TMPDIR=/tmp
	export TMPDIR
	# The tree may be below /tmp.
	[ -d "$PWD" ] || {
		mkdir -p "$PWD" &&
		    mount --no-canonicalize --bind /proc/self/cwd "$PWD" &&
		    cd "$PWD" || exit 1
	}
}

[ "$1" = disk ] || memory
if [ "$2" = network ]; then
	ip link set lo up && ip addr add 100.64.0.1/32 dev lo || exit 1
fi
mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns || exit 1
shift 2
"$@"
exit $?
