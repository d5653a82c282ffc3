/*
 * Lists of text in the configuration: allowed domains, spamtraps, recipients,
 * names of lists.  They are written in braces, or in a file of their own with
 * an entry in each line.  Entries are kept in the form in which addresses are
 * compared later (lib/smtp/mailaddr.h), so that a lookup need not convert them
 * again.
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/domain.h"
#include "lib/base/log.h"
#include "lib/smtp/mailaddr.h"
#include "lib/base/textfile.h"
#include "lib/conf/conf_int.h"

#define LOCAL_MAX	64		/* RFC 5321 4.5.3.1.1 */

/* Appends a copy of text.  Returns 0, or -1 without memory. */
static int
strings_add(struct conf_strings *list, const char *text)
{
	struct conf_string	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (-1);
	if ((s->text = strdup(text)) == NULL) {
		free(s);
		return (-1);
	}
	TAILQ_INSERT_TAIL(list, s, entry);
	return (0);
}

/* A mail address to its compared form.  Returns 0, or -1 when it is none. */
static int
entry_mailaddr(const char *s, char *dst, size_t size)
{
	const char	*at = strrchr(s, '@');
	char		 again[CONF_STRING_MAX + 1];

	/* The domain has no final dot here.  A local part that needs quotes
	 * would not be read back as it is printed. */
	if (at == NULL || at - s > LOCAL_MAX ||
	    !conf_is_domain(at + 1, strlen(at + 1)) ||
	    mailaddr_box(s, dst, size) == -1 ||
	    mailaddr_box(dst, again, sizeof(again)) == -1)
		return (-1);
	return (0);
}

/*
 * A domain, ".domain" (its subdomains) or "@domain" to its compared form: lower
 * case, international labels as A-labels.  Returns 0, or -1 when it is none.
 */
static int
entry_domain(const char *s, char *dst, size_t size)
{
	size_t	n = *s == '.' || *s == '@';

	if (n >= size || !conf_is_domain(s + n, strlen(s + n)) ||
	    domain_fold(s + n, strlen(s + n), dst + n, size - n) == -1 ||
	    !domain_is_atom(dst + n))
		return (-1);
	if (n > 0)
		dst[0] = *s;
	return (0);
}

/*
 * An entry of that kind to dst.  Returns NULL, or what it should have been, for
 * the message.
 */
static const char *
entry_wrong(enum conf_item_kind kind, const char *s, char *dst, size_t size)
{
	switch (kind) {
	case ITEM_DOMAIN:
		if (entry_domain(s, dst, size) == 0 ||
		    entry_mailaddr(s, dst, size) == 0)
			return (NULL);
		return ("a domain (\"example.org\"), the subdomains of one "
		    "(\".example.org\") or an address");
	case ITEM_TRAP:
		if (entry_mailaddr(s, dst, size) == 0)
			return (NULL);
		return ("a mail address (\"john.doe@example.org\")");
	case ITEM_RCPT:
		if (entry_mailaddr(s, dst, size) == 0 ||
		    (*s == '@' && entry_domain(s, dst, size) == 0))
			return (NULL);
		return ("a mail address (\"support@example.org\") or all "
		    "of a domain (\"@example.org\")");
	case ITEM_NAME:
		strlcpy(dst, s, size);
		break;
	}
	return (NULL);
}

/*
 * Checks an entry and adds it.  A wrong one is reported and left out, so that
 * one run of the parser finds all of them.
 */
static void
entry_add(struct conf_strings *list, enum conf_item_kind kind,
    const struct lex_token *t)
{
	char		 text[CONF_STRING_MAX + 1];
	const char	*wanted;

	if ((wanted = entry_wrong(kind, t->text, text, sizeof(text))) != NULL)
		conf_error(t, "\"%.200s\" is not %s", t->text, wanted);
	else if (strings_add(list, text) == -1)
		fatal("configuration");
}

/* The entries of a list in braces. */
void
conf_entries(struct conf_strings *list, enum conf_item_kind kind,
    const struct lex_items *items)
{
	const struct lex_item	*item;

	for (item = items->first; item != NULL; item = item->next)
		entry_add(list, kind, &item->tok);
}

/*
 * What a line of a file has without its comment and its blanks around; line is
 * changed, and *item points into it.  A "#" begins a comment at the beginning
 * of the entry or after a blank, since it may be in a local part.
 */
int
conf_line_item(char *line, ssize_t len, char **item)
{
	char	*p;

	*item = line;
	if (memchr(line, '\0', (size_t)len) != NULL)
		return (-1);
	/* A byte order mark would be a local part, before @example.org. */
	*item += text_bom(*item, (size_t)len);
	while (isspace((unsigned char)**item))
		(*item)++;
	for (p = *item; *p != '\0'; p++)
		if (*p == '#' && (p == *item || isspace((unsigned char)p[-1])))
			break;
	while (p > *item && isspace((unsigned char)p[-1]))
		p--;
	*p = '\0';
	return (p != *item);
}

/*
 * Opens a file of entries.  Only regular files: anything else could block the
 * parent or never end.
 */
FILE *
conf_list_open(const char *file, const char **why)
{
	struct stat	 st;
	FILE		*f;
	int		 fd;

	*why = NULL;
	/* A FIFO must not hold up a reload. */
	if ((fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1) {
		*why = strerror(errno);
		return (NULL);
	}
	if (fstat(fd, &st) == -1)
		*why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		*why = "not a regular file";
	else if ((f = fdopen(fd, "r")) == NULL)
		*why = strerror(errno);
	else
		return (f);
	close(fd);
	return (NULL);
}

/*
 * The entries of a file, an entry a line.  Errors have the name and the line of
 * that file.
 */
void
conf_entries_file(struct conf_strings *list, enum conf_item_kind kind,
    const struct lex_token *name)
{
	struct lex_token	 t;
	const char		*why;
	FILE			*f;
	char			*line = NULL, *item;
	size_t			 size = 0;
	ssize_t			 len;
	int			 r;

	if ((f = conf_list_open(name->text, &why)) == NULL) {
		conf_error(name, "%s: %s", name->text, why);
		return;
	}
	memset(&t, 0, sizeof(t));
	t.file = name->text;
	while ((len = getline(&line, &size, f)) != -1) {
		t.line++;
		r = conf_line_item(line, len, &item);
		t.text = item;
		if (r == -1)
			conf_error(&t, "NUL byte in the line");
		else if (len > CONF_STRING_MAX)
			conf_error(&t, "line longer than %d bytes",
			    CONF_STRING_MAX);
		else if (r == 1)
			entry_add(list, kind, &t);
	}
	if (ferror(f))
		conf_error(name, "%s: %s", name->text, strerror(errno));
	free(line);
	fclose(f);
}
