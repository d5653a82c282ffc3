/*
 * Checkpoints, in a thread of their own.  It logs nothing, and of struct db it
 * touches only what db_int.h says.
 */
#include <signal.h>
#include <stdlib.h>

#include "lib/db/db_int.h"

#define CHECKPOINT_MB	16
#define REST_MB		1	/* db_rest */
#define POKE_BYTES	(1024 * 1024)

/*
 * Writes a checkpoint when enough was logged since the last one, and removes
 * old log files.  A checkpoint that was written under load keeps all the log
 * from its beginning, which libdb's count, made at its end, does not show; at
 * rest that has to go too, hence ckp_file.  Returns a code of libdb.
 */
static int
checkpoint(struct db *db, uint32_t enough)
{
	DB_ENV		*env = db->h.env;
	DB_LOG_STAT	*st;
	uint32_t	 mb, file;
	int		 rc;

	if ((rc = env->log_stat(env, &st, 0)) != 0)
		return (rc);
	mb = st->st_wc_mbytes;
	file = st->st_cur_file;
	free(st);
	if (mb < enough && (enough != REST_MB || file == db->ckp_file))
		return (0);
	db->ckp_file = file;
	if ((rc = env->txn_checkpoint(env, 0, 0, 0)) != 0 ||
	    (rc = env->log_archive(env, NULL, DB_ARCH_REMOVE)) != 0)
		return (rc);
	atomic_fetch_add(&db->checkpoints, 1);
	return (0);
}

/*
 * A checkpoint writes all dirty pages, 0.1 to 0.3 s of disk: in the main
 * thread every client would wait for it.
 */
static void *
checkpointer(void *arg)
{
	struct db	*db = arg;
	uint32_t	 enough;
	int		 rc;

	pthread_mutex_lock(&db->mtx);
	while (!db->quit) {
		if (db->want == 0) {
			pthread_cond_wait(&db->cond, &db->mtx);
			continue;
		}
		enough = db->want;
		db->want = 0;
		db->busy = 1;
		pthread_mutex_unlock(&db->mtx);
		if ((rc = checkpoint(db, enough)) != 0)
			atomic_store(&db->thread_rc, rc);
		pthread_mutex_lock(&db->mtx);
		db->busy = 0;
		if (rc != 0)
			break;	/* the next db_begin finds thread_rc */
	}
	pthread_mutex_unlock(&db->mtx);
	return (NULL);
}

/* Signals are the event loop's, so the thread blocks all of them. */
int
db_thread_start(struct db *db)
{
	sigset_t	all, old;
	int		rc;

	db->want = 0;
	db->busy = db->quit = 0;
	atomic_store(&db->thread_rc, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	rc = pthread_create(&db->h.thread, NULL, checkpointer, db);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	db->h.has_thread = rc == 0;
	return (rc);
}

/* Waits for a checkpoint that is being written. */
void
db_thread_stop(struct db *db)
{
	if (!db->h.has_thread)
		return;
	pthread_mutex_lock(&db->mtx);
	db->quit = 1;
	pthread_cond_signal(&db->cond);
	pthread_mutex_unlock(&db->mtx);
	pthread_join(db->h.thread, NULL);
	db->h.has_thread = 0;
}

/* Makes the thread check whether so many megabytes were logged. */
static void
wake(struct db *db, uint32_t enough)
{
	pthread_mutex_lock(&db->mtx);
	if (db->want == 0 || enough < db->want)
		db->want = enough;
	pthread_cond_signal(&db->cond);
	pthread_mutex_unlock(&db->mtx);
}

/* Wakes the thread after so much log; the thread then checks for itself. */
void
db_poke(struct db *db)
{
	if (db->unsynced < POKE_BYTES)
		return;
	db->unsynced = 0;
	wake(db, CHECKPOINT_MB);
}

void
db_rest(struct db *db)
{
	if (db->up)
		wake(db, REST_MB);
}
