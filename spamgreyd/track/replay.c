/*
 * spamgreyd -r: a capture file in place of the tracked interface, into the
 * database, with no daemon running.  Each host in the file is printed with
 * what became of it.  Hosts are treated as if they were seen now, since a
 * file's times may be anything, and may go backwards.
 *
 * As root it works as the database's user.
 */
#include <sys/types.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/statedir.h"
#include "lib/policy/policy.h"
#include "lib/list/lists.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/track/track.h"

#define FRAMES	1000		/* read before the table is looked at again */

struct replay {
	struct config		*conf;
	struct conf_track	*track;		/* conf's, or our own */
	const char		*name;		/* of the capture */
	struct db		*db;
	struct policy		*policy;
	struct track_pcap	*pcap;
	struct track_hosts	*hosts;
	struct track_rules	 rules;
	size_t			 did[TRACKED_MAX];
};

/* The configuration's complaints go to the log, which is standard error
 * here. */
static void
report(const char *line, void *arg)
{
	(void)arg;
	log_warnx("%s", line);
}

/* "-" is standard input.  NULL: logged. */
static FILE *
capture_open(const char *name)
{
	FILE	*f;

	if (strcmp(name, "-") == 0)
		return (stdin);
	if ((f = fopen(name, "rb")) == NULL)
		log_warn("%s", name);
	return (f);
}

/* Becomes the database's user, as spamgreydb does, so that every file
 * remains that user's.  0, or -1: logged. */
static int
become_dbuser(const char *dir)
{
	const struct passwd	*pw = NULL;
	uid_t			 uid = geteuid();
	gid_t			 gid = getegid();

	if (uid == 0) {
		if ((pw = getpwnam(CONF_DBUSER)) == NULL) {
			log_warnx("user %s is missing; `make install' creates "
			    "it", CONF_DBUSER);
			return (-1);
		}
		uid = pw->pw_uid;
		gid = pw->pw_gid;
	}
	if (statedir_make(dir, uid, gid) == -1)
		return (-1);
	if (pw != NULL && (setgroups(1, &gid) == -1 ||
	    setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)) {
		log_warn("cannot become user %s", CONF_DBUSER);
		return (-1);
	}
	return (0);
}

/* The lock is released when the process ends.  0, or -1: logged. */
static int
database_open(struct replay *r)
{
	struct db_opts	opts = { .cache = r->conf->cache,
			    .strict = r->conf->strict };
	const char	*dir = r->conf->statedir;
	pid_t		pid = 0;

	if (become_dbuser(dir) == -1)
		return (-1);
	if (statedir_lock(dir, &pid) == -1) {
		if (errno == EWOULDBLOCK)
			log_warnx("state directory %s: locked by process %ld; "
			    "-r works only while no daemon runs", dir,
			    (long)pid);
		return (-1);
	}
	if (db_open(&r->db, dir, &opts) == -1)
		return (-1);
	if ((r->policy = policy_new(r->db, NULL, NULL)) == NULL ||
	    policy_configure(r->policy, r->conf) == -1) {
		log_warnx("%s: the database cannot be read", dir);
		return (-1);
	}
	return (0);
}

/* One line a host; scripts read them. */
static void
print_host(struct replay *r, const struct track_seen *seen, enum tracked did)
{
	char	ip[ADDR_STRLEN];

	r->did[did]++;
	printf("%s %s %s %u\n", seen->outbound ? "outbound" : "inbound",
	    addr_str(&seen->host, ip), policy_tracked_str(did), seen->count);
}

/* Writes all hosts that wait, a transaction for each TRACK_SEEN_MAX. 0, or
 * -1: logged. */
static int
write_all(struct replay *r)
{
	struct track_seen	seen[TRACK_SEEN_MAX];
	enum tracked		did[TRACK_SEEN_MAX];
	enum db_result		rc;
	size_t			i, n;

	while ((n = track_hosts_take(r->hosts, 1, 0, 0, seen,
	    TRACK_SEEN_MAX)) > 0) {
		if ((rc = policy_begin(r->policy)) == DB_OK) {
			for (i = 0; rc == DB_OK && i < n; i++)
				rc = policy_track(r->policy, &seen[i],
				    &did[i]);
			if (rc != DB_OK)
				policy_abort(r->policy);
			else
				rc = policy_commit(r->policy);
		}
		if (rc != DB_OK) {
			log_warnx("%s: %s", r->conf->statedir,
			    db_is_up(r->db) ? "the database could not be "
			    "changed" : db_why(r->db));
			return (-1);
		}
		for (i = 0; i < n; i++)
			print_host(r, &seen[i], did[i]);
	}
	return (0);
}

