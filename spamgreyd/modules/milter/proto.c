/*
 * The milter protocol as bytes: see proto.h.  A packet is a length of four
 * bytes (big-endian; it counts the command and the data), one byte for the
 * command, and the data.  Strings in it end with a NUL.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/be.h"
#include "spamgreyd/modules/milter/proto.h"

/* Bytes of a packet's length and command. */
#define HEAD		5
/* Bytes of the options: version, actions and steps, four bytes each. */
#define OPTIONS_LEN	12
/* Bytes of one list of macros that the filter wants. */
#define MACROS_MAX	4096

/* --- to the filter */

/*
 * The length on the wire counts the command too.  Returns -1 if the data would
 * be too long for filters, or if there is no memory.
 */
static int
put_head(struct buf *b, uint8_t cmd, size_t len)
{
	uint8_t	head[HEAD];

	if (len > MP_DATA_MAX)
		return (-1);
	be_put32(head, (uint32_t)len + 1);
	head[4] = cmd;
	return (buf_add(b, head, sizeof(head)));
}

int
mp_put(struct buf *b, uint8_t cmd, const void *data, size_t len)
{
	if (put_head(b, cmd, len) == -1)
		return (-1);
	return (len == 0 ? 0 : buf_add(b, data, len));
}

int
mp_offer(struct buf *b)
{
	uint8_t	data[OPTIONS_LEN];

	be_put32(data, MP_VERSION);
	be_put32(data + 4, MP_ACTIONS);
	be_put32(data + 8, MP_STEPS);
	return (mp_put(b, 'O', data, sizeof(data)));
}

/* CONNECT: the client's name, its family ('4' or '6'), port and address. */
int
mp_connect(struct buf *b, const char *name, const struct addr *client,
    uint16_t port)
{
	char	a[ADDR_STRLEN];
	uint8_t	family[3];
	size_t	n = strlen(name) + 1, alen;

	alen = strlen(addr_str(client, a)) + 1;
	family[0] = addr_is4(client) ? '4' : '6';
	be_put16(family + 1, port);
	if (put_head(b, 'C', n + sizeof(family) + alen) == -1 ||
	    buf_add(b, name, n) == -1 ||
	    buf_add(b, family, sizeof(family)) == -1)
		return (-1);
	return (buf_add(b, a, alen));
}

int
mp_strings(struct buf *b, uint8_t cmd, const char *const *strings, size_t n)
{
	size_t	i, len = 0;

	for (i = 0; i < n; i++)
		len += strlen(strings[i]) + 1;
	if (put_head(b, cmd, len) == -1)
		return (-1);
	for (i = 0; i < n; i++)
		if (buf_add(b, strings[i], strlen(strings[i]) + 1) == -1)
			return (-1);
	return (0);
}

/*
 * Removes the braces around a macro's name, which some filters write and some
 * do not.  Returns the length that is left.
 */
static size_t
bare(const char **name, size_t len)
{
	if (len > 2 && **name == '{' && (*name)[len - 1] == '}') {
		(*name)++;
		len -= 2;
	}
	return (len);
}

/*
 * Returns 1 if the list, whose names are separated by blanks or commas,
 * contains the name.  NULL is a filter without a list: it wants all.
 */
static int
wants(const char *list, const char *name)
{
	const char	*one;
	size_t		 nlen = bare(&name, strlen(name)), len;

	if (list == NULL)
		return (1);
	for (;; list += len) {
		list += strspn(list, " ,\t");
		if ((len = strcspn(list, " ,\t")) == 0)
			return (0);
		one = list;
		if (bare(&one, len) == nlen && memcmp(one, name, nlen) == 0)
			return (1);
	}
}

int
mp_macros(struct buf *b, uint8_t cmd, const struct mp_macro *m, size_t n,
    const char *wanted)
{
	struct buf	data;
	size_t		i;
	int		r = 0, any = 0;

	memset(&data, 0, sizeof(data));
	r = buf_add(&data, &cmd, 1);
	for (i = 0; i < n && r == 0; i++)
		if (m[i].value != NULL && wants(wanted, m[i].name)) {
			any = 1;
			if (buf_add(&data, m[i].name, strlen(m[i].name) + 1) ==
			    -1 || buf_add(&data, m[i].value,
			    strlen(m[i].value) + 1) == -1)
				r = -1;
		}
	if (r == 0 && any)
		r = mp_put(b, 'D', buf_ptr(&data), buf_len(&data));
	buf_free(&data);
	return (r);
}

/* --- from the filter */

