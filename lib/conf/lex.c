/*
 * The lexer of spamgreyd.conf(5): files and their includes to tokens, macros in
 * their place.  It knows no keyword and no struct config.
 *
 * The files that are open are a stack: an include is pushed on the file that
 * has it, and read to its end before that goes on.  A macro is a list of
 * tokens, not a text, so that nothing in its value can be read as something
 * else than where it was defined.  The state is of one run of the parser
 * (lex_start, lex_end), and everything that tokens point to is of the arena
 * (file.c).
 */
#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/textfile.h"
#include "lib/conf/conf_int.h"

#define MACRO_TOKENS_MAX	1024
#define MACROS_MAX		1024
#define UNREAD_MAX		4

struct source {				/* a file being read */
	const char	*name;		/* of the arena */
	const char	*text, *end, *pos;
	char		*owned;		/* text, when it is ours */
	unsigned int	 line;
	unsigned int	 depth;		/* where it began */
	int		 ended;		/* its missing braces are reported */
	dev_t		 dev;		/* to see a cycle */
	ino_t		 ino;
	struct source	*from;		/* included by */
};

struct macro {
	struct macro		*next;
	struct lex_token	 where;
	const char		*name;
	int			 fixed;	/* by -D: the file cannot change it */
	struct lex_items	 value;
};

static struct source	*top;
static unsigned int	 sources;
static struct macro	*macros;
static unsigned int	 nmacros;
static const struct lex_item *replay;	/* what is left of a macro */
static struct lex_token	 replay_at;	/* where it was used */
static unsigned int	 depth;
static const struct lex_token *mainfile;
static unsigned int	 last_line;	/* of the file that ended last */
static struct lex_token	 unread[UNREAD_MAX];	/* the last one comes first */
static unsigned int	 nunread;

/* Ends the file on top of the stack. */
static void
source_pop(void)
{
	struct source	*s = top;

	top = s->from;
	free(s->owned);
	sources--;
}

/* Begins a run.  Messages go to fn, or to standard error when it is NULL. */
void
lex_start(conf_report fn, void *arg)
{
	conf_report_start(fn, arg);
	depth = 0;
	replay = NULL;
	macros = NULL;
	nmacros = 0;
	mainfile = NULL;
	nunread = 0;
}

/*
 * Ends the run, also in the middle of a file.  All tokens are invalid
 * afterwards.
 */
void
lex_end(void)
{
	while (top != NULL)
		source_pop();
	lex_free_all();
	conf_where_clear();		/* it was of the arena too */
	macros = NULL;
	replay = NULL;
	mainfile = NULL;
}

/* See conf_int.h.  NULL before the main file is open. */
const struct lex_token *
lex_main(void)
{
	return (mainfile);
}

/*
 * A file on top of the stack, or a text (owned NULL). owned is freed with it.
 */
static struct source *
source_new(const char *name, char *owned, const char *text, size_t len)
{
	struct source	*s = lex_alloc(sizeof(*s));
	size_t		 bom = text_bom(text, len);

	s->name = lex_strdup(name, strlen(name));
	s->owned = owned;
	s->text = text;
	s->pos = text + bom;
	s->end = text + len;
	s->line = 1;
	s->from = top;
	s->depth = depth;
	top = s;
	sources++;
	return (s);
}

/*
 * The first file is the main one: errors about the whole are reported for it.
 */
static void
main_is(const struct source *s)
{
	struct lex_token	*tok;

	if (mainfile != NULL)
		return;
	tok = lex_alloc(sizeof(*tok));
	tok->file = s->name;
	mainfile = tok;
}

/* text stays the caller's, and must stay until lex_end(). */
void
lex_push_text(const char *name, const char *text, size_t len)
{
	main_is(source_new(name, NULL, text, len));
}

/* Reports that a file cannot be included, at the place that includes it. */
static int
push_failed(const char *file, const struct lex_token *at, const char *why)
{
	struct lex_token	tok;

	if (at != NULL)
		conf_error(at, "include \"%s\": %s", file, why);
	else {
		memset(&tok, 0, sizeof(tok));
		tok.file = file;
		conf_error(&tok, "%s", why);
	}
	return (-1);
}

/*
 * Opens a file on top of the stack.  A file that is on the stack already would
 * include itself for ever.
 */
