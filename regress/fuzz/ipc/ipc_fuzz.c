/*
 * Any bytes from a peer: frames, and their bodies read as every type of
 * message. The first byte says where the stream is cut in two.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/addr.h"
#include "lib/base/event.h"
#include "lib/base/hosts.h"
#include "lib/db/entry.h"
#include "lib/ipc/ipc.h"
#include "lib/proto/any_store.h"
#include "lib/proto/control.h"
#include "lib/proto/front_pass.h"
#include "lib/proto/front_store.h"
#include "lib/proto/smtp_store.h"
#include "lib/proto/store_fw.h"
#include "lib/smtp/caps.h"


int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char	strbuf[ENTRY_DATA_MAX + ENTRY_KEY_MAX];

static void
front(struct msg m)
{
	struct rcpt_req		req;
	struct rcpt_answer	ans;
	struct event_msg	ev;
	struct host		h;
	struct addr		addr;
	int64_t			v;
	uint8_t			plen;
	struct msg		k;

	k = m;
	if (proto_get_rcpt(&k, &req) == 0 &&
	    strlen(req.helo) + strlen(req.from) + strlen(req.to) > m.len)
		abort();
	k = m;
	if (proto_get_rcpt_answer(&k, &ans) == 0 && ans.reason >= TRAP_MAX)
		abort();
	k = m;
	if (proto_get_event(&k, &ev) == 0 && ev.event >= EVENT_MAX)
		abort();
	k = m;
	if (proto_get_host(&k, &h) == 0 && h.reason >= TRAP_MAX)
		abort();
	k = m;
	if (proto_get_fw(&k, &addr, &plen, &v) == 0 && plen > 128)
		abort();
}

static void
pass(struct msg m)
{
	struct mail_seen	seen;
	struct mta_caps		caps;
	struct handover		h;
	struct msg		k;

	k = m;
	if (proto_get_mail_seen(&k, &seen) == 0 && seen.bad > 1)
		abort();
	k = m;
	if (proto_get_caps(&k, &caps) == 0 && ((caps.keywords & ~CAPS_ALL) ||
	    strlen(caps.relays) > m.len))
		abort();
	k = m;
	if (proto_get_handover(&k, &h) == 0 && (h.kind > HANDOVER_NOT_TO ||
	    h.events >> EVENT_MAX != 0 || strlen(h.helo) + strlen(h.from) +
	    strlen(h.from_params) + strlen(h.tls_version) +
	    strlen(h.tls_cipher) > m.len))
		abort();
}

static void
control(struct msg m)
{
	struct ctl_list	 list;
	struct ctl_edit	 edit;
	struct entry	 entry;
	const char	*s, *t;
	int64_t		 v;
	uint32_t	 n;
	uint8_t		 c;
	struct msg	 k;

	k = m;
	if (proto_get_stat(&k, &s, &v) == 0 && strlen(s) > m.len)
		abort();
	k = m;
	if (proto_get_list(&k, &list) == 0 && list.within.len > 128)
		abort();
	k = m;
	if (proto_get_edit(&k, &edit) == 0 &&
	    strlen(edit.key) + strlen(edit.comment) > m.len)
		abort();
	k = m;
	(void)proto_get_entry(&k, &entry, strbuf);
	k = m;
	if (proto_get_text(&k, &c, &s) == 0 && strlen(s) > m.len)
		abort();
	k = m;
	if (proto_get_fact(&k, &s, &t) == 0 && strlen(s) + strlen(t) > m.len)
		abort();
	k = m;
	if (proto_get_end(&k, &c, &n, &s) == 0 && c > CTL_VERSION)
		abort();
}

static void
frames(struct ipc *b)
{
	struct msg	m;
	size_t		len;

	while (ipc_next(b, &m) == 1) {
		if (m.len > IPC_MAX || m.fd != -1)
			abort();
		front(m);
		pass(m);
		control(m);
		/* By its own account: every field type in turn. */
		while (msg_left(&m) > 0) {
			(void)msg_get_u8(&m);
			(void)msg_get_data(&m, &len);
			(void)msg_get_str(&m);
			(void)msg_get_u16(&m);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc	b;
	size_t		cut;
	int		sv[2];

	if (size < 1)
		return (0);
	cut = data[0] < size - 1 ? data[0] : size - 1;
	data++;
	size--;
	if (size > IPC_MAX * 2)
		size = IPC_MAX * 2;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		exit(1);
	ipc_init(&b, sv[1]);
	b.fdok = 1;
	if (cut > 0 && write(sv[0], data, cut) != (ssize_t)cut)
		exit(1);
	if (ipc_read(&b) == 1)
		frames(&b);
	if (size > cut &&
	    write(sv[0], data + cut, size - cut) != (ssize_t)(size - cut))
		exit(1);
	close(sv[0]);
	while (ipc_read(&b) == 1)
		frames(&b);
	if (b.in.size > IPC_MAX * 16)
		abort();
	ipc_clear(&b);
	return (0);
}
