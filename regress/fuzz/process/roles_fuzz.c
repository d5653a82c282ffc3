/*
 * Every role in a process of its own, as the parent starts it, with hostile
 * peers.  The first byte says which role, the second how far it has come when
 * the orders begin.  An order is a message of any type with any body from the
 * parent, from another role or from a client of the control socket, a reload, a
 * peer that ends.  Whatever comes, the process works on or ends by itself with
 * a reason; a message that a peer may not send ends its channel; the log has
 * printable text only.
 *
 * The child's coverage is added to our own, so that libFuzzer sees it.
 */
/* LINK: spamgreyd/process spamgreyd/front spamgreyd/store spamgreyd/fw spamgreyd/fw/pf spamgreyd/track spamgreyd/pass spamgreyd/pass/mta spamgreyd/pass/message spamgreyd/pass/scan spamgreyd/runner spamgreyd/smtpd spamgreyd/list spamgreyd/parent/conf spamgreyd/os */
/* LIBS: -ldb -ltls -lcrypto -lcares -lpcap -lz */
/* FUZZ: -max_len=4000 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "lib/base/log.h"
#include "lib/proto/any_store.h"
#include "lib/proto/control.h"
#include "lib/proto/front_pass.h"
#include "lib/proto/front_store.h"
#include "lib/proto/list.h"
#include "lib/proto/smtp_store.h"
#include "lib/proto/store_fw.h"
#include "lib/proto/track_store.h"
#include "spamgreyd/fw/fw_int.h"
#include "spamgreyd/list/job_int.h"
#include "spamgreyd/parent/conf/conf.h"
#include "spamgreyd/process/process.h"
#include "spamgreyd/runner/module.h"
#include "spamgreyd/track/track.h"

#define PEERS_MAX	6
#define BODY_MAX	1024
#define FD_CHILD	3	/* CHILD_PARENT_FD, LIST_JOB_FD */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

unsigned int			 fuzz_rounds = 4;	/* each takes 10 ms */
const char			 buildid[] = "fuzz";
const struct module *const	 modules[] = { NULL };
/* Their systems' answers have targets and tests of their own. */
const struct fw_driver		 fw_pf, fw_nft;

/*
 * What the compiler counts: the section's two ends, or nothing in an ordinary
 * test.  Their names in C would hide the compiler's own.
 */
extern uint8_t	*counters[2];
__asm__(".pushsection .data.rel.local,\"aw\"\n"
	".balign 8\n"
	".weak __start___sancov_cntrs\n"
	".hidden __start___sancov_cntrs\n"
	".weak __stop___sancov_cntrs\n"
	".hidden __stop___sancov_cntrs\n"
	"counters: .quad __start___sancov_cntrs, __stop___sancov_cntrs\n"
	".popsection\n");
static size_t	 ncounters;
static uint8_t	*shared;	/* the child's, when it has ended */
static int	 is_child;

enum { ORDER_RAW, ORDER_RAW2, ORDER_VALID, ORDER_VALID2, ORDER_PARENT,
	ORDER_RELOAD, ORDER_LISTS, ORDER_CLOSE, ORDER_CONTROL, ORDER_START,
	ORDER_WAIT, ORDER_MAX };
enum { STAGE_NEW, STAGE_HELLO, STAGE_PEERS, STAGE_READY, STAGE_STARTED,
	STAGES };

static struct event_base	*base;
static struct config		*conf;
static char			 dir[64];
static struct chan		*child;		/* NULL: it has ended */
static pid_t			 pid;
static struct {
	enum role	role;
	struct ipc	ipc;		/* fd -1: it has ended */
}				 peers[PEERS_MAX];
static size_t			 npeers;
static int			 is_ready, pongs, control;
static const uint8_t		*in;
static size_t			 left;

static void
cover_save(void)
{
	if (is_child && shared != NULL)
		memcpy(shared, counters[0], ncounters);
}

/* A child ends by one of these.  exit(3) calls nothing, as what it would call is
 * ours. */
void
_exit(int status)
{
	cover_save();
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}

void
exit(int status)
{
	void	(*libc)(int) __attribute__((__noreturn__));

	if (is_child)
		_exit(status);
	*(void **)&libc = dlsym(RTLD_NEXT, "exit");
	libc(status);
}

/* Not a device, but a pipe that nobody writes to. */
struct track_pcap {
	int	fd[2];
};

