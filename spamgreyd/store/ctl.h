/*
 * Clients of the control socket, inside of the role store.  store.c calls:
 *
 *	store_ctl_listen	as its parent_rules' handler of MSG_CTL_LISTEN
 *	store_ctl_result	as its parent_rules' handler of CTL_RESULT
 *	store_ctl_start		in role_run, when policy and database are open
 *	store_ctl_stat		for each MSG_STAT and MSG_STAT_END of a peer
 *	store_ctl_table		when fw has looked into its table
 *	store_ctl_stop		in role_stop
 *
 * Before store_ctl_start nothing is accepted; clients wait in the backlog of
 * the socket.  A client can never end the process: what it sends is checked
 * by lib/control, and a client that breaks the rules is dropped.
 */
#ifndef STORE_CTL_H
#define STORE_CTL_H

#include "lib/control/ctl.h"
#include "spamgreyd/process/process.h"

/*
 * What this file needs of the role; copied by store_ctl_start, the pointers
 * must stay valid until store_ctl_stop.
 */
struct store_ctl_role {
	struct child	*child;
	struct policy	*policy;
	struct db	*db;
	/* Sends MSG_STAT_ASK with this id to every peer.  Returns how many
	 * will answer. */
	unsigned int	(*stat_ask)(uint64_t id, void *arg);
	/* Asks fw about an address (its answer goes to store_ctl_table).
	 * Returns -1 when it was not asked. */
	int		(*table_ask)(uint64_t id, const struct addr *, void *arg);
	/* Called before an answer leaves: sends the peers what they must know
	 * before the client does. */
	void		(*tell_first)(void *arg);
	void		*arg;
};

void	 store_ctl_listen(struct chan *, struct msg *, void *);
void	 store_ctl_result(struct chan *, struct msg *, void *);
void	 store_ctl_start(const struct store_ctl_role *);
/* Adds a counter; values of the same name (of several fronts) are summed. */
void	 store_ctl_stat(struct msg *);
void	 store_ctl_table(uint64_t id, uint8_t status, const char *text);
void	 store_ctl_stop(void);

#endif
