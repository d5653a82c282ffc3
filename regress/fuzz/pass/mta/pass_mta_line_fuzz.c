/*
 * Any bytes as a client's HELO and addresses: the mail server gets one or two
 * commands of at most 510 printable bytes, and PROXY headers of the right
 * length.
 */
/* LINK: spamgreyd/pass/mta */
#include <stdlib.h>
#include <string.h>

#include "spamgreyd/pass/mta/mta.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
command(const char *line)
{
	size_t	i;

	if (line[0] != '\0' && strncmp(line, "XCLIENT ", 8) != 0)
		abort();
	for (i = 0; line[i] != '\0'; i++)
		if (line[i] < ' ' || line[i] > '~')
			abort();
	if (i > 510)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t	room[] = { 1, 20, 100, 511, 600 };
	struct mta_client	c;
	char			a[600], b[600], *helo;
	uint8_t			two[64];
	unsigned int		attributes;
	size_t			i, n;

	if (size < 38)
		return (0);
	memset(&c, 0, sizeof(c));
	memcpy(c.addr.b, data, 16);
	memcpy(c.dst.b, data + 16, 16);
	memcpy(&c.port, data + 32, 2);
	memcpy(&c.dport, data + 34, 2);
	c.esmtp = data[36] & 1;
	attributes = data[37];
	if ((helo = malloc(size - 38 + 1)) == NULL)
		exit(1);
	memcpy(helo, data + 38, size - 38);
	helo[size - 38] = '\0';
	c.helo = helo;
	for (i = 0; i < 5; i++) {
		if (mta_xclient(&c, attributes, a, room[i], b, room[i]) == 0) {
			command(a);
			command(b);
			if (strlen(a) >= room[i] || strlen(b) >= room[i])
				abort();
		} else if (room[i] >= 511)
			abort();
	}
	n = mta_proxy1(&c, a, sizeof(a));
	if (n < 20 || n > 107 || n != strlen(a) ||
	    memcmp(a + n - 2, "\r\n", 2) != 0)
		abort();
	n = mta_proxy2(&c, two, sizeof(two));
	if ((n != 28 && n != 52) || n != 16u + two[15])
		abort();
	free(helo);
	return (0);
}
