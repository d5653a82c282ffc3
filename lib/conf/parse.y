/*
 * The grammar of spamgreyd.conf(5).  Tokens come from lex.c, what they mean is
 * up to set.c, value.c and others, and the whole is checked by check.c; here is
 * what may follow what, and which function gets it.  A setting that is one value
 * needs nothing here: add a line to schema.h.
 *
 * A wrong value is reported and left at its default.  Only what is not grammar
 * at all is an error of yacc, after which the rest of the statement is dropped.
 * So one run finds all errors.
 *
 * Some actions read or push files by themselves (include, a module's words).
 * They rely on yacc not to have read a token ahead where only one reduction is
 * possible, as both yacc and bison do.
 */
%{
#include <sys/types.h>
#include <sys/queue.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/conf/conf_int.h"

static struct config		*conf;
static struct conf_list		*list;		/* the statement being read */
static struct conf_listen	*listener;
static struct conf_reaction	*reaction;
static struct conf_relay	*relay;
static struct conf_targets	*targets;	/* where addresses are added */
static const char		*targets_of;	/* the statement that they are of */
static uint16_t			 port;		/* of those without a port */
static struct lex_token		 last;		/* the last token read */
static int			 skip;		/* drop the statement's rest */

int	 yyparse(void);
int	 yylex(void);
void	 yyerror(const char *);

static void	 reaction_begin(const struct lex_token *, enum host_event);
static void	 macro_set(const struct lex_token *);

#define ONCE(tok, what)	(conf_once(&(tok), what) == 0)
#define ONCE_OF(tok, what, name)	(conf_once(&(tok), what, name) == 0)
#define REACTION_NAME \
	host_event_str((unsigned int)(reaction - conf->reaction))
%}

%union {
	struct lex_token	 tok;
	struct lex_items	 items;
	int			 num;
	struct setting {
		struct lex_token		 tok;
		const struct conf_scalar	*row;
	}			 set;
}

%token	<tok> ACT_DEMOTE_ ACT_LOG_ ACT_TRAP_ AFTER ALLOWED BAD_ BARE_LF
%token	<tok> BLACKLIST CA CERTIFICATE COMMAND DICTIONARY DOMAIN DOMAINS
%token	<tok> EARLY_TALKER EXCEPT EXTEND FILE_ FIREWALL FOR FOREIGN_COMMAND
%token	<tok> GOOD GREYLIST HTTP_COMMAND IN INCLUDE INTERFACE IP4 IP6 KEY
%token	<tok> LEARN LIMIT LISTEN LOW_PRIORITY_MX MARK MESSAGE MODULE MTA
%token	<tok> MULTICAST NFTABLES NO NONE NOT OF ON OUTBOUND PASS PEER PER PF
%token	<tok> PIPELINING PORT PROXY_PROTOCOL RECIPIENTS REJECT RELAY REPLY
%token	<tok> RESOLVER RESTART SCAN SET SPAM SPAMD SPAMD_SETUP SPAMTRAP
%token	<tok> STARTTLS STRATEGY STRICT STUTTER SYNC TABLE TARPIT TIMEOUT TLS TO
%token	<tok> TRACK TRANSPARENT TRUSTED TRY TTL URL VERIFY VIRUS WHITELIST
%token	<tok> XCLIENT YES
%token	<tok> WORD STRING MACRO BAD
/*
 * Of the schema's settings: a whole name, one that needs no value, the value
 * after a name, the beginning of a name whose next word is wrong, a word of a
 * name that stands where no name can.  NEVER is no token: what follows BEGUN is
 * a syntax error, which is told where it is.
 */
%token	<set> SETTING FLAG
%token	<tok> ARG BEGUN NAME NEVER
%type	<tok> value timename class fate learnbad learngood
%type	<items> list items names
%type	<tok> anyport syncttl
%type	<num> yesno syncspamd

%%

grammar	: /* empty */
	| grammar '\n'
	| grammar MACRO '='		{ macro_set(&$2); }
	| grammar include
	| grammar statement
	| grammar listen '\n'
	| grammar error '\n'		{ yyerrok; }
	;

/* The file comes in place of the statement, before any further token. */
include	: INCLUDE value			{ lex_push_file($2.text, &$2); }
	;

value	: WORD
	| STRING
	;

yesno	: YES				{ $$ = 1; }
	| NO				{ $$ = 0; }
	;

nl	: /* empty */
	| nl '\n'
	;

