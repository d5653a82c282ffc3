#!/bin/sh
# demo.sh (make run): runs the daemon in the foreground on loopback, with its
# own database in .run/ and without a firewall.  It shows what happens to a
# message that comes for the first time, that is retried, and that comes too
# often.  Then it says what to type next.  Any user may run it, from the top of
# the tree.
#	MTA=address[:port]	the mail server to relay to; without it a small
#				one is started, which prints what it receives
#	RCPT=user@domain	a recipient there; default: you@example.org
#	RUNDIR=directory	default: .run

set -eu
top=$(pwd)
dir=${RUNDIR:-$top/.run}
# The path of a unix socket has at most 107 bytes.
if [ ${#dir} -gt 80 ]; then
	dir=${TMPDIR:-/tmp}/spamgreyd-demo-$(id -u)
fi
rcpt=${RCPT:-you@example.org}
# The host of the tour, a host in another network, because the tour makes its
# own network known, and a host for the spamtrap.  Systems that have only one
# loopback address are handled below.
client=127.0.0.9
other=127.0.1.9
trapped=127.0.2.9

# Prints the first free port at or after the given one.
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

# Prints $MTA in the form of spamgreyd.conf: an address and a port.
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

# Succeeds when this machine has the address.
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
	# A daemon that root starts drops its privileges to these users.
	sh lib/build/users.sh
fi
mkdir -p "$dir"
rm -rf "$dir/db" "$dir/sock"
cat > "$dir/spamgreyd.conf" <<END
# Each make run writes this file again.
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
# The daemon makes the control socket when its listeners are open.
while [ ! -S "$dir/sock" ]; do
	kill -0 "$daemon" 2>/dev/null || { end; exit 1; }
	sleep 1
done
is_ours "$client" 2>/dev/null || client=127.0.0.1 other='' trapped=''

step() {
	printf '\n=== %s\n    %s\n\n' "$1" "$2"
}

try="perl spamgreyd/try.pl"
step "1. a message comes from $client for the first time: 451, try again later" \
    "$try $port $rcpt $client"
$try "$port" "$rcpt" "$client"
printf '\n    (waiting 10 seconds, as a mail server would do)\n'
sleep 10
step "2. it comes again: $client passes, and the message is delivered" \
    "$try $port $rcpt $client"
$try "$port" "$rcpt" "$client"
step "3. a burst: 4 messages a minute are allowed, the rest is deferred" \
    "$try -n 6 $port $rcpt $client"
$try -n 6 "$port" "$rcpt" "$client"
sleep 1
db="spamgreydb/spamgreydb -f $rel/spamgreyd.conf"
tell() {
	printf '%s\n  %s\n\n' "$1" "$2"
}
cat <<END

spamgreyd still runs on 127.0.0.1 port $port and relays to $mta.
Ctrl-C ends it.  Try these commands in another terminal, in this directory:

END
if [ -n "$other" ]; then
	tell "Send mail from an unknown host: deferred; after 10 seconds again: delivered." \
	    "$try $port $rcpt $other"
else
	tell "Delete the host of the tour." "$db -d $client"
	tell "Send mail from an unknown host: deferred; after 10 seconds again: delivered." \
	    "$try $port other@${rcpt##*@}"
fi
tell "Send mail to a spamtrap: the tarpit, for two and a half minutes." \
    "$try $port trap@${rcpt##*@}${trapped:+ $trapped}"
tell "Print the database." "$db list"
tell "Explain one host." "$db show $client"
tell "Print the counters." "$db stats"
cat <<END
Mail to another recipient, for example at your own mail server (all recipients
of the domain are accepted):  make run RCPT=user@domain MTA=address[:port]
END
wait "$daemon" || rc=$?
daemon=
end
exit $rc
