/*
 * Any text as a template: every reply has valid SMTP lines, and those of a
 * template that was accepted are complete.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/smtp/tmpl.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Lines of the reply; every one but the last has a '-'. */
static size_t
lines(const struct buf *b, int last, int good)
{
	const uint8_t	*p = buf_ptr(b), *end = p + buf_len(b), *lf;
	size_t		 n = 0;

	for (; p < end; p = lf + 1, n++) {
		if ((lf = memchr(p, '\n', (size_t)(end - p))) == NULL ||
		    lf - p < 5 || lf[-1] != '\r' ||
		    lf - p + 1 > SMTP_REPLY_LINE_MAX ||
		    memcmp(p, "451", 3) != 0 ||
		    p[3] != (last && lf + 1 == end ? ' ' : '-'))
			abort();
		if (good && memchr(p, '\r', (size_t)(lf - p)) != lf - 1)
			abort();
	}
	return (n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf	b = { NULL, 0, 0, 0 };
	struct addr	a;
	char		text[4096];
	const char	*why;
	size_t		first;

	if (size >= sizeof(text))
		return (0);
	memcpy(text, data, size);
	text[size] = '\0';
	(void)tmpl_check(text, "");
	why = tmpl_check(text, "As");
	addr_parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &a);
	if (tmpl_reply(&b, 451, "4.7.1", text, &a, INT64_MIN, 1) == -1)
		exit(1);
	first = lines(&b, 1, why == NULL);
	buf_free(&b);
	if (tmpl_reply(&b, 451, NULL, text, &a, 180, 0) == -1)
		exit(1);
	if (lines(&b, 0, why == NULL) != first || first == 0)
		abort();
	buf_free(&b);
	return (0);
}
