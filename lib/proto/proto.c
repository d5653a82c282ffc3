/*
 * The layouts of the messages; see proto.h.  put and get stand together, so
 * that whoever changes one of them sees the other.
 *
 * A frame is closed by the caller's chan_send, because a channel counts
 * frames. put returns -1 when the frame cannot be sent, get when it is not
 * exactly that message: a value out of its range counts as malformed, since
 * the peers are of the same build and never send one.
 */
#include <stddef.h>
#include <string.h>

#include "lib/proto/proto.h"

/* The frame is closed by the caller's chan_send: a channel counts it. */

int
proto_put_rcpt(struct ipc *ipc, uint64_t session, const struct rcpt_req *r)
{
	ipc_begin(ipc, MSG_RCPT, session);
	ipc_put_u32(ipc, r->seq);
	ipc_put_addr(ipc, &r->client);
	ipc_put_u8(ipc, r->flags);
	ipc_put_str(ipc, r->helo);
	ipc_put_str(ipc, r->from);
	ipc_put_str(ipc, r->to);
	if (r->flags & RCPT_F_LOWMX)
		ipc_put_addr(ipc, &r->mx);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_rcpt(struct msg *m, struct rcpt_req *r)
{
	r->seq = msg_get_u32(m);
	msg_get_addr(m, &r->client);
	r->flags = msg_get_u8(m);
	r->helo = msg_get_str(m);
	r->from = msg_get_str(m);
	r->to = msg_get_str(m);
	if (r->flags & ~(RCPT_F_LOWMX | RCPT_F_WHITE | RCPT_F_AGAIN |
	    RCPT_F_TO_US))
		m->err = 1;
	if (r->flags & RCPT_F_LOWMX)
		msg_get_addr(m, &r->mx);
	return (msg_end(m));
}

int
proto_put_rcpt_answer(struct ipc *ipc, uint64_t session,
    const struct rcpt_answer *a)
{
	ipc_begin(ipc, MSG_RCPT_ANSWER, session);
	ipc_put_u32(ipc, a->seq);
	ipc_put_u8(ipc, a->verdict);
	ipc_put_u8(ipc, a->reason);
	ipc_put_i64(ipc, a->left);
	ipc_put_str(ipc, a->text);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_rcpt_answer(struct msg *m, struct rcpt_answer *a)
{
	a->seq = msg_get_u32(m);
	a->verdict = msg_get_u8(m);
	a->reason = msg_get_u8(m);
	a->left = msg_get_i64(m);
	a->text = msg_get_str(m);
	if (a->verdict < RCPT_GREY || a->verdict > RCPT_NOT_TO ||
	    a->reason >= TRAP_MAX || a->left < 0)
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_event(struct ipc *ipc, uint64_t session, const struct event_msg *e)
{
	ipc_begin(ipc, MSG_EVENT, session);
	ipc_put_addr(ipc, &e->client);
	ipc_put_u8(ipc, e->event);
	ipc_put_u8(ipc, e->flags);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_event(struct msg *m, struct event_msg *e)
{
	msg_get_addr(m, &e->client);
	e->event = msg_get_u8(m);
	e->flags = msg_get_u8(m);
	if (e->event >= EVENT_MAX || (e->flags & ~EVENT_F_VOUCHED))
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_mail_seen(struct ipc *ipc, uint64_t session,
    const struct mail_seen *s)
{
	ipc_begin(ipc, MSG_MAIL_SEEN, session);
	ipc_put_addr(ipc, &s->client);
	ipc_put_u8(ipc, s->bad);
	ipc_put_u8(ipc, s->vouched);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_mail_seen(struct msg *m, struct mail_seen *s)
{
	msg_get_addr(m, &s->client);
	s->bad = msg_get_u8(m);
	s->vouched = msg_get_u8(m);
	if (s->bad > 1 || s->vouched > 1)
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_track(struct ipc *ipc, const struct track_seen *seen, size_t n)
{
	size_t	i;

	ipc_begin(ipc, MSG_TRACK, 0);
	for (i = 0; i < n; i++) {
		ipc_put_u8(ipc, seen[i].outbound);
		ipc_put_addr(ipc, &seen[i].host);
		ipc_put_u32(ipc, seen[i].count);
	}
	return (ipc->failed ? -1 : 0);
}

int
proto_get_track(struct msg *m, struct track_seen *seen, size_t *n)
{
	for (*n = 0; *n < TRACK_SEEN_MAX && !m->err && msg_left(m) > 0;
	    (*n)++, seen++) {
		seen->outbound = msg_get_u8(m);
		msg_get_addr(m, &seen->host);
		seen->count = msg_get_u32(m);
		if (seen->outbound > 1 || seen->count == 0)
			m->err = 1;
	}
	return (msg_end(m));
}

int
proto_put_caps(struct ipc *ipc, const struct mta_caps *c)
{
	ipc_begin(ipc, MSG_CAPS, 0);
	ipc_put_u8(ipc, c->known);
	ipc_put_u32(ipc, c->keywords);
	ipc_put_u64(ipc, c->size);
	ipc_put_str(ipc, c->relays);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_caps(struct msg *m, struct mta_caps *c)
{
	c->known = msg_get_u8(m);
	c->keywords = msg_get_u32(m);
	c->size = msg_get_u64(m);
	c->relays = msg_get_str(m);
	if (c->known > 1 || (c->keywords & ~CAPS_ALL))
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_handover(struct ipc *ipc, uint64_t session,
    const struct handover *h)
{
	ipc_begin(ipc, MSG_HANDOVER_BEGIN, session);
	ipc_put_addr(ipc, &h->client);
	ipc_put_addr(ipc, &h->dst);
	ipc_put_u16(ipc, h->port);
	ipc_put_u16(ipc, h->dport);
	ipc_put_u8(ipc, h->kind);
	ipc_put_u8(ipc, h->flags);
	ipc_put_u16(ipc, h->bad);
	ipc_put_u16(ipc, h->events);
	ipc_put_u32(ipc, h->offered);
	ipc_put_u32(ipc, h->listener);
	ipc_put_i64(ipc, h->start);
	ipc_put_str(ipc, h->helo);
	ipc_put_str(ipc, h->from);
	ipc_put_str(ipc, h->from_params);
	ipc_put_str(ipc, h->tls_version);
	ipc_put_str(ipc, h->tls_cipher);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_handover(struct msg *m, struct handover *h)
{
	msg_get_addr(m, &h->client);
	msg_get_addr(m, &h->dst);
	h->port = msg_get_u16(m);
	h->dport = msg_get_u16(m);
	h->kind = msg_get_u8(m);
	h->flags = msg_get_u8(m);
	h->bad = msg_get_u16(m);
	h->events = msg_get_u16(m);
	h->offered = msg_get_u32(m);
	h->listener = msg_get_u32(m);
	h->start = msg_get_i64(m);
	h->helo = msg_get_str(m);
	h->from = msg_get_str(m);
	h->from_params = msg_get_str(m);
	h->tls_version = msg_get_str(m);
	h->tls_cipher = msg_get_str(m);
	if (h->kind > HANDOVER_NOT_TO || (h->flags & ~(HANDOVER_BANNER |
	    HANDOVER_ESMTP | HANDOVER_PENDING | HANDOVER_NO_TLS)) ||
	    (h->events >> EVENT_MAX) != 0 || (h->offered & ~CAPS_ALL))
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_clock(struct ipc *ipc, int64_t asof)
{
	ipc_begin(ipc, MSG_CLOCK, 0);
	ipc_put_i64(ipc, asof);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_clock(struct msg *m, int64_t *asof)
{
	*asof = msg_get_i64(m);
	if (*asof < 0)
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_hosts_begin(struct ipc *ipc, const struct addr_cut *cut)
{
	ipc_begin(ipc, MSG_HOSTS_BEGIN, 0);
	ipc_put_u8(ipc, cut->ip4);
	ipc_put_u8(ipc, cut->ip6);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_hosts_begin(struct msg *m, struct addr_cut *cut)
{
	cut->ip4 = msg_get_u8(m);
	cut->ip6 = msg_get_u8(m);
	if (cut->ip4 > 32 || cut->ip6 > 128)
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_host(struct ipc *ipc, const struct host *h)
{
	ipc_begin(ipc, MSG_HOST, 0);
	ipc_put_addr(ipc, &h->key);
	ipc_put_i64(ipc, h->white);
	ipc_put_i64(ipc, h->trapped);
	ipc_put_u8(ipc, h->reason);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_host(struct msg *m, struct host *h)
{
	memset(h, 0, sizeof(*h));
	msg_get_addr(m, &h->key);
	h->white = msg_get_i64(m);
	h->trapped = msg_get_i64(m);
	h->reason = msg_get_u8(m);
	if (h->white < 0 || h->trapped < 0 || h->reason >= TRAP_MAX)
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_fw(struct ipc *ipc, uint16_t type, uint64_t id,
    const struct addr *a, uint8_t plen, int64_t until)
{
	ipc_begin(ipc, type, id);
	ipc_put_addr(ipc, a);
	ipc_put_u8(ipc, plen);
	ipc_put_i64(ipc, until);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_fw(struct msg *m, struct addr *a, uint8_t *plen, int64_t *until)
{
	msg_get_addr(m, a);
	*plen = msg_get_u8(m);
	*until = msg_get_i64(m);
	if (*plen > 128 || *until < 0)
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_stat(struct ipc *ipc, uint64_t id, const char *name, int64_t value)
{
	ipc_begin(ipc, MSG_STAT, id);
	ipc_put_str(ipc, name);
	ipc_put_i64(ipc, value);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_stat(struct msg *m, const char **name, int64_t *value)
{
	*name = msg_get_str(m);
	*value = msg_get_i64(m);
	return (msg_end(m));
}

int
proto_put_list(struct ipc *ipc, uint64_t id, const struct ctl_list *l)
{
	ipc_begin(ipc, CTL_LIST, id);
	ipc_put_u8(ipc, l->types);
	ipc_put_addr(ipc, &l->within.addr);
	ipc_put_u8(ipc, l->within.len);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_list(struct msg *m, struct ctl_list *l)
{
	l->types = msg_get_u8(m);
	msg_get_addr(m, &l->within.addr);
	l->within.len = msg_get_u8(m);
	if (l->within.len > 128 || (l->types & ~(CTL_T_GREY | CTL_T_WHITE |
	    CTL_T_TRAPPED | CTL_T_SPAMTRAP | CTL_T_STAMP | CTL_T_VISIT |
	    CTL_T_REPUTE)))
		m->err = 1;
	else
		addr_mask(&l->within.addr, l->within.len);
	return (msg_end(m));
}

int
proto_put_edit(struct ipc *ipc, uint16_t type, uint64_t id,
    const struct ctl_edit *e)
{
	ipc_begin(ipc, type, id);
	ipc_put_u8(ipc, e->type);
	ipc_put_u8(ipc, e->flags);
	ipc_put_i64(ipc, e->until);
	ipc_put_str(ipc, e->key);
	ipc_put_str(ipc, e->comment);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_edit(struct msg *m, struct ctl_edit *e)
{
	e->type = msg_get_u8(m);
	e->flags = msg_get_u8(m);
	e->until = msg_get_i64(m);
	e->key = msg_get_str(m);
	e->comment = msg_get_str(m);
	if ((e->type & (e->type - 1)) != 0 || (e->type > CTL_T_SPAMTRAP &&
	    e->type != CTL_T_REPUTE) ||
	    (e->flags & ~CTL_EDIT_SPAMDB) || e->until < 0)
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_learn(struct ipc *ipc, uint64_t id, const struct ctl_learn *l)
{
	size_t	i;

	if (l->n > CTL_HOPS_MAX)
		return (-1);
	ipc_begin(ipc, CTL_LEARN, id);
	ipc_put_u8(ipc, l->bad);
	ipc_put_u8(ipc, l->dry);
	for (i = 0; i < l->n; i++) {
		ipc_put_u8(ipc, l->hop[i].kind);
		ipc_put_addr(ipc, &l->hop[i].addr);
	}
	return (ipc->failed ? -1 : 0);
}

int
proto_get_learn(struct msg *m, struct ctl_learn *l)
{
	memset(l, 0, sizeof(*l));
	l->bad = msg_get_u8(m);
	l->dry = msg_get_u8(m);
	if (l->bad > 1 || l->dry > 1)
		m->err = 1;
	for (; !m->err && msg_left(m) > 0 && l->n < CTL_HOPS_MAX; l->n++) {
		l->hop[l->n].kind = msg_get_u8(m);
		msg_get_addr(m, &l->hop[l->n].addr);
		if (l->hop[l->n].kind > HOP_UNCLEAR)
			m->err = 1;
	}
	return (msg_end(m));
}

int
proto_put_repute(struct ipc *ipc, uint64_t id, const struct ctl_repute *r)
{
	ipc_begin(ipc, CTL_REPUTE, id);
	ipc_put_u32(ipc, r->bad);
	ipc_put_i64(ipc, r->since);
	ipc_put_addr(ipc, &r->within.addr);
	ipc_put_u8(ipc, r->within.len);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_repute(struct msg *m, struct ctl_repute *r)
{
	r->bad = msg_get_u32(m);
	r->since = msg_get_i64(m);
	msg_get_addr(m, &r->within.addr);
	r->within.len = msg_get_u8(m);
	if (r->within.len > 128 || r->since < 0)
		m->err = 1;
	else
		addr_mask(&r->within.addr, r->within.len);
	return (msg_end(m));
}

int
proto_put_entry(struct ipc *ipc, uint64_t id, const struct entry *e)
{
	struct entry_key	key;
	struct entry_data	data;

	if (entry_encode(e, &key, &data) == -1)
		return (-1);
	ipc_begin(ipc, CTL_ENTRY, id);
	ipc_put_data(ipc, key.b, key.len);
	ipc_put_data(ipc, data.b, data.len);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_entry(struct msg *m, struct entry *e, char *strbuf)
{
	const uint8_t	*key, *data;
	size_t		 keylen, datalen;

	key = msg_get_data(m, &keylen);
	data = msg_get_data(m, &datalen);
	if (msg_end(m) == -1)
		return (-1);
	if (entry_decode(key, keylen, data, datalen, e, strbuf) != 0) {
		m->err = 1;
		return (-1);
	}
	return (0);
}

int
proto_put_text(struct ipc *ipc, uint64_t id, uint8_t kind, const char *text)
{
	ipc_begin(ipc, CTL_TEXT, id);
	ipc_put_u8(ipc, kind);
	ipc_put_str(ipc, text);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_text(struct msg *m, uint8_t *kind, const char **text)
{
	*kind = msg_get_u8(m);
	*text = msg_get_str(m);
	if (*kind > CTL_TEXT_ERR)
		m->err = 1;
	return (msg_end(m));
}

int
proto_put_fact(struct ipc *ipc, uint64_t id, const char *name,
    const char *value)
{
	ipc_begin(ipc, CTL_FACT, id);
	ipc_put_str(ipc, name);
	ipc_put_str(ipc, value);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_fact(struct msg *m, const char **name, const char **value)
{
	*name = msg_get_str(m);
	*value = msg_get_str(m);
	return (msg_end(m));
}

int
proto_put_end(struct ipc *ipc, uint64_t id, uint8_t status, uint32_t count,
    const char *text)
{
	ipc_begin(ipc, CTL_END, id);
	ipc_put_u8(ipc, status);
	ipc_put_u32(ipc, count);
	ipc_put_str(ipc, text);
	return (ipc->failed ? -1 : 0);
}

int
proto_get_end(struct msg *m, uint8_t *status, uint32_t *count,
    const char **text)
{
	*status = msg_get_u8(m);
	*count = msg_get_u32(m);
	*text = msg_get_str(m);
	if (*status > CTL_VERSION)
		m->err = 1;
	return (msg_end(m));
}
