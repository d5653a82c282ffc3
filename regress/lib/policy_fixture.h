/*
 * The store's policy with a real database of the test's own, and a clock that
 * the test moves.  told has what the sink was told last.
 */
#ifndef POLICY_FIXTURE_H
#define POLICY_FIXTURE_H

#include <ftw.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy_int.h"
#include "regress/lib/tap.h"

#define T0	INT64_C(1700000000)
#define HOUR	3600
#define DAY	86400
#define A	"<a@example.com>"
#define B	"<b@example.net>"

static char		 dir[64];
static struct db	*db;
static struct policy	*p;
static struct config	*conf;
static struct rcpt_answer ans;

/* What the sink was told. */
static struct host	 told;
static int64_t		 told_table;
static struct addr	 watched;	/* what was told of this one last … */
static int64_t		 watched_table;	/* … and for the table; -1: nothing */
static int		 ntold;

struct wanted_stat {
	const char	*name;
	int64_t		 value;
};

static inline void
sink_host(const struct host *h, int64_t in_table, void *arg)
{
	(void)arg;
	told = *h;
	told_table = in_table;
	if (addr_cmp(&h->key, &watched) == 0)
		watched_table = in_table;
	ntold++;
}

static const struct policy_sink	sink = { .host = sink_host };

static inline void
quiet(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	printf("# log: %s\n", line);
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static inline void
add_string(struct conf_strings *list, const char *text)
{
	struct conf_string	*s = calloc(1, sizeof(*s));

	s->text = strdup(text);
	TAILQ_INSERT_TAIL(list, s, entry);
}

static inline void
add_list(enum conf_list_kind kind, unsigned int index, const char *name)
{
	struct conf_list	*l = calloc(1, sizeof(*l));

	l->kind = kind;
	l->index = index;
	l->name = strdup(name);
	TAILQ_INIT(&l->except);
	TAILQ_INSERT_TAIL(&conf->lists, l, entry);
}

/* White and black list of one prefix each, as lists 0 and 1. */
static inline void
make_lists(const char *white, const char *black)
{
	struct addrset_build	*b[2] = { addrset_build_new(),
				    addrset_build_new() };
	struct prefix		 pfx;
	FILE			*f = tmpfile();

	prefix_parse(white, &pfx);
	addrset_build_add(b[0], &pfx);
	prefix_parse(black, &pfx);
	addrset_build_add(b[1], &pfx);
	if (addrset_write(fileno(f), b, 2) == -1)
		abort();
	conf->set = addrset_map(fileno(f));
	fclose(f);
	addrset_build_free(b[0]);
	addrset_build_free(b[1]);
	add_list(LIST_WHITE, 0, "partners");
	add_list(LIST_BLACK, 1, "ours");
}

/* A new database and policy at T0. */
static inline void
begin_with(struct config *c)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	mkdir(dir, 0700);
	clock_fake(T0, 1000000);
	conf = c;
	free(conf->hostname);
	conf->hostname = strdup("mx.example.org");
	if (db_open(&db, dir, &opts) == -1)
		abort();
	p = policy_new(db, &sink, NULL);
}

static inline void
start(void)
{
	is_int(policy_configure(p, conf), 0, "configured");
	ntold = 0;
}

static inline void
fresh(void)
{
	begin_with(config_new());
	start();
}

static inline void
finish(void)
{
	policy_free(p);
	db_close(db);
	config_free(conf);
}

static inline void
restart(void)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	policy_free(p);
	db_close(db);
	if (db_open(&db, dir, &opts) == -1)
		abort();
	p = policy_new(db, &sink, NULL);
	start();
}

static inline struct addr
ip(const char *text)
{
	struct addr	a;

	if (addr_parse(text, &a) == -1)
		abort();
	return (a);
}

static inline const struct addr *
ipp(const char *text)
{
	static struct addr	a;

	a = ip(text);
	return (&a);
}

static inline void
commit(enum db_result rc, const char *name)
{
	is_int(rc, DB_OK, name);
	is_int(policy_commit(p), DB_OK, "committed");
}

/* One RCPT in a transaction of its own; the verdict. */
static inline int
rcpt_flags(const char *client, const char *from, const char *to, uint8_t flags)
{
	struct rcpt_req	req;
	enum db_result	rc;

	memset(&req, 0, sizeof(req));
	req.seq = 7;
	req.client = ip(client);
	req.flags = flags;
	req.helo = "mail.example.com";
	req.from = from;
	req.to = to;
	ntold = 0;
	if (policy_begin(p) != DB_OK)
		return (-1);
	if ((rc = policy_rcpt(p, &req, &ans, NULL)) != DB_OK) {
		policy_abort(p);
		return (-(int)rc - 100);
	}
	if (ntold != 0)
		return (-2);		/* told before the commit */
	return (policy_commit(p) == DB_OK ? ans.verdict : -1);
}

static inline int
rcpt(const char *client, const char *from, const char *to)
{
	return (rcpt_flags(client, from, to, 0));
}

static inline void
stat_one(const char *name, int64_t value, void *arg)
{
	struct wanted_stat	*w = arg;

	if (strcmp(name, w->name) == 0)
		w->value = value;
}

static inline int64_t
stat_of(const char *name)
{
	struct wanted_stat	w = { name, -1 };

	policy_stats(p, stat_one, &w);
	return (w.value);
}

/* Expires all there is; how many. */
static inline size_t
expire(void)
{
	size_t	n, sum = 0;
	int	more = 1;

	while (more) {
		if (policy_expire(p, 256, &more, &n) != DB_OK)
			return ((size_t)-1);
		sum += n;
	}
	return (sum);
}

static inline int
tick(void)
{
	const char	*why;

	return (policy_clock(p, 0, &why));
}

/* Time as a running daemon sees it: never more than a day between two looks
 * at the clock. */
static inline void
pass_by(int64_t seconds)
{
	const char	*why;
	int64_t		 step;

	for (; seconds > 0; seconds -= step) {
		step = seconds < 86400 ? seconds : 86400;
		clock_fake_advance(step);
		(void)policy_clock(p, 0, &why);
	}
}

static inline struct host
host_of(const char *client)
{
	struct addr	a = ip(client), host;
	struct host	h;

	addr_cut(&a, &conf->grey.admit, &host);
	policy_host_times(p, &host, &h);
	return (h);
}

static inline int
policy_fix_init(const char *name)
{
	log_init(name);
	log_set_sink(quiet, NULL);
	snprintf(dir, sizeof(dir), "/tmp/%s.XXXXXX", name);
	return (mkdtemp(dir) == NULL ? -1 : 0);
}

static inline void
policy_fix_end(void)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
