/*
 * What spamgreyd.conf(5) says, as a structure.  parse.y fills it,
 * spamgreyd/parent/conf/print.c prints it back, spamgreyd/parent/conf/ship.c
 * sends it to the children, which keep their own. A structure is never changed
 * once it is in force; a reload makes another.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "lib/base/addr.h"
#include "lib/addrset/addrset.h"
#include "lib/db/grey.h"
#include "lib/proto/proto.h"
#include "lib/sync/key.h"
#include "lib/conf/strategy.h"

#define CONF_FILE	"/etc/spamgreyd.conf"
#define CONF_STATEDIR	"/var/db/spamgreyd"
#define CONF_SOCKET	"/var/run/spamgreyd.sock"
#define CONF_USER	"_spamgreyd"
#define CONF_DBUSER	"_spamgreydb"
#define CONF_PORT	8025
#define CONF_PASS_PORT	8027
#define CONF_SUBJECT_MAX	64		/* octets of a subject's tag */
#define CONF_POINTS_MAX	1000000
#define CONF_FD_RESERVE	256	/* descriptors that are not connections */
#define CONF_FRONTS_MAX	16
#define CONF_CONNECTIONS_MAX	1000000
#define CONF_TLS_NETWORK_MIN	20	/* of the automatic tls-per-network */
#define CONF_OUTSIDE_MAX	100	/* allowed domains … trap after */
#define CONF_PF_TABLE	"spamgrey-white"
/* The sets of the whitelists' networks; spamgreyd/fw/nft/nft.c has the same
 * names. */
#define CONF_NFT_NET4	"net4"
#define CONF_NFT_NET6	"net6"
#define CONF_LIST_TIMEOUT	120	/* s, for a command or a URL */
#define CONF_GREY_REPLY	"451 4.7.1 Greylisted, please try again in %s seconds"
#define CONF_TRAP_MESSAGE "Your address %A has mailed to spamtraps here or broken the rules of SMTP"

/* The members that schema.h declares, by their types (scalar.h). */
#define CONF_MEMBER_NUMBER	uint32_t
#define CONF_MEMBER_SECONDS	int64_t
#define CONF_MEMBER_MS		int64_t
#define CONF_MEMBER_SIZE	uint64_t
#define CONF_MEMBER_POINTS	int32_t
#define CONF_MEMBER_PERCENT	uint32_t
#define CONF_MEMBER_PREFIX	uint8_t
#define CONF_MEMBER_YESNO	int
#define CONF_MEMBER_FLAG	int
#define CONF_MEMBER_WORD	int
#define CONF_MEMBER_CODE	int
#define CONF_MEMBER_HOSTNAME	char *
#define CONF_MEMBER_PATH	char *
#define CONF_MEMBER_CONTACT	char *
#define CONF_MEMBER_TEMPLATE	char *
#define CONF_MEMBER_GREYREPLY	char *
#define CONF_MEMBER_SUBJECT	char *
#define CONF_MEMBER_NAME	char *

struct conf_string {
	TAILQ_ENTRY(conf_string)	 entry;
	char				*text;
};
TAILQ_HEAD(conf_strings, conf_string);

struct conf_tls {
	char		*where;		/* "file:line" of the statement, or NULL */
	char		*cert_file;
	char		*key_file;
	uint8_t		*cert;		/* PEM bytes, read by the parent */
	size_t		 cert_len;
	uint8_t		*key;		/* wiped when freed */
	size_t		 key_len;
};

struct conf_listen {
	TAILQ_ENTRY(conf_listen)	 entry;
	uint32_t	 id;		/* of the socket: kept over a reload */
	struct addr	 addr;
	uint16_t	 port;
	int		 low_priority_mx;
	int		 no_tls;
	int		 pass;		/* a listener of pass, not of front */
	struct conf_tls	*tls;		/* its own, or NULL: the global one */
	int		 fd;		/* -1 where it is not open (parent: kept) */
};
TAILQ_HEAD(conf_listens, conf_listen);

enum conf_list_kind { LIST_BLACK, LIST_WHITE };
enum conf_source {
	SRC_FILE, SRC_COMMAND, SRC_URL,
	SRC_SETUP		/* came to `spamd-setup', is not in the file */
};

