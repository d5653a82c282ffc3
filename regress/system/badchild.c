/*
 * The daemon with replaced objects.  In a child whose role $BAD_PLAN names, what
 * follows the sandbox is an intruder who knows the program: it holds what the
 * role holds, and sends all its channels what it likes.
 *	$BAD_PLAN	a file: "ROLE flood N" or "ROLE any N".  flood: N messages
 *			to each channel that its rules permit, without reading
 *			one.  any: in the Nth way a message that may be none.
 *			Without that file each child is as it should be.
 *	$BAD_DONE	a file that gets a line when all has been sent, and when
 *			a child begins
 * In the parent, pauses of a second and more are a hundredth as long, those of
 * processes that are started again alone too, and a tick of the heartbeat waits
 * until each process that runs has answered, so that a slow machine changes
 * nothing.
 */
/* LINK: spamgreyd spamgreyd/process spamgreyd/os spamgreyd/parent spamgreyd/parent/conf spamgreyd/parent/list spamgreyd/list spamgreyd/smtpd spamgreyd/front spamgreyd/store spamgreyd/fw spamgreyd/fw/pf spamgreyd/fw/nft spamgreyd/track spamgreyd/pass spamgreyd/pass/mta spamgreyd/pass/message spamgreyd/pass/scan spamgreyd/runner spamgreyd/modules spamgreyd/modules/clamav spamgreyd/modules/milter spamgreyd/modules/rspamd spamgreyd/modules/spamassassin modules_tab.c buildid.c */
/* LIBS: -ldb -ltls -lcrypto -lcares -lpcap -lnftables -lmnl -ljansson -lseccomp -lz */
#include "spamgreyd/os/os.h"

static int	real_sandbox(enum role, const struct config *);

#define sandbox_enter	real_sandbox
#include "spamgreyd/os/sandbox_seccomp.c"
#undef sandbox_enter
#define parent_beat	real_beat
#include "spamgreyd/parent/beat.c"
#undef parent_beat
#include "lib/base/clock.h"
static int64_t	fast_mono(void);
#define clock_mono	fast_mono
#include "spamgreyd/parent/alone.c"
#undef clock_mono

#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proto/any_store.h"
#include "lib/proto/control.h"
#include "lib/proto/front_pass.h"
#include "lib/proto/front_store.h"
#include "lib/proto/smtp_store.h"
#include "lib/proto/store_fw.h"
#include "lib/proto/track_store.h"

#define BATCH		50	/* messages in a write */
#define STUCK		100	/* looks of 10 ms without progress: it is full */
#define CHANNELS	8

void	parent_beat(evutil_socket_t, short, void *);
int	sandbox_enter(enum role, const struct config *);

static char	 plan_role[16], plan_how[16];
static unsigned int plan_n;
static int	 done_fd = -1;
static int	 is_child;
static uint64_t	 seed = 1;

/* Before any root directory is changed. */
__attribute__((__constructor__)) static void
bad_begin(int argc, char **argv)
{
	const char	*path = getenv("BAD_PLAN"), *done = getenv("BAD_DONE");
	FILE		*f;

	is_child = argc == 3 && strcmp(argv[1], "-x") == 0;
	if (!is_child || path == NULL || done == NULL)
		return;
	done_fd = open(done, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if ((f = fopen(path, "r")) == NULL)
		return;
	if (fscanf(f, "%15s %15s %u", plan_role, plan_how, &plan_n) != 3)
		abort();
	fclose(f);
	seed = plan_n * 2654435761U + 1;
}

/* -- the parent -- */

static int64_t
fast_mono(void)
{
	return (clock_mono() * 100);
}

int
event_add(struct event *ev, const struct timeval *tv)
{
	static int	(*next)(struct event *, const struct timeval *);
	struct timeval	 soon = { 0, 0 };
	int64_t		 us;

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "event_add");
	if (is_child || tv == NULL || tv->tv_sec == 0)
		return (next(ev, tv));
	us = (int64_t)tv->tv_sec * 10000;
	soon.tv_sec = us / 1000000;
	soon.tv_usec = us % 1000000;
	return (next(ev, &soon));
}

