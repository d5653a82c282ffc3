#!/bin/sh
# demo.sh (make run): the daemon in the foreground on loopback, with a
# database of its own in .run/ and no firewall, and what to type to see it
# greylist.  Run from the top of the tree, as anybody.

set -eu
top=$(pwd)
dir=$top/.run
# The path of a unix socket has 107 octets at most.
if [ ${#dir} -gt 80 ]; then
	dir=${TMPDIR:-/tmp}/spamgreyd-demo-$(id -u)
fi

# The first port from 8025 on that nobody has.
port=$(perl -MIO::Socket::INET -e '
	for my $p (8025, 8125, 8225, 18025 .. 18125) {
		IO::Socket::INET->new(LocalAddr => "127.0.0.1",
		    LocalPort => $p, Listen => 1, ReuseAddr => 1) or next;
		print $p;
		exit 0;
	}
	exit 1;')

if [ "$(id -u)" = 0 ]; then
	sh lib/users.sh
fi
mkdir -p "$dir"
cat > "$dir/spamgreyd.conf" <<END
# Made anew by each make run.
hostname "mx.example.org"
state directory "$dir/db"
control socket "$dir/sock"
listen on 127.0.0.1 port $port
firewall none
allowed domains { "example.org" }
spamtrap { "trap@example.org" }
greylist { pass 10s }
tarpit { stutter 1s for 5s }
END

rel=${dir#"$top"/}
cat <<END
spamgreyd greylists on 127.0.0.1 port $port; Ctrl-C ends it.  Its log follows.
In another terminal, in this directory:

  perl spamgreyd/try.pl $port                               a mail comes: 451, try again later
  perl spamgreyd/try.pl $port                               again after 10 seconds: 451, and now 127.0.0.1 is WHITE
  spamgreydb/spamgreydb -f $rel/spamgreyd.conf list         the database
  spamgreydb/spamgreydb -f $rel/spamgreyd.conf show 127.0.0.1
  perl spamgreyd/try.pl $port trap@example.org 127.0.0.2    mail to a spamtrap, from 127.0.0.2: the tarpit (two minutes)

END

# The daemon has the Ctrl-C too, and ends in order; this waits for that.
trap : INT
rc=0
spamgreyd/spamgreyd -d -f "$dir/spamgreyd.conf" || rc=$?
exit $rc
