/*
 * What was probably meant by a text that is not an address: one with a port,
 * in brackets, a network, a name.  The hint is for messages about the
 * configuration; nothing is decided by it.
 */
#include <stdio.h>
#include <string.h>

#include "lib/base/addr.h"
#include "lib/base/addrhint.h"
#include "lib/base/ascii.h"

#define PORT_DIGITS	5
#define ALL_DIGITS	"0123456789"

/* An address, in brackets or not, to copy without them. */
static int
bare_address(const char *text, size_t len, char copy[ADDR_STRLEN])
{
	struct addr	a;

	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= ADDR_STRLEN)
		return (0);
	memcpy(copy, text, len);
	copy[len] = '\0';
	return (addr_parse(copy, &a) == 0);
}

/* Letters, digits and what names have between them, at least one letter. */
static int
is_host_name(const char *text)
{
	int	letters = 0;

	for (; *text != '\0'; text++) {
		if (!ascii_is_alnum(*text) && strchr(".-_", *text) == NULL)
			return (0);
		letters |= ascii_is_alpha(*text);
	}
	return (letters);
}

/*
 * The likeliest mistakes first.  The text comes from a configuration file and
 * has any length; what is printed of it is bounded.
 */
const char *
addr_hint(const char *text, char hint[ADDRHINT_MAX])
{
	const char	*colon = strrchr(text, ':');
	size_t		 len = strlen(text), digits;
	char		 a[ADDR_STRLEN];

	*hint = '\0';
	digits = colon == NULL ? 0 : strlen(colon + 1);
	if (digits > 0 && digits <= PORT_DIGITS &&
	    strspn(colon + 1, ALL_DIGITS) == digits &&
	    bare_address(text, (size_t)(colon - text), a))
		snprintf(hint, ADDRHINT_MAX, "; write \"%s port %s\"", a,
		    colon + 1);
	else if (*text == '[' && bare_address(text, len, a))
		snprintf(hint, ADDRHINT_MAX, "; write %s", a);
	else if (digits > 0 && text[0] == '*' && text[1] == ':' &&
	    strspn(colon + 1, ALL_DIGITS) == digits)
		snprintf(hint, ADDRHINT_MAX, "; write \"0.0.0.0 port %.5s\", "
		    "and \":: port %.5s\" for IPv6", colon + 1, colon + 1);
	else if (strcmp(text, "*") == 0 || ascii_equal(text, len, "any") ||
	    ascii_equal(text, len, "all"))
		snprintf(hint, ADDRHINT_MAX, "; write 0.0.0.0, and :: for "
		    "IPv6");
	else if (ascii_equal(text, len, "localhost"))
		snprintf(hint, ADDRHINT_MAX, "; write 127.0.0.1 or ::1");
	else if (strchr(text, '/') != NULL &&
	    bare_address(text, strcspn(text, "/"), a))
		snprintf(hint, ADDRHINT_MAX, "; a network is not allowed here, "
		    "write an address");
	else if (is_host_name(text))
		snprintf(hint, ADDRHINT_MAX, "; host names are not looked "
		    "up, write the address");
	return (hint);
}
