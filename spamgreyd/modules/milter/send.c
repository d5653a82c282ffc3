/*
 * What is sent to a filter: each step of the session as a packet, with the
 * macros that belong to it.  Nothing is decided here.
 */
#include <sys/types.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/dns/dns.h"
#include "spamgreyd/modules/milter/milter.h"

/*
 * Bytes that may be queued for the filter.  The rest of the message waits, so
 * that a slow filter does not cost memory.
 */
#define QUEUE_FULL	(128 * 1024)
/* Parameters of MAIL or RCPT. */
#define ARGS_MAX	64
/* Bytes of all these parameters. */
#define ARGS_OCTETS	4096

/*
 * The steps: the command, the bits by which a filter says that it does not want
 * it or does not answer it, the place of its list of macros, and the macros for
 * a filter that gave no list.
 */
static const struct {
	uint8_t		 cmd;
	uint32_t	 no, silent;
	enum mp_place	 place;
	const char	*macros;	/* when the filter has no list */
} steps[] = {
	[STEP_CONNECT] = { 'C', MP_NOCONNECT, MP_NR_CONN, MP_AT_CONNECT,
	    "j daemon_name daemon_addr daemon_port v _ client_addr client_name "
	    "client_port client_ptr client_resolve if_name if_addr" },
	[STEP_HELO] = { 'H', MP_NOHELO, MP_NR_HELO, MP_AT_HELO,
	    "tls_version cipher" },
	[STEP_MAIL] = { 'M', MP_NOMAIL, MP_NR_MAIL, MP_AT_MAIL,
	    "i mail_addr mail_host mail_mailer" },
	[STEP_RCPT] = { 'R', MP_NORCPT, MP_NR_RCPT, MP_AT_RCPT,
	    "i rcpt_addr rcpt_host rcpt_mailer" },
	[STEP_DATA] = { 'T', MP_NODATA, MP_NR_DATA, MP_AT_DATA, "i nrcpts" },
	[STEP_HEADERS] = { 'L', MP_NOHDRS, MP_NR_HDR, MP_PLACES, NULL },
	[STEP_EOH] = { 'N', MP_NOEOH, MP_NR_EOH, MP_AT_EOH, "i nrcpts" },
	[STEP_BODY] = { 'B', MP_NOBODY, MP_NR_BODY, MP_PLACES, NULL },
	[STEP_END] = { 'E', 0, 0, MP_AT_EOM, "i nrcpts" }
};

/*
 * One packet; all sessions share it, because a packet is copied to the queue at
 * once.
 */
static uint8_t	packet[MP_DATA_MAX];

/* The texts of macros that are not in the session as strings. */
struct values {
	char	client[ADDR_STRLEN], address[ADDR_STRLEN + 2];
	char	dst[ADDR_STRLEN], port[8], dport[8], id[40], nrcpts[12];
	char	mail[512], rcpt[512], trace[DNS_NAME_MAX + ADDR_STRLEN + 8];
};

/*
 * Copies an address without its brackets.  Returns its domain (within text), or
 * "" if it has none.
 */
static const char *
address(const char *path, char text[512])
{
	const char	*at;
	size_t		 len;

	if (path == NULL)
		path = "";
	if (*path == '<')
		path++;
	snprintf(text, 512, "%s", path);
	len = strlen(text);
	if (len > 0 && text[len - 1] == '>')
		text[len - 1] = '\0';
	at = strrchr(text, '@');
	return (at == NULL ? "" : at + 1);
}

/*
 * Sender and recipients are those of the client, or what filters before this
 * one have made of them (m->again).
 */
static const char *
sender(const struct milter *m, const struct msession *s, const char **params)
{
	*params = m->again ? m->env.params : s->from_params;
	return (m->again ? m->env.from : s->from);
}

static const char *
recipient(const struct milter *m, const struct msession *s,
    enum milter_step step, const char **params)
{
	if (m->again && step == STEP_RCPT) {
		*params = m->env.rcpts[m->rcpt].params;
		return (m->env.rcpts[m->rcpt].path);
	}
	*params = s->rcpt_params;
	return (s->rcpt);
}

/*
 * Appends the macros for a step.  Macros of the transaction are left out when
 * there is none.
 */
