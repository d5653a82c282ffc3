#!/bin/sh
# What a build prints, with both makes: a short line a file, the command with
# V=1 and when it fails, nothing with -s.
dir=$(mktemp -d "${TMPDIR:-/tmp}/output.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
unset MAKEFLAGS MFLAGS MAKELEVEL V
n=0

is() {	# name, what there is, what should be
	n=$((n + 1))
	[ "$2" = "$3" ] && { echo "ok $n - $1"; return; }
	echo "not ok $n - $1"
	printf '%s\n' "got:" "$2" "expected:" "$3" | sed 's/^/# /'
}

# The tree's own makefile, with two files to compile.
mkdir "$dir/lib" "$dir/spamgreyd" "$dir/spamgreydb"
cp Makefile "$dir"
cp -R lib/build "$dir/lib"
: > "$dir/spamgreyd/none.c"
echo 'extern int x; int x;' > "$dir/lib/good.c"
echo 'extern int x; int x' > "$dir/lib/bad.c"
for make in make bmake; do
	if ! command -v $make >/dev/null 2>&1; then
		n=$((n + 1))
		echo "ok $n - a build with $make # SKIP no $make here"
		continue
	fi
	run() {
		rm -f "$dir"/out/*.o
		(cd "$dir" && $make CC=cc CFLAGS="-DX='\"a b\"'" "$@" 2>&1)
	}
	is "$make: a line a file" "$(run out/lib_good.o)" "CC   lib/good.c"
	is "$make: nothing with -s" "$(run -s out/lib_good.o)" ""
	is "$make: nothing with V=0" "$(run V=0 out/lib_good.o)" ""
	is "$make: the command with V=1" \
	    "$(run V=1 out/lib_good.o | sed -n 's/^\(cc\) .* -o .*\(good.c\)$/\1 \2/p')" \
	    "cc good.c"
	out=$(run out/lib_bad.o)
	is "$make: it fails" "$?" "$([ $make = make ] && echo 2 || echo 1)"
	is "$make: a failed command is shown" "$(echo "$out" |
	    sed -n 's/^failed: \(cc\) .* -o .*\(bad.c\)$/\1 \2/p')" "cc bad.c"
	is "$make: after what the compiler says" "$(echo "$out" |
	    grep -c 'bad\.c:.*error')" 1
done
echo "1..$n"