ssize_t
mp_take(const uint8_t *data, size_t len, struct mp_packet *p)
{
	uint32_t	n;

	if (len < 4)
		return (0);
	n = be_get32(data);
	if (n == 0 || n > MP_IN_MAX + 1)
		return (-1);
	if (len - 4 < n)
		return (0);
	p->cmd = data[4];
	p->data = data + HEAD;
	p->len = n - 1;
	return ((ssize_t)n + 4);
}

/*
 * Returns the string at *at and moves *at behind its NUL; NULL if there is
 * none.
 */
static const char *
take_string(const struct mp_packet *p, size_t *at)
{
	const char	*s = (const char *)p->data + *at;
	const uint8_t	*nul;

	if (*at >= p->len ||
	    (nul = memchr(p->data + *at, '\0', p->len - *at)) == NULL)
		return (NULL);
	*at = (size_t)(nul - p->data) + 1;
	return (s);
}

/*
 * Reads the lists of macros that follow the three numbers: a place and a string
 * for each.  A second list for a place replaces the first.
 */
static int
take_lists(const struct mp_packet *p, struct mp_options *o, const char **why)
{
	const char	*list;
	uint32_t	 place;
	size_t		 at = OPTIONS_LEN;

	*why = "its list of macros is malformed";
	while (at < p->len) {
		if (p->len - at < 4)
			return (-1);
		place = be_get32(p->data + at);
		at += 4;
		if ((list = take_string(p, &at)) == NULL ||
		    place >= MP_PLACES || strlen(list) > MACROS_MAX)
			return (-1);
		free(o->macros[place]);
		if ((o->macros[place] = strdup(list)) == NULL) {
			*why = "out of memory";
			return (-1);
		}
	}
	return (0);
}

/*
 * The filter must choose from what was offered.  A version before 6 knows fewer
 * actions and steps; bits that it does not know are ignored.
 */
int
mp_negotiated(const struct mp_packet *p, struct mp_options *o,
    const char **why)
{
	memset(o, 0, sizeof(*o));
	*why = "its answer to the options is malformed";
	if (p->cmd != 'O' || p->len < OPTIONS_LEN)
		return (-1);
	o->version = be_get32(p->data);
	o->actions = be_get32(p->data + 4);
	o->steps = be_get32(p->data + 8);
	*why = "it requested a protocol version that was not offered";
	if (o->version < MP_VERSION_MIN || o->version > MP_VERSION)
		return (-1);
	*why = "it requested actions that were not offered";
	if ((o->actions & ~MP_ACTIONS) != 0)
		return (-1);
	*why = "it requested protocol steps that were not offered";
	if ((o->steps & ~MP_STEPS) != 0)
		return (-1);
	if (o->version < 6) {
		o->actions &= MP_ACTIONS_V2;
		o->steps &= o->version == 2 ? MP_STEPS_V2 : o->version == 3 ?
		    MP_STEPS_V3 : MP_STEPS_V4;
		return (0);
	}
	if (take_lists(p, o, why) == -1) {
		mp_options_clear(o);
		return (-1);
	}
	return (0);
}

void
mp_options_clear(struct mp_options *o)
{
	size_t	i;

	for (i = 0; i < MP_PLACES; i++)
		free(o->macros[i]);
	memset(o, 0, sizeof(*o));
}

/*
 * Returns the length of an enhanced code such as "5.7.1" of that class, 0 if
 * there is none.
 */
static size_t
enhanced_len(const char *s, char class)
{
	size_t	n = 1, part, k;

	if (s[0] != class)
		return (0);
	for (part = 0; part < 2; part++) {
		if (s[n] != '.')
			return (0);
		for (k = ++n; ascii_is_digit(s[n]); n++)
			;
		if (n == k || n - k > 3)
			return (0);
	}
	return (s[n] == ' ' || s[n] == '\0' ? n : 0);
}

/*
 * Appends a line to the text of a reply, after a blank.  "%%" is a "%" for
 * filters, which use printf.
 */
static void
add_text(struct mp_answer *a, const char *s, size_t len)
{
	size_t	n = strlen(a->text), i;

	if (n > 0 && n + 1 < sizeof(a->text))
		a->text[n++] = ' ';
	for (i = 0; i < len && n + 1 < sizeof(a->text); i++) {
		if (s[i] == '%' && i + 1 < len && s[i + 1] == '%')
			i++;
		a->text[n++] = s[i];
	}
	a->text[n] = '\0';
}

/*
 * Parses a reply, "550 5.7.1 text".  Several lines must have the same code;
 * their texts become one line.  Returns -1 if it is malformed.
 */
