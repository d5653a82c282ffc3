/*
 * STARTTLS to a mail server: tried, required, verified; its failures, and text
 * that is injected before the handshake.
 */
/* LINK: spamgreyd/pass/mta spamgreyd/pass/message */
/* LIBS: -ltls */
#include <sys/stat.h>

#include "regress/lib/mta_user.h"

static const char *const	idle_todo[] = { "idle", NULL };
static const char *const	data_todo[] = { "DATA", "idle", NULL };
static uint8_t			*ca, *other_ca;
static size_t			 ca_len, other_ca_len;
static char			 name[] = "mta.example.org";
static char			 other_name[] = "mail.example.org";

#define PLAY(n, ...) do {						\
	static const char *const	steps[] = { __VA_ARGS__, NULL };	\
	server[n].script[server[n].script[0] != NULL] = steps;		\
} while (0)

/* A certificate of its own for the server; and one that is nobody's. */
static void
certificates(void)
{
	char			 dir[] = "/tmp/pass_mta_tls.XXXXXX", cmd[1024];
	char			 cert[64], key[64], other[64], junk[64];
	struct tls_config	*config;

	if (mkdtemp(dir) == NULL)
		exit(1);
	snprintf(cert, sizeof(cert), "%s/a.pem", dir);
	snprintf(key, sizeof(key), "%s/a.key", dir);
	snprintf(other, sizeof(other), "%s/b.pem", dir);
	snprintf(junk, sizeof(junk), "%s/b.key", dir);
	snprintf(cmd, sizeof(cmd), "for i in a b; do openssl req -x509 "
	    "-newkey rsa:2048 -nodes -days 2 -subj /CN=%s -addext "
	    "subjectAltName=DNS:%s -keyout %s/$i.key -out %s/$i.pem "
	    "2>/dev/null || exit 1; done", name, name, dir, dir);
	if (system(cmd) != 0) {
		printf("1..0 # SKIP openssl(1) cannot make certificates\n");
		exit(0);
	}
	if ((ca = tls_load_file(cert, &ca_len, NULL)) == NULL ||
	    (other_ca = tls_load_file(other, &other_ca_len, NULL)) == NULL ||
	    (config = tls_config_new()) == NULL ||
	    tls_config_set_keypair_file(config, cert, key) == -1 ||
	    (server[0].ctx = tls_server()) == NULL ||
	    tls_configure(server[0].ctx, config) == -1)
		exit(1);
	server[1].ctx = server[0].ctx;
	tls_config_free(config);
	unlink(cert);
	unlink(key);
	unlink(other);
	unlink(junk);
	rmdir(dir);
}

static void
go(enum relay_tls tls, const char *want, const char *what)
{
	relay.tls = tls;
	show_ehlo = 1;
	open_mta(idle_todo, 0);
	play();
	case_end(want, what);
	reset_conf();
	relay.tls_name = NULL;
	relay.ca = NULL;
	relay.ca_len = 0;
}

static void
verify_by(char *by, uint8_t *with, size_t len)
{
	relay.tls_name = by;
	relay.ca = with;
	relay.ca_len = len;
}

#define TLSOFFER	">250-mx", ">250 STARTTLS"
#define UNDER		HELLO, TLSOFFER, "<STARTTLS", ">220 go", "tls",	\
			"<EHLO gate.example", ">250-mx", ">250 SIZE 99"
/* STARTTLS (0x40) of before and SIZE (0x02) of after */
#define READY		"ready 42 99"

