/*
 * Everything that needs the files which the configuration names.
 * Certificates and keys are read here.  Address lists are opened here; they
 * are read here only by programs that run without a daemon (spamgreyd -n,
 * spamgreydb).  The daemon's parent gives the open files to another process
 * (lib/proto/list.h), because their contents may be hostile.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/statedir.h"
#include "lib/base/unnamed.h"
#include "lib/conf/config.h"
#include "lib/list/lists.h"

#define PEM_MAX		(1024 * 1024)	/* bytes of a certificate or key file */

/* Loading under way: where errors go, and whether there was one. */
struct load {
	struct config	*conf;
	conf_report	 report;
	void		*arg;
	int		 failed;
};

/* Reports an error. */
static void __attribute__((__format__(printf, 2, 3)))
load_failed(struct load *ld, const char *fmt, ...)
{
	va_list	ap;
	char	line[2048];

	ld->failed = 1;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	conf_say(ld->report, ld->arg, line);
}

uint64_t
lists_except_mask(const struct config *c, const struct conf_list *l)
{
	const struct conf_list		*white;
	const struct conf_string	*s;
	uint64_t			 mask = 0;

	TAILQ_FOREACH(s, &l->except, entry)
		TAILQ_FOREACH(white, &c->lists, entry)
			if (white->kind == LIST_WHITE &&
			    strcmp(white->name, s->text) == 0)
				mask |= UINT64_C(1) << white->index;
	return (mask);
}

/* spamd-setup's lists have no settings of their own; they reply 450. */
struct conf_list *
lists_setup_add(struct config *c, const char *name, const char *message)
{
	const struct conf_list	*last = TAILQ_LAST(&c->lists, conf_lists);
	struct conf_list	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	TAILQ_INIT(&l->except);
	TAILQ_INSERT_TAIL(&c->lists, l, entry);
	l->kind = LIST_BLACK;
	l->source = SRC_SETUP;
	l->reply = 450;
	l->index = last == NULL ? 0 : last->index + 1;
	l->name = strdup(name);
	l->file = strdup("");
	if (*message != '\0')
		l->message = strdup(message);
	return (l->name == NULL || l->file == NULL ||
	    (*message != '\0' && l->message == NULL) ? NULL : l);
}

/*
 * The children get the read-only descriptor, so they can map the file but not
 * write to it.
 */
int
lists_image_open(const char *statedir, int *rw)
{
	const char	*dirs[] = { "/tmp", "/var/tmp", statedir };
	char		 path[1024];
	size_t		 i;
	int		 fd;

	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (snprintf(path, sizeof(path), "%s/spamgreyd.XXXXXXXXXX",
		    dirs[i]) < (int)sizeof(path) &&
		    (*rw = unnamed_open(path, &fd)) != -1)
			return (fd);
	return (-1);
}

/* What the lists are read from, opened with the rights of the user who can. */
struct list_files {
	int	raw[ADDRSET_LISTS_MAX];		/* -1: none */
	int	kept[ADDRSET_LISTS_MAX];
	int	setup;
	int	failed;			/* one was missing that must be there */
};

/* Owned by another user, or writable for others, it is not used. */
int
lists_dir(const char *statedir)
{
	return (statedir_sub(statedir, LIST_DIR, geteuid()));
}

/* Without O_NONBLOCK a FIFO in its place would block us. */
int
lists_kept_open(int dir, const char *name)
{
	if (dir == -1)
		return (-1);
	return (openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC));
}

/* conf_list_open checks what the path is; we need only its descriptor. */
int
lists_file_open(const struct config *c, const struct conf_list *l,
    char *line, size_t size)
{
	const char	*why;
	FILE		*f;
	int		 fd;

	if ((f = conf_list_open(l->file, &why)) == NULL) {
		snprintf(line, size, "%s: %s \"%s\": %s: %s",
		    l->where != NULL ? l->where : c->file,
		    l->kind == LIST_BLACK ? "blacklist" : "whitelist", l->name,
		    l->file, why);
		return (-1);
	}
	fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 0);
	fclose(f);
	return (fd);
}

/* Closes what was opened, used or not. */
static void
files_close(struct list_files *files)
{
	size_t	i;

	for (i = 0; i < ADDRSET_LISTS_MAX; i++) {
		if (files->raw[i] != -1)
			close(files->raw[i]);
		if (files->kept[i] != -1)
			close(files->kept[i]);
	}
	if (files->setup != -1)
		close(files->setup);
	free(files);
}

/*
 * strict: a list whose file is missing is an error, and what was kept is not
 * used (spamgreyd -n).
 */
struct list_files *
config_open_lists(struct config *conf, int strict,
    void (*report)(const char *, void *), void *arg)
{
	struct load		 ld = { conf, report, arg, 0 };
	const struct conf_list	*l;
	struct list_files	*files;
	char			 line[2048];
	size_t			 i;
	int			 dir;

	if ((files = calloc(1, sizeof(*files))) == NULL)
		return (NULL);
	for (i = 0; i < ADDRSET_LISTS_MAX; i++)
		files->raw[i] = files->kept[i] = -1;
	dir = strict ? -1 : lists_dir(conf->statedir);
	files->setup = TAILQ_EMPTY(&conf->setups) ? -1 :
	    lists_kept_open(dir, LIST_SETUP);
	TAILQ_FOREACH(l, &conf->lists, entry) {
		files->kept[l->index] = lists_kept_open(dir, l->name);
		if (l->source == SRC_FILE && (files->raw[l->index] =
		    lists_file_open(conf, l, line, sizeof(line))) == -1)
			load_failed(&ld, "%s", line);
	}
	if (dir != -1)
		close(dir);
	files->failed = strict && ld.failed;
	return (files);
}