/* A callback of track_pcap_read(). */
static void
replay_frame(const uint8_t *p, size_t len, void *arg)
{
	struct replay		*r = arg;
	struct track_seen	 seen;

	(void)track_hosts_see(r->hosts, &r->rules,
	    track_pcap_linktype(r->pcap), p, len, &seen);
}

/* The last line, in the log. */
static void
summary(const struct replay *r, int cut)
{
	const struct track_counts	*n = track_hosts_counts(r->hosts);

	log_info("%s: %llu packets%s; %llu connections to port 25 that passed, "
	    "%llu in and %llu out, %llu not ours, %llu malformed; hosts: "
	    "%zu white, %zu extended, %zu unknown, %zu trapped, %zu "
	    "blacklisted, %zu demoted", r->name,
	    (unsigned long long)n->packets,
	    cut ? " and one that is cut short" : "",
	    (unsigned long long)(n->inbound + n->outbound + n->not_ours),
	    (unsigned long long)n->inbound, (unsigned long long)n->outbound,
	    (unsigned long long)n->not_ours,
	    (unsigned long long)n->malformed,
	    r->did[TRACKED_WHITE], r->did[TRACKED_EXTENDED],
	    r->did[TRACKED_UNKNOWN], r->did[TRACKED_TRAPPED],
	    r->did[TRACKED_LISTED], r->did[TRACKED_DEMOTED]);
}

/* The table of hosts holds less than a file may have, so that it is written
 * before it is full. */
static int
read_all(struct replay *r)
{
	enum track_read	end;
	char		err[TRACK_ERRLEN];

	do {
		end = track_pcap_read(r->pcap, FRAMES, replay_frame, r, err);
		if (track_hosts_known(r->hosts) > TRACK_HOSTS_MAX - FRAMES &&
		    write_all(r) == -1)
			return (-1);
	} while (end == TRACK_READ_SOME);
	if (write_all(r) == -1)
		return (-1);
	if (end == TRACK_READ_FAILED) {
		log_warnx("%s: %s; the packets before that were counted",
		    r->name, err);
		return (-1);
	}
	summary(r, end == TRACK_READ_CUT);
	if (fflush(stdout) == EOF || ferror(stdout)) {
		log_warn("standard output");
		return (-1);
	}
	return (0);
}

/* Which connections count: the same as for a daemon on this machine. */
static int
replay_rules(struct replay *r)
{
	struct addr	list[OS_ADDRS_MAX];
	int		n;

	if ((r->track = r->conf->track) == NULL &&
	    (r->track = conf_track_new()) == NULL)
		return (-1);
	if ((n = os_addrs(list, OS_ADDRS_MAX)) == -1) {
		log_warn("cannot read this machine's addresses");
		return (-1);
	}
	return (track_rules_make(&r->rules, r->track,
	    os_ifindex(r->track->interface), list, (size_t)n));
}

/*
 * The capture is opened before the process gives up root, since only root may
 * be able to read it, and parsed afterwards, since anybody may have made it.
 */
static int
replay(struct replay *r)
{
	FILE	*f;
	char	 err[TRACK_ERRLEN];

	if ((f = capture_open(r->name)) == NULL)
		return (-1);
	if (replay_rules(r) == -1 || (r->hosts = track_hosts_new()) == NULL) {
		log_warnx("%s: no memory", r->name);
		return (-1);
	}
	if (database_open(r) == -1)
		return (-1);
	if ((r->pcap = track_pcap_file(f, err)) == NULL) {
		log_warnx("%s: %s", r->name, err);
		return (-1);
	}
	return (read_all(r));
}

int
track_replay(const char *file, const struct conf_define *defines,
    size_t ndefines, const char *capture)
{
	static struct replay	rep;
	struct replay		*r = &rep;
	struct list_files	*files;
	int			 status = 1;

	r->name = capture;
	log_init("track");
	if ((r->conf = config_parse(file, defines, ndefines, report, NULL)) ==
	    NULL)
		return (1);
	files = config_open_lists(r->conf, 1, report, NULL);
	if (files != NULL && config_load_lists(r->conf, files, report,
	    NULL) == 0 && replay(r) == 0)
		status = 0;
	track_pcap_close(r->pcap);
	track_hosts_free(r->hosts);
	track_rules_free(&r->rules);
	policy_free(r->policy);
	db_close(r->db);
	if (r->track != r->conf->track)
		conf_track_free(r->track);
	config_free(r->conf);
	return (status);
}
