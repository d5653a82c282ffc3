#!/bin/sh
# run.sh: what `make fuzz' runs, from the top of the tree.  Builds each target
# NAME_fuzz.c with clang's libFuzzer and sanitizers, in a copy of the tree
# (regress/obj/fuzz), and lets it search for some time.  Prints a line for each
# target.  An input that crashes stays in regress/fuzz/found/NAME, and the exit
# status is 1.
#	TIME=60		seconds for each target
#	FUZZ="dns pass"	only targets whose path has one of these words
#	JOBS=2		targets at the same time
#	KEEP=yes	at the end, add to the corpora in the tree the inputs
#			that reach code which their other inputs do not
#	FUZZ_FLAGS=	more options for libFuzzer
# A target's line "/* FUZZ: options */" has options for libFuzzer that it needs.
# What a run finds stays in regress/obj/fuzz/corpus and is where the next run
# begins, until `make clean'.
set -eu

time=${TIME:-60}
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}
tree=regress/obj/fuzz
found=regress/fuzz/found
os=$(uname -s)
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=0}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

# one NAME: fuzzes one target, and leaves its line of the table in NAME.line.
one() {
	name=$1
	log=$tree/$name.log
	crashes=$found/$name
	mkdir -p "$tree/corpus/$name" "$crashes"
	rc=0
	options=$(find regress/fuzz -name "${name}_fuzz.c" -exec \
	    sed -n 's,^/\* FUZZ: \(.*\) \*/$,\1,p' {} +)
	# A crash of an earlier run must not count again.
	: >"$tree/$name.begin"
	# shellcheck disable=SC2086
	"$tree/$name" -max_total_time="$time" -print_final_stats=1 \
	    -rss_limit_mb=2048 -timeout=60 -report_slow_units=60 \
	    -artifact_prefix="$crashes/" $options ${FUZZ_FLAGS:-} "$tree/corpus/$name" \
	    "regress/fuzz/corpus/$name" >"$log" 2>&1 </dev/null || rc=$?
	n=$(find "$crashes" -type f -newer "$tree/$name.begin" | wc -l)
	[ $rc = 0 ] || [ "$n" -gt 0 ] || n=1
	awk -v name="$name" -v crashes="$n" '
	/ cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
	/^stat::number_of_executed_units/ { runs = $2 }
	/^stat::average_exec_per_sec/ { rate = $2 }
	/^stat::new_units_added/ { new = $2 }
	END { printf "%-16s %12d %10d %6d %8d %7d\n", name, runs, rate, new,
	    cov, crashes }' "$log" >"$tree/$name.line"
	cat "$tree/$name.line"
	rmdir "$crashes" 2>/dev/null && return 0
	[ $rc = 0 ] && return 0
	grep -hE '^(SUMMARY|==[0-9]+== ERROR)|runtime error' "$log" || true
	find "$crashes" -type f -newer "$tree/$name.begin" |
	    sed "s,^,repeat it with: $tree/$name ,"
}

case ${1:-} in
-1)	one "$2"
	exit ;;
esac

command -v clang >/dev/null || {
	echo "make fuzz: clang is not installed" >&2
	exit 1
}

sources=$(find regress/fuzz -name '*_fuzz.c' | LC_ALL=C sort |
    while read -r src; do
	for word in ${FUZZ:-/}; do
		case $src in
		*"$word"*)	echo "$src"; break ;;
		esac
	done
done)
[ -n "$sources" ] || {
	echo "make fuzz: FUZZ: no target has such a name: ${FUZZ:-}" >&2
	exit 1
}

# The copy keeps the times of files, so that only what changed is built again.
mkdir -p "$tree" "$found"
for dir in lib spamgreyd spamgreydb regress/lib regress/fuzz; do
	rm -rf "${tree:?}/$dir"
	mkdir -p "$tree/${dir%/*}"
	tar -cf - --exclude=found --exclude=corpus "$dir" | tar -C "$tree" -xpf -
done
cp -p Makefile "$tree/"

sanitizers=address,undefined
cflags="-fno-sanitize-recover=all -fno-omit-frame-pointer -U_FORTIFY_SOURCE"
# links SOURCE: the archives and objects that its LINK line names.
links() {
	for part in $(sed -n 's,^/\* LINK: \(.*\) \*/$,\1,p' "$1"); do
		name=out/$(echo "$part" | tr / _)
		case $part in
		*.c)	echo "${name%.c}.o" ;;
		*)	echo "$name.a" ;;
		esac
	done
}
(
	cd "$tree"
	unset MAKEFLAGS MFLAGS MAKELEVEL
	# shellcheck disable=SC2046
	${MAKE:-make} -s V=0 -j"$jobs" SANDBOX=none CC=clang \
	    CFLAGS="-fsanitize=fuzzer-no-link,$sanitizers $cflags" \
	    out/libspamgrey.a $(for src in $sources; do links "$src"; done |
	    sort -u)
	cppflags=$(sed -n 's/^OS_CPPFLAGS =//p' "lib/build/$os.mk")
	libdb=$(sed -n 's/^D_LIBS =.*\(-ldb[^ ]*\).*/\1/p' "lib/build/$os.mk")
	for src in $sources; do
		name=$(basename "$src" _fuzz.c)
		libs=$(sed -n 's,^/\* LIBS: \(.*\) \*/$,\1,p' "$src" |
		    sed "s/-ldb/$libdb/")
		echo "clang -std=c11 -O1 $cppflags $cflags \
		    -fsanitize=fuzzer,$sanitizers -I. -o $name $src \
		    -Wl,--start-group $(links "$src" | tr '\n' ' ') \
		    out/libspamgrey.a -Wl,--end-group $libs \
		    -levent_core -lidn2 -lpthread -lbsd -ldl"
	done | tr -d '\t' | tr '\n' '\0' | xargs -0 -P "$jobs" -n 1 sh -c
)

names=$(for src in $sources; do basename "$src" _fuzz.c; done)
printf '%-16s %12s %10s %6s %8s %7s\n' target executions 'a second' new \
    coverage crashes
for name in $names; do
	rm -f "$tree/$name.line"
done
echo "$names" | TIME=$time xargs -P "$jobs" -n 1 sh "$0" -1

rc=0
for name in $names; do
	# A target without a line, or with a crash.
	awk 'NF != 6 || $6 != 0 { bad = 1 } END { exit bad || NR != 1 }' \
	    "$tree/$name.line" || rc=1
done
[ $rc = 0 ] || exit 1

# An input is added only when it reaches code that no other one does.
[ -n "${KEEP:-}" ] || exit 0
for name in $names; do
	corpus=regress/fuzz/corpus/$name
	mkdir -p "$corpus"
	before=$(find "$corpus" -type f | wc -l)
	"$tree/$name" -merge=1 -use_counters=0 -rss_limit_mb=2048 "$corpus" \
	    "$tree/corpus/$name" >"$tree/$name.log" 2>&1
	echo "$corpus: $(($(find "$corpus" -type f | wc -l) - before)) new"
done
