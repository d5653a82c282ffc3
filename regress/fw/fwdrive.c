/*
 * Runs the role fw alone; this program plays parent and store.  The role has
 * its own process, as under child.c, and commands on standard input say what
 * the others send. With -d it is confined first, as in the daemon: empty root,
 * another user, only CAP_NET_ADMIN, sandbox.
 *
 * With -a it replaces one that died.
 *
 *	fwdrive [-a] [-d] none|pf TABLE|nft TABLE [network …]
 *
 *	set N		the whole set: N hosts, every tenth an IPv6 /64
 *	setlist ADDR …	the whole set: these
 *	ready		waits for FW_READY; prints ms since `set'
 *	add|del ADDR [SECONDS]	one change; prints what the answer says and ms
 *	each add|del N FIRST	one by one; prints ok, the longest and all ms
 *	burst add|del N FIRST	all at once
 *	nets [NETWORK …]	reload with other whitelists
 *	tables NAME [NETWORK …]	a blacklist with a table, in place of all lists
 *	stat		prints names and values
 *	quit
 */
/* LINK: spamgreyd/fw spamgreyd/fw/pf spamgreyd/fw/nft spamgreyd/os/sandbox_seccomp.c */
/* LIBS: -lnftables -lmnl -lseccomp */

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/hosts.h"
#include "lib/base/log.h"
#include "lib/proto/any_store.h"
#include "lib/proto/store_fw.h"
#include "spamgreyd/fw/fw.h"
#include "spamgreyd/process/process.h"

#define MSG_NETS	900	/* of this program: compiled lists, a descriptor */
#define MSG_TABLES	901	/* the same, and a table's name */

static struct child	 child = { .pf = -1, .role = ROLE_FW };
static struct addrset_build *nets;
static char		 line[65536];

/* -- the role's process -- */

void
child_fatal(struct child *c, const char *fmt, ...)
{
	va_list	ap;

	(void)c;
	printf("fatal: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

static void
add_net(const char *text)
{
	struct prefix	p;

	if (nets == NULL)
		nets = addrset_build_new();
	if (prefix_parse(text, &p) == -1)
		child_fatal(&child, "%s: no network", text);
	addrset_build_add(nets, &p);
}

/* The networks so far, compiled; the daemon's parent does that. */
static int
compile_nets(void)
{
	int	fd = memfd_create("nets", MFD_CLOEXEC);

	if (nets == NULL)
		nets = addrset_build_new();
	if (fd == -1 || addrset_write(fd, &nets, 1) == -1)
		child_fatal(&child, "nets: %s", strerror(errno));
	addrset_build_free(nets);
	nets = NULL;
	return (fd);
}

static void
take_nets(struct config *conf, int fd)
{
	struct conf_list	*l = calloc(1, sizeof(*l));

	l->kind = LIST_WHITE;
	l->name = strdup("white");
	TAILQ_INIT(&l->except);
	TAILQ_INSERT_TAIL(&conf->lists, l, entry);
	conf->set_fd = fd;
	if ((conf->set = addrset_map(fd)) == NULL)
		child_fatal(&child, "nets: %s", strerror(errno));
}

static void
on_nets(struct chan *ch, struct msg *m, void *arg)
{
	struct config	*old = child.conf, *conf = config_new();

	(void)ch;
	(void)arg;
	conf->fw = old->fw;
	take_nets(conf, msg_take_fd(m));
	child.conf = conf;
	role_fw.configure(&child, old);
	config_free(old);
}

static void
on_tables(struct chan *ch, struct msg *m, void *arg)
{
	struct config		*old = child.conf, *conf = config_new();
	struct conf_list	*l;
	const char		*name = msg_get_str(m);

	(void)ch;
	(void)arg;
	conf->fw = old->fw;
	take_nets(conf, msg_take_fd(m));
	l = TAILQ_FIRST(&conf->lists);
	l->kind = LIST_BLACK;
	if (strcmp(name, "none") != 0)
		l->table = strdup(name);
	child.conf = conf;
	role_fw.configure(&child, old);
	config_free(old);
}

static void
on_quit(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	(void)arg;
	role_fw.stop(&child);
	exit(0);
}

static void
on_parent_ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)ch;
	(void)how;
	(void)arg;
	role_fw.stop(&child);
	exit(0);
}

