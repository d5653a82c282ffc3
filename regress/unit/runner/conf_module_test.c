/* LINK: spamgreyd/runner spamgreyd/parent/conf */
/* Blocks of modules: forms, options, the options of all modules, every
 * mistake. */
#include "lib/base/buf.h"
#include "spamgreyd/runner/module.h"
#include "regress/lib/module_words.h"
#include "regress/lib/tap.h"

struct fake_conf {
	char	text[1024];		/* what option was told */
	int	checked;
};

static int
fake_option(void *conf, const char *keyword, const struct module_arg *a,
    size_t n, int off, const char **error)
{
	struct fake_conf	*c = conf;
	char			 p[PREFIX_STRLEN], *to;
	size_t			 i, left;

	if (strcmp(keyword, "picky") == 0 && n > 0 && a[0].n == 13) {
		*error = "13 brings bad luck";
		return (-1);
	}
	if (strcmp(keyword, "picky") == 0 && n > 0 && a[0].n == 12) {
		*error = "12 is close to 13";
		return (MODULE_OPTION_WARNED);
	}
	for (i = 0; i <= n; i++) {
		to = c->text + strlen(c->text);
		left = sizeof(c->text) - strlen(c->text);
		if (i == 0)
			snprintf(to, left, "%s%s%s", c->text[0] ? "; " : "",
			    keyword, off ? " off" : "");
		else if (a[i - 1].kind == ARG_PREFIX)
			snprintf(to, left, " a=%s",
			    prefix_str(&a[i - 1].prefix, p));
		else if (a[i - 1].kind >= ARG_STRING)
			snprintf(to, left, " %c=%s",
			    a[i - 1].kind == ARG_STRING ? 's' : 'w',
			    a[i - 1].s);
		else
			snprintf(to, left, " %c=%lld", "ntzp"[a[i - 1].kind],
			    (long long)a[i - 1].n);
	}
	return (0);
}

static int
fake_check(void *conf, const char **error)
{
	struct fake_conf	*c = conf;

	c->checked = 1;
	if (strstr(c->text, "num n=7;") != NULL) {
		*error = "num 7 needs more";
		return (-1);
	}
	return (0);
}

