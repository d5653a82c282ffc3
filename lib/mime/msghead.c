/*
 * A message's header on its way into the spool; see msghead.h.  The beginning
 * of a line is held until it is known what the line is; then it is written,
 * dropped or given something before it.
 */
#include <sys/types.h>

#include <string.h>

#include "lib/base/ascii.h"
#include "lib/mime/msghead.h"

#define MBOX_FIELD	"X-Mailbox-Line: "

enum { AT_BEGIN, AT_LINE, AT_LINE_DROP, KEEP_LINE, KEEP_MBOX, DROP_LINE,
    IN_BODY };
enum { BEGUN_NOT, BEGUN_MBOX, BEGUN_FIELD };

/* Does the name that is held, of len octets, begin with that text? */
static int
begins(const struct msghead *h, size_t len, const char *drop)
{
	return (*drop != '\0' &&
	    ascii_begins((const char *)h->held, len, drop));
}

/* The name and the colon of a field are held: is the field left out? */
static int
is_dropped(const struct msghead *h)
{
	size_t	len = h->held_len - 1, i;

	if (begins(h, len, h->drop))
		return (1);
	for (i = 0; h->drops != NULL && h->drops[i] != NULL; i++)
		if (begins(h, len, h->drops[i]))
			return (1);
	return (0);
}

/* Blanks before the colon are an old form, and still one. */
static int
is_received(const struct msghead *h)
{
	size_t	len = h->held_len - 1;

	while (len > 0 && (h->held[len - 1] == ' ' ||
	    h->held[len - 1] == '\t'))
		len--;
	return (ascii_equal((const char *)h->held, len, "Received"));
}

/* Writes the text and then what is held. */
static size_t
put_held(struct msghead *h, const char *before, uint8_t *out)
{
	size_t	n = strlen(before);

	memcpy(out, before, n);
	memcpy(out + n, h->held, h->held_len);
	n += h->held_len;
	h->held_len = 0;
	return (n);
}

/*
 * It is known what the line is: writes what of it goes out, and sets the
 * state. A text without a header is left as it is.
 */
static size_t
decided(struct msghead *h, enum hdrline_kind kind, uint8_t *out)
{
	switch (kind) {
	case HDRLINE_FIELD:
		h->begun = BEGUN_FIELD;
		if (is_dropped(h)) {
			h->dropped++;
			h->held_len = 0;
			h->state = DROP_LINE;
			return (0);
		}
		h->received += (uint32_t)is_received(h);
		h->state = KEEP_LINE;
		return (put_held(h, "", out));
	case HDRLINE_FOLD:
		h->state = h->state == AT_LINE_DROP ? DROP_LINE : KEEP_LINE;
		if (h->state == KEEP_LINE)
			return (put_held(h, "", out));
		h->held_len = 0;
		return (0);
	case HDRLINE_EMPTY:
		h->state = IN_BODY;
		return (put_held(h, "", out));
	default:
		h->state = IN_BODY;
		if (h->begun != BEGUN_FIELD &&
		    hdrline_is_mbox(h->held, h->held_len)) {
			h->begun = BEGUN_MBOX;
			h->state = KEEP_MBOX;
			return (put_held(h, MBOX_FIELD, out));
		}
		return (put_held(h, h->begun != BEGUN_NOT ||
		    h->held[0] == ' ' || h->held[0] == '\t' ? "\r\n" : "",
		    out));
	}
}

/* A line is over. The line of a mailbox is not continued by the next one. */
static void
next_line(struct msghead *h)
{
	int	field = h->state != KEEP_MBOX;

	h->state = h->state == DROP_LINE ? AT_LINE_DROP : AT_LINE;
	hdrline_begin(&h->line, field);
}

/* One octet more of a line that is not decided yet. */
static size_t
hold(struct msghead *h, uint8_t c, uint8_t *out)
{
	enum hdrline_kind	kind;
	size_t			n;

	if (h->state == AT_BEGIN) {
		h->state = AT_LINE;
		hdrline_begin(&h->line, 0);
	}
	h->held[h->held_len++] = c;
	if ((kind = hdrline_octet(&h->line, c)) == HDRLINE_MORE)
		return (0);
	n = decided(h, kind, out);
	if (c == '\n' && h->state != IN_BODY)
		next_line(h);
	return (n);
}

int
msghead_over(const struct msghead *h)
{
	return (h->state == IN_BODY);
}

/* From the empty line on octets are copied as they come. */
size_t
msghead_filter(struct msghead *h, const uint8_t *in, size_t len, uint8_t *out)
{
	const uint8_t	*p;
	size_t		 at = 0, n = 0, l;

	while (at < len && h->state != IN_BODY) {
		if (h->state <= AT_LINE_DROP) {
			n += hold(h, in[at++], out + n);
			continue;
		}
		p = memchr(in + at, '\n', len - at);
		l = p == NULL ? len - at : (size_t)(p - (in + at)) + 1;
		if (h->state != DROP_LINE) {
			memcpy(out + n, in + at, l);
			n += l;
		}
		if (p != NULL)
			next_line(h);
		at += l;
	}
	memcpy(out + n, in + at, len - at);
	return (n + len - at);
}

/* A header without an end: what was held counts as its body. */
size_t
msghead_finish(struct msghead *h, uint8_t *out)
{
	return (h->held_len == 0 ? 0 : decided(h, HDRLINE_BODY, out));
}
