/*
 * What the role fw answers when it is asked: whether an address is in the
 * table, whether the table is full, and the figures for `spamgreydb stats'.
 */
#include <stdio.h>
#include <string.h>

#include "lib/proto/control.h"
#include "spamgreyd/fw/fw_int.h"

/* The table's name for people, in buf, which is also returned. */
static const char *
table_name(const struct fw_role *r, char *buf, size_t size)
{
	const struct config	*conf = r->c->conf;

	snprintf(buf, size, r->drv == &fw_pf ? "PF's table <%.64s>" :
	    "the sets of nftables' %.64s", r->drv == &fw_pf ?
	    conf->fw_table : conf->nft_table);
	return (buf);
}

/* Why the table is full and what to do: text in buf.  PF has a limit to
 * raise; a set of nftables has its own `size'. */
static void
full_text(struct fw_role *r, char *buf, size_t size)
{
	struct fw_room	room;

	if (r->drv->room != NULL && r->drv->room(&room) == FW_OK)
		snprintf(buf, size, "the firewall's table is full (%zu of %zu "
		    "addresses, a twentieth is kept for others): write `set "
		    "limit table-entries %zu' into pf.conf and load it",
		    room.used, room.limit, fw_room_advice(r, &room));
	else
		snprintf(buf, size, "the firewall's table is full");
}

/*
 * Answers a question about one address from the kernel's table, not from the
 * copy of it.  The address 0 asks for the state of the table instead.
 * Returns a CTL_* status, and text is always set.
 */
static uint8_t
look(struct fw_role *r, const struct addr *a, char *text, size_t size)
{
	static const struct addr	none;
	char				name[128];
	int				there = 0;
	enum fw_result			rc;

	if (memcmp(a->b, none.b, sizeof(none.b)) == 0) {
		full_text(r, text, size);
		return (r->full ? CTL_NOTFOUND : CTL_OK);
	}
	if (r->drv == &fw_none) {
		strlcpy(text, "`firewall none'", size);
		return (CTL_FAILED);
	}
	table_name(r, name, sizeof(name));
	if ((rc = r->drv->find(a, &there)) != FW_OK) {
		snprintf(text, size, rc == FW_GONE ? "%s: missing" : rc ==
		    FW_BLIND ? "%s: too big to be read" : "%s: cannot be read",
		    name);
		return (CTL_FAILED);
	}
	if (there)
		snprintf(text, size, "in %s", name);
	else if (r->full)
		snprintf(text, size, "not in %s, which is full", name);
	else
		snprintf(text, size, "not in %s", name);
	return (there ? CTL_OK : CTL_NOTFOUND);
}

/* Store passes on the question of a person (spamgreydb show). */
void
fw_on_look(struct chan *ch, struct msg *m, void *arg)
{
	struct fw_role	*r = arg;
	struct addr	 a;
	char		 text[512];
	uint8_t		 plen, status;
	int64_t		 zero;

	if (proto_get_fw(m, &a, &plen, &zero) == -1)
		return;
	fw_on_batch(ch, r);	/* the changes that came before it come first */
	status = look(r, &a, text, sizeof(text));
	ipc_begin(chan_ipc(ch), MSG_FW_LOOKED, m->id);
	ipc_put_u8(chan_ipc(ch), status);
	ipc_put_str(chan_ipc(ch), text);
	(void)chan_send(ch, -1);
}

/* One MSG_STAT a figure, then the end.  The names are part of what
 * `spamgreydb stats' prints and must not change. */
void
fw_on_stat(struct chan *ch, struct msg *m, void *arg)
{
	struct fw_role	*r = arg;
	const struct {
		const char	*name;
		int64_t		 value;
	} stats[] = {
		{ "firewall-wanted", (int64_t)r->want.n },
		{ "firewall-table", r->drv->count() },
		{ "firewall-networks", (int64_t)r->nnets },
		{ "firewall-list-networks", (int64_t)fw_tables_count(r) },
		{ "firewall-added", (int64_t)r->added },
		{ "firewall-removed", (int64_t)r->removed },
		{ "firewall-refused", (int64_t)r->refused },
		{ "firewall-repairs", (int64_t)r->refills }
	};
	size_t	i;

	for (i = 0; i < sizeof(stats) / sizeof(stats[0]); i++) {
		(void)proto_put_stat(chan_ipc(ch), m->id, stats[i].name,
		    stats[i].value);
		(void)chan_send(ch, -1);
	}
	(void)chan_send_empty(ch, MSG_STAT_END, m->id);
}
