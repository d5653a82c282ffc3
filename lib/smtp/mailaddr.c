/*
 * Mail addresses; see mailaddr.h.  Pure functions.  A domain is compared in
 * the form of domain.h; of a local part only ASCII's letters have a case.
 *
 * The sender of a tuple's key.  Mailing programs write into it what changes
 * from message to message, or even from try to try; in the local
 * part these are undone, in this order, until nothing changes:
 *	route	@relay,@relay:user			user
 *	BATV	prvs=TAG=user, prvs=user/TAG, prvs/TAG/user,
 *		btv1==TAG==user, msprvs1=TAG=user	user
 *	SRS	SRS0=HASH=TT=host=user,
 *		SRS1=HASH=host==HASH=TT=host=user	user, at host
 *	+ext	user+anything, user+to=host		user
 *	VERP	list-to=host, list-return-12-to=host	list, list-return-12
 * and then, word by word (a word is letters and digits between others):
 *	an UUID, with a digit				#
 *	at least 8 hexadecimal digits, one of them 0-9	#
 *	at least 16 letters and digits, with digits in three places or more	#
 *	a run of digits					#
 * A TAG is letters and digits, at least one of the latter.  A quoted local
 * part is left alone.  Names are kept: alice@ and bob@ stay two senders.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/ascii.h"
#include "lib/base/domain.h"
#include "lib/smtp/mailaddr.h"

#define TAG_MAX		32
#define UUID_LEN	36
#define TOKEN_HEX	8	/* hexadecimal digits that are a token */
#define TOKEN_WORD	16	/* letters and digits … */
#define TOKEN_RUNS	3	/* … with digits in so many places */
#define FNV_OFFSET	UINT64_C(14695981039346656037)
#define FNV_PRIME	UINT64_C(1099511628211)

/* What is inside the brackets; not ended by a NUL. */
static const char *
inside(const char *path, size_t *len)
{
	const char	*end = path + strlen(path);

	while (*path == '<')
		path++;
	while (end > path && end[-1] == '>')
		end--;
	*len = (size_t)(end - path);
	return (path);
}

/* 0, or -1: it does not fit. */
static int
copy_inside(const char *path, char *dst, size_t dstsize)
{
	size_t	len;

	path = inside(path, &len);
	if (len >= dstsize)
		return (-1);
	memcpy(dst, path, len);
	dst[len] = '\0';
	return (0);
}

/* Folds the domain in place; it may get longer. -1: no room. */
static int
fold_domain(char *domain, size_t size)
{
	char	 copy[MAILADDR_MAX + 1];
	size_t	 len = strlen(domain);

	if (len >= sizeof(copy))
		return (-1);
	memcpy(copy, domain, len + 1);
	return (domain_fold(copy, len, domain, size));
}

/* `"a\ b"' becomes `a b': in place, since it never gets longer. */
static void
unquote(char *s)
{
	char	*d = s;

	for (; *s != '\0'; s++) {
		if (*s == '"')
			continue;
		if (*s == '\\' && s[1] != '\0')
			s++;
		*d++ = *s;
	}
	*d = '\0';
}

/* What follows a source route, "@a,@[IPv6:::1]:"; NULL: there is none. */
static const char *
route_end(const char *s)
{
	for (; *s != '\0' && *s != ':'; s++)
		if (*s == '[')
			while (s[1] != '\0' && *s != ']')
				s++;
	return (s[0] == ':' && s[1] != '\0' ? s + 1 : NULL);
}

/*
 * The local part shrinks, and the domain is moved up behind it before it is
 * folded.
 */
int
mailaddr_rcpt(const char *path, char *dst, size_t dstsize)
{
	const char	*end;
	char		*at, *to;
	size_t		 n;

	if (copy_inside(path, dst, dstsize) == -1)
		return (-1);
	if (dst[0] == '@' && (end = route_end(dst)) != NULL)
		memmove(dst, end, strlen(end) + 1);
	if ((at = strrchr(dst, '@')) == NULL) {
		unquote(dst);
		ascii_lower_str(dst);
		return (0);
	}
	*at = '\0';
	unquote(dst);
	ascii_lower_str(dst);
	to = dst + strlen(dst);
	*at = '@';
	memmove(to, at, strlen(at) + 1);
	at = to + 1;
	if (fold_domain(at, dstsize - (size_t)(at - dst)) == -1)
		return (-1);
	n = strlen(at);
	if (n > 1 && at[n - 1] == '.')
		at[n - 1] = '\0';
	return (0);
}

