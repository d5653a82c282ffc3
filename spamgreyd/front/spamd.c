/*
 * Front: the lines that OpenBSD's spamd logs, in its words and at its levels,
 * for those who parse them (`log spamd').  Called only then; what a peer says
 * is encoded as everywhere, which no well-formed address notices.
 */
#include <sys/types.h>

#include <string.h>
#include <strings.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "spamgreyd/front/front.h"

#define LISTS_SIZE	80	/* spamd's own; a longer list of tags is cut */
#define GREYTRAP	"spamd-greytrap"	/* its list of trapped hosts */

/* Adds a tag; a list that does not fit becomes " ...", once. */
static void
add_list(char *tags, size_t size, const char *name)
{
	char	enc[LISTS_SIZE];
	size_t	len = strlen(tags);

	log_encode_str(enc, sizeof(enc), name);
	if (len + strlen(enc) + 1 < size - 4) {
		tags[len] = ' ';
		strlcpy(tags + len + 1, enc, size - len - 1);
	} else if (len < 4 || strcmp(tags + len - 4, " ...") != 0)
		strlcat(tags, " ...", size);
}

/* " tag tag": the lists that have the host; "" when none has. */
static const char *
lists(const struct conn *c, char *tags, size_t size)
{
	const struct conf_list	*l;
	unsigned int		 i;

	tags[0] = '\0';
	if (c->kind == KIND_TRAPPED)
		add_list(tags, size, GREYTRAP);
	for (i = 0; c->lists >> i != 0; i++)
		if ((c->lists & UINT64_C(1) << i) &&
		    (l = config_list(c->live->conf, i)) != NULL)
			add_list(tags, size, l->name);
	return (tags);
}

void
front_spamd_connected(const struct conn *c)
{
	char	a[ADDR_STRLEN], tags[LISTS_SIZE];

	lists(c, tags, sizeof(tags));
	log_spamd(LOG_INFO, "%s: connected (%u/%u)%s%s",
	    addr_str(&c->client, a), front.count, front.black,
	    tags[0] == '\0' ? "" : ", lists:", tags);
}

void
front_spamd_ended(const struct conn *c)
{
	char	a[ADDR_STRLEN], tags[LISTS_SIZE];

	lists(c, tags, sizeof(tags));
	log_spamd(LOG_INFO, "%s: disconnected after %lld seconds.%s%s",
	    addr_str(&c->client, a),
	    (long long)(clock_mono() - c->start) / 1000,
	    tags[0] == '\0' ? "" : " lists:", tags);
}

void
front_spamd_rcpt(const struct conn *c, const char *to)
{
	char	a[ADDR_STRLEN], from_enc[CLIENT_LOG_FIELD * 2],
		to_enc[CLIENT_LOG_FIELD * 2];

	if (!log_is_verbose())
		return;
	log_spamd(LOG_INFO, "(%s) %s: %s -> %s",
	    conn_is_black(c) ? "BLACK" : "GREY", addr_str(&c->client, a),
	    log_encode_str(from_enc, sizeof(from_enc), c->tx->from),
	    log_encode_str(to_enc, sizeof(to_enc), to));
}

/*
 * As log_encode, but a blank stays one: these lines are texts, and what reads
 * them looks for the words of a subject.
 */
static void
encode_text(char *dst, size_t size, const uint8_t *line, size_t len)
{
	size_t	i, start, n = 0;

	for (i = start = 0; i <= len && n + 8 < size; i++) {
		if (i < len && line[i] != ' ')
			continue;
		log_encode(dst + n, size - n, line + start, i - start);
		n += strlen(dst + n);
		if (i < len && n + 1 < size) {
			dst[n++] = ' ';
			dst[n] = '\0';
		}
		start = i + 1;
	}
}

/* A line of the message of a trapped or blacklisted host. */
void
front_spamd_text(const struct conn *c, const uint8_t *line, size_t len)
{
	static const char *const names[] = { "From:", "To:", "Subject:" };
	char			 a[ADDR_STRLEN];
	char			 text[CLIENT_LOG_FIELD * 2] = "";
	size_t			 i, n;

	if (!log_is_verbose() || (len == 1 && line[0] == '.'))
		return;
	encode_text(text, sizeof(text), line,
	    len < CLIENT_LOG_FIELD ? len : CLIENT_LOG_FIELD);
	if (!(c->flags & F_HEADERS)) {
		log_spamd(LOG_DEBUG, "%s: Body: %s", addr_str(&c->client, a),
		    text);
		return;
	}
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = strlen(names[i]);
		if (len >= n && strncasecmp((const char *)line, names[i],
		    n) == 0)
			log_spamd(LOG_INFO, "%s: %s",
			    addr_str(&c->client, a), text);
	}
}
