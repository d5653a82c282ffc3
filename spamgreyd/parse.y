/*
 * The grammar of spamgreyd.conf(5).  Tokens come from conf_lex.c, values are
 * judged by conf_value.c and conf_entries.c, the whole by conf_check.c; here
 * is only what may follow what, and where it goes.
 *
 * A wrong value is reported and left at its default; only what is not
 * grammar at all is a yacc error, after which the rest of the statement is
 * dropped.  So one run finds all errors.
 */
%{
#include <sys/types.h>
#include <sys/queue.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/log.h"
#include "conf_parse.h"

static struct config		*conf;
static struct conf_list		*list;		/* the statement being read */
static struct conf_listen	*listener;
static struct conf_reaction	*reaction;
static struct conf_relay	*relay;
static struct conf_targets	*targets;	/* where addresses go */
static const char		*targets_of;	/* … and of what they are */
static uint16_t			 port;		/* … that name no port */
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
}

%token	<tok> ACT_DEMOTE_ ACT_LOG_ ACT_TRAP_ ADMIT AFTER ALLOWED
%token	<tok> BAD_ BAD_COMMANDS BARE_LF BLACKLIST CACHE CERTIFICATE CONNECTIONS
%token	<tok> CONTACT CONTROL DATABASE DIRECTORY DOMAINS EARLY_TALKER EXCEPT
%token	<tok> FILE_ FIREWALL FOR FOREIGN_COMMAND FRONT GREY GREYLIST
%token	<tok> GREY_PER_HOST GREY_PER_NETWORK HELO HOSTNAME HTTP_COMMAND IDLE
%token	<tok> IDLE_STRESS IN INCLUDE IP4 IP6 KEY LIMIT LINE LISTEN
%token	<tok> LOW_PRIORITY_MX MATCH MESSAGE MESSAGE_SIZE NFTABLES NO NONE NOT
%token	<tok> RECEIVED RULES
%token	<tok> ON PASS PER PER_HOST PER_NETWORK PF PIPELINING PORT RECIPIENTS
%token	<tok> REPLY RESTART SESSION SET SOCKET SPAMTRAP STATE STUTTER TABLE
%token	<tok> TARPIT TLS TO TRAPPED WHITE WHITELIST
%token	<tok> AUTO DICTIONARY OF SPAM VIRUS
%token	<tok> AT BARE_NEWLINE CA CHECK CONNECT DOMAIN EARLY HANDOVER MARK
%token	<tok> MEMORY MODULE NORMALISE PROXY_PROTOCOL REJECT RELAY RESOLVER
%token	<tok> SCAN SESSIONS SPOOL STARTTLS STRATEGY SUBJECT TIMEOUT TRANSPARENT
%token	<tok> TRIES TRY CLIENT_NAME NETWORK TLS_PER_NETWORK FILES
%token	<tok> VERIFY XCLIENT YES
%token	<tok> LOCAL PART ROUTES
%token	<tok> COMMAND SPAMD_SETUP URL
%token	<tok> DECAY EXTEND GOOD LEARN TRUSTED
%token	<tok> INTERFACE MTA OUTBOUND TRACK
%token	<tok> ACCEPT MULTICAST PEER SPAMD SYNC TTL
%token	<tok> WORD STRING MACRO BAD
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

