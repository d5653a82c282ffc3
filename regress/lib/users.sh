# shellcheck shell=sh
# users.sh: sourced by a script in its own mount namespace.  It makes /var/empty
# and the users to which the daemon drops its privileges, in copies of passwd and
# group that only this namespace sees.  The machine itself is not changed, and
# users that exist are used.  SG_MNT is where it may mount: a directory of the
# system that does not contain the tree.

case $(pwd) in
/mnt*)	SG_MNT=/media ;;
*)	SG_MNT=/mnt ;;
esac
export SG_MNT

users_user() {	# name, number
	grep -q "^$1:" /etc/passwd && return
	echo "$1:x:$2:$2::/var/empty:/usr/sbin/nologin" >> "$SG_MNT/passwd"
	echo "$1:x:$2:" >> "$SG_MNT/group"
}

# The cache of packages for the tests is below /var and must stay the machine's.
users_empty() {
	[ -d /var/empty ] && return
	mkdir "$SG_MNT/var" "$SG_MNT/work" "$SG_MNT/cache" &&
	    mount --bind /var/cache "$SG_MNT/cache" &&
	    mount -t overlay overlay \
	    -o "lowerdir=/var,upperdir=$SG_MNT/var,workdir=$SG_MNT/work" /var &&
	    mount --bind "$SG_MNT/cache" /var/cache && mkdir -p /var/empty
}

users_make() {
	mount -t tmpfs tmpfs $SG_MNT && cp /etc/passwd /etc/group $SG_MNT/ &&
	    users_user _spamgreyd 64801 && users_user _spamgreydb 64802 &&
	    mount --bind $SG_MNT/passwd /etc/passwd &&
	    mount --bind $SG_MNT/group /etc/group && users_empty
}