static int
put_macros(const struct milter *m, const struct msession *s,
    enum milter_step step, struct buf *b)
{
	struct values	 v;
	const char	*params;
	const char	*from = sender(m, s, &params);
	const char	*to = recipient(m, s, step, &params);
	const char	*mdom = address(from, v.mail);
	const char	*rdom = address(to, v.rcpt);
	const char	*list = m->options.macros[steps[step].place];
	int		 mail = from != NULL, rcpt = to != NULL;
	const char	*name = s->name == NULL ? v.address : s->name;
	const struct mp_macro	 all[] = {
		{ "j", s->hostname }, { "v", "spamgreyd" }, { "_", v.trace },
		{ "{daemon_name}", s->hostname }, { "{daemon_addr}", v.dst },
		{ "{daemon_port}", v.dport }, { "{if_addr}", v.dst },
		{ "{client_addr}", v.client }, { "{client_name}", name },
		{ "{client_port}", v.port }, { "{client_ptr}",
		    s->ptr == NULL ? v.address : s->ptr },
		{ "{client_resolve}", s->resolve }, { "{if_name}", s->hostname },
		{ "{tls_version}", s->tls_version },
		{ "{cipher}", s->tls_cipher },
		{ "i", mail ? v.id : NULL },
		{ "{mail_addr}", mail ? v.mail : NULL },
		{ "{mail_host}", mail ? mdom : NULL },
		{ "{mail_mailer}", mail ? "smtp" : NULL },
		{ "{rcpt_addr}", rcpt ? v.rcpt : NULL },
		{ "{rcpt_host}", rcpt ? rdom : NULL },
		{ "{rcpt_mailer}", rcpt ? "smtp" : NULL },
		{ "{nrcpts}", step >= STEP_DATA ? v.nrcpts : NULL }
	};

	/*
	 * libmilter before version 6 closes the connection on macros for other
	 * commands.
	 */
	if (m->options.version < 6 && step > STEP_RCPT)
		return (0);
	addr_str(&s->client, v.client);
	addr_str(&s->dst, v.dst);
	snprintf(v.address, sizeof(v.address), "[%s]", v.client);
	snprintf(v.trace, sizeof(v.trace), "%s%s%s", s->name == NULL ? "" :
	    s->name, s->name == NULL ? "" : " ", v.address);
	snprintf(v.port, sizeof(v.port), "%u", (unsigned int)s->port);
	snprintf(v.dport, sizeof(v.dport), "%u", (unsigned int)s->dport);
	snprintf(v.id, sizeof(v.id), "%016llx-%u", (unsigned long long)s->id,
	    m->messages);
	snprintf(v.nrcpts, sizeof(v.nrcpts), "%u", m->again ?
	    (unsigned int)m->env.nrcpts : (unsigned int)s->accepted);
	return (mp_macros(b, steps[step].cmd, all,
	    sizeof(all) / sizeof(all[0]), list != NULL ? list :
	    steps[step].macros));
}

/* "<path>", and each parameter as a string of its own. */
static int
put_path(struct buf *b, uint8_t cmd, const char *path, const char *params)
{
	const char	*args[ARGS_MAX + 1];
	char		 text[ARGS_OCTETS];
	char		*p = text, *save = NULL;
	size_t		 n = 0;

	args[n++] = path == NULL ? "<>" : path;
	snprintf(text, sizeof(text), "%s", params == NULL ? "" : params);
	for (p = strtok_r(text, " ", &save); p != NULL && n <= ARGS_MAX;
	    p = strtok_r(NULL, " ", &save))
		args[n++] = p;
	return (mp_strings(b, cmd, args, n));
}

static int
put_step(const struct milter *m, const struct msession *s,
    enum milter_step step, struct buf *b)
{
	char		 a[ADDR_STRLEN], address[ADDR_STRLEN + 2];
	const char	*path, *params;

	switch (step) {
	case STEP_CONNECT:
		snprintf(address, sizeof(address), "[%s]",
		    addr_str(&s->client, a));
		return (mp_connect(b, s->name == NULL ? address : s->name,
		    &s->client, s->port));
	case STEP_HELO:
		return (mp_strings(b, 'H', &s->helo, 1));
	case STEP_MAIL:
		path = sender(m, s, &params);
		return (put_path(b, 'M', path, params));
	case STEP_RCPT:
		path = recipient(m, s, step, &params);
		return (put_path(b, 'R', path, params));
	default:
		return (mp_put(b, steps[step].cmd, NULL, 0));
	}
}

