/* Every message of lib/proto: there and back, cut short, too long, out of range. */
#include <sys/types.h>
#include <sys/socket.h>

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
#include "lib/proto/track_store.h"
#include "lib/smtp/caps.h"
#include "regress/lib/tap.h"

static struct ipc	a, b;
static char		strbuf[ENTRY_DATA_MAX + ENTRY_KEY_MAX];

/* The frame in the making, sent and received. */
static struct msg
through(void)
{
	struct msg	m;

	memset(&m, 0, sizeof(m));
	if (ipc_send(&a, -1) == -1 || ipc_flush(&a) != 1 ||
	    ipc_read(&b) != 1 || ipc_next(&b, &m) != 1)
		exit(1);
	return (m);
}

/* get of any message; what it fills in is of no interest. */
static int
get_any(struct msg *m)
{
	union {
		struct rcpt_req		req;
		struct rcpt_answer	ans;
		struct event_msg	ev;
		struct mail_seen	seen;
		struct track_seen	track[TRACK_SEEN_MAX];
		struct mta_caps		caps;
		struct handover		hand;
		struct host		host;
		struct ctl_list		list;
		struct ctl_edit		edit;
		struct ctl_learn	learn;
		struct ctl_repute	repute;
		struct entry		entry;
	} u;
	struct addr	 addr;
	const char	*s, *t;
	int64_t		 i;
	uint32_t	 n;
	uint8_t		 c;
	size_t		 len;

	switch (m->type) {
	case MSG_RCPT:
		return (proto_get_rcpt(m, &u.req));
	case MSG_RCPT_ANSWER:
		return (proto_get_rcpt_answer(m, &u.ans));
	case MSG_EVENT:
		return (proto_get_event(m, &u.ev));
	case MSG_MAIL_SEEN:
		return (proto_get_mail_seen(m, &u.seen));
	case MSG_TRACK:
		return (proto_get_track(m, u.track, &len));
	case MSG_CAPS:
		return (proto_get_caps(m, &u.caps));
	case MSG_HANDOVER_BEGIN:
		return (proto_get_handover(m, &u.hand));
	case MSG_HOST:
		return (proto_get_host(m, &u.host));
	case MSG_FW_DO:
		return (proto_get_fw(m, &addr, &c, &i));
	case MSG_STAT:
		return (proto_get_stat(m, &s, &i));
	case CTL_LIST:
		return (proto_get_list(m, &u.list));
	case CTL_ADD:
		return (proto_get_edit(m, &u.edit));
	case CTL_LEARN:
		return (proto_get_learn(m, &u.learn));
	case CTL_REPUTE:
		return (proto_get_repute(m, &u.repute));
	case CTL_ENTRY:
		return (proto_get_entry(m, &u.entry, strbuf));
	case CTL_TEXT:
		return (proto_get_text(m, &c, &s));
	case CTL_FACT:
		return (proto_get_fact(m, &s, &t));
	case CTL_END:
		return (proto_get_end(m, &c, &n, &s));
	}
	return (-2);
}

/* Each shorter body, and one octet more, is refused. */
static void
strict(const struct msg *good, const char *name)
{
	struct msg	m;
	uint8_t		body[IPC_MAX];
	char		text[80];
	size_t		n;
	int		wrong = 0;

	memcpy(body, good->data, good->len);
	body[good->len] = 0;
	for (n = 0; n <= good->len + 1; n++) {
		m = *good;
		m.data = body;
		m.len = n;
		m.pos = 0;
		m.err = 0;
		if (get_any(&m) != (n == good->len ? 0 : -1))
			wrong++;
	}
	snprintf(text, sizeof(text), "%s: whole or not at all", name);
	is_int(wrong, 0, text);
}

/* The octet at `at' set to value makes the message invalid. */
static void
invalid(const struct msg *good, size_t at, uint8_t value, const char *name)
{
	struct msg	m = *good;
	uint8_t		body[IPC_MAX];

	memcpy(body, good->data, good->len);
	body[at] = value;
	m.data = body;
	m.pos = 0;
	m.err = 0;
	is_int(get_any(&m), -1, name);
}

