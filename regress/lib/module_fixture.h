/*
 * What the tests of single modules share, on top of runner_fixture.h: a block
 * that must be refused, the value of a counter, and the commands of a
 * transaction.
 */
#ifndef MODULE_FIXTURE_H
#define MODULE_FIXTURE_H

#include "regress/lib/runner_fixture.h"

static struct buf	mod_said;

static inline void
mod_report(const char *line, void *arg)
{
	(void)arg;
	if (buf_printf(&mod_said, "%s\n", line) == -1)
		exit(1);
}

/* Tests that the block is refused with these words. */
static inline void
mod_bad(const char *name, const char *block, const char *want)
{
	struct conf_module	*m = words_module(name, block);
	char			 line[512];

	is_int(conf_module_split_all(m, mod_report, NULL), -1, block);
	if (buf_add(&mod_said, "", 1) == -1)
		exit(1);
	snprintf(line, sizeof(line), "file:1: module %s: %s\n", name, want);
	is_str((const char *)buf_ptr(&mod_said), line, "what is said");
	buf_free(&mod_said);
	words_free(m);
}

struct mod_stat {
	const char	*name;
	int64_t		 value;
};

static inline void
mod_stat_seen(const char *name, int64_t value, void *arg)
{
	struct mod_stat	*st = arg;

	if (strcmp(name, st->name) == 0)
		st->value = value;
}

/* Returns a counter by its name in `stats'.  -1: unknown name. */
static inline int64_t
mod_stat(const char *name)
{
	struct mod_stat	st = { name, -1 };

	run_stats(mod_stat_seen, &st);
	return (st.value);
}

static inline const char *
mod_mail(struct session *s, const char *from)
{
	s->ms.from = from;
	return (fix_stage(s, STAGE_MAIL));
}

static inline const char *
mod_rcpt(struct session *s, const char *to)
{
	s->ms.rcpt = to;
	return (fix_stage(s, STAGE_RCPT));
}

/* Passes on the mail server's answer to the last recipient. */
static inline const char *
mod_answer(struct session *s, int code)
{
	s->ms.reply_code = code;
	return (fix_stage(s, STAGE_RCPT_REPLY));
}

#ifndef FIX_REAL_LOOP
/* Lets time pass until the waiting stage has its outcome.  Returns the ms. */
static inline int64_t
mod_waits(void)
{
	int64_t	start = fix_now;

	while (fix_outcome == NULL && fix_now < start + 600000)
		fix_pass(100);
	return (fix_outcome == NULL ? -1 : fix_outcome_at - start);
}
#endif

#endif
