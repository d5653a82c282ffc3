#!/bin/sh
# run.sh [check|torture]: builds and runs the tests that there are, by ls;
# from the top of the tree, after make.  The last line is the sum.
#	REGRESS="unit smtp"	only these directories of regress/
#	TESTS=part		only tests with this in their name
# A unit test is regress/AREA/NAME_test.c, a fuzz target NAME_fuzz.c, any other
# test an executable NAME.t; torture runs those with a line "# torture".

set -u
mode=${1:-check}
PERL=${PERL:-perl}

areas() {
	if [ -n "${REGRESS:-}" ]; then
		echo "$REGRESS"
		return
	fi
	# The quick ones first, the whole machine last.
	echo unit fuzz
	for dir in regress/*/; do
		name=$(basename "$dir")
		case $name in
		unit|fuzz|lib|obj|bench|system)	;;
		*)	echo "$name" ;;
		esac
	done
	echo system bench
}

tests() {
	for area in $(areas); do
		for file in "regress/$area"/*_test.c "regress/$area"/*_fuzz.c \
		    "regress/$area"/*.t; do
			[ -f "$file" ] || continue
			case $file in
			*"${TESTS:-}"*)	;;
			*)	continue ;;
			esac
			if [ "$mode" = torture ] &&
			    ! grep -q '^# torture$' "$file"; then
				continue
			fi
			echo "$file"
		done
	done
}

# A test that cannot be built is a test that failed, not one that is not there.
built=
for file in $(tests); do
	case $file in
	*.c)	sh regress/build.sh "$file" ||
		    echo "run.sh: $file: cannot be built" >&2
		built="$built regress/obj/$(basename "$file" .c)" ;;
	*)	built="$built $file" ;;
	esac
done

# shellcheck disable=SC2086
exec $PERL -MTAP::Harness -e '
	my $h = TAP::Harness->new({
		verbosity => $ENV{TEST_VERBOSE} ? 1 : 0,
		exec => sub {
			my ($harness, $file) = @_;
			# a fuzz target runs over its corpus
			return (["./$file", "regress/fuzz/corpus/$1"])
			    if $file =~ m{([^/]+)_fuzz$};
			return (["./$file"]);
		}
	});
	my @missing = grep { !-x } @ARGV;
	my $sum = $h->runtests(grep { -x } @ARGV);
	my $passed = $sum->passed;
	# A test file that ended early or badly counts too.
	my %bad = map { $_ => 1 } $sum->parse_errors, $sum->exit, $sum->wait;
	my $failed = $sum->failed + @missing;
	for my $file (keys %bad) {
		$failed++ if !grep { $_ eq $file } $sum->failed;
	}
	print "cannot be run: $_\n" for @missing;
	print "$passed passed, $failed failed\n";
	exit($failed || !$passed ? 1 : 0);' $built