static void
confine(void)
{
	struct __user_cap_header_struct	h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct	d[2];
	char				root[] = "/tmp/fwdrive.XXXXXX";
	int				top;

	memset(d, 0, sizeof(d));
	d[0].effective = d[0].permitted = 1U << CAP_NET_ADMIN;
	/* Removed at once: it stays our root, and nothing stays behind. */
	if (mkdtemp(root) == NULL || (top = open("/", O_RDONLY)) == -1 ||
	    chroot(root) == -1 || chdir("/") == -1 ||
	    unlinkat(top, root + 1, AT_REMOVEDIR) == -1)
		child_fatal(&child, "chroot: %s", strerror(errno));
	close(top);
	if (prctl(PR_SET_KEEPCAPS, 1) == -1 || setgroups(0, NULL) == -1 ||
	    setresgid(65534, 65534, 65534) == -1 ||
	    setresuid(65534, 65534, 65534) == -1 ||
	    syscall(SYS_capset, &h, d) == -1 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    sandbox_enter(ROLE_FW, NULL) == -1)
		child_fatal(&child, "confine: %s", strerror(errno));
}

static void
run_role(int parent, int store, struct config *conf, int drop)
{
	static const struct chan_rule	rules[] = {
		{ MSG_NETS, CHAN_FD, on_nets },
		{ MSG_TABLES, CHAN_FD, on_tables },
		{ MSG_QUIT, 0, on_quit },
		{ 0, 0, NULL }
	};

	log_init("fw");
	child.base = event_base_new();
	child.parent = chan_new(child.base, parent, "parent", rules, NULL,
	    on_parent_ended);
	role_fw.peer(&child, ROLE_STORE, 0, store);
	child.conf = conf;
	role_fw.configure(&child, NULL);
	if (drop)
		confine();
	role_fw.run(&child);
	event_base_dispatch(child.base);
	exit(1);
}

/* -- the hand -- */

static struct event_base *base;
static struct chan	*to_parent, *to_store;
static int		 is_ready, is_stat_end;
static unsigned int	 answered, good;
static uint64_t		 next_id;
static int64_t		 set_at;

static void
on_ready(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	(void)arg;
	is_ready = 1;
}

static void
on_done(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)arg;
	answered++;
	good += msg_get_u8(m);
}

static void
on_stat(struct chan *ch, struct msg *m, void *arg)
{
	const char	*name;
	int64_t		 value;

	(void)ch;
	(void)arg;
	if (proto_get_stat(m, &name, &value) == 0)
		printf("%s %lld\n", name, (long long)value);
}

static void
on_stat_end(struct chan *ch, struct msg *m, void *arg)
{
	(void)ch;
	(void)m;
	(void)arg;
	is_stat_end = 1;
}

static void
on_ended(struct chan *ch, enum chan_end how, void *arg)
{
	(void)ch;
	(void)how;
	(void)arg;
	exit(1);	/* the role said why */
}

static void
put_fw(uint16_t type, uint64_t id, const struct prefix *p, int64_t until)
{
	proto_put_fw(chan_ipc(to_store), type, id, &p->addr, p->len, until);
	if (chan_send(to_store, -1) == -1) {
		perror("fwdrive: send");
		exit(1);
	}
}

