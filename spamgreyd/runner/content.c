/*
 * What modules say about the message itself: the class of what they found, a
 * score of their own, and the changes that they want.  It is only noted here,
 * for each module separately.  The role makes the changes when all modules have
 * answered (run_edits).
 */
#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/db/entry.h"
#include "lib/base/log.h"
#include "lib/smtp/line.h"
#include "spamgreyd/runner/runner_int.h"

/* Bytes of a name in a reply. */
#define REPLY_NAME_MAX	120
/* Changes of the envelope by one module. */
#define ENVELOPE_MAX	1000
#define LOG_PATH_MAX	256		/* bytes of a path in the log */

/*
 * Reports an event of bad content to the store process, once for each message.
 */
void
content_event(struct msession *s, enum host_event event)
{
	if (s->events & 1U << event)
		return;
	s->events |= 1U << event;
	runner->event(s->mods->owner, event);
}

/*
 * The refusal for a class of content, with the name of what was found if there
 * is one.
 */
static struct verdict
refusal(enum content_class class, enum conf_strategy strategy,
    const char *name)
{
	static const char *const texts[CLASS_MAX] = {
		"The message contains a virus",
		"The message was rejected as spam",
		"The message contains content that is not allowed here",
		"The message cannot be scanned"
	};
	char	enc[REPLY_NAME_MAX + 1];

	points_encode(enc, sizeof(enc), name);
	if (strategy == STRATEGY_TEMPFAIL)
		return (verdict_tempfail(451, "4.7.1", "%s%s%s", texts[class],
		    enc[0] == '\0' ? "" : ": ", enc));
	return (verdict_reject(550, "5.7.1", "%s%s%s", texts[class],
	    enc[0] == '\0' ? "" : ": ", enc));
}

struct verdict
module_found(struct msession *s, const struct module *mod,
    enum content_class class, const char *name)
{
	const struct chain_link	*link;

	if (class >= CLASS_MAX ||
	    module_find(s, mod, &link) == NULL)
		return (verdict_next());
	return (module_found_as(s, mod, class,
	    (enum conf_strategy)link->strategy[class], name));
}

struct verdict
module_found_as(struct msession *s, const struct module *mod,
    enum content_class class, enum conf_strategy strategy, const char *name)
{
	const struct chain_link		*link;
	struct module_one		*one;
	char				 enc[MODULE_REASON_MAX * 4 + 1];
	char				 cut[MODULE_REASON_MAX + 1];

	if (class >= CLASS_MAX || (one = module_find(s, mod, &link)) == NULL)
		return (verdict_next());
	snprintf(cut, sizeof(cut), "%s", name);
	chain_count(mod, link->log_only ? MSTAT_LOG_ONLY : MSTAT_FOUND);
	log_event(s->id, mod->name, "%sfound=%s name=%s strategy=%s",
	    link->log_only ? "log-only " : "", class_str(class),
	    log_encode_str(enc, sizeof(enc), cut), strategy_str(strategy));
	if (link->log_only)
		return (verdict_next());
	/*
	 * It is noted even if the message will be refused, because the refusal
	 * may be spared (postmaster and abuse); then the message is marked.
	 */
	one->classes |= 1U << class;
	points_add(&one->found[class], 0, cut);
	if (class == CLASS_VIRUS)
		content_event(s, EVENT_VIRUS);
	if (class == CLASS_SPAM)
		content_event(s, EVENT_SPAM);
	if (strategy == STRATEGY_MARK)
		return (verdict_next());
	/*
	 * A sender of spam must not learn from the reply how to avoid the
	 * rules.
	 */
	return (refusal(class, strategy, mod->finds_rules &&
	    !s->mods->chain->conf->pass->reply_rules ? "" : cut));
}

/*
 * Copies as many whole symbols as fit, and "..." if some do not.  After each
 * comma there is a blank, where a header field can be folded.
 */
static void
symbols_cut(char dst[MODULE_TEXT_MAX - 1], const char *src)
{
	size_t	n = 0, whole = 0;

	for (; *src != '\0'; src++) {
		if (n + 6 > MODULE_TEXT_MAX - 2) {
			if (whole > 0)
				n = whole;
			memcpy(dst + n, "...", 3);
			n += 3;
			break;
		}
		dst[n++] = *src;
		if (*src == ',' && src[1] != ' ' && src[1] != '\0')
			dst[n++] = ' ';
		if (*src == ',' || *src == ' ')
			whole = n;
	}
	dst[n] = '\0';
}