/*
 * What is said of a list, and what became of it when it was loaded; that part
 * alone changes while the configuration is in force (MSG_CONF_LISTS).
 */
struct conf_list {
	TAILQ_ENTRY(conf_list)	 entry;
	enum conf_list_kind	 kind;
	enum conf_source	 source;
	char			*where;		/* "file:line", or NULL */
	char			*name;
	char			*file;		/* or the command, or the URL */
	int64_t			 timeout;	/* s, of command and URL */
	char			*table;		/* black: of the firewall, NULL none */
	char			*message;	/* black: template, NULL default */
	int			 reply;		/* black: 450 or 550 */
	int			 no_scan;	/* white: nor is the mail of
						   its hosts looked into */
	struct conf_strings	 except;	/* names of whitelists */
	unsigned int		 index;		/* in the compiled set */
	size_t			 count;		/* ranges, after loading */
	int64_t			 loaded;	/* when; 0 never */
	int64_t			 failed;	/* since when that fails; 0: not */
};
TAILQ_HEAD(conf_lists, conf_list);

enum conf_action { ACT_LOG, ACT_TRAP, ACT_DEMOTE };

/* on EVENT ACTION [for TIME] [after N in TIME [of bad N%]] */
struct conf_reaction {
	enum conf_action	 action;
	int64_t			 trap_for;	/* seconds; 0: greylist trapped */
	uint32_t		 after;		/* 1: at once */
	int64_t			 within;	/* seconds; with after > 1 */
	uint32_t		 bad;		/* percent of its messages that
						   must be bad; 0: any */
	int			 set;		/* the file says so (not a default) */
};

/*
 * learn { … }: what follows from the good and bad messages that a relay handed
 * over, as people and filters say with `spamgreydb learn'.
 */
struct conf_learn_rule {
	uint32_t	 after;		/* messages; 0: only counted */
	uint32_t	 percent;	/* of them that must be bad (trap), good
					   (extend) */
};
struct conf_learn {
#define LEARN(type, member, ...)	CONF_MEMBER_##type member;
#include "lib/conf/schema.h"
	struct conf_strings	 trusted;	/* CIDRs and names of lists */
	struct conf_strings	 except;	/* the same: never trapped */
	struct conf_learn_rule	 trap, extend;
	int64_t			 trap_for;	/* s; 0: greylist trapped */
};

/*
 * track pflog0, track nflog 5: where the firewall logs connections, and which
 * of them are our mail server's.
 */
#define CONF_IFNAME	16		/* octets of an interface's name, with NUL */
#define CONF_TRACK_MTA	64
struct conf_track {
	char			*device;	/* "pflog0"; NULL: NFLOG */
	uint16_t		 group;		/* of NFLOG */
	char			*interface;	/* only what goes through it; NULL */
	int			 outbound;	/* 0: outbound no */
	struct conf_strings	 mta;		/* addresses, networks; empty: the
						   machine's own addresses */
};

/*
 * sync { … }.  A socket is for one address of ours, or joins the groups of one
 * interface; one for sending alone is added for a family that has peers and
 * no socket (spamgreyd/parent/sync.c; id, fd: as of a listener).
 */
#define CONF_SYNC_MAX		64	/* sockets, and peers */
#define CONF_SYNC_GROUP4	"224.0.1.240"		/* spamd's */
#define CONF_SYNC_GROUP6	"ff15::e000:1f0"	/* ours: the same, mapped */
enum sync_kind { SYNC_LISTEN, SYNC_GROUP, SYNC_SEND };
struct conf_sync_sock {
	TAILQ_ENTRY(conf_sync_sock) entry;
	enum sync_kind	 kind;
	struct addr	 addr;		/* LISTEN: ours; GROUP: the group's */
	uint16_t	 port;
	char		*ifname;	/* GROUP */
	uint32_t	 ttl;		/* GROUP */
	int		 v2;		/* GROUP: as spamd speaks it */
	int		 fd;		/* -1 where it is not open */
};
struct conf_sync_peer {
	TAILQ_ENTRY(conf_sync_peer) entry;
	struct addr	 addr;
	uint16_t	 port;
	int		 v2;		/* peer … spamd */
};
struct conf_sync {
	char			*where;		/* "file:line", or NULL */
	struct sync_key		 key;		/* made of key_file by the parent */
#define SYNC(type, member, ...)		CONF_MEMBER_##type member;
#include "lib/conf/schema.h"
	TAILQ_HEAD(, conf_sync_sock) socks;
	TAILQ_HEAD(, conf_sync_peer) peers;
};

