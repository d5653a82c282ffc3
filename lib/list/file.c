/*
 * The files in STATE/lists; see read.h.  They are text, the same on
 * every machine, and checked when they are read: a file that is not whole
 * counts as absent.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/addrset/listline.h"
#include "lib/base/siphash.h"
#include "lib/smtp/tmpl.h"
#include "lib/list/read.h"

#define OUT_BLOCK	65536	/* bytes buffered before a write */
#define SOURCE_MAX	8192	/* bytes of a source that are hashed */
#define HEAD_MAX	160	/* bytes of a line that begins with @ or # */

/*
 * A hash of the kind and the text of the source; the key only has to be the
 * same always.
 */
uint64_t
list_source_id(enum conf_source kind, const char *source)
{
	static const uint8_t	key[16] = "spamgreyd list 1";
	char			text[SOURCE_MAX];
	int			n;

	n = snprintf(text, sizeof(text), "%d %s", (int)kind, source);
	if (n < 0 || (size_t)n >= sizeof(text))
		n = sizeof(text) - 1;
	return (siphash24(key, text, (size_t)n));
}

/* A file being written, through a buffer. */
struct out {
	int		 fd;
	struct buf	 b;
};

/* Writes the buffer. */
static int
out_write(struct out *o)
{
	ssize_t	n;

	while (buf_len(&o->b) > 0) {
		n = write(o->fd, buf_ptr(&o->b), buf_len(&o->b));
		if (n == -1 && errno != EINTR)
			return (-1);
		if (n > 0)
			buf_drain_keep(&o->b, (size_t)n);
	}
	return (0);
}

/* Writes a range as short as possible: an address, a network, or a range. */
static int
out_range(const struct addr *lo, const struct addr *hi, void *arg)
{
	struct out	*o = arg;
	struct prefix	 p;
	struct addr	 last;
	unsigned int	 min = addr_is4(lo) && addr_is4(hi) ? 96 : 0;
	char		 a[PREFIX_STRLEN], b[ADDR_STRLEN];
	int		 r;

	p.addr = *lo;
	for (p.len = 128; p.len > min; p.len--) {
		last = p.addr;
		addr_fill(&last, p.len);
		if (addr_cmp(&last, hi) >= 0)
			break;
	}
	last = p.addr;
	addr_fill(&last, p.len);
	addr_mask(&p.addr, p.len);
	if (addr_cmp(&p.addr, lo) == 0 && addr_cmp(&last, hi) == 0)
		r = buf_printf(&o->b, "%s\n", prefix_str(&p, a));
	else
		r = buf_printf(&o->b, "%s-%s\n", addr_str(lo, a),
		    addr_str(hi, b));
	if (r == -1)
		return (-1);
	return (buf_len(&o->b) < OUT_BLOCK ? 0 : out_write(o));
}

/* Ends writing, with the file on disk.  r: the result so far. */
static int
out_finish(struct out *o, int r)
{
	if (r == 0 && (r = out_write(o)) == 0)
		r = fsync(o->fd);
	buf_free(&o->b);
	return (r == 0 ? 0 : -1);
}

/* The count in the first line is how a reader knows that the file is whole. */
int
list_kept_write(int fd, uint64_t source, int64_t loaded,
    const struct addrset_build *set)
{
	struct out	o = { fd, { NULL, 0, 0, 0 } };
	int		r;

	r = buf_printf(&o.b, "# spamgreyd list 1 %016" PRIx64 " %" PRId64
	    " %zu\n", source, loaded, addrset_build_count(set));
	if (r == 0)
		r = addrset_build_each(set, out_range, &o);
	return (out_finish(&o, r));
}

/*
 * Copies a line of our own that is not an address.  The line need not end in
 * a NUL.  Returns -1 when it does not fit.
 */
static int
copy_line(char *dst, size_t size, const char *line, size_t len)
{
	if (len >= size || memchr(line, '\0', len) != NULL)
		return (-1);
	memcpy(dst, line, len);
	dst[len] = '\0';
	return (0);
}

/* Adds an address line to the set; -1: it is malformed. */
static int
take_range(struct addrset_build *set, const char *line, size_t len)
{
	struct addr	 lo, hi;
	const char	*error;

	if (listline_parse(line, len, LISTLINE_ALL, &lo, &hi, &error) !=
	    LISTLINE_RANGE)
		return (-1);
	return (addrset_build_range(set, &lo, &hi));
}

/*
 * A file of another source, with a bad line, or with too few lines is not
 * used.
 */
