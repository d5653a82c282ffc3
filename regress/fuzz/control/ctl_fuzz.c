/*
 * Requests of a hostile client of the control socket: the command engine
 * answers with whole frames or tells that the client must be disconnected.
 * With a real policy and database, in a directory that is removed at the end.
 *
 * An input is a sequence of requests: type, length (two bytes) and body.  It is
 * sent twice: as frames after a greeting, and as raw bytes without one.
 */
/* LIBS: -ldb */
/* The database's memory hangs from its regions, where leaks are not looked for. */
/* FUZZ: -detect_leaks=0 */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/control/ctl.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char		 dir[64];
static struct db	*db;
static struct policy	*policy;
static struct config	*conf;

static void
sink_host(const struct host *h, int64_t in_table, void *arg)
{
	(void)h;
	(void)in_table;
	(void)arg;
}

static void
no_log(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)line;
	(void)arg;
}

static void
ask(struct ctl *c, uint16_t type, uint8_t arg, const char *text, void *data)
{
	(void)text;
	(void)data;
	if (type == CTL_STATS)
		ctl_answer_stat(c, "x", arg);
	else
		ctl_answer(c, CTL_OK, 1, "a line");
	ctl_answer(c, CTL_OK, 0, "");
}

static void
note(struct ctl *c, const char *line, void *arg)
{
	(void)c;
	(void)arg;
	for (; *line != '\0'; line++) {
		if ((unsigned char)*line < 0x20 || *line == 0x7f)
			abort();	/* peer text went into the log as it is */
	}
}

static void
clean(const char *path)
{
	char		 file[512];
	struct dirent	*d;
	DIR		*dp;

	if ((dp = opendir(path)) == NULL)
		return;
	while ((d = readdir(dp)) != NULL) {
		snprintf(file, sizeof(file), "%s/%s", path, d->d_name);
		if (d->d_name[0] != '.')
			(void)unlink(file);
	}
	closedir(dp);
	(void)rmdir(path);
}

static void
at_end(void)
{
	char	path[80];

	policy_free(policy);
	db_close(db);
	config_free(conf);
	snprintf(path, sizeof(path), "%s/db", dir);
	clean(path);
	clean(dir);
}

static void
begin(void)
{
	static const struct policy_sink	 sink = { .host = sink_host };
	static const struct db_opts	 opts;
	char				 path[80];
	struct stat			 st;

	clock_fake(1700000000, 1000);
	log_init("fuzz");
	log_set_sink(no_log, NULL);
	/* Thousands of commits: in memory, where there is such a place. */
	snprintf(dir, sizeof(dir), "%s/ctlfuzz.XXXXXX",
	    stat("/dev/shm", &st) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(dir) == NULL)
		abort();
	snprintf(path, sizeof(path), "%s/db", dir);
	(void)mkdir(path, 0700);
	if ((conf = config_new()) == NULL || db_open(&db, dir, &opts) == -1 ||
	    (policy = policy_new(db, &sink, NULL)) == NULL ||
	    policy_configure(policy, conf) == -1)
		abort();
	atexit(at_end);
}

/* Everything that was said is whole frames of answers. */
static void
check_answers(struct ipc *server, struct ipc *client)
{
	struct msg	m;
	int		r;

	if (ipc_move(server, client) == -1)
		abort();
	while ((r = ipc_next(client, &m)) == 1) {
		if (m.type != CTL_HELLO && m.type != CTL_SYNC_ITEM &&
		    m.type != CTL_SYNC_STATE && (m.type < CTL_ENTRY ||
		    m.type > CTL_END))
			abort();
	}
	if (r == -1 || buf_len(&client->in) > 0)
		abort();
}

static void
serve(struct ipc *client)
{
	struct ctl_env	 env = { policy, db, ask, note, NULL };
	struct ipc	 server;
	struct ctl	*c;
	struct msg	 m;
	int		 r = 0;

	ipc_init(&server, -1);
	if (ipc_move(client, &server) == -1 ||
	    (c = ctl_new(&env, &server)) == NULL)
		abort();
	while (r != -1) {
		if (ctl_busy(c))
			r = ctl_work(c);
		else if ((r = ipc_next(&server, &m)) == 1) {
			if ((r = ctl_request(c, &m)) == 0 &&
			    msg_end(&m) == -1 && m.type != CTL_IMPORT &&
			    m.type != CTL_IMPORT_END)
				abort();	/* took what it did not read */
		} else
			break;
		if (db_in_txn(db))
			abort();	/* left a transaction open */
	}
	check_answers(&server, client);
	ctl_free(c);
	ipc_clear(&server);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc	client;
	size_t		pos, len;

	if (db == NULL)
		begin();
	ipc_init(&client, -1);
	ipc_begin(&client, CTL_HELLO, 0);
	ipc_put_u32(&client, PROTO_VERSION);
	(void)ipc_send(&client, -1);
	for (pos = 0; pos + 3 <= size; pos += len) {
		len = (size_t)data[pos + 1] << 8 | data[pos + 2];
		ipc_begin(&client, data[pos], 1 + (data[pos + 1] >> 7));
		pos += 3;
		if (len > size - pos)
			len = size - pos;
		if (len > IPC_MAX - 16)
			len = IPC_MAX - 16;
		ipc_put(&client, data + pos, len);
		(void)ipc_send(&client, -1);
	}
	serve(&client);
	if (buf_add(&client.out, data, size) == 0) {
		client.open = size;
		serve(&client);
	}
	ipc_clear(&client);
	return (0);
}
