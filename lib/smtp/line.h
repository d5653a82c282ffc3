/*
 * The room lib/smtp: SMTP and mail addresses as pure functions, for front and
 * pass on one side, for the connections to mail servers on the other, and for
 * the configuration.  It may use lib/base and libidn2; nothing here allocates
 * (but reply), sends or logs.  In the order to read:
 *
 *	line		octets to lines, lines to commands (this file)
 *	param		the parameters of MAIL and RCPT
 *	mailaddr	mail addresses: two spellings of one, keys, rules
 *	mailaddr_check	the paths of MAIL and RCPT, checked
 *	data		the body of DATA, decoded and encoded
 *	reply		a server's reply and its EHLO keywords
 *	caps		what a mail server offers
 *	tmpl		reply texts that the administrator wrote
 *
 * Several headers: each is a format of its own, and no process needs them all.
 */
#ifndef SMTPLINE_H
#define SMTPLINE_H

#include <stddef.h>
#include <stdint.h>

enum smtp_line {
	SMTP_LINE_NONE,		/* no whole line yet */
	SMTP_LINE_OK,
	SMTP_LINE_TOOLONG	/* the first max octets have no end of line */
};

/*
 * Looks for LF in data.  OK: *line_len without CR LF, *used with it,
 * *bare_lf set when there was no CR before the LF.
 */
enum smtp_line smtp_line_find(const uint8_t *data, size_t len, size_t max,
	    size_t *line_len, size_t *used, int *bare_lf);

/*
 * Does a line begin with a TLS record, as a ClientHello does?  MAYBE: too few
 * octets to tell.  No command begins like that.
 */
enum smtp_tls { SMTP_TLS_NO, SMTP_TLS_MAYBE, SMTP_TLS_YES };

enum smtp_tls smtp_tls_begins(const uint8_t *data, size_t len);

enum smtp_verb {
	SMTP_UNKNOWN, SMTP_HELO, SMTP_EHLO, SMTP_MAIL, SMTP_RCPT, SMTP_DATA,
	SMTP_RSET, SMTP_NOOP, SMTP_VRFY, SMTP_EXPN, SMTP_HELP, SMTP_QUIT,
	SMTP_STARTTLS, SMTP_AUTH, SMTP_BDAT, SMTP_ETRN, SMTP_XCLIENT,
	SMTP_XFORWARD,
	SMTP_FOREIGN_HTTP,	/* GET, POST, PUT, HEAD, OPTIONS, CONNECT … as HTTP writes them */
	SMTP_FOREIGN		/* "Header: like", or does not begin with a letter */
};

/*
 * The verb (a whole word, any case), and in *arg and *arg_len what follows it,
 * with the blanks around removed.  A NUL or another control character in the
 * line makes it SMTP_UNKNOWN; an empty line is SMTP_UNKNOWN.
 */
enum smtp_verb smtp_verb_parse(const uint8_t *line, size_t len,
	    const char **arg, size_t *arg_len);

/*
 * The argument of MAIL ("FROM:") or RCPT ("TO:"): after the keyword and
 * optional blanks a path, copied to path with its brackets (added when the
 * client left them out), then parameters (*params, *params_len; "" if none).
 * Quoted local parts may hold blanks and '>'.  0; -1 syntax (501 5.5.4);
 * -2: too long for path; -3: not a path (501 5.1.3 or 5.1.7).
 */
int	 smtp_path_parse(const char *arg, size_t len, const char *keyword,
	    char *path, size_t pathsize, const char **params,
	    size_t *params_len);

/*
 * The next "NAME[=value]" of a parameter list: 1, 0 at its end, -1 syntax.  The
 * parts lie in the list and have no NUL.
 */
struct smtp_param {
	const char	*name;
	size_t		 name_len;
	const char	*value;		/* NULL when there is no '=' */
	size_t		 value_len;
};
int	 smtp_param_next(const char **pos, size_t *left, struct smtp_param *);

#endif
