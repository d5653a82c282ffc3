/*
 * Any text as a path: what counts of a sender is no longer than the path,
 * has no more to fold, and fits or fails for every size of the result.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/mailaddr.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char		 path[MAILADDR_MAX + 1], once[MAILADDR_MAX + 1];
	char		 twice[MAILADDR_MAX + 1], *tight;
	const char	*domain;
	size_t		 n, len;

	if (size > MAILADDR_MAX)
		return (0);
	memcpy(path, data, size);
	path[size] = '\0';
	len = strlen(path);
	if (mailaddr_normalise_sender(path, once, sizeof(once)) == -1 ||
	    strlen(once) > len || once[0] == '<' ||
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
	if (mailaddr_lower(path, once, sizeof(once)) == -1 ||
	    mailaddr_normalise_rcpt(path, twice, sizeof(twice)) == -1 ||
	    strcmp(once, twice) != 0)
		abort();
	/* Another spelling is never longer, and has no capitals. */
	if (mailaddr_rcpt(path, once, sizeof(once)) == -1 ||
	    strlen(once) > len || strpbrk(once, "AZ") != NULL)
		abort();
	if ((tight = malloc(len + 1)) == NULL)
		exit(1);
	if (mailaddr_rcpt(path, tight, len + 1) == -1)
		abort();
	free(tight);
	if ((domain = mailaddr_domain(path, &n)) != NULL &&
	    (n == 0 || domain <= path || domain + n > path + len ||
	    domain[-1] != '@'))
		abort();
	/* A path as a rule, and the other way round: only that it ends. */
	(void)mailaddr_match(path, "<joe@example.org>");
	(void)mailaddr_match("example.org", path);
	(void)mailaddr_match(path, path);
	(void)mailaddr_is_role(path, "example.org");
	(void)mailaddr_is_role("<abuse@example.org>", path);
	return (0);
}
