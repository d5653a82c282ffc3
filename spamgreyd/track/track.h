/*
 * Room track: the tracker.  The role track runs it, and `spamgreyd -r' as a
 * program of its own.  It uses process, os and lib; of these policy only for
 * -r.
 *
 *	track.c		the role: store and parent, the clock
 *	pcap.c		libpcap: frames
 *	hosts.c		which frames count, and when store hears of a host
 *	rules.c		whose connections count
 *	replay.c	spamgreyd -r
 *	logpkt.h	pflog.c, nflog.c, logsyn.c: pure parsers of what a
 *			firewall logs, with a header of their own since fuzz
 *			targets link them alone
 *
 * Several headers: logpkt.h stands alone for the fuzz targets.  Only
 * track_replay() is called from outside, by spamgreyd.c.
 */
#ifndef TRACK_H
#define TRACK_H

#include <stdint.h>
#include <stdio.h>

#include "lib/base/addr.h"
#include "lib/proto/any_store.h"
#include "lib/proto/track_store.h"
#include "spamgreyd/track/logpkt.h"
#include "lib/conf/config.h"

#define TRACK_PORT	25		/* SMTP */
#define TRACK_HOSTS_MAX	20000		/* known at a time: about 2 MB */
#define TRACK_EVERY_MAX	600		/* s between two messages about a host */
#define TRACK_ERRLEN	512

/* Whose connections count. */
struct track_rules {
	int		 outbound;	/* 1: ours to others too */
	char		 ifname[CONF_IFNAME];	/* "": any */
	uint32_t	 ifindex;	/* its number; 0: it does not exist */
	struct prefix	*ours;		/* our mail server's addresses */
	size_t		 nours;
};

/* Since the start, by name in `spamgreydb stats'. */
struct track_counts {
	uint64_t	packets;	/* all that were read */
	uint64_t	malformed;
	uint64_t	other;		/* blocked, not a SYN, another port */
	uint64_t	elsewhere;	/* not through `interface' */
	uint64_t	not_ours;	/* out, but not from our mail server */
	uint64_t	inbound, outbound;	/* what counts */
	uint64_t	lost;		/* counted, but no room in the table */
};

/* -- hosts.c.  Pure: the clock (monotonic ms) is an argument -- */
struct track_hosts;
/* NULL: no memory. */
struct track_hosts *track_hosts_new(void);
void	 track_hosts_free(struct track_hosts *);
const struct track_counts *track_hosts_counts(const struct track_hosts *);
size_t	 track_hosts_known(const struct track_hosts *);
/*
 * Looks at a frame of that link type (LOGPKT_*).  1: a connection that counts,
 * with *seen filled in; 0: anything else.
 */
int	 track_hosts_see(struct track_hosts *, const struct track_rules *,
	    unsigned int linktype, const uint8_t *, size_t,
	    struct track_seen *seen);
/*
 * The hosts that store should hear of now: those that it has not heard of
 * within every_ms.  With `all' every host that waits, and all are forgotten.
 * Returns how many there are in seen, at most max.
 */
size_t	 track_hosts_take(struct track_hosts *, int all, int64_t every_ms,
	    int64_t now, struct track_seen *, size_t max);

/* -- rules.c -- */

/* 0, or -1: no memory, and the rules are as before.  Zeroed rules are empty. */
int	 track_rules_make(struct track_rules *, const struct conf_track *,
	    uint32_t ifindex, const struct addr *ours, size_t n);
void	 track_rules_free(struct track_rules *);

/* -- pcap.c: the only file that knows libpcap -- */
struct track_pcap;
enum track_read {
	TRACK_READ_SOME,		/* there may be more */
	TRACK_READ_END,			/* of the file; live: nothing came */
	TRACK_READ_CUT,			/* the file's last record is cut short */
	TRACK_READ_FAILED		/* err says why */
};
/* A frame is borrowed for the call. */
typedef void (*track_frame)(const uint8_t *, size_t, void *arg);
/* Opens the interface or group: non-blocking, and locked where possible.  The
 * caller closes it.  NULL: err says why and what to do. */
struct track_pcap *track_pcap_live(const struct conf_track *,
	    char err[TRACK_ERRLEN]);
/* Reads a capture file.  Takes f, also on failure.  NULL: err says why. */
struct track_pcap *track_pcap_file(FILE *f, char err[TRACK_ERRLEN]);
void	 track_pcap_close(struct track_pcap *);
unsigned int track_pcap_linktype(const struct track_pcap *);
/* To be watched for reading; -1: it must be read by the clock. */
int	 track_pcap_fd(const struct track_pcap *);
/* Gives at most max frames to fn, or as many as there are.  Never waits. */
enum track_read track_pcap_read(struct track_pcap *, int max, track_frame fn,
	    void *arg, char err[TRACK_ERRLEN]);
/* How many packets the kernel dropped because we were too slow. */
uint64_t track_pcap_drops(struct track_pcap *);

/* -- replay.c: spamgreyd -r, which counts a capture file's connections in the
 * database while no daemon runs.  Returns the exit status -- */
int	 track_replay(const char *file, const struct conf_define *,
	    size_t ndefines, const char *capture);

#endif
