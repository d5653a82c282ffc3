#!/bin/sh
# install.sh DESTDIR SBINDIR MANDIR SYSCONFDIR: installs the programs, the
# manual pages and the samples.  It never changes spamgreyd.conf.  It makes the
# users only when it runs as root and installs into the running system (no
# DESTDIR).

set -eu
dest=$1
sbin=$2
man=$3
etc=$4
examples=$(dirname "$man")/examples/spamgreyd

put() {		# mode, file, directory [, name]
	mkdir -p "$dest$3"
	# A running program cannot be overwritten, but its file can be replaced.
	cp "$2" "$dest$3/.install.$$"
	chmod "$1" "$dest$3/.install.$$"
	mv "$dest$3/.install.$$" "$dest$3/${4:-$(basename "$2")}"
}

# Installs a start script with the path of the installed program in it.
put_start() {	# mode, file, name
	tmp=$(mktemp)
	sed "s,/usr/local/sbin,$sbin,g" "$2" > "$tmp"
	put "$1" "$tmp" "$examples" "$3"
	rm -f "$tmp"
}

put 755 spamgreyd/spamgreyd "$sbin"
put 755 spamgreydb/spamgreydb "$sbin"
for page in spamgreyd/*.[578] spamgreydb/*.[578]; do
	[ -f "$page" ] && put 644 "$page" "$man/man${page##*.}"
done
put 644 spamgreyd/spamgreyd.conf.sample "$etc"
for sample in pf.conf.sample spamgreyd/*.sample spamgreydb/*.sample; do
	[ -f "$sample" ] && put 644 "$sample" "$examples"
done
put_start 644 spamgreyd/spamgreyd.service spamgreyd.service
put_start 755 spamgreyd/spamgreyd.rc spamgreyd.rc
put_start 755 spamgreyd/spamgreyd.freebsd.rc spamgreyd.freebsd.rc

if [ -z "$dest" ] && [ "$(id -u)" = 0 ]; then
	sh lib/build/users.sh
fi

echo "installed in $dest$sbin; samples in $dest$examples"
if [ ! -f "$dest$etc/spamgreyd.conf" ]; then
	echo "next: cp $etc/spamgreyd.conf.sample $etc/spamgreyd.conf, then edit it"
fi
