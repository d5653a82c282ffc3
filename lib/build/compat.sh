#!/bin/sh
# compat.sh DESTDIR SBINDIR MANDIR: run after install.sh, makes the links spamdb
# to spamgreydb and spamdb.8 to its manual page.  Another file of that name, for
# example OpenBSD's own spamdb, is left alone; then neither link is made.

set -eu
dest=$1
sbin=$2
man=$3/man8

# Succeeds when the link points to the target, or when nothing has its name.
ours() {	# link, target
	[ -L "$1" ] && [ "$(readlink "$1")" = "$2" ] && return 0
	[ ! -e "$1" ] && [ ! -L "$1" ]
}

rc=0
for link in "$dest$sbin/spamdb spamgreydb" "$dest$man/spamdb.8 spamgreydb.8"; do
	if ! ours "${link% *}" "${link##* }"; then
		echo "${link% *}: belongs to another program; remove it, or" \
		    "set another PREFIX" >&2
		rc=1
	fi
done
[ $rc = 0 ] || exit $rc
ln -sf spamgreydb "$dest$sbin/spamdb"
ln -sf spamgreydb.8 "$dest$man/spamdb.8"
echo "installed the name $dest$sbin/spamdb for spamgreydb"