static void
test_front(void)
{
	struct rcpt_req		req, req2;
	struct rcpt_answer	ans, ans2;
	struct event_msg	ev, ev2;
	struct host		h, h2;
	struct msg		m;

	memset(&req, 0, sizeof(req));
	addr_parse("192.0.2.9", &req.client);
	addr_parse("192.0.2.25", &req.mx);
	req.seq = 7;
	req.flags = RCPT_F_LOWMX | RCPT_F_AGAIN;
	req.helo = "mail.example.org";
	req.from = "<>";
	req.to = "<joe@example.org>";
	proto_put_rcpt(&a, 0x1234, &req);
	m = through();
	strict(&m, "rcpt");
	invalid(&m, 4 + 16, 0xff, "rcpt: unknown flags");
	m.pos = 0;
	ok(m.type == MSG_RCPT && m.id == 0x1234 &&
	    proto_get_rcpt(&m, &req2) == 0, "rcpt");
	ok(req2.seq == 7 && req2.flags == req.flags &&
	    addr_cmp(&req.client, &req2.client) == 0 &&
	    addr_cmp(&req.mx, &req2.mx) == 0, "its numbers");
	ok(strcmp(req2.helo, req.helo) == 0 && strcmp(req2.from, "<>") == 0 &&
	    strcmp(req2.to, req.to) == 0, "its strings");

	ans = (struct rcpt_answer){ 7, RCPT_TRAPPED, TRAP_DOMAIN, 180, "why" };
	proto_put_rcpt_answer(&a, 9, &ans);
	m = through();
	strict(&m, "answer");
	invalid(&m, 4, 0, "answer: verdict 0");
	invalid(&m, 4, RCPT_NOT_TO + 1, "answer: verdict too large");
	invalid(&m, 5, TRAP_MAX, "answer: reason too large");
	m.pos = 0;
	ok(m.id == 9 && proto_get_rcpt_answer(&m, &ans2) == 0 &&
	    ans2.seq == 7 && ans2.verdict == RCPT_TRAPPED &&
	    ans2.reason == TRAP_DOMAIN && ans2.left == 180 &&
	    strcmp(ans2.text, "why") == 0, "answer");

	ev.client = req.client;
	ev.event = EVENT_VIRUS;
	ev.flags = EVENT_F_VOUCHED;
	proto_put_event(&a, 3, &ev);
	m = through();
	strict(&m, "event");
	invalid(&m, 16, EVENT_MAX, "event: none such");
	invalid(&m, 17, 2, "event: unknown flags");
	m.pos = 0;
	ok(proto_get_event(&m, &ev2) == 0 && ev2.event == ev.event &&
	    ev2.flags == EVENT_F_VOUCHED && addr_cmp(&ev.client, &ev2.client) == 0, "event");

	memset(&h, 0, sizeof(h));
	h.key = req.client;
	h.white = HOST_FOREVER;
	h.trapped = 12345;
	h.reason = TRAP_EARLY;
	proto_put_host(&a, &h);
	m = through();
	strict(&m, "host");
	invalid(&m, 32, TRAP_MAX, "host: no such reason");
	m.pos = 0;
	ok(proto_get_host(&m, &h2) == 0 && h2.white == h.white &&
	    h2.trapped == h.trapped && h2.reason == h.reason &&
	    addr_cmp(&h.key, &h2.key) == 0, "host");
}

static void
test_pass(void)
{
	struct mail_seen	s, s2;
	struct mta_caps		c, c2;
	struct msg		m;

	memset(&s, 0, sizeof(s));
	addr_parse("2001:db8::1", &s.client);
	s.bad = 1;
	s.vouched = 1;
	proto_put_mail_seen(&a, 0x77, &s);
	m = through();
	strict(&m, "mail seen");
	invalid(&m, 16, 2, "mail seen: neither good nor bad");
	invalid(&m, 17, 2, "mail seen: vouched for or not");
	m.pos = 0;
	ok(m.type == MSG_MAIL_SEEN && m.id == 0x77 &&
	    proto_get_mail_seen(&m, &s2) == 0 && s2.bad == 1 &&
	    s2.vouched == 1 &&
	    addr_cmp(&s.client, &s2.client) == 0, "mail seen");

	c = (struct mta_caps){ 1, CAPS_SIZE | CAPS_SMTPUTF8, UINT64_MAX,
	    "127.0.0.1:25" };
	proto_put_caps(&a, &c);
	m = through();
	strict(&m, "caps");
	invalid(&m, 0, 2, "caps: known is yes or no");
	invalid(&m, 1 + 2, 0xff, "caps: unknown keywords");
	m.pos = 0;
	ok(m.type == MSG_CAPS && proto_get_caps(&m, &c2) == 0 &&
	    c2.known == 1 && c2.keywords == c.keywords &&
	    c2.size == UINT64_MAX && strcmp(c2.relays, c.relays) == 0, "caps");
}