/* The i-th generated host. */
static struct prefix
nth(uint32_t i)
{
	struct prefix	p;

	memset(&p, 0, sizeof(p));
	if (i % 10 == 9) {
		p.len = 64;
		memcpy(p.addr.b, "\x20\x01\x0d\xb8", 4);
		p.addr.b[5] = (uint8_t)(i >> 16);
		p.addr.b[6] = (uint8_t)(i >> 8);
		p.addr.b[7] = (uint8_t)i;
	} else {
		p.len = 128;
		p.addr.b[10] = p.addr.b[11] = 0xff;
		p.addr.b[12] = 10;
		p.addr.b[13] = (uint8_t)(i >> 16);
		p.addr.b[14] = (uint8_t)(i >> 8);
		p.addr.b[15] = (uint8_t)i;
	}
	return (p);
}

static void
do_set(uint32_t n, char **list)
{
	struct prefix	p;
	uint32_t	i;

	is_ready = 0;
	set_at = clock_mono();
	chan_send_empty(to_store, MSG_FW_BEGIN, 0);
	for (i = 0; list == NULL ? i < n : list[i] != NULL; i++) {
		if (list == NULL)
			p = nth(i);
		else if (prefix_parse(list[i], &p) == -1) {
			printf("error: %s\n", list[i]);
			return;
		}
		put_fw(MSG_FW_HOST, 0, &p, clock_wall() + 36 * 86400);
	}
	chan_send_empty(to_store, MSG_FW_END, 0);
}

static void
await(unsigned int n)
{
	while (answered < n)
		event_base_loop(base, EVLOOP_ONCE);
}

static void
do_many(int each, int add, uint32_t n, uint32_t first)
{
	int64_t		start = clock_mono(), t, longest = 0;
	struct prefix	p;
	uint32_t	i;

	answered = good = 0;
	for (i = 0; i < n; i++) {
		p = nth(first + i);
		t = clock_mono();
		put_fw(MSG_FW_DO, ++next_id, &p,
		    add ? clock_wall() + 36 * 86400 : 0);
		if (each)
			await(i + 1);
		if (clock_mono() - t > longest)
			longest = clock_mono() - t;
	}
	await(n);
	printf("done %u longest %lld ms all %lld ms\n", good,
	    (long long)longest, (long long)(clock_mono() - start));
}

static void
do_one(int add, char **w)
{
	int64_t		start = clock_mono(), until = HOST_FOREVER;
	struct prefix	p;

	if (w[0] == NULL || prefix_parse(w[0], &p) == -1) {
		printf("error: address\n");
		return;
	}
	if (w[1] != NULL)
		until = clock_wall() + atoi(w[1]);
	answered = good = 0;
	put_fw(MSG_FW_DO, ++next_id, &p, add ? until : 0);
	await(1);
	printf("%s %lld ms\n", good ? "done" : "refused",
	    (long long)(clock_mono() - start));
}

static void
do_nets(char **w)
{
	for (; *w != NULL; w++)
		add_net(*w);
	ipc_begin(chan_ipc(to_parent), MSG_NETS, 0);
	chan_send(to_parent, compile_nets());
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	chan_flush(to_parent);
	printf("sent\n");
}

static void
do_tables(char **w)
{
	const char	*name = *w++;

	for (; *w != NULL; w++)
		add_net(*w);
	ipc_begin(chan_ipc(to_parent), MSG_TABLES, 0);
	ipc_put_str(chan_ipc(to_parent), name);
	chan_send(to_parent, compile_nets());
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	chan_flush(to_parent);
	printf("sent\n");
}