statement
	: HOSTNAME value {
		if (ONCE($1, "hostname"))
			conf_hostname(&$2, &conf->hostname);
	}
	| STATE DIRECTORY value {
		if (ONCE($1, "state directory"))
			conf_path(&$3, "state directory", &conf->statedir);
	}
	| CONTROL SOCKET value {
		if (ONCE($1, "control socket"))
			conf_path(&$3, "control socket", &conf->socket);
	}
	| RESTART value PER value {
		if (ONCE($1, "restart")) {
			conf_number(&$2, "restart", 1, 1000,
			    &conf->restart_max);
			conf_time(&$4, "restart per", 1, 86400,
			    &conf->restart_within);
		}
	}
	| RESTART NO {
		if (ONCE($1, "restart"))
			conf->restart_max = 0;
	}
	| CONTACT value {
		if (ONCE($1, "contact"))
			conf_contact(&$2, &conf->contact);
	}
	| FRONT value {
		conf_set_number(&$1, &$2, "front", 1, CONF_FRONTS_MAX,
		    &conf->fronts);
	}
	| DATABASE CACHE value {
		if (ONCE($1, "database cache"))
			conf_size(&$3, "database cache", 1024 * 1024,
			    UINT64_C(1) << 40, &conf->cache);
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
	| LOCAL PART ROUTES yesno {
		if (ONCE($1, "local part routes"))
			conf->local_routes = $4;
	}
	| SPAMTRAP FILE_ value {
		if (ONCE($1, "spamtrap"))
			conf_entries_file(&conf->spamtraps, ITEM_TRAP, &$3);
	}
	| SPAMTRAP nl list {
		if (ONCE($1, "spamtrap"))
			conf_entries(&conf->spamtraps, ITEM_TRAP, &$3);
	}
	| HANDOVER yesno {
		if (ONCE($1, "handover"))
			conf->handover = $2;
	}
	| ACT_LOG_ SPAMD {
		if (ONCE($1, "log spamd"))
			conf->log_spamd = 1;
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
		conf_number(&$3, "allowed domains trap after", 1,
		    CONF_OUTSIDE_MAX, &conf->outside_after);
		conf_time(&$5, "allowed domains trap after in", 1, 7 * 86400,
		    &conf->outside_within);
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
			conf_error(&$2, "listen: low-priority-mx is for "
			    "listeners of front, outside of pass");
		listener->low_priority_mx = 1;
	}
	| listenopts NO TLS {
		listener->no_tls = 1;
		if (listener->tls != NULL)
			conf_error(&$2, "listen: both no tls and a "
			    "certificate");
	}
	| listenopts TLS CERTIFICATE value KEY value {
		if (listener->tls != NULL)
			conf_error(&$2, "listen: two certificates");
		else
			conf_set_tls(&$4, &$6, &listener->tls);
		if (listener->no_tls)
			conf_error(&$2, "listen: both no tls and a "
			    "certificate");
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

passopt	: LISTEN ON value anyport {
		listener = conf_listen_new(conf, &$1, &$3, &$4);
		listener->pass = 1;
	}
	  listenopts
	| RELAY TO			{ relay = conf_relay_add(conf, &$1, 0); }
	  relayto
	| RELAY DOMAIN			{ relay = conf_relay_add(conf, &$1, 1); }
	  relaydomains TO relayto
	| RELAY CHECK yesno {
		if (ONCE($1, "relay check"))
			conf->pass->relay_check = $3;
	}
	| REPLY RULES yesno {
		if (ONCE($1, "reply rules"))
			conf->pass->reply_rules = $3;
	}
	| RELAY CONNECT EARLY {
		if (ONCE($1, "relay connect"))
			conf->pass->early = 1;
	}
	| REJECT AT value {
		conf_set_points(&$1, &$3, "reject at", &conf->pass->reject_at);
	}
	| REJECT AT NO {
		conf_set_points(&$1, NULL, "reject at", &conf->pass->reject_at);
	}
	| MARK AT value {
		conf_set_points(&$1, &$3, "mark at", &conf->pass->mark_at);
	}
	| MARK AT NO {
		conf_set_points(&$1, NULL, "mark at", &conf->pass->mark_at);
	}
	| MARK SUBJECT value {
		if (ONCE($1, "mark subject"))
			conf_subject(&$3, &conf->pass->subject_tag);
	}
	| MARK SUBJECT NO {
		if (ONCE($1, "mark subject"))
			conf->pass->subject_tag = NULL;
	}
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
	| LIMIT SESSIONS value {
		conf_set_number(&$1, &$3, "limit sessions", 1,
		    CONF_CONNECTIONS_MAX, &conf->pass->sessions);
	}
	| LIMIT SESSIONS AUTO {
		if (ONCE($1, "limit sessions"))
			conf->pass->sessions = 0;
	}
	| LIMIT PER_HOST value {
		conf_set_number(&$1, &$3, "pass limit per-host", 1,
		    CONF_CONNECTIONS_MAX, &conf->pass->per_host);
	}
	| LIMIT PER_HOST AUTO {
		if (ONCE($1, "pass limit per-host"))
			conf->pass->per_host = 0;
	}
	| LIMIT PER_NETWORK value {
		conf_set_number(&$1, &$3, "pass limit per-network", 1,
		    CONF_CONNECTIONS_MAX, &conf->pass->per_network);
	}
	| LIMIT PER_NETWORK AUTO {
		if (ONCE($1, "pass limit per-network"))
			conf->pass->per_network = 0;
	}
	| LIMIT RECEIVED value {
		conf_set_number(&$1, &$3, "limit received", 30,
		    CONF_RECEIVED_MAX, &conf->pass->received);
	}
	| TRIES value {
		conf_set_number(&$1, &$2, "tries", 1, CONF_TARGETS_MAX,
		    &conf->pass->tries);
	}
	| SPOOL spools
	| BARE_NEWLINE NORMALISE {
		if (ONCE($1, "bare-newline"))
			conf->pass->reject_newlines = 0;
	}
	| BARE_NEWLINE REJECT {
		if (ONCE($1, "bare-newline"))
			conf->pass->reject_newlines = 1;
	}
	| SESSION value {
		conf_set_time(&$1, &$2, "session", &conf->pass->session);
	}
	| SCAN value {
		if (ONCE($1, "scan"))
			conf_time(&$2, "scan", 1, CONF_SCAN_MAX,
			    &conf->pass->scan);
	}
	| CLIENT_NAME value {
		if (ONCE($1, "client-name"))
			conf_time(&$2, "client-name", 1, CONF_CLIENT_NAME_MAX,
			    &conf->pass->client_name);
	}
	| CLIENT_NAME NO {
		if (ONCE($1, "client-name"))
			conf->pass->client_name = 0;
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

spools	: spool
	| spools spool
	;

spool	: MEMORY value {
		if (ONCE($1, "spool memory"))
			conf_size(&$2, "spool memory", 1024 * 1024,
			    UINT64_C(1) << 40, &conf->pass->spool_memory);
	}
	| FILES value {
		if (ONCE($1, "spool files"))
			conf_size(&$2, "spool files", 1024 * 1024,
			    UINT64_C(1) << 50, &conf->pass->spool_files);
	}
	| FILES AUTO {
		if (ONCE($1, "spool files"))
			conf->pass->spool_files = 0;
	}
	| MESSAGE value {
		if (ONCE($1, "spool message"))
			conf_size(&$2, "spool message", 1024,
			    UINT64_C(1) << 30, &conf->pass->spool_message);
	}
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

timeout	: timename value		{ conf_pass_timeout(conf->pass, &$1, &$2); }
	;

timename: WORD
	| CONNECT
	;

learnopts
	: /* empty */
	| learnopts learnopt
	| learnopts '\n'
	| learnopts error '\n'		{ yyerrok; }
	;

learnopt: TRUSTED names {
		if (ONCE($1, "learn trusted"))
			conf_learn_items(&conf->learn.trusted, "trusted", &$2);
	}
	| EXCEPT names {
		if (ONCE($1, "learn except"))
			conf_learn_items(&conf->learn.except, "except", &$2);
	}
	| DECAY value {
		conf_set_time(&$1, &$2, "learn decay", &conf->learn.decay);
	}
	| ACT_TRAP_ AFTER value learnbad learnfor {
		if (ONCE($1, "learn trap"))
			conf_learn_rule(&conf->learn.trap, "trap", &$3,
			    $4.text == NULL ? NULL : &$4);
	}
	| ACT_TRAP_ NO {
		if (ONCE($1, "learn trap"))
			conf->learn.trap.after = 0;
	}
	| EXTEND AFTER value learngood {
		if (ONCE($1, "learn extend"))
			conf_learn_rule(&conf->learn.extend, "extend", &$3,
			    $4.text == NULL ? NULL : &$4);
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
	| FOR value {
		conf_time(&$2, "trap for", 1, CONF_TIME_MAX,
		    &conf->learn.trap_for);
	}
	;

sync	: SYNC nl '{'			{ conf_sync_begin(conf, &$1); }
	;

syncopts
	: /* empty */
	| syncopts syncopt
	| syncopts '\n'
	| syncopts error '\n'		{ yyerrok; }
	;

syncopt	: LISTEN ON value anyport {
		conf_sync_listen(conf->sync, &$3, &$4);
	}
	| KEY value {
		if (ONCE($1, "sync key"))
			conf_path(&$2, "sync key", &conf->sync->key_file);
	}
	| PEER value anyport syncspamd {
		conf_sync_peer(conf->sync, &$2, &$3, $4);
	}
	| MULTICAST value anyport syncttl syncspamd {
		conf_sync_group(conf->sync, &$2, &$3, &$4, $5);
	}
	| ACCEPT SPAMD {
		if (ONCE($1, "sync accept spamd"))
			conf->sync->accept_v2 = 1;
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
			conf_fw_name(&$4, "table", CONF_PF_TABLE_MAX,
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
				conf_error(&$3, "table family \"%s\": must be "
				    "inet, ip or ip6", $3.text);
			else
				conf_replace(&conf->nft_family, $3.text);
			conf_fw_name(&$4, "table", CONF_NFT_NAME_MAX,
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
			conf_fw_name(&$2, "set", CONF_NFT_NAME_MAX,
			    &conf->nft_set4);
	}
	| IP6 value {
		if (ONCE($1, "firewall set ip6"))
			conf_fw_name(&$2, "set", CONF_NFT_NAME_MAX,
			    &conf->nft_set6);
	}
	;

greyopts
	: /* empty */
	| greyopts greyopt
	| greyopts '\n'
	| greyopts error '\n'		{ yyerrok; }
	;

greyopt	: PASS value	{ conf_set_time(&$1, &$2, "pass", &conf->grey.pass); }
	| GREY value	{ conf_set_time(&$1, &$2, "grey", &conf->grey.grey); }
	| WHITE value	{ conf_set_time(&$1, &$2, "white", &conf->grey.white); }
	| TRAPPED value	{
		conf_set_time(&$1, &$2, "trapped", &conf->grey.trapped);
	}
	| MATCH matches
	| ADMIT admits
	| NOT TO FILE_ value {
		if (ONCE($1, "not to"))
			conf_entries_file(&conf->not_to, ITEM_RCPT, &$4);
	}
	| NOT TO nl list {
		if (ONCE($1, "not to"))
			conf_entries(&conf->not_to, ITEM_RCPT, &$4);
	}
	| REPLY value {
		if (ONCE($1, "greylist reply"))
			conf_grey_reply(&$2, &conf->grey_reply);
	}
	;

networkcuts
	: networkcut
	| networkcuts networkcut
	;

networkcut
	: IP4 value {
		conf_set_prefixlen(&$1, &$2, "limit network ip4", 32,
		    &conf->limit.network.ip4);
	}
	| IP6 value {
		conf_set_prefixlen(&$1, &$2, "limit network ip6", 128,
		    &conf->limit.network.ip6);
	}
	;

matches	: match
	| matches match
	;

match	: IP4 value {
		conf_set_prefixlen(&$1, &$2, "match ip4", 32, &conf->grey.match.ip4);
	}
	| IP6 value {
		conf_set_prefixlen(&$1, &$2, "match ip6", 128,
		    &conf->grey.match.ip6);
	}
	| HELO {
		if (ONCE($1, "match helo"))
			conf->grey.match_helo = 1;
	}
	;

admits	: admit
	| admits admit
	;

admit	: IP4 value {
		conf_set_prefixlen(&$1, &$2, "admit ip4", 32, &conf->grey.admit.ip4);
	}
	| IP6 value {
		conf_set_prefixlen(&$1, &$2, "admit ip6", 128,
		    &conf->grey.admit.ip6);
	}
	;

taropts	: /* empty */
	| taropts taropt
	| taropts '\n'
	| taropts error '\n'		{ yyerrok; }
	;

taropt	: STUTTER value {
		if (ONCE($1, "stutter"))
			conf_time_ms(&$2, "stutter", &conf->stutter_ms);
	}
	| STUTTER value FOR value {
		if (ONCE($1, "stutter")) {
			conf_time_ms(&$2, "stutter", &conf->stutter_ms);
			conf_time(&$4, "stutter for", 0, 3600,
			    &conf->stutter_grey);
		}
	}
	| STUTTER NO {
		if (ONCE($1, "stutter"))
			conf->stutter_ms = 0;
	}
	| MESSAGE value {
		if (ONCE($1, "tarpit message"))
			conf_template(&$2, "tarpit message", "A",
			    &conf->trap_message);
	}
	| REPLY value {
		if (ONCE($1, "tarpit reply"))
			conf_reply_code(&$2, &conf->trap_reply);
	}
	;

limits	: /* empty */
	| limits limit
	| limits '\n'
	| limits error '\n'		{ yyerrok; }
	;

limit	: CONNECTIONS value {
		conf_set_number(&$1, &$2, "limit connections", 1,
		    CONF_CONNECTIONS_MAX, &conf->limit.connections);
	}
	| CONNECTIONS AUTO {
		if (ONCE($1, "limit connections"))
			conf->limit.connections = 0;
	}
	| PER_HOST value {
		conf_set_number(&$1, &$2, "limit per-host", 1,
		    CONF_CONNECTIONS_MAX, &conf->limit.per_host);
	}
	| PER_NETWORK value {
		conf_set_number(&$1, &$2, "limit per-network", 1,
		    CONF_CONNECTIONS_MAX, &conf->limit.per_network);
	}
	| NETWORK networkcuts
	| TLS_PER_NETWORK value {
		conf_set_number(&$1, &$2, "limit tls-per-network", 1,
		    CONF_CONNECTIONS_MAX, &conf->limit.tls_per_network);
	}
	| TLS_PER_NETWORK AUTO {
		if (ONCE($1, "limit tls-per-network"))
			conf->limit.tls_per_network = 0;
	}
	| TLS value {
		conf_set_number(&$1, &$2, "limit tls", 0, CONF_CONNECTIONS_MAX,
		    &conf->limit.tls);
	}
	| BAD_COMMANDS value {
		conf_set_number(&$1, &$2, "limit bad-commands", 1, 1000,
		    &conf->limit.bad_commands);
	}
	| LINE value {
		conf_set_number(&$1, &$2, "limit line", 512, 8192,
		    &conf->limit.line);
	}
	| RECIPIENTS value {
		conf_set_number(&$1, &$2, "limit recipients", 1, 10000,
		    &conf->limit.recipients);
	}
	| GREY_PER_NETWORK value {
		conf_set_number(&$1, &$2, "limit grey-per-network", 1, UINT32_MAX,
		    &conf->limit.grey_per_network);
	}
	| GREY_PER_HOST value {
		conf_set_number(&$1, &$2, "limit grey-per-host", 1, UINT32_MAX,
		    &conf->limit.grey_per_host);
	}
	| IDLE value {
		conf_set_time(&$1, &$2, "limit idle", &conf->limit.idle);
	}
	| IDLE_STRESS value {
		conf_set_time(&$1, &$2, "limit idle-stress",
		    &conf->limit.idle_stress);
	}
	| SESSION sessions
	| MESSAGE_SIZE value {
		if (ONCE($1, "limit message-size"))
			conf_size(&$2, "limit message-size", 64 * 1024,
			    UINT64_C(1) << 40, &conf->limit.message_size);
	}
	| MESSAGE_SIZE NO {
		if (ONCE($1, "limit message-size"))
			conf->limit.message_size = 0;
	}
	;

sessions: session
	| sessions session
	;

session	: GREY value {
		conf_set_time(&$1, &$2, "limit session grey",
		    &conf->limit.session_grey);
	}
	| TRAPPED value {
		conf_set_time(&$1, &$2, "limit session trapped",
		    &conf->limit.session_trapped);
	}
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
			conf_reply_code(&$3, &list->reply);
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
			conf_error(&$2, "on: only trap has a for");
		else if (ONCE_OF($2, "on %s: for", REACTION_NAME))
			conf_time(&$3, "trap for", 1, CONF_TIME_MAX,
			    &reaction->trap_for);
	}
	| reactopts AFTER value IN value {
		if (reaction->action == ACT_LOG)
			conf_error(&$2, "on: log has no after");
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

/* Sorted, for bsearch.  Each stands in spamgreyd.conf(5). */
static const struct keyword keywords[] = {
	{ "accept",		ACCEPT },
	{ "admit",		ADMIT },
	{ "after",		AFTER },
	{ "allowed",		ALLOWED },
	{ "at",			AT },
	{ "auto",		AUTO },
	{ "bad",		BAD_ },
	{ "bad-commands",	BAD_COMMANDS },
	{ "bare-lf",		BARE_LF },
	{ "bare-newline",	BARE_NEWLINE },
	{ "blacklist",		BLACKLIST },
	{ "ca",			CA },
	{ "cache",		CACHE },
	{ "certificate",	CERTIFICATE },
	{ "check",		CHECK },
	{ "client-name",	CLIENT_NAME },
	{ "command",		COMMAND },
	{ "connect",		CONNECT },
	{ "connections",	CONNECTIONS },
	{ "contact",		CONTACT },
	{ "control",		CONTROL },
	{ "database",		DATABASE },
	{ "decay",		DECAY },
	{ "demote",		ACT_DEMOTE_ },
	{ "dictionary",		DICTIONARY },
	{ "directory",		DIRECTORY },
	{ "domain",		DOMAIN },
	{ "domains",		DOMAINS },
	{ "early",		EARLY },
	{ "early-talker",	EARLY_TALKER },
	{ "except",		EXCEPT },
	{ "extend",		EXTEND },
	{ "file",		FILE_ },
	{ "files",		FILES },
	{ "firewall",		FIREWALL },
	{ "for",		FOR },
	{ "foreign-command",	FOREIGN_COMMAND },
	{ "front",		FRONT },
	{ "good",		GOOD },
	{ "grey",		GREY },
	{ "grey-per-host",	GREY_PER_HOST },
	{ "grey-per-network",	GREY_PER_NETWORK },
	{ "greylist",		GREYLIST },
	{ "handover",		HANDOVER },
	{ "helo",		HELO },
	{ "hostname",		HOSTNAME },
	{ "http-command",	HTTP_COMMAND },
	{ "idle",		IDLE },
	{ "idle-stress",	IDLE_STRESS },
	{ "in",			IN },
	{ "include",		INCLUDE },
	{ "interface",		INTERFACE },
	{ "ip4",		IP4 },
	{ "ip6",		IP6 },
	{ "key",		KEY },
	{ "learn",		LEARN },
	{ "limit",		LIMIT },
	{ "line",		LINE },
	{ "listen",		LISTEN },
	{ "local",		LOCAL },
	{ "log",		ACT_LOG_ },
	{ "low-priority-mx",	LOW_PRIORITY_MX },
	{ "mark",		MARK },
	{ "match",		MATCH },
	{ "memory",		MEMORY },
	{ "message",		MESSAGE },
	{ "message-size",	MESSAGE_SIZE },
	{ "module",		MODULE },
	{ "mta",		MTA },
	{ "multicast",		MULTICAST },
	{ "network",		NETWORK },
	{ "nftables",		NFTABLES },
	{ "no",			NO },
	{ "none",		NONE },
	{ "normalise",		NORMALISE },
	{ "not",		NOT },
	{ "of",			OF },
	{ "on",			ON },
	{ "outbound",		OUTBOUND },
	{ "part",		PART },
	{ "pass",		PASS },
	{ "peer",		PEER },
	{ "per",		PER },
	{ "per-host",		PER_HOST },
	{ "per-network",	PER_NETWORK },
	{ "pf",			PF },
	{ "pipelining",		PIPELINING },
	{ "port",		PORT },
	{ "proxy-protocol",	PROXY_PROTOCOL },
	{ "received",		RECEIVED },
	{ "recipients",		RECIPIENTS },
	{ "reject",		REJECT },
	{ "relay",		RELAY },
	{ "reply",		REPLY },
	{ "resolver",		RESOLVER },
	{ "restart",		RESTART },
	{ "routes",		ROUTES },
	{ "rules",		RULES },
	{ "scan",		SCAN },
	{ "session",		SESSION },
	{ "sessions",		SESSIONS },
	{ "set",		SET },
	{ "socket",		SOCKET },
	{ "spam",		SPAM },
	{ "spamd",		SPAMD },
	{ "spamd-setup",	SPAMD_SETUP },
	{ "spamtrap",		SPAMTRAP },
	{ "spool",		SPOOL },
	{ "starttls",		STARTTLS },
	{ "state",		STATE },
	{ "strategy",		STRATEGY },
	{ "stutter",		STUTTER },
	{ "subject",		SUBJECT },
	{ "sync",		SYNC },
	{ "table",		TABLE },
	{ "tarpit",		TARPIT },
	{ "timeout",		TIMEOUT },
	{ "tls",		TLS },
	{ "tls-per-network",	TLS_PER_NETWORK },
	{ "to",			TO },
	{ "track",		TRACK },
	{ "transparent",	TRANSPARENT },
	{ "trap",		ACT_TRAP_ },
	{ "trapped",		TRAPPED },
	{ "tries",		TRIES },
	{ "trusted",		TRUSTED },
	{ "try",		TRY },
	{ "ttl",		TTL },
	{ "url",		URL },
	{ "verify",		VERIFY },
	{ "virus",		VIRUS },
	{ "white",		WHITE },
	{ "whitelist",		WHITELIST },
	{ "xclient",		XCLIENT },
	{ "yes",		YES },
};

static int
keyword_cmp(const void *name, const void *k)
{
	return (strcmp(name, ((const struct keyword *)k)->name));
}

static const struct keyword *
keyword_find(const char *name)
{
	return (bsearch(name, keywords, sizeof(keywords) / sizeof(keywords[0]),
	    sizeof(keywords[0]), keyword_cmp));
}

int
yylex(void)
{
	const struct keyword	*k;

	if (skip) {
		lex_rest(&last, last.depth);
		skip = 0;
	} else
		lex_next(&last);
	conf_line_token(&last);
	yylval.tok = last;
	switch (last.kind) {
	case LEX_EOF:
		return (0);
	case LEX_NEWLINE:
		return ('\n');
	case LEX_PUNCT:
		return (*last.text);
	case LEX_STRING:
		return (STRING);
	case LEX_BAD:
		return (BAD);
	case LEX_WORD:
		break;
	}
	if (last.assigns && last.depth == 0)
		return (MACRO);
	return ((k = keyword_find(last.text)) != NULL ? k->token : WORD);
}

void
yyerror(const char *why)
{
	(void)why;
	if (last.kind != LEX_BAD)	/* that is said already */
		conf_syntax(&last, last.kind == LEX_WORD &&
		    keyword_find(last.text) != NULL);
	/* A line or a block still ends where it ends. */
	if (last.kind == LEX_EOF || last.kind == LEX_NEWLINE ||
	    (last.kind == LEX_PUNCT && *last.text == '}'))
		return;
	skip = 1;
}

/* Its action and the rest follow. */
static void
reaction_begin(const struct lex_token *at, enum host_event event)
{
	conf_once(at, "on %s", at->text);
	reaction = &conf->reaction[event];
	memset(reaction, 0, sizeof(*reaction));
	reaction->after = 1;
	reaction->set = 1;
}

static void
macro_set(const struct lex_token *name)
{
	if (keyword_find(name->text) != NULL)
		conf_error(name, "\"%s\" is a keyword and cannot be a macro's "
		    "name; there is no \"=\" between a setting and its value",
		    name->text);
	else if (!isalpha((unsigned char)*name->text) && *name->text != '_')
		conf_error(name, "\"%s\": a macro's name begins with a letter "
		    "or an underscore", name->text);
	lex_macro(name);
	conf_line_begin();
}

int
conf_grammar(struct config *c)
{
	int	r;

	conf = c;
	skip = 0;
	conf_line_begin();
	r = yyparse();
	conf = NULL;
	return (r);
}