enum conf_fw { FW_NONE, FW_PF, FW_NFT };

struct conf_limit {
	struct addr_cut	 network;		/* what a network is */
#define LIMIT(type, member, ...)	CONF_MEMBER_##type member;
#include "lib/conf/schema.h"
};

/*
 * pass { … }.  A relay is where mail goes: the first one has no domains and
 * takes all that no other names.  Its targets are tried in their order.
 */
enum relay_client {			/* how the MTA learns the client's address */
	CLIENT_RECEIVED,		/* by our Received line alone */
	CLIENT_XCLIENT, CLIENT_PROXY1, CLIENT_PROXY2, CLIENT_TRANSPARENT
};
enum relay_tls {
	RELAY_CLEAR, RELAY_TLS_TRY, RELAY_TLS, RELAY_TLS_VERIFY
};
struct conf_target {
	TAILQ_ENTRY(conf_target) entry;
	struct addr	 addr;
	uint16_t	 port;			/* 25 */
};
struct conf_relay {
	TAILQ_ENTRY(conf_relay)	 entry;
	char			*where;		/* "file:line", or NULL */
	struct conf_strings	 domains;	/* as mailaddr_match; empty: the default */
	TAILQ_HEAD(conf_targets, conf_target) targets;
	enum relay_client	 client;
	enum relay_tls		 tls;
	char			*tls_name;	/* VERIFY: the name that must be in
						   the certificate */
	char			*ca_file;	/* NULL: the system's */
	uint8_t			*ca;		/* VERIFY: PEM, read by the parent */
	size_t			 ca_len;
};
TAILQ_HEAD(conf_relays, conf_relay);

/* A word of a module's option as it stands in the file. */
struct conf_word {
	char	*text;
	uint8_t	 quoted;
};
struct conf_option {
	TAILQ_ENTRY(conf_option) entry;
	char			*where;
	char			*keyword;
	struct conf_word	*words;
	size_t			 nwords;
};
struct conf_module {
	TAILQ_ENTRY(conf_module) entry;
	char			*where;
	char			*name;
	int			 log_only;
	int			 on_error;	/* enum module_error, -1: the module's */
	int8_t			 strategy[4];	/* by class; -1: that of pass */
	struct conf_strings	 except;	/* CIDRs and names of lists */
	struct conf_word	*raw;		/* the parser's: the block's words,
						   "\n" between lines, "{", "}", ","
						   and "=" words too; NULL once they
						   are split into options */
	unsigned int		*raw_line;	/* of each raw word */
	size_t			 nraw;
	TAILQ_HEAD(conf_options, conf_option) options;
};
TAILQ_HEAD(conf_modules, conf_module);

enum pass_timeout {
	PT_CONNECT, PT_BANNER, PT_EHLO, PT_MAIL, PT_RCPT, PT_DATA, PT_BLOCK,
	PT_DOT, PT_MAX
};

struct conf_pass {
#define PASS(type, member, ...)		CONF_MEMBER_##type member;
#include "lib/conf/schema.h"
	struct conf_relays	 relays;
	uint8_t			 strategy[4];	/* by enum content_class: enum
						   conf_strategy */
	int64_t			 timeout[PT_MAX];	/* s, to the MTA */
	struct conf_strings	 recipients;	/* sorted, lower case; addresses
						   and "@domain" */
	char			**known;	/* conf_pass_index: the same, for a
						   binary search; borrowed */
	size_t			 nknown;
	int			 has_recipients;
	struct conf_modules	 modules;	/* in the order of the file */
};