/* Hands the packet to the connection and frees the buffer. */
static int
queue(struct milter *m, struct buf *b)
{
	int	r;

	r = buf_len(b) == 0 ? 0 : scan_write(m->conn, buf_ptr(b), buf_len(b));
	buf_free(b);
	if (r == -1)
		milter_fail(m, "out of memory");
	return (r);
}

/*
 * All steps except header fields and body.  A step that the filter does not
 * want still sends its macros, because they hold for later steps too.
 */
static int
send_command(struct milter *m, struct msession *s, enum milter_step step,
    int wanted)
{
	struct buf	b;

	memset(&b, 0, sizeof(b));
	if (put_macros(m, s, step, &b) == -1 ||
	    (wanted && put_step(m, s, step, &b) == -1)) {
		buf_free(&b);
		milter_fail(m, "a command is too long for the protocol");
		return (-1);
	}
	return (queue(m, &b));
}

/*
 * A header field does not fit into a packet of the protocol.  The message
 * cannot be checked in full, so it is unscannable.
 */
static int
too_long(struct milter *m, struct msession *s)
{
	m->decided = 1;
	m->fate = verdict_next();
	milter_finish(m, module_found(s, m->conf->me, CLASS_UNSCANNABLE,
	    "a header field longer than a filter takes"));
	return (-1);
}

static int
spool_fails(struct milter *m)
{
	char	why[128];

	snprintf(why, sizeof(why), "the spool: %s", strerror(errno));
	milter_fail(m, why);
	return (-1);
}

/*
 * Sends one header field.  After the last one it moves to the next step and
 * remembers where the body begins.  A field that the filter does not want is
 * read all the same.
 */
static int
send_header(struct milter *m, struct msession *s, int wanted)
{
	struct buf	b;
	ssize_t		n;

	n = milter_head_next(&m->head, packet, sizeof(packet),
	    (m->options.steps & MP_HDR_LEADSPC) != 0);
	if (n == -1)
		return (spool_fails(m));
	if (n == -2 && wanted)
		return (too_long(m, s));
	if (n == -3)
		return (0);
	if (n == 0) {
		m->body = milter_head_body(&m->head);
		m->step++;
		return (0);
	}
	if (!wanted)
		return (0);
	memset(&b, 0, sizeof(b));
	if (mp_put(&b, 'L', packet, (size_t)n) == -1) {
		buf_free(&b);
		milter_fail(m, "out of memory");
		return (-1);
	}
	return (queue(m, &b) == -1 ? -1 : 1);
}

/* Sends the next piece of the body, or moves to the next step at its end. */
static int
send_body(struct milter *m)
{
	struct buf	b;
	ssize_t		n;

	if ((n = spool_read(m->message, m->body, packet, sizeof(packet))) < 0)
		return (spool_fails(m));
	if (n == 0) {
		m->step++;
		return (0);
	}
	m->body += (uint64_t)n;
	memset(&b, 0, sizeof(b));
	if (mp_put(&b, 'B', packet, (size_t)n) == -1) {
		buf_free(&b);
		milter_fail(m, "out of memory");
		return (-1);
	}
	return (queue(m, &b) == -1 ? -1 : 1);
}

/*
 * HELO is left out when there was none.  The MAIL step of an envelope that is
 * sent again is followed by as many RCPT steps as it has recipients.
 */
int
milter_send(struct milter *m, struct msession *s, enum milter_step step)
{
	uint32_t	o = m->options.steps;
	int		wanted = (o & steps[step].no) == 0, r;

	if (scan_queued(m->conn) >= QUEUE_FULL)
		return (2);
	if (step == STEP_HEADERS)
		r = send_header(m, s, wanted);
	else if (step == STEP_BODY && !wanted) {
		m->step++;
		return (0);
	} else if (step == STEP_BODY)
		r = send_body(m);
	else {
		m->step++;
		if (step == STEP_HELO && s->helo == NULL)
			return (0);
		if (step == STEP_DATA && m->options.version < MP_VERSION_DATA)
			wanted = 0;
		if (send_command(m, s, step, wanted) == -1)
			return (-1);
		if (step == STEP_RCPT && m->again &&
		    ++m->rcpt < m->env.nrcpts)
			m->step = STEP_RCPT;
		r = wanted;
	}
	return (r == 1 && (o & steps[step].silent) != 0 ? 0 : r);
}
