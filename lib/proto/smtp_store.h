/*
 * Between store and the two roles that speak SMTP with clients, front and pass:
 * what is known of hosts, what hosts did, what the mail server offers.
 *
 *	store -> front, pass	HOSTS_BEGIN HOST... HOSTS_END HOST...
 *				STORE_UP CAPS
 *	front, pass -> store	EVENT
 *	pass -> store		MAIL_SEEN CAPS
 *	pass -> front		CAPS
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
	MSG_HOSTS_BEGIN,	/* struct addr_cut: of the keys that follow */
	MSG_HOST,
	MSG_HOSTS_END,
	MSG_STORE_UP,		/* u8 up, str why */
	MSG_MAIL_SEEN,		/* pass -> store: struct mail_seen */
	MSG_CAPS		/* struct mta_caps */
};

struct event_msg {
	struct addr	client;
	uint8_t		event;		/* enum host_event */
	uint8_t		flags;		/* EVENT_F_* */
};
#define EVENT_F_VOUCHED	1		/* a list of good repute vouches for it:
					   content never traps or demotes it */

/* pass -> store: a message came to its end, relayed or refused for what it is.
 * Good mail extends WHITE; both count for `of bad N%'. */
struct mail_seen {
	struct addr	client;
	uint8_t		bad;		/* refused as virus or spam */
	uint8_t		vouched;	/* as EVENT_F_VOUCHED */
};

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
