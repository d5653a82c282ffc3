/*
 * The message for a statement that is not grammar: what was mistyped, in which
 * block a keyword belongs, and the form of the statement.
 *
 * The forms are those of schema.h.  parse.y decides what is right; here
 * they are for messages.  A word in lower case is a keyword, one in capitals is
 * a value.  regress/config compares them with the grammar and the manual.
 */
#include <sys/types.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/near.h"
#include "lib/conf/conf_int.h"

#define LINE_WORDS	32	/* of a statement that are looked at */
#define FORMS_SAID	3
#define HELP_MAX	600

/* One form of a statement, of the schema. */
struct form {
	enum conf_block	 block;
	const char	*text;		/* of the arena */
};
static struct form	*forms;		/* nforms of them: conf_forms_begin */
static size_t		 nforms;

/* The statement being read: its words, and the block that it stands in. */
static struct {
	const char	*word[LINE_WORDS];
	unsigned int	 n;
	int		 over;		/* the next token begins another one */
	enum conf_block	 block;		/* CB_BLOCKS: in a list */
	enum conf_block	 opened;	/* by the last brace outside of any */
	const char	*head;		/* the last word outside of braces */
} line;

/* Every text of the schema: several of a statement are parted by "\n". */
static void
form_add(enum conf_block block, const char *text)
{
	size_t	len;

	for (; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n;");
		forms[nforms].block = block;
		forms[nforms++].text = lex_strdup(text, len);
		if (text[len] == ';')
			break;
	}
}

/* Settings of one head are one form: "match [ip4 /LENGTH] [ip6 /LENGTH]".  The
 * last of them is the one after which another head comes. */
static const struct conf_scalar *
form_add_group(const struct conf_scalar *r)
{
	const struct conf_scalar	*next = r;
	char				 text[HELP_MAX];
	size_t				 head = strcspn(r->form, " ");

	snprintf(text, sizeof(text), "%.*s", (int)head, r->form);
	do {
		r = next++;
		strlcat(text, r->form + head, sizeof(text));
		text[strcspn(text, ";")] = '\0';
	} while (next->form != NULL && next->block == r->block &&
	    conf_is_grouped(next) && strcspn(next->form, " ") == head &&
	    strncmp(next->form, r->form, head) == 0);
	form_add(r->block, text);
	return (r);
}

/*
 * Makes the forms from the schema, for one run of the parser.  Each statement
 * may have several, and each form ends up in at most one entry.
 */
void
conf_forms_begin(void)
{
	const struct conf_scalar	*r;
	const char			*p;
	size_t				 n = 0;

	for (r = conf_scalars; r->form != NULL; r++)
		for (p = r->form, n++; (p = strchr(p, '\n')) != NULL; p++)
			n++;
	forms = lex_alloc(n * sizeof(*forms));
	nforms = 0;
	for (r = conf_scalars; r->form != NULL; r++)
		if (conf_is_grouped(r))
			r = form_add_group(r);
		else if (!r->own || !conf_has_value(r))
			form_add(r->block, r->form);
}

/* See conf_int.h.  The names of settings are looked for only there. */
enum conf_block
conf_line_block(void)
{
	return (line.block);
}

/* Forgets the statement.  Also when a macro was defined, which is none. */
void
conf_line_begin(void)
{
	memset(&line, 0, sizeof(line));
	line.opened = CB_BLOCKS;
	line.head = "";
}

/*
 * The block of that name; CB_BLOCKS when none is: what follows the brace is a
 * list.
 */
static enum conf_block
block_find(const char *name)
{
	int	b;

	for (b = CB_TOP + 1; b < CB_BRACED; b++)
		if (strcmp(name, conf_block_name((enum conf_block)b)) == 0)
			return ((enum conf_block)b);
	return (CB_BLOCKS);
}

/*
 * Notes each token that the grammar is given.  A statement begins after a
 * line's end or a brace; several may stand in one line, which statement_begin()
 * finds out only when one of them is wrong.
 */
