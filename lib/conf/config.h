/*
 * What spamgreyd.conf(5) says, as a structure: the public header of lib/conf,
 * the room that reads the configuration.  The parent and spamgreydb parse the
 * file; every child gets the structure from the parent.  The room may use lib's
 * base, smtp and addrset; it knows no process and no role.  Its files, in the
 * order to read them:
 *
 *	config.h config.c ask.c	the structure, its life, questions to it
 *	schema.h scalar.h scalar.c
 *				the settings that are one value
 *	strategy.h strategy.c	words for content and what becomes of it
 *	option.h		what the options of a module are
 *	limits.h		the limits of values
 *	conf_int.h		between the files that follow
 *	file.c lex.c		files to tokens
 *	parse.y names.c		tokens to the structure
 *	set.c value.c entries.c list.c pass.c learn.c track.c sync.c
 *				what the statements set
 *	forms.c report.c	messages
 *	check.c check_pass.c	checks of the whole
 *	resolv.c		the system's resolvers
 *
 * A structure is never changed while it is in force; a reload makes another.
 * (The lists' state is the exception: see struct conf_list.)  What a pointer
 * points to belongs to the structure, unless its comment says otherwise.
 *
 * Settings that are one value are declared by schema.h, which is included
 * where they belong: look there for their meaning, default and limits.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>
#include <stdio.h>

#include "lib/base/addr.h"
#include "lib/addrset/addrset.h"
#include "lib/base/event.h"
#include "lib/db/grey.h"
#include "lib/sync/key.h"
#include "lib/conf/strategy.h"

#define CONF_FILE	"/etc/spamgreyd.conf"
#define CONF_STATEDIR	"/var/db/spamgreyd"
#define CONF_SOCKET	"/var/run/spamgreyd.sock"
#define CONF_USER	"_spamgreyd"
#define CONF_DBUSER	"_spamgreydb"
#define CONF_PORT	8025
#define CONF_PASS_PORT	8027
#define CONF_SUBJECT_MAX	64		/* bytes of a subject's tag */
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

/* The type of a member that schema.h declares, by the type of its row
 * (enum conf_type). */
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

/* A list of texts, in the order of the file. */
struct conf_string {
	TAILQ_ENTRY(conf_string)	 entry;
	char				*text;
};
TAILQ_HEAD(conf_strings, conf_string);

/*
 * A certificate and its key.  The bytes are read by the parent when it loads
 * the configuration, and sent only to the roles that need them.
 */
struct conf_tls {
	char		*where;		/* "file:line" of the statement, or NULL */
	char		*cert_file;
	char		*key_file;
	uint8_t		*cert;		/* PEM bytes, read by the parent */
	size_t		 cert_len;
	uint8_t		*key;		/* wiped when freed */
	size_t		 key_len;
};

/*
 * A socket that accepts connections.  The parent opens it and sends the
 * descriptor to the role.  A reload keeps the socket of a listener that stays,
 * and finds it by its id.
 */
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
	SRC_SETUP		/* brought by spamd-setup(8), not in the file */
};

/*
 * An address list: what the file says, and how loading it went.  Only the
 * second part (count, loaded, failed, and message for a list of spamd-setup)
 * changes while the configuration is in force (MSG_CONF_LISTS).
 */
struct conf_list {
	TAILQ_ENTRY(conf_list)	 entry;
	enum conf_list_kind	 kind;
	enum conf_source	 source;
	char			*where;		/* "file:line", or NULL */
	char			*name;
	char			*file;		/* or the command, or the URL */
	int64_t			 timeout;	/* s, of command and URL */
	char			*table;		/* black: of the firewall, or NULL */
	char			*message;	/* black: template; NULL: the default */
	int			 reply;		/* black: 450 or 550 */
	int			 no_scan;	/* white: mail of its hosts is
						   not scanned either */
	struct conf_strings	 except;	/* names of whitelists */
	unsigned int		 index;		/* in the compiled set */
	size_t			 count;		/* ranges of addresses, when loaded */
	int64_t			 loaded;	/* wall clock, s; 0: never */
	int64_t			 failed;	/* since when loading fails; 0: not */
};
TAILQ_HEAD(conf_lists, conf_list);

