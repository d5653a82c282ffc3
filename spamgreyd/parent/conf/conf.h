/*
 * Room parent/conf: the configuration as text, and on its way from the parent
 * to its children.  The parent and each child use it; spamgreyd -nv prints with
 * it.  It may use lib and nothing of spamgreyd/.  Its files, in the order to
 * read them:
 *
 *	print.c print_pass.c	as text (print_int.h between them)
 *	ship.c ship_lists.c ship_pass.c ship_sync.c
 *				to the children (ship_int.h between them)
 */
#ifndef PARENT_CONF_H
#define PARENT_CONF_H

#include "lib/conf/config.h"
#include "lib/ipc/chan.h"

/* Prints the configuration as text (-nv): to standard output, or appended to a
 * buffer, which returns 0, or -1 without memory.  The text parses to the same
 * configuration. */
void	 config_print(const struct config *);
int	 config_text(const struct config *, struct buf *);

/* Sends the configuration to one child, with those sockets and secrets that the
 * child needs.  0, or -1: the queue of the channel is full, or there are no
 * descriptors left. */
enum conf_send {
	SEND_PLAIN,		/* fw, track: no sockets, no keys */
	SEND_STORE,		/* sockets and key of sync */
	SEND_FRONT,		/* sockets of front's listeners, keys of TLS */
	SEND_PASS		/* sockets of pass' listeners, keys of TLS,
				   CAs */
};
int	 config_send(struct chan *, const struct config *, enum conf_send);
/*
 * In a child: handles every MSG_CONF_* that config_send sends.  *building is
 * made at BEGIN; it starts as NULL, and belongs to the caller.  Returns 1 at
 * COMMIT, when it is complete; 0 before that; -1 when the message is malformed,
 * and *building is then freed and NULL.  A listener that stays over a reload
 * has the id of the one in force: the child goes on with its socket, and closes
 * the descriptor that came, if one did.
 */
int	 config_recv(struct config **building, struct msg *);
/* Only the lists, into a configuration that is in force: MSG_CONF_LIST for
 * each, MSG_CONF_SET, MSG_CONF_LISTS.  recv returns 1 at the last of them, 0
 * before that, and -1 when the message is malformed: the child cannot go on,
 * since its lists may be incomplete. */
int	 config_send_lists(struct chan *, const struct config *);
int	 config_recv_lists(struct config *, struct msg *);

#endif
