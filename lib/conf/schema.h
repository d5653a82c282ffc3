/*
 * The schema of spamgreyd.conf(5): every statement and every setting, one line
 * each, in the order in which spamgreyd -nv prints them.  A line of a setting
 * declares the member of the structure that holds it and makes its row in the
 * table (scalar.h), and nothing else has to be edited: the parser, the
 * defaults, the limits, the printing, the hints of syntax errors and the way to
 * the children all read the table.
 *
 * This file has no guard and is included several times, each time after some
 * of these macros were defined; those that were not stand for nothing:
 *
 *	BLOCK(type, member, form, default, min, max)
 *		a setting; BLOCK is TOP (outside of braces), PASS, GREYLIST,
 *		TARPIT, LIMIT, LEARN or SYNC
 *	AT(BLOCK, type, member, form, default, min, max)
 *		the same for a member that is declared elsewhere
 *	OWN(BLOCK, type, member, form, default, min, max)
 *		a value inside of a statement that parse.y reads and
 *		parent/conf/print.c prints; its default, its limits and its shipping are here
 *	STATEMENT(BLOCK, part, form)
 *		a statement of parse.y, printed by put_<part>() of printconf
 *	BRACES(BLOCK, block, form)
 *		a block within BLOCK
 *	FORM(BLOCK, form)
 *		only for the hints of a syntax error
 *
 * form is what people see in hints.  Its words in lower case at the beginning
 * are the setting's name.  NAME|word: the word may stand in place of the value,
 * and means 0, or no string.  "head [name VALUE]": settings of one head may
 * follow each other on its line; with ";" at the end they are printed on lines
 * of their own all the same.  "\n" parts several forms of one statement.
 *
 * default is text as in the file.  "": nothing, and nothing is printed until
 * it is set.
 *
 * type (enum conf_type) says what the text means, what the member is, and the
 * unit of min and max: seconds, milliseconds, bytes, thousandths of a point;
 * of NAME max is its length.  The first word of a name must not be an option
 * of another statement of its block.
 */
#ifndef TOP
#define TOP(...)
#endif
#ifndef PASS
#define PASS(...)
#endif
#ifndef GREYLIST
#define GREYLIST(...)
#endif
#ifndef TARPIT
#define TARPIT(...)
#endif
#ifndef LIMIT
#define LIMIT(...)
#endif
#ifndef LEARN
#define LEARN(...)
#endif
#ifndef SYNC
#define SYNC(...)
#endif
#ifndef AT
#define AT(...)
#endif
#ifndef OWN
#define OWN(...)
#endif
#ifndef STATEMENT
#define STATEMENT(...)
#endif
#ifndef BRACES
#define BRACES(...)
#endif
#ifndef FORM
#define FORM(...)
#endif

FORM(TOP, "include FILE")
OWN(TOP, TEXT, file, "file", "", 0, 0)			/* the main one */
TOP(HOSTNAME, hostname, "hostname NAME", "localhost", 0, 0)
TOP(PATH, statedir, "state directory DIRECTORY", CONF_STATEDIR, 0, 0)
TOP(PATH, socket, "control socket FILE", CONF_SOCKET, 0, 0)
STATEMENT(TOP, restart, "restart NUMBER per TIME [strict]\n"
    "restart no [strict]\nrestart strict")
OWN(TOP, NUMBER, restart_max, "restart NUMBER|no", "5", 1, 1000)
OWN(TOP, SECONDS, restart_within, "restart per TIME", "1m", 1, 86400)
OWN(TOP, FLAG, strict, "restart strict", "", 0, 1)
/* Processes that accept connections. */
TOP(NUMBER, fronts, "front NUMBER", "1", 1, CONF_FRONTS_MAX)
TOP(SIZE, cache, "database cache SIZE", "64M", 1 << 20, INT64_C(1) << 40)
TOP(CONTACT, contact, "contact TEXT", "", 0, 0)
STATEMENT(TOP, domains,
    "allowed domains { DOMAIN ... } [trap after NUMBER in TIME | trap no]\n"
    "allowed domains file FILE [trap after NUMBER in TIME | trap no]")
