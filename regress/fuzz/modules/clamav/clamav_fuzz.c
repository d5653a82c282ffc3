/* LINK: spamgreyd/modules/clamav spamgreyd/runner spamgreyd/parent/conf spamgreyd/pass/message spamgreyd/pass/scan */
/*
 * Any bytes as clamd's answer; the first one is the size of the pieces.  A
 * message is clean only with a plain "OK".  Any other answer is a refusal with
 * printable text or an error for on-error.
 */
#include <ctype.h>

#include "spamgreyd/pass/scan/scan_int.h"
#include "regress/lib/runner_fixture.h"

extern const struct module mod_clamav;
const struct module *const modules[] = { &mod_clamav, NULL };

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct scan {
	scan_more	 more;
	scan_done	 done;
	void		*arg;
};
static struct scan	 asked;
static unsigned int	 nasked;

struct scan *
scan_start(struct scan_conf *conf, uint64_t session,
    int (*make)(struct scan_request *, unsigned int, void *), scan_more more,
    scan_done done, void *arg)
{
	(void)conf;
	(void)session;
	(void)make;
	asked.more = more;
	asked.done = done;
	asked.arg = arg;
	nasked++;
	return (&asked);
}

void
scan_cancel(struct scan *s)
{
	(void)s;
}

int
scan_sent(const struct scan *s)
{
	(void)s;
	return (1);
}

void
health_forget(const struct scan_conf *c)
{
	(void)c;
}

static void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)arg;
	for (; *line != '\0'; line++)
		if ((unsigned char)*line < ' ' || (unsigned char)*line > '~')
			abort();
}

/* As scan does it: in pieces, until it is whole or none. */
static void
answer(const uint8_t *data, size_t size, size_t piece)
{
	const char	*why = NULL;
	size_t		 n = 0;
	int		 r = 0;

	do {
		n = size - n < piece ? size : n + piece;
		r = asked.more(data, n, 0, asked.arg, &why);
	} while (r == 0 && n < size);
	if (r == 0)
		r = asked.more(data, size, 1, asked.arg, &why);
	if (r == -1 && why == NULL)
		abort();
	if (r == 1)
		asked.done(data, n, NULL, asked.arg);
	else
		asked.done(NULL, 0, r == -1 ? why : "it ended", asked.arg);
}

/* Octets that may mean that there is nothing in the message. */
static int
says_ok(const uint8_t *data, size_t size)
{
	size_t	i;

	if (size >= 11 && memcmp(data, "stream: OK", 11) == 0)
		return (1);
	if (size < 9 || memcmp(data, "fd[", 3) != 0)
		return (0);
	for (i = 3; i < size && isdigit(data[i]); i++)
		;
	return (i > 3 && size - i >= 6 && memcmp(data + i, "]: OK", 6) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pass_conf	*pc;
	struct session		*s;
	const char		*p;

	if (size < 1)
		return (0);
	fix_init();
	log_set_sink(sink, NULL);
	pc = fix_conf("clamav { socket \"/x\" \n"
	    "strategy unscannable reject }");
	s = fix_session(pc, "192.0.2.1");
	if ((s->ms.spool = spool_new()) == NULL)
		exit(1);
	s->ms.from = "<a@example.com>";
	nasked = 0;
	if (fix_stage(s, STAGE_EOM) != NULL || nasked != 1)
		abort();
	answer(data + 1, size - 1, (size_t)data[0] + 1);
	fix_pass(10);
	if (fix_outcome == NULL ||
	    (*fix_outcome == '\0' && !says_ok(data + 1, size - 1)))
		abort();
	for (p = fix_outcome; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			abort();
	spool_free((struct spool *)(uintptr_t)s->ms.spool);
	fix_session_free(s);
	fix_conf_free(pc);
	return (0);
}