struct config {
	unsigned int	 refs;			/* holders besides the first one:
						   config_free only drops one
						   while there is any */
#define TOP(type, member, ...)		CONF_MEMBER_##type member;
#define GREYLIST(type, member, ...)	CONF_MEMBER_##type member;
#define TARPIT(type, member, ...)	CONF_MEMBER_##type member;
#include "lib/conf/schema.h"
	char		*file;
	uint32_t	 restart_max;		/* 0: restart no */
	int64_t		 restart_within;
	struct conf_tls	*tls;			/* NULL: none */
	struct conf_strings domains;		/* allowed domains */
	uint32_t	 outside_after;		/* … trap after so many other
						   domains; 0: trap no */
	int64_t		 outside_within;
	struct conf_strings spamtraps;
	struct conf_strings not_to;
	struct conf_listens listens;
	enum conf_fw	 fw;
	char		*fw_table;		/* pf */
	char		*nft_family, *nft_table, *nft_set4, *nft_set6;
	struct grey_conf grey;
	int64_t		 stutter_ms;		/* 0: stutter no */
	int64_t		 stutter_grey;		/* seconds, for grey hosts */
	struct conf_limit limit;
	struct conf_lists lists;
	struct conf_listens setups;		/* spamd-setup on …; parent only */
	struct conf_reaction reaction[EVENT_MAX];
	struct conf_learn learn;
	struct conf_sync *sync;			/* NULL: no sync block */
	struct conf_pass *pass;			/* NULL: no pass block */
	struct conf_track *track;		/* NULL: no track statement */
	struct conf_strings resolvers;		/* "127.0.0.1:53", "[::1]:53"; filled
						   from the system when empty */
	int		 set_fd;		/* compiled lists, or -1 */
	struct addrset	*set;			/* mapped, or NULL */
};

struct config *config_new(void);		/* all defaults */
void	 config_free(struct config *);		/* NULL is fine */
void	 conf_list_free(struct conf_list *);
void	 conf_strings_free(struct conf_strings *);	/* the members */
struct conf_track *conf_track_new(void);	/* NULL: no memory */
void	 conf_track_free(struct conf_track *);	/* NULL is fine */
/* Of the pass block, with their defaults.  NULL: no memory; free takes NULL. */
struct conf_pass *conf_pass_new(void);
void	 conf_pass_free(struct conf_pass *);
struct conf_sync *conf_sync_new(void);
void	 conf_sync_free(struct conf_sync *);
struct conf_sync_sock *conf_sync_sock_add(struct conf_sync *, enum sync_kind);
struct conf_sync_peer *conf_sync_peer_add(struct conf_sync *);
struct conf_relay *conf_relay_new(void);
void	 conf_relay_free(struct conf_relay *);
struct conf_module *conf_module_new(const char *name);
void	 conf_module_free(struct conf_module *);
/* A new option at the end of m's; where may be NULL. */
struct conf_option *conf_option_new(struct conf_module *m, const char *where,
	    const char *keyword);
int	 conf_option_add(struct conf_option *, const char *word, int quoted);
/* The recipients' index, when all of them are there.  -1: no memory. */
int	 conf_pass_index(struct conf_pass *);
/* Is there such a recipient (struct mailaddr's box)?  By `recipients';
 * postmaster and abuse, of whatever domain, always; anybody when there are no
 * `recipients'. */
int	 conf_recipient_known(const struct config *, const char *box);
/* Is the address of a literal ours: dst, where a client came to, or one that
 * we listen on? */
int	 conf_is_us(const struct config *, const struct addr *,
	    const struct addr *dst);
const struct conf_list *config_list(const struct config *, unsigned int index);
/* Masks over the compiled set: bit i is list i. */
uint64_t config_mask(const struct config *, enum conf_list_kind);
uint64_t config_mask_no_scan(const struct config *);	/* of whitelists */

/*
 * Fits limit.connections, and pass' sessions, to the limit of open
 * descriptors: `auto' (0) is filled in, too high a number lowered with a
 * warning to report.
 */
void	 config_check_descriptors(struct config *, uint64_t rlim,
	    void (*report)(const char *line, void *), void *arg);

/* An option that names a scanner's socket. */
int	 config_is_server(const struct conf_option *);
/* Modules of pass that talk to a scanner. */
unsigned int config_scanners(const struct config *);
/* Descriptors that one session of pass may have. */
unsigned int config_session_descriptors(const struct config *);

