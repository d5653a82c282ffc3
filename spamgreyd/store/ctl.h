/*
 * The control socket's clients inside of the store role.  store.c calls:
 *
 *	store_ctl_listen	as its parent_rules' handler of MSG_CTL_LISTEN
 *	store_ctl_result	as its parent_rules' handler of CTL_RESULT
 *	store_ctl_start		in run(), when policy and database are there
 *	store_ctl_stat		for each MSG_STAT and MSG_STAT_END of a peer
 *	store_ctl_stop		in stop()
 *
 * Until store_ctl_start nothing is accepted; clients wait in the backlog.
 */
#ifndef STORE_CTL_H
#define STORE_CTL_H

#include "lib/control/ctl.h"
#include "spamgreyd/process/process.h"

struct store_ctl_role {
	struct child	*child;
	struct policy	*policy;
	struct db	*db;
	/* Sends MSG_STAT_ASK with this id to every peer; how many were asked. */
	unsigned int	(*stat_ask)(uint64_t id, void *arg);
	/* Asks fw for the address; store_ctl_table is its answer.  -1: not asked. */
	int		(*table_ask)(uint64_t id, const struct addr *, void *arg);
	/* An answer is about to leave: what the peers must know of it goes
	 * before it. */
	void		(*tell_first)(void *arg);
	void		*arg;
};

void	 store_ctl_listen(struct chan *, struct msg *, void *);
void	 store_ctl_result(struct chan *, struct msg *, void *);
void	 store_ctl_start(const struct store_ctl_role *);
/* Values of the same name (of several fronts) are added up. */
void	 store_ctl_stat(struct msg *);
void	 store_ctl_table(uint64_t id, uint8_t status, const char *text);
void	 store_ctl_stop(void);

#endif
