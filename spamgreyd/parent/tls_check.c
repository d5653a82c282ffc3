/*
 * Do a certificate and its key belong together?  The parent checks this
 * before a configuration is put in force, so that a child is never sent a
 * pair that it has to refuse.  Also: what pass verifies a mail server by when
 * `ca' names no file, which is the system's bundle.  pass cannot read it in
 * its chroot.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <tls.h>

#include "lib/base/log.h"
#include "spamgreyd/parent/parent.h"

/* Tries to configure a server with them.  NULL: they belong together;
 * otherwise the reason, in why. */
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

/* 0, or -1: reported.  t may be NULL. */
static int
check(const struct conf_tls *t, void (*report)(const char *, void *),
    void *arg)
{
	char		 why[256], line[2048];
	const char	*error;

	if (t == NULL || (error = pair_error(t, why, sizeof(why))) == NULL)
		return (0);
	snprintf(line, sizeof(line), "%s%stls certificate %s key %s: %s; check "
	    "that the key belongs to the certificate",
	    t->where != NULL ? t->where : "",
	    t->where != NULL ? ": " : "", t->cert_file, t->key_file, error);
	report(line, arg);
	return (-1);
}

/* Reads the system's CA certificates into the relay.  0, or -1: reported. */
static int
system_ca(struct conf_relay *r, void (*report)(const char *, void *),
    void *arg)
{
	const char	*file = tls_default_ca_cert_file();
	char		 line[2048];

	if ((r->ca = tls_load_file(file, &r->ca_len, NULL)) != NULL)
		return (0);
	snprintf(line, sizeof(line), "%s%srelay: starttls verify: cannot read the "
	    "system's CA certificates, %s: %s; install them, or name a file "
	    "with ca",
	    r->where != NULL ? r->where : "", r->where != NULL ? ": " : "",
	    file, strerror(errno));
	report(line, arg);
	return (-1);
}

int
tls_check(struct config *conf, void (*report)(const char *, void *),
    void *arg)
{
	const struct conf_listen	*l;
	struct conf_relay		*rel;
	int				 r;

	r = check(conf->tls, report, arg);
	TAILQ_FOREACH(l, &conf->listens, entry)
		if (check(l->tls, report, arg) == -1)
			r = -1;
	if (conf->pass != NULL)
		TAILQ_FOREACH(rel, &conf->pass->relays, entry)
			if (rel->tls == RELAY_TLS_VERIFY && rel->ca == NULL &&
			    system_ca(rel, report, arg) == -1)
				r = -1;
	return (r);
}
