/* Any bytes as lines of spamd-setup: an accepted line has a name, a template
 * and the right number of networks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addrset/listcfg.h"
#include "lib/smtp/tmpl.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
add(const struct prefix *p, void *arg)
{
	size_t		*n = arg;
	struct addr	 masked = p->addr;

	addr_mask(&masked, p->len);
	if (p->len > 128 || addr_cmp(&masked, &p->addr) != 0)
		abort();
	++*n;
	return (0);
}

static void
line(const char *s, size_t len)
{
	struct listcfg	 c;
	size_t		 n = 0;

	switch (listcfg_parse(s, len, &c, add, &n)) {
	case LISTCFG_LIST:
		if (n != c.count || n == 0 || c.tag[0] == '\0' ||
		    (c.message[0] != '\0' &&
		    tmpl_check(c.message, "A") != NULL))
			abort();
		break;
	case LISTCFG_CLEAR:
		if (c.tag[0] == '\0')
			abort();
		break;
	case LISTCFG_BAD:
		if (c.error[0] == '\0' || strlen(c.tag) > LISTCFG_TAG_MAX)
			abort();
		break;
	case LISTCFG_NONE:
		if (len > 2)
			abort();
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t	*nl;
	char		*copy;
	size_t		 n;

	for (; size > 0; data += n, size -= n) {
		nl = memchr(data, '\n', size);
		n = nl != NULL ? (size_t)(nl - data) + 1 : size;
		if ((copy = malloc(n)) == NULL)
			return (0);
		memcpy(copy, data, n);
		line(copy, n - (nl != NULL));
		free(copy);
	}
	return (0);
}
