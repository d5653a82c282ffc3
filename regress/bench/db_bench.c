/*
 * The store's database and policy in figures (design 8): import, RCPTs in
 * batches, walk, expiry, recovery after kill -9, octets an entry.
 *	db_bench DIR [ENTRIES]		DIR is made, and emptied at the end
 * Prints one line each; compares nothing: the machine is part of the figure.
 */
/* LIBS: -ldb */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/policy/policy.h"

#define START	INT64_C(1700000000)

static struct db	*db;
static struct policy	*policy;
static struct config	*conf;
static const char	*dir;
static struct timespec	began;
static struct rusage	usage;

static void
start(void)
{
	getrusage(RUSAGE_SELF, &usage);
	clock_gettime(CLOCK_MONOTONIC, &began);
}

static double
seconds(const struct timeval *a, const struct timeval *b)
{
	return ((double)(a->tv_sec - b->tv_sec) +
	    (double)(a->tv_usec - b->tv_usec) / 1e6);
}

static void
result(const char *what, unsigned long n)
{
	struct timespec	now;
	struct rusage	ru;
	double		wall, cpu;

	clock_gettime(CLOCK_MONOTONIC, &now);
	getrusage(RUSAGE_SELF, &ru);
	wall = (double)(now.tv_sec - began.tv_sec) +
	    (double)(now.tv_nsec - began.tv_nsec) / 1e9;
	cpu = seconds(&ru.ru_utime, &usage.ru_utime) +
	    seconds(&ru.ru_stime, &usage.ru_stime);
	printf("%-34s %8lu in %7.3f s %9.0f/s  cpu %6.2f us each\n", what, n,
	    wall, (double)n / wall, cpu * 1e6 / (double)n);
	fflush(stdout);
}

static void
no_log(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	(void)line;
}

static void
open_all(void)
{
	if (db_open(&db, dir, NULL) == -1 ||
	    (policy = policy_new(db, NULL, NULL)) == NULL ||
	    policy_configure(policy, conf) == -1)
		errx(1, "open");
}

static void
address(struct addr *a, unsigned long i)
{
	memset(a, 0, sizeof(*a));
	a->b[10] = a->b[11] = 0xff;
	/* Spread, so that neighbours in time are none in the tree. */
	i = i * 2654435761UL;
	a->b[12] = (uint8_t)(1 + (i >> 24) % 200);
	a->b[13] = (uint8_t)(i >> 16);
	a->b[14] = (uint8_t)(i >> 8);
	a->b[15] = (uint8_t)i;
}

/* Three strings of 75 octets in all. */
static void
strings(unsigned long i, char *from, size_t size)
{
	/* Letters: the key folds digits. */
	snprintf(from, size, "<s%c%c%c%c%c@sender.example.com>",
	    (char)('g' + i % 20), (char)('g' + i / 20 % 20),
	    (char)('g' + i / 400 % 20), (char)('g' + i / 8000 % 20),
	    (char)('g' + i / 160000 % 20));
}

static void
import(unsigned long n, unsigned int batch)
{
	struct entry	e;
	char		from[64];
	unsigned long	i;

	start();
	for (i = 0; i < n; i++) {
		if (i % batch == 0 && policy_begin(policy) != DB_OK)
			errx(1, "begin");
		entry_init(&e, ENTRY_GREY);
		address(&e.addr, i);
		strings(i, from, sizeof(from));
		e.helo = "mail.sender.example.com";
		e.from = from;
		e.to = "<user@recipient.example>";
		e.first = START - 100;
		/* A hundred share an expiry second; 10,000 expire first. */
		e.expire = e.pass = START + (i < 10000 ? 100 : 200000) +
		    (int64_t)(i / 100);
		e.block = 1;
		if (policy_import(policy, &e) != DB_OK)
			errx(1, "import %lu: %s", i, db_why(db));
		if ((i % batch == batch - 1 || i == n - 1) &&
		    policy_commit(policy) != DB_OK)
			errx(1, "commit");
	}
	result("import, batches of 256", n);
}

