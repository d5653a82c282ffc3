/*
 * spamgreydb sync --server: the side of a bulk sync that answers, on its
 * standard input and output.  It asks for nothing.  Whoever drives it was let
 * in by ssh but is not trusted: each request is checked, and what is to be
 * merged is checked as an import is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/be.h"
#include "lib/base/clock.h"
#include "spamgreydb/sync/sync.h"

/* One client, on standard input and output. */
struct server {
	struct sync_local	 local;
	struct sync_link	 link;
	struct bulk_put		*w;		/* the answer: link.frame */
	int			 hello, indexed;
};

static const char	malformed[] = "a request was malformed";

/*
 * Each of these puts its answer into s->w; returns NULL, or what is wrong
 * with the request.
 */
static const char *
on_hello(struct server *s, struct bulk_get *f)
{
	struct bulk_hello	h;

	if (bulk_get_hello(f, &h) == -1)
		return (malformed);
	s->hello = h.version == BULK_VERSION;
	local_hello(&s->local, &h);
	bulk_hello(s->w, &h);
	return (NULL);
}

/* Makes the index. */
static const char *
on_start(struct server *s, struct bulk_get *f)
{
	static const struct bulk_range	all;
	struct bulk_sum			sum;
	uint8_t				seed[BULK_SEED];
	int64_t				asof;

	if (bulk_get_start(f, seed, &asof) == -1)
		return (malformed);
	if (local_index(&s->local, seed, asof) == -1)
		return ("its database cannot be read (the reason is above)");
	s->indexed = 1;
	bulkset_sum(&s->local.set, &all, &sum);
	bulk_begin(s->w, BULK_SUMS);
	bulk_sum(s->w, &sum);
	return (NULL);
}

/* The sums of the sixteen parts of each range. */
static const char *
on_split(struct server *s, struct bulk_get *f)
{
	struct bulk_range	range, part;
	struct bulk_sum		sum;
	unsigned int		i, n;

	bulk_begin(s->w, BULK_SUMS);
	for (n = 0; f->left > 0; n++) {
		if (n == BULK_ASK_MAX || bulk_get_range(f, &range) == -1 ||
		    range.depth == BULK_DEPTH_MAX)
			return (malformed);
		for (i = 0; i < BULK_WAYS; i++) {
			part = bulk_part(&range, i);
			bulkset_sum(&s->local.set, &part, &sum);
			bulk_sum(s->w, &sum);
		}
	}
	return (NULL);
}

/* The ids and sums of each range. */
static const char *
on_list(struct server *s, struct bulk_get *f)
{
	struct bulk_range	range;
	struct bulk_item	item;
	size_t			from, to, items = 0;
	unsigned int		n;

	bulk_begin(s->w, BULK_ITEMS);
	for (n = 0; f->left > 0; n++) {
		if (n == BULK_ASK_MAX || bulk_get_range(f, &range) == -1)
			return (malformed);
		bulkset_span(&s->local.set, &range, &from, &to);
		if ((items += to - from) > BULK_ITEMS_MAX)
			return ("a request asked for too much at once");
		bulk_u16(s->w, (uint16_t)(to - from));
		for (; from < to; from++) {
			item.id = s->local.set.v[from].id;
			item.sum = s->local.set.v[from].sum;
			bulk_item(s->w, &item);
		}
	}
	return (NULL);
}

/* The states of ids, with the number of ids that they are for in front. */
static const char *
on_get(struct server *s, struct bulk_get *f)
{
	uint64_t	ids[BULK_ASK_MAX];
	size_t		n, done;

	for (n = 0; f->left > 0; n++) {
		if (n == BULK_ASK_MAX || bulk_get_id(f, &ids[n]) == -1)
			return (malformed);
	}
	bulk_begin(s->w, BULK_STATES);
	bulk_u16(s->w, 0);
	if (local_states(&s->local, ids, n, s->w, &done) == -1)
		return ("its database cannot be read (the reason is above)");
	be_put16(s->w->b + BULK_HEAD, (uint16_t)done);
	return (NULL);
}

/* Merges states. */
static const char *
on_put(struct server *s, struct bulk_get *f)
{
	struct bulk_done	d;

	memset(&d, 0, sizeof(d));
	if (local_merge(&s->local, f->p, f->left, &d) == -1)
		return ("its database cannot be written (the reason is above)");
	bulk_done(s->w, &d);
	return (NULL);
}

/* Closes the database, so that another process can have its lock. */
static const char *
on_end(struct server *s, struct bulk_get *f)
{
	struct bulk_done	d;

	if (f->left != 0)
		return (malformed);
	memset(&d, 0, sizeof(d));
	local_close(&s->local);
	s->indexed = 0;
	bulk_done(s->w, &d);
	return (NULL);
}

/* HELLO comes first, then START; the rest needs the index that START made. */
static const char *
serve(struct server *s, struct bulk_get *f)
{
	static const struct {
		enum bulk_type	 type;
		int		 indexed;
		const char	*(*fn)(struct server *, struct bulk_get *);
	} reqs[] = {
		{ BULK_HELLO, 0, on_hello },
		{ BULK_START, 0, on_start },
		{ BULK_SPLIT, 1, on_split },
		{ BULK_LIST, 1, on_list },
		{ BULK_GET, 1, on_get },
		{ BULK_PUT, 1, on_put },
		{ BULK_END, 0, on_end }
	};
	size_t	i;

	if (!s->hello && f->type != BULK_HELLO)
		return (malformed);
	for (i = 0; i < sizeof(reqs) / sizeof(reqs[0]); i++)
		if (reqs[i].type == f->type && (s->indexed || !reqs[i].indexed))
			return (reqs[i].fn(s, f));
	return (malformed);
}

/* Tells both sides; returns the exit status. */
static int
end_with_error(struct server *s, const char *why)
{
	out_error("sync: %s", why);
	bulk_begin(s->w, BULK_ERROR);
	bulk_bytes(s->w, why, strlen(why));
	(void)link_send(&s->link);
	return (1);
}

/* Ends with the input, or at the first error. */
int
sync_server(struct config *conf)
{
	static struct server	 s;
	struct bulk_get		 f;
	const char		*why;
	int			 r, status = 0;

	s.local.conf = conf;
	s.w = &s.link.frame;
	link_stdio(&s.link);
	while (status == 0 && (r = link_next(&s.link, &f)) != 0) {
		if (r == -1)
			status = end_with_error(&s,
			    errno == EPROTO ? "what it received is not a "
					      "request" :
					      strerror(errno));
		else if ((why = serve(&s, &f)) != NULL)
			status = end_with_error(&s, why);
		else if (link_send(&s.link) == -1)
			status = 1;	/* the other end has gone */
	}
	local_close(&s.local);
	buf_free(&s.link.buf);
	return (status);
}