struct conf_define {				/* -D name=value */
	const char	*name, *value;
};
/*
 * parse.y.  NULL when there was any error; each was printed to stderr by
 * file and line ("file:line: text"), or, when report is not NULL, given to it.
 * Reads lists' names, not their contents.
 */
struct config *config_parse(const char *file, const struct conf_define *,
	    size_t ndefines, void (*report)(const char *line, void *),
	    void *arg);
/* The same for a text in memory that stands for that file. */
struct config *config_parse_text(const char *file, const char *text,
	    size_t len, const struct conf_define *, size_t ndefines,
	    void (*report)(const char *line, void *), void *arg);
/* A report line begins "file:line: "; with "warning: " after it, it is no
 * error. */

/* Everything that needs the files the configuration names: certificates are
 * read, lists loaded and compiled to conf->set_fd. -1: said through report. */
int	 config_load(struct config *, void (*report)(const char *, void *),
	    void *arg);
/* Certificates, keys and CAs alone: the parent has the lists read by another
 * process (spamgreyd/list/job.h). */
int	 config_load_keys(struct config *,
	    void (*report)(const char *, void *), void *arg);
/* spamgreyd/parent/sync.c: the key of the file that sync names.  -1:
 * reported. */
int	 sync_key_load(struct config *, void (*report)(const char *, void *),
	    void *arg);
/*
 * The lists alone, for who needs no certificates and runs beside no daemon:
 * files are read, and of what was fetched the last version that was good.
 * open finds the files (by the caller's rights), load reads them.
 */
struct list_files;
struct list_files *config_open_lists(struct config *, int strict,
	    void (*report)(const char *, void *), void *arg);
int	 config_load_lists(struct config *, struct list_files *,
	    void (*report)(const char *, void *), void *arg);	/* frees them */
/* resolv.c: those of the system when the file names none; file is
 * /etc/resolv.conf.  -1: no memory. */
int	 conf_resolvers_system(struct config *, const char *file);
int	 conf_resolver_add(struct conf_strings *, const struct addr *,
	    uint16_t port);
/*
 * Splits m's raw words into its options by the module's table, tries them all
 * (option, check) and reports what is wrong: spamgreyd/runner/conf.h.  NULL:
 * spamgreydb, which has no modules and leaves them alone; the daemon sets it
 * before it parses.
 */
extern int	(*conf_module_split)(struct conf_module *,
		    void (*report)(const char *line, void *), void *arg);

/* TLS sessions that unknown hosts of one network may have. */
uint32_t conf_tls_per_network(const struct conf_limit *);
/* Are sessions given from front to pass?  Not whether one can be now. */
int	 config_hands_over(const struct config *);

/* spamgreyd/parent/conf/print.c: -nv.  Parses again to the same text. */
void	 config_print(const struct config *);
struct buf;
int	 config_text(const struct config *, struct buf *);	/* -1: no memory */

/* spamgreyd/parent/conf/ship.c, spamgreyd/parent/conf/ship_pass.c: to one
 * child.  -1: queue. */
struct chan;
enum conf_send {
	SEND_PLAIN,		/* fw: no sockets, no keys */
	SEND_STORE,		/* sync's sockets and key */
	SEND_FRONT,		/* front's listeners, and the keys */
	SEND_PASS		/* pass' listeners, the keys, the CAs */
};
int	 config_send(struct chan *, const struct config *, enum conf_send);
/*
 * In a child: handles any MSG_CONF_*.  *building is made at BEGIN; at COMMIT
 * it is complete and the function returns 1 (else 0; -1 malformed).  A
 * listener whose socket is kept has the id of the one in force: the child
 * goes on with that and closes the descriptor that came, if one did.
 */
int	 config_recv(struct config **building, struct msg *);
/* The lists anew, in a configuration that is in force: MSG_CONF_LIST of each,
 * MSG_CONF_SET, MSG_CONF_LISTS. */
int	 config_send_lists(struct chan *, const struct config *);
int	 config_recv_lists(struct config *, struct msg *);	/* as config_recv */

#endif
