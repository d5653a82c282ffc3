/*
 * What is said of a statement that is not grammar: what was mistyped, in which
 * block a keyword belongs, and the form of the statement.
 *
 * The forms are for messages alone; parse.y decides.  A word in lower case is a
 * keyword, one in capitals is a value.  regress/config holds them, the grammar
 * and the manual together.
 */
#include <sys/types.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "../lib/near.h"
#include "conf_parse.h"

#define LINE_WORDS	32	/* of a statement that are looked at */
#define FORMS_SAID	3
#define HELP_MAX	600

enum block { TOP, PASS_, GREYLIST_, TARPIT_, LIMIT_, LEARN_, SYNC_, BLOCKS };

static const char *const block_names[BLOCKS] = {
	"", "pass", "greylist", "tarpit", "limit", "learn", "sync"
};

static const struct form {
	enum block	 block;
	const char	*text;
} forms[] = {
	{ TOP, "include FILE" },
	{ TOP, "hostname NAME" },
	{ TOP, "state directory DIRECTORY" },
	{ TOP, "control socket FILE" },
	{ TOP, "restart NUMBER per TIME" },
	{ TOP, "restart no" },
	{ TOP, "front NUMBER" },
	{ TOP, "database cache SIZE" },
	{ TOP, "allowed domains { DOMAIN ... } "
	    "[trap after NUMBER in TIME | trap no]" },
	{ TOP, "allowed domains file FILE "
	    "[trap after NUMBER in TIME | trap no]" },
	{ TOP, "local part routes yes|no" },
	{ TOP, "contact TEXT" },
	{ TOP, "tls certificate FILE key FILE" },
	{ TOP, "log spamd" },
	{ TOP, "listen on ADDRESS port NUMBER [low-priority-mx] "
	    "[no tls | tls certificate FILE key FILE]" },
	{ TOP, "firewall pf [table NAME]" },
	{ TOP, "firewall nftables [table FAMILY NAME] "
	    "[set ip4 NAME ip6 NAME]" },
	{ TOP, "firewall none" },
	{ TOP, "greylist { ... }" },
	{ TOP, "tarpit { ... }" },
	{ TOP, "limit { ... }" },
	{ TOP, "spamtrap { ADDRESS ... }" },
	{ TOP, "spamtrap file FILE" },
	{ TOP, "blacklist NAME file FILE | command \"PROGRAM ARGUMENT ...\" | "
	    "url URL [message TEXT] [reply CODE] [except LIST | "
	    "{ LIST ... }] [table NAME] [timeout TIME]" },
	{ TOP, "whitelist NAME file FILE | command \"PROGRAM ARGUMENT ...\" | "
	    "url URL [timeout TIME] [no scan]" },
	{ TOP, "spamd-setup on ADDRESS port NUMBER" },
	{ TOP, "pass { ... }" },
	{ TOP, "handover yes|no" },
	{ TOP, "resolver ADDRESS [port NUMBER]" },
	{ TOP, "resolver { ADDRESS [port NUMBER] ... }" },
	{ TOP, "on EVENT log" },
	{ TOP, "on EVENT trap [for TIME] [after NUMBER in TIME "
	    "[of bad PERCENT]]" },
	{ TOP, "on EVENT demote [after NUMBER in TIME [of bad PERCENT]], "
	    "where EVENT is early-talker, pipelining, bare-lf, "
	    "foreign-command, http-command, dictionary, virus or spam" },
	{ TOP, "learn { ... }" },
	{ TOP, "track INTERFACE [GROUP] [mta ADDRESS | { ADDRESS ... }] "
	    "[interface NAME] [outbound yes|no]" },
	{ TOP, "sync { ... }" },

	{ PASS_, "listen on ADDRESS port NUMBER "
	    "[no tls | tls certificate FILE key FILE]" },
	{ PASS_, "relay to ADDRESS [port NUMBER] [xclient | "
	    "proxy-protocol v1 | proxy-protocol v2 | transparent] "
	    "[starttls [try | verify NAME [ca FILE]]]" },
	{ PASS_, "relay domain DOMAIN | { DOMAIN ... } | file FILE "
	    "to ADDRESS [port NUMBER] ..." },
	{ PASS_, "relay check yes|no" },
	{ PASS_, "relay connect early" },
	{ PASS_, "recipients { RECIPIENT ... }" },
	{ PASS_, "recipients file FILE" },
	{ PASS_, "reject at POINTS|no" },
	{ PASS_, "mark at POINTS|no" },
	{ PASS_, "reply rules yes|no" },
	{ PASS_, "mark subject TEXT|no" },
	{ PASS_, "strategy CLASS reject|tempfail|mark ..., "
	    "where CLASS is virus, spam, unwanted or unscannable" },
	{ PASS_, "limit sessions NUMBER|auto" },
	{ PASS_, "limit per-host NUMBER|auto" },
	{ PASS_, "limit per-network NUMBER|auto" },
	{ PASS_, "limit received NUMBER" },
	{ PASS_, "tries NUMBER" },
	{ PASS_, "spool [memory SIZE] [message SIZE] [files SIZE|auto]" },
	{ PASS_, "bare-newline normalise|reject" },
	{ PASS_, "session TIME" },
	{ PASS_, "scan TIME" },
	{ PASS_, "client-name TIME|no" },
	{ PASS_, "timeout STEP TIME ..., where STEP is connect, banner, ehlo, "
	    "mail, rcpt, data, block or dot" },
	{ PASS_, "module NAME [WHICH] { ... }" },

	{ GREYLIST_, "pass TIME" },
	{ GREYLIST_, "grey TIME" },
	{ GREYLIST_, "white TIME" },
	{ GREYLIST_, "trapped TIME" },
	{ GREYLIST_, "match [ip4 /LENGTH] [ip6 /LENGTH] [helo]" },
	{ GREYLIST_, "admit [ip4 /LENGTH] [ip6 /LENGTH]" },
	{ GREYLIST_, "not to { RECIPIENT ... }" },
	{ GREYLIST_, "not to file FILE" },
	{ GREYLIST_, "reply \"CODE TEXT\"" },

	{ TARPIT_, "stutter TIME [for TIME]" },
	{ TARPIT_, "stutter no" },
	{ TARPIT_, "message TEXT" },
	{ TARPIT_, "reply 450|550" },

	{ LIMIT_, "connections NUMBER|auto" },
	{ LIMIT_, "per-host NUMBER" },
	{ LIMIT_, "per-network NUMBER" },
	{ LIMIT_, "network [ip4 /LENGTH] [ip6 /LENGTH]" },
	{ LIMIT_, "tls NUMBER" },
	{ LIMIT_, "tls-per-network NUMBER|auto" },
	{ LIMIT_, "bad-commands NUMBER" },
	{ LIMIT_, "line OCTETS" },
	{ LIMIT_, "recipients NUMBER" },
	{ LIMIT_, "grey-per-network NUMBER" },
	{ LIMIT_, "grey-per-host NUMBER" },
	{ LIMIT_, "idle TIME" },
	{ LIMIT_, "idle-stress TIME" },
	{ LIMIT_, "session [grey TIME] [trapped TIME]" },
	{ LIMIT_, "message-size SIZE|no" },

	{ LEARN_, "trusted NETWORK | { NETWORK ... }" },
	{ LEARN_, "except NETWORK | { NETWORK ... }" },
	{ LEARN_, "decay TIME" },
	{ LEARN_, "trap after NUMBER [of bad PERCENT] [for TIME]" },
	{ LEARN_, "trap no" },
	{ LEARN_, "extend after NUMBER [of good PERCENT]" },
	{ LEARN_, "extend no" },

	{ SYNC_, "listen on ADDRESS [port NUMBER]" },
	{ SYNC_, "key FILE" },
	{ SYNC_, "peer ADDRESS [port NUMBER] [spamd]" },
	{ SYNC_, "multicast INTERFACE [port NUMBER] [ttl NUMBER] [spamd]" },
	{ SYNC_, "accept spamd" },
};
#define NFORMS	(sizeof(forms) / sizeof(forms[0]))