list	: '{' items '}'			{ $$ = $2; }
	| '{' items error '}'		{ $$ = $2; yyerrok; }
	;

items	: /* empty */			{ $$.first = $$.last = NULL; }
	| items value			{ $$ = $1; lex_items_add(&$$, &$2); }
	| items '\n'			{ $$ = $1; }
	| items error '\n'		{ $$ = $1; yyerrok; }
	;

strict	: /* empty */
	| STRICT			{ conf->strict = 1; }
	;

/*
 * A setting of the schema, in its block: the lexer knows the name and whether the
 * word behind it can be its value.
 */
setting	: SETTING ARG		{ conf_setting(conf, $1.row, &$1.tok, &$2); }
	| FLAG			{ conf_setting(conf, $1.row, &$1.tok, NULL); }
	| BEGUN NEVER
	;

statement
	: setting
	| ACT_LOG_ NEVER
	| RESTART value PER value strict {
		if (ONCE($1, "restart")) {
			conf_own(conf, CB_TOP, "restart", &$2);
			conf_own(conf, CB_TOP, "restart per", &$4);
		}
	}
	| RESTART NO strict {
		if (ONCE($1, "restart"))
			conf->restart_max = 0;
	}
	| RESTART STRICT {
		if (ONCE($1, "restart"))
			conf->strict = 1;
	}
	| TLS CERTIFICATE value KEY value {
		if (ONCE($1, "tls certificate"))
			conf_set_tls(&$3, &$5, &conf->tls);
	}
	| ALLOWED DOMAINS FILE_ value domaintrap {
		if (ONCE($1, "allowed domains"))
			conf_entries_file(&conf->domains, ITEM_DOMAIN, &$4);
	}
	| ALLOWED DOMAINS nl list domaintrap {
		if (ONCE($1, "allowed domains"))
			conf_entries(&conf->domains, ITEM_DOMAIN, &$4);
	}
	| SPAMTRAP FILE_ value {
		if (ONCE($1, "spamtrap"))
			conf_entries_file(&conf->spamtraps, ITEM_TRAP, &$3);
	}
	| SPAMTRAP nl list {
		if (ONCE($1, "spamtrap"))
			conf_entries(&conf->spamtraps, ITEM_TRAP, &$3);
	}
	| RESOLVER {
		targets = conf_resolver_begin(&$1);
		targets_of = "resolver";
		port = 53;
	}
	  addresses			{ conf_resolver_end(conf, &$1); }
	| LEARN nl '{' learnopts '}'
	| LEARN nl '{' learnopts error '}'	{ yyerrok; }
	| TRACK trackwhere trackopts
	| sync syncopts '}'
	| sync syncopts error '}'		{ yyerrok; }
	| firewall
	| blacklist
	| whitelist
	| on
	| SPAMD_SETUP ON value PORT value {
		conf_setup_new(conf, &$1, &$3, &$5);
	}
	| pass passopts '}'
	| pass passopts error '}'		{ yyerrok; }
	| GREYLIST nl '{' greyopts '}'
	| GREYLIST nl '{' greyopts error '}'	{ yyerrok; }
	| TARPIT nl '{' taropts '}'
	| TARPIT nl '{' taropts error '}'	{ yyerrok; }
	| LIMIT nl '{' limits '}'
	| LIMIT nl '{' limits error '}'		{ yyerrok; }
	;

domaintrap
	: /* empty */
	| ACT_TRAP_ NO			{ conf->outside_after = 0; }
	| ACT_TRAP_ AFTER value IN value {
		conf_own(conf, CB_TOP, "allowed domains trap after", &$3);
		conf_own(conf, CB_TOP, "allowed domains trap after in", &$5);
	}
	;

listen	: LISTEN ON value anyport	{
		listener = conf_listen_new(conf, &$1, &$3, &$4);
	}
	  listenopts
	;

listenopts
	: /* empty */
	| listenopts LOW_PRIORITY_MX {
		if (listener->pass)
			conf_error(&$2, "listen: low-priority-mx is not "
			    "allowed in pass { }");
		listener->low_priority_mx = 1;
	}
	| listenopts NO TLS {
		listener->no_tls = 1;
		if (listener->tls != NULL)
			conf_error(&$2, "listen: no tls is not allowed with "
			    "a certificate");
	}
	| listenopts TLS CERTIFICATE value KEY value {
		if (listener->tls != NULL)
			conf_error(&$2, "listen: certificate given twice");
		else
			conf_set_tls(&$4, &$6, &listener->tls);
		if (listener->no_tls)
			conf_error(&$2, "listen: no tls is not allowed with "
			    "a certificate");
	}
	;