static void
command(char **w)
{
	if (strcmp(w[0], "set") == 0)
		do_set((uint32_t)atoi(w[1]), NULL);
	else if (strcmp(w[0], "setlist") == 0)
		do_set(0, w + 1);
	else if (strcmp(w[0], "ready") == 0) {
		while (!is_ready)
			event_base_loop(base, EVLOOP_ONCE);
		printf("ready %lld ms\n", (long long)(clock_mono() - set_at));
	} else if (strcmp(w[0], "add") == 0 || strcmp(w[0], "del") == 0)
		do_one(w[0][0] == 'a', w + 1);
	else if (strcmp(w[0], "each") == 0 || strcmp(w[0], "burst") == 0)
		do_many(w[0][0] == 'e', w[1][0] == 'a', (uint32_t)atoi(w[2]),
		    (uint32_t)atoi(w[3]));
	else if (strcmp(w[0], "nets") == 0)
		do_nets(w + 1);
	else if (strcmp(w[0], "tables") == 0 && w[1] != NULL)
		do_tables(w + 1);
	else if (strcmp(w[0], "stat") == 0) {
		is_stat_end = 0;
		chan_send_empty(to_store, MSG_STAT_ASK, ++next_id);
		while (!is_stat_end)
			event_base_loop(base, EVLOOP_ONCE);
	} else
		printf("error: %s\n", w[0]);
	fflush(stdout);
}

static void
hand(int parent, int store)
{
	static const struct chan_rule	parent_rules[] = {
		{ MSG_FW_READY, 0, on_ready }, { 0, 0, NULL }
	};
	static const struct chan_rule	store_rules[] = {
		{ MSG_FW_DONE, 0, on_done }, { MSG_STAT, 0, on_stat },
		{ MSG_STAT_END, 0, on_stat_end }, { 0, 0, NULL }
	};
	char	*w[4096], *p;
	int	 n;

	base = event_base_new();
	to_parent = chan_new(base, parent, "role", parent_rules, NULL,
	    on_ended);
	to_store = chan_new(base, store, "role", store_rules, NULL, on_ended);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		n = 0;
		for (p = strtok(line, " \n"); p != NULL && n < 4095;
		    p = strtok(NULL, " \n"))
			w[n++] = p;
		w[n] = w[n + 1] = NULL;
		if (n > 0 && strcmp(w[0], "quit") == 0)
			break;
		if (n > 0)
			command(w);
		/* What was queued goes out before the next is waited for. */
		chan_flush(to_store);
	}
	chan_send_empty(to_parent, MSG_QUIT, 0);
	chan_flush(to_parent);
}

static struct config *
configure(char **arg)
{
	struct config	*conf = config_new();

	conf->fw = FW_NONE;
	if (strcmp(arg[0], "pf") == 0) {
		conf->fw = FW_PF;
		free(conf->fw_table);
		conf->fw_table = strdup(arg[1]);
		child.pf = open("/dev/pf", O_RDWR | O_CLOEXEC);
		arg++;
	} else if (strcmp(arg[0], "nft") == 0) {
		conf->fw = FW_NFT;
		free(conf->nft_table);
		conf->nft_table = strdup(arg[1]);
		arg++;
	}
	while (*++arg != NULL)
		add_net(*arg);
	take_nets(conf, compile_nets());
	return (conf);
}

int
main(int argc, char **argv)
{
	struct config	*conf;
	int		 p[2], s[2], drop, status;
	pid_t		 pid;

	if (argc > 1 && strcmp(argv[1], "-a") == 0) {
		child.again = 1;
		argc--;
		argv++;
	}
	drop = argc > 1 && strcmp(argv[1], "-d") == 0;
	if (argc < 2 + drop || (strcmp(argv[1 + drop], "none") != 0 &&
	    argc < 3 + drop)) {
		fprintf(stderr, "usage: fwdrive [-a] [-d] none|pf|nft [table] "
		    "[network ...]\n");
		return (2);
	}
	conf = configure(argv + 1 + drop);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, p) == -1 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, s) == -1 ||
	    (pid = fork()) == -1) {
		perror("fwdrive");
		return (1);
	}
	if (pid == 0) {
		close(p[0]);
		close(s[0]);
		run_role(p[1], s[1], conf, drop);
	}
	close(p[1]);
	close(s[1]);
	hand(p[0], s[0]);
	waitpid(pid, &status, 0);
	config_free(conf);
	return (status != 0);
}