int
lex_push_file(const char *file, const struct lex_token *at)
{
	struct source	*s;
	struct stat	 st;
	char		*text;
	size_t		 len;
	int		 fd;

	if ((fd = conf_file_open(file, at != NULL, &st)) == -1)
		return (push_failed(file, at,
		    errno == EINVAL ? "not a regular file" : strerror(errno)));
	for (s = top; s != NULL; s = s->from)
		if (s->owned != NULL && s->dev == st.st_dev &&
		    s->ino == st.st_ino) {
			close(fd);
			return (push_failed(file, at, "includes itself"));
		}
	if (sources >= CONF_INCLUDE_MAX) {
		close(fd);
		return (push_failed(file, at, "includes nested too deeply"));
	}
	if (conf_file_trust(file, at, &st) == -1) {
		close(fd);
		return (-1);
	}
	if ((text = conf_file_read(fd, &len)) == NULL)
		return (push_failed(file, at, strerror(errno)));
	s = source_new(file, text, text, len);
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	main_is(s);
	return (0);
}

/*
 * Moves past blanks, commas (which count as blanks), comments, and line ends
 * that a backslash joins.
 */
static void
skip_blanks(struct source *s)
{
	size_t	n;

	while (s->pos < s->end) {
		if (*s->pos == ' ' || *s->pos == '\t' || *s->pos == '\r' ||
		    *s->pos == ',')
			s->pos++;
		else if ((n = text_joined(s->pos,
		    (size_t)(s->end - s->pos))) > 0) {
			s->pos += n;
			s->line++;
		} else if (*s->pos == '#') {
			while (s->pos < s->end && *s->pos != '\n')
				s->pos++;
		} else
			break;
	}
}

/* A quoted string; \" is a quote, any other \ stays for the templates. */
static void
lex_quoted(struct source *s, struct lex_token *t)
{
	const char	*p = s->pos + 1;
	char		*text, *w;

	while (p < s->end && *p != '"' && *p != '\n' && *p != '\0')
		p += *p == '\\' && s->end - p > 1 && p[1] != '\n' &&
		    p[1] != '\0' ? 2 : 1;
	t->kind = LEX_BAD;
	t->text = "\"";
	if (p == s->end || *p != '"') {
		conf_error(t, p < s->end && *p == '\0' ?
		    "NUL byte in a string" : "the closing quote of a "
		    "string is missing");
		while (p < s->end && *p != '\n')
			p++;
		s->pos = p;
		return;
	}
	text = w = lex_strdup(s->pos + 1, (size_t)(p - s->pos) - 1);
	s->pos = p + 1;
	if (strlen(text) > CONF_STRING_MAX) {
		conf_error(t, "string longer than %d bytes",
		    CONF_STRING_MAX);
		return;
	}
	t->kind = LEX_STRING;
	t->text = text;
	for (p = text; *p != '\0'; p++) {
		if (*p == '\\' && p[1] == '"')
			p++;
		else if (*p == '\\' && p[1] != '\0')
			*w++ = *p++;
		*w++ = *p;
	}
	*w = '\0';
}

/* May this byte be part of a word? Bytes of UTF-8 may. */
static int
word_char(char c)
{
	return (c != '\0' && strchr(" \t\r\n\"#{},=\\$", c) == NULL &&
	    ((unsigned char)c >= 0x80 || isgraph((unsigned char)c)));
}

/*
 * Quotes that are not ours, of other languages or of a word processor: reports
 * them and drops the word.  Returns 0 when there are none.
 */
static int
foreign_mark(struct source *s, struct lex_token *t)
{
	static const char	*const quotes[] = { "'", "`", "\xe2\x80\x98",
	    "\xe2\x80\x99", "\xe2\x80\x9c", "\xe2\x80\x9d",
	    "\xe2\x80\x9e", "\xc2\xab", "\xc2\xbb" };
	size_t	i, len;

	for (i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
		len = strlen(quotes[i]);
		if ((size_t)(s->end - s->pos) >= len &&
		    memcmp(s->pos, quotes[i], len) == 0)
			break;
	}
	if (i == sizeof(quotes) / sizeof(quotes[0]))
		return (0);
	t->kind = LEX_BAD;
	conf_error(t, "write strings in double quotes (\")");
	while (s->pos < s->end && word_char(*s->pos))
		s->pos++;
	return (1);
}

/* A word.  A "=" behind it makes it the name of a macro that is defined. */
static void
lex_word(struct source *s, struct lex_token *t)
{
	const char	*p = s->pos, *end;

	if (foreign_mark(s, t))
		return;
	while (p < s->end && word_char(*p))
		p++;
	if (p == s->pos) {
		t->kind = LEX_BAD;
		if (isgraph((unsigned char)*p))
			conf_error(t, "unexpected \"%c\"", *p);
		else
			conf_error(t, "unexpected byte 0x%02x",
			    (unsigned char)*p);
		s->pos++;
		return;
	}
	for (end = p; end > s->pos && end[-1] == ';'; end--)
		;
	if (end < p)
		conf_error(t, "unexpected \";\": a statement ends at the end "
		    "of its line");
	t->kind = LEX_WORD;
	t->text = lex_strdup(s->pos, (size_t)(end - s->pos));
	s->pos = p;
	skip_blanks(s);
	t->assigns = s->pos < s->end && *s->pos == '=';
	if (strlen(t->text) > CONF_STRING_MAX) {
		t->kind = LEX_BAD;
		t->text = "";
		conf_error(t, "word longer than %d bytes", CONF_STRING_MAX);
	}
}