pass	: PASS nl '{'			{ conf_pass_begin(conf, &$1); }
	;

passopts
	: /* empty */
	| passopts passopt
	| passopts '\n'
	| passopts error '\n'		{ yyerrok; }
	;

passopt	: setting
	| REJECT NEVER
	| MARK NEVER
	| LIMIT NEVER
	| REPLY NEVER
	| LISTEN ON value anyport {
		listener = conf_listen_new(conf, &$1, &$3, &$4);
		listener->pass = 1;
	}
	  listenopts
	| RELAY TO			{ relay = conf_relay_add(conf, &$1, 0); }
	  relayto
	| RELAY DOMAIN			{ relay = conf_relay_add(conf, &$1, 1); }
	  relaydomains TO relayto
	| STRATEGY strategies
	| RECIPIENTS FILE_ value {
		if (ONCE($1, "recipients")) {
			conf->pass->has_recipients = 1;
			conf_entries_file(&conf->pass->recipients, ITEM_RCPT,
			    &$3);
		}
	}
	| RECIPIENTS nl list {
		if (ONCE($1, "recipients")) {
			conf->pass->has_recipients = 1;
			conf_entries(&conf->pass->recipients, ITEM_RCPT, &$3);
		}
	}
	| TIMEOUT timeouts
	| MODULE value nl '{' {
		conf_module_read(conf, &$1, &$2, NULL, &last);
	}
	| MODULE value value nl '{' {
		conf_module_read(conf, &$1, &$2, &$3, &last);
	}
	;

relayto	: {
		targets = &relay->targets;
		targets_of = "relay to";
		port = 25;
	}
	  addresses relayopts
	;

relaydomains
	: value {
		struct lex_items	 one = { NULL, NULL };

		lex_items_add(&one, &$1);
		conf_entries(&relay->domains, ITEM_DOMAIN, &one);
	}
	| nl list {
		conf_entries(&relay->domains, ITEM_DOMAIN, &$2);
	}
	| FILE_ value {
		conf_entries_file(&relay->domains, ITEM_DOMAIN, &$2);
	}
	;

relayopts
	: /* empty */
	| relayopts XCLIENT {
		conf_relay_client(relay, &$2, CLIENT_XCLIENT);
	}
	| relayopts PROXY_PROTOCOL value {
		conf_relay_proxy(relay, &$2, &$3);
	}
	| relayopts TRANSPARENT {
		conf_relay_client(relay, &$2, CLIENT_TRANSPARENT);
	}
	| relayopts STARTTLS {
		conf_relay_tls(relay, &$2, RELAY_TLS, NULL);
	}
	| relayopts STARTTLS TRY {
		conf_relay_tls(relay, &$2, RELAY_TLS_TRY, NULL);
	}
	| relayopts STARTTLS VERIFY value {
		conf_relay_tls(relay, &$2, RELAY_TLS_VERIFY, &$4);
	}
	| relayopts CA value		{ conf_relay_ca(relay, &$2, &$3); }
	;

addresses
	: address
	| nl '{' addritems '}'
	| nl '{' addritems error '}'	{ yyerrok; }
	;

addritems
	: /* empty */
	| addritems address
	| addritems '\n'
	| addritems error '\n'		{ yyerrok; }
	;

address	: value				{ conf_target_add(targets, targets_of, &$1, NULL, port); }
	| value PORT value		{ conf_target_add(targets, targets_of, &$1, &$3, port); }
	;

strategies
	: strategy
	| strategies strategy
	;

strategy: class fate {
		conf_pass_strategy(conf->pass, &$1, &$2);
	}
	;

class	: WORD
	| VIRUS
	| SPAM
	;

fate	: WORD
	| REJECT
	| MARK
	;

timeouts: timeout
	| timeouts timeout
	;

timeout	: timename value	{ conf_pass_timeout(conf, &$1, &$2); }
	;

timename: WORD
	| NAME
	;

learnopts
	: /* empty */
	| learnopts learnopt
	| learnopts '\n'
	| learnopts error '\n'		{ yyerrok; }
	;

