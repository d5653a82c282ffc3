/*
 * The messages of a hand-over in any order and with any content: the memory is
 * bounded, and a whole hand-over is valid for a session and for commands to the
 * mail server.
 *
 * An input is a sequence of messages: kind, id, length (two bytes) and body.
 */
/* LINK: spamgreyd/pass */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "spamgreyd/pass/pass.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
must_be_clean(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			abort();
}

static void
is_whole(const struct handed *hd)
{
	const char	*to, *params;
	uint32_t	 n = 0;
	size_t		 at = 0;

	must_be_clean(hd->h.helo);
	must_be_clean(hd->h.from);
	must_be_clean(hd->h.from_params);
	must_be_clean(hd->h.tls_version);
	must_be_clean(hd->h.tls_cipher);
	while (handed_next(hd, &at, &to, &params)) {
		n++;
		must_be_clean(to);
		must_be_clean(params);
		if (to[0] == '\0' || at > buf_len(&hd->rcpts))
			abort();
	}
	if (n != hd->nrcpts || n > PASS_HANDOVER_RCPTS ||
	    buf_len(&hd->input) > PASS_IN_MAX ||
	    (n > 0 && hd->h.from[0] == '\0') ||
	    (n == 0 && (hd->h.flags & HANDOVER_PENDING)))
		abort();
}

static void
message(struct handed *hd, unsigned int kind, uint64_t id, const uint8_t *body,
    size_t len)
{
	struct msg	 m;
	uint8_t		*copy;

	/* Of its own size, so that a read behind it is seen. */
	if ((copy = malloc(len > 0 ? len : 1)) == NULL)
		return;
	memcpy(copy, body, len);
	memset(&m, 0, sizeof(m));
	m.id = id;
	m.data = copy;
	m.len = len;
	m.fd = -1;
	switch (kind % 4) {
	case 0:
		handed_begin(hd, &m);
		break;
	case 1:
		handed_rcpt(hd, &m);
		break;
	case 2:
		handed_input(hd, &m);
		break;
	default:
		if (handed_end(hd, &m) == NULL)
			is_whole(hd);
		handed_clear(hd);
		break;
	}
	/* What is kept must not lie in the frame. */
	memset(copy, 0xff, len);
	free(copy);
	if (buf_len(&hd->input) > PASS_IN_MAX)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct handed	hd;
	size_t		n;

	memset(&hd, 0, sizeof(hd));
	while (len >= 4) {
		n = (size_t)data[2] << 8 | data[3];
		if (n > len - 4)
			n = len - 4;
		message(&hd, data[0], data[1], data + 4, n);
		data += 4 + n;
		len -= 4 + n;
	}
	handed_clear(&hd);
	return (0);
}