/* As many as there are, so a shorter one may be one too. */
static void
test_track(void)
{
	struct track_seen	s[TRACK_SEEN_MAX + 1], s2[TRACK_SEEN_MAX];
	struct msg		m;
	size_t			i, n;

	for (i = 0; i <= TRACK_SEEN_MAX; i++) {
		s[i].outbound = i & 1;
		s[i].count = (uint32_t)i + 1;
		addr_parse("2001:db8::1", &s[i].host);
		s[i].host.b[15] = (uint8_t)i;
	}
	proto_put_track(&a, s, 3);
	m = through();
	ok(m.type == MSG_TRACK && proto_get_track(&m, s2, &n) == 0 && n == 3 &&
	    s2[2].count == 3 && s2[1].outbound == 1 &&
	    addr_cmp(&s2[2].host, &s[2].host) == 0, "track: three");
	m.pos = 0;
	m.len--;
	is_int(proto_get_track(&m, s2, &n), -1, "track: cut");
	m.len -= 20;
	m.pos = 0;
	m.err = 0;
	ok(proto_get_track(&m, s2, &n) == 0 && n == 2, "track: two");
	invalid(&m, 0, 2, "track: in or out");
	m.pos = 0;
	m.err = 0;
	s[1].count = 0;
	proto_put_track(&a, s, 2);
	m = through();
	is_int(proto_get_track(&m, s2, &n), -1, "track: no connection at all");
	s[1].count = 2;
	proto_put_track(&a, s, TRACK_SEEN_MAX);
	m = through();
	ok(proto_get_track(&m, s2, &n) == 0 && n == TRACK_SEEN_MAX,
	    "track: as many as may be");
	proto_put_track(&a, s, TRACK_SEEN_MAX + 1);
	m = through();
	is_int(proto_get_track(&m, s2, &n), -1, "track: one too many");
}

static int
same_handover(const struct handover *h, const struct handover *k)
{
	return (addr_cmp(&h->client, &k->client) == 0 &&
	    addr_cmp(&h->dst, &k->dst) == 0 && h->port == k->port &&
	    h->dport == k->dport && h->kind == k->kind &&
	    h->flags == k->flags && h->bad == k->bad &&
	    h->events == k->events && h->offered == k->offered &&
	    h->listener == k->listener &&
	    h->start == k->start && strcmp(h->helo, k->helo) == 0 &&
	    strcmp(h->from, k->from) == 0 &&
	    strcmp(h->from_params, k->from_params) == 0 &&
	    strcmp(h->tls_version, k->tls_version) == 0 &&
	    strcmp(h->tls_cipher, k->tls_cipher) == 0);
}

static void
test_handover(void)
{
	struct handover	h, h2;
	struct msg	m;
	size_t		kind = 2 * 16 + 2 * 2;

	memset(&h, 0, sizeof(h));
	addr_parse("192.0.2.9", &h.client);
	addr_parse("198.51.100.1", &h.dst);
	h.port = 40000;
	h.dport = 25;
	h.kind = HANDOVER_NOT_TO;
	h.flags = HANDOVER_BANNER | HANDOVER_ESMTP | HANDOVER_PENDING |
	    HANDOVER_NO_TLS;
	h.bad = 3;
	h.events = (1U << EVENT_MAX) - 1;
	h.offered = CAPS_8BITMIME | CAPS_DSN;
	h.listener = 4711;
	h.start = 123456789012;
	h.helo = "mail.example.net";
	h.from = "<a@example.net>";
	h.from_params = "SIZE=100 BODY=8BITMIME";
	h.tls_version = "TLSv1.3";
	h.tls_cipher = "TLS_AES_256_GCM_SHA384";
	proto_put_handover(&a, 0xabcdef, &h);
	m = through();
	strict(&m, "handover");
	invalid(&m, kind, HANDOVER_NOT_TO + 1, "handover: no such kind");
	invalid(&m, kind + 1, 0x10, "handover: unknown flags");
	m.pos = 0;
	ok(m.type == MSG_HANDOVER_BEGIN && m.id == 0xabcdef &&
	    proto_get_handover(&m, &h2) == 0 && same_handover(&h, &h2),
	    "handover");
	h.events = 1U << EVENT_MAX;
	proto_put_handover(&a, 1, &h);
	m = through();
	is_int(proto_get_handover(&m, &h2), -1,
	    "handover: an event that there is not");
	h.events = 0;
	h.offered = CAPS_ALL + 1;
	proto_put_handover(&a, 1, &h);
	m = through();
	is_int(proto_get_handover(&m, &h2), -1,
	    "handover: a keyword that there is not");
}

