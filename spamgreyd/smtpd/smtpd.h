/*
 * The room smtpd: what the roles front and pass share towards their SMTP
 * clients.  Both processes link it; it knows neither of them, and gets what it
 * must call as functions at init.  It uses lib and the certificates (tlsctx),
 * and no policy, database or control.  In the order to read them:
 *
 *	listener.c	listening sockets: made, accepted from, refused
 *	client.c	one client's octets: read, written, lingering close
 *	client_tls.c	STARTTLS on such a connection
 *	simple.c	replies that depend on nothing but the command
 *	states.c	the copy of the host states that store sends
 *	tlsctx.c	certificates, counted by reference
 *
 * Everything here runs in the event loop of its process and never blocks.
 *
 * Several headers: tlsctx.h is apart, as certificates need nothing of the rest.
 */
#ifndef SMTPD_H
#define SMTPD_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "lib/base/addr.h"
#include "lib/base/buf.h"
#include "lib/ipc/chan.h"
#include "lib/base/hosts.h"
#include "lib/smtp/line.h"
#include "lib/conf/config.h"
#include "spamgreyd/smtpd/tlsctx.h"

struct child;
struct tls;

/* LISTENERS (listener.c) */

struct listeners;
struct listener {
	TAILQ_ENTRY(listener)	 entry;
	struct listeners	*set;
	uint32_t		 id;	/* conf_listen's, the same after a reload */
	int			 fd;	/* -1: the other role's, for its tls alone */
	struct event		*ev;	/* NULL with fd -1 */
	struct addr		 addr;	/* as configured */
	uint16_t		 port;
	int			 lowmx;	/* low-priority-mx */
	int			 direct; /* no firewall redirects to it … */
	int			 any;	/* … and it is bound to all addresses */
	struct tlsctx		*tls;	/* for STARTTLS; NULL: not offered */
	int			 keep;	/* while a reload is matched */
};

/* What a role does with connections.  Called from the event loop. */
struct listener_role {
	const char	*name;		/* "front", for the log */
	int		 pass;		/* takes the listeners with this
					   conf_listen.pass … */
	int		 others;	/* … and keeps the other role's too, with
					   their certificates but no socket */
	/* A batch of connections is about to be accepted. */
	void		(*batch)(void);
	/* A connection; fd is the role's from now on. */
	void		(*accepted)(struct listener *, int fd,
			    const struct addr *client, uint16_t port);
	/* The same, when the process has no other descriptor left: to be
	 * refused and closed at once. */
	void		(*no_descriptor)(int fd, const struct addr *client);
};

/* All listeners of a role.  One a process; its fields are listener.c's. */
struct listeners {
	const struct listener_role *role;
	struct child		*child;	/* its base, pf, and child_fatal */
	TAILQ_HEAD(, listener)	 list;
	struct event		*pause_ev;	/* accepts again after an error */
	int			 nullfd;
	int			 spare;		/* kept so that a 421 can be sent
						   when descriptors run out */
	int			 configured, started, hosts_ready, accepting;
};

/* While the process still is privileged: opens what cannot be opened later.
 * Ends the process when it cannot. */
void	 listeners_init(struct listeners *, const struct listener_role *,
	    struct child *);
/*
 * Matches the listeners with a new configuration, whose sockets it takes.
 * global: the certificate of listeners that have none of their own, or NULL.
 * A certificate that cannot be used ends the process at the first
 * configuration; at a reload the one before stays.
 */
void	 listeners_configure(struct listeners *, const struct config *,
	    struct tlsctx *global);
/* Accepting begins once both were called; 1: with this call. */
int	 listeners_start(struct listeners *);
int	 listeners_hosts_ready(struct listeners *);
void	 listeners_stop(struct listeners *);	/* accepts no more */
/* NULL: there is none with that id. */
struct listener *listener_by_id(struct listeners *, uint32_t id);
/* Where the client wanted to go: what the firewall tells when that sent it here,
 * else the socket's address.  With `firewall none' the kernel is asked only for
 * the address of a listener that is bound to all of them. */
void	 listener_dst(const struct listener *, int fd,
	    const struct addr *client, uint16_t port, struct addr *dst,
	    uint16_t *dport);
/* Warns of certificates of this role that expire soon. */
void	 listeners_expiry(struct listeners *);
/* Sends a reply as far as the socket takes it, and closes fd. */
void	 listener_refuse(int fd, const void *text, size_t len);

/* One kind of refusal in the log: at once, and then once a minute with the
 * number, so that a flood of connections is no flood of lines. */
struct overlimit {
	int64_t		logged;		/* ms; 0: never */
	uint64_t	refused;	/* since then */
};
void	 overlimit_log(struct overlimit *, const char *limit,
	    const struct addr *client);

/*
 * The number of a session, for the log and for messages, is a counter above the
 * descriptor.  So it finds the session in an array, and never another one that
 * has the same descriptor later.
 */
#define SESSION_FD_BITS		24
#define SESSION_FD_MASK		0xffffff

/* A CLIENT'S CONNECTION (client.c, client_tls.c) */

