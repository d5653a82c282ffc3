#!/bin/sh
# .ci/house.sh: the tree keeps the rules of who includes whom, and a change of
# one line that breaks a rule is a failure with the rule's sentence.
set -u
dir=$(mktemp -d "${TMPDIR:-/tmp}/house.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
n=0

ok() {			# status of a test command, name
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		sed 's/^/# /' "$dir/said"
	fi
}

mkdir "$dir/tree" "$dir/tree/.ci"
cp .ci/house.sh "$dir/tree/.ci"
find lib spamgreyd spamgreydb -name '*.[chy]' | tar -cf - -T - |
    tar -C "$dir/tree" -xf -
cd "$dir/tree" || exit 1

house() {
	sh .ci/house.sh > "$dir/said" 2>&1
}

# breaks FILE HEADER SENTENCE: FILE gets a line that includes HEADER.
breaks() {
	cp "$1" "$dir/kept"
	echo "#include \"$2\"" >> "$1"
	house
	rc=$?
	cp "$dir/kept" "$1"
	[ $rc -ne 0 ] && [ "$(wc -l < "$dir/said")" -eq 1 ] &&
	    grep -q "^$1:[0-9]*: $2: $3\$" "$dir/said"
	ok $? "$1 must not include $2"
}

house
ok $? 'the tree keeps every rule'
breaks lib/base/log.c ../base/addr.h \
    'an include is written from the top of the tree'
breaks lib/base/log.c addr.h \
    'there is no such header below the top of the tree'
breaks lib/policy/conf.c spamgreyd/os/os.h \
    'lib includes nothing of spamgreyd or spamgreydb'
breaks lib/sync/v2.c spamgreydb/spamgreydb.h \
    'lib includes nothing of spamgreyd or spamgreydb'
breaks spamgreydb/out.c spamgreyd/os/os.h \
    'spamgreydb includes nothing of spamgreyd'
for file in front/log.c pass/log.c fw/set.c store/fw.c track/hosts.c \
    list/job.c parent/msg.c; do
	other=spamgreyd/track/track.h
	[ $file = track/hosts.c ] && other=spamgreyd/store/store.h
	breaks spamgreyd/$file $other \
	    'a role includes no other role; roles speak by lib/proto'
done
breaks spamgreyd/front/log.c spamgreyd/parent/parent.h \
    'a role includes no other role; roles speak by lib/proto'
for role in front/log.c pass/log.c fw/set.c; do
	for room in policy/policy.h db/db.h control/ctl.h; do
		breaks spamgreyd/$role lib/$room \
		    'front, pass and fw include neither policy nor db nor control'
	done
done
breaks spamgreyd/modules/throttle.c spamgreyd/process/process.h \
    'a module includes only the contracts of runner and scan, its own folder and lib'
breaks spamgreyd/modules/throttle.c spamgreyd/modules/milter/milter.h \
    'a module includes only the contracts of runner and scan, its own folder and lib'
breaks spamgreyd/modules/throttle.c spamgreyd/runner/runner.h \
    'a module includes only the contracts of runner and scan, its own folder and lib'
breaks spamgreyd/modules/milter/sess.c lib/proto/parent.h \
    'a module includes nothing of lib\/proto'
for file in scan/conn.c mta/io.c message/spool.c; do
	for header in pass/pass.h runner/runner.h runner/module.h; do
		breaks spamgreyd/pass/$file spamgreyd/$header \
		    'scan, mta and message include neither runner nor pass'
	done
done
breaks spamgreyd/runner/run.c spamgreyd/pass/pass.h \
    'runner does not include pass, which gives it what it calls'
breaks spamgreyd/os/linux.c spamgreyd/process/process.h \
    'os includes neither process nor fw'
breaks spamgreyd/os/pf_abi.h spamgreyd/fw/fw.h \
    'os includes neither process nor fw'
breaks lib/ipc/chan.c lib/proto/parent.h \
    'ipc and smtp do not include proto'
breaks lib/smtp/param.c lib/proto/parent.h \
    'ipc and smtp do not include proto'
breaks lib/base/log.c lib/ipc/ipc.h \
    'base includes no other room'
breaks spamgreyd/store/store.c lib/policy/policy_int.h \
    'a header that ends in _int.h is included only in its room'

cp lib/control/ctl.h lib/control/second.h
mv lib/control/ctl_int.h "$dir/kept"
house
[ $? -ne 0 ] && grep -q '^lib/control: a room without an _int.h has one public header' "$dir/said"
ok $? 'a room with two public headers says why'
mv "$dir/kept" lib/control/ctl_int.h
rm lib/control/second.h
house
ok $? 'and without these changes it keeps every rule again'
echo "1..$n"
