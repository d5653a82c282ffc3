/* LINK: spamgreyd/parent/conf */
/*
 * Any bytes as a configuration.  It is refused with a reason, or it is printed,
 * and the printed text parses and prints to the same text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "spamgreyd/parent/conf/conf.h"

static unsigned int	errors;

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
report(const char *line, void *arg)
{
	const char	*p;
	int		 n = 0;

	(void)arg;
	for (p = line; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	if (p == line)
		abort();
	/* (one about a default has no line) */
	(void)sscanf(line, "fuzz:%*[0-9]: warning: %n", &n);
	if (n == 0)
		(void)sscanf(line, "fuzz: warning: %n", &n);
	if (n == 0)
		errors++;
}

/* The text of what was parsed; NULL: it was refused, and said why. */
static char *
print_back(const char *text, size_t len)
{
	struct config	*c;
	struct buf	 b = { NULL, 0, 0, 0 };
	char		*s;

	errors = 0;
	c = config_parse_text("fuzz", text, len, NULL, 0, report, NULL);
	if ((c == NULL) != (errors > 0))
		abort();
	if (c == NULL)
		return (NULL);
	if (config_text(c, &b) == -1 || buf_add(&b, "", 1) == -1)
		abort();
	s = strdup((const char *)buf_ptr(&b));
	buf_free(&b);
	config_free(c);
	return (s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char	*once, *twice;

	if ((once = print_back((const char *)data, size)) == NULL)
		return (0);
	if ((twice = print_back(once, strlen(once))) == NULL ||
	    strcmp(once, twice) != 0)
		abort();
	free(once);
	free(twice);
	return (0);
}
