/*
 * Any text as a path: a folded sender does not change when it is folded again,
 * and fits or fails for every size of the result.  An accepted recipient is
 * within the grammar, both as it is relayed and as it is compared; the relayed
 * form is accepted again, with the same meaning.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/domain.h"
#include "lib/smtp/mailaddr.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define ATOMS	"abcdefghijklmnopqrstuvwxyz0123456789.#$&'*+-/=?^_`{|}~"
#define NAMES	"abcdefghijklmnopqrstuvwxyz0123456789-_"

static int
all_of(const char *s, size_t n, const char *chars, unsigned int flags)
{
	for (; n > 0; s++, n--)
		if ((unsigned char)*s >= 0x80 ? !(flags & MAILADDR_UTF8) :
		    strchr(chars, *s) == NULL &&
		    !((flags & MAILADDR_ROUTES) && strchr("%!", *s) != NULL))
			return (0);
	return (1);
}

static void
check_box(const struct mailaddr *m, unsigned int flags)
{
	const char	*at = strchr(m->box, '@'), *label, *dot;

	if ((at != NULL) != m->has_domain || at == m->box ||
	    m->box[0] == '\0')
		abort();
	/* (what stood in quotes may be more) */
	if (strchr(m->path, '"') == NULL && !all_of(m->box,
	    at == NULL ? strlen(m->box) : (size_t)(at - m->box), ATOMS, flags))
		abort();
	if (at == NULL)
		return;
	if (strchr(at + 1, '@') != NULL || strpbrk(m->box, "(),:;<>") !=
	    (m->is_literal ? strchr(m->box, ':') : NULL))
		abort();
	if (m->is_literal) {
		if (at[1] != '[' || at[strlen(at) - 1] != ']')
			abort();
		return;
	}
	for (label = at + 1;; label = dot + 1) {
		dot = label + strcspn(label, ".");
		if (dot == label || dot - label > DOMAIN_LABEL_MAX ||
		    !all_of(label, (size_t)(dot - label), NAMES,
		    flags & MAILADDR_UTF8))
			abort();
		if (*dot == '\0')
			break;
	}
}

static void
check_rcpt(const char *path, unsigned int flags)
{
	struct mailaddr	 m, again;
	const char	*error, *end;
	char		 box[MAILADDR_MAX];
	size_t		 n;

	if ((error = mailaddr_check_rcpt(path, flags, &m)) != NULL) {
		if (strncmp(error, "501 5.1.3 ", 10) != 0 &&
		    strncmp(error, "553 5.1.3 ", 10) != 0 &&
		    strncmp(error, "553 5.6.7 ", 10) != 0)
			abort();
		return;
	}
	check_box(&m, flags);
	n = strlen(m.path);
	end = m.path + n - 1;
	if (m.path[0] != '<' || *end != '>' ||
	    strcspn(m.path + 1, "<>\r\n\t") != n - 2 ||
	    (m.path[1] != '"' && strpbrk(m.path, " \"\\(),;") != NULL))
		abort();
	if (mailaddr_check_rcpt(m.path, flags, &again) != NULL ||
	    again.routed || strcmp(again.path, m.path) != 0 ||
	    strcmp(again.box, m.box) != 0)
		abort();
	/* A key is made of the same mailbox. */
	if (!m.is_literal && (mailaddr_rcpt(path, box, sizeof(box)) == -1 ||
	    strcmp(box, m.box) != 0))
		abort();
	if (m.has_domain && !m.is_literal) {
		if (mailaddr_match(strchr(m.box, '@'), m.box) != 1 ||
		    mailaddr_match(m.box, m.box) != 1)
			abort();
		if (mailaddr_box(m.path, box, sizeof(box)) == 0 &&
		    strcmp(box, m.box) != 0)
			abort();
	}
}

static void
check_fold(const char *path, size_t len)
{
	char	once[4 * MAILADDR_MAX], twice[4 * MAILADDR_MAX];

	if (domain_fold(path, len, once, sizeof(once)) == -1)
		return;
	if (domain_fold(once, strlen(once), twice, sizeof(twice)) == -1 ||
	    strcmp(once, twice) != 0)
		abort();
	(void)domain_is_atom(once);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		 path[MAILADDR_MAX + 1], once[MAILADDR_MAX + 1];
	char		 twice[MAILADDR_MAX + 1], *tight;
	const char	*domain;
	size_t		 n, len;
	unsigned int	 flags;

	/* (a name outside of ASCII gets longer) */
	if (size > MAILADDR_MAX / 8)
		return (0);
	memcpy(path, data, size);
	path[size] = '\0';
	len = strlen(path);
	if (mailaddr_normalise_sender(path, once, sizeof(once)) == -1 ||
	    once[0] == '<' ||
	    mailaddr_normalise_sender(once, twice, sizeof(twice)) == -1 ||
	    strcmp(once, twice) != 0)
		abort();
	n = strlen(once);
	if ((tight = malloc(n + 1)) == NULL)
		exit(1);
	if (mailaddr_normalise_sender(path, tight, n + 1) == -1 ||
	    (n > 0 && mailaddr_normalise_sender(path, tight, n) == 0))
		abort();
	free(tight);
	/* Another spelling has no capitals. */
	if (mailaddr_rcpt(path, once, sizeof(once)) == -1 ||
	    strpbrk(once, "AZ") != NULL)
		abort();
	if ((domain = mailaddr_domain(path, &n)) != NULL &&
	    (n == 0 || domain <= path || domain + n > path + len ||
	    domain[-1] != '@'))
		abort();
	for (flags = 0; flags < 4; flags++)
		check_rcpt(path, flags);
	check_fold(path, len);
	/* A path as a rule, and the other way round: only that it ends. */
	(void)mailaddr_check_sender(path);
	(void)mailaddr_match(path, "joe@example.org");
	(void)mailaddr_match("example.org", path);
	(void)mailaddr_match(path, path);
	(void)mailaddr_is_role(path, "example.org");
	(void)mailaddr_is_role("abuse@example.org", path);
	(void)mailaddr_same(path, "<joe@example.org>");
	return (0);
}