static void
test_fw(void)
{
	struct addr	 addr, addr2;
	struct msg	 m;
	const char	*name;
	int64_t		 v;
	uint8_t		 plen;

	addr_parse("2001:db8::", &addr);
	proto_put_fw(&a, MSG_FW_DO, 5, &addr, 64, HOST_FOREVER);
	m = through();
	strict(&m, "fw");
	invalid(&m, 16, 129, "fw: prefix length");
	m.pos = 0;
	ok(m.id == 5 && proto_get_fw(&m, &addr2, &plen, &v) == 0 &&
	    plen == 64 && v == HOST_FOREVER && addr_cmp(&addr, &addr2) == 0,
	    "fw");
	proto_put_stat(&a, 6, "commits", -3);
	m = through();
	strict(&m, "stat");
	m.pos = 0;
	ok(proto_get_stat(&m, &name, &v) == 0 && v == -3 &&
	    strcmp(name, "commits") == 0, "stat");
	proto_put_stat(&a, 6, "\033[2J", 1);
	m = through();
	is_int(proto_get_stat(&m, &name, &v), -1,
	    "stat: no control characters in its name");
}

static void
test_learn(void)
{
	static struct ctl_learn	 l, l2;
	struct ctl_repute	 r, r2;
	struct msg		 m, part;
	size_t			 i;

	l.bad = 1;
	l.n = CTL_HOPS_MAX;
	for (i = 0; i < l.n; i++) {
		l.hop[i].kind = (uint8_t)(i % (HOP_UNCLEAR + 1));
		l.hop[i].addr.b[15] = (uint8_t)i;
	}
	ok(proto_put_learn(&a, 3, &l) == 0, "learn: the longest way");
	m = through();
	ok(proto_get_learn(&m, &l2) == 0 && memcmp(&l, &l2, sizeof(l)) == 0,
	    "learn");
	invalid(&m, 0, 2, "learn: neither good nor bad");
	invalid(&m, 1, 2, "learn: dry or not");
	invalid(&m, 2, HOP_UNCLEAR + 1, "learn: a hop of no kind");
	part = m;
	part.pos = 0;
	part.err = 0;
	part.len -= 1;
	ok(proto_get_learn(&part, &l2) == -1, "learn: a hop that is cut");
	l.n = 0;
	l.dry = 1;
	proto_put_learn(&a, 4, &l);
	m = through();
	ok(proto_get_learn(&m, &l2) == 0 && l2.n == 0 && l2.dry == 1,
	    "learn: no way at all");
	l.n = CTL_HOPS_MAX + 1;
	is_int(proto_put_learn(&a, 5, &l), -1, "learn: one hop too many");

	r = (struct ctl_repute){ 5, 1700000000, { { { 0 } }, 0 } };
	prefix_parse("192.0.2.0/24", &r.within);
	proto_put_repute(&a, 6, &r);
	m = through();
	strict(&m, "repute");
	invalid(&m, m.len - 1, 200, "repute: prefix length");
	m.pos = 0;
	ok(proto_get_repute(&m, &r2) == 0 && r2.bad == 5 &&
	    r2.since == r.since && r2.within.len == 120, "repute");
}

