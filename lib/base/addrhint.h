/*
 * What was probably meant by a text that is not an address.  For those who
 * report errors in a configuration: the hint is put behind their message.
 */
#ifndef ADDRHINT_H
#define ADDRHINT_H

#include <stddef.h>

#define ADDRHINT_MAX	128

/*
 * "; write 192.0.2.1 port 25" for a text that addr_parse does not take, or ""
 * when there is no guess.  Returns hint, the caller's buffer.
 */
const char *addr_hint(const char *text, char hint[ADDRHINT_MAX]);

#endif