void
conf_line_token(const struct lex_token *t)
{
	if (line.over || line.n == 0) {
		line.n = 0;
		line.over = 0;
		line.block = t->depth == 0 ? CB_TOP :
		    t->depth == 1 ? line.opened : CB_BLOCKS;
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

/*
 * The next word of a form that is a keyword or a value, its length to *len;
 * NULL at the end. *form is moved behind it.
 */
static const char *
form_word(const char **form, size_t *len)
{
	const char	*w = *form + strspn(*form, " |[]{}");

	*len = strcspn(w, " |[]{},");
	*form = w + *len;
	return (*len == 0 ? NULL : w);
}

/* Is this word of a form a keyword, and not a value in capitals? */
static int
is_literal(const char *w)
{
	return (islower((unsigned char)*w));
}

/* Does the form begin with this word? */
static int
begins(const struct form *f, const char *word)
{
	size_t	len = strcspn(f->text, " ");

	return (strlen(word) == len && strncmp(f->text, word, len) == 0);
}

/*
 * How many keywords at the beginning of the form are those of the line from
 * word i to word n: the more, the more likely this form was meant.
 */
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

/*
 * The index in the line of the first word of the statement whose word `end' is
 * wrong.  Statements of a fixed length before it in the same line are passed
 * over.
 */
static unsigned int
statement_begin(unsigned int end)
{
	unsigned int	i = 0, len, same;
	size_t		f;

	do {
		len = 0;
		same = 0;
		for (f = 0; f < nforms; f++)
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

/* The first form of that block that begins with the word; NULL: none. */
static const struct form *
starter_find(const char *word, enum conf_block b)
{
	size_t	f;

	for (f = 0; f < nforms; f++)
		if (forms[f].block == b && begins(&forms[f], word))
			return (&forms[f]);
	return (NULL);
}

/*
 * The form whose first word is nearest to the word, in that block or in any
 * (CB_BLOCKS); NULL: none is near.
 */
static const struct form *
starter_near(const char *word, enum conf_block b)
{
	const struct form	*best = NULL;
	char			 name[NEAR_WORD_MAX];
	int			 d, least = NEAR_WORD_MAX;
	size_t			 f;

	for (f = 0; f < nforms; f++) {
		if (b != CB_BLOCKS && forms[f].block != b)
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

/*
 * "in pass { }", or "outside of pass { }" for what belongs outside of the
 * braces that are open.
 */
static void
say_block(char *text, size_t size, enum conf_block b)
{
	if (b == CB_TOP)
		snprintf(text, size, "outside of %s { }",
		    line.block == CB_BLOCKS ? "braces" : conf_block_name(line.block));
	else
		snprintf(text, size, "in %s { }", conf_block_name(b));
}

/*
 * The message for a wrong first word of a statement: it belongs in another
 * block, or it is nearly a keyword of this one or of another one.
 */
static void
say_begin(const struct lex_token *t)
{
	const struct form	*f;
	char			 where[64], name[NEAR_WORD_MAX + 1];
	int			 b;

	snprintf(name, sizeof(name), "%.*s", t->kind != LEX_WORD ? 0 :
	    (int)strcspn(t->text, ":"), t->text);
	for (b = CB_TOP; b < CB_BRACED; b++)
		if ((enum conf_block)b != line.block && t->kind == LEX_WORD &&
		    starter_find(t->text, (enum conf_block)b) != NULL)
			break;
	if (b < CB_BRACED) {
		say_block(where, sizeof(where), (enum conf_block)b);
		conf_error(t, "\"%s\" belongs %s", t->text, where);
	} else if ((f = starter_near(name, line.block)) != NULL)
		conf_error(t, "unknown keyword \"%s\"; did you mean \"%.*s\"?",
		    t->text, (int)strcspn(f->text, " "), f->text);
	else if ((f = starter_near(name, CB_BLOCKS)) != NULL) {
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

/*
 * The keyword of the form that the word nearly is, its length to *len; NULL:
 * none.
 */
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
	for (f = 0; f < nforms; f++)
		if (forms[f].block == line.block &&
		    (n = keywords_same(&forms[f], from, end)) > same)
			same = n;
	for (f = 0; t->kind == LEX_WORD && near == NULL && f < nforms; f++)
		if (forms[f].block == line.block &&
		    keywords_same(&forms[f], from, end) == same)
			near = literal_near(&forms[f], t->text, &len);
	if (near != NULL)
		snprintf(text, size, "; did you mean \"%.*s\"?", (int)len,
		    near);
	for (f = 0; f < nforms && said < FORMS_SAID; f++) {
		if (forms[f].block != line.block ||
		    keywords_same(&forms[f], from, end) != same)
			continue;
		strlcat(text, said++ > 0 ? "  or: " :
		    near != NULL ? "  Write: " : "; write: ", size);
		strlcat(text, forms[f].text, size);
	}
}

/*
 * The message for a token that is not grammar. keyword: it is a word that the
 * grammar uses elsewhere.
 */
void
conf_syntax(const struct lex_token *t, int keyword)
{
	char		 text[HELP_MAX];
	unsigned int	 end = line.n;

	if (t->kind == LEX_EOF || t->kind == LEX_NEWLINE) {
		help(text, sizeof(text), end, t);
		conf_error(t, "the statement is incomplete at the end of the "
		    "line%s", text);
		return;
	}
	if (end > 0)
		end--;			/* t itself */
	if (line.block < CB_BLOCKS && *t->text != '}' &&
	    statement_begin(end) == end) {
		say_begin(t);
		return;
	}
	help(text, sizeof(text), end, t);
	if (t->kind == LEX_PUNCT && *t->text == '=')
		conf_error(t, "unexpected \"=\": write a setting and its "
		    "value without it%s", text);
	else if (t->kind == LEX_WORD && keyword)
		conf_error(t, "the keyword \"%s\" is not allowed here%s%s",
		    t->text, strncmp(text, "; did", 5) == 0 ? "" :
		    "; quote it if it is a name", text);
	else if (t->kind == LEX_WORD && isalpha((unsigned char)*t->text))
		conf_error(t, "unknown keyword \"%s\"%s", t->text, text);
	else
		conf_error(t, "syntax error at \"%s\"%s", t->text, text);
}