struct track_pcap *
track_pcap_live(const struct conf_track *c, char err[TRACK_ERRLEN])
{
	static struct track_pcap	p;

	(void)c;
	(void)err;
	return (pipe(p.fd) == -1 ? NULL : &p);
}

void
track_pcap_close(struct track_pcap *p)
{
	(void)p;
}

int
track_pcap_fd(const struct track_pcap *p)
{
	return (p->fd[0]);
}

unsigned int
track_pcap_linktype(const struct track_pcap *p)
{
	(void)p;
	return (117);
}

enum track_read
track_pcap_read(struct track_pcap *p, int max, track_frame fn, void *arg,
    char err[TRACK_ERRLEN])
{
	(void)p;
	(void)max;
	(void)fn;
	(void)arg;
	(void)err;
	return (TRACK_READ_END);
}

uint64_t
track_pcap_drops(struct track_pcap *p)
{
	(void)p;
	return (0);
}

/* The sanitizers do not work in it. */
int
sandbox_enter(enum role role, const struct config *c)
{
	(void)role;
	(void)c;
	return (0);
}

const char *
sandbox_name(void)
{
	return ("none");
}

static uint8_t
byte(void)
{
	if (left == 0)
		return (0);
	left--;
	return (*in++);
}

static const uint8_t *
bytes(size_t *n)
{
	const uint8_t	*p;

	*n = byte() | (size_t)(byte() & 3) << 8;
	if (*n > left)
		*n = left;
	p = in;
	in += *n;
	left -= *n;
	return (p);
}

/* What the child tells us. */
static void
told(struct chan *ch, struct msg *m, void *arg)
{
	const char	*line;

	(void)ch;
	(void)arg;
	if (m->type == MSG_READY)
		is_ready = 1;
	if (m->type == MSG_PONG)
		pongs++;
	if (m->type == MSG_LOG) {
		(void)msg_get_u8(m);
		for (line = msg_get_str(m); *line != '\0'; line++)
			if ((unsigned char)*line < ' ' || *line == 0x7f)
				abort();
	}
	while (!m->err && msg_left(m) > 0)
		(void)msg_get_u8(m);
}

static void
ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)how;
	(void)arg;
	child = NULL;
	chan_free(ch);
}

static const struct chan_rule child_tells[] = {
	{ MSG_READY, 0, told }, { MSG_CONF_DONE, 0, told },
	{ MSG_LOG, 0, told }, { MSG_FATAL, 0, told }, { MSG_FW_READY, 0, told },
	{ CTL_ASK, 0, told }, { MSG_SOCK_ASK, 0, told },
	{ MSG_CONN_ASK, 0, told }, { MSG_PONG, 0, told }, { MSG_BUSY, 0, told },
	{ MSG_LATER, 0, told }, { LJ_SAY, 0, told }, { LJ_DONE, 0, told },
	{ LJ_SETUP_LIST, 0, told }, { LJ_TAKEN, 0, told }, { LJ_END, 0, told },
	{ 0, 0, NULL }
};

/* Removes what it finds there. */
static void
clean(const char *path, int self)
{
	struct dirent	*d;
	char		 name[512];
	DIR		*dp;

	if ((dp = opendir(path)) == NULL)
		return;
	while ((d = readdir(dp)) != NULL) {
		snprintf(name, sizeof(name), "%s/%s", path, d->d_name);
		if (d->d_name[0] != '.' && unlink(name) == -1)
			clean(name, 1);
	}
	closedir(dp);
	if (self)
		(void)rmdir(path);
}

static void
at_end(void)
{
	clean(dir, 1);
}

static struct config *
make_config(int how)
{
	struct config		*c = config_new();
	struct conf_relay	*r = conf_relay_new();
	struct conf_target	*t = calloc(1, sizeof(*t));

	if (c == NULL || r == NULL || t == NULL)
		abort();
	free(c->statedir);
	c->statedir = strdup(dir);
	c->cache = 1024 * 1024;
	c->contact = how & 1 ? strdup("Ask %A") : NULL;
	c->grey.admit.ip4 = how & 2 ? 24 : 32;
	if ((c->track = conf_track_new()) == NULL ||
	    (c->pass = conf_pass_new()) == NULL ||
	    addr_parse("127.0.0.1", &t->addr) == -1)
		abort();
	c->pass->client_name = 0;
	t->port = 1;			/* nobody listens there */
	TAILQ_INSERT_TAIL(&r->targets, t, entry);
	TAILQ_INSERT_TAIL(&c->pass->relays, r, entry);
	return (c);
}

