#!/bin/sh
# The start scripts, and what the manual says of them.  FreeBSD's script runs
# with a small rc.subr of the test: the path of the program, the options, and
# that a wrong configuration neither starts nor reloads anything.  All scripts
# reload with spamgreydb, because a signal does not report the outcome.

set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
n=0

ok() {
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$tmp/out"
	fi
}

[ -x spamgreyd/spamgreyd ] || { echo '1..0 # skip not built'; exit 0; }
sh lib/build/install.sh "$tmp" "$tmp/sbin" /usr/local/share/man /etc > "$tmp/out" 2>&1
ok $? 'installed'
script=$tmp/usr/local/share/examples/spamgreyd/spamgreyd.freebsd.rc
[ -x "$script" ]
ok $? 'the script is among the samples'
! grep -q /usr/local/sbin "$script"
ok $? 'and names the program where it was installed'

# What rc.subr(8) does for start and reload: precmd first, then the command.
cat > "$tmp/rc.subr" <<'EOF'
load_rc_config() { spamgreyd_enable=YES; }
run_rc_command() {
	eval "pre=\${${1}_precmd:-} own=\${${1}_cmd:-}"
	[ -f "$required_files" ] || return 1
	[ -z "$pre" ] || "$pre" || return 1
	if [ -n "$own" ]; then
		"$own"
	elif [ "$1" = reload ]; then
		echo "a signal"
	else
		# shellcheck disable=SC2086
		"$command" $spamgreyd_flags $command_args
	fi
}
EOF
cat > "$tmp/daemon" <<'EOF'
#!/bin/sh
echo "run $*"
case " $* " in
*" -n "*)	! grep -q bad "$TMP/conf" ;;
esac
EOF
cat > "$tmp/control" <<'EOF'
#!/bin/sh
echo "control $*"
! grep -q unstartable "$TMP/conf"
EOF
chmod 755 "$tmp/daemon" "$tmp/control"
sed -e "s,^\. /etc/rc.subr,. $tmp/rc.subr," -e \
    "s,^command=.*,command=$tmp/daemon," -e \
    "s,^control=.*,control=$tmp/control," "$script" > "$tmp/rc"
export TMP="$tmp" spamgreyd_config="$tmp/conf" spamgreyd_flags=-v

rc() {
	sh "$tmp/rc" "$1" > "$tmp/out" 2>&1
}

echo good > "$tmp/conf"
rc start
ok $? 'start'
[ "$(tail -1 "$tmp/out")" = "run -v -f $tmp/conf" ]
ok $? 'with its flags and the file'
[ "$(head -1 "$tmp/out")" = "run -n -f $tmp/conf -v" ]
ok $? 'which was checked first'
rc reload && [ "$(tail -1 "$tmp/out")" = "control -f $tmp/conf reload" ]
ok $? 'reload: the command, which waits'
echo unstartable > "$tmp/conf"
! rc reload && grep -q control "$tmp/out"
ok $? 'reload: fails when the command does'
echo good > "$tmp/conf"
rc configtest && [ "$(grep -c run "$tmp/out")" = 1 ]
ok $? 'configtest checks and does nothing else'
echo bad > "$tmp/conf"
rc start
[ $? -ne 0 ] && [ "$(grep -c run "$tmp/out")" = 1 ]
ok $? 'a bad file starts nothing'
rc reload
[ $? -ne 0 ] && ! grep -q control "$tmp/out"
ok $? 'and reloads nothing'
rc restart
[ $? -ne 0 ] && [ "$(grep -c run "$tmp/out")" = 1 ]
ok $? 'nor does it stop what runs'

# OpenBSD's reload, with the file of the daemon's flags.
cat > "$tmp/openbsd.subr" <<'EOF'
rc_cmd() { "rc_$1"; }
EOF
sed -e "s,^\. /etc/rc.d/rc.subr,. $tmp/openbsd.subr," -e \
    "s,^control=.*,control=$tmp/control," spamgreyd/spamgreyd.rc > "$tmp/rc"
echo good > "$tmp/conf"
export daemon_flags="-v -D a=b -f $tmp/conf"
rc reload && [ "$(cat "$tmp/out")" = "control -f $tmp/conf reload" ]
ok $? 'OpenBSD: reload: the command, with the file of the flags'
daemon_flags=""
rc reload && [ "$(cat "$tmp/out")" = "control -f /etc/spamgreyd.conf reload" ]
ok $? 'OpenBSD: reload: with the default file'
echo unstartable > "$tmp/conf"
! rc reload
ok $? 'OpenBSD: reload: fails when the command does'
grep -q '^ExecReload=/usr/local/sbin/spamgreydb reload$' \
    spamgreyd/spamgreyd.service
ok $? 'systemd: reload: the command'

# OpenBSD's class of 1,024 files, and its addresses of all routing domains.
: > "$tmp/out"
grep -q 'openfiles-max=' spamgreyd/spamgreyd.8 &&
    grep -q 'login class' spamgreyd/spamgreyd.rc
ok $? 'the manual and the script of OpenBSD name the login class'
sed -n '/^\.It Ic mta /,/^\.It /p' spamgreyd/spamgreyd.conf.5 |
    grep -q 'routing domains'
ok $? 'the manual of mta says what routing domains do'
echo "1..$n"
