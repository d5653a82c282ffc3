/*
 * Sends a message through one module that reads MIME, to its outcome at EOM.
 */
#ifndef MIMESCAN_FIXTURE_H
#define MIMESCAN_FIXTURE_H

#include "regress/lib/module_fixture.h"

static struct ptx	scan_tx;

/* Returns the module's outcome for that message and what the header field says,
 * as one text: "outcome | parts". */
static inline const char *
scan_message(struct session *s, const char *msg)
{
	static char	 text[4096];
	struct spool	*sp = spool_new();
	struct buf	 b = { NULL, 0, 0, 0 };

	if (sp == NULL || spool_write(sp, msg, strlen(msg)) == -1)
		exit(1);
	TAILQ_INIT(&scan_tx.rcpts);
	scan_tx.whose = RCPTS_OTHERS;
	s->tx = &scan_tx;
	s->ms.from = "<a@b>";
	s->ms.spool = sp;
	run_new_message(&s->ms);
	if (fix_stage(s, STAGE_EOM) == NULL)
		(void)mod_waits();
	run_log(&s->ms, &b);
	if (buf_add(&b, "", 1) == -1)
		exit(1);
	snprintf(text, sizeof(text), "%s|%s", fix_outcome == NULL ? "waits" :
	    fix_outcome, (const char *)buf_ptr(&b));
	buf_free(&b);
	s->ms.spool = NULL;
	s->tx = NULL;
	spool_free(sp);
	return (text);
}

#endif