static void
setup(void)
{
	struct stat	st;

	signal(SIGPIPE, SIG_IGN);
	log_init("roles");
	snprintf(dir, sizeof(dir), "%s/rolesfuzz.XXXXXX",
	    stat("/dev/shm", &st) == 0 ? "/dev/shm" : "/tmp");
	if ((base = event_base_new()) == NULL || mkdtemp(dir) == NULL)
		abort();
	conf = make_config(1);
	ncounters = (size_t)(counters[1] - counters[0]);
	if (ncounters > 0 && (shared = mmap(NULL, ncounters, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0)) == MAP_FAILED)
		abort();
	atexit(at_end);
}

static void
cover_add(void)
{
	size_t	i;

	for (i = 0; i < ncounters; i++) {
		if (counters[0][i] < shared[i])
			counters[0][i] = shared[i];
		shared[i] = 0;
	}
}

static void
spawn(enum role role)
{
	int	fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	    fd) == -1 || (pid = fork()) == -1)
		abort();
	if (pid == 0) {
		is_child = 1;
		close(fd[0]);
		if (dup2(fd[1], FD_CHILD) == -1)
			abort();
		if (fd[1] != FD_CHILD)
			close(fd[1]);
		if (role == ROLE_MAX)
			list_job_run(FD_CHILD);
		child_main(role);
	}
	close(fd[1]);
	is_ready = pongs = 0;
	if ((child = chan_new(base, fd[0], "child", child_tells, NULL,
	    ended)) == NULL)
		abort();
}

/* Runs until the child has answered, or has ended. */
static void
barrier(void)
{
	int	want = pongs + 1;

	if (child != NULL)
		(void)chan_send_empty(child, MSG_PING, 0);
	while (child != NULL && pongs < want)
		event_base_loop(base, EVLOOP_ONCE);
}

static void
hello(enum role role)
{
	struct ipc	*ipc = chan_ipc(child);

	ipc_begin(ipc, MSG_HELLO, 0);
	ipc_put_str(ipc, buildid);
	ipc_put_u8(ipc, (uint8_t)role);
	ipc_put_u16(ipc, 0);
	ipc_put_u8(ipc, 0);
	ipc_put_u8(ipc, 0);
	ipc_put_u8(ipc, 1);
	(void)chan_send(child, -1);
}

/* A socket to each role that it has one with, and the control socket. */
static void
wire(enum role role)
{
	struct sockaddr_un	sun = { .sun_family = AF_UNIX };
	unsigned int		r;
	int			fd[2];

	for (r = 0; r < ROLE_MAX; r++) {
		if (!(roles[role]->peers & 1U << r))
			continue;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
		    fd) == -1)
			abort();
		ipc_begin(chan_ipc(child), MSG_PEER, 0);
		ipc_put_u8(chan_ipc(child), (uint8_t)r);
		ipc_put_u16(chan_ipc(child), 0);
		(void)chan_send(child, fd[1]);
		peers[npeers].role = (enum role)r;
		ipc_init(&peers[npeers++].ipc, fd[0]);
	}
	if (role != ROLE_STORE)
		return;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", dir);
	(void)unlink(sun.sun_path);
	if ((fd[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    bind(fd[0], (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd[0], 8) == -1)
		abort();
	ipc_begin(chan_ipc(child), MSG_CTL_LISTEN, 0);
	(void)chan_send(child, fd[0]);
}

static enum conf_send
ships(enum role role)
{
	return (role == ROLE_FRONT ? SEND_FRONT : role == ROLE_PASS ?
	    SEND_PASS : role == ROLE_STORE ? SEND_STORE : SEND_PLAIN);
}

static void
make_dir(const char *name)
{
	char	path[80];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0700) == -1)
		abort();
}

/* Brings it as far as the second byte says. */
static void
begin(enum role role, unsigned int stage)
{
	make_dir("db");
	make_dir("spool");
	spawn(role);
	if (role == ROLE_MAX || stage == STAGE_NEW)
		return;
	hello(role);
	if (stage == STAGE_HELLO)
		return;
	wire(role);
	if (stage == STAGE_PEERS)
		return;
	(void)config_send(child, conf, ships(role));
	while (child != NULL && !is_ready)
		event_base_loop(base, EVLOOP_ONCE);
	if (child == NULL)
		abort();		/* so far it was well */
	if (stage == STAGE_STARTED)
		(void)chan_send_empty(child, MSG_START, 0);
}

