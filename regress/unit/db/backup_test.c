/*
 * The lines of an export become the same entry again, with any text in it.
 * Lines of spamdb are read, too.  Others are refused with a reason.
 */
#include "lib/db/backup.h"
#include "lib/base/hosts.h"
#include "regress/lib/tap.h"

static char	line[ENTRY_LINE_MAX + 1];

/* The line of e, parsed again into *back. */
static int
round_trip(const struct entry *e, struct entry *back)
{
	const char	*why = "";

	backup_line(e, line);
	printf("# %s\n", line);
	return (backup_parse(line, back, &why));
}

static int
same(const struct entry *e, const struct entry *f)
{
	return (e->type == f->type && addr_cmp(&e->addr, &f->addr) == 0 &&
	    e->first == f->first && e->pass == f->pass &&
	    e->expire == f->expire && e->block == f->block &&
	    e->passed == f->passed && e->reason == f->reason &&
	    strcmp(e->helo, f->helo) == 0 && strcmp(e->from, f->from) == 0 &&
	    strcmp(e->to, f->to) == 0 && strcmp(e->rcpt, f->rcpt) == 0 &&
	    strcmp(e->comment, f->comment) == 0);
}

static void
fill(struct entry *e, enum entry_type type)
{
	entry_init(e, type);
	if (type != ENTRY_SPAMTRAP)
		(void)addr_parse("2001:db8::25", &e->addr);
	e->first = 1700000001;
	e->pass = 1700000002;
	e->expire = 1700000003;
	e->block = 4;
	e->passed = UINT32_MAX;
}

static void
round_trips(void)
{
	struct entry	e, back;
	unsigned int	i;

	fill(&e, ENTRY_GREY);
	e.helo = "a|b\\x41\\";
	e.from = "<\x01\x7f\xc3\xa4@example.org>";
	e.to = "<\"a b\"@example.net>";
	ok(round_trip(&e, &back) == 0 && same(&e, &back), "GREY");
	fill(&e, ENTRY_WHITE);
	ok(round_trip(&e, &back) == 0 && same(&e, &back), "WHITE");
	e.comment = "why | not\n";
	ok(round_trip(&e, &back) == 0 && same(&e, &back),
	    "WHITE with a comment");
	for (i = TRAP_NONE + 1; i < TRAP_MAX; i++) {
		fill(&e, ENTRY_TRAPPED);
		e.reason = (uint8_t)i;
		ok(round_trip(&e, &back) == 0 && same(&e, &back),
		    trap_reason_str(i));
	}
	e.comment = "<trap@example.org>";
	ok(round_trip(&e, &back) == 0 && same(&e, &back),
	    "TRAPPED with a comment");
	fill(&e, ENTRY_SPAMTRAP);
	e.rcpt = "trap|@example.org";
	ok(round_trip(&e, &back) == 0 && same(&e, &back), "SPAMTRAP");
	fill(&e, ENTRY_STAMP);
	ok(round_trip(&e, &back) == 0 && same(&e, &back), "STAMP");
	fill(&e, ENTRY_VISIT);
	ok(round_trip(&e, &back) == 0 && same(&e, &back), "VISIT");
	fill(&e, ENTRY_REPUTE);
	ok(round_trip(&e, &back) == 0 && same(&e, &back), "REPUTE");
	entry_init(&e, ENTRY_META);
	is_int(backup_line(&e, line), 0, "META has no line");
}

static int
parse(const char *text, struct entry *e)
{
	const char	*why = NULL;
	int		 r;

	strlcpy(line, text, sizeof(line));
	r = backup_parse(line, e, &why);
	if (r == -1)
		printf("# %s: %s\n", text, why);
	return (r == -1 && why == NULL ? -2 : r);
}

static void
of_spamdb(void)
{
	struct entry	e;

	is_int(parse("TRAPPED|192.0.2.1|1700086400\r\n", &e), 0,
	    "spamdb's TRAPPED");
	ok(e.expire == 1700086400 && e.reason == TRAP_IMPORT, "as imported");
	is_int(parse("WHITE|192.0.2.1|||1|2|3|4|5", &e), 0, "spamdb's WHITE");
	is_int(parse("SPAMTRAP|a@example.org", &e), 0, "spamdb's SPAMTRAP");
	is_int(parse("GREY|192.0.2.1|h|<>|<b@example.org>|1|2|3|4|5", &e), 0,
	    "spamdb's GREY");
	is_str(e.from, "<>", "its null sender");
}

static void
refused(void)
{
	static const char *const bad[] = {
		"", "|", "TRAPPED", "TRAPPED|", "WHITE|192.0.2.1",
		"TRAPPED|192.0.2.1|1|2", "TRAPPED|192.0.2.1|1|2|3|4|5|manual",
		"TRAPPED|192.0.2.1|1|2|3|4|5|manual|c|d",
		"TRAPPED|192.0.2.1|1|x|3|4|5|manual|",
		"TRAPPED|192.0.2.1|1|2|3|4294967296|5|manual|",
		"SPAMTRAP|a@example.org|1|2|3|4", "SPAMTRAP|word",
		"STAMP|192.0.2.1|1|2|3|4", "STAMP|192.0.2|1|2|3|4|5",
		"VISIT|192.0.2.1|1|2|-3|4|5", "STAMP|192.0.2.1|1|2|3|4|5|6",
		"WHITE|192.0.2.1|||1|2|3|4|5|a\\x00b",
		"GREY|192.0.2.1|h|a|b|1|2|3|4|5|6", "BLACK|192.0.2.1|1"
	};
	struct entry	e;
	size_t		i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(parse(bad[i], &e), -1, bad[i][0] == '\0' ?
		    "an empty line" : bad[i]);
}

int
main(void)
{
	round_trips();
	of_spamdb();
	refused();
	return (done());
}