learnopt: setting
	| TRUSTED names {
		if (ONCE($1, "learn trusted"))
			conf_learn_items(&conf->learn.trusted, "trusted", &$2);
	}
	| EXCEPT names {
		if (ONCE($1, "learn except"))
			conf_learn_items(&conf->learn.except, "except", &$2);
	}
	| ACT_TRAP_ AFTER value learnbad learnfor {
		if (ONCE($1, "learn trap")) {
			conf_own(conf, CB_LEARN, "trap after", &$3);
			if ($4.text != NULL)
				conf_own(conf, CB_LEARN, "trap of bad", &$4);
		}
	}
	| ACT_TRAP_ NO {
		if (ONCE($1, "learn trap"))
			conf->learn.trap.after = 0;
	}
	| EXTEND AFTER value learngood {
		if (ONCE($1, "learn extend")) {
			conf_own(conf, CB_LEARN, "extend after", &$3);
			if ($4.text != NULL)
				conf_own(conf, CB_LEARN, "extend of good",
				    &$4);
		}
	}
	| EXTEND NO {
		if (ONCE($1, "learn extend"))
			conf->learn.extend.after = 0;
	}
	;

names	: value {
		$$.first = $$.last = NULL;
		lex_items_add(&$$, &$1);
	}
	| nl list			{ $$ = $2; }
	;

trackwhere
	: value			{ conf_track_begin(conf, &$1, NULL); }
	| value value		{ conf_track_begin(conf, &$1, &$2); }
	;

trackopts
	: /* empty */
	| trackopts INTERFACE value {
		conf_track_interface(conf->track, &$2, &$3);
	}
	| trackopts MTA names		{ conf_track_mta(conf->track, &$2, &$3); }
	| trackopts OUTBOUND yesno {
		if (ONCE($2, "track outbound"))
			conf->track->outbound = $3;
	}
	;

learnbad: /* empty */			{ memset(&$$, 0, sizeof($$)); }
	| OF BAD_ value			{ $$ = $3; }
	;

learngood
	: /* empty */			{ memset(&$$, 0, sizeof($$)); }
	| OF GOOD value			{ $$ = $3; }
	;

learnfor: /* empty */
	| FOR value		{ conf_own(conf, CB_LEARN, "trap for", &$2); }
	;

sync	: SYNC nl '{'			{ conf_sync_begin(conf, &$1); }
	;

syncopts
	: /* empty */
	| syncopts syncopt
	| syncopts '\n'
	| syncopts error '\n'		{ yyerrok; }
	;

syncopt	: setting
	| LISTEN ON value anyport {
		conf_sync_listen(conf->sync, &$3, &$4);
	}
	| PEER value anyport syncspamd {
		conf_sync_peer(conf->sync, &$2, &$3, $4);
	}
	| MULTICAST value anyport syncttl syncspamd {
		conf_sync_group(conf->sync, &$2, &$3, &$4, $5);
	}
	;

anyport	: /* empty */			{ memset(&$$, 0, sizeof($$)); }
	| PORT value			{ $$ = $2; }
	;

syncttl	: /* empty */			{ memset(&$$, 0, sizeof($$)); }
	| TTL value			{ $$ = $2; }
	;

syncspamd
	: /* empty */			{ $$ = 0; }
	| SPAMD				{ $$ = 1; }
	;

firewall
	: FIREWALL NONE {
		if (ONCE($1, "firewall"))
			conf->fw = FW_NONE;
	}
	| FIREWALL PF {
		if (ONCE($1, "firewall"))
			conf->fw = FW_PF;
	}
	| FIREWALL PF TABLE value {
		if (ONCE($1, "firewall")) {
			conf->fw = FW_PF;
			conf_fw_name(&$4, "firewall table", CONF_PF_TABLE_MAX,
			    &conf->fw_table);
		}
	}
	| FIREWALL NFTABLES {
		if (ONCE($1, "firewall"))
			conf->fw = FW_NFT;
	}
	  nftopts
	;

nftopts	: /* empty */
	| nftopts TABLE value value {
		if (ONCE($2, "firewall table")) {
			if (strcmp($3.text, "inet") != 0 &&
			    strcmp($3.text, "ip") != 0 &&
			    strcmp($3.text, "ip6") != 0)
				conf_error(&$3, "firewall table family "
				    "\"%s\": must be inet, ip or ip6", $3.text);
			else
				conf_replace(&conf->nft_family, $3.text);
			conf_fw_name(&$4, "firewall table", CONF_NFT_NAME_MAX,
			    &conf->nft_table);
		}
	}
	| nftopts SET nftsets
	;

