/*
 * The parameters of MAIL and RCPT (param.c), pure.  offered: CAPS_* that the
 * client's EHLO was told; 0 after HELO, when there may be none.
 */
#ifndef PARAM_H
#define PARAM_H

#include <stddef.h>
#include <stdint.h>

struct param_mail {
	uint64_t	size;		/* SIZE=, 0: not given */
	int		smtputf8, body8;
};
/* NULL: fine; else what to answer, "NNN X.X.X text".  max 0: no limit. */
const char *param_mail(const char *, size_t, uint32_t offered, uint64_t max,
	    struct param_mail *);
/* utf8: MAIL had SMTPUTF8. */
const char *param_rcpt(const char *, size_t, uint32_t offered, int utf8);
/* What a server must offer (CAPS_*) for these; what is wrong counts not. */
uint32_t param_caps(const char *, size_t, int rcpt);

#endif
