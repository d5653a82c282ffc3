/*
 * The key of a tuple: client network, sender and recipient (and HELO with
 * `match helo'), normalised for the key only; the entry keeps what the client
 * said.  Pure functions, but for the hash key of the database.
 */
#include <string.h>

#include "lib/smtp/mailaddr.h"
#include "lib/base/siphash.h"
#include "lib/policy/policy_int.h"

/*
 * A path that cannot be normalised, because it is too long, stands for
 * itself.
 */
static void
normalise_path(int (*fn)(const char *, char *, size_t), const char *path,
    char *dst, size_t size)
{
	if (fn(path, dst, size) == -1)
		strlcpy(dst, path, size);
}

void
tuple_key(const struct policy *p, struct entry *e, struct tuple *t)
{
	uint8_t	buf[3 * MAILADDR_KEY_MAX];
	size_t	len, n;

	t->conf = &p->conf->grey;
	addr_cut(&e->addr, &t->conf->match, &e->net);
	normalise_path(mailaddr_normalise_sender, e->from, t->from,
	    sizeof(t->from));
	normalise_path(mailaddr_rcpt, e->to, t->to, sizeof(t->to));
	len = strlen(t->from) + 1;
	memcpy(buf, t->from, len);
	n = strlen(t->to) + 1;
	memcpy(buf + len, t->to, n);
	len += n;
	if (t->conf->match_helo) {
		n = strnlen(e->helo, MAILADDR_KEY_MAX);
		memcpy(buf + len, e->helo, n);
		len += n;
	}
	e->hash = siphash24(db_hash_key(p->db), buf, len);
}

/*
 * For db_get_tuple: a is the one that is looked up, and t has its normalised
 * strings; b is a candidate with the same hash.
 */
int
tuple_same(const struct entry *a, const struct entry *b, void *arg)
{
	struct tuple	*t = arg;

	if (t->conf->match_helo && strcmp(a->helo, b->helo) != 0)
		return (0);
	if (strcmp(a->from, b->from) != 0) {
		normalise_path(mailaddr_normalise_sender, b->from, t->cmp_from,
		    sizeof(t->cmp_from));
		if (strcmp(t->from, t->cmp_from) != 0)
			return (0);
	}
	if (strcmp(a->to, b->to) != 0) {
		normalise_path(mailaddr_rcpt, b->to, t->cmp_to,
		    sizeof(t->cmp_to));
		if (strcmp(t->to, t->cmp_to) != 0)
			return (0);
	}
	return (1);
}