/* Reads a list from its file, or as it last was. */
static void
list_load(struct load *ld, struct conf_list *l, int raw, int kept,
    struct addrset_build *set)
{
	struct list_report	r;

	if (raw != -1) {
		if (list_read(raw, l->file, 1, set, &r, ld->report,
		    ld->arg) == -1)
			load_failed(ld, "%s: %s \"%s\": %s: %s",
			    l->where != NULL ? l->where : ld->conf->file,
			    l->kind == LIST_BLACK ? "blacklist" : "whitelist",
			    l->name, l->file, r.why);
		l->loaded = clock_wall();
	} else if (kept != -1)
		(void)list_kept_read(kept, list_source_id(l->source, l->file),
		    &l->loaded, set);
}

/* Compiles the lists into the file that is mapped. */
static void
write_image(struct load *ld, struct addrset_build *const *sets, size_t n)
{
	struct config	*c = ld->conf;
	int		 rw;

	if ((c->set_fd = lists_image_open(c->statedir, &rw)) == -1) {
		load_failed(ld,
		    "%s: cannot create the file for the compiled lists in "
		    "/tmp: %s",
		    c->file, strerror(errno));
		return;
	}
	if (addrset_write(rw, sets, n) == -1 ||
	    (c->set = addrset_map(c->set_fd)) == NULL)
		load_failed(ld, "%s: cannot write the compiled lists: %s",
		    c->file, strerror(errno));
	close(rw);
}

/*
 * Adds the lists of spamd-setup behind those of the configuration.  Returns
 * the number of sets.
 */
static int
setups_load(struct load *ld, int fd, struct addrset_build **sets, size_t n)
{
	struct list_setups	 all = TAILQ_HEAD_INITIALIZER(all);
	struct list_setup	*s;
	struct conf_list	*l;

	if (fd == -1 || list_setup_read(fd, &all) == -1) {
		list_setup_free(&all);
		return ((int)n);
	}
	TAILQ_FOREACH(s, &all, entry) {
		if (n == ADDRSET_LISTS_MAX ||
		    conf_list_find(ld->conf, s->name) != NULL)
			continue;
		if ((l = lists_setup_add(ld->conf, s->name, s->message)) ==
		    NULL)
			break;
		l->loaded = s->loaded;
		sets[n++] = s->set;
		s->set = NULL;
	}
	list_setup_free(&all);
	return ((int)n);
}

/* Frees files.  Returns -1 when anything was missing that must be there. */
int
config_load_lists(struct config *conf, struct list_files *files,
    void (*report)(const char *, void *), void *arg)
{
	struct load		 ld = { conf, report, arg, 0 };
	struct addrset_build	*sets[ADDRSET_LISTS_MAX];
	uint64_t		 except[ADDRSET_LISTS_MAX];
	struct conf_list	*l;
	size_t			 i, n = 0;

	memset(except, 0, sizeof(except));
	TAILQ_FOREACH(l, &conf->lists, entry) {
		except[n] = lists_except_mask(conf, l);
		if ((sets[n++] = addrset_build_new()) == NULL) {
			load_failed(&ld, "lists: %s", strerror(errno));
			break;
		}
		list_load(&ld, l, files->raw[l->index], files->kept[l->index],
		    sets[n - 1]);
	}
	if (!ld.failed)
		n = (size_t)setups_load(&ld, files->setup, sets, n);
	if (!ld.failed && n > 0) {
		if (list_except(sets, n, except) == -1)
			load_failed(&ld, "lists: %s", strerror(errno));
		TAILQ_FOREACH(l, &conf->lists, entry)
			l->count = addrset_build_count(sets[l->index]);
		write_image(&ld, sets, n);
	}
	for (i = 0; i < n; i++)
		addrset_build_free(sets[i]);
	ld.failed |= files->failed;
	files_close(files);
	return (ld.failed ? -1 : 0);
}

/*
 * Reads a PEM file of that kind.  secret: others must not be able to read it.
 * NULL: reported.
 */
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
		load_failed(ld, "%s: %s: %s", where, file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		load_failed(ld, "%s: %s: not a regular file", where, file);
	else if (secret && (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		load_failed(ld, "%s: %s: everybody may read or write this key; "
		    "chmod o= it", where, file);
	else if (st.st_size > PEM_MAX)
		load_failed(ld, "%s: %s: larger than %d bytes", where, file,
		    PEM_MAX);
	else if ((data = calloc(1, (size_t)st.st_size + 1)) == NULL ||
	    (n = read(fd, data, (size_t)st.st_size)) == -1)
		load_failed(ld, "%s: %s: %s", where, file, strerror(errno));
	else if (strstr((char *)data, "-----BEGIN ") == NULL ||
	    strstr((char *)data, kind) == NULL)
		load_failed(ld, "%s: %s: no PEM with %s in it", where, file,
		    kind);
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

/* Certificate and key of a tls line. */
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

/* The certificates that verify the MTA's. */
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

/* All certificates and keys that the configuration names. */
int
config_load_keys(struct config *conf, void (*report)(const char *, void *),
    void *arg)
{
	struct load		 ld = { conf, report, arg, 0 };
	struct conf_listen	*l;

	tls_load(&ld, conf->tls);
	TAILQ_FOREACH(l, &conf->listens, entry)
		tls_load(&ld, l->tls);
	ca_load(&ld, conf->pass);
	return (ld.failed ? -1 : 0);
}

/* For spamgreyd -n: everything is read, and each error reported. */
int
config_load(struct config *conf, void (*report)(const char *, void *),
    void *arg)
{
	struct list_files	*files;
	int			 r;

	r = config_load_keys(conf, report, arg);
	if ((files = config_open_lists(conf, 1, report, arg)) == NULL ||
	    config_load_lists(conf, files, report, arg) == -1)
		return (-1);
	return (r);
}
