/*
 * Module clamav: asks ClamAV's clamd about each message and refuses one with a
 * virus, naming the virus.  Over a unix socket clamd gets the message as a
 * descriptor (FILDES), over TCP as a stream (INSTREAM).
 *
 * A message is clean only if clamd plainly says "OK".  What clamd cannot look
 * into (too large, encrypted, nested too deeply) is unscannable, because no
 * retry would change that.  Everything else is an error of the module.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "spamgreyd/runner/module.h"
#include "spamgreyd/pass/scan/scan.h"

/* The port in clamd's own sample configuration. */
#define CLAMD_PORT	3310
/* Bytes of a reply of clamd. */
#define REPLY_MAX	4096
/* Bytes of a virus' name, or of an error, that are kept. */
#define NAME_MAX_LEN	128
/* Milliseconds that the module waits longer than scan may take. */
#define LATE		2000

enum { COUNT_SCANNED, COUNT_CLEAN, COUNT_VIRUS, COUNT_UNSCANNABLE,
    COUNT_ERROR };
static const char *const counters[] = {
	"scanned", "clean", "virus", "unscannable", "failed", NULL
};

/*
 * The settings.  max is the size in bytes of the largest message that is sent.
 */
struct conf {
	struct scan_conf *scan;
	uint64_t	 max;
	int		 encrypted_virus;
};

struct data {
	struct scan	*scan;		/* NULL: none under way */
	uint64_t	 key;
	struct conf	*conf;
};

/*
 * What a reply means.  SAID_NONSENSE, the zero value, is everything that is not
 * understood; it counts as an error.
 */
enum said { SAID_NONSENSE, SAID_OK, SAID_FOUND, SAID_LIMIT, SAID_ERROR };
struct reply {
	enum said	 said;
	char		 text[NAME_MAX_LEN + 1];	/* a name, or an error */
};

const struct module mod_clamav;

/* --- what clamd says */

static int
begins(const char *s, const char *with)
{
	return (strncmp(s, with, strlen(with)) == 0);
}

static int
ends(const char *s, size_t len, const char *with)
{
	size_t	n = strlen(with);

	return (len >= n && memcmp(s + len - n, with, n) == 0);
}

/*
 * Returns what follows "stream: " or "fd[N]: ", or NULL if s begins with
 * neither.
 */
static const char *
after_prefix(const char *s)
{
	size_t	n;

	if (begins(s, "stream: "))
		return (s + 8);
	if (!begins(s, "fd["))
		return (NULL);
	n = strspn(s + 3, "0123456789");
	return (n > 0 && begins(s + 3 + n, "]: ") ? s + 6 + n : NULL);
}

/*
 * The length of the virus' name.  clamd may append "(md5:size)" to it, which is
 * left out.
 */
static size_t
name_len(const char *s, size_t len)
{
	size_t	i = len, digits, hex;

	if (len == 0 || s[len - 1] != ')')
		return (len);
	for (i = len - 1; i > 0 && s[i - 1] >= '0' && s[i - 1] <= '9'; i--)
		;
	digits = len - 1 - i;
	if (digits == 0 || i == 0 || s[--i] != ':')
		return (len);
	for (hex = 0; i > 0 && strchr("0123456789abcdef", s[i - 1]) != NULL;
	    i--)
		hex++;
	return (hex >= 32 && i > 1 && s[i - 1] == '(' ? i - 1 : len);
}

static void
text_take(struct reply *r, const char *s, size_t len)
{
	if (len > NAME_MAX_LEN)
		len = NAME_MAX_LEN;
	memcpy(r->text, s, len);
	r->text[len] = '\0';
}

/*
 * Returns 1 if an error is about one of clamd's limits: a retry would meet it
 * again.
 */
static int
is_limit(const char *s)
{
	static const char *const	words[] = { "limit exceeded",
		"limit reached", "exceeds limits", "recursion" };
	size_t				i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(s, words[i]) != NULL)
			return (1);
	return (0);
}

/*
 * Parses one reply.  s is the whole reply without the NUL that ended it on the
 * wire, and is itself terminated by a NUL.
 */
static void
reply_parse(const char *s, struct reply *r)
{
	const char	*text = after_prefix(s);
	size_t		 len;

	memset(r, 0, sizeof(*r));
	len = strlen(text == NULL ? s : text);
	if (text != NULL && strcmp(text, "OK") == 0)
		r->said = SAID_OK;
	else if (text != NULL && ends(text, len, " FOUND") && len > 6) {
		r->said = SAID_FOUND;
		text_take(r, text, name_len(text, len - 6));
	} else if (ends(s, strlen(s), "ERROR")) {
		r->said = is_limit(s) ? SAID_LIMIT : SAID_ERROR;
		text_take(r, text == NULL ? s : text, len);
	} else
		text_take(r, s, strlen(s));
}

/*
 * clamd found something.  The names that begin with "Heuristics." are not
 * viruses but what clamd could not look into; whether an encrypted file is a
 * virus is a setting.
 */
static struct verdict
virus(struct msession *s, const struct conf *conf, const char *name)
{
	enum content_class	class = CLASS_VIRUS;

	if (begins(name, "Heuristics.Limits.Exceeded") ||
	    (begins(name, "Heuristics.Encrypted") && !conf->encrypted_virus))
		class = CLASS_UNSCANNABLE;
	module_count(&mod_clamav, class == CLASS_VIRUS ? COUNT_VIRUS :
	    COUNT_UNSCANNABLE);
	return (module_found(s, &mod_clamav, class, name));
}

