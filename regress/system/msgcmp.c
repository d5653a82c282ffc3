/* LIBS: -lm */
/*
 * msgcmp: compares what arrived with what msggen sent, byte by byte.  Each file
 * of the directory is one message; the number in its envelope sender says which
 * one it must be.  Before it only whole trace header fields are allowed, with
 * the names of -h (without -h: Received and X-Spamgreyd*).
 *	msgcmp [-ru] [-h name] ... [-l large] [-n number] [-o list] [-S seed]
 *	    directory
 *	-o	write the numbers that arrived, each as often as it arrived
 *	-r	pass was not between: the messages are as they were sent, not
 *		as pass delivers them
 *	-u	the files are smtp-sink's dumps: their lines end in LF
 * Prints "files, same, different, messages, duplicates".  If one differs,
 * prints where, and exits with 1.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include "lib/mime/msghead.h"
#include "regress/lib/messages.h"

#define NAMES	16

static const char	*names[NAMES];
static size_t		 nnames;
static unsigned int	 n, large, files, same, different, distinct;
static uint64_t		 seed = 1;
static unsigned int	*seen;
static int		 dump, raw;
static FILE		*list;

static uint8_t *
slurp(int fd, size_t *len)
{
	struct stat	 st;
	uint8_t		*p;
	ssize_t		 got;

	if (fstat(fd, &st) == -1)
		err(1, "stat");
	if ((p = malloc((size_t)st.st_size + 1)) == NULL)
		err(1, NULL);
	for (*len = 0; *len < (size_t)st.st_size; *len += (size_t)got)
		if ((got = read(fd, p + *len, (size_t)st.st_size - *len)) <= 0)
			err(1, "read");
	p[*len] = '\0';
	return (p);
}

/* Returns the end of the line at p, after its LF. */
static const uint8_t *
line_end(const uint8_t *p, const uint8_t *end)
{
	const uint8_t	*nl = memchr(p, '\n', (size_t)(end - p));

	return (nl == NULL ? end : nl + 1);
}

static int
name_allowed(const uint8_t *p, size_t len)
{
	const char	*colon = memchr(p, ':', len);
	size_t		 i, part;

	if (colon == NULL)
		return (0);
	for (i = 0; i < nnames; i++) {
		part = strlen(names[i]);
		if (names[i][part - 1] == '*')
			part--;
		else if ((size_t)(colon - (const char *)p) != part)
			continue;
		if (len > part && strncasecmp((const char *)p, names[i],
		    part) == 0)
			return (1);
	}
	return (0);
}

/* Returns whether it has only whole header fields with allowed names. */
static int
trace_only(const uint8_t *p, const uint8_t *end)
{
	const uint8_t	*next;
	int		 fields = 0;

	for (; p < end; p = next) {
		next = line_end(p, end);
		if (next[-1] != '\n' ||
		    (!dump && (next - p < 2 || next[-2] != '\r')))
			return (0);
		if (*p == ' ' || *p == '\t') {
			if (fields == 0)
				return (0);
		} else if (!name_allowed(p, (size_t)(next - p)))
			return (0);
		fields++;
	}
	return (1);
}

/* Makes the message as pass delivers it: all readers find the same end of the
 * header (lib/mime/msghead.h). */
static void
message_to_delivered(struct message *m)
{
	struct msghead	 h = { .drop = "X-Spamgreyd" };
	uint8_t		*out;
	size_t		 n;

	if ((out = malloc(MSGHEAD_ROOM(m->len) + MSGHEAD_ROOM(0))) == NULL)
		err(1, NULL);
	n = msghead_filter(&h, m->data, m->len, out);
	n += msghead_finish(&h, out + n);
	free(m->data);
	m->data = out;
	m->len = n;
}

/* Makes the message as in a dump: with LF, and an empty line at the end. */
static void
message_to_dump(struct message *m)
{
	size_t	i, len = 0;

	for (i = 0; i < m->len; i++)
		if (m->data[i] != '\r')
			m->data[len++] = m->data[i];
	m->data[len++] = '\n';
	m->len = len;
}

static void
show(const char *what, const uint8_t *p, const uint8_t *end)
{
	int	i;

	fprintf(stderr, "  %s:", what);
	for (i = 0; i < 24 && p + i < end; i++)
		fprintf(stderr, " %02x", p[i]);
	fprintf(stderr, "%s\n", p + i < end ? " ..." : " (end)");
}

