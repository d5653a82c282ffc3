/*
 * Any bytes from an SMTP client: lines, verbs, paths, parameters.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/smtp/line.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
inside(const char *p, size_t n, const uint8_t *line, size_t len)
{
	const char	*from = (const char *)line;

	if (p < from || p + n > from + len)
		abort();
}

static void
parameters(const char *pos, size_t left, const uint8_t *line, size_t len)
{
	struct smtp_param	 p;
	const char		*before;

	for (before = pos; smtp_param_next(&pos, &left, &p) == 1;
	    before = pos) {
		inside(p.name, p.name_len, line, len);
		if (p.name_len == 0 || pos == before)
			abort();
		if (p.value != NULL)
			inside(p.value, p.value_len, line, len);
	}
}

static void
one_line(const uint8_t *line, size_t len)
{
	static const size_t	 sizes[] = { 1, 8, 64, 1024 };
	const char		*arg, *params;
	char			 path[1024];
	size_t			 n, plen, i, k;
	enum smtp_verb		 v;
	static const char *const keyword[] = { "FROM:", "TO" };

	v = smtp_verb_parse(line, len, &arg, &n);
	inside(arg, n, line, len);
	if (v != SMTP_UNKNOWN && len == 0)
		abort();
	for (i = 0; i < 4; i++)
		for (k = 0; k < 2; k++) {
			if (smtp_path_parse(arg, n, keyword[k], path, sizes[i],
			    &params, &plen) != 0)
				continue;
			if (strlen(path) >= sizes[i] || path[0] != '<' ||
			    path[strlen(path) - 1] != '>')
				abort();
			inside(params, plen, line, len);
			parameters(params, plen, line, len);
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum smtp_line	r;
	size_t		len = 0, used = 0;
	int		bare = 0;

	one_line(data, size);
	while ((r = smtp_line_find(data, size, 512, &len, &used, &bare)) ==
	    SMTP_LINE_OK) {
		if (used > size || used > 512 || len >= used ||
		    used - len != (bare ? 1u : 2u) ||
		    memchr(data, '\n', len) != NULL)
			abort();
		one_line(data, len);
		data += used;
		size -= used;
	}
	if ((r == SMTP_LINE_TOOLONG) != (size >= 512))
		abort();
	return (0);
}