/* The state of a process in proc(5); 0: it is gone. */
static char
state_of(pid_t pid)
{
	char		 path[32], stat[128];
	const char	*end;
	ssize_t		 n;
	int		 fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (0);
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	stat[n > 0 ? n : 0] = '\0';
	end = strrchr(stat, ')');
	return (end == NULL ? 0 : end[2]);
}

/* A process that is stopped, or plays the intruder, answers nothing. */
void
parent_beat(evutil_socket_t fd, short what, void *arg)
{
	const struct parent	*p = arg;
	const struct proc	*pr;

	for (pr = p->procs; pr < p->procs + p->nprocs; pr++)
		if (pr->beat_asked && pr->pid > 0 && state_of(pr->pid) != 'T')
			return;
	real_beat(fd, what, arg);
}

/* -- the intruder -- */

static uint64_t
any(uint64_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return ((seed >> 33) % below);
}

static struct addr
any_addr(void)
{
	struct addr	a = { .b = { 0 } };
	size_t		i;

	a.b[10] = a.b[11] = 0xff;
	for (i = 12; i < 16; i++)
		a.b[i] = (uint8_t)(1 + any(200));
	return (a);
}

/* Fills a message of a type that lib/proto writes.  0: it is none of them. */
static int
put_proto(struct ipc *ipc, uint16_t type, uint64_t id)
{
	static const char	*names[] = { "x", "front.sessions", "store.x" };
	struct addr		 a = any_addr();
	struct rcpt_req		 req = { .seq = 1, .client = a, .helo = "h",
				    .flags = (uint8_t)(any(2) * RCPT_F_WHITE),
				    .from = "<a@b.example>",
				    .to = "<c@example.org>" };
	struct rcpt_answer	 ans = { .seq = 1, .verdict = RCPT_PASS,
				    .text = "" };
	struct event_msg	 ev = { a, EVENT_PIPELINING, 0 };
	struct mail_seen	 seen = { .client = a };
	struct host		 host = { .key = a, .white = INT64_MAX };
	struct mta_caps		 caps = { .known = 1, .size = any(1000000),
				    .relays = "x" };
	struct addr_cut		 cut = { 32, 64 };
	struct track_seen	 track = { 0, a, UINT32_MAX };
	struct handover		 h = { .client = a, .dst = a, .helo = "h",
				    .from = "<a@b.example>", .from_params = "",
				    .tls_version = "", .tls_cipher = "" };

	switch (type) {
	case MSG_RCPT:
		(void)proto_put_rcpt(ipc, id, &req);
		return (1);
	case MSG_RCPT_ANSWER:
		(void)proto_put_rcpt_answer(ipc, id, &ans);
		return (1);
	case MSG_EVENT:
		(void)proto_put_event(ipc, id, &ev);
		return (1);
	case MSG_MAIL_SEEN:
		(void)proto_put_mail_seen(ipc, id, &seen);
		return (1);
	case MSG_HOST:
		(void)proto_put_host(ipc, &host);
		return (1);
	case MSG_HOSTS_BEGIN:
		(void)proto_put_hosts_begin(ipc, &cut);
		return (1);
	case MSG_CAPS:
		(void)proto_put_caps(ipc, &caps);
		return (1);
	case MSG_CLOCK:
		(void)proto_put_clock(ipc, (int64_t)any(2000000000));
		return (1);
	case MSG_TRACK:
		(void)proto_put_track(ipc, &track, 1);
		return (1);
	case MSG_STAT:
		(void)proto_put_stat(ipc, id, names[any(3)], INT64_MAX);
		return (1);
	case MSG_HANDOVER_BEGIN:
		(void)proto_put_handover(ipc, id, &h);
		return (1);
	case MSG_FW_LOOK:
		(void)proto_put_fw(ipc, type, id, &a, 128, 0);
		return (1);
	}
	return (0);
}

/* Fills a message of that type as its sender's program would, with values of its
 * own choice.  *fd: a descriptor that goes with it. */
