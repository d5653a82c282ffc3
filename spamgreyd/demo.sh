#!/bin/sh
# demo.sh (make run): the daemon in the foreground on loopback, with a
# database of its own in .run/ and no firewall; a tour of what it does with a
# mail that comes once, comes again, and comes too often; and what to type
# then.  Run from the top of the tree, as anybody.
#	MTA=address[:port]	relay to that mail server; else a small one is
#				started, which prints what it gets
#	RCPT=user@domain	a recipient there; else you@example.org
#	RUNDIR=directory	in place of .run

set -eu
top=$(pwd)
dir=${RUNDIR:-$top/.run}
# The path of a unix socket has 107 octets at most.
if [ ${#dir} -gt 80 ]; then
	dir=${TMPDIR:-/tmp}/spamgreyd-demo-$(id -u)
fi
rcpt=${RCPT:-you@example.org}
# The tour's host, one of another network (the tour makes its own known), and
# one for the spamtrap; systems with one loopback address: below.
client=127.0.0.9
other=127.0.1.9
trapped=127.0.2.9

# The first port from there on that nobody has.
free_port() {
	perl -MIO::Socket::INET -e '
		my $first = shift;
		for my $p ($first, $first + 100, $first + 200,
		    $first + 10000 .. $first + 10100) {
			IO::Socket::INET->new(LocalAddr => "127.0.0.1",
			    LocalPort => $p, Listen => 1, ReuseAddr => 1)
			    or next;
			print $p;
			exit 0;
		}
		exit 1;' "$1"
}

# $MTA as spamgreyd.conf wants it: an address and a port.
relay() {
	perl -MSocket -e '
		my ($host, $port) = $ARGV[0] =~ /^\[(.*)\](?::(\d+))?$/ ?
		    ($1, $2) : $ARGV[0] =~ /^([^:]*)(?::(\d+))?$/ ? ($1, $2) :
		    ($ARGV[0], undef);
		if ($host !~ /:/) {
			my $a = inet_aton($host) or
			    die "MTA=$ARGV[0]: no such host\n";
			$host = inet_ntoa($a);
		}
		print "$host port ", $port // 25;' "$1"
}

is_ours() {
	perl -MIO::Socket::INET -e '
		exit !IO::Socket::INET->new(LocalAddr => shift, Listen => 1);
		' "$1"
}

port=$(free_port 8025)
sink=
if [ -n "${MTA:-}" ]; then
	mta=$(relay "$MTA")
else
	sinkport=$(free_port 2525)
	mta="127.0.0.1 port $sinkport"
fi

if [ "$(id -u)" = 0 ]; then
	# The daemon started by root drops its privilege to them.
	sh lib/users.sh
fi
mkdir -p "$dir"
rm -rf "$dir/db" "$dir/sock"
cat > "$dir/spamgreyd.conf" <<END
# Made anew by each make run.
hostname "mx.example.org"
state directory "$dir/db"
control socket "$dir/sock"
listen on 127.0.0.1 port $port
firewall none
allowed domains { "${rcpt##*@}" }
spamtrap { "trap@${rcpt##*@}" }
greylist { pass 10s }
tarpit { stutter 1s for 5s }
pass {
	listen on 127.0.0.1 port $(free_port 8027)
	relay to $mta
	module throttle { client 4 per 1m }
}
END

rel=${dir#"$top"/}
daemon=
end() {
	trap '' INT TERM
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || :
	[ -z "$daemon" ] || wait "$daemon" 2>/dev/null || rc=$?
	[ -z "$sink" ] || kill "$sink" 2>/dev/null || :
}
rc=0
trap 'end; exit $rc' INT TERM

if [ -z "${MTA:-}" ]; then
	perl spamgreyd/sink.pl "$sinkport" &
	sink=$!
fi
spamgreyd/spamgreyd -d -f "$dir/spamgreyd.conf" &
daemon=$!
# It makes the control socket when its listeners are open.
while [ ! -S "$dir/sock" ]; do
	kill -0 "$daemon" 2>/dev/null || { end; exit 1; }
	sleep 1
done
is_ours "$client" 2>/dev/null || client=127.0.0.1 other='' trapped=''

step() {
	printf '\n=== %s\n    %s\n\n' "$1" "$2"
}

try="perl spamgreyd/try.pl"
step "1. a mail comes from $client for the first time: 451, try again later" \
    "$try $port $rcpt $client"
$try "$port" "$rcpt" "$client"
printf '\n    (10 seconds, as a mail server would wait)\n'
sleep 10
step "2. it comes again: $client passes, and the mail is delivered" \
    "$try $port $rcpt $client"
$try "$port" "$rcpt" "$client"
step "3. a burst: 4 a minute are allowed, the rest is put off" \
    "$try -n 6 $port $rcpt $client"
$try -n 6 "$port" "$rcpt" "$client"
sleep 1
db="spamgreydb/spamgreydb -f $rel/spamgreyd.conf"
tell() {
	printf '%s\n  %s\n\n' "$1" "$2"
}
cat <<END

spamgreyd goes on, on 127.0.0.1 port $port, relaying to $mta; Ctrl-C ends it.
In another terminal, in this directory:

END
if [ -n "$other" ]; then
	tell "A mail of a host that is not known: put off; again after 10 seconds: delivered." \
	    "$try $port $rcpt $other"
else
	tell "Forget the host of the tour." "$db -d $client"
	tell "A mail of a host that is not known: put off; again after 10 seconds: delivered." \
	    "$try $port other@${rcpt##*@}"
fi
tell "A mail to a spamtrap: the tarpit, for two and a half minutes." \
    "$try $port trap@${rcpt##*@}${trapped:+ $trapped}"
tell "The database." "$db list"
tell "One host." "$db show $client"
tell "The counters." "$db stats"
cat <<END
Mail to another recipient, for example one of your mail server (all recipients
of its domain are taken):  make run RCPT=user@domain MTA=address[:port]
END
wait "$daemon" || rc=$?
daemon=
end
exit $rc