static void
test_ctl(void)
{
	struct ctl_list	 l, l2;
	struct ctl_edit	 e, e2;
	struct msg	 m;
	const char	*s, *t;
	uint32_t	 n;
	uint8_t		 c;

	l.types = CTL_T_GREY | CTL_T_TRAPPED;
	prefix_parse("192.0.2.0/24", &l.within);
	proto_put_list(&a, 1, &l);
	m = through();
	strict(&m, "list");
	invalid(&m, 0, 0x80, "list: unknown type");
	invalid(&m, 17, 200, "list: prefix length");
	m.pos = 0;
	ok(proto_get_list(&m, &l2) == 0 && l2.types == l.types &&
	    l2.within.len == 120 &&
	    addr_cmp(&l.within.addr, &l2.within.addr) == 0, "list");

	e = (struct ctl_edit){ CTL_T_WHITE, CTL_EDIT_SPAMDB, 99, "192.0.2.1",
	    NULL };
	proto_put_edit(&a, CTL_ADD, 2, &e);
	m = through();
	strict(&m, "edit");
	invalid(&m, 0, CTL_T_WHITE | CTL_T_GREY, "edit: two types");
	invalid(&m, 0, 16, "edit: unknown type");
	invalid(&m, 1, 0x80, "edit: unknown flags");
	m.pos = 0;
	ok(proto_get_edit(&m, &e2) == 0 && e2.type == e.type &&
	    e2.flags == e.flags && e2.until == 99 &&
	    strcmp(e2.key, "192.0.2.1") == 0 && strcmp(e2.comment, "") == 0,
	    "edit");

	proto_put_text(&a, 3, CTL_TEXT_ERR, "no such host");
	m = through();
	strict(&m, "text");
	invalid(&m, 0, CTL_TEXT_ERR + 1, "text: no such kind");
	m.pos = 0;
	ok(proto_get_text(&m, &c, &s) == 0 && c == CTL_TEXT_ERR &&
	    strcmp(s, "no such host") == 0, "text");
	proto_put_fact(&a, 4, "state", "WHITE");
	m = through();
	strict(&m, "fact");
	m.pos = 0;
	ok(proto_get_fact(&m, &s, &t) == 0 && strcmp(s, "state") == 0 &&
	    strcmp(t, "WHITE") == 0, "fact");
	proto_put_end(&a, 5, CTL_NOTFOUND, 77, "done");
	m = through();
	strict(&m, "end");
	invalid(&m, 0, CTL_VERSION + 1, "end: no such status");
	m.pos = 0;
	ok(proto_get_end(&m, &c, &n, &s) == 0 && c == CTL_NOTFOUND &&
	    n == 77 && strcmp(s, "done") == 0, "end");
}

static void
test_entry(void)
{
	struct entry	e, e2;
	struct msg	m;

	entry_init(&e, ENTRY_GREY);
	addr_parse("192.0.2.0", &e.net);
	addr_parse("192.0.2.77", &e.addr);
	e.hash = 42;
	e.first = 1000;
	e.pass = 2000;
	e.expire = 3000;
	e.block = 4;
	e.helo = "h";
	e.from = "<f@example.org>";
	e.to = "<t@example.org>";
	is_int(proto_put_entry(&a, 1, &e), 0, "put an entry");
	m = through();
	ok(proto_get_entry(&m, &e2, strbuf) == 0 && e2.type == ENTRY_GREY &&
	    e2.hash == 42 && e2.expire == 3000 && e2.block == 4 &&
	    strcmp(e2.from, e.from) == 0 && strcmp(e2.to, e.to) == 0,
	    "and get it");
	m.pos = 0;
	m.len--;
	is_int(proto_get_entry(&m, &e2, strbuf), -1, "cut short");
}

int
main(void)
{
	int		sv[2];
	unsigned int	i, wrong = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == -1)
		exit(1);
	ipc_init(&a, sv[0]);
	ipc_init(&b, sv[1]);
	test_front();
	test_pass();
	test_track();
	test_handover();
	test_fw();
	test_ctl();
	test_learn();
	test_entry();
	for (i = 0; i < EVENT_MAX; i++)
		wrong += strcmp(host_event_str(i), "unknown") == 0;
	is_int(wrong, 0, "every event has a name");
	is_str(host_event_str(EVENT_MAX), "unknown", "what is none has not");
	ipc_clear(&a);
	ipc_clear(&b);
	return (done());
}