static void
put(struct ipc *ipc, uint16_t type, int *fd)
{
	static const char	*asked[] = { "clamav", "milter", "", "\033[2J" };
	static const uint16_t	 asks[] = { CTL_RELOAD, CTL_OUTCOME, CTL_LOG,
				    CTL_LOAD, CTL_LIST };
	struct addr		 a = any_addr();
	uint64_t		 id = any(50);

	*fd = -1;
	if (put_proto(ipc, type, id))
		return;
	ipc_begin(ipc, type, id);
	switch (type) {
	case MSG_LOG:
		ipc_put_u8(ipc, (uint8_t)any(8));
		ipc_put_str(ipc, "\033[31man intruder\r\nready\n");
		break;
	case MSG_CONN_ASK:
		ipc_put_str(ipc, any(4) == 0 ? asked[any(4)] : "clamav");
		ipc_put_u16(ipc, any(8) == 0);
		break;
	case MSG_SOCK_ASK:
		ipc_put_u32(ipc, (uint32_t)any(2));
		ipc_put_addr(ipc, &a);
		ipc_put_u16(ipc, 25);
		break;
	case CTL_ASK:
		ipc_put_u16(ipc, asks[any(5)]);
		ipc_put_u8(ipc, 0);
		ipc_put_str(ipc, "x");
		break;
	case MSG_VISIT:
	case MSG_WHITE_SEEN:
		ipc_put_addr(ipc, &a);
		break;
	case MSG_HANDOVER_RCPT:
		ipc_put_str(ipc, "<c@example.org>");
		ipc_put_str(ipc, "");
		break;
	case MSG_HANDOVER_INPUT:
		ipc_put_data(ipc, asks, sizeof(asks));
		break;
	case MSG_HANDOVER_END:
		*fd = dup((int)any(2) * 3);
		break;
	case MSG_HANDOVER_NO:
		ipc_put_str(ipc, "no");
		break;
	case MSG_STORE_UP:
		ipc_put_u8(ipc, (uint8_t)any(2));
		ipc_put_str(ipc, "why\n");
		break;
	case MSG_FW_DONE:
		ipc_put_u8(ipc, 1);
		break;
	case MSG_FW_LOOKED:
		ipc_put_u8(ipc, 0);
		ipc_put_str(ipc, "white");
		break;
	case MSG_BUSY:
		ipc_put_u8(ipc, (uint8_t)any(2));
		break;
	}
}

/* What a role may send, for each of its channels in the order in which the
 * parent makes them: itself, then its peers.  Each list ends with 0. */
#define END	0
static const uint16_t	may[ROLE_MAX][5][16] = {
	[ROLE_FRONT] = {
		{ MSG_LOG, MSG_CONF_DONE, MSG_PONG },
		{ MSG_RCPT, MSG_VISIT, MSG_EVENT, MSG_WHITE_SEEN,
		    MSG_OVERLIMIT, MSG_STAT, MSG_STAT_END },
		{ MSG_HANDOVER_BEGIN, MSG_HANDOVER_RCPT, MSG_HANDOVER_INPUT,
		    MSG_HANDOVER_END }
	},
	[ROLE_STORE] = {
		{ MSG_LOG, MSG_CONF_DONE, MSG_PONG, MSG_BUSY, CTL_ASK },
		{ MSG_CLOCK, MSG_HOSTS_BEGIN, MSG_HOST, MSG_HOSTS_END, MSG_CAPS,
		    MSG_RCPT_ANSWER, MSG_STORE_UP, MSG_STAT_ASK },
		{ MSG_CLOCK, MSG_FW_LOOK, MSG_STAT_ASK },
		{ MSG_CLOCK, MSG_HOSTS_BEGIN, MSG_HOST, MSG_HOSTS_END, MSG_CAPS,
		    MSG_STAT_ASK },
		{ MSG_STAT_ASK }
	},
	[ROLE_FW] = {
		{ MSG_LOG, MSG_CONF_DONE, MSG_PONG, MSG_FW_READY },
		{ MSG_FW_DONE, MSG_FW_LOOKED, MSG_STAT, MSG_STAT_END }
	},
	[ROLE_PASS] = {
		{ MSG_LOG, MSG_CONF_DONE, MSG_PONG, MSG_SOCK_ASK, MSG_CONN_ASK },
		{ MSG_HANDOVER_OK, MSG_HANDOVER_NO, MSG_CAPS },
		{ MSG_EVENT, MSG_MAIL_SEEN, MSG_CAPS, MSG_STAT, MSG_STAT_END }
	},
	[ROLE_TRACK] = {
		{ MSG_LOG, MSG_CONF_DONE, MSG_PONG },
		{ MSG_TRACK, MSG_STAT, MSG_STAT_END }
	}
};