/* The statement being read: its words, and the block that it stands in. */
static struct {
	const char	*word[LINE_WORDS];
	unsigned int	 n;
	int		 over;		/* the next token begins another one */
	enum block	 block;		/* BLOCKS: in a list */
	enum block	 opened;	/* by the last brace outside of any */
	const char	*head;		/* the last word outside of braces */
} line;

void
conf_line_begin(void)
{
	memset(&line, 0, sizeof(line));
	line.opened = BLOCKS;
	line.head = "";
}

static enum block
block_find(const char *name)
{
	int	b;

	for (b = TOP + 1; b < BLOCKS; b++)
		if (strcmp(name, block_names[b]) == 0)
			break;
	return ((enum block)b);
}

void
conf_line_token(const struct lex_token *t)
{
	if (line.over || line.n == 0) {
		line.n = 0;
		line.over = 0;
		line.block = t->depth == 0 ? TOP :
		    t->depth == 1 ? line.opened : BLOCKS;
	}
	switch (t->kind) {
	case LEX_NEWLINE:
	case LEX_EOF:
		line.over = 1;
		return;
	case LEX_PUNCT:
		line.over = *t->text == '{' || *t->text == '}';
		if (*t->text == '{' && t->depth == 0)
			line.opened = block_find(line.head);
		break;
	case LEX_WORD:
		if (t->depth == 0)
			line.head = t->text;
		break;
	case LEX_STRING:
	case LEX_BAD:
		break;
	}
	if (line.n < LINE_WORDS)
		line.word[line.n++] = t->text;
}

