#!/bin/sh
# users.sh: makes the users and groups that spamgreyd drops its privilege to,
# and the empty directory it is confined to; what is there already stays.
#	_spamgreyd	front, fw: whoever talks to the network
#	_spamgreydb	store: owns the database

set -eu
if [ "$(id -u)" != 0 ]; then
	echo "users.sh: only root can make users" >&2
	exit 1
fi

# Debian keeps these out of a user's PATH.
PATH=$PATH:/usr/sbin:/sbin
empty=/var/empty
nologin=/usr/sbin/nologin
[ -x $nologin ] || nologin=/sbin/nologin

if [ ! -d $empty ]; then
	mkdir -p $empty
	chmod 755 $empty
fi

for user in _spamgreyd _spamgreydb; do
	if id "$user" >/dev/null 2>&1; then
		continue
	fi
	case $(uname -s) in
	FreeBSD)
		pw groupshow "$user" >/dev/null 2>&1 || pw groupadd -n "$user"
		pw useradd -n "$user" -g "$user" -d $empty -s $nologin \
		    -c "spamgreyd"
		;;
	OpenBSD)
		getent group "$user" >/dev/null || groupadd "$user"
		useradd -g "$user" -d $empty -s $nologin -c "spamgreyd" "$user"
		;;
	*)
		getent group "$user" >/dev/null || groupadd -r "$user"
		useradd -r -M -g "$user" -d $empty -s $nologin \
		    -c "spamgreyd" "$user"
		;;
	esac
	echo "users.sh: made user and group $user"
done