int
mailaddr_same(const char *a, const char *b)
{
	char	x[MAILADDR_MAX + 1], y[MAILADDR_MAX + 1];

	return (strcmp(a, b) == 0 || (mailaddr_rcpt(a, x, sizeof(x)) == 0 &&
	    mailaddr_rcpt(b, y, sizeof(y)) == 0 && strcmp(x, y) == 0));
}

/* FNV-1a, 64 bits: not keyed, since it only saves comparisons. */
uint64_t
mailaddr_hash(const char *path)
{
	char		 box[MAILADDR_MAX + 1];
	const char	*s = mailaddr_rcpt(path, box, sizeof(box)) == 0 ? box :
			    path;
	uint64_t	 h = FNV_OFFSET;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * FNV_PRIME;
	return (h == 0 ? 1 : h);
}

const char *
mailaddr_domain(const char *path, size_t *len)
{
	const char	*at, *end;
	size_t		 n;

	path = inside(path, &n);
	end = path + n;
	for (at = end; at > path && at[-1] != '@'; at--)
		continue;
	if (at == path || at == end)
		return (NULL);
	*len = (size_t)(end - at);
	return (at);
}

/* The length of a tag of a signing scheme at s, ended by `end'; 0: none. */
static size_t
tag_span(const char *s, char end)
{
	size_t	n;
	int	digits = 0;

	for (n = 0; ascii_is_alnum(s[n]); n++)
		digits |= ascii_is_digit(s[n]);
	return (s[n] == end && digits && n <= TAG_MAX ? n : 0);
}

/* 1: *local now points to a shorter local part, inside the same buffer. */
static int
undo_batv(char **local)
{
	static const struct {
		const char	*head;
		const char	*sep;
	} form[] = {
		{ "prvs=", "=" }, { "prvs/", "/" }, { "msprvs1=", "=" },
		{ "btv1==", "==" }, { NULL, NULL }
	};
	char	*s, *slash;
	size_t	 i, n, sep;

	for (i = 0; form[i].head != NULL; i++) {
		n = strlen(form[i].head);
		if (!ascii_begins(*local, strlen(*local), form[i].head))
			continue;
		s = *local + n;
		sep = strlen(form[i].sep);
		n = tag_span(s, form[i].sep[0]);
		if (n > 0 && strncmp(s + n, form[i].sep, sep) == 0 &&
		    s[n + sep] != '\0') {
			*local = s + n + sep;
			return (1);
		}
		/* The older order: prvs=user/TAG. */
		slash = strrchr(s, '/');
		if (i == 0 && slash != NULL && slash > s &&
		    tag_span(slash + 1, '\0') >= 8) {
			*slash = '\0';
			*local = s;
			return (1);
		}
	}
	return (0);
}

/* Skips one "word=" of at most max octets; NULL: there is none. */
static char *
srs_field(char *s, size_t max)
{
	size_t	n = strcspn(s, "=@");

	return (n > 0 && n <= max && s[n] == '=' ? s + n + 1 : NULL);
}

/* Labels of letters, digits and hyphens with at least one dot. */
static int
is_domain(const char *s, size_t n)
{
	size_t	i;
	int	dots = 0;

	for (i = 0; i < n; i++) {
		if (s[i] == '.')
			dots++;
		else if (!ascii_is_alnum(s[i]) && s[i] != '-')
			return (0);
	}
	return (n > 0 && dots > 0 && s[0] != '.' && s[n - 1] != '.');
}

/*
 * 1: the original sender is now in *local and *domain.  SRS1 has one host
 * more, that of the first rewriting.
 */