/* The next word of a form that is a keyword or a value, to *len. */
static const char *
form_word(const char **form, size_t *len)
{
	const char	*w = *form + strspn(*form, " |[]{}");

	*len = strcspn(w, " |[]{},");
	*form = w + *len;
	return (*len == 0 ? NULL : w);
}

static int
is_literal(const char *w)
{
	return (islower((unsigned char)*w));
}

/* Is its first word this one? */
static int
begins(const struct form *f, const char *word)
{
	size_t	len = strcspn(f->text, " ");

	return (strlen(word) == len && strncmp(f->text, word, len) == 0);
}

/* How many keywords at its beginning are those of the line from i to n. */
static unsigned int
keywords_same(const struct form *f, unsigned int i, unsigned int n)
{
	const char	*p = f->text, *w;
	unsigned int	 from = i;
	size_t		 len;

	while (i < n && (w = form_word(&p, &len)) != NULL && is_literal(w) &&
	    strlen(line.word[i]) == len && strncmp(w, line.word[i], len) == 0)
		i++;
	return (i - from);
}

/*
 * Words of a form that has always as many, like "hostname NAME": behind them
 * the next statement may stand in the same line.  0: it may be longer.
 */
static unsigned int
fixed_length(const struct form *f)
{
	const char	*p;
	unsigned int	 n = 1;

	if (strpbrk(f->text, "[]{}|,\".") != NULL)
		return (0);
	for (p = f->text; *p != '\0'; p++)
		n += *p == ' ';
	return (n);
}

/* Where in the line the statement begins whose word end is wrong. */
static unsigned int
statement_begin(unsigned int end)
{
	unsigned int	i = 0, len, same;
	size_t		f;

	do {
		len = 0;
		same = 0;
		for (f = 0; f < NFORMS; f++)
			if (forms[f].block == line.block &&
			    keywords_same(&forms[f], i, end) > same) {
				same = keywords_same(&forms[f], i, end);
				len = fixed_length(&forms[f]);
			}
		if (len == 0 || i + len > end)
			break;
		i += len;
	} while (i < end);
	return (i);
}

static const struct form *
starter_find(const char *word, enum block b)
{
	size_t	f;

	for (f = 0; f < NFORMS; f++)
		if (forms[f].block == b && begins(&forms[f], word))
			return (&forms[f]);
	return (NULL);
}

/* What begins like a statement and is nearest to word: in that block, or in any
 * (BLOCKS); NULL: none is near. */
static const struct form *
starter_near(const char *word, enum block b)
{
	const struct form	*best = NULL;
	char			 name[NEAR_WORD_MAX];
	int			 d, least = NEAR_WORD_MAX;
	size_t			 f;

	for (f = 0; f < NFORMS; f++) {
		if (b != BLOCKS && forms[f].block != b)
			continue;
		snprintf(name, sizeof(name), "%.*s",
		    (int)strcspn(forms[f].text, " "), forms[f].text);
		if ((d = near_word(word, name)) != -1 && d < least) {
			least = d;
			best = &forms[f];
		}
	}
	return (best);
}

/* "in pass { }", "outside of pass { }" */
static void
say_block(char *text, size_t size, enum block b)
{
	if (b == TOP)
		snprintf(text, size, "outside of %s { }",
		    line.block == BLOCKS ? "braces" : block_names[line.block]);
	else
		snprintf(text, size, "in %s { }", block_names[b]);
}