/* Other domains that a host may ask for before it is trapped. */
OWN(TOP, NUMBER, outside_after, "allowed domains trap after NUMBER|no", "3",
    1, CONF_OUTSIDE_MAX)
OWN(TOP, SECONDS, outside_within, "allowed domains trap after in TIME", "1h",
    1, 7 * 86400)
TOP(YESNO, local_routes, "local part routes yes|no", "", 0, 1)
STATEMENT(TOP, tls, "tls certificate FILE key FILE")
STATEMENT(TOP, listens, "listen on ADDRESS port NUMBER [low-priority-mx] "
    "[no tls | tls certificate FILE key FILE]")
STATEMENT(TOP, firewall, "firewall pf [table NAME]\n"
    "firewall nftables [table FAMILY NAME] [set ip4 NAME ip6 NAME]\n"
    "firewall none")
OWN(FIREWALL, WORD, fw, "none|pf|nftables", "none", 0, FW_NFT)
OWN(FIREWALL, NAME, fw_table, "table NAME", CONF_PF_TABLE, 1,
    CONF_PF_TABLE_MAX)
OWN(FIREWALL, NAME, nft_family, "family NAME", "inet", 1, CONF_NFT_NAME_MAX)
OWN(FIREWALL, NAME, nft_table, "table NAME", "spamgrey", 1, CONF_NFT_NAME_MAX)
OWN(FIREWALL, NAME, nft_set4, "set ip4 NAME", "white4", 1, CONF_NFT_NAME_MAX)
OWN(FIREWALL, NAME, nft_set6, "set ip6 NAME", "white6", 1, CONF_NFT_NAME_MAX)

BRACES(TOP, GREYLIST, "greylist { ... }")
AT(GREYLIST, SECONDS, grey.pass, "pass TIME", "3m", 1, CONF_TIME_MAX)
AT(GREYLIST, SECONDS, grey.grey, "grey TIME", "1d", 1, CONF_TIME_MAX)
AT(GREYLIST, SECONDS, grey.white, "white TIME", "36d", 1, CONF_TIME_MAX)
AT(GREYLIST, SECONDS, grey.trapped, "trapped TIME", "1d", 1, CONF_TIME_MAX)
AT(GREYLIST, PREFIX, grey.match.ip4, "match [ip4 /LENGTH]", "/24", 1, 32)
AT(GREYLIST, PREFIX, grey.match.ip6, "match [ip6 /LENGTH]", "/64", 1, 128)
AT(GREYLIST, FLAG, grey.match_helo, "match [helo]", "", 0, 1)
AT(GREYLIST, PREFIX, grey.admit.ip4, "admit [ip4 /LENGTH]", "/32", 1, 32)
AT(GREYLIST, PREFIX, grey.admit.ip6, "admit [ip6 /LENGTH]", "/64", 1, 128)
STATEMENT(GREYLIST, not_to, "not to { RECIPIENT ... }\nnot to file FILE")
/* "451 4.7.1 text with %s" */
GREYLIST(GREYREPLY, grey_reply, "reply \"CODE TEXT\"", CONF_GREY_REPLY, 0, 0)

BRACES(TOP, TARPIT, "tarpit { ... }")
STATEMENT(TARPIT, stutter, "stutter TIME [for TIME]\nstutter no")
OWN(TARPIT, MS, stutter_ms, "stutter TIME|no", "1s", 1, CONF_STUTTER_MS_MAX)
/* How long a grey host gets its replies slowly. */
OWN(TARPIT, SECONDS, stutter_grey, "stutter for TIME", "10s", 0, 3600)
TARPIT(TEMPLATE, trap_message, "message TEXT", CONF_TRAP_MESSAGE, 0, 0)
TARPIT(CODE, trap_reply, "reply 450|550", "450", 450, 550)