static size_t
count(const uint16_t *types)
{
	size_t	n;

	for (n = 0; types[n] != END; n++)
		continue;
	return (n);
}

/* The channels of this process: connected unix sockets from descriptor 3 on. */
static size_t
channels(struct ipc *ipc)
{
	size_t		n = 0;
	int		fd, domain, listens;
	socklen_t	len = sizeof(int);

	for (fd = 3; fd < 64 && n < CHANNELS; fd++)
		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		    domain == AF_UNIX && getsockopt(fd, SOL_SOCKET,
		    SO_ACCEPTCONN, &listens, &len) == 0 && !listens)
			ipc_init(&ipc[n++], fd);
	return (n);
}

/* Something of any type and body, often of a type that the peer knows. */
static void
put_any(struct ipc *ipc, enum role role, size_t ch, unsigned int way)
{
	static uint8_t	junk[IPC_MAX - sizeof(struct ipc_hdr) - 4];
	static const size_t sizes[] = { 0, 3, sizeof(junk), 0 };
	const uint16_t	*types = may[role][ch < 5 ? ch : 0];
	uint16_t	 type = (uint16_t)any(700);
	size_t		 i, n = count(types);

	if (way % 5 != 4 && n > 0)
		type = types[(way / 5) % n];
	for (i = 0; i < sizeof(junk); i++)
		junk[i] = (uint8_t)any(256);
	ipc_begin(ipc, type, any(10));
	ipc_put(ipc, junk, way % 4 == 3 ? any(600) : sizes[way % 4]);
	(void)ipc_send(ipc, way % 3 == 0 ? dup(0) : -1);
	/* And then what is no frame at all. */
	for (i = 0; i < 3; i++)
		ipc_put(ipc, junk, 600);
	ipc->open = buf_len(&ipc->out);
}

static void
fill(struct ipc *ipc, enum role role, size_t ch, unsigned int *sent)
{
	const uint16_t	*types = may[role][ch < 5 ? ch : 0];
	size_t		 i, n = count(types);
	int		 fd;

	for (i = 0; i < BATCH && n > 0; i++, *sent += 1) {
		put(ipc, types[*sent % n], &fd);
		(void)ipc_send(ipc, fd);
	}
}

static void
report(const char *word)
{
	char	line[64];
	int	n = snprintf(line, sizeof(line), "%s %s\n", plan_role, word);

	if (write(done_fd, line, (size_t)n) != n)
		abort();
}

static void __attribute__((__noreturn__))
intrude(enum role role)
{
	struct ipc	ipc[CHANNELS];
	unsigned int	sent[CHANNELS] = { 0 }, still = 0, moved, busy;
	size_t		n = channels(ipc), i, before;

	ipc_begin(&ipc[0], MSG_READY, 0);
	ipc_put_str(&ipc[0], buildid);
	(void)ipc_send(&ipc[0], -1);
	if (role == ROLE_FW) {
		ipc_begin(&ipc[0], MSG_FW_READY, 0);
		(void)ipc_send(&ipc[0], -1);
	}
	report("begins");
	for (i = 0; i < n && strcmp(plan_how, "any") == 0; i++) {
		put_any(&ipc[i], role, i, plan_n + (unsigned int)i);
		sent[i] = plan_n;
	}
	do {
		moved = busy = 0;
		for (i = 0; i < n; i++) {
			if (ipc_queued(&ipc[i]) == 0 && sent[i] < plan_n)
				fill(&ipc[i], role, i, &sent[i]);
			before = ipc_queued(&ipc[i]);
			(void)ipc_flush(&ipc[i]);
			moved |= ipc_queued(&ipc[i]) != before;
			busy |= ipc_queued(&ipc[i]) != 0 || sent[i] < plan_n;
		}
		if (moved)
			still = 0;
		else {
			still++;
			(void)poll(NULL, 0, 10);
		}
	} while (busy && still < STUCK);
	report("done");
	for (;;)
		(void)poll(NULL, 0, -1);
}

int
sandbox_enter(enum role role, const struct config *conf)
{
	int	r = real_sandbox(role, conf);

	if (r == 0 && role < ROLE_MAX &&
	    strcmp(plan_role, roles[role]->name) == 0)
		intrude(role);
	return (r);
}
