/*
 * Host states as front and pass keep them: which hosts (addresses cut to
 * `admit') are WHITE or TRAPPED, and until when.  This is a copy; only store
 * writes the original.  An entry takes 40 bytes (addrmap.h).
 *
 * All states come as a stream between hosts_begin and hosts_end.  Until its
 * end the table from before stays in force, so that no host is unknown while
 * its state is loaded; a stream that breaks off changes nothing.
 */
#ifndef HOSTS_H
#define HOSTS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/addr.h"

/* Why a host is TRAPPED; stored on disk, so numbers stay. */
enum trap_reason {
	TRAP_NONE = 0,
	TRAP_SPAMTRAP = 1,	/* a greytrap address */
	TRAP_DOMAIN = 2,	/* recipient outside the allowed domains */
	TRAP_MX = 3,		/* low-priority MX first */
	TRAP_EARLY = 4,		/* early talker */
	TRAP_PIPELINING = 5,
	TRAP_FOREIGN = 6,	/* foreign command */
	TRAP_BARELF = 7,
	TRAP_MANUAL = 8,	/* spamgreydb */
	TRAP_IMPORT = 9,
	TRAP_SYNC = 10,
	TRAP_VIRUS = 11,
	TRAP_SPAM = 12,
	TRAP_DICTIONARY = 13,
	TRAP_LEARN = 14,	/* spamgreydb learn: too much bad mail */
	TRAP_MAX
};
/* "spamtrap", "domain", "low-priority-mx", "early-talker" …; "unknown". */
const char *trap_reason_str(unsigned int);

/* Why a host is WHITE, as this machine saw it; stored on disk. */
enum white_reason {
	WHITE_UNKNOWN = 0,	/* written by a version that did not note it */
	WHITE_RETRY = 1,	/* the retry of a tuple, whose sender and
				   recipient stand with it */
	WHITE_NOT_TO = 2,	/* a recipient that is never delayed */
	WHITE_MANUAL = 3,	/* spamgreydb */
	WHITE_TRACKER = 4,	/* our mail server called it */
	WHITE_SYNC = 5,
	WHITE_IMPORT = 6,
	WHITE_MAX
};
/* "retry", "not-to", "manual", "tracker", "sync", "import"; "unknown". */
const char *white_reason_str(unsigned int);

#define HOST_FOREVER	INT64_MAX

struct host {
	struct addr	key;
	int64_t		white;		/* until this second; 0: not WHITE */
	int64_t		trapped;	/* 0: not TRAPPED */
	uint8_t		reason;		/* enum trap_reason */
};

struct hosts;

struct hosts *hosts_new(void);
void	 hosts_free(struct hosts *);
/* All states follow, with keys cut to that; what an unfinished stream brought
 * is forgotten.  -1: no memory, and the table from before stays. */
int	 hosts_begin(struct hosts *, const struct addr_cut *);
/* They have all come, and are in force from here on. */
void	 hosts_end(struct hosts *);
/* Of the table in force. */
size_t	 hosts_count(const struct hosts *);
/* Both times 0 removes.  In a stream also a change, which is in force at
 * once.  -1: no memory. */
int	 hosts_set(struct hosts *, const struct host *);
/* The state of the host that this address is, cut as the table's keys are;
 * NULL when there is none; valid until the next set, begin or end.  Times are
 * not judged. */
const struct host *hosts_get(const struct hosts *, const struct addr *);

#endif