BRACES(TOP, LIMIT, "limit { ... }")
/* auto: as many as the limit of open files leaves room for. */
LIMIT(NUMBER, connections, "connections NUMBER|auto", "auto", 1, CONF_CONNECTIONS_MAX)
LIMIT(NUMBER, per_host, "per-host NUMBER", "50", 1, CONF_CONNECTIONS_MAX)
LIMIT(NUMBER, per_network, "per-network NUMBER", "200", 1, CONF_CONNECTIONS_MAX)
/* What a network is. */
AT(LIMIT, PREFIX, network.ip4, "network [ip4 /LENGTH]", "/24", 1, 32)
AT(LIMIT, PREFIX, network.ip6, "network [ip6 /LENGTH]", "/48", 1, 128)
LIMIT(NUMBER, tls, "tls NUMBER", "2000", 0, CONF_CONNECTIONS_MAX)
/* auto: conf_tls_per_network() */
LIMIT(NUMBER, tls_per_network, "tls-per-network NUMBER|auto", "auto", 1, CONF_CONNECTIONS_MAX)
LIMIT(NUMBER, bad_commands, "bad-commands NUMBER", "20", 1, 1000)
/* Bytes of a command line. */
LIMIT(NUMBER, line, "line OCTETS", "2048", 512, 8192)
/* Of one transaction. */
LIMIT(NUMBER, recipients, "recipients NUMBER", "100", 1, 10000)
LIMIT(NUMBER, grey_per_network, "grey-per-network NUMBER", "10000", 1, UINT32_MAX)
LIMIT(NUMBER, grey_per_host, "grey-per-host NUMBER", "1000", 1, UINT32_MAX)
LIMIT(SECONDS, idle, "idle TIME", "5m", 1, CONF_TIME_MAX)
LIMIT(SECONDS, idle_stress, "idle-stress TIME", "30s", 1, CONF_TIME_MAX)
LIMIT(SECONDS, session_grey, "session [grey TIME]", "15m", 1, CONF_TIME_MAX)
LIMIT(SECONDS, session_trapped, "session [trapped TIME]", "30m", 1, CONF_TIME_MAX)
/* no: SIZE is not offered. */
LIMIT(SIZE, message_size, "message-size SIZE|no", "no", 64 * 1024, INT64_C(1) << 40)

STATEMENT(TOP, spamtraps, "spamtrap { ADDRESS ... }\nspamtrap file FILE")
STATEMENT(TOP, lists,
    "blacklist NAME file FILE | command \"PROGRAM ARGUMENT ...\" | "
    "url URL [message TEXT] [reply CODE] [except LIST | { LIST ... }] "
    "[table NAME] [timeout TIME]\n"
    "whitelist NAME file FILE | command \"PROGRAM ARGUMENT ...\" | "
    "url URL [timeout TIME] [no scan]")
STATEMENT(TOP, setups, "spamd-setup on ADDRESS port NUMBER")
STATEMENT(TOP, reactions, "on EVENT log\n"
    "on EVENT trap [for TIME] [after NUMBER in TIME [of bad PERCENT]]\n"
    "on EVENT demote [after NUMBER in TIME [of bad PERCENT]], "
    "where EVENT is early-talker, pipelining, bare-lf, foreign-command, "
    "http-command, dictionary, virus or spam")

BRACES(TOP, LEARN, "learn { ... }")
STATEMENT(LEARN, trusted, "trusted NETWORK | { NETWORK ... }")
STATEMENT(LEARN, except, "except NETWORK | { NETWORK ... }")
/* After this time a count is halved. */
LEARN(SECONDS, decay, "decay TIME", "30d", 1, CONF_TIME_MAX)
STATEMENT(LEARN, trap, "trap after NUMBER [of bad PERCENT] [for TIME]\n"
    "trap no")