nftsets	: nftset
	| nftsets nftset
	;

nftset	: IP4 value {
		if (ONCE($1, "firewall set ip4"))
			conf_own(conf, CB_FIREWALL, "set ip4", &$2);
	}
	| IP6 value {
		if (ONCE($1, "firewall set ip6"))
			conf_own(conf, CB_FIREWALL, "set ip6", &$2);
	}
	;

greyopts
	: /* empty */
	| greyopts greyopt
	| greyopts '\n'
	| greyopts error '\n'		{ yyerrok; }
	;

greyopt	: setting
	| NOT TO FILE_ value {
		if (ONCE($1, "not to"))
			conf_entries_file(&conf->not_to, ITEM_RCPT, &$4);
	}
	| NOT TO nl list {
		if (ONCE($1, "not to"))
			conf_entries(&conf->not_to, ITEM_RCPT, &$4);
	}
	;

taropts	: /* empty */
	| taropts taropt
	| taropts '\n'
	| taropts error '\n'		{ yyerrok; }
	;

taropt	: setting
	| STUTTER value {
		if (ONCE($1, "tarpit stutter"))
			conf_own(conf, CB_TARPIT, "stutter", &$2);
	}
	| STUTTER value FOR value {
		if (ONCE($1, "tarpit stutter")) {
			conf_own(conf, CB_TARPIT, "stutter", &$2);
			conf_own(conf, CB_TARPIT, "stutter for", &$4);
		}
	}
	| STUTTER NO {
		if (ONCE($1, "tarpit stutter"))
			conf->stutter_ms = 0;
	}
	;

limits	: /* empty */
	| limits setting
	| limits '\n'
	| limits error '\n'		{ yyerrok; }
	;

blacklist
	: BLACKLIST value { list = conf_list_new(conf, &$2, LIST_BLACK); }
	  source blackopts
	;

source	: FILE_ value		{ conf_list_source(list, SRC_FILE, &$2); }
	| COMMAND value		{ conf_list_source(list, SRC_COMMAND, &$2); }
	| URL value		{ conf_list_source(list, SRC_URL, &$2); }
	;

blackopts
	: /* empty */
	| blackopts MESSAGE value {
		if (ONCE_OF($2, "blacklist \"%s\": message", list->name))
			conf_template(&$3, "message", "A", &list->message);
	}
	| blackopts REPLY value {
		if (ONCE_OF($2, "blacklist \"%s\": reply", list->name))
			conf_reply_code(&$3, "blacklist reply",
			    &list->reply);
	}
	| blackopts EXCEPT value {
		struct lex_items	 one = { NULL, NULL };

		lex_items_add(&one, &$3);
		conf_entries(&list->except, ITEM_NAME, &one);
	}
	| blackopts EXCEPT list {
		conf_entries(&list->except, ITEM_NAME, &$3);
	}
	| blackopts TABLE value		{ conf_list_table(list, &$2, &$3); }
	| blackopts TIMEOUT value	{ conf_list_timeout(list, &$2, &$3); }
	;

whitelist
	: WHITELIST value { list = conf_list_new(conf, &$2, LIST_WHITE); }
	  source whiteopts
	;

whiteopts
	: /* empty */
	| whiteopts NO SCAN {
		if (ONCE_OF($2, "whitelist \"%s\": no scan", list->name))
			list->no_scan = 1;
	}
	| whiteopts TIMEOUT value	{ conf_list_timeout(list, &$2, &$3); }
	;

on	: ON event action reactopts
	;

event	: EARLY_TALKER		{ reaction_begin(&$1, EVENT_EARLY_TALKER); }
	| PIPELINING		{ reaction_begin(&$1, EVENT_PIPELINING); }
	| BARE_LF		{ reaction_begin(&$1, EVENT_BARE_LF); }
	| FOREIGN_COMMAND	{ reaction_begin(&$1, EVENT_FOREIGN_COMMAND); }
	| HTTP_COMMAND		{ reaction_begin(&$1, EVENT_HTTP_COMMAND); }
	| DICTIONARY		{ reaction_begin(&$1, EVENT_DICTIONARY); }
	| VIRUS			{ reaction_begin(&$1, EVENT_VIRUS); }
	| SPAM			{ reaction_begin(&$1, EVENT_SPAM); }
	;

