/*
 * Do a certificate and its key belong together?  Asked by the parent before
 * a configuration comes into force, so that a child is never sent a pair that
 * it must refuse.
 */
#include <stdio.h>
#include <tls.h>

#include "../lib/log.h"
#include "parent.h"

static const char *
pair_error(const struct conf_tls *t, char *why, size_t size)
{
	struct tls_config	*conf = NULL;
	struct tls		*ctx = NULL;

	why[0] = '\0';
	if ((conf = tls_config_new()) == NULL ||
	    (ctx = tls_server()) == NULL)
		snprintf(why, size, "no memory");
	else if (tls_config_set_keypair_mem(conf, t->cert, t->cert_len, t->key,
	    t->key_len) == -1)
		snprintf(why, size, "%s", tls_config_error(conf));
	else if (tls_configure(ctx, conf) == -1)
		snprintf(why, size, "%s", tls_error(ctx));
	tls_free(ctx);
	tls_config_free(conf);
	return (why[0] == '\0' ? NULL : why);
}

static int
check(const struct conf_tls *t, void (*report)(const char *, void *),
    void *arg)
{
	char		 why[256], line[2048];
	const char	*error;

	if (t == NULL || (error = pair_error(t, why, sizeof(why))) == NULL)
		return (0);
	snprintf(line, sizeof(line), "%s%stls certificate %s key %s: %s; does "
	    "the key belong to it?", t->where != NULL ? t->where : "",
	    t->where != NULL ? ": " : "", t->cert_file, t->key_file, error);
	report(line, arg);
	return (-1);
}

int
tls_check(const struct config *conf, void (*report)(const char *, void *),
    void *arg)
{
	const struct conf_listen	*l;
	int				 r;

	r = check(conf->tls, report, arg);
	TAILQ_FOREACH(l, &conf->listens, entry)
		if (check(l->tls, report, arg) == -1)
			r = -1;
	return (r);
}
