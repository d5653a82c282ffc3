/* Reads an answer frame by frame, until its CTL_END. */
#include <string.h>

#include "spamgreydb/spamgreydb.h"

static int
malformed_answer(void)
{
	out_error("the answer of the daemon is malformed");
	return (-1);
}

/* A type that is not an answer ends the command. */
int
request_frame(struct msg *m, struct answer *a)
{
	static char	 strbuf[ENTRY_DATA_MAX + ENTRY_KEY_MAX];
	struct entry	 e;
	const char	*name, *text;
	uint8_t		 kind;

	switch (m->type) {
	case CTL_ENTRY:
		if (proto_get_entry(m, &e, strbuf) == -1)
			return (malformed_answer());
		if (a->entry != NULL && a->entry(&e, a->arg) == -1)
			return (-1);
		return (0);
	case CTL_FACT:
		if (proto_get_fact(m, &name, &text) == -1)
			return (malformed_answer());
		if (a->fact != NULL)
			a->fact(name, text, a->arg);
		return (0);
	case CTL_TEXT:
		if (proto_get_text(m, &kind, &text) == -1)
			return (malformed_answer());
		out_error("%s", text);
		return (0);
	case CTL_END:
		if (proto_get_end(m, &a->status, &a->count, &text) == -1)
			return (malformed_answer());
		strlcpy(a->text, text, sizeof(a->text));
		return (1);
	default:
		return (malformed_answer());
	}
}

/* The text is empty unless the end has one. */
int
request_wait(struct conn *c, struct answer *a)
{
	struct msg	m;
	int		r;

	a->text[0] = '\0';
	do {
		if ((r = conn_next(c, &m, 1)) == 0)
			out_error("there was no answer");
		if (r <= 0 || (r = request_frame(&m, a)) == -1)
			return (-1);
	} while (r == 0);
	return (0);
}
