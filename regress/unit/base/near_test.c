/* Words that are nearly equal. */
#include "lib/base/near.h"
#include "regress/lib/tap.h"

int
main(void)
{
	is_int(near_word("front", "front"), 0, "the same");
	is_int(near_word("fornt", "front"), 1, "two letters exchanged");
	is_int(near_word("frnt", "front"), 1, "one missing");
	is_int(near_word("froont", "front"), 1, "one too many");
	is_int(near_word("Front", "front"), 0, "case does not count");
	is_int(near_word("per_hots", "per-host"), 2, "two mistakes");
	is_int(near_word("low-priority", "low-priority-mx"), 3, "a beginning");
	is_int(near_word("gre", "greylist"), -1, "too short a beginning");
	is_int(near_word("panic", "trap"), -1, "another word");
	is_int(near_word("no", "on"), 1, "short words");
	is_int(near_word("a", "b"), -1, "nothing in common");
	is_int(near_word("", "on"), -1, "an empty word");
	is_int(near_word("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaa"), -1,
	    "a long word");
	return (done());
}