/* May that role send this to that one? */
static int
may_send(enum role to, enum role from, unsigned int type)
{
	static const struct {
		enum role	to, from;
		unsigned int	types[10];
	} rows[] = {
		{ ROLE_FRONT, ROLE_STORE, { MSG_CLOCK, MSG_HOSTS_BEGIN,
		    MSG_HOST, MSG_CAPS, MSG_HOSTS_END, MSG_RCPT_ANSWER,
		    MSG_STORE_UP, MSG_STAT_ASK } },
		{ ROLE_FRONT, ROLE_PASS, { MSG_HANDOVER_OK, MSG_HANDOVER_NO,
		    MSG_CAPS } },
		{ ROLE_PASS, ROLE_STORE, { MSG_CLOCK, MSG_HOSTS_BEGIN,
		    MSG_HOST, MSG_CAPS, MSG_HOSTS_END, MSG_STORE_UP,
		    MSG_STAT_ASK } },
		{ ROLE_PASS, ROLE_FRONT, { MSG_HANDOVER_BEGIN,
		    MSG_HANDOVER_RCPT, MSG_HANDOVER_INPUT,
		    MSG_HANDOVER_END } },
		{ ROLE_STORE, ROLE_FRONT, { MSG_RCPT, MSG_VISIT, MSG_EVENT,
		    MSG_WHITE_SEEN, MSG_OVERLIMIT, MSG_STAT, MSG_STAT_END } },
		{ ROLE_STORE, ROLE_PASS, { MSG_EVENT, MSG_MAIL_SEEN, MSG_CAPS,
		    MSG_STAT, MSG_STAT_END } },
		{ ROLE_STORE, ROLE_FW, { MSG_FW_LOOKED, MSG_FW_DONE, MSG_STAT,
		    MSG_STAT_END } },
		{ ROLE_STORE, ROLE_TRACK, { MSG_TRACK, MSG_STAT,
		    MSG_STAT_END } },
		{ ROLE_FW, ROLE_STORE, { MSG_CLOCK, MSG_FW_BEGIN, MSG_FW_HOST,
		    MSG_FW_END, MSG_FW_DO, MSG_FW_LOOK, MSG_STAT_ASK } },
		{ ROLE_TRACK, ROLE_STORE, { MSG_STAT_ASK } }
	};
	size_t	i, k;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (k = 0; rows[i].to == to && rows[i].from == from &&
		    k < 10; k++)
			if (rows[i].types[k] == type && type != 0)
				return (1);
	return (0);
}

static void
peer_flush(size_t k)
{
	struct msg	m;

	if (peers[k].ipc.fd == -1)
		return;
	(void)ipc_flush(&peers[k].ipc);
	while (ipc_read(&peers[k].ipc) == 1)
		while (ipc_next(&peers[k].ipc, &m) == 1)
			if (m.fd != -1)
				close(m.fd);
}

/* After a message that it may not send, the channel is over. */
static void
must_be_over(size_t k)
{
	struct pollfd	p = { .fd = peers[k].ipc.fd, .events = POLLIN };

	/* The turn of the first answer may still be going on. */
	barrier();
	barrier();
	peer_flush(k);
	if (child != NULL && (poll(&p, 1, 0) != 1 ||
	    !(p.revents & (POLLHUP | POLLERR))))
		abort();
	ipc_clear(&peers[k].ipc);
	peers[k].ipc.fd = -1;
}

static void
raw(enum role role, size_t k)
{
	const uint8_t	*body;
	size_t		 n;
	unsigned int	 type = byte();

	body = bytes(&n);
	if (peers[k].ipc.fd == -1)
		return;
	ipc_begin(&peers[k].ipc, (uint16_t)type, n % 5);
	ipc_put(&peers[k].ipc, body, n);
	(void)ipc_send(&peers[k].ipc, -1);
	peer_flush(k);
	if (is_ready && !may_send(role, peers[k].role, type))
		must_be_over(k);
}

