#!/bin/sh
# compat.sh DESTDIR SBINDIR MANDIR: after install.sh, the name spamdb for
# spamgreydb and for its manual page, as links beside them.  What is there
# under that name and is no such link is somebody else's (OpenBSD's own): it
# stays, and nothing is made.

set -eu
dest=$1
sbin=$2
man=$3/man8

ours() {	# link, target: is it ours, or not there?
	[ -L "$1" ] && [ "$(readlink "$1")" = "$2" ] && return 0
	[ ! -e "$1" ] && [ ! -L "$1" ]
}

rc=0
for link in "$dest$sbin/spamdb spamgreydb" "$dest$man/spamdb.8 spamgreydb.8"; do
	if ! ours "${link% *}" "${link##* }"; then
		echo "${link% *}: there is another one; remove it, or choose" \
		    "another PREFIX" >&2
		rc=1
	fi
done
[ $rc = 0 ] || exit $rc
ln -sf spamgreydb "$dest$sbin/spamdb"
ln -sf spamgreydb.8 "$dest$man/spamdb.8"
echo "$dest$sbin/spamdb is spamgreydb"