static void
test_good(void)
{
	PLAY(0, UNDER, "<QUIT");
	go(RELAY_TLS, READY, "starttls");
	PLAY(0, UNDER, "<QUIT");
	go(RELAY_TLS_TRY, READY, "starttls try");
	PLAY(0, UNDER, "<QUIT");
	verify_by(name, ca, ca_len);
	go(RELAY_TLS_VERIFY, READY, "starttls verify");
	PLAY(0, HELLO, TLSOFFER, "<QUIT");
	go(RELAY_CLEAR, "ready 40 0", "in clear although it is offered");
	PLAY(0, UNDER, "<QUIT");
	relay.tls = RELAY_TLS;
	open_mta(idle_todo, 1);
	play();
	case_end(READY, "a question of our own uses it too");
	reset_conf();
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">220 go", "tls",
	    "<EHLO gate.example", XOFFER, XCLIENT, ">220 mx",
	    "<EHLO client.example", ">250-mx", ">250 SIZE 99", "<QUIT");
	relay.client = CLIENT_XCLIENT;
	go(RELAY_TLS, READY, "and then XCLIENT");
	PLAY(0, "<PROXY TCP4 192.0.2.1 192.0.2.25 4711 25", CLIENT_HELLO,
	    TLSOFFER, "<STARTTLS", ">220 go", "tls", "<EHLO client.example",
	    ">250-mx", ">250 SIZE 99", "<QUIT");
	relay.client = CLIENT_PROXY1;
	go(RELAY_TLS, READY, "after PROXY: the client's name, and again");
}

static void
test_verify(void)
{
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">220 go", "tls", "<*");
	verify_by(other_name, ca, ca_len);
	go(RELAY_TLS_VERIFY, "dead TLS", "another name");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">220 go", "tls", "<*");
	verify_by(name, other_ca, other_ca_len);
	go(RELAY_TLS_VERIFY, "dead TLS", "of another authority");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">220 go", "tls", "<*");
	verify_by(name, NULL, 0);
	go(RELAY_TLS_VERIFY, "dead TLS", "no authorities");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">220 go", "tls", "<*");
	verify_by(NULL, ca, ca_len);
	go(RELAY_TLS_VERIFY, "dead TLS", "no name");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">220 go", "tls", "<*");
	verify_by(name, (uint8_t *)name, sizeof(name));
	go(RELAY_TLS_VERIFY, "dead TLS", "authorities that are none");
	verify_by(other_name, other_ca, other_ca_len);
	PLAY(0, UNDER, "<QUIT");
	go(RELAY_TLS, READY, "without `verify' neither counts");
}

static void
test_not_offered(void)
{
	PLAY(0, GREETED, "<QUIT");
	go(RELAY_TLS_TRY, "ready 12 1000", "not offered: in clear");
	PLAY(0, GREETED);
	go(RELAY_TLS, "dead TLS", "not offered and required");
	PLAY(0, GREETED);
	verify_by(name, ca, ca_len);
	go(RELAY_TLS_VERIFY, "dead TLS", "not offered and verified");
	PLAY(0, GREETED);
	PLAY(1, UNDER, "<QUIT");
	TAILQ_INSERT_TAIL(&relay.targets, &target[1], entry);
	go(RELAY_TLS, READY, "another target offers it");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">454 not now", "<QUIT");
	go(RELAY_TLS_TRY, "ready 40 0", "refused: in clear");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">454 not now");
	go(RELAY_TLS, "dead TLS", "refused and required");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">250 what?");
	go(RELAY_TLS_TRY, "dead TLS", "an answer that is none");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">421 bye", "<QUIT", "close");
	go(RELAY_TLS_TRY, "dead REFUSED; 421 bye", "it ends the connection");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", "hang");
	go(RELAY_TLS, "dead TIMEOUT; (30000)", "it says nothing");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", "reset");
	go(RELAY_TLS, "dead CLOSED", "it is gone");
}

