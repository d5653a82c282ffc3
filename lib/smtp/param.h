/*
 * The parameters of MAIL and RCPT (RFC 5321 4.1.2) as pure functions: are they
 * known, were they offered, are their values valid? For front and pass, which
 * refuse with the text that is returned.  A parameter that our EHLO did not
 * offer is refused with 555, so that no client relies on a service that nobody
 * performs.
 */
#ifndef PARAM_H
#define PARAM_H

#include <stddef.h>
#include <stdint.h>

struct param_mail {
	uint64_t	size;		/* SIZE=, 0: not given */
	int		smtputf8, body8;
};
/*
 * NULL: they are valid and *out is filled in; else the reply, "NNN X.X.X text".
 * offered: the CAPS_* of our EHLO; max: octets, of SIZE, 0: no limit.
 */
const char *param_mail(const char *, size_t, uint32_t offered, uint64_t max,
	    struct param_mail *);
/* The same for RCPT.  utf8: MAIL had SMTPUTF8. */
const char *param_rcpt(const char *, size_t, uint32_t offered, int utf8);
/* What a server must offer (CAPS_*) for these; malformed ones do not count. */
uint32_t param_caps(const char *, size_t, int rcpt);

#endif