/* What follows when a host did something.  DEMOTE: it is no longer WHITE. */
enum conf_action { ACT_LOG, ACT_TRAP, ACT_DEMOTE };

/* on EVENT ACTION [for TIME] [after N in TIME [of bad N%]] */
struct conf_reaction {
	enum conf_action	 action;
	int64_t			 trap_for;	/* seconds; 0: greylist trapped */
	uint32_t		 after;		/* 1: at once */
	int64_t			 within;	/* seconds; with after > 1 */
	uint32_t		 bad;		/* percent of its messages that
						   must be bad; 0: not counted */
	int			 set;		/* given in the file, not a default */
};

/*
 * learn { ... }: what follows when people and filters report good and bad
 * messages of a host with `spamgreydb learn'.
 */
struct conf_learn_rule {
	uint32_t	 after;		/* messages; 0: they are only counted */
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
 * connections out of this network are those of our mail servers.
 */
#define CONF_IFNAME	16	/* bytes of an interface's name, with its NUL */
#define CONF_TRACK_MTA	64	/* entries of mta */
struct conf_track {
	char			*device;	/* "pflog0"; NULL: NFLOG */
	uint16_t		 group;		/* of NFLOG */
	char			*interface;	/* only connections through it; NULL: all */
	int			 outbound;	/* 0: outbound no */
	struct conf_strings	 mta;		/* addresses, networks; empty: the
						   machine's own addresses */
};

/*
 * sync { ... }.  A socket is for one of our addresses, or joins a group on one
 * interface.  When a family has peers and no socket, the parent adds one that
 * only sends.  Descriptors are as those of a listener.
 */
#define CONF_SYNC_MAX		64	/* sockets and peers together */
#define CONF_SYNC_GROUP4	"224.0.1.240"		/* spamd's */
#define CONF_SYNC_GROUP6	"ff15::e000:1f0"	/* ours, made of spamd's */
enum sync_kind { SYNC_LISTEN, SYNC_GROUP, SYNC_SEND };
struct conf_sync_sock {
	TAILQ_ENTRY(conf_sync_sock) entry;
	enum sync_kind	 kind;
	struct addr	 addr;		/* LISTEN: ours; GROUP: the group's */
	uint16_t	 port;
	char		*ifname;	/* GROUP */
	uint32_t	 ttl;		/* GROUP */
	int		 v2;		/* GROUP: version 2, which is spamd's */
	int		 fd;		/* -1 where it is not open */
};
struct conf_sync_peer {
	TAILQ_ENTRY(conf_sync_peer) entry;
	struct addr	 addr;
	uint16_t	 port;
	int		 v2;		/* peer ... spamd: version 2 */
};
struct conf_sync {
	char			*where;		/* "file:line", or NULL */
	struct sync_key		 key;		/* made of key_file by the parent */
#define SYNC(type, member, ...)		CONF_MEMBER_##type member;
#include "lib/conf/schema.h"
	TAILQ_HEAD(, conf_sync_sock) socks;
	TAILQ_HEAD(, conf_sync_peer) peers;
};

enum conf_fw { FW_NONE, FW_PF, FW_NFT };	/* in the order of the schema */

/* limit { ... } */
struct conf_limit {
	struct addr_cut	 network;		/* what a network is */
#define LIMIT(type, member, ...)	CONF_MEMBER_##type member;
#include "lib/conf/schema.h"
};

/*
 * pass { ... }.  A relay is where mail goes.  The first one has no domains: it
 * takes what belongs to no other.  Its targets are tried in their order.
 */
enum relay_client {			/* how the MTA learns the client's address */
	CLIENT_RECEIVED,		/* only from our Received line */
	CLIENT_XCLIENT, CLIENT_PROXY1, CLIENT_PROXY2, CLIENT_TRANSPARENT
};
enum relay_tls {
	RELAY_CLEAR,			/* no TLS */
	RELAY_TLS_TRY,			/* when the server offers it */
	RELAY_TLS,			/* always, whatever the certificate is */
	RELAY_TLS_VERIFY		/* always, with a valid certificate */
};
struct conf_target {
	TAILQ_ENTRY(conf_target) entry;
	struct addr	 addr;
	uint16_t	 port;			/* 25 */
};
struct conf_relay {
	TAILQ_ENTRY(conf_relay)	 entry;
	char			*where;		/* "file:line", or NULL */
	struct conf_strings	 domains;	/* as mailaddr_match(); empty: default */
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
/* An option of a module, as the file has it, or its default (-nv). */
struct conf_option {
	TAILQ_ENTRY(conf_option) entry;
	char			*where;
	char			*keyword;
	struct conf_word	*words;
	size_t			 nwords;
};
/*
 * module NAME { ... }.  The parser keeps the words of the block (raw).  Where
 * there are modules, runner/conf.c makes options of them by the module's table,
 * and frees raw.
 */
struct conf_module {
	TAILQ_ENTRY(conf_module) entry;
	char			*where;
	char			*name;
	int			 log_only;
	int			 on_error;	/* enum module_error; -1: the module's */
	int8_t			 strategy[4];	/* by class; -1: that of pass */
	struct conf_strings	 except;	/* CIDRs and names of lists */
	struct conf_word	*raw;		/* words of the block; "\n", "{",
						   "}" and "=" are words too; NULL
						   when they became options */
	unsigned int		*raw_line;	/* of each raw word */
	size_t			 nraw;
	TAILQ_HEAD(conf_options, conf_option) options;
};
TAILQ_HEAD(conf_modules, conf_module);

/* The steps with the mail server that have a time limit. */
enum pass_timeout {
	PT_CONNECT, PT_BANNER, PT_EHLO, PT_MAIL, PT_RCPT, PT_DATA, PT_BLOCK,
	PT_DOT, PT_MAX
};

/* The pass block; NULL in struct config without one. */
struct conf_pass {
#define PASS(type, member, ...)		CONF_MEMBER_##type member;
#include "lib/conf/schema.h"
	struct conf_relays	 relays;
	uint8_t			 strategy[4];	/* by enum content_class: enum
						   conf_strategy */
	int64_t			 timeout[PT_MAX];	/* s, to the MTA */
	struct conf_strings	 recipients;	/* sorted, lower case; addresses
						   and "@domain" */
	char			**known;	/* their texts, for a binary search
						   (conf_pass_index); borrowed */
	size_t			 nknown;
	int			 has_recipients;	/* the list is in use, even if empty */
	struct conf_modules	 modules;	/* in the order of the file */
};

struct config {
	unsigned int	 refs;			/* holders besides the first one;
						   each calls config_free, and the
						   last call frees */
#define TOP(type, member, ...)		CONF_MEMBER_##type member;
#define GREYLIST(type, member, ...)	CONF_MEMBER_##type member;
#define TARPIT(type, member, ...)	CONF_MEMBER_##type member;
#include "lib/conf/schema.h"
	char		*file;
	uint32_t	 restart_max;		/* 0: restart no */
	int64_t		 restart_within;
	int		 strict;		/* no start with a damaged database */
	struct conf_tls	*tls;			/* NULL: none */
	struct conf_strings domains;		/* allowed domains */
	uint32_t	 outside_after;		/* trap after so many recipients of
						   other domains; 0: trap no */
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
	struct conf_listens setups;		/* spamd-setup on ...; parent only */
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

/*
 * The life of structures.  _new gives the defaults and belongs to the caller;
 * NULL: no memory.  _free takes NULL, and frees what the structure points to.
 */
struct config *config_new(void);
void	 config_free(struct config *);		/* see refs */
struct conf_track *conf_track_new(void);
void	 conf_track_free(struct conf_track *);
struct conf_pass *conf_pass_new(void);
void	 conf_pass_free(struct conf_pass *);
struct conf_sync *conf_sync_new(void);
void	 conf_sync_free(struct conf_sync *);
struct conf_relay *conf_relay_new(void);
void	 conf_relay_free(struct conf_relay *);
struct conf_module *conf_module_new(const char *name);	/* name is copied */
void	 conf_module_free(struct conf_module *);
void	 conf_list_free(struct conf_list *);	/* not one in a queue */
void	 conf_strings_free(struct conf_strings *);	/* it is empty then */
/* New ones at the end of their queue, which owns them.  NULL: no memory. */
struct conf_sync_sock *conf_sync_sock_add(struct conf_sync *, enum sync_kind);
struct conf_sync_peer *conf_sync_peer_add(struct conf_sync *);
/* where may be NULL; the texts are copied. */
struct conf_option *conf_option_new(struct conf_module *m, const char *where,
	    const char *keyword);
/* A word at the end of the option's.  -1: no memory. */
int	 conf_option_add(struct conf_option *, const char *word, int quoted);

/* Makes the index of the recipients, which must all be there and sorted.  -1:
 * no memory. */
int	 conf_pass_index(struct conf_pass *);
/* Is there such a recipient (box of struct mailaddr), by `recipients'?  Always
 * for postmaster and abuse of any domain, and when recipients are not given. */
int	 conf_recipient_known(const struct config *, const char *box);
/* Is this address, of an address literal, ours: dst, which the client connected
 * to, or one that we listen on? */
int	 conf_is_us(const struct config *, const struct addr *,
	    const struct addr *dst);
/* The list with that index; NULL: there is none. */
const struct conf_list *config_list(const struct config *, unsigned int index);
/* The list of that name, black or white; NULL: there is none. */
const struct conf_list *conf_list_find(const struct config *, const char *);
/* A file of addresses or entries for reading, the caller's.  NULL, and *why says
 * why not (static): only regular files are opened. */
FILE	*conf_list_open(const char *file, const char **why);
/* Masks over the compiled set: bit i is the list with index i. */
uint64_t config_mask(const struct config *, enum conf_list_kind);
uint64_t config_mask_no_scan(const struct config *);	/* of whitelists */
/* TLS sessions that unknown hosts of one network may have. */
uint32_t conf_tls_per_network(const struct conf_limit *);
/* Does front hand sessions over to pass?  (Not: can it now?) */
int	 config_hands_over(const struct config *);

/*
 * Fits limit.connections, and the sessions of pass, to rlim, the limit of open
 * descriptors: fills in `auto' (0), and lowers a number that is too high, with
 * a warning to report (NULL: standard error).
 */
void	 config_check_descriptors(struct config *, uint64_t rlim,
	    void (*report)(const char *line, void *), void *arg);
/* Does the option name a scanner's socket? */
int	 config_is_server(const struct conf_option *);
/* Modules of pass that talk to a scanner.  There must be a pass block. */
unsigned int config_scanners(const struct config *);
/* Descriptors that one session of pass may have open. */
unsigned int config_session_descriptors(const struct config *);

struct conf_define {				/* -D name=value */
	const char	*name, *value;
};
/*
 * Parses the file and checks the whole.  Returns the configuration, the
 * caller's, or NULL when there was any error.  Errors and warnings go line by
 * line to report, or to standard error when that is NULL: "file:line: text",
 * "file:line: warning: text".  Files of entries are read; certificates and
 * lists are not: config_load.
 */
struct config *config_parse(const char *file, const struct conf_define *,
	    size_t ndefines, void (*report)(const char *line, void *),
	    void *arg);
/* The same for a text in memory; file is its name in messages. */
struct config *config_parse_text(const char *file, const char *text,
	    size_t len, const struct conf_define *, size_t ndefines,
	    void (*report)(const char *line, void *), void *arg);

/* Takes the system's resolvers from file (/etc/resolv.conf), if the
 * configuration has none.  -1: no memory. */
int	 conf_resolvers_system(struct config *, const char *file);
int	 conf_resolver_add(struct conf_strings *, const struct addr *,
	    uint16_t port);
/* report.c: one line to report (NULL: standard error), made printable. */
void	 conf_say(void (*report)(const char *line, void *), void *arg,
	    const char *line);
/*
 * How the words of a module's block become options (runner/conf.c): called for
 * each module of the file, and reports what is wrong.  NULL, as at the start:
 * there are no modules in this program (spamgreydb), and the words are left
 * alone.  To be said before a file is parsed.
 */
void	 conf_use_modules(int (*split)(struct conf_module *,
	    void (*report)(const char *line, void *), void *arg));

/* A line to report (NULL: to standard error), with nothing in it that a terminal
 * or a log could take for more than text. */
typedef void (*conf_report)(const char *line, void *arg);
void	 conf_say(conf_report, void *arg, const char *line);

#endif
