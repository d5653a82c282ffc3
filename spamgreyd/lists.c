/*
 * Everything that needs the files which the configuration names: address
 * lists are read, excepted from each other and compiled to one image;
 * certificates and keys are read as they are.  In the parent, and for the
 * lists in spamgreydb without a daemon; never in a chroot.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf_parse.h"

#define LIST_ERRORS_MAX	20		/* reported of one file */
#define PEM_MAX		(1024 * 1024)

struct load {
	struct config	*conf;
	conf_report	 report;
	void		*arg;
	int		 failed;
};

static void __attribute__((__format__(printf, 2, 3)))
fail(struct load *ld, const char *fmt, ...)
{
	va_list	ap;
	char	line[2048];

	ld->failed = 1;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	conf_say(ld->report, ld->arg, line);
}

/* Why prefix_parse refused it, for the one who has to mend the line. */
static void
list_complain(struct load *ld, const char *file, unsigned int line,
    const char *text)
{
	struct prefix	 p;
	struct addr	 a;
	char		 buf[PREFIX_STRLEN], good[PREFIX_STRLEN];
	const char	*slash;
	size_t		 len;
	int		 bits, max;

	if ((slash = strchr(text, '/')) != NULL &&
	    (len = (size_t)(slash - text)) < sizeof(buf)) {
		memcpy(buf, text, len);
		buf[len] = '\0';
		if (addr_parse(buf, &a) == 0 && slash[1] != '\0' &&
		    strspn(slash + 1, "0123456789") == strlen(slash + 1)) {
			max = addr_is4(&a) ? 32 : 128;
			bits = strlen(slash + 1) > 3 ? 999 : atoi(slash + 1);
			if (bits > max) {
				fail(ld, "%s:%u: %s: the prefix length is more "
				    "than %d", file, line, text, max);
				return;
			}
			p.addr = a;
			p.len = (uint8_t)(bits + 128 - max);
			addr_mask(&p.addr, p.len);
			fail(ld, "%s:%u: %s: bits are set after the prefix; "
			    "the network is %s", file, line, text,
			    prefix_str(&p, good));
			return;
		}
	}
	fail(ld, "%s:%u: \"%.200s\" is not an address or a network, as "
	    "192.0.2.1, 192.0.2.0/24 or 2001:db8::/32", file, line, text);
}

static int
list_line(struct load *ld, const struct conf_list *l, unsigned int line,
    const char *text, struct addrset_build *b, unsigned int *errors)
{
	struct prefix	p;

	if (prefix_parse(text, &p) == 0)
		return (addrset_build_add(b, &p));
	if (++*errors <= LIST_ERRORS_MAX)
		list_complain(ld, l->file, line, text);
	return (0);
}

static int
list_read(struct load *ld, const struct conf_list *l, FILE *f,
    struct addrset_build *b)
{
	char		*line = NULL, *item;
	size_t		 size = 0;
	ssize_t		 len;
	unsigned int	 n = 0, errors = 0;
	int		 r = 0, got;

	while (r == 0 && (len = getline(&line, &size, f)) != -1) {
		n++;
		if ((got = conf_line_item(line, len, &item)) == 1)
			r = list_line(ld, l, n, item, b, &errors);
		else if (got == -1 && ++errors <= LIST_ERRORS_MAX)
			fail(ld, "%s:%u: a NUL byte in the line", l->file, n);
	}
	if (r == -1 || ferror(f))
		fail(ld, "%s: %s", l->file, strerror(errno));
	if (errors > LIST_ERRORS_MAX)
		fail(ld, "%s: and %u more", l->file, errors - LIST_ERRORS_MAX);
	free(line);
	return (r);
}

static void
list_load(struct load *ld, const struct conf_list *l, struct addrset_build *b)
{
	const char	*why;
	FILE		*f;

	if ((f = conf_list_open(l->file, &why)) == NULL) {
		fail(ld, "%s: %s \"%s\": %s: %s",
		    l->where != NULL ? l->where : ld->conf->file,
		    l->kind == LIST_BLACK ? "blacklist" : "whitelist", l->name,
		    l->file, why);
		return;
	}
	if (list_read(ld, l, f, b) == 0 && addrset_build_fold(b) == -1)
		fail(ld, "%s: %s", l->file, strerror(errno));
	fclose(f);
}

/* Blacklists less the whitelists that they except. */
static void
lists_except(struct load *ld, struct addrset_build *const *sets)
{
	struct conf_list		*l, *white;
	const struct conf_string	*s;

	TAILQ_FOREACH(l, &ld->conf->lists, entry) {
		TAILQ_FOREACH(s, &l->except, entry)
			TAILQ_FOREACH(white, &ld->conf->lists, entry)
				if (white->kind == LIST_WHITE &&
				    strcmp(white->name, s->text) == 0 &&
				    addrset_build_subtract(sets[l->index],
				    sets[white->index]) == -1)
					fail(ld, "%s: %s", l->file,
					    strerror(errno));
		if (addrset_build_fold(sets[l->index]) == -1)
			fail(ld, "%s: %s", l->file, strerror(errno));
		l->count = addrset_build_count(sets[l->index]);
	}
}