STATEMENT(LEARN, extend, "extend after NUMBER [of good PERCENT]\nextend no")
OWN(LEARN, NUMBER, trap.after, "trap after NUMBER|no", "no", 1, CONF_LEARN_MAX)
OWN(LEARN, PERCENT, trap.percent, "trap of bad PERCENT", "80%", 1, 100)
OWN(LEARN, SECONDS, trap_for, "trap for TIME|no", "no", 1, CONF_TIME_MAX)
OWN(LEARN, NUMBER, extend.after, "extend after NUMBER|no", "no", 1, CONF_LEARN_MAX)
OWN(LEARN, PERCENT, extend.percent, "extend of good PERCENT", "80%", 1, 100)

BRACES(TOP, SYNC, "sync { ... }")
SYNC(PATH, key_file, "key FILE", "", 0, 0)
STATEMENT(SYNC, socks, "listen on ADDRESS [port NUMBER]\n"
    "multicast INTERFACE [port NUMBER] [ttl NUMBER] [spamd]")
STATEMENT(SYNC, peers, "peer ADDRESS [port NUMBER] [spamd]")
/* Version 2 of the protocol, also from hosts that are no peers. */
SYNC(FLAG, accept_v2, "accept spamd", "", 0, 1)

TOP(YESNO, handover, "handover yes|no", "yes", 0, 1)
/* spamd's log lines beside ours. */
TOP(FLAG, log_spamd, "log spamd", "", 0, 1)
STATEMENT(TOP, resolvers, "resolver ADDRESS [port NUMBER]\n"
    "resolver { ADDRESS [port NUMBER] ... }")
STATEMENT(TOP, track, "track INTERFACE [GROUP] [mta ADDRESS | "
    "{ ADDRESS ... }] [interface NAME] [outbound yes|no]")
OWN(TRACK, TEXT, device, "INTERFACE", "", 0, 0)
OWN(TRACK, NUMBER, group, "nflog GROUP", "0", 0, 65535)
OWN(TRACK, TEXT, interface, "interface NAME", "", 0, 0)
OWN(TRACK, YESNO, outbound, "outbound yes|no", "yes", 0, 1)

BRACES(TOP, PASS, "pass { ... }")
STATEMENT(PASS, pass_listens, "listen on ADDRESS port NUMBER "
    "[no tls | tls certificate FILE key FILE]")
STATEMENT(PASS, relays, "relay to ADDRESS [port NUMBER] [xclient | "
    "proxy-protocol v1 | proxy-protocol v2 | transparent] "
    "[starttls [try | verify NAME [ca FILE]]]\n"
    "relay domain DOMAIN | { DOMAIN ... } | file FILE "
    "to ADDRESS [port NUMBER] ...")
PASS(YESNO, relay_check, "relay check yes|no", "yes", 0, 1)
/* Connect to the mail server at EHLO. */
PASS(FLAG, early, "relay connect early", "", 0, 1)
PASS(POINTS, reject_at, "reject at POINTS|no", "10", 1, CONF_POINTS_MAX)
PASS(POINTS, mark_at, "mark at POINTS|no", "4", 1, CONF_POINTS_MAX)
/* Refusals tell which rules were broken. */
PASS(YESNO, reply_rules, "reply rules yes|no", "no", 0, 1)
PASS(SUBJECT, subject_tag, "mark subject TEXT|no", "no", 0, 0)
STATEMENT(PASS, strategy, "strategy CLASS reject|tempfail|mark ..., "
    "where CLASS is virus, spam, unwanted or unscannable")
OWN(PASS, WORD, strategy[CLASS_VIRUS], "strategy virus reject|tempfail|mark",
    "reject", 0, STRATEGY_MARK)
OWN(PASS, WORD, strategy[CLASS_SPAM], "strategy spam reject|tempfail|mark",
    "reject", 0, STRATEGY_MARK)