int
list_kept_read(int fd, uint64_t source, int64_t *loaded,
    struct addrset_build *set)
{
	struct list_in	*in;
	const char	*line, *why;
	char		 head[HEAD_MAX];
	uint64_t	 id;
	size_t		 len, count, n = 0;
	int		 got;

	if (lseek(fd, 0, SEEK_SET) == -1 || (in = list_in_open(fd)) == NULL)
		return (-1);
	got = list_in_line(in, &line, &len, &why);
	if (got != 1 || copy_line(head, sizeof(head), line, len) == -1 ||
	    sscanf(head, "# spamgreyd list 1 %16" SCNx64 " %" SCNd64 " %zu",
	    &id, loaded, &count) != 3 || id != source) {
		list_in_close(in);
		return (-1);
	}
	while ((got = list_in_line(in, &line, &len, &why)) == 1 &&
	    n++ < count && take_range(set, line, len) == 0)
		continue;
	list_in_close(in);
	return (got == 0 && n == count ? addrset_build_fold(set) : -1);
}

/*
 * On an error the part that was made stays in the list, and is freed with it.
 */
struct list_setup *
list_setup_new(struct list_setups *all, const char *name)
{
	struct list_setup	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	TAILQ_INSERT_TAIL(all, s, entry);
	s->name = strdup(name);
	s->message = strdup("");
	s->set = addrset_build_new();
	return (s->name == NULL || s->message == NULL || s->set == NULL ? NULL :
	    s);
}

/* Frees all lists; the head is empty afterwards. */
void
list_setup_free(struct list_setups *all)
{
	struct list_setup	*s;

	while ((s = TAILQ_FIRST(all)) != NULL) {
		TAILQ_REMOVE(all, s, entry);
		free(s->name);
		free(s->message);
		addrset_build_free(s->set);
		free(s);
	}
}

/* All lists, one after the other. */
int
list_setup_write(int fd, const struct list_setups *all)
{
	struct out		 o = { fd, { NULL, 0, 0, 0 } };
	const struct list_setup	*s;
	int			 r = 0;

	TAILQ_FOREACH(s, all, entry) {
		if (r == 0)
			r = buf_printf(&o.b, "@%s %" PRId64 " %zu\n@%s\n",
			    s->name, s->loaded, addrset_build_count(s->set),
			    s->message);
		if (r == 0)
			r = addrset_build_each(s->set, out_range, &o);
	}
	return (out_finish(&o, r));
}

/*
 * Reads "@NAME LOADED COUNT", the beginning of a list; NULL: it is malformed.
 */
static struct list_setup *
take_head(struct list_setups *all, const char *line, size_t len,
    size_t *count)
{
	struct list_setup	*s;
	char			 head[HEAD_MAX], name[64];
	int64_t			 loaded;

	if (copy_line(head, sizeof(head), line, len) == -1 ||
	    sscanf(head, "@%63[A-Za-z0-9_.-] %" SCNd64 " %zu", name, &loaded,
	    count) != 3 || (s = list_setup_new(all, name)) == NULL)
		return (NULL);
	s->loaded = loaded;
	return (s);
}

/* Reads "@MESSAGE". */
static int
take_setup_message(struct list_setup *s, const char *line, size_t len)
{
	char	*message;

	if (len < 1 || line[0] != '@' || (message = malloc(len)) == NULL)
		return (-1);
	if (copy_line(message, len, line + 1, len - 1) == -1 ||
	    (message[0] != '\0' && tmpl_check(message, "A") != NULL)) {
		free(message);
		return (-1);
	}
	free(s->message);
	s->message = message;
	return (0);
}

/* Reads all lists; -1: the file is not whole. */
static int
take_setups(struct list_in *in, struct list_setups *all)
{
	struct list_setup	*s;
	const char		*line, *why;
	size_t			 len, i, count;
	int			 got;

	while ((got = list_in_line(in, &line, &len, &why)) == 1) {
		if ((s = take_head(all, line, len, &count)) == NULL ||
		    list_in_line(in, &line, &len, &why) != 1 ||
		    take_setup_message(s, line, len) == -1)
			return (-1);
		for (i = 0; i < count; i++)
			if (list_in_line(in, &line, &len, &why) != 1 ||
			    take_range(s->set, line, len) == -1)
				return (-1);
		if (addrset_build_fold(s->set) == -1)
			return (-1);
	}
	return (got);
}

/* From the beginning of the file. */
int
list_setup_read(int fd, struct list_setups *all)
{
	struct list_in	*in;
	int		 r;

	if (lseek(fd, 0, SEEK_SET) == -1 || (in = list_in_open(fd)) == NULL)
		return (-1);
	r = take_setups(in, all);
	list_in_close(in);
	return (r);
}