/*
 * An unlinked file with two descriptors: what the children get can be mapped
 * but not written.  *rw is for writing now; -1 with errno.
 */
static int
image_open(const char *statedir, int *rw)
{
	const char	*dirs[] = { "/tmp", "/var/tmp", statedir };
	char		 path[1024];
	size_t		 i;
	int		 fd;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (snprintf(path, sizeof(path), "%s/spamgreyd.XXXXXXXXXX",
		    dirs[i]) >= (int)sizeof(path) ||
		    (*rw = mkstemp(path)) == -1)
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		unlink(path);
		if (fd != -1 && fcntl(*rw, F_SETFD, FD_CLOEXEC) == 0)
			return (fd);
		if (fd != -1)
			close(fd);
		close(*rw);
	}
	return (-1);
}

static void
lists_compile(struct load *ld, struct addrset_build *const *sets, size_t n)
{
	struct config	*c = ld->conf;
	int		 rw;

	if ((c->set_fd = image_open(c->statedir, &rw)) == -1) {
		fail(ld, "%s: no place for the compiled lists: /tmp: %s",
		    c->file, strerror(errno));
		return;
	}
	if (addrset_write(rw, sets, n) == -1 ||
	    (c->set = addrset_map(c->set_fd)) == NULL)
		fail(ld, "%s: the compiled lists: %s", c->file,
		    strerror(errno));
	close(rw);
}

static void
lists_load(struct load *ld)
{
	struct addrset_build	*sets[ADDRSET_LISTS_MAX];
	const struct conf_list	*l;
	size_t			 i, n = 0;

	TAILQ_FOREACH(l, &ld->conf->lists, entry) {
		if ((sets[n++] = addrset_build_new()) == NULL) {
			fail(ld, "%s: %s", l->file, strerror(errno));
			break;
		}
		list_load(ld, l, sets[n - 1]);
	}
	if (!ld->failed && n > 0)
		lists_except(ld, sets);
	if (!ld->failed && n > 0)
		lists_compile(ld, sets, n);
	for (i = 0; i < n; i++)
		addrset_build_free(sets[i]);
}

/* The whole of a file that should be PEM of that kind; NULL: reported. */
static uint8_t *
pem_read(struct load *ld, const char *where, const char *file,
    const char *kind, int secret, size_t *len)
{
	struct stat	 st;
	uint8_t		*data = NULL;
	ssize_t		 n;
	int		 fd;

	if (where == NULL)
		where = ld->conf->file;
	if ((fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    fstat(fd, &st) == -1)
		fail(ld, "%s: %s: %s", where, file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		fail(ld, "%s: %s: not a regular file", where, file);
	else if (secret && (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		fail(ld, "%s: %s: everybody may read or write this key; "
		    "chmod o= it", where, file);
	else if (st.st_size > PEM_MAX)
		fail(ld, "%s: %s: larger than %d octets", where, file, PEM_MAX);
	else if ((data = calloc(1, (size_t)st.st_size + 1)) == NULL ||
	    (n = read(fd, data, (size_t)st.st_size)) == -1)
		fail(ld, "%s: %s: %s", where, file, strerror(errno));
	else if (strstr((char *)data, "-----BEGIN ") == NULL ||
	    strstr((char *)data, kind) == NULL)
		fail(ld, "%s: %s: no PEM with %s in it", where, file, kind);
	else {
		*len = (size_t)n;
		close(fd);
		return (data);
	}
	if (data != NULL)
		explicit_bzero(data, (size_t)st.st_size);
	free(data);
	if (fd != -1)
		close(fd);
	return (NULL);
}

static void
tls_load(struct load *ld, struct conf_tls *t)
{
	if (t == NULL)
		return;
	t->cert = pem_read(ld, t->where, t->cert_file, "CERTIFICATE-----", 0,
	    &t->cert_len);
	t->key = pem_read(ld, t->where, t->key_file, "PRIVATE KEY-----", 1,
	    &t->key_len);
}

/* For the certificate of the MTA. */
static void
ca_load(struct load *ld, const struct conf_pass *p)
{
	struct conf_relay	*r;

	if (p == NULL)
		return;
	TAILQ_FOREACH(r, &p->relays, entry)
		if (r->ca_file != NULL)
			r->ca = pem_read(ld, r->where, r->ca_file,
			    "CERTIFICATE-----", 0, &r->ca_len);
}

int
config_load_lists(struct config *conf, void (*report)(const char *, void *),
    void *arg)
{
	struct load	ld = { conf, report, arg, 0 };

	lists_load(&ld);
	return (ld.failed ? -1 : 0);
}

int
config_load(struct config *conf, void (*report)(const char *, void *),
    void *arg)
{
	struct load		 ld = { conf, report, arg, 0 };
	struct conf_listen	*l;

	tls_load(&ld, conf->tls);
	TAILQ_FOREACH(l, &conf->listens, entry)
		tls_load(&ld, l->tls);
	ca_load(&ld, conf->pass);
	lists_load(&ld);
	return (ld.failed ? -1 : 0);
}