static int
undo_srs(char **local, char **domain)
{
	char	*s, *host;
	size_t	 len = strlen(*local);

	if (!ascii_begins(*local, len, "SRS0") &&
	    !ascii_begins(*local, len, "SRS1"))
		return (0);
	s = *local + 4;
	if (*s == '\0' || strchr("=+-", *s) == NULL)
		return (0);
	s++;
	if ((*local)[3] == '1') {
		/* HASH, then the host of the first rewriting. */
		if ((s = srs_field(s, TAG_MAX)) == NULL ||
		    (s = srs_field(s, 255)) == NULL ||
		    *s == '\0' || strchr("=+-", *s) == NULL)
			return (0);
		s++;
	}
	if ((s = srs_field(s, TAG_MAX)) == NULL ||
	    (s = srs_field(s, 8)) == NULL)
		return (0);
	host = s;
	if ((s = srs_field(s, 255)) == NULL || *s == '\0' ||
	    !is_domain(host, (size_t)(s - 1 - host)))
		return (0);
	s[-1] = '\0';
	*domain = host;
	*local = s;
	return (1);
}

/*
 * list-user=host, list-return-12-user=host.  A user may have dashes; a number
 * before the user belongs to the list.
 */
static int
undo_verp(char *local)
{
	char	*eq, *dash, *s;
	size_t	 n;

	if ((eq = strrchr(local, '=')) == NULL ||
	    !is_domain(eq + 1, strlen(eq + 1)))
		return (0);
	for (dash = eq; dash > local && *dash != '-'; dash--)
		continue;
	if (dash == local || dash + 1 == eq)
		return (0);
	/* A user may have dashes; the number before it has not. */
	for (s = local; s < dash; s++) {
		if (*s != '-' || s == local)
			continue;
		n = strspn(s + 1, "0123456789");
		if (n > 0 && s[1 + n] == '-' && s + 1 + n < dash) {
			dash = s + 1 + n;
			break;
		}
	}
	*dash = '\0';
	return (1);
}

/* @relay,@relay:user. */
static int
undo_route(char **local)
{
	char	*colon;

	if (**local != '@' || (colon = strchr(*local, ':')) == NULL ||
	    colon[1] == '\0')
		return (0);
	*local = colon + 1;
	return (1);
}

/* A bracket that was left inside, as in "<<user". */
static int
undo_brackets(char **local, int has_domain)
{
	size_t	n;

	if (**local == '<') {
		(*local)++;
		return (1);
	}
	n = strlen(*local);
	if (!has_domain && n > 0 && (*local)[n - 1] == '>') {
		(*local)[n - 1] = '\0';
		return (1);
	}
	return (0);
}

/* user+anything; a local part may begin with a plus. */
static int
undo_extension(char *local)
{
	char	*plus;

	if (local[0] == '\0' || (plus = strchr(local + 1, '+')) == NULL)
		return (0);
	*plus = '\0';
	return (1);
}

/* A UUID at s, as a word of its own, with a digit. */
static int
is_uuid(const char *s)
{
	int	i, digits = 0;

	for (i = 0; i < UUID_LEN; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (s[i] != '-')
				return (0);
		} else if (ascii_hex(s[i]) == -1)
			return (0);
		digits |= ascii_is_digit(s[i]);
	}
	return (digits && !ascii_is_alnum(s[i]));
}

/* Is the word of n octets as a whole a number or a token? */
static int
is_token(const char *s, size_t n)
{
	size_t	i, hex = 0, runs = 0;

	for (i = 0; i < n; i++) {
		hex += ascii_hex(s[i]) != -1;
		if (ascii_is_digit(s[i]) &&
		    (i == 0 || !ascii_is_digit(s[i - 1])))
			runs++;
	}
	if (runs == 0)
		return (0);
	return ((hex == n && n >= TOKEN_HEX) ||
	    (n >= TOKEN_WORD && runs >= TOKEN_RUNS));
}

