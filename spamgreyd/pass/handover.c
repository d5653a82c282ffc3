/*
 * Pass: a hand-over put together from its messages, HANDOVER_BEGIN to END.
 * Front is our own process and yet is not trusted, as it parses what anybody
 * sends. What it sends is bounded and checked here, and what cannot be used is
 * refused with a reason, so that the client gets front's 451. No session and
 * no descriptor is touched here.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "spamgreyd/pass/pass.h"

/*
 * Has it no control characters? It becomes part of a command to the MTA. A tab
 * is a blank where blanks may be; an address has none.
 */
static int
is_clean(const char *s, int tabs)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < ' ' || *s == 0x7f) &&
		    !(tabs && *s == '\t'))
			return (0);
	return (1);
}

/* The first reason counts. */
static void
handed_refuse(struct handed *hd, const char *why)
{
	if (hd->why == NULL)
		hd->why = why;
}

/* Copies the texts, which lie in the frame that goes away. */
static void
texts_keep(struct handed *hd)
{
	const char	**text[5];
	size_t		  i;

	text[0] = &hd->h.helo;
	text[1] = &hd->h.from;
	text[2] = &hd->h.from_params;
	text[3] = &hd->h.tls_version;
	text[4] = &hd->h.tls_cipher;
	for (i = 0; i < 5; i++) {
		if (!is_clean(*text[i], text[i] != &hd->h.from))
			handed_refuse(hd, "it has control characters");
		if ((hd->texts[i] = strdup(*text[i])) == NULL)
			handed_refuse(hd, "out of memory");
		*text[i] = hd->texts[i] != NULL ? hd->texts[i] : "";
	}
}

void
handed_begin(struct handed *hd, struct msg *m)
{
	struct handover	h;

	/* One that was not ended: front could not queue the rest of it. */
	handed_clear(hd);
	if (proto_get_handover(m, &h) == -1)
		return;
	hd->open = 1;
	hd->id = m->id;
	hd->h = h;
	texts_keep(hd);
}

void
handed_rcpt(struct handed *hd, struct msg *m)
{
	const char	*to = msg_get_str(m), *params = msg_get_str(m);

	if (msg_end(m) == -1 || !hd->open || hd->id != m->id ||
	    hd->why != NULL)
		return;
	if (hd->h.from[0] == '\0')
		handed_refuse(hd, "it has a recipient and no sender");
	else if (to[0] == '\0' || !is_clean(to, 0) || !is_clean(params, 1))
		handed_refuse(hd, "a recipient is not a valid address");
	else if (++hd->nrcpts > PASS_HANDOVER_RCPTS)
		handed_refuse(hd, "it has too many recipients");
	else if (buf_add(&hd->rcpts, to, strlen(to) + 1) == -1 ||
	    buf_add(&hd->rcpts, params, strlen(params) + 1) == -1)
		handed_refuse(hd, "out of memory");
}

void
handed_input(struct handed *hd, struct msg *m)
{
	const uint8_t	*data;
	size_t		 len;

	data = msg_get_data(m, &len);
	if (msg_end(m) == -1 || !hd->open || hd->id != m->id ||
	    hd->why != NULL)
		return;
	if (buf_len(&hd->input) + len > PASS_IN_MAX)
		handed_refuse(hd, "the client has sent too much ahead");
	else if (buf_add(&hd->input, data, len) == -1)
		handed_refuse(hd, "out of memory");
}

const char *
handed_end(struct handed *hd, struct msg *m)
{
	if (msg_end(m) == -1)
		return ("malformed");
	if (!hd->open || hd->id != m->id)
		return ("it is not complete");
	if (hd->why != NULL)
		return (hd->why);
	if ((hd->h.flags & HANDOVER_PENDING) && hd->nrcpts == 0)
		return ("its recipient is missing");
	if (hd->h.from[0] != '\0' && !(hd->h.flags & HANDOVER_BANNER))
		return ("it has a sender before its banner");
	return (NULL);
}

int
handed_next(const struct handed *hd, size_t *at, const char **to,
    const char **params)
{
	const char	*p;

	if (*at >= buf_len(&hd->rcpts))
		return (0);
	p = (const char *)buf_ptr(&hd->rcpts) + *at;
	*to = p;
	*params = p + strlen(p) + 1;
	*at += strlen(*to) + 1 + strlen(*params) + 1;
	return (1);
}

void
handed_clear(struct handed *hd)
{
	size_t	i;

	for (i = 0; i < 5; i++)
		free(hd->texts[i]);
	buf_free(&hd->rcpts);
	buf_free(&hd->input);
	memset(hd, 0, sizeof(*hd));
}
