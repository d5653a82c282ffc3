/*
 * What powercut.c has the database do, and what must be there afterwards.  Step
 * b writes BATCH entries, and takes away or changes those of step b - BACK.
 * After each commit the number of steps that are durable is written to stdout,
 * which the recorder takes for a promise.
 */
#ifndef POWER_LOAD_H
#define POWER_LOAD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/db/db.h"

#define BATCH		64
#define BACK		20

static struct db	*db;

static inline void
load_open(const char *dir)
{
	struct db_opts	opts = { .cache = 1024 * 1024 };

	if (db_open(&db, dir, &opts) == -1)
		exit(2);
}

/* Entry number i, as it is after n steps.  0: it is not there then. */
static inline int
load_make(struct entry *e, char *buf, size_t size, unsigned long i,
    unsigned long n)
{
	unsigned long	b = i / BATCH;

	entry_init(e, ENTRY_GREY);
	memset(&e->net, 0, sizeof(e->net));
	e->net.b[10] = e->net.b[11] = 0xff;
	e->net.b[12] = 10;
	e->net.b[13] = (uint8_t)(i * 7919);
	e->net.b[14] = (uint8_t)(i >> 8);
	e->net.b[15] = (uint8_t)i;
	e->addr = e->net;
	e->hash = i * UINT64_C(0x9e3779b97f4a7c15);
	e->first = 1700000000;
	e->expire = e->pass = 1700000000 + (int64_t)(i / 100);
	e->block = 1;
	e->passed = b + BACK < n ? (uint32_t)(b + BACK) : 0;
	snprintf(buf, size, "<user%lu@a-domain-of-some-length.example.org>", i);
	e->helo = "mail.example.org";
	e->from = buf;
	e->to = "<to@example.net>";
	return (b < n && (b + BACK >= n || i % 2 != 0));
}

static inline int
load_step(unsigned long b)
{
	struct entry	e;
	char		buf[128];
	unsigned long	i, first = b < BACK ? 0 : (b - BACK) * BATCH;
	enum db_result	rc = DB_OK;

	if (db_begin(db) != DB_OK)
		return (-1);
	for (i = b * BATCH; i < (b + 1) * BATCH && rc == DB_OK; i++) {
		load_make(&e, buf, sizeof(buf), i, b + 1);
		rc = db_put(db, &e);
	}
	for (i = first; b >= BACK && i < first + BATCH && rc == DB_OK; i++) {
		rc = load_make(&e, buf, sizeof(buf), i, b + 1) ?
		    db_put(db, &e) : db_del(db, &e);
		if (rc == DB_NONE)
			rc = DB_OK;
	}
	if (rc != DB_OK) {
		db_abort(db);
		return (-1);
	}
	return (db_commit(db) == DB_OK ? 0 : -1);
}

/* Waits for the checkpoint that db_rest has begun. */
static inline void
load_checkpoint(void)
{
	struct db_stats	before, st;

	db_stats(db, &before);
	if (before.log_bytes < 1024 * 1024)
		return;
	db_rest(db);
	do {
		usleep(1000);
		db_stats(db, &st);
	} while (st.checkpoints == before.checkpoints && db_begin(db) ==
	    DB_OK && (db_abort(db), 1));
}

/*
 * Steps 0 to n - 1: every 25 steps a checkpoint is allowed, every `close' steps
 * the database is closed and opened again.  A database that is down is opened
 * again, as the daemon does.
 */
static inline int
load_run(const char *dir, unsigned long n, unsigned long close)
{
	unsigned long	b;
	char		line[32];
	int		len, tries;

	load_open(dir);
	for (b = 0; b < n; b++) {
		for (tries = 0; load_step(b) == -1; tries++)
			if (tries == 5 || db_reopen(db) == -1)
				return (2);
		len = snprintf(line, sizeof(line), "%lu\n", b + 1);
		if (write(1, line, (size_t)len) != len)
			return (2);
		if (b % 25 == 24)
			load_checkpoint();
		if (b % close == close - 1) {
			db_close(db);
			load_open(dir);
		}
	}
	return (0);		/* as if it was killed */
}

static inline int
load_see(const struct entry *e, void *arg)
{
	(void)e;
	++*(unsigned long *)arg;
	return (0);
}

static inline unsigned long
load_count(void)
{
	struct db_pos	pos;
	unsigned long	n = 0;

	memset(&pos, 0, sizeof(pos));
	while (!pos.done)
		if (db_walk(db, &pos, "g", NULL, 5000, load_see, &n) != DB_OK)
			return (~0UL);
	return (n);
}

/*
 * Compares all entries with what is there after n steps, or n + 1 when the step
 * under way is there as a whole.  Returns how many are wrong; *n becomes how
 * many steps there are, *all how many entries were looked for and there.
 */
static inline unsigned long
load_check(unsigned long *n, unsigned long *all)
{
	struct entry	e, found;
	char		buf[128];
	unsigned long	i, wrong = 0, there = 0;
	int		want, have;

	load_make(&e, buf, sizeof(buf), *n * BATCH, *n + 1);
	if (db_get(db, &e, &found) == DB_OK)
		++*n;
	for (i = 0; i < (*n + 1) * BATCH; i++) {
		want = load_make(&e, buf, sizeof(buf), i, *n);
		have = db_get(db, &e, &found) == DB_OK;
		there += (unsigned long)want;
		wrong += want != have || (want &&
		    (strcmp(found.from, buf) != 0 || found.expire != e.expire ||
		    found.passed != e.passed));
	}
	*all = there;
	if (load_count() != there)
		wrong++;
	return (wrong);
}

#endif
