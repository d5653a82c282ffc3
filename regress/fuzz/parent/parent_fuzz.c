/*
 * Messages of any type with any body from a child to the parent.  The first byte
 * says which role it has, the second in which phase of its life it is.  Whatever
 * comes, only store can have the parent do something, only pass gets sockets,
 * only track may end for now, and nobody does before READY or after it has said
 * that it ends.  The log has printable text only.
 */
/* LINK: spamgreyd/parent */
#include <sys/types.h>
#include <sys/socket.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/parent/list/lists.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

const char			 buildid[] = "fuzz";
static const struct role_def	 def = { .name = "role" };
static const struct role_def	 def_alone = { .name = "track", .alone = 1 };
const struct role_def *const	 roles[ROLE_MAX] = {
	[ROLE_PARENT] = &def, [ROLE_FRONT] = &def, [ROLE_STORE] = &def,
	[ROLE_FW] = &def, [ROLE_PASS] = &def, [ROLE_TRACK] = &def_alone
};

static struct parent	 par;
static struct proc	*pr = &par.procs[0];
static struct ipc	 child;
static unsigned int	 asked, sockets, later, stops;

static void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	for (; *line != '\0'; line++)
		if ((unsigned char)*line < ' ' || *line == 0x7f)
			abort();
}

/* CTL_STOP sends it to the parent itself. */
int
kill(pid_t pid, int sig)
{
	(void)pid;
	stops += sig == SIGTERM;
	return (0);
}

/* The rest of the parent. */
void
parent_end(struct parent *p, int status)
{
	(void)p;
	(void)status;
}
int
parent_go_back(struct parent *p)
{
	(void)p;
	return (0);
}
void
parent_reload(struct parent *p, int by, uint64_t id, const char *ticket)
{
	(void)p;
	(void)by;
	(void)id;
	(void)ticket;
	asked++;
}
void
load_request(struct parent *p, const char *name, int by, uint64_t id)
{
	(void)name;
	parent_reload(p, by, id, "");
}
void
parent_answer(struct chan *ch, uint64_t id, unsigned int status, int more,
    const char *text)
{
	(void)ch;
	(void)id;
	(void)status;
	(void)more;
	(void)text;
}
void
outcome_answer(struct parent *p, struct chan *ch, uint64_t id,
    const char *ticket)
{
	(void)p;
	(void)ch;
	(void)id;
	(void)ticket;
}
void
parent_taken(struct proc *p)
{
	(void)p;
}
void
set_front_start(struct parent *p)
{
	(void)p;
}
void
alone_ready(struct parent *p, struct proc *q)
{
	(void)p;
	(void)q;
}
void
alone_later(struct proc *q, const char *why)
{
	(void)q;
	(void)why;
	later++;
}
int
os_waits_for_disk(pid_t pid)
{
	(void)pid;
	return (0);
}
int
open_transparent(const struct parent *p, unsigned int relay,
    unsigned int target, const struct addr *a, uint16_t port)
{
	(void)p;
	(void)relay;
	(void)target;
	(void)a;
	(void)port;
	sockets++;
	return (-1);
}
int
open_scanner(const struct parent *p, const char *module, unsigned int server)
{
	(void)p;
	(void)module;
	(void)server;
	sockets++;
	return (-1);
}

static void
ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)how;
	(void)arg;
	pr->chan = NULL;
	chan_free(ch);
}

static void
turn(void)
{
	struct msg	m;
	int		i;

	for (i = 0; i < 4; i++)
		event_base_loop(par.base, EVLOOP_NONBLOCK);
	while (ipc_read(&child) == 1)
		while (ipc_next(&child, &m) == 1)
			continue;
}

static void
begin(enum role role, enum proc_phase phase)
{
	int	fd[2];

	memset(pr, 0, sizeof(*pr));
	pr->parent = &par;
	pr->role = role;
	pr->phase = phase;
	snprintf(pr->name, sizeof(pr->name), "child");
	par.nprocs = 1;
	par.state = SET_RUNNING;
	par.verbose = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == -1 ||
	    (pr->chan = chan_new(par.base, fd[0], pr->name, parent_rules, pr,
	    ended)) == NULL)
		abort();
	ipc_init(&child, fd[1]);
	chan_on_frame(pr->chan, parent_permits);
	asked = sockets = later = stops = 0;
}

/* One message; the next one is behind it. */
static size_t
say(const uint8_t *data, size_t size)
{
	static const uint16_t	types[] = { MSG_READY, MSG_CONF_DONE, MSG_LOG,
		MSG_FATAL, MSG_FW_READY, CTL_ASK, MSG_SOCK_ASK, MSG_CONN_ASK,
		MSG_PONG, MSG_BUSY, MSG_LATER, MSG_LOG, CTL_ASK };
	size_t			len = data[1] | (size_t)(data[2] & 7) << 8;
	enum proc_phase		before = pr->phase;

	if (len > size - 3)
		len = size - 3;
	ipc_begin(&child, data[0] < 0x80 ? types[data[0] % 13] :
	    data[0] & 0x7f, data[1]);
	ipc_put(&child, data + 3, len);
	(void)ipc_send(&child, -1);
	(void)ipc_flush(&child);
	turn();
	if (before == PROC_LEAVING && pr->phase != PROC_LEAVING)
		abort();
	return (3 + len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum proc_phase	phases[] = { PROC_STARTING, PROC_READY,
		PROC_LEAVING };
	enum role			role;
	enum proc_phase			phase;
	size_t				n;
	int				was_ready;

	if (par.base == NULL) {
		signal(SIGPIPE, SIG_IGN);
		log_init("parent");
		log_set_sink(sink, NULL);
		clock_fake(1700000000, 1000000);
		if ((par.base = event_base_new()) == NULL)
			abort();
	}
	if (size < 2)
		return (0);
	role = (enum role)(ROLE_FRONT + data[0] % (ROLE_MAX - ROLE_FRONT));
	phase = phases[data[1] % 3];
	begin(role, phase);
	was_ready = phase == PROC_READY;
	for (data += 2, size -= 2; size >= 3 && pr->chan != NULL;
	    data += n, size -= n) {
		n = say(data, size);
		was_ready |= pr->phase == PROC_READY;
	}
	if (((asked > 0 || stops > 0) && (role != ROLE_STORE || !was_ready)) ||
	    (sockets > 0 && (role != ROLE_PASS || !was_ready)) ||
	    (later > 0 && (role != ROLE_TRACK || phase == PROC_LEAVING)) ||
	    later > 1)
		abort();
	if (pr->chan != NULL)
		chan_free(pr->chan);
	ipc_clear(&child);
	clock_fake_advance(2);
	return (0);
}