static void
test_handshake(void)
{
#define BEGUN	HELLO, TLSOFFER, "<STARTTLS", ">220 go"
	PLAY(0, BEGUN, "<#5", ">this is no handshake", "hang");
	go(RELAY_TLS, "dead TLS", "garbage for a handshake");
	PLAY(0, BEGUN, "<#5", ">this is no handshake", "hang");
	PLAY(0, HELLO, TLSOFFER, "<QUIT");
	go(RELAY_TLS_TRY, "ready 40 0", "and in clear on a new connection");
	PLAY(0, BEGUN, "<#5", "close");
	go(RELAY_TLS, "dead TLS", "the end in the handshake");
	PLAY(0, BEGUN, "<#5", "reset");
	go(RELAY_TLS, "dead TLS", "a reset");
	PLAY(0, BEGUN, "<#5", "close");
	PLAY(0, GREETED, "<QUIT");
	go(RELAY_TLS_TRY, "ready 12 1000", "in clear after that too");
	PLAY(0, BEGUN, "<#5", "close");
	PLAY(0, ">421 busy", "<QUIT", "close");
	PLAY(1, UNDER, "<QUIT");
	TAILQ_INSERT_TAIL(&relay.targets, &target[1], entry);
	go(RELAY_TLS_TRY, READY, "the next target is tried with it again");
	PLAY(0, BEGUN, "hang");
	go(RELAY_TLS, "dead TIMEOUT; (30000)", "a handshake without end");
	PLAY(0, BEGUN, "tls", "<EHLO gate.example", "hang");
	go(RELAY_TLS, "dead TIMEOUT; (30000)", "no EHLO after it");
	PLAY(0, BEGUN, "tls", "<EHLO gate.example", "close");
	go(RELAY_TLS, "dead CLOSED", "the end after it");
	PLAY(0, BEGUN, "tls", "<EHLO gate.example", ">500 no", "<QUIT",
	    "close");
	go(RELAY_TLS, "dead REFUSED; 500 no", "EHLO refused after it");
}

/* Who stands in between says something before the keys are agreed on. */
static void
test_injected(void)
{
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">220 go", ">250-evil",
	    ">250 SMTPUTF8", "tls", "<EHLO gate.example", ">250-mx",
	    ">250 SIZE 99", "<QUIT");
	go(RELAY_TLS, READY, "an EHLO reply in clear is as if never said");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">220 go", ">>250", "tls",
	    "<EHLO gate.example", ">250-mx", ">250 SIZE 99", "<QUIT");
	go(RELAY_TLS, READY, "nor is half of one");
	PLAY(0, HELLO, TLSOFFER, "<STARTTLS", ">220 go", ">no SMTP at all",
	    "tls", "<EHLO gate.example", ">250-mx", ">250 SIZE 99", "<QUIT");
	go(RELAY_TLS, READY, "nor what is no reply");
	PLAY(0, UNDER, ">250-evil", ">250 SMTPUTF8");
	go(RELAY_TLS, "dead NONSENSE", "under TLS it is the MTA's own");
}

static void
test_message(void)
{
	static const char *const	script[] = { UNDER, "<DATA",
	    ">354 go", "<.", ">250 taken", "<QUIT", NULL };
	static const char *const	slow[] = { UNDER, "<DATA",
	    ">354 go", "slow", "<.", ">250 taken", "<QUIT", NULL };
	static const size_t		 lines[] = { 0, 1, 100, 3000, 200000 };
	struct buf			 want = { 0 };
	size_t				 i, k;
	char				 line[64];
	int				 n;

	buf_addstr(&head, "Received: x\r\n");
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		spool_free(spool);
		if ((spool = spool_new()) == NULL)
			exit(1);
		buf_free(&want);
		buf_addstr(&want, "Received: x\r\n");
		for (k = 0; k < lines[i]; k++) {
			n = snprintf(line, sizeof(line), "%s%zu ....\r\n",
			    k % 7 == 0 ? "." : "", k);
			if (spool_write(spool, line, (size_t)n) == -1 ||
			    buf_printf(&want, "%s%s", k % 7 == 0 ? "." : "",
			    line) == -1)
				exit(1);
		}
		buf_addstr(&want, ".\r\n");
		server[0].script[0] = i & 1 ? slow : script;
		relay.tls = RELAY_TLS;
		open_mta(data_todo, 0);
		play();
		ok(buf_len(&want) == buf_len(&server[0].body) &&
		    memcmp(buf_ptr(&want), buf_ptr(&server[0].body),
		    buf_len(&want)) == 0, "a message under TLS");
		case_end(READY "; 250 taken", "its answer");
		reset_conf();
	}
	buf_free(&want);
}

int
main(void)
{
	user_start();
	certificates();
	test_good();
	test_verify();
	test_not_offered();
	test_handshake();
	test_injected();
	test_message();
	spool_free(spool);
	return (done());
}
