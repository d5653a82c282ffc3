/* LINK: spamgreyd/modules/spamassassin */
/*
 * Any bytes as spamd's answer; the first one chooses the request.  A whole
 * answer has a score within its bounds and uses only bytes that came.  An error
 * has a reason, and more bytes never turn an error into a whole answer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "spamgreyd/modules/spamassassin/spamc.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
look(const struct spamc_reply *r, enum spamc_verb verb)
{
	char	symbols[SPAMC_SYMBOLS_MAX + 1], name[64], value[512];
	size_t	at = 0, last = 0;

	if (r->score > 1000000 || r->score < -1000000)
		abort();
	spamc_symbols(r, verb, symbols);
	if (strspn(symbols, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrst"
	    "uvwxyz0123456789_,") != strlen(symbols))
		abort();
	while (spamc_field(r, &at, name, sizeof(name), value,
	    sizeof(value))) {
		if (at <= last || at > r->body_len ||
		    strchr(value, '\r') != NULL)
			abort();
		last = at;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spamc_reply	 r;
	enum spamc_verb		 verb;
	uint8_t			*copy;
	char			 why[64];
	size_t			 n;
	int			 got = 0;

	if (size < 1 || size > 4000)
		return (0);
	verb = (enum spamc_verb)(data[0] % 3);
	data++;
	size--;
	/* Each in memory of its own size, so that one octet too far is seen. */
	for (n = size < 200 ? 0 : size; n <= size; n++) {
		if ((copy = malloc(n + 1)) == NULL)
			exit(1);
		memmove(copy, data, n);
		if ((copy = realloc(copy, n == 0 ? 1 : n)) == NULL)
			exit(1);
		why[0] = '\0';
		got = spamc_parse(copy, n, n == size, verb, &r, why,
		    sizeof(why));
		if ((got == -1) != (why[0] != '\0'))
			abort();
		if (got == 1)
			look(&r, verb);
		free(copy);
		if (got == -1)
			break;
	}
	if (got == 0)			/* the end was told */
		abort();
	return (0);
}