static struct verdict
judge(struct msession *s, const struct conf *conf, const struct reply *r)
{
	switch (r->said) {
	case SAID_OK:
		module_count(&mod_clamav, COUNT_CLEAN);
		return (verdict_next());
	case SAID_FOUND:
		return (virus(s, conf, r->text));
	case SAID_LIMIT:
		module_count(&mod_clamav, COUNT_UNSCANNABLE);
		return (module_found(s, &mod_clamav, CLASS_UNSCANNABLE,
		    r->text));
	default:
		module_count(&mod_clamav, COUNT_ERROR);
		return (verdict_error("clamd said: %s", r->text));
	}
}

/* --- one message */

/*
 * scan asks for the question to this server; each try comes here again.  The
 * commands begin with "z", so that a NUL ends command and reply.  Returns -1 if
 * there is no memory or the session is gone.
 */
static int
make(struct scan_request *r, unsigned int server, void *arg)
{
	struct data	*d = arg;
	struct msession	*s = module_session(d->key);

	if (s == NULL)
		return (-1);
	r->spool = s->spool;
	if (!scan_is_unix(d->conf->scan, server)) {
		r->how = SCAN_CHUNKED;
		return (buf_add(&r->head, "zINSTREAM", 10));
	}
	r->how = SCAN_FD_MESSAGE;
	if (buf_add(&r->head, "zFILDES", 8) == -1)
		return (-1);
	/*
	 * The descriptor is sent beside the first byte of the tail, here a NUL.
	 */
	return (buf_add(&r->tail, "", 1));
}

/*
 * scan asks whether the reply is whole: 1 yes, 0 not yet, -1 it is malformed.
 */
static int
more(const uint8_t *p, size_t len, int eof, void *arg, const char **why)
{
	const struct data	*d = arg;
	const uint8_t		*nul = memchr(p, '\0', len);
	struct reply		 r;

	(void)eof;
	if (nul != NULL && nul == p + len - 1 && len <= REPLY_MAX) {
		/*
		 * clamd may report at any time that the stream is too long.
		 * "OK" before it has the whole message cannot be true.
		 */
		reply_parse((const char *)p, &r);
		*why = "it said OK before it had the whole message";
		return (r.said == SAID_OK && !scan_sent(d->scan) ? -1 : 1);
	}
	if (nul == NULL && len < REPLY_MAX)
		return (0);
	*why = nul == NULL ? "its reply is too long" :
	    "it sent more than one reply";
	return (-1);
}

/*
 * scan has the reply, or an error in `why'; then whole is NULL.  whole is
 * terminated by a NUL and is scan's.
 */
static void
answered(const uint8_t *whole, size_t len, const char *why, void *arg)
{
	struct data	*d = arg;
	struct msession	*s = module_session(d->key);
	struct reply	 r;

	(void)len;
	d->scan = NULL;
	if (s == NULL)			/* (forget has cancelled it) */
		return;
	if (whole == NULL) {
		module_count(&mod_clamav, COUNT_ERROR);
		module_resume(d->key, &mod_clamav, verdict_error("%s", why));
		return;
	}
	reply_parse((const char *)whole, &r);
	module_resume(d->key, &mod_clamav, judge(s, d->conf, &r));
}

static struct verdict
on_eom(struct msession *s, void *arg)
{
	struct conf	*conf = arg;
	struct data	*d = module_data(s, &mod_clamav);

	if (spool_size(s->spool) > conf->max) {
		module_count(&mod_clamav, COUNT_UNSCANNABLE);
		return (module_found(s, &mod_clamav, CLASS_UNSCANNABLE,
		    "larger than max-size"));
	}
	d->key = s->key;
	d->conf = conf;
	module_count(&mod_clamav, COUNT_SCANNED);
	d->scan = scan_start(conf->scan, s->id, make, more, answered, d);
	if (d->scan == NULL)
		return (verdict_error("out of memory"));
	return (verdict_wait(scan_time(conf->scan) + LATE));
}

static void
forget(struct msession *s, void *arg)
{
	struct data	*d = module_data(s, &mod_clamav);

	(void)arg;
	scan_cancel(d->scan);
	d->scan = NULL;
}

/* --- the options */

static int
option(void *arg, const char *keyword, const struct module_arg *args,
    size_t n, int off, const char **error)
{
	struct conf	*conf = arg;
	int		 r;

	(void)off;
	if (conf->scan == NULL && (conf->scan = scan_conf_new("clamav",
	    CLAMD_PORT)) == NULL) {
		*error = "out of memory";
		return (-1);
	}
	if ((r = scan_option(conf->scan, keyword, args, n, error)) != 0)
		return (r == -1 ? -1 : 0);
	if (strcmp(keyword, "max-size") == 0)
		conf->max = (uint64_t)args[0].n;
	else
		conf->encrypted_virus = strcmp(args[0].s, "virus") == 0;
	return (0);
}

static int
check(void *arg, const char **error)
{
	return (scan_check(((struct conf *)arg)->scan, error));
}

static void
conf_clear(void *arg)
{
	scan_conf_free(((struct conf *)arg)->scan);
}

static const struct module_option options[] = {
	SCAN_OPTIONS,
	{ .keyword = "max-size", .form = "%z", .min = 1024,
	    .max = INT64_C(4) * 1024 * 1024 * 1024, .def = "100M",
	    .help = "larger messages are unscannable, and not sent" },
	{ .keyword = "encrypted", .form = "%w", .words = "unscannable|virus",
	    .def = "unscannable",
	    .help = "what a file is that clamd cannot decrypt" },
	{ .keyword = NULL }
};

const struct module mod_clamav = {
	.name = "clamav",
	.options = options,
	.conf_size = sizeof(struct conf),
	.data_size = sizeof(struct data),
	.on_error = ONERR_TEMPFAIL,
	.counters = counters,
	.option = option,
	.check = check,
	.conf_clear = conf_clear,
	.hook = { [STAGE_EOM] = on_eom },
	.forget = forget
};
