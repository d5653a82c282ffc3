#!/bin/sh
# users.sh: makes the users and groups to which spamgreyd drops its privileges,
# and the empty directory to which it is confined.  What exists already is kept.
#	_spamgreyd	front, pass, fw, track: the processes at the network
#	_spamgreydb	store: the owner of the database

set -eu
if [ "$(id -u)" != 0 ]; then
	echo "users.sh: only root can make users; run it as root" >&2
	exit 1
fi

# On Debian these are not in the PATH of ordinary users.
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