/*
 * The next token of the macro that is used, as if it stood where the macro is
 * used: messages are about that place.
 */
static void
lex_replay(struct lex_token *t)
{
	*t = replay->tok;
	t->file = replay_at.file;
	t->line = replay_at.line;
	t->assigns = 0;
	replay = replay->next;
}

/* The macro of that name; NULL: it is not defined. */
static struct macro *
macro_find(const char *name)
{
	struct macro	*m;

	for (m = macros; m != NULL; m = m->next)
		if (strcmp(m->name, name) == 0)
			return (m);
	return (NULL);
}

/* Bytes of the macro's name at p; 0: there is none. */
static int
macro_name_len(const char *p, const char *end)
{
	const char	*from = p;

	if (p < end && (isalpha((unsigned char)*p) || *p == '_'))
		while (p < end && (isalnum((unsigned char)*p) || *p == '_' ||
		    *p == '-'))
			p++;
	return ((int)(p - from));
}

/* $name: the macro's tokens come next, and the first of them now. */
static void
lex_expand(struct source *s, struct lex_token *t)
{
	struct macro	*m;
	const char	*name;
	int		 len;

	len = macro_name_len(s->pos + 1, s->end);
	t->kind = LEX_BAD;
	if (len == 0) {
		conf_error(t, "the name of a macro is missing after \"$\"");
		s->pos++;
		return;
	}
	name = lex_strdup(s->pos + 1, (size_t)len);
	s->pos += 1 + len;
	if ((m = macro_find(name)) == NULL) {
		conf_error(t, "the macro \"%s\" is not defined", name);
		return;
	}
	if (m->value.first == NULL)
		return;			/* its definition was an error */
	replay = m->value.first;
	replay_at = *t;
	lex_replay(t);
}

/* A brace or an equals sign. */
static void
lex_punct(struct source *s, struct lex_token *t)
{
	static const char *const text[] = { "{", "}", "=" };
	unsigned int	 i;

	for (i = 0; *s->pos != text[i][0]; i++)
		;
	t->kind = LEX_PUNCT;
	t->text = text[i];
	s->pos++;
}

/*
 * The end of a file ends the line.  Braces that it left open are closed, so
 * that one missing brace is one error.
 */
static void
lex_eof(struct source *s, struct lex_token *t)
{
	if (depth > s->depth) {
		if (!s->ended)
			conf_error(t, "%u closing brace%s missing at the end "
			    "of the file", depth - s->depth,
			    depth - s->depth == 1 ? "" : "s");
		s->ended = 1;
		t->kind = LEX_PUNCT;
		t->text = "}";
		return;
	}
	last_line = s->line;
	source_pop();
	t->kind = LEX_NEWLINE;
	t->text = "\n";
}

/* The next token of the file on top, without its depth. */
static void
lex_raw(struct lex_token *t)
{
	struct source	*s = top;

	memset(t, 0, sizeof(*t));
	t->text = "";
	if (s == NULL) {
		t->file = mainfile->file;
		t->line = last_line;
		t->kind = LEX_EOF;
		return;
	}
	skip_blanks(s);
	t->file = s->name;
	t->line = s->line;
	if (s->pos == s->end)
		lex_eof(s, t);
	else if (*s->pos == '\n') {
		t->kind = LEX_NEWLINE;
		t->text = "\n";
		s->line++;
		s->pos++;
	} else if (*s->pos == '"')
		lex_quoted(s, t);
	else if (*s->pos == '$')
		lex_expand(s, t);
	else if (*s->pos != '\0' && strchr("{}=", *s->pos) != NULL)
		lex_punct(s, t);
	else
		lex_word(s, t);
}

/* See conf_int.h.  The last one that was given back comes first. */
void
lex_unread(const struct lex_token *t)
{
	if (nunread == UNREAD_MAX)
		fatalx("configuration: too many words unread");
	unread[nunread++] = *t;
}

/*
 * The next token, with the braces that are open before it.  A closing brace
 * must be of the file that opened it.
 */
void
lex_next(struct lex_token *t)
{
	if (nunread > 0) {
		*t = unread[--nunread];
		return;
	}
	for (;;) {
		if (replay != NULL)
			lex_replay(t);
		else
			lex_raw(t);
		t->depth = depth;
		if (t->kind != LEX_PUNCT)
			return;
		if (*t->text == '{')
			depth++;
		else if (*t->text == '}') {
			if (depth == 0 || (top != NULL && depth <= top->depth)) {
				conf_error(t, "unexpected closing brace");
				continue;
			}
			depth--;
		}
		return;
	}
}

