/* LINK: spamgreydb/commands */
/*
 * Any bytes as a message's header: the lines are inside of it, their names end,
 * and an address is found only if a line has its text.
 */
#include <stdlib.h>
#include <string.h>

#include "spamgreydb/commands/received.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Blanks of a kind make no difference to what a line says. */
static void
unfolded(const char *value, size_t len, const struct received *want)
{
	static char	copy[RECEIVED_LINE_MAX];
	struct received	r;
	size_t		i;

	if (len > sizeof(copy))
		len = sizeof(copy);
	for (i = 0; i < len; i++)
		copy[i] = value[i] == '\n' || value[i] == '\r' ||
		    value[i] == '\t' ? ' ' : value[i];
	received_parse(copy, len, &r);
	if (r.kind != want->kind || addr_cmp(&r.addr, &want->addr) != 0 ||
	    strcmp(r.from, want->from) != 0 || strcmp(r.by, want->by) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char	*end = (const char *)data + size, *value;
	const char	*pos = received_header((const char *)data, end);
	const char	*last = pos;
	struct received	 r;
	size_t		 len;

	while (received_next(&pos, end, &value, &len)) {
		if (value < last || value + len > pos || pos > end)
			abort();
		last = pos;
		received_parse(value, len, &r);
		if (r.kind > RECEIVED_UNCLEAR ||
		    memchr(r.from, '\0', sizeof(r.from)) == NULL ||
		    memchr(r.by, '\0', sizeof(r.by)) == NULL)
			abort();
		/* An address has a dot or a colon in the line. */
		if (r.kind == RECEIVED_ADDR && memchr(value, '.', len) ==
		    NULL && memchr(value, ':', len) == NULL)
			abort();
		unfolded(value, len, &r);
	}
	if (pos != end)
		abort();
	return (0);
}
