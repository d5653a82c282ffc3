#!/bin/sh
# root.sh DIRECTORY PACKAGE …: mounts at DIRECTORY (below SG_MNT) the running
# system with these Debian packages added.  It is an overlay: nothing is copied,
# and the host does not see the packages.  A cache keeps the installed files,
# packed, and is used as long as the running system has the same packages.
# "make check" removes the cache at its end (regress/run.sh).  The tree is at
# /srv/tree.  Runs in private.sh.  Exit 3: it is not possible here; the reason
# is printed. root.sh -c: removes the cache.

set -u

fail() {
	echo "$1"
	exit 3
}

cache=${XDG_CACHE_HOME:-/var/cache}/spamgreyd-regress
if [ "$1" = -c ]; then
	rm -rf "$cache"
	exit 0
fi
dir=$1
shift
name=$(echo "$*" | tr ' ' -)

# Written files are in memory.  They disappear with the test, and the kernel
# would refuse an overlay on an overlay (in a container).
overlay() {
	mount -t overlay overlay \
	    -o "lowerdir=/,upperdir=$dir.up,workdir=$dir.work" "$dir" &&
	    mount --rbind /proc "$dir/proc" && mount --rbind /dev "$dir/dev" &&
	    mount -t tmpfs tmpfs "$dir/run" && mount -t tmpfs tmpfs "$dir/tmp" &&
	    chmod 1777 "$dir/tmp"
}

# Descriptor 9 is the host's network.
apt() {
	DEBIAN_FRONTEND=noninteractive nsenter --net=/proc/self/fd/9 \
	    chroot "$dir" apt-get -q -o DPkg::Lock::Timeout=300 "$@" 8>&- >&2
}

make() {
	overlay || fail "cannot mount an overlay"
	# Nothing may be started, and names must resolve without the host's /run.
	printf '#!/bin/sh\nexit 101\n' > "$dir/usr/sbin/policy-rc.d"
	chmod 755 "$dir/usr/sbin/policy-rc.d"
	if [ -L /etc/resolv.conf ]; then
		rm -f "$dir/etc/resolv.conf"
		cat /etc/resolv.conf > "$dir/etc/resolv.conf"
	fi
	# Manuals are not read here, and their index takes minutes.
	rm -f "$dir/var/lib/man-db/auto-update"
	printf 'path-exclude=%s\n' '/usr/share/man/*' '/usr/share/doc/*' \
	    '/usr/share/info/*' '/usr/share/locale/*' force-unsafe-io |
	    sed 's/^path-exclude=force/force/' \
	    > "$dir/etc/dpkg/dpkg.cfg.d/spamgreyd-regress"
	if ! apt install -y --no-install-recommends "$@"; then
		{ apt update && apt install -y --no-install-recommends "$@"; } ||
		    fail "cannot install $name (no network?)"
	fi
	# The packages' files are installed; what they came in is not needed.
	apt clean && rm -rf "$dir"/var/lib/apt/lists/* "$dir"/var/cache/apt/*.bin
	umount -R -l "$dir"
	tar -C "$dir.up" --xattrs --xattrs-include='*' --exclude=./usr/share/doc \
	    -cf - . | gzip -1 > "$cache/$name.new" &&
	    mv "$cache/$name.new" "$cache/$name.tgz" &&
	    echo "$key" > "$cache/$name.key"
	rm -rf "$dir.up" "$dir.work"
	mkdir "$dir.up" "$dir.work"
}

command -v apt-get >/dev/null || fail "no apt-get to install $name with"
mkdir -p "$cache" "$dir" "$dir.up" "$dir.work" ||
    fail "cannot make $cache"
# Only one process makes it at a time; others may make other ones meanwhile.  The
# key names the system on which it was made; on another system it is made again.
exec 8>"$cache/$name.lock"
flock 8
mkdir -p "$cache"
key=$(cksum < /var/lib/dpkg/status)
if [ "$(cat "$cache/$name.key" 2>/dev/null)" != "$key" ] ||
    [ ! -f "$cache/$name.tgz" ]; then
	make "$@"
fi
tar -C "$dir.up" --xattrs --xattrs-include='*' -xpzf "$cache/$name.tgz" ||
    fail "cannot unpack $cache/$name.tgz"
exec 8>&-
overlay || fail "cannot mount an overlay"
mkdir -p "$dir/srv/tree" "$dir/var/empty"
# A small system (of debootstrap) has no /etc/hosts, so nothing finds localhost.
[ -s "$dir/etc/hosts" ] ||
    printf '127.0.0.1 localhost\n::1 localhost\n' > "$dir/etc/hosts"
mount --bind "$(pwd)" "$dir/srv/tree" || fail "cannot mount the tree"
for user in _spamgreyd _spamgreydb; do
	for file in passwd group; do
		grep -q "^$user:" "$dir/etc/$file" ||
		    grep "^$user:" "/etc/$file" >> "$dir/etc/$file"
	done
done
exit 0