static void
text(char *s, size_t size)
{
	const uint8_t	*p;
	size_t		 n, i;

	p = bytes(&n);
	if (n >= size)
		n = size - 1;
	for (i = 0; i < n; i++)
		s[i] = p[i] == '\0' ? '0' : (char)p[i];
	s[i] = '\0';
}

static void
client(struct addr *a)
{
	if (addr_parse("192.0.2.0", a) == -1)
		abort();
	a->b[15] = byte();
}

/* A message with the right form: only its values are the input's. */
static void
valid_to_store(struct ipc *ipc, enum role from, char a[300], char b[300])
{
	struct rcpt_req		r;
	struct event_msg	e;
	struct mail_seen	seen;
	struct track_seen	t;
	struct addr		h;

	client(&h);
	memset(&r, 0, sizeof(r));
	memset(&e, 0, sizeof(e));
	if (from == ROLE_FRONT && byte() & 1) {
		r.client = h;
		r.seq = byte();
		r.flags = byte();
		r.mx = h;
		r.helo = "h";
		r.from = a;
		r.to = b;
		(void)proto_put_rcpt(ipc, 1, &r);
	} else if (from == ROLE_TRACK) {
		t.outbound = byte() & 1;
		t.host = h;
		t.count = 1 + byte();
		(void)proto_put_track(ipc, &t, 1);
	} else if (from == ROLE_PASS && byte() & 1) {
		seen.client = h;
		seen.bad = byte() & 1;
		seen.vouched = byte() & 1;
		(void)proto_put_mail_seen(ipc, 1, &seen);
	} else if (from == ROLE_FW) {
		ipc_begin(ipc, MSG_FW_DONE, byte());
		ipc_put_u8(ipc, byte());
	} else {
		e.client = h;
		e.event = byte() % EVENT_MAX;
		e.flags = byte() & 1;
		(void)proto_put_event(ipc, 1, &e);
	}
}

static void
valid_of_store(struct ipc *ipc, enum role to, char a[300])
{
	struct rcpt_answer	ans;
	struct host		h;

	memset(&ans, 0, sizeof(ans));
	memset(&h, 0, sizeof(h));
	client(&h.key);
	if (to == ROLE_FW) {
		(void)proto_put_fw(ipc, (uint16_t)(MSG_FW_BEGIN + 1 +
		    byte() % 3), byte(), &h.key, 128, byte());
	} else if (to == ROLE_FRONT && byte() & 1) {
		ans.seq = byte();
		ans.verdict = 1 + byte() % RCPT_NOT_TO;
		ans.text = a;
		(void)proto_put_rcpt_answer(ipc, byte(), &ans);
	} else {
		h.white = byte();
		h.trapped = byte();
		(void)proto_put_host(ipc, &h);
	}
}

static void
valid_to_pass(struct ipc *ipc, char a[300], char b[300])
{
	struct handover	h;

	memset(&h, 0, sizeof(h));
	client(&h.client);
	h.dst = h.client;
	h.kind = byte() % 3;
	h.flags = byte() & 15;
	h.helo = "h";
	h.from = a;
	h.from_params = b;
	h.tls_version = h.tls_cipher = "";
	(void)proto_put_handover(ipc, byte(), &h);
}

static void
valid(enum role role, size_t k)
{
	struct ipc	*ipc = &peers[k].ipc;
	char		 a[300], b[300];

	text(a, sizeof(a));
	text(b, sizeof(b));
	if (ipc->fd == -1)
		return;
	if (role == ROLE_STORE)
		valid_to_store(ipc, peers[k].role, a, b);
	else if (peers[k].role == ROLE_STORE)
		valid_of_store(ipc, role, a);
	else if (role == ROLE_PASS)
		valid_to_pass(ipc, a, b);
	else {
		ipc_begin(ipc, MSG_HANDOVER_NO, byte());
		ipc_put_str(ipc, a);
	}
	(void)ipc_send(ipc, -1);
	peer_flush(k);
}