action	: ACT_LOG_		{ reaction->action = ACT_LOG; }
	| ACT_TRAP_		{ reaction->action = ACT_TRAP; }
	| ACT_DEMOTE_		{ reaction->action = ACT_DEMOTE; }
	;

reactopts
	: /* empty */
	| reactopts FOR value {
		if (reaction->action != ACT_TRAP)
			conf_error(&$2, "on: \"for\" is allowed only with "
			    "trap");
		else if (ONCE_OF($2, "on %s: for", REACTION_NAME))
			conf_time(&$3, "trap for", 1, CONF_TIME_MAX,
			    &reaction->trap_for);
	}
	| reactopts AFTER value IN value {
		if (reaction->action == ACT_LOG)
			conf_error(&$2, "on: \"after\" is not allowed with "
			    "log");
		if (ONCE_OF($2, "on %s: after", REACTION_NAME)) {
			conf_number(&$3, "after", 1, 1000, &reaction->after);
			conf_time(&$5, "after in", 1, 7 * 86400,
			    &reaction->within);
		}
	}
	| reactopts OF BAD_ value {
		if (ONCE_OF($2, "on %s: of bad", REACTION_NAME))
			conf_percent(&$4, "of bad", &reaction->bad);
	}
	;

%%

struct keyword {
	const char	*name;
	int		 token;
};

/*
 * The words of statements, sorted for bsearch; each is in spamgreyd.conf(5).  The
 * names of settings are in schema.h.
 */
static const struct keyword keywords[] = {
	{ "after",		AFTER },
	{ "allowed",		ALLOWED },
	{ "bad",		BAD_ },
	{ "bare-lf",		BARE_LF },
	{ "blacklist",		BLACKLIST },
	{ "ca",			CA },
	{ "certificate",	CERTIFICATE },
	{ "command",		COMMAND },
	{ "demote",		ACT_DEMOTE_ },
	{ "dictionary",		DICTIONARY },
	{ "domain",		DOMAIN },
	{ "domains",		DOMAINS },
	{ "early-talker",	EARLY_TALKER },
	{ "except",		EXCEPT },
	{ "extend",		EXTEND },
	{ "file",		FILE_ },
	{ "firewall",		FIREWALL },
	{ "for",		FOR },
	{ "foreign-command",	FOREIGN_COMMAND },
	{ "good",		GOOD },
	{ "greylist",		GREYLIST },
	{ "http-command",	HTTP_COMMAND },
	{ "in",			IN },
	{ "include",		INCLUDE },
	{ "interface",		INTERFACE },
	{ "ip4",		IP4 },
	{ "ip6",		IP6 },
	{ "key",		KEY },
	{ "learn",		LEARN },
	{ "limit",		LIMIT },
	{ "listen",		LISTEN },
	{ "log",		ACT_LOG_ },
	{ "low-priority-mx",	LOW_PRIORITY_MX },
	{ "mark",		MARK },
	{ "message",		MESSAGE },
	{ "module",		MODULE },
	{ "mta",		MTA },
	{ "multicast",		MULTICAST },
	{ "nftables",		NFTABLES },
	{ "no",			NO },
	{ "none",		NONE },
	{ "not",		NOT },
	{ "of",			OF },
	{ "on",			ON },
	{ "outbound",		OUTBOUND },
	{ "pass",		PASS },
	{ "peer",		PEER },
	{ "per",		PER },
	{ "pf",			PF },
	{ "pipelining",		PIPELINING },
	{ "port",		PORT },
	{ "proxy-protocol",	PROXY_PROTOCOL },
	{ "recipients",		RECIPIENTS },
	{ "reject",		REJECT },
	{ "relay",		RELAY },
	{ "reply",		REPLY },
	{ "resolver",		RESOLVER },
	{ "restart",		RESTART },
	{ "scan",		SCAN },
	{ "set",		SET },
	{ "spam",		SPAM },
	{ "spamd",		SPAMD },
	{ "spamd-setup",	SPAMD_SETUP },
	{ "spamtrap",		SPAMTRAP },
	{ "starttls",		STARTTLS },
	{ "strategy",		STRATEGY },
	{ "strict",		STRICT },
	{ "stutter",		STUTTER },
	{ "sync",		SYNC },
	{ "table",		TABLE },
	{ "tarpit",		TARPIT },
	{ "timeout",		TIMEOUT },
	{ "tls",		TLS },
	{ "to",			TO },
	{ "track",		TRACK },
	{ "transparent",	TRANSPARENT },
	{ "trap",		ACT_TRAP_ },
	{ "trusted",		TRUSTED },
	{ "try",		TRY },
	{ "ttl",		TTL },
	{ "url",		URL },
	{ "verify",		VERIFY },
	{ "virus",		VIRUS },
	{ "whitelist",		WHITELIST },
	{ "xclient",		XCLIENT },
	{ "yes",		YES },
};