#define CLIENT_LINGER		10	/* s for a client to take the last reply */
#define CLIENT_LAST_REPLY	60	/* s without an octet of it going out */
#define CLIENT_HANDSHAKE	60	/* s */
#define CLIENT_LOG_FIELD	256	/* octets of a client's text in the log */

#define IO_EOF		0x01	/* the client sends no more */
#define IO_FULL		0x02	/* the socket was full: wait for EV_WRITE */
#define IO_MORE		0x04	/* libtls may hold input, which makes no
				   descriptor ready */
#define IO_SECURE	0x08	/* the handshake is done */

/*
 * The octets of a client, a part of a role's session.  Zeroed, with fd and cert
 * set, it is a new one; client_end ends it.
 */
struct client_io {
	struct event		 ev;
	struct tlsctx		*cert;	/* for STARTTLS, or NULL; a reference */
	struct tls		*tls;
	struct buf		 in;	/* read, and not used yet */
	struct buf		 out;	/* not written yet */
	uint64_t		 bytes_in, bytes_out;
	uint32_t		 lingered;	/* octets thrown away */
	int			 fd;
	short			 watched;	/* EV_* that ev is added for */
	uint8_t			 flags;		/* IO_* */
};

/* Does errno say: try again later? */
int	 client_would_block(void);
/* > 0: so many octets; 0: nothing now, or the end (IO_EOF); -1: the connection
 * is broken. */
ssize_t	 client_read(struct client_io *, void *, size_t);
/*
 * Writes n octets of out.  How many went out, which the caller drains; 0: the
 * socket is full (IO_FULL).  -1: the connection is broken, and out is emptied;
 * *hangup: by the client.
 */
ssize_t	 client_write(struct client_io *, size_t n, int *hangup);
/*
 * The last words of a session without memory, which need none.  They are left
 * out where they could stand in the middle of another reply.
 */
void	 client_no_memory(struct client_io *);
/*
 * The last reply is out: lets the client have it before the socket goes, as
 * unread input would turn the end into a reset.  client_linger_read is called
 * then when the socket is readable.  1: it is over, close the socket.
 */
int	 client_linger(struct client_io *);
int	 client_linger_read(struct client_io *);
/* Waits for input (want_read) and, with IO_FULL, for room.  -1: no memory. */
int	 client_watch(struct client_io *, struct event_base *, int want_read,
	    event_callback_fn, void *arg);
/* Frees all of it and closes fd. */
void	 client_end(struct client_io *);

/* Begins TLS as a server, and forgets what came in clear; client_handshake is
 * next.  -1: no certificate, or it cannot. */
int	 client_tls_begin(struct client_io *);
/* 1: TLS is up; 0: call it again when the socket is ready; -1: it failed, and a
 * debug line with id says why. */
int	 client_handshake(struct client_io *, uint64_t id);
/* Ends TLS, if there is any; the socket stays. */
void	 client_tls_end(struct client_io *);

/* REPLIES (simple.c).  A text is "NNN X.X.X text", static. */

/* The reply to a command that changes nothing; NULL: it is another one.  5xx
 * counts as a bad command. */
const char *simple_reply(enum smtp_verb);
/* NULL: TLS may begin; else why not.  arg_len: of STARTTLS' argument, secure:
 * there is TLS, offered: CAPS_* that the last EHLO was told. */
const char *simple_starttls(size_t arg_len, int secure, uint32_t offered);
/*
 * The path and the parameters of MAIL's or RCPT's argument, as smtp_path_parse
 * gives them.  NULL, or the refusal.
 */
const char *simple_mail(const char *arg, size_t len, char *path, size_t size,
	    const char **params, size_t *params_len);
const char *simple_rcpt(const char *arg, size_t len, char *path, size_t size,
	    const char **params, size_t *params_len);
/* Is this refusal for a mistake in the dialogue?  A message that is too large
 * is none, and an address that real mail may have is none either. */
int	 simple_counts(const char *text);
/* A text's parts: the code is returned, *rest is its words. */
int	 simple_split(const char *text, char enhanced[6], const char **rest);
/* A HELO name for keeping, cut to what is kept; NULL: no memory. */
char	*simple_helo(const char *arg, size_t len);
/* A reply, formatted, to out.  -1: no memory, or it is longer than a line. */
int	 simple_vprintf(struct buf *out, const char *, va_list)
	    __attribute__((__format__(printf, 2, 0)));
/* "Tue, 14 Nov 2023 22:13:20 +0000": in UTC, as a chroot has no time zone.
 * Good until the next call. */
const char *simple_date(void);

/* As much of a client's text as is logged; NULL: no memory. */
char	*log_copy(const char *);
/* " name=text" for the log, the text encoded; nothing for NULL.  It is cut so
 * that several of them leave room on the line for what follows. */
void	 log_put_text(struct buf *, const char *name, const char *text);
/* " events=a,b" of bits 1 << enum host_event. */
void	 log_put_events(struct buf *, unsigned int events);

/* HOST STATES (states.c): rules of a role's channel to store, whose arg is the
 * struct hosts.  Out of memory ends the process. */
void	 states_clock(struct chan *, struct msg *, void *hosts);
void	 states_begin(struct chan *, struct msg *, void *hosts);
void	 states_host(struct chan *, struct msg *, void *hosts);

#endif
