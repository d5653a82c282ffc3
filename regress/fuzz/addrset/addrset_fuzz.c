/*
 * Any bytes as an image of compiled lists: it is refused, or every look-up and
 * walk stays inside it, and both find the same.  The target corrects the size
 * and the magic number, because otherwise the rest would not be reached.
 */
#include <sys/types.h>
#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/addrset/addrset.h"
#include "lib/addrset/addrset_int.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct walk {
	const struct addrset	*set;
	size_t			 list;
	unsigned int		 n;
};

static int
on_prefix(const struct prefix *p, void *arg)
{
	struct walk	*w = arg;
	struct addr	 masked = p->addr;

	addr_mask(&masked, p->len);
	if (p->len > 128 || addr_cmp(&masked, &p->addr) != 0)
		abort();
	/* An IPv6 array may hold mapped addresses; those are not looked up. */
	if (!addr_is4(&p->addr) && p->len >= 96 &&
	    !(addrset_lookup(w->set, &p->addr) >> w->list & 1))
		abort();
	return (++w->n == 1000);
}

static int
image(const uint8_t *data, size_t size)
{
	struct addrset_head	head;
	char			path[] = "/tmp/addrset_fuzz.XXXXXXXXXX";
	int			fd;

	if ((fd = mkstemp(path)) == -1)
		exit(1);
	unlink(path);
	if (write(fd, data, size) != (ssize_t)size)
		exit(1);
	if (size >= sizeof(head) && (data[0] & 1)) {
		memcpy(&head, data, sizeof(head));
		head.magic = ADDRSET_MAGIC;
		head.size = size;
		if (pwrite(fd, &head, sizeof(head), 0) == -1)
			exit(1);
	}
	return (fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const	 ask[] = { "0.0.0.0", "10.0.0.1",
					    "255.255.255.255", "::", "::1",
					    "2001:db8::1", "ffff:ffff:ffff:ffff:"
					    "ffff:ffff:ffff:ffff" };
	struct addrset			*s;
	struct addr			 a;
	struct walk			 w;
	size_t				 i;
	uint64_t			 bits = 0;
	int				 fd = image(data, size);

	s = addrset_map(fd);
	close(fd);
	if (s == NULL)
		return (0);
	for (i = 0; i < sizeof(ask) / sizeof(ask[0]); i++) {
		addr_parse(ask[i], &a);
		bits |= addrset_lookup(s, &a);
	}
	if (addrset_lists(s) < 64 && bits >> addrset_lists(s) != 0)
		abort();
	w.set = s;
	for (i = 0; i < addrset_lists(s); i++) {
		w.list = i;
		w.n = 0;
		addrset_each(s, i, on_prefix, &w);
	}
	addrset_unmap(s);
	return (0);
}
