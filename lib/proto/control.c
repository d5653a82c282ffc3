/*
 * The layouts of the messages of control.h.  spamgreydb may be of another
 * release or another user's program, so get checks every value: bits,
 * enumerations, prefix lengths and times that are out of range make the message
 * malformed.
 */
#include <stddef.h>
#include <string.h>

#include "lib/db/entry.h"
#include "lib/proto/control.h"

int
proto_put_list(struct ipc *ipc, uint64_t id, const struct ctl_list *l)
{
	ipc_begin(ipc, CTL_LIST, id);
	ipc_put_u8(ipc, l->types);
	ipc_put_addr(ipc, &l->within.addr);
	ipc_put_u8(ipc, l->within.len);
	return (ipc->failed ? -1 : 0);
}

/* Bits of an address that lie behind the length of its prefix are cleared. */
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

/* type: CTL_ADD or CTL_DELETE, which have the same layout. */
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

/*
 * The type is 0 or a single bit, of a kind of entry that an administrator may
 * edit: GREY, WHITE, TRAPPED, SPAMTRAP, or REPUTE, which can only be deleted.
 */
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

/* -1 also when there are more hops than CTL_HOPS_MAX. */
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

/*
 * The number of hops is not sent: they fill the rest of the message.  Hops past
 * CTL_HOPS_MAX are left over, which makes the message malformed.
 */
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

/* Like proto_get_list, it clears the bits behind the length of the prefix. */
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

/*
 * -1 also when the entry cannot be encoded, because one of its strings is too
 * long.
 */
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

/*
 * strbuf must have room for ENTRY_DATA_MAX + ENTRY_KEY_MAX bytes.  The strings
 * of the entry lie in it, not in the message.
 */
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

/* The text may have been written by anybody; the caller makes it printable. */
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