static void
rcpts(unsigned long first, unsigned long n, unsigned int batch,
    const char *what)
{
	struct rcpt_req		req;
	struct rcpt_answer	ans;
	char			from[64];
	unsigned long		i;

	memset(&req, 0, sizeof(req));
	req.helo = "mail.sender.example.com";
	req.from = from;
	req.to = "<user@recipient.example>";
	start();
	for (i = 0; i < n; i++) {
		if (i % batch == 0 && policy_begin(policy) != DB_OK)
			errx(1, "begin");
		address(&req.client, first + i);
		strings(first + i, from, sizeof(from));
		if (policy_rcpt(policy, &req, &ans, NULL) != DB_OK ||
		    ans.verdict != RCPT_GREY)
			errx(1, "rcpt %lu: %u %s", i, ans.verdict, ans.text);
		if ((i % batch == batch - 1 || i == n - 1) &&
		    policy_commit(policy) != DB_OK)
			errx(1, "commit");
	}
	result(what, n);
}

static int
one(const struct entry *e, void *arg)
{
	(void)e;
	*(unsigned long *)arg += 1;
	return (0);
}

static void
walk(void)
{
	struct db_pos	pos;
	unsigned long	n = 0;

	memset(&pos, 0, sizeof(pos));
	start();
	while (!pos.done)
		if (db_walk(db, &pos, "g", NULL, 2000, one, &n) != DB_OK)
			errx(1, "walk");
	result("walk, slices of 2000", n);
}

static void
expire(int64_t at)
{
	unsigned long	sum = 0;
	const char	*why;
	size_t		n;
	int		more = 1;

	clock_fake(at, 1000);
	policy_clock(policy, 1, &why);
	start();
	while (more) {
		if (policy_expire(policy, 256, &more, &n) != DB_OK)
			errx(1, "expire");
		sum += n;
	}
	result("expire, slices of 256", sum);
}

static unsigned long
disk(int unlink_too)
{
	char		 path[2048];
	struct dirent	*de;
	struct stat	 st;
	unsigned long	 sum = 0;
	DIR		*d;

	snprintf(path, sizeof(path), "%s/db", dir);
	if ((d = opendir(path)) == NULL)
		return (0);
	while ((de = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/db/%s", dir, de->d_name);
		if (de->d_name[0] == '.' || stat(path, &st) == -1)
			continue;
		sum += (unsigned long)st.st_blocks * 512;
		if (unlink_too)
			unlink(path);
	}
	closedir(d);
	if (unlink_too) {
		snprintf(path, sizeof(path), "%s/db", dir);
		rmdir(path);
		rmdir(dir);
	}
	return (sum);
}

/* In a process of its own, which ends without a word. */
static void
killed(unsigned long n)
{
	int	status;
	pid_t	pid;

	if ((pid = fork()) == 0) {
		open_all();
		import(n, 256);
		rcpts(n, 100000, 64, "rcpt, new, batches of 64");
		rcpts(n, 100000, 64, "rcpt, seen again, batches of 64");
		printf("%-34s %8.1f octets (log included)\n", "an entry on "
		    "disk", (double)disk(0) / (double)(n + 100000));
		fflush(stdout);
		kill(getpid(), SIGKILL);
	}
	if (pid == -1 || waitpid(pid, &status, 0) == -1 ||
	    !WIFSIGNALED(status))
		errx(1, "the first process ended otherwise");
}

int
main(int argc, char **argv)
{
	unsigned long	n = 1000000;

	if (argc < 2)
		errx(2, "usage: db_bench DIR [ENTRIES]");
	dir = argv[1];
	if (argc > 2)
		n = strtoul(argv[2], NULL, 10);
	mkdir(dir, 0700);
	log_set_sink(no_log, NULL);
	clock_fake(START, 1000);
	conf = config_new();
	killed(n);
	start();
	open_all();
	result("open after kill -9, and count", n + 100000);
	walk();
	expire(START + 300);
	walk();
	rcpts(n + 200000, 5000, 1, "rcpt, new, one at a time");
	policy_free(policy);
	start();
	db_close(db);
	result("close", 1);
	start();
	open_all();
	result("open after a close, and count", n);
	policy_free(policy);
	db_close(db);
	disk(1);
	return (0);
}