/* In place: it never gets longer. */
static void
fold_words(char *s)
{
	char	*d = s;
	size_t	 n;

	while (*s != '\0') {
		if (!ascii_is_alnum(*s)) {
			*d++ = *s++;
			continue;
		}
		for (n = 0; ascii_is_alnum(s[n]); n++)
			continue;
		if (is_uuid(s)) {
			*d++ = '#';
			s += UUID_LEN;
		} else if (is_token(s, n)) {
			*d++ = '#';
			s += n;
		} else while (n > 0) {
			if (!ascii_is_digit(*s)) {
				*d++ = *s++;
				n--;
				continue;
			}
			for (; n > 0 && ascii_is_digit(*s); n--)
				s++;
			*d++ = '#';
		}
	}
	*d = '\0';
}

/*
 * Folds the domain of a sender without dots and brackets at its end.  A label
 * with a bracket has no form in ASCII and another label may fold to nothing, so
 * one may uncover the other.
 */
static int
sender_domain(const char *domain, char *dst, size_t size)
{
	char	again[MAILADDR_MAX + 1];
	size_t	n, end;

	for (;;) {
		for (n = strlen(domain); n > 0; n -= end)
			if ((end = domain[n - 1] == '>' ? 1 :
			    domain_final_dot(domain, n)) == 0)
				break;
		if (domain_fold(domain, n, dst, size) == -1)
			return (-1);
		n = strlen(dst);
		if (n == 0 || (dst[n - 1] != '.' && dst[n - 1] != '>'))
			return (0);
		if (strlcpy(again, dst, sizeof(again)) >= sizeof(again))
			return (-1);
		domain = again;
	}
}

/*
 * Each undoing may uncover what another one undoes, so they run until none
 * changes anything.
 */
int
mailaddr_normalise_sender(const char *path, char *dst, size_t dstsize)
{
	char	 work[MAILADDR_MAX + 1], folded[MAILADDR_MAX + 1];
	char	*local = work, *domain;
	int	 len;

	if (copy_inside(path, work, sizeof(work)) == -1)
		return (-1);
	if ((domain = strrchr(work, '@')) != NULL)
		*domain++ = '\0';
	while (local[0] != '"' && (undo_brackets(&local, domain != NULL) ||
	    undo_route(&local) || undo_batv(&local) ||
	    undo_srs(&local, &domain) || undo_extension(local) ||
	    undo_verp(local)))
		continue;
	if (local[0] != '"')
		fold_words(local);
	folded[0] = '\0';
	if (domain != NULL && sender_domain(domain, folded,
	    sizeof(folded)) == -1)
		return (-1);
	len = snprintf(dst, dstsize, "%s%s%s", local,
	    domain == NULL ? "" : "@", folded);
	return (len < 0 || (size_t)len >= dstsize ? -1 : 0);
}

/* The rule and the mailbox are folded; comparing octets is enough. */
int
mailaddr_match(const char *rule, const char *box)
{
	const char	*domain, *rule_domain;
	size_t		 len, rule_len;

	if ((domain = strrchr(box, '@')) == NULL || domain[1] == '\0')
		return (0);
	domain++;
	if ((rule_domain = strrchr(rule, '@')) != NULL && rule_domain != rule)
		return (rule_domain[1] != '\0' && strcmp(rule, box) == 0);
	if (rule_domain == rule)
		rule++;
	if (rule[0] == '.') {
		len = strlen(domain);
		rule_len = strlen(rule);
		return (rule_len > 1 && len > rule_len &&
		    strcmp(domain + len - rule_len, rule) == 0);
	}
	return (strcmp(domain, rule) == 0);
}

/* Is it that local part, with a domain or without? Where the domain begins. */
static const char *
after_local(const char *box, const char *local)
{
	size_t	n = strlen(local);

	return (strncmp(box, local, n) == 0 &&
	    (box[n] == '\0' || box[n] == '@') ? box + n : NULL);
}

int
mailaddr_is_postmaster(const char *box)
{
	return (strcmp(box, "postmaster") == 0);
}

int
mailaddr_is_role(const char *box, const char *domain)
{
	const char	*at;

	if (mailaddr_is_postmaster(box))
		return (1);
	if (domain == NULL || ((at = after_local(box, "postmaster")) == NULL &&
	    (at = after_local(box, "abuse")) == NULL) || *at != '@')
		return (0);
	return (domain_same(at + 1, domain));
}
