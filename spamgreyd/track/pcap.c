/*
 * libpcap: the interface pflog, a group of NFLOG, or a file in their place.
 * What comes out are frames; what they mean is hosts.c's business.
 *
 * A live handle is opened with privilege, before the process drops it.  Then
 * it is made non-blocking and, where the system can do that, locked
 * (os_capture_lock), so that an intruder in this process cannot change what
 * it sees.
 */
#include <sys/types.h>
#include <sys/time.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap.h>

#include "lib/base/log.h"
#include "spamgreyd/os/os.h"
#include "spamgreyd/track/track.h"

#define SNAP_PFLOG	512		/* its header, IPv6, a TCP header */
/* NFLOG's messages come several in a packet, which must be read whole. */
#define SNAP_NFLOG	65535
#define TIMEOUT_MS	500		/* until bpf hands over what it has */

struct track_pcap {
	pcap_t		*pcap;
	FILE		*file;		/* NULL: live; closed with pcap */
	unsigned int	 linktype;
	track_frame	 fn;		/* while reading */
	void		*arg;
};

/* Writes libpcap's words to err, and what to do. */
static void
explain(const struct conf_track *t, const char *why, char *err)
{
	if (t->device == NULL)
		snprintf(err, TRACK_ERRLEN, "track nflog %u: %s; this "
		    "needs a start as root, a kernel with nfnetlink_log, and no "
		    "other program (for example ulogd) that reads this group",
		    t->group, why);
	else
		snprintf(err, TRACK_ERRLEN, "track %s: %s; this needs a start "
		    "as root, and the interface: `ifconfig %s create up'",
		    t->device, why, t->device);
}

/* Has the kernel drop packets that do not count.  hosts.c drops them all
 * the same, so that a libpcap that does not know these words is no failure. */
static void
set_filter(pcap_t *pcap)
{
	struct bpf_program	prog;

	if (pcap_compile(pcap, &prog, "action pass and (ip6 or tcp dst port "
	    "25)", 1, 0) == -1) {
		log_debug("track: no filter: %s", pcap_geterr(pcap));
		return;
	}
	if (pcap_setfilter(pcap, &prog) == -1)
		log_debug("track: no filter: %s", pcap_geterr(pcap));
	pcap_freecode(&prog);
}

/* Takes pcap, also on failure, and f.  NULL: err says why. */
static struct track_pcap *
make(pcap_t *pcap, FILE *f, char *err)
{
	struct track_pcap	*tp;
	const char		*name;
	int			 link = pcap_datalink(pcap);

	if (link != LOGPKT_PFLOG && link != LOGPKT_NFLOG) {
		name = pcap_datalink_val_to_name(link);
		snprintf(err, TRACK_ERRLEN, "its packets are of link type %d "
		    "(%s), not PFLOG or NFLOG", link,
		    name == NULL ? "unknown" : name);
		pcap_close(pcap);
		return (NULL);
	}
	if ((tp = calloc(1, sizeof(*tp))) == NULL) {
		snprintf(err, TRACK_ERRLEN, "no memory");
		pcap_close(pcap);
		return (NULL);
	}
	tp->pcap = pcap;
	tp->file = f;
	tp->linktype = (unsigned int)link;
	return (tp);
}

struct track_pcap *
track_pcap_live(const struct conf_track *t, char err[TRACK_ERRLEN])
{
	struct track_pcap	*tp;
	pcap_t			*pcap;
	char			 name[32], why[PCAP_ERRBUF_SIZE];

	if (t->device == NULL)
		snprintf(name, sizeof(name), "nflog:%u", t->group);
	else
		strlcpy(name, t->device, sizeof(name));
	why[0] = '\0';
	if ((pcap = pcap_open_live(name, t->device == NULL ? SNAP_NFLOG :
	    SNAP_PFLOG, 0, TIMEOUT_MS, why)) == NULL) {
		explain(t, why, err);
		return (NULL);
	}
	if ((tp = make(pcap, NULL, why)) == NULL) {
		explain(t, why, err);
		return (NULL);
	}
	if (tp->linktype == LOGPKT_PFLOG)
		set_filter(pcap);
	if (pcap_setnonblock(pcap, 1, why) == -1 ||
	    os_capture_lock(pcap_fileno(pcap)) == -1) {
		explain(t, why[0] != '\0' ? why : strerror(errno), err);
		track_pcap_close(tp);
		return (NULL);
	}
	return (tp);
}

struct track_pcap *
track_pcap_file(FILE *f, char err[TRACK_ERRLEN])
{
	pcap_t	*pcap;
	char	 why[PCAP_ERRBUF_SIZE];

	if ((pcap = pcap_fopen_offline(f, why)) == NULL) {
		snprintf(err, TRACK_ERRLEN, "not a capture file: %s", why);
		fclose(f);
		return (NULL);
	}
	return (make(pcap, f, err));
}

void
track_pcap_close(struct track_pcap *tp)
{
	if (tp == NULL)
		return;
	pcap_close(tp->pcap);
	free(tp);
}

unsigned int
track_pcap_linktype(const struct track_pcap *tp)
{
	return (tp->linktype);
}

int
track_pcap_fd(const struct track_pcap *tp)
{
	return (pcap_get_selectable_fd(tp->pcap));
}

/* libpcap's callback.  The length that counts is the captured one. */
static void
frame(u_char *arg, const struct pcap_pkthdr *h, const u_char *p)
{
	struct track_pcap	*tp = (struct track_pcap *)(void *)arg;

	tp->fn(p, h->caplen < h->len ? h->caplen : h->len, tp->arg);
}

/*
 * What a failed read means.  A file that was cut off while it was written
 * ends within a record, which is an end and no failure.  A live handle that
 * has nothing now is none either.
 */
static enum track_read
failed(struct track_pcap *tp, int error, char *err)
{
	if (tp->file != NULL && feof(tp->file) && !ferror(tp->file))
		return (TRACK_READ_CUT);
	if (tp->file == NULL && (error == EAGAIN || error == EINTR ||
	    error == ENOBUFS))
		return (TRACK_READ_SOME);
	snprintf(err, TRACK_ERRLEN, "%s", pcap_geterr(tp->pcap));
	return (TRACK_READ_FAILED);
}

/* fn and arg are kept for this call only. */
enum track_read
track_pcap_read(struct track_pcap *tp, int max, track_frame fn, void *arg,
    char err[TRACK_ERRLEN])
{
	int	n;

	tp->fn = fn;
	tp->arg = arg;
	errno = 0;
	n = pcap_dispatch(tp->pcap, max, frame, (u_char *)tp);
	if (n < 0)
		return (failed(tp, errno, err));
	return (n == 0 ? TRACK_READ_END : TRACK_READ_SOME);
}

uint64_t
track_pcap_drops(struct track_pcap *tp)
{
	struct pcap_stat	st;

	if (tp->file != NULL || pcap_stats(tp->pcap, &st) == -1)
		return (0);
	return (st.ps_drop);
}