static int
keyword_cmp(const void *name, const void *k)
{
	return (strcmp(name, ((const struct keyword *)k)->name));
}

/* NULL: it is not a word of a statement. */
static const struct keyword *
keyword_find(const char *name)
{
	return (bsearch(name, keywords, sizeof(keywords) / sizeof(keywords[0]),
	    sizeof(keywords[0]), keyword_cmp));
}

/* Is it reserved, for the grammar or for a setting of the schema? */
static int
is_keyword(const char *word)
{
	return (keyword_find(word) != NULL || conf_is_reserved(word));
}

/* The token of a bare word (last).  Names of settings come first, because some of
 * their words are keywords of statements in other places. */
static int
word_token(void)
{
	const struct keyword		*k = keyword_find(last.text);
	const struct conf_scalar	*row;
	enum conf_names			 found;
	static const int		 tokens[] = {
		[NAME_SETTING] = SETTING, [NAME_FLAG] = FLAG,
		[NAME_BEGUN] = BEGUN, [NAME_VALUE] = ARG, [NAME_OTHER] = NAME
	};

	if (last.assigns && last.depth == 0)
		return (MACRO);
	if ((found = conf_names_word(&last, k != NULL, &row)) == NAME_NONE)
		return (k != NULL ? k->token : WORD);
	if (row != NULL)
		yylval.set.row = row;
	return (tokens[found]);
}

/*
 * The next token, which the forms of forms.c and the names of names.c
 * are told of too.  After a syntax error it is the end of the statement.
 */
int
yylex(void)
{
	conf_names_told();
	if (skip) {
		lex_rest(&last, last.depth);
		conf_names_begin();
		skip = 0;
	} else
		lex_next(&last);
	conf_line_token(&last);
	yylval.tok = last;
	switch (last.kind) {
	case LEX_WORD:
		return (word_token());
	case LEX_STRING:
		return (conf_names_string() ? ARG : STRING);
	default:
		break;
	}
	conf_names_begin();
	return (last.kind == LEX_EOF ? 0 : last.kind == LEX_NEWLINE ? '\n' :
	    last.kind == LEX_PUNCT ? *last.text : BAD);
}

/* yacc found a token that is not grammar.  Its own text says nothing useful. */
void
yyerror(const char *why)
{
	if (strncmp(why, "syntax", 6) != 0)	/* its stack */
		fatalx("configuration: no memory");
	if (last.kind != LEX_BAD)	/* the lexer has reported that */
		conf_syntax(&last, last.kind == LEX_WORD &&
		    is_keyword(last.text));
	/* The token that ends a line or a block must not be dropped. */
	if (last.kind == LEX_EOF || last.kind == LEX_NEWLINE ||
	    (last.kind == LEX_PUNCT && *last.text == '}'))
		return;
	skip = 1;
}

/* The beginning of `on EVENT'; its action and the options follow. */
static void
reaction_begin(const struct lex_token *at, enum host_event event)
{
	conf_once(at, "on %s", at->text);
	reaction = &conf->reaction[event];
	memset(reaction, 0, sizeof(*reaction));
	reaction->after = 1;
	reaction->set = 1;
}

/* name = value.  Reported when the name is a keyword: "hostname = x" is the usual
 * mistake, and its value must not become a macro unseen. */
static void
macro_set(const struct lex_token *name)
{
	if (is_keyword(name->text))
		conf_error(name, "\"%s\" is a keyword and cannot be the name "
		    "of a macro; write a setting without \"=\"",
		    name->text);
	else if (!isalpha((unsigned char)*name->text) && *name->text != '_')
		conf_error(name, "\"%s\": the name of a macro must begin "
		    "with a letter or an underscore", name->text);
	lex_macro(name);
	conf_line_begin();
}

/* Reads everything that the lexer was given into c. */
int
conf_grammar(struct config *c)
{
	int	r;

	conf = c;
	skip = 0;
	conf_forms_begin();
	conf_names_begin();
	conf_line_begin();
	r = yyparse();
	conf = NULL;
	return (r);
}
