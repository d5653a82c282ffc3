/* LINK: spamgreyd/runner spamgreyd/parent/conf */
/*
 * Any words as the block of a module that has every form.  It is refused with a
 * printable reason, or its options can be read again, as pass reads them,
 * without any message.
 */
#include "spamgreyd/runner/module.h"
#include "regress/lib/module_words.h"

static unsigned int	errors;

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int
option(void *conf, const char *keyword, const struct module_arg *a, size_t n,
    int off, const char **error)
{
	size_t	i;

	(void)conf;
	(void)error;
	if (off && (n > 0 || strcmp(keyword, "rate") != 0))
		abort();
	for (i = 0; i < n; i++)
		if (a[i].s == NULL || (a[i].kind <= ARG_SIZE && a[i].n < 0) ||
		    a[i].n > INT64_MAX / 2 ||
		    (a[i].kind == ARG_PREFIX && a[i].prefix.len > 128))
			abort();
	if (strcmp(keyword, "wait") == 0 && (n < 1 || n > 2 ||
	    a[0].kind != ARG_TIME || a[0].n > 300000))
		abort();
	return (0);
}

static const struct module_option options[] = {
	{ "num", "%n", NULL, 1, 50, "", 0, 0, "" },
	{ "wait", "%t [ for %a ]", NULL, 0, 300000, "5s", 1, 0, "" },
	{ "size", "%z", NULL, 0, 0, "50M", 0, 0, "" },
	{ "points", "%p", NULL, -5000, 5000, "", 0, 0, "" },
	{ "rate", "%r [ delay %t ] [ %w ]", "hard|soft", 1, 1000,
	    "300 per 60s delay 5s", 0, 1, "" },
	{ "zone", "%s %*", NULL, 0, 0, "\"a b\" { c }", 1, 0, "" },
	{ "tease", "[ %s ]", NULL, 0, 0, "", 0, 0, "" },
	{ "flag", "", NULL, 0, 0, "", 0, 0, "" },
	{ NULL, NULL, NULL, 0, 0, NULL, 0, 0, NULL }
};
static const struct module mod_fake = {
	.name = "fake", .options = options, .conf_size = 8, .option = option
};
const struct module *const modules[] = { &mod_fake, NULL };

static void
report(const char *line, void *arg)
{
	const char	*p;

	(void)arg;
	for (p = line; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			abort();
	if (strncmp(line, "file:", 5) != 0)
		abort();
	errors++;
}

static void
failed(const char *where, const char *keyword, const char *error, int warning,
    void *arg)
{
	(void)where;
	(void)keyword;
	(void)error;
	(void)warning;
	(void)arg;
	abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_module	*m;
	char			*text, conf[8];

	if ((text = malloc(size + 1)) == NULL)
		exit(1);
	memcpy(text, data, size);
	text[size] = '\0';
	m = words_module("fake", text);
	errors = 0;
	if ((conf_module_split_all(m, report, NULL) == -1) != (errors > 0))
		abort();
	if (errors == 0)
		(void)conf_module_apply(&mod_fake, m, conf, failed, NULL);
	words_free(m);
	free(text);
	return (0);
}
