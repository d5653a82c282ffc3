/*
 * What a command is told when it asks for the outcome of its reload.
 */
/* LINK: spamgreyd/parent */
#include <stdlib.h>
#include <string.h>

#include "spamgreyd/parent/parent.h"
#include "regress/lib/tap.h"

static struct parent	par;
static unsigned int	told;
static char		told_text[640];

/* The rest of the parent. */
void
parent_answer(struct chan *ch, uint64_t id, unsigned int status, int more,
    const char *text)
{
	(void)ch;
	if (id != 7 || more)
		abort();
	told = status;
	strlcpy(told_text, text, sizeof(told_text));
}

static unsigned int
of(const char *ticket)
{
	outcome_answer(&par, NULL, 7, ticket);
	return (told);
}

int
main(void)
{
	char		name[16];
	unsigned int	i;

	is_int(of("a"), CTL_NOTFOUND, "a reload that nobody asked for");
	is_int(of(""), CTL_NOTFOUND, "no ticket");
	outcome_begin(&par, "");
	is_int(of(""), CTL_NOTFOUND, "a signal's reload has none");
	outcome_begin(&par, "a");
	outcome_begin(&par, "b");
	outcome_begin(&par, "c");
	is_int(of("a"), CTL_PENDING, "under way");
	outcome_settle(&par, AWAITS_SET, CTL_OK, "ready");
	is_int(of("a"), CTL_PENDING, "a set that is ready says nothing of "
	    "reloads that have not come so far");
	outcome_await(&par, "a", AWAITS_SET);
	outcome_await(&par, "b", AWAITS_NEW);
	outcome_settle(&par, AWAITS_NEW, CTL_FAILED, "no firewall");
	ok(of("b") == CTL_FAILED && strcmp(told_text, "no firewall") == 0,
	    "the set does not start with a new configuration: failed, and why");
	is_int(of("a"), CTL_PENDING, "one that was in force before is not");
	is_int(of("c"), CTL_PENDING, "nor one that has not come so far");
	outcome_settle(&par, AWAITS_SET, CTL_OK, "ready");
	is_int(of("a"), CTL_OK, "it is in force when the set is ready");
	is_int(of("b"), CTL_FAILED, "which changes no outcome");
	outcome_set(&par, "c", CTL_OK, "taken");
	ok(of("c") == CTL_OK && strcmp(told_text, "taken") == 0,
	    "one that all processes have taken");
	for (i = 0; i < PARENT_OUTCOMES; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		outcome_begin(&par, name);
		if (i == PARENT_OUTCOMES - 2)
			is_int(of("c"), CTL_OK, "the last ones are known");
	}
	is_int(of("c"), CTL_NOTFOUND, "older ones are not");
	is_int(of("n0"), CTL_PENDING, "newer ones are");
	return (done());
}