/* The parent; to the process that reads lists some with a descriptor. */
static void
from_parent(enum role role)
{
	unsigned int	 type = byte();
	const uint8_t	*body;
	char		 name[] = "/dev/shm/rolesfuzz.XXXXXX";
	size_t		 n;
	int		 fd = -1;

	body = bytes(&n);
	if (child == NULL)
		return;
	if (role == ROLE_MAX) {
		type = LJ_LIST + type % 10;
		if (type != LJ_LIST && type != LJ_NAME &&
		    (fd = mkstemp(name)) != -1) {
			(void)unlink(name);
			if (write(fd, body, n) != (ssize_t)n ||
			    lseek(fd, 0, SEEK_SET) != 0)
				abort();
			n = type == LJ_CONN && n >= 8 ? 8 : 0;
		}
	}
	ipc_begin(chan_ipc(child), (uint16_t)type, 0);
	ipc_put(chan_ipc(child), body, n);
	(void)chan_send(child, fd);
}

static void
control_says(void)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct ipc		 ipc;
	const uint8_t		*body;
	size_t			 n;
	int			 i, fd, greets = byte() & 1;

	body = bytes(&n);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", dir);
	if (!control || child == NULL || !is_ready ||
	    (fd = socket(AF_UNIX, SOCK_STREAM, 0)) == -1)
		return;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		close(fd);
		return;
	}
	ipc_init(&ipc, fd);
	if (greets) {
		ipc_begin(&ipc, CTL_HELLO, 0);
		ipc_put_u32(&ipc, PROTO_VERSION);
		(void)ipc_send(&ipc, -1);
	}
	for (i = 0; i < 2; i++) {
		ipc_begin(&ipc, (uint16_t)(CTL_HELLO + byte() % 64), 1);
		ipc_put(&ipc, body, n);
		(void)ipc_send(&ipc, -1);
	}
	(void)ipc_flush(&ipc);
	barrier();
	ipc_clear(&ipc);
}

static void
reload(enum role role, unsigned int how)
{
	struct config	*c;

	if (child == NULL || !is_ready)
		return;
	c = make_config((int)how);
	(void)config_send(child, c, ships(role));
	config_free(c);
	if (how & 4)
		(void)chan_send_empty(child, MSG_CONF_BEGIN, 0);
}

static void
order(enum role role)
{
	unsigned int	what = byte();
	size_t		k = npeers > 0 ? byte() % npeers : 0;

	switch (what % ORDER_MAX) {
	case ORDER_RAW:
	case ORDER_RAW2:
		if (npeers > 0)
			raw(role, k);
		break;
	case ORDER_VALID:
	case ORDER_VALID2:
		if (npeers > 0)
			valid(role, k);
		break;
	case ORDER_PARENT:
		from_parent(role);
		break;
	case ORDER_RELOAD:
		if (role != ROLE_MAX)
			reload(role, byte());
		break;
	case ORDER_LISTS:
		if (child != NULL && is_ready)
			(void)config_send_lists(child, conf);
		break;
	case ORDER_CLOSE:
		if (npeers > 0 && peers[k].ipc.fd != -1) {
			ipc_clear(&peers[k].ipc);
			peers[k].ipc.fd = -1;
		}
		break;
	case ORDER_CONTROL:
		control_says();
		break;
	case ORDER_START:
		if (child != NULL && is_ready)
			(void)chan_send_empty(child, MSG_START, 0);
		break;
	case ORDER_WAIT:
		if (role != ROLE_MAX)
			barrier();
		break;
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* It ends when it is told to, and otherwise for a reason of its own. */
static void
finish(enum role role)
{
	size_t	k;
	int	status;

	if (child != NULL && role != ROLE_MAX) {
		(void)chan_send_empty(child, MSG_QUIT, 0);
		while (child != NULL)
			event_base_loop(base, EVLOOP_ONCE);
	}
	if (child != NULL) {
		chan_flush(child);
		chan_free(child);
		child = NULL;
	}
	for (k = 0; k < npeers; k++)
		if (peers[k].ipc.fd != -1)
			ipc_clear(&peers[k].ipc);
	npeers = 0;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) > 2)
		abort();
	cover_add();
	clean(dir, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum role	which[] = { ROLE_FRONT, ROLE_STORE, ROLE_FW,
		ROLE_PASS, ROLE_TRACK, ROLE_MAX };
	enum role		role;
	unsigned int		stage;

	if (base == NULL)
		setup();
	if (size < 2 || size > 4000)
		return (0);
	in = data;
	left = size;
	role = which[byte() % 6];
	stage = byte() % STAGES;
	control = role == ROLE_STORE;
	begin(role, stage);
	while (left > 0 && child != NULL)
		order(role);
	finish(role);
	return (0);
}