static const struct module_option options[] = {
	{ "num", "%n", NULL, 1, 50, "", 0, 1, "a number" },
	{ "wait", "%t [ for %a ]", NULL, 0, 300000, "5s", 1, 0, "a time" },
	{ "size", "%z", NULL, 0, 0, "", 0, 0, "a size" },
	{ "points", "%p", NULL, -5000, 5000, "", 0, 0, "points" },
	{ "rate", "%r [ delay %t ] [ %w ]", "hard|soft", 1, 1000, "300 per 60s",
	    0, 1, "a rate" },
	{ "zone", "%s %*", NULL, 0, 0, "", 1, 0, "a zone" },
	{ "tease", "[ %s ]", NULL, 0, 0, "", 0, 0, "a text" },
	{ "flag", "", NULL, 0, 0, "", 0, 0, "a flag" },
	{ "picky", "%n", NULL, 0, 0, "", 0, 0, "not 13" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};
extern const struct module mod_fake, mod_bare;
const struct module mod_fake = {
	.name = "fake", .options = options,
	.conf_size = sizeof(struct fake_conf),
	.option = fake_option, .check = fake_check
};
const struct module mod_bare = { .name = "bare" };
const struct module *const modules[] = { &mod_bare, &mod_fake, NULL };

static struct buf	said;

static void
report(const char *line, void *arg)
{
	(void)arg;
	if (buf_printf(&said, "%s\n", line) == -1)
		exit(1);
}

static void
failed(const char *where, const char *keyword, const char *error, int warning,
    void *arg)
{
	(void)arg;
	if (buf_printf(&said, "%s|%s|%s%s\n", where == NULL ? "-" : where,
	    keyword == NULL ? "-" : keyword, warning ? "warning: " : "",
	    error) == -1)
		exit(1);
}

static struct conf_module *
split(const char *text, int want, const char *name)
{
	struct conf_module	*m = words_module("fake", text);
	char			 line[512], *nl;

	buf_free(&said);
	/* A name is one line. */
	snprintf(line, sizeof(line), "%s", name);
	while ((nl = strchr(line, '\n')) != NULL)
		*nl = '/';
	is_int(conf_module_split_all(m, report, NULL), want, line);
	if (buf_add(&said, "", 1) == -1)
		exit(1);
	return (m);
}

/* What the module is told of a good block. */
static void
good(const char *text, const char *want)
{
	struct conf_module	*m = split(text, 0, text);
	struct fake_conf	 c;

	memset(&c, 0, sizeof(c));
	is_str((const char *)buf_ptr(&said), "", "nothing is said");
	is_int(conf_module_apply(&mod_fake, m, &c, failed, NULL), 0, "applied");
	is_str(c.text, want, "what the module is told");
	is_int(c.checked, 1, "and it was asked to check");
	words_free(m);
}

static void
bad(const char *text, const char *want)
{
	struct conf_module	*m = split(text, -1, text);

	is_str((const char *)buf_ptr(&said), want, "what is said");
	words_free(m);
}

static void
forms(void)
{
	good("", "wait t=5000; rate n=300 t=60000");
	good("\n\n", "wait t=5000; rate n=300 t=60000");
	good("num 8 size 1K", "wait t=5000; rate n=300 t=60000; num n=8; "
	    "size z=1024");
	good("wait 0s rate no", "wait t=0; rate off");
	good("wait 1m for 10.0.0.0/8 wait 2s\nwait 4m for 2001:db8::1 rate no"
	    , "wait t=60000 a=10.0.0.0/8; wait t=2000; "
	    "wait t=240000 a=2001:db8::1; rate off");
	good("wait 1s rate 5 per 1s", "wait t=1000; rate n=5 t=1000");
	good("wait 1s rate 5 per 1s delay 3s",
	    "wait t=1000; rate n=5 t=1000 t=3000");
	good("wait 1s rate 5 per 1s soft", "wait t=1000; rate n=5 t=1000 w=soft");
	good("wait 1s rate 5 per 1s delay 2s hard flag",
	    "wait t=1000; rate n=5 t=1000 t=2000 w=hard; flag");
	good("wait 1s rate no zone \"z\" { 127.0.0.2 points 4, \"x y\"\n a }\n"
	    "zone \"y\" { }", "wait t=1000; rate off; "
	    "zone s=z w=127.0.0.2 w=points w=4 s=x y w=a; zone s=y");
	good("wait 1s rate no tease flag", "wait t=1000; rate off; tease; flag");
	good("wait 1s rate no tease \"no\" flag",
	    "wait t=1000; rate off; tease s=no; flag");
	good("wait 1s rate no points -4.25", "wait t=1000; rate off; "
	    "points p=-4250");
	good("wait 1s rate no points 0.001 size 1G picky 4294967295",
	    "wait t=1000; rate off; points p=1; size z=1073741824; "
	    "picky n=4294967295");
	good("wait \"1s\" rate no num no", "wait t=1000; rate off; num off");
}

static void
common(void)
{
	struct conf_module	*m;

	m = split("log-only\non-error mark except { 192.0.2.0/24, \"ours\"\n"
	    "2001:db8::/32 } except mine flag", 0, "what every module has");
	is_int(m->log_only, 1, "log-only");
	is_int(m->on_error, ONERR_MARK, "on-error");
	is_str(TAILQ_FIRST(&m->except)->text, "192.0.2.0/24", "a network");
	is_str(TAILQ_LAST(&m->except, conf_strings)->text, "mine",
	    "the name of a list");
	is_str(TAILQ_FIRST(&m->options)->keyword, "flag", "and the options");
	is_str(TAILQ_FIRST(&m->options)->where, "file:3", "with their line");
	ok(m->raw == NULL && m->nraw == 0, "the words are gone");
	words_free(m);
	m = split("", 0, "none of them");
	is_int(m->on_error, -1, "on-error is the module's");
	words_free(m);
	bad("on-error", "file:1: module fake: on-error: must be accept, "
	    "tempfail or mark\n");
	m = split("strategy virus mark spam reject\n\tstrategy unwanted "
	    "tempfail", 0, "strategies");
	is_int(m->strategy[0], STRATEGY_MARK, "a strategy of its own");
	is_int(m->strategy[1], STRATEGY_REJECT, "another on the line");
	is_int(m->strategy[2], STRATEGY_TEMPFAIL, "or on the next");
	is_int(m->strategy[3], -1, "the rest is that of pass");
	words_free(m);
	bad("on-error panic\non-error mark\non-error mark log-only log-only",
	    "file:1: module fake: on-error: must be accept, tempfail or mark\n"
	    "file:3: module fake: on-error given twice, first at file:2\n"
	    "file:3: module fake: log-only given twice, first at file:3\n");
	bad("except { 10.0.0.1/8 a a }\nexcept { b",
	    "file:1: module fake: except: \"10.0.0.1/8\" is neither an "
	    "address, a network (whose host bits are 0) nor the name of a "
	    "list\n"
	    "file:1: module fake: except: a given twice\n"
	    "file:2: module fake: except: \"}\" is missing\n");
	bad("except } x\nexcept", "file:1: module fake: except: addresses, "
	    "networks or list names in braces are missing\n"
	    "file:2: module fake: except: addresses, networks or list names "
	    "in braces are missing\n");
}

static void
bad_values(void)
{
	bad("speed 5\nnum 51\nnum 0 flag\nnum x\nnum\nnum 99999999999999999999",
	    "file:1: module fake: unknown option \"speed\"; valid "
	    "options are num, wait, "
	    "size, points, rate, zone, tease, flag, picky, except, log-only, "
	    "on-error and strategy\n"
	    "file:2: module fake: num: \"51\" is not between 1 and 50\n"
	    "file:3: module fake: num: \"0\" is not between 1 and 50\n"
	    "file:4: module fake: num: \"x\" is not a number\n"
	    "file:5: module fake: num: a number is missing\n"
	    "file:6: module fake: num: \"99999999999999999999\" is not "
	    "between 1 and 50\n");
	bad("wait 5\nwait 5y\nwait 6m\nwait for\nwait 5s for 10.0.0.1/8\n"
	    "wait 5s for\nwait 99999w\nwait x",
	    "file:1: module fake: wait: \"5\" is not a time; write a "
	    "unit, for example 5s or 5m\n"
	    "file:2: module fake: wait: \"5y\" is not a time; its units are "
	    "ms, s, m, h, d and w\n"
	    "file:3: module fake: wait: \"6m\" is not between 0s and 5m\n"
	    "file:4: module fake: wait: \"for\" is not a time; write, for "
	    "example, 30s, 5m, 4h, 36d or 2w\n"
	    "file:5: module fake: wait: \"10.0.0.1/8\" is neither an address "
	    "nor a network (whose host bits are 0)\n"
	    "file:6: module fake: wait: an address or network is missing\n"
	    "file:7: module fake: wait: \"99999w\" is more than ten years\n"
	    "file:8: module fake: wait: \"x\" is not a time; write, for "
	    "example, 30s, 5m, 4h, 36d or 2w\n");
	bad("size 5\nsize 5T\nsize 99999999G\nsize\npoints 5.0001\npoints 6\n"
	    "points 5.\npoints -x\npoints 99999",
	    "file:1: module fake: size: \"5\" is not a size; write a unit, "
	    "for example 5K or 5M\n"
	    "file:2: module fake: size: \"5T\" is not a size; its units are "
	    "K, M and G\n"
	    "file:3: module fake: size: \"99999999G\" is not between 0K "
	    "and 1048576G\n"
	    "file:4: module fake: size: a size is missing; write, for "
	    "example, 50M\n"
	    "file:5: module fake: points: \"5.0001\" is not a number of "
	    "points; they have at most three decimals\n"
	    "file:6: module fake: points: \"6\" is not between -5 and 5\n"
	    "file:7: module fake: points: \"5.\" is not a number of points\n"
	    "file:8: module fake: points: \"-x\" is not a number of points; "
	    "write, for example, 4, 0.5 or -3\n"
	    "file:9: module fake: points: \"99999\" is not between -5 "
	    "and 5\n");
	bad("rate 5\nrate 5 per\nrate 5 per 0s\nrate 5 per 1s medium\n"
	    "rate 5 per 1s delay x",
	    "file:1: module fake: rate: \"per\" is missing\n"
	    "file:2: module fake: rate: a time is missing; write, for "
	    "example, 5s\n"
	    "file:3: module fake: rate: a rate needs a time longer than 0\n"
	    "file:4: module fake: unknown option \"medium\"; valid "
	    "options are num, wait, "
	    "size, points, rate, zone, tease, flag, picky, except, log-only, "
	    "on-error and strategy\n"
	    "file:5: module fake: rate: \"x\" is not a time; write, for "
	    "example, 30s, 5m, 4h, 36d or 2w\n");
}

static void
bad_shape(void)
{
	struct conf_module	*m;

	bad("zone { a }\nzone \"z\"\nzone \"z\" { a { b } c }\nzone \"z\" { a",
	    "file:1: module fake: zone: a string is missing\n"
	    "file:2: module fake: zone: \"{\" is missing\n"
	    "file:3: module fake: zone: a brace within braces\n"
	    "file:4: module fake: zone: \"}\" is missing\n");
	bad("flag\nnum 1 flag\n\"num\" 5\n} flag\n= x",
	    "file:2: module fake: flag given twice, first at file:1\n"
	    "file:3: module fake: unexpected string; an option is expected\n"
	    "file:4: module fake: unexpected \"}\"; an option is expected\n"
	    "file:5: module fake: unexpected \"=\"; an option is expected\n");
	bad("picky 13\nspeed 5 num 1\nnum 7", "file:2: module fake: unknown option "
	    "\"speed\"; valid options are num, wait, size, points, rate, zone, tease, "
	    "flag, picky, except, log-only, on-error and strategy\n"
	    "file:1: module fake: picky: 13 brings bad luck\n");
	bad("picky 13", "file:1: module fake: picky: 13 brings bad luck\n");
	bad("num 7 flag", "file:1: module fake: num 7 needs more\n");
	bad("num \"a\x01\xff\"", "file:1: module fake: num: \"a\\x01\\xff\" is "
	    "not a number\n");
	bad("flag no", "file:1: module fake: unknown option \"no\"; valid "
	    "options are num, "
	    "wait, size, points, rate, zone, tease, flag, picky, except, "
	    "log-only, on-error and strategy\n");

	m = words_module("nosuch", "a b { c }");
	buf_free(&said);
	is_int(conf_module_split_all(m, report, NULL), -1, "no such module");
	if (buf_add(&said, "", 1) == -1)
		exit(1);
	is_str((const char *)buf_ptr(&said), "file:1: module nosuch: unknown "
	    "module; valid modules are bare, fake\n", "those there are");
	ok(m->raw == NULL, "its words are gone");
	words_free(m);
	m = words_module("bare", "log-only");
	is_int(conf_module_split_all(m, report, NULL), 0, "without options");
	words_free(m);
}

int
main(void)
{
	forms();
	common();
	bad_values();
	bad_shape();
	buf_free(&said);
	return (done());
}