OWN(PASS, WORD, strategy[CLASS_UNWANTED],
    "strategy unwanted reject|tempfail|mark", "mark", 0, STRATEGY_MARK)
OWN(PASS, WORD, strategy[CLASS_UNSCANNABLE],
    "strategy unscannable reject|tempfail|mark", "mark", 0, STRATEGY_MARK)
STATEMENT(PASS, recipients, "recipients { RECIPIENT ... }\n"
    "recipients file FILE")
OWN(PASS, FLAG, has_recipients, "recipients", "", 0, 1)
/* auto: as many as the limit of open files leaves room for. */
PASS(NUMBER, sessions, "limit sessions NUMBER|auto", "auto", 1, CONF_CONNECTIONS_MAX)
PASS(NUMBER, per_host, "limit per-host NUMBER|auto", "auto", 1, CONF_CONNECTIONS_MAX)
PASS(NUMBER, per_network, "limit per-network NUMBER|auto", "auto", 1, CONF_CONNECTIONS_MAX)
/* Received lines that a message may have. */
PASS(NUMBER, received, "limit received NUMBER", "100", 30, CONF_RECEIVED_MAX)
/* Targets that are tried for one message. */
PASS(NUMBER, tries, "tries NUMBER", "2", 1, CONF_TARGETS_MAX)
PASS(SIZE, spool_memory, "spool [memory SIZE];", "256M", 1 << 20, INT64_C(1) << 40)
PASS(SIZE, spool_message, "spool [message SIZE];", "128K", 1024, 1 << 30)
PASS(SIZE, spool_files, "spool [files SIZE|auto];", "auto", 1 << 20, VALUE_SIZE_MAX)
/* What becomes of CR or LF alone. */
PASS(WORD, reject_newlines, "bare-newline normalise|reject", "normalise", 0, 1)
PASS(SECONDS, session, "session TIME", "1h", 1, CONF_TIME_MAX)
/* For all scanners of one message together. */
PASS(SECONDS, scan, "scan TIME", "1m", 1, CONF_SCAN_MAX)
/* How long the client's name is waited for; no: it is not looked up. */
PASS(SECONDS, client_name, "client-name TIME|no", "3s", 1, CONF_CLIENT_NAME_MAX)
/* Each shorter than the client's own (RFC 5321 4.5.3.2). */
STATEMENT(PASS, timeouts, "timeout STEP TIME ..., where STEP is connect, "
    "banner, ehlo, mail, rcpt, data, block or dot")
OWN(PASS, SECONDS, timeout[PT_CONNECT], "timeout connect TIME", "10s", 1, CONF_STEP_MAX)
OWN(PASS, SECONDS, timeout[PT_BANNER], "timeout banner TIME", "1m", 1, CONF_STEP_MAX)
OWN(PASS, SECONDS, timeout[PT_EHLO], "timeout ehlo TIME", "30s", 1, CONF_STEP_MAX)
OWN(PASS, SECONDS, timeout[PT_MAIL], "timeout mail TIME", "1m", 1, CONF_STEP_MAX)
OWN(PASS, SECONDS, timeout[PT_RCPT], "timeout rcpt TIME", "4m", 1, CONF_STEP_MAX)
OWN(PASS, SECONDS, timeout[PT_DATA], "timeout data TIME", "110s", 1, CONF_STEP_MAX)
OWN(PASS, SECONDS, timeout[PT_BLOCK], "timeout block TIME", "170s", 1, CONF_STEP_MAX)
OWN(PASS, SECONDS, timeout[PT_DOT], "timeout dot TIME", "510s", 1, CONF_STEP_MAX)
STATEMENT(PASS, modules, "module NAME [WHICH] { ... }")

#undef TOP
#undef PASS
#undef GREYLIST
#undef TARPIT
#undef LIMIT
#undef LEARN
#undef SYNC
#undef AT
#undef OWN
#undef STATEMENT
#undef BRACES
#undef FORM
