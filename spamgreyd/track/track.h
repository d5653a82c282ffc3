/*
 * Inside of the tracker only.
 */
#ifndef TRACK_H
#define TRACK_H

#include <stdint.h>
#include <stdio.h>

#include "lib/base/addr.h"
#include "spamgreyd/track/logpkt.h"
#include "lib/proto/proto.h"
#include "lib/conf/config.h"

#define TRACK_PORT	25
#define TRACK_HOSTS_MAX	20000		/* known at a time: about 2 MB */
#define TRACK_EVERY_MAX	600		/* s between two words on a host */
#define TRACK_ERRLEN	512

/* Whose connections count. */
struct track_rules {
	int		 outbound;	/* ours to others, too */
	char		 ifname[CONF_IFNAME];	/* "": any */
	uint32_t	 ifindex;	/* its number, 0: there is none */
	struct prefix	*ours;		/* our mail server's addresses */
	size_t		 nours;
};

struct track_counts {
	uint64_t	packets;	/* all that was read */
	uint64_t	malformed;
	uint64_t	other;		/* blocked, not a SYN, another port */
	uint64_t	elsewhere;	/* not through `interface' */
	uint64_t	not_ours;	/* out, but not from our mail server */
	uint64_t	inbound, outbound;	/* what counts */
	uint64_t	lost;		/* no room in the table */
};

/* hosts.c.  Pure: the clock (ms, monotonic) is an argument. */
struct track_hosts;
struct track_hosts *track_hosts_new(void);
void	 track_hosts_free(struct track_hosts *);
const struct track_counts *track_hosts_counts(const struct track_hosts *);
size_t	 track_hosts_known(const struct track_hosts *);
/*
 * A frame of that link type.  1: a connection that counts, and *seen is it;
 * 0: not; either way it is counted.
 */
int	 track_hosts_see(struct track_hosts *, const struct track_rules *,
	    unsigned int linktype, const uint8_t *, size_t,
	    struct track_seen *seen);
/*
 * What store has to hear now, at most max of it: hosts that it has not heard of
 * within every_ms; with `all' every host that waits, and all are forgotten.  How many.
 */
size_t	 track_hosts_take(struct track_hosts *, int all, int64_t every_ms,
	    int64_t now, struct track_seen *, size_t max);

/* rules.c */
int	 track_rules_make(struct track_rules *, const struct conf_track *,
	    uint32_t ifindex, const struct addr *ours, size_t n);
void	 track_rules_free(struct track_rules *);

/* pcap.c: the only file that knows libpcap. */
struct track_pcap;
enum track_read {
	TRACK_READ_SOME, TRACK_READ_END,
	TRACK_READ_CUT,			/* the file's last record is cut short */
	TRACK_READ_FAILED		/* err says why */
};
typedef void (*track_frame)(const uint8_t *, size_t, void *arg);
/* Live, non-blocking, locked.  NULL: err says why, and the remedy. */
struct track_pcap *track_pcap_live(const struct conf_track *,
	    char err[TRACK_ERRLEN]);
/* A savefile; takes f.  NULL: err says why it is none of ours. */
struct track_pcap *track_pcap_file(FILE *f, char err[TRACK_ERRLEN]);
void	 track_pcap_close(struct track_pcap *);
unsigned int track_pcap_linktype(const struct track_pcap *);
int	 track_pcap_fd(const struct track_pcap *);	/* -1: only the clock */
/* Frames go to fn, at most max (or what is there); never waits. */
enum track_read track_pcap_read(struct track_pcap *, int max, track_frame fn,
	    void *arg, char err[TRACK_ERRLEN]);
/* Packets that the kernel had and we did not get. */
uint64_t track_pcap_drops(struct track_pcap *);

/* replay.c: spamgreyd -r, which counts a capture file's connections in the
 * database while no daemon runs.  Returns the exit status. */
int	 track_replay(const char *file, const struct conf_define *,
	    size_t ndefines, const char *capture);

#endif