/* The first word of a statement: known elsewhere, or nearly the same. */
static void
say_begin(const struct lex_token *t)
{
	const struct form	*f;
	char			 where[64], name[NEAR_WORD_MAX + 1];
	int			 b;

	snprintf(name, sizeof(name), "%.*s", t->kind != LEX_WORD ? 0 :
	    (int)strcspn(t->text, ":"), t->text);
	for (b = TOP; b < BLOCKS; b++)
		if ((enum block)b != line.block && t->kind == LEX_WORD &&
		    starter_find(t->text, (enum block)b) != NULL)
			break;
	if (b < BLOCKS) {
		say_block(where, sizeof(where), (enum block)b);
		conf_error(t, "\"%s\" belongs %s", t->text, where);
	} else if ((f = starter_near(name, line.block)) != NULL)
		conf_error(t, "unknown keyword \"%s\"; did you mean \"%.*s\"?",
		    t->text, (int)strcspn(f->text, " "), f->text);
	else if ((f = starter_near(name, BLOCKS)) != NULL) {
		say_block(where, sizeof(where), f->block);
		conf_error(t, "unknown keyword \"%s\"; did you mean \"%.*s\", "
		    "which belongs %s?", t->text,
		    (int)strcspn(f->text, " "), f->text, where);
	} else if (strncmp(t->text, "//", 2) == 0 ||
	    strncmp(t->text, "/*", 2) == 0)
		conf_error(t, "\"%s\": a comment begins with \"#\"", t->text);
	else if (t->kind == LEX_WORD && isalpha((unsigned char)*t->text))
		conf_error(t, "unknown keyword \"%s\"", t->text);
	else
		conf_error(t, "syntax error at \"%s\": a statement begins with "
		    "a keyword", t->text);
}

/* The keyword of a form that the word nearly is; NULL: none. */
static const char *
literal_near(const struct form *f, const char *word, size_t *len)
{
	const char	*p = f->text, *w, *best = NULL;
	char		 name[NEAR_WORD_MAX];
	int		 d, least = NEAR_WORD_MAX;
	size_t		 n;

	while ((w = form_word(&p, &n)) != NULL) {
		if (!is_literal(w) || n >= sizeof(name))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)n, w);
		if ((d = near_word(word, name)) > 0 && d < least) {
			least = d;
			best = w;
			*len = n;
		}
	}
	return (best);
}

/*
 * "; did you mean "domains"?  Write: allowed domains { DOMAIN ... }", from the
 * forms of which most keywords are in the line, whose word end is wrong.
 */
static void
help(char *text, size_t size, unsigned int end, const struct lex_token *t)
{
	const char	*near = NULL;
	unsigned int	 from = statement_begin(end), same = 1, n, said = 0;
	size_t		 f, len = 0;

	*text = '\0';
	for (f = 0; f < NFORMS; f++)
		if (forms[f].block == line.block &&
		    (n = keywords_same(&forms[f], from, end)) > same)
			same = n;
	for (f = 0; t->kind == LEX_WORD && near == NULL && f < NFORMS; f++)
		if (forms[f].block == line.block &&
		    keywords_same(&forms[f], from, end) == same)
			near = literal_near(&forms[f], t->text, &len);
	if (near != NULL)
		snprintf(text, size, "; did you mean \"%.*s\"?", (int)len,
		    near);
	for (f = 0; f < NFORMS && said < FORMS_SAID; f++) {
		if (forms[f].block != line.block ||
		    keywords_same(&forms[f], from, end) != same)
			continue;
		strlcat(text, said++ > 0 ? "  or: " :
		    near != NULL ? "  Write: " : "; write: ", size);
		strlcat(text, forms[f].text, size);
	}
}

void
conf_syntax(const struct lex_token *t, int keyword)
{
	char		 text[HELP_MAX];
	unsigned int	 end = line.n;

	if (t->kind == LEX_EOF || t->kind == LEX_NEWLINE) {
		help(text, sizeof(text), end, t);
		conf_error(t, "the statement is not complete at the end of "
		    "the line%s", text);
		return;
	}
	if (end > 0)
		end--;			/* t itself */
	if (line.block < BLOCKS && *t->text != '}' &&
	    statement_begin(end) == end) {
		say_begin(t);
		return;
	}
	help(text, sizeof(text), end, t);
	if (t->kind == LEX_PUNCT && *t->text == '=')
		conf_error(t, "there is no \"=\" between a setting and its "
		    "value%s", text);
	else if (t->kind == LEX_WORD && keyword)
		conf_error(t, "the keyword \"%s\" does not belong here%s%s",
		    t->text, strncmp(text, "; did", 5) == 0 ? "" :
		    "; a name needs quotes", text);
	else if (t->kind == LEX_WORD && isalpha((unsigned char)*t->text))
		conf_error(t, "unknown keyword \"%s\"%s", t->text, text);
	else
		conf_error(t, "syntax error at \"%s\"%s", t->text, text);
}
