/*
 * For ship.c, ship_lists.c, ship_pass.c and ship_sync.c only: the pieces that
 * they share.  ci_send functions return 0, or -1 when the queue is full;
 * ci_take and ci_recv functions 0, or -1 when the message is malformed or there
 * is no memory.
 */
#ifndef CONF_IPC_H
#define CONF_IPC_H

#include "lib/ipc/chan.h"
#include "lib/conf/scalar.h"
#include "spamgreyd/parent/conf/conf.h"

#define CONF_CHUNK	8192	/* bytes of one message, about; IPC_MAX is the
				   limit */

/* Which list of the configuration the strings of MSG_CONF_STRING go to. */
enum string_kind {
	STR_DOMAIN, STR_SPAMTRAP, STR_NOTTO, STR_RESOLVER,
	STR_RECIPIENT,			/* of pass */
	STR_RELAY_DOMAIN,		/* of the last relay */
	STR_EXCEPT,			/* of the last module */
	STR_LEARN_TRUSTED, STR_LEARN_EXCEPT,
	STR_MTA,			/* of track */
	STR_MAX
};
/* What the bytes of MSG_CONF_PEM are. */
enum pem_part { PEM_CERT, PEM_KEY, PEM_CA, PEM_PARTS };

/* ship.c */
/* The settings of a block (lib/conf/scalar.h): put into the message that was
 * begun, sent in a message of their own, and taken out of it. */
void	 ci_put_block(struct ipc *, const void *base, enum conf_block);
int	 ci_send_block(struct chan *, uint16_t type, const void *base,
	    enum conf_block);
int	 ci_take_block(struct msg *, void *base, enum conf_block);
int	 ci_take_str(struct msg *, char **);
void	 ci_put_opt(struct ipc *, const char *);	/* may be NULL */
int	 ci_take_opt(struct msg *, char **);
int	 ci_send_strings(struct chan *, enum string_kind,
	    const struct conf_strings *);
int	 ci_take_string(struct msg *, struct conf_strings *);
int	 ci_dup_fd(int);
int	 ci_send_pem(struct chan *, enum pem_part, const uint8_t *, size_t);

/* ship_lists.c */
int	 ci_send_lists(struct chan *, const struct config *);
int	 ci_recv_list(struct config *, struct msg *);
int	 ci_recv_set(struct config *, struct msg *);

/* ship_pass.c */
int	 ci_send_pass(struct chan *, const struct conf_pass *, enum conf_send);
int	 ci_recv_pass(struct config *, struct msg *);
int	 ci_send_learn(struct chan *, const struct conf_learn *);
int	 ci_send_track(struct chan *, const struct conf_track *);
int	 ci_recv_track(struct config *, struct msg *);

/* ship_sync.c; a NULL block sends nothing. */
int	 ci_send_sync(struct chan *, const struct conf_sync *, enum conf_send);
int	 ci_recv_sync(struct config *, struct msg *);

/* Where the strings of that kind go; NULL: nowhere. */
struct conf_strings *ci_pass_strings(struct config *, enum string_kind);

#endif
