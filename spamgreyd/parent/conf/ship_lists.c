/*
 * Address lists on their way to a child: with a whole configuration, or alone
 * when only they were loaded again.  In the second case they are put into the
 * configuration in force.  A session that holds this configuration finds the
 * new entries from then on; what it found before stays valid, because no list
 * changes its place in the compiled set.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proto/parent.h"
#include "spamgreyd/parent/conf/ship_int.h"

/* Sends a list and how loading it went; its networks are in the set. */
static int
send_list(struct chan *ch, const struct conf_list *l)
{
	const struct conf_string	*s;
	struct ipc			*ipc = chan_ipc(ch);

	ipc_begin(ipc, MSG_CONF_LIST, 0);
	ipc_put_u8(ipc, (uint8_t)l->kind);
	ipc_put_u8(ipc, (uint8_t)l->source);
	ipc_put_str(ipc, l->name);
	ipc_put_str(ipc, l->file);
	ipc_put_i64(ipc, l->timeout);
	ci_put_opt(ipc, l->table);
	ci_put_opt(ipc, l->message);
	ipc_put_u16(ipc, (uint16_t)l->reply);
	ipc_put_u8(ipc, l->no_scan != 0);
	ipc_put_u32(ipc, l->index);
	ipc_put_u64(ipc, l->count);
	ipc_put_i64(ipc, l->loaded);
	ipc_put_i64(ipc, l->failed);
	TAILQ_FOREACH(s, &l->except, entry)
		ipc_put_str(ipc, s->text);
	return (chan_send(ch, -1));
}

/*
 * Appends the list.  Its index is its bit in the compiled set, so it is
 * limited.
 */
int
ci_recv_list(struct config *c, struct msg *m)
{
	struct conf_list	*l;
	uint8_t			 kind = msg_get_u8(m);
	uint8_t			 source = msg_get_u8(m);
	int			 r;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (-1);
	TAILQ_INIT(&l->except);
	TAILQ_INSERT_TAIL(&c->lists, l, entry);
	l->kind = (enum conf_list_kind)kind;
	l->source = (enum conf_source)source;
	r = ci_take_str(m, &l->name);
	r |= ci_take_str(m, &l->file);
	l->timeout = msg_get_i64(m);
	r |= ci_take_opt(m, &l->table);
	r |= ci_take_opt(m, &l->message);
	l->reply = msg_get_u16(m);
	l->no_scan = msg_get_u8(m);
	l->index = msg_get_u32(m);
	l->count = msg_get_u64(m);
	l->loaded = msg_get_i64(m);
	l->failed = msg_get_i64(m);
	while (r == 0 && !m->err && msg_left(m) > 0)
		r = ci_take_string(m, &l->except);
	if (kind > LIST_WHITE || source > SRC_SETUP ||
	    l->index >= ADDRSET_LISTS_MAX)
		return (-1);
	return (r);
}

/* Sends the compiled lists, as a descriptor that the child maps read-only. */
static int
send_set(struct chan *ch, const struct config *c)
{
	int	fd;

	if (c->set_fd == -1)
		return (0);
	if ((fd = ci_dup_fd(c->set_fd)) == -1)
		return (-1);
	ipc_begin(chan_ipc(ch), MSG_CONF_SET, 0);
	return (chan_send(ch, fd));
}

/*
 * A second set in one configuration is malformed.  addrset_map checks the
 * image.
 */
int
ci_recv_set(struct config *c, struct msg *m)
{
	if (c->set_fd != -1 || (c->set_fd = msg_take_fd(m)) == -1)
		return (-1);
	return ((c->set = addrset_map(c->set_fd)) == NULL ? -1 : 0);
}

/* The lists first, then the set, so that the set's bits have their lists. */
int
ci_send_lists(struct chan *ch, const struct config *c)
{
	const struct conf_list	*l;

	TAILQ_FOREACH(l, &c->lists, entry)
		if (send_list(ch, l) == -1)
			return (-1);
	return (send_set(ch, c));
}

int
config_send_lists(struct chan *ch, const struct config *c)
{
	if (ci_send_lists(ch, c) == -1)
		return (-1);
	return (chan_send_empty(ch, MSG_CONF_LISTS, 0));
}

/*
 * Takes the result of loading into the list of the same index.  A list that is
 * not there yet was brought by spamd-setup, and goes behind all others.
 */
static int
update_list(struct config *c, struct msg *m)
{
	struct conf_list	*new, *l;
	char			*message;

	if (ci_recv_list(c, m) == -1)
		return (-1);
	new = TAILQ_LAST(&c->lists, conf_lists);
	TAILQ_FOREACH(l, &c->lists, entry)
		if (l->index == new->index)
			break;
	if (l == new)
		return (0);
	message = l->message;
	l->message = new->message;
	new->message = message;
	l->count = new->count;
	l->loaded = new->loaded;
	l->failed = new->failed;
	TAILQ_REMOVE(&c->lists, new, entry);
	conf_list_free(new);
	return (0);
}

/*
 * Puts the new set in place of the old one.  No pointer into the old one is
 * kept between messages.
 */
static int
update_set(struct config *c, struct msg *m)
{
	struct addrset	*old = c->set;
	int		 old_fd = c->set_fd;

	c->set = NULL;
	c->set_fd = -1;
	if (ci_recv_set(c, m) == -1)
		return (-1);
	addrset_unmap(old);
	if (old_fd != -1)
		close(old_fd);
	return (0);
}

int
config_recv_lists(struct config *c, struct msg *m)
{
	int	r;

	switch (m->type) {
	case MSG_CONF_LIST:
		r = update_list(c, m);
		break;
	case MSG_CONF_SET:
		r = update_set(c, m);
		break;
	case MSG_CONF_LISTS:
		r = 0;
		break;
	default:
		return (-1);
	}
	if (r == -1 || msg_end(m) == -1)
		return (-1);
	return (m->type == MSG_CONF_LISTS);
}
