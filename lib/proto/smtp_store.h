/*
 * Between store and the two roles that speak SMTP with clients, front and pass:
 * what is known of hosts, what hosts did, what the mail server offers.
 *
 *	store -> front, pass	HOSTS_BEGIN HOST... HOSTS_END HOST...
 *				STORE_UP CAPS
 *	front, pass -> store	EVENT
 *	pass -> store		MAIL_SEEN CAPS
 *	pass -> front		CAPS
 *
 * The HOSTs between BEGIN and END are the whole set and replace what the
 * receiver had; each later one changes a single host.  None of these is
 * answered.
 */
#ifndef PROTO_SMTP_STORE_H
#define PROTO_SMTP_STORE_H

#include <stdint.h>

#include "lib/base/event.h"
#include "lib/base/hosts.h"
#include "lib/ipc/ipc.h"
#include "lib/smtp/caps.h"

enum {
	MSG_EVENT = 64,		/* struct event_msg */
	MSG_HOSTS_BEGIN,	/* struct addr_cut: the lengths to which the
				   keys that follow are cut */
	MSG_HOST,		/* struct host */
	MSG_HOSTS_END,		/* no body: the set is complete */
	MSG_STORE_UP,		/* u8: 1: the database works; 0: it does not;
				   str: why it does not */
	MSG_MAIL_SEEN,		/* struct mail_seen */
	MSG_CAPS		/* struct mta_caps */
};

/* What a host did (event.h).  store counts it and reacts as the `on' lines of
 * the configuration say. */
struct event_msg {
	struct addr	client;
	uint8_t		event;		/* enum host_event */
	uint8_t		flags;		/* EVENT_F_* */
};
#define EVENT_F_VOUCHED	1		/* the host is on a list of good
					   senders; what its mail contains
					   never traps or demotes it */

/* pass -> store: a message was relayed, or refused because of its content.
 * Good mail extends WHITE; good and bad mail count for `of bad N%'. */
struct mail_seen {
	struct addr	client;
	uint8_t		bad;		/* refused as virus or spam */
	uint8_t		vouched;	/* as EVENT_F_VOUCHED */
};

/* parent.h says what put and get return. */
int	 proto_put_event(struct ipc *, uint64_t session,
	    const struct event_msg *);
int	 proto_get_event(struct msg *, struct event_msg *);
int	 proto_put_mail_seen(struct ipc *, uint64_t session,
	    const struct mail_seen *);
int	 proto_get_mail_seen(struct msg *, struct mail_seen *);
int	 proto_put_caps(struct ipc *, const struct mta_caps *);
int	 proto_get_caps(struct msg *, struct mta_caps *);
int	 proto_put_hosts_begin(struct ipc *, const struct addr_cut *);
int	 proto_get_hosts_begin(struct msg *, struct addr_cut *);
int	 proto_put_host(struct ipc *, const struct host *);
int	 proto_get_host(struct msg *, struct host *);

#endif