/* Appends a copy of the token to a list. */
void
lex_items_add(struct lex_items *items, const struct lex_token *t)
{
	struct lex_item	*item = lex_alloc(sizeof(*item));

	item->tok = *t;
	if (items->last == NULL)
		items->first = item;
	else
		items->last->next = item;
	items->last = item;
}

/*
 * A macro's value from text: the tokens that a file with this text would have,
 * until it ends.
 */
static void
macro_text(struct macro *m, const char *text)
{
	struct source		*below = top, *s;
	struct lex_token	 t;

	s = source_new(m->where.file, NULL, text, strlen(text));
	s->line = m->where.line;
	for (lex_next(&t); top != below; lex_next(&t))
		if (t.kind != LEX_NEWLINE && t.kind != LEX_BAD)
			lex_items_add(&m->value, &t);
}

/*
 * A string as a macro's value.  When it is a list in braces, or one word, it
 * stands for that: so -D can give anything.
 */
static void
macro_string(struct macro *m, const struct lex_token *string)
{
	struct lex_token	 t = *string;
	const char		*p = t.text;

	while (*p == ' ' || *p == '\t')
		p++;
	if (*p == '{') {
		macro_text(m, p);
		return;
	}
	for (p = t.text; word_char(*p); p++)
		;
	if (*p == '\0' && p != t.text)
		t.kind = LEX_WORD;
	lex_items_add(&m->value, &t);
}

/* A macro without a value. */
static struct macro *
macro_new(const struct lex_token *where, const char *name)
{
	struct macro	*m = lex_alloc(sizeof(*m));

	m->where = *where;
	m->name = name;
	m->next = macros;
	macros = m;
	nmacros++;
	return (m);
}

/*
 * -D name=value: before the files, and stronger than their definition.  Of
 * several with one name the last one counts.
 */
void
lex_define(const char *name, const char *value)
{
	struct lex_token	 t;
	struct macro		*m;
	size_t			 len = strlen(name);

	memset(&t, 0, sizeof(t));
	t.file = "-D";
	t.line = 1;
	t.kind = LEX_STRING;
	t.text = lex_strdup(value, strlen(value));
	if (len == 0 || (size_t)macro_name_len(name, name + len) != len) {
		conf_error(&t, "\"%s\" is not a valid name of a macro", name);
		return;
	}
	if ((m = macro_find(name)) == NULL)
		m = macro_new(&t, lex_strdup(name, len));
	m->value.first = m->value.last = NULL;	/* the last -D of a name */
	m->fixed = 1;
	macro_string(m, &t);
}

/*
 * name = value, up to the end of the line; a brace holds lines together.  The
 * "=" was read.
 */
void
lex_macro(const struct lex_token *name)
{
	struct lex_items	 value = { NULL, NULL };
	struct lex_token	 t;
	struct macro		*m;
	unsigned int		 n = 0, base = depth;

	for (lex_next(&t); t.kind != LEX_EOF && t.kind != LEX_BAD &&
	    (t.kind != LEX_NEWLINE || depth > base); lex_next(&t))
		if (t.kind != LEX_NEWLINE && n++ < MACRO_TOKENS_MAX)
			lex_items_add(&value, &t);
	if (t.kind == LEX_BAD) {
		lex_rest(&t, base);
		value.first = NULL;
	} else if (value.first == NULL)
		conf_error(name, "the macro \"%s\" has no value", name->text);
	if (n > MACRO_TOKENS_MAX)
		conf_error(name, "the macro \"%s\" has more than %d words",
		    name->text, MACRO_TOKENS_MAX);
	if ((m = macro_find(name->text)) != NULL) {
		if (!m->fixed)
			conf_error(name, "the macro \"%s\" is defined twice, "
			    "first at %s:%u", name->text, m->where.file,
			    m->where.line);
		return;
	}
	if (nmacros >= MACROS_MAX) {
		conf_error(name, "too many macros: at most %d", MACROS_MAX);
		return;
	}
	m = macro_new(name, name->text);
	if (value.first != NULL && value.first->next == NULL &&
	    value.first->tok.kind == LEX_STRING)
		macro_string(m, &value.first->tok);
	else
		m->value = value;
}

void
lex_rest(struct lex_token *t, unsigned int base)
{
	do {
		lex_next(t);
	} while (t->kind != LEX_EOF &&
	    (t->kind != LEX_NEWLINE || t->depth > base) &&
	    (t->kind != LEX_PUNCT || *t->text != '}' || t->depth > base));
}