void
module_score(struct msession *s, const struct module *mod, int32_t milli,
    const char *symbols)
{
	const struct chain_link		*link;
	struct module_one		*one;
	char				 text[MODULE_TEXT_MAX - 1];
	char				 enc[MODULE_TEXT_MAX * 4];

	if ((one = module_find(s, mod, &link)) == NULL)
		return;
	symbols_cut(text, symbols == NULL ? "" : symbols);
	if (link->log_only) {
		chain_count(mod, MSTAT_LOG_ONLY);
		log_event(s->id, mod->name, "log-only score=%g symbols=%s",
		    (double)milli / 1000, log_encode_str(enc, sizeof(enc),
		    text));
		return;
	}
	chain_count(mod, MSTAT_POINTS);
	points_add(&one->message, milli, text);
	points_add(&one->score, milli, "");
}

void
module_score_some(struct msession *s, const struct module *mod,
    int32_t milli, int mark)
{
	const struct chain_link	*link;
	struct module_one	*one = module_find(s, mod, &link);

	if (one == NULL || link->log_only)
		return;
	if (milli > one->score.milli)
		one->some = milli - one->score.milli;
	one->mark = mark ? 1 : 0;
}

/* The list of changes is made when it is first asked for. */
struct msgedit *
module_edit(struct msession *s, const struct module *mod)
{
	struct module_one	*one = module_find(s, mod, NULL);

	if (one == NULL)
		return (NULL);
	if (one->edit == NULL)
		one->edit = msgedit_new();
	return (one->edit);
}

/*
 * Makes a path with brackets, as in MAIL and RCPT.  The path is checked like
 * one from a client.  Returns -1 if it is not an address; "<>" only is one for
 * a sender.
 */
static int
path_make(const char *path, int sender, char dst[ENTRY_STR_MAX + 1])
{
	char		 arg[ENTRY_STR_MAX + 16];
	const char	*params;
	size_t		 plen, i;
	int		 n;

	for (i = 0; path[i] != '\0'; i++)
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
			return (-1);
	n = snprintf(arg, sizeof(arg), "TO:%s%s%s", path[0] == '<' ? "" : "<",
	    path, path[0] == '<' ? "" : ">");
	if (n < 0 || (size_t)n >= sizeof(arg) || smtp_path_parse(arg,
	    (size_t)n, "TO:", dst, ENTRY_STR_MAX + 1, &params, &plen) != 0 ||
	    plen != 0)
		return (-1);
	return (!sender && strcmp(dst, "<>") == 0 ? -1 : 0);
}

/* Returns 1 if the parameters are printable ASCII and well-formed. */
static int
params_ok(const char *params)
{
	struct smtp_param	 p;
	size_t			 left = strlen(params), i;
	int			 r;

	if (left > ENVELOPE_PARAMS_MAX)
		return (0);
	for (i = 0; i < left; i++)
		if (params[i] < 0x20 || params[i] > 0x7e)
			return (0);
	while ((r = smtp_param_next(&params, &left, &p)) == 1)
		;
	return (r == 0);
}

/*
 * Notes one change of the envelope for the module; copies its texts.  A module
 * that is log-only gets 0 too, and only the log shows it.  Returns -1 if the
 * change is invalid, there are too many, or there is no memory.
 */
static int
envelope_change(struct msession *s, const struct module *mod,
    enum envelope_kind kind, const char *path, const char *params)
{
	static const char *const names[] = { "rcpt-add", "rcpt-delete",
	    "from-change" };
	struct module_one		*one;
	const struct chain_link		*link;
	struct envelope			*e;
	char				 made[ENTRY_STR_MAX + 1];
	char				 enc[LOG_PATH_MAX * 2];

