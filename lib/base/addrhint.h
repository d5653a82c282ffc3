/*
 * What was meant by a text that is no address.
 */
#ifndef ADDRHINT_H
#define ADDRHINT_H

#include <stddef.h>

#define ADDRHINT_MAX	128

/*
 * "; write 192.0.2.1 port 25" for a text that addr_parse does not take, or
 * nothing when there is no guess.  Returns hint.
 */
const char *addr_hint(const char *text, char hint[ADDRHINT_MAX]);

#endif