static void
differs(const char *name, const struct message *m, const uint8_t *p,
    const uint8_t *end)
{
	size_t	len = (size_t)(end - p), i;

	/* Without the fields in front, as far as they are told apart. */
	while (p < end && name_allowed(p, (size_t)(line_end(p, end) - p))) {
		p = line_end(p, end);
		while (p < end && (*p == ' ' || *p == '\t') &&
		    len > m->len)
			p = line_end(p, end);
	}
	for (i = 0; i < m->len && p + i < end && m->data[i] == p[i]; i++)
		;
	fprintf(stderr, "%s: differs at octet %zu of %zu (%zu there)\n", name,
	    i, m->len, (size_t)(end - p));
	show("sent", m->data + i, m->data + m->len);
	show("there", p + i, end);
}

/* Returns the number in the sender's address, and where the message begins. */
static int
envelope(const uint8_t *p, const uint8_t *end, unsigned int *id,
    const uint8_t **body)
{
	const char	*from = dump ? "X-Mail-Args: <m" : "FROM <m";
	const uint8_t	*next;
	int		 found = 0;

	for (; p < end && *p != '\n'; p = next) {
		next = line_end(p, end);
		if (strncmp((const char *)p, from, strlen(from)) == 0) {
			*id = (unsigned int)strtoul((const char *)p +
			    strlen(from), NULL, 10);
			found = 1;
		}
		/* The header of a dump ends here, without an empty line. */
		if (dump && strncmp((const char *)p, "X-Rcpt-Args: ",
		    13) == 0 && (next == end || strncmp((const char *)next,
		    "X-Rcpt-Args: ", 13) != 0)) {
			p = next;
			break;
		}
	}
	*body = dump ? p : p + 1;
	return (found && *id < n + large && *body <= end ? 0 : -1);
}

static void
compare(const char *name, const uint8_t *p, size_t len)
{
	struct message	 m;
	const uint8_t	*body, *end = p + len;
	unsigned int	 id;

	files++;
	if (envelope(p, end, &id, &body) == -1) {
		fprintf(stderr, "%s: not a message of these\n", name);
		different++;
		return;
	}
	message_make(&m, seed, id, n);
	if (!raw)
		message_to_delivered(&m);
	if (dump)
		message_to_dump(&m);
	if ((size_t)(end - body) >= m.len &&
	    memcmp(end - m.len, m.data, m.len) == 0 &&
	    trace_only(body, end - m.len))
		same++;
	else {
		differs(name, &m, body, end);
		different++;
	}
	if (seen[id]++ == 0)
		distinct++;
	if (list != NULL)
		fprintf(list, "%u\n", id);
	free(m.data);
}

static void
directory(const char *path)
{
	DIR		*d;
	struct dirent	*e;
	uint8_t		*p;
	size_t		 len, end;
	int		 fd;

	if ((d = opendir(path)) == NULL)
		err(1, "%s", path);
	while ((e = readdir(d)) != NULL) {
		end = strlen(e->d_name);
		/* An unfinished message has another name. */
		if (e->d_name[0] == '.' ||
		    (end > 4 && strcmp(e->d_name + end - 4, ".tmp") == 0))
			continue;
		if ((fd = openat(dirfd(d), e->d_name, O_RDONLY)) == -1)
			err(1, "%s", e->d_name);
		p = slurp(fd, &len);
		close(fd);
		compare(e->d_name, p, len);
		free(p);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	int	ch;

	while ((ch = getopt(argc, argv, "h:l:n:o:rS:u")) != -1)
		switch (ch) {
		case 'h':
			if (nnames == NAMES)
				errx(2, "too many names");
			names[nnames++] = optarg;
			break;
		case 'l':
			large = (unsigned int)atoi(optarg);
			break;
		case 'n':
			n = (unsigned int)atoi(optarg);
			break;
		case 'o':
			if ((list = fopen(optarg, "w")) == NULL)
				err(1, "%s", optarg);
			break;
		case 'r':
			raw = 1;
			break;
		case 'S':
			seed = strtoull(optarg, NULL, 10);
			break;
		case 'u':
			dump = 1;
			break;
		default:
			goto usage;
		}
	if (optind + 1 != argc)
		goto usage;
	if (nnames == 0) {
		names[nnames++] = "Received";
		names[nnames++] = "X-Spamgreyd*";
	}
	if ((seen = calloc(n + large + 1, sizeof(*seen))) == NULL)
		err(1, NULL);
	directory(argv[optind]);
	if (list != NULL && fclose(list) == EOF)
		err(1, "list");
	printf("files %u same %u different %u messages %u duplicates %u\n",
	    files, same, different, distinct, files - distinct);
	return (different != 0);
usage:
	fprintf(stderr, "usage: msgcmp [-u] [-h name] ... [-l large] "
	    "[-n number] [-o list] [-S seed] directory\n");
	return (2);
}