	if (params == NULL)
		params = "";
	one = module_find(s, mod, &link);
	if (one == NULL || path_make(path, kind == ENV_FROM, made) == -1 ||
	    !params_ok(params) || one->nenvelope == ENVELOPE_MAX)
		return (-1);
	log_event(s->id, mod->name, "%s%s=%s", link->log_only ? "log-only " :
	    "", names[kind], log_encode_str(enc, sizeof(enc), made));
	if (link->log_only) {
		chain_count(mod, MSTAT_LOG_ONLY);
		return (0);
	}
	if ((e = reallocarray(one->envelope, one->nenvelope + 1,
	    sizeof(*e))) == NULL)
		return (-1);
	one->envelope = e;
	e += one->nenvelope;
	e->kind = kind;
	e->path = strdup(made);
	e->params = strdup(params);
	if (e->path == NULL || e->params == NULL) {
		free(e->path);
		free(e->params);
		return (-1);
	}
	one->nenvelope++;
	return (0);
}

int
module_rcpt_add(struct msession *s, const struct module *mod,
    const char *path, const char *params)
{
	return (envelope_change(s, mod, ENV_ADD, path, params));
}

int
module_rcpt_delete(struct msession *s, const struct module *mod,
    const char *path)
{
	return (envelope_change(s, mod, ENV_DELETE, path, NULL));
}

int
module_from_change(struct msession *s, const struct module *mod,
    const char *path, const char *params)
{
	return (envelope_change(s, mod, ENV_FROM, path, params));
}

const char *
module_rcpt(const struct msession *s, unsigned int n)
{
	const void	*at = NULL;
	const char	*path, *params;

	do
		path = runner->rcpt(s->mods->owner, &at, &params);
	while (path != NULL && n-- > 0);
	return (path);
}

/*
 * The module has failed: its changes are dropped.  Only the removal of forged
 * fields stays, because it does not depend on the scan.
 */
void
content_failed(struct module_one *one)
{
	size_t	i;

	if (one->edit != NULL)
		msgedit_only_drops(one->edit);
	for (i = 0; i < one->nenvelope; i++) {
		free(one->envelope[i].path);
		free(one->envelope[i].params);
	}
	free(one->envelope);
	one->envelope = NULL;
	one->nenvelope = 0;
}

/* A new message begins: nothing of the last one holds. */
void
content_new_message(struct module_one *one)
{
	size_t	i;

	content_failed(one);
	msgedit_free(one->edit);
	one->edit = NULL;
	for (i = 0; i < CLASS_MAX; i++)
		points_clear(&one->found[i]);
	points_clear(&one->score);
	one->some = 0;
	one->mark = 0;
	one->classes = 0;
}

static int
moved(const char *name, int from_end, const void *arg)
{
	return (turn_moved(arg, name, from_end));
}

/*
 * Joins the changes of all modules except those in turn, whose changes are in
 * the message already.  A change of the n-th field is skipped if a module in
 * turn has moved that field.  First each list learns whether the message is
 * marked, because some removals depend on that.
 */
int
run_edits(const struct msession *s, struct msgedit **edit)
{
	const struct module_one	*one;
	unsigned int		 passed;
	size_t			 i;

	*edit = NULL;
	for (i = 0; s->mods != NULL && i < s->mods->n; i++) {
		one = &s->mods->one[i];
		if (one->edit != NULL)
			msgedit_marked(one->edit, run_over(s) > 0);
		if (one->edit == NULL || msgedit_empty(one->edit) ||
		    s->mods->chain->link[i].mod->in_turn)
			continue;
		log_event(s->id, s->mods->chain->link[i].mod->name,
		    "%schanges=message", s->mods->chain->link[i].log_only ?
		    "log-only " : "");
		if (s->mods->chain->link[i].log_only)
			continue;
		if ((*edit == NULL && (*edit = msgedit_new()) == NULL) ||
		    msgedit_join(*edit, one->edit, moved, s, &passed) == -1) {
			msgedit_free(*edit);
			*edit = NULL;
			return (-1);
		}
		if (passed > 0)
			log_event(s->id, s->mods->chain->link[i].mod->name,
			    "changes-passed-over=%u why=fields-moved-by-another",
			    passed);
	}
	return (0);
}

const struct envelope *
run_envelope(const struct msession *s, size_t n)
{
	const struct module_one	*one;
	size_t			 i;

	for (i = 0; s->mods != NULL && i < s->mods->n; i++) {
		one = &s->mods->one[i];
		if (n < one->nenvelope)
			return (&one->envelope[n]);
		n -= one->nenvelope;
	}
	return (NULL);
}
