/*
 * Between the parent and its children; main header of this room.
 *
 * The room has the messages between the processes of one daemon and on its
 * control socket.  Several headers: one for each pair of roles, so that a role
 * sees only the messages that it sends or gets.  All processes use the room; it
 * uses base, ipc, smtp/caps.h and, in control.c alone, db.  Read it in this
 * order:
 *
 *	parent.h	parent and any child
 *	list.h		parent and `spamgreyd -x list'
 *	any_store.h	store and any child: the clock, counters
 *	smtp_store.h	front and pass with store: hosts, events, capabilities
 *	front_store.h	front and store: recipients
 *	front_pass.h	front and pass: a session handed over
 *	store_fw.h	store and fw: hosts of the firewall's table
 *	track_store.h	track and store: connections seen
 *	control.h	a client of the control socket and store
 *
 * The numbers of messages are unique in all headers together, except in list.h,
 * whose process has a channel of its own.  A message without a structure has
 * its layout beside its name.  The others have a put and a get, side by side in
 * the .c file of that header.  put begins the frame and fills it; the caller's
 * ipc_send or chan_send ends it, and is the call that reports a failure (put
 * returns -1 only to tell early).  get returns 0, or -1 when the frame is not
 * exactly that message: a value out of its range counts as malformed, because
 * the peers are of the same build and never send one.  Strings that get hands
 * out belong to the message, and are valid until its handler returns.
 *
 *	parent -> any	HELLO PEER CONF_* START LOGLEVEL PING QUIT
 *			CTL_RESULT (store)
 *	any -> parent	READY LOG PONG FATAL; store: CTL_ASK BUSY; fw: FW_READY
 *	track -> parent	LATER;  parent -> track  TRACK_OURS
 *	pass -> parent	SOCK_ASK CONN_ASK;  parent -> pass  SOCK CONN
 */
#ifndef PROTO_PARENT_H
#define PROTO_PARENT_H

enum {
	MSG_HELLO = 1,		/* build id (str), role u8, instance u16,
				   privileged u8, again u8, verbose u8 */
	MSG_READY,		/* build id (str) */
	MSG_PEER,		/* role u8, instance u16; with a descriptor */
	MSG_CONF_BEGIN,		/* CONF_*: the order and the layouts are in
				   parent/conf/ship.c */
	MSG_CONF_GLOBAL,
	MSG_CONF_GREY,
	MSG_CONF_LIMIT,
	MSG_CONF_STRING,	/* kind u8, text: domains, spamtraps, not-to */
	MSG_CONF_LIST,
	MSG_CONF_SET,		/* the compiled lists; with a descriptor */
	MSG_CONF_REACTION,
	MSG_CONF_LISTEN,	/* with a descriptor when it is new */
	MSG_CONF_PEM,		/* certificate or key bytes, in chunks */
	MSG_CONF_FW,
	MSG_CONF_COMMIT,
	MSG_CONF_DONE,		/* child -> parent: the new configuration, or
				   the new lists, are in force */
	MSG_START,		/* front may accept */
	MSG_LOG,		/* priority u8, line str */
	MSG_LOGLEVEL,		/* u8: 1: log verbosely */
	MSG_FATAL,		/* line str: the child cannot go on, and a
				   restart would not help */
	MSG_QUIT,		/* the child ends in good order */
	MSG_STATE_LOCK,		/* with a descriptor that holds the lock */
	MSG_CTL_LISTEN,		/* the control socket, with its descriptor */
	MSG_PF,			/* with a descriptor of /dev/pf: for fw it is
				   writable; on FreeBSD front and pass get one
				   that is read-only */
	MSG_FW_READY,		/* fw -> parent: the table is filled */
	MSG_CONF_PASS,
	MSG_CONF_RELAY,		/* relay, then its targets, a message each */
	MSG_CONF_TARGET,
	MSG_CONF_MODULE,	/* module, then its options, a message each */
	MSG_CONF_OPTION,
	MSG_SOCK_ASK,		/* pass -> parent: id; relay u16, target u16,
				   addr, port u16: asks for a socket that is
				   bound to the client's address, to connect to
				   that target */
	MSG_SOCK,		/* id; errno u32; with a descriptor when 0 */
	MSG_CONN_ASK,		/* pass -> parent: id; module str, server u16:
				   asks for a connection to the unix socket that
				   the configuration in force has at that
				   place */
	MSG_CONN,		/* id; errno u32; with a descriptor when 0 */
	MSG_CONF_LEARN,
	MSG_CONF_TRACK,
	MSG_TRACK_OURS,		/* parent -> track: u32 number of the interface
				   that `interface' names (0: none), then the
				   machine's addresses */
	MSG_LATER,		/* track -> parent: str: why it cannot work now;
				   it ends, and the parent starts it again
				   later */
	MSG_CONF_SYNC,		/* the block, then its sockets and peers, a
				   message each */
	MSG_CONF_LISTS,		/* the lists before it replace those in force;
				   answered by CONF_DONE */
	MSG_PING,		/* parent -> child: a child that does not answer
				   hangs */
	MSG_PONG,		/* the answer */
	MSG_BUSY		/* store -> parent: u8: 1: it recovers the
				   database and answers no PING; 0: it has
				   finished */
};

#endif