static int
take_reply(const char *s, struct mp_answer *a)
{
	size_t	len, skip, e;

	if ((s[0] != '4' && s[0] != '5') || !ascii_is_digit(s[1]) ||
	    !ascii_is_digit(s[2]))
		return (-1);
	a->code = (s[0] - '0') * 100 + (s[1] - '0') * 10 + s[2] - '0';
	for (;;) {
		len = strcspn(s, "\r\n");
		if (len < 3 || atoi(s) != a->code || (s[3] != ' ' &&
		    s[3] != '-' && len > 3))
			return (-1);
		skip = len > 3 ? 4 : 3;
		if ((e = enhanced_len(s + skip, s[0])) > 0 &&
		    e < sizeof(a->enhanced)) {
			memcpy(a->enhanced, s + skip, e);
			a->enhanced[e] = '\0';
			skip += e;
			skip += s[skip] == ' ';
		}
		if (skip < len)
			add_text(a, s + skip, len - skip);
		s += len;
		s += strspn(s, "\r\n");
		if (*s == '\0')
			return (0);
	}
}

/* A change of the header, with or without an index in front. */
static int
take_header(const struct mp_packet *p, struct mp_answer *a, int placed)
{
	size_t	at = 0;

	if (placed) {
		if (p->len < 4)
			return (-1);
		a->index = be_get32(p->data);
		at = 4;
	}
	if ((a->name = take_string(p, &at)) == NULL ||
	    (a->value = take_string(p, &at)) == NULL)
		return (-1);
	return (at == p->len ? 0 : -1);
}

/*
 * An address; params: parameters of MAIL or RCPT may follow.  Nothing may
 * follow after these.
 */
static int
take_path(const struct mp_packet *p, struct mp_answer *a, int params)
{
	size_t	at = 0;

	a->params = "";
	if ((a->path = take_string(p, &at)) == NULL)
		return (-1);
	if (params && at < p->len && (a->params = take_string(p, &at)) == NULL)
		return (-1);
	return (at == p->len ? 0 : -1);
}

/* The answers of filters, with the action that must have been negotiated. */
static const struct {
	char		 cmd;
	enum mp_kind	 kind;
	uint32_t	 action;
} kinds[] = {
	{ 'c', MP_CONTINUE, 0 },	{ 'a', MP_ACCEPT, 0 },
	{ 'r', MP_REJECT, 0 },		{ 't', MP_TEMPFAIL, 0 },
	{ 'd', MP_DISCARD, 0 },		{ 'y', MP_REPLYCODE, 0 },
	{ '4', MP_SHUTDOWN, 0 },	{ 'f', MP_CONNFAIL, 0 },
	{ 's', MP_SKIPS, 0 },		{ 'p', MP_PROGRESS, 0 },
	{ 'h', MP_ADDHEADER, MP_ADDHDRS },
	{ 'i', MP_INSHEADER, MP_ADDHDRS | MP_CHGHDRS },
	{ 'm', MP_CHGHEADER, MP_CHGHDRS },
	{ 'b', MP_REPLBODY, MP_CHGBODY },
	{ '+', MP_RCPT, MP_ADDRCPT },
	{ '2', MP_RCPT, MP_ADDRCPT_PAR },
	{ '-', MP_NORCPT_MORE, MP_DELRCPT },
	{ 'e', MP_FROM, MP_CHGFROM },
	{ 'q', MP_HOLD, MP_QUARANTINE }
};

static int
take_data(const struct mp_packet *p, struct mp_answer *a)
{
	const char	*s;
	size_t		 at = 0;

	switch (a->kind) {
	case MP_REPLYCODE:
		s = take_string(p, &at);
		return (s == NULL || at != p->len ? -1 : take_reply(s, a));
	case MP_ADDHEADER:
		return (take_header(p, a, 0));
	case MP_INSHEADER:
	case MP_CHGHEADER:
		return (take_header(p, a, 1));
	case MP_REPLBODY:
		a->body = p->data;
		a->len = p->len;
		return (0);
	case MP_RCPT:
	case MP_FROM:
		return (take_path(p, a, p->cmd != '+'));
	case MP_NORCPT_MORE:
		return (take_path(p, a, 0));
	case MP_HOLD:
		a->reason = take_string(p, &at);
		return (a->reason == NULL ? -1 : 0);
	default:
		/*
		 * Verdicts have no data.  Some filters append some; it is
		 * ignored.
		 */
		return (0);
	}
}

int
mp_answer(const struct mp_packet *p, struct mp_answer *a, const char **why)
{
	size_t	i;

	memset(a, 0, sizeof(*a));
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].cmd == (char)p->cmd)
			break;
	if (i == sizeof(kinds) / sizeof(kinds[0])) {
		*why = "it sent an unknown answer";
		return (-1);
	}
	a->kind = kinds[i].kind;
	a->action = kinds[i].action;
	if (take_data(p, a) == -1) {
		*why = "it sent a malformed answer";
		return (-1);
	}
	return (0);
}
