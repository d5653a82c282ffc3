/* LINK: spamgreyd/modules spamgreyd/runner spamgreyd/pass/message spamgreyd/parent/conf */
/* LIBS: -lcares */
/*
 * Any text up to a NUL as the block of the module dnsbl, then any answers of
 * its first zone, four bytes each.  A block is accepted or refused with a
 * reason.  An answer that means no listing never counts, and points stay within
 * their bounds.
 */
#include "lib/dns/dns.h"
#include "regress/lib/runner_fixture.h"

extern const struct module mod_dnsbl;
const struct module *const modules[] = { &mod_dnsbl, NULL };

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct dns_query {
	dns_cb	 cb;
	void	*arg;
};
static struct dns_query	 asked[64];
static unsigned int	 nasked, said;

struct dns_query *
dns_ask(const char *name, enum dns_type type, int64_t ms, dns_cb cb, void *arg)
{
	if (type != DNS_A || ms < 1 || strlen(name) > DNS_NAME_MAX ||
	    nasked == 64)
		abort();
	asked[nasked].cb = cb;
	asked[nasked].arg = arg;
	return (&asked[nasked++]);
}

void
dns_cancel(struct dns_query *q)
{
	(void)q;
}

static void
report(const char *line, void *arg)
{
	int	n = 0;

	(void)arg;
	(void)sscanf(line, "file:%*[0-9]: warning: %n", &n);
	said += n == 0;
}

static void
sink(int priority, const char *line, void *arg)
{
	(void)priority;
	(void)line;
	(void)arg;
}

/* The answers to the first question: are all of them no list entry? */
static int
answer(const uint8_t *data, size_t size)
{
	static const uint8_t	 mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct dns_answer	 a;
	int			 neutral = 1;

	memset(&a, 0, sizeof(a));
	a.status = DNS_FOUND;
	for (; size >= 4 && a.naddrs < DNS_ADDRS_MAX; data += 4, size -= 4) {
		memcpy(a.addrs[a.naddrs].b, mapped, 12);
		memcpy(a.addrs[a.naddrs++].b + 12, data, 4);
		if (data[0] == 127 && memcmp(data, "\x7f\0\0\xff", 4) != 0 &&
		    (data[1] != 255 || data[2] != 255))
			neutral = 0;
	}
	asked[0].cb(&a, asked[0].arg);
	return (neutral);
}

static void
session(struct conf_module *m, const uint8_t *data, size_t size)
{
	struct pass_conf	*pc = fix_conf("");
	struct session		*s;
	int32_t			 once;
	int			 neutral;

	TAILQ_INSERT_TAIL(&pc->conf->pass->modules, m, entry);
	s = fix_session(pc, "192.0.2.1");
	nasked = 0;
	(void)fix_stage(s, STAGE_CONNECT);
	if (nasked > 0) {
		neutral = answer(data, size);
		once = run_points(&s->ms);
		if ((neutral && once != 0) || once > 32 * 1000000 ||
		    once < -32 * 1000000)
			abort();
	}
	fix_session_free(s);
	fix_conf_free(pc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_module	*m;
	const uint8_t		*end = memchr(data, '\0', size);
	size_t			 len = end == NULL ? size : (size_t)(end - data);
	char			*text;

	fix_init();
	log_set_sink(sink, NULL);
	if ((text = strndup((const char *)data, len)) == NULL)
		exit(1);
	m = words_module("dnsbl", text);
	free(text);
	said = 0;
	if ((conf_module_split_all(m, report, NULL) == -1) != (said > 0))
		abort();
	if (said > 0)
		words_free(m);
	else
		session(m, end == NULL ? data : end + 1,
		    end == NULL ? 0 : size - len - 1);
	return (0);
}
