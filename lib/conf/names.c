/*
 * The names of settings in the file.  The grammar has a production for each
 * statement that is more than one value; all others are a name and a value of
 * the schema, and one production is enough for them.  Here their words become
 * that name: parse.y asks for each word whether it begins one.
 *
 * A name may have several words ("state directory"), which are read ahead; if
 * they are no name after all, they come again.  What may be a name depends on
 * the block that the word stands in.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <string.h>

#include "lib/conf/conf_int.h"

#define NAME_WORDS	4	/* of the longest name */

static const struct conf_scalar	*wanted;	/* its value comes next */
static const struct conf_scalar	*group;		/* its head is still open */
/* Words of a name after the first one.  The forms are told of them with the next
 * token, so that an error about the name is one about its first word. */
static struct lex_token		 rest[NAME_WORDS];
static unsigned int		 nrest;

void
conf_names_begin(void)
{
	wanted = group = NULL;
	nrest = 0;
}

void
conf_names_told(void)
{
	unsigned int	i;

	for (i = 0; i < nrest; i++)
		conf_line_token(&rest[i]);
	nrest = 0;
}

/*
 * The row of that block whose name is these words (exact), or begins with them.
 * NULL: there is none.
 */
static const struct conf_scalar *
name_find(enum conf_block block, const char *words, int exact)
{
	const struct conf_scalar	*r;
	char				 name[CONF_NAME_MAX];
	size_t				 len = strlen(words);

	for (r = conf_scalars; r->form != NULL; r++) {
		if (r->block != block || r->own)
			continue;
		conf_name(r, name);
		if (strncmp(name, words, len) == 0 &&
		    name[len] == (exact ? '\0' : ' '))
			return (r);
	}
	return (NULL);
}

/*
 * Reads the words after the first one (name) for as long as they are a name of
 * the block, or begin one; they are appended to name and kept in rest[].
 * Returns how many words there are with the first one, and the row to *r when
 * the name is whole, else NULL.
 */
static unsigned int
name_read(enum conf_block block, char name[CONF_NAME_MAX],
    const struct conf_scalar **r)
{
	struct lex_token	 t;
	size_t			 len;
	unsigned int		 n = 1;

	while (name_find(block, name, 0) != NULL && n < NAME_WORDS) {
		lex_next(&t);
		len = strlen(name);
		if (t.kind == LEX_WORD)
			snprintf(name + len, CONF_NAME_MAX - len, " %.32s",
			    t.text);
		if (t.kind != LEX_WORD || (name_find(block, name, 0) == NULL &&
		    name_find(block, name, 1) == NULL)) {
			name[len] = '\0';
			lex_unread(&t);
			break;
		}
		rest[n++ - 1] = t;
	}
	*r = name_find(block, name, 1);
	return (n);
}

/*
 * A word where no value is wanted.  After a setting that is grouped ("match ip4
 * /24") the next name may leave out the head.  A keyword that no word of a name
 * follows is left to the grammar.
 */
static enum conf_names
name_word(const struct lex_token *t, int keyword, const struct conf_scalar **r)
{
	enum conf_block	 block = conf_line_block();
	char		 name[CONF_NAME_MAX];
	unsigned int	 n = 1;

	if (block >= CB_BRACED)
		return (NAME_NONE);
	if (group != NULL) {
		snprintf(name, sizeof(name), "%.*s %.32s",
		    (int)strcspn(group->form, " "), group->form, t->text);
		*r = name_find(block, name, 1);
	}
	if (*r == NULL) {
		group = NULL;
		snprintf(name, sizeof(name), "%.40s", t->text);
		n = name_read(block, name, r);
		if (*r == NULL && n == 1 && (keyword ||
		    name_find(block, name, 0) == NULL))
			return (NAME_NONE);
	}
	nrest = n - 1;
	if (*r == NULL)
		return (NAME_BEGUN);
	group = conf_is_grouped(*r) ? *r : NULL;
	if ((*r)->type == CT_FLAG)
		return (NAME_FLAG);
	wanted = *r;
	return (NAME_SETTING);
}

/* Is the row's value only one of the words of its form? */
static int
is_words(const struct conf_scalar *r)
{
	return (r->type == CT_YESNO || r->type == CT_WORD);
}

enum conf_names
conf_names_word(const struct lex_token *t, int keyword,
    const struct conf_scalar **row)
{
	const struct conf_scalar	*r = wanted;
	enum conf_names			 found;
	int64_t				 v;

	*row = NULL;
	wanted = NULL;
	if (r == NULL) {
		if ((found = name_word(t, keyword, row)) != NAME_NONE)
			return (found);
		return (!keyword && conf_is_reserved(t->text) ? NAME_OTHER :
		    NAME_NONE);
	}
	if (conf_word_value(r, t->text, &v) == 0)
		return (NAME_VALUE);
	if (keyword || conf_is_reserved(t->text))
		return (NAME_OTHER);
	return (is_words(r) ? NAME_NONE : NAME_VALUE);
}

int
conf_names_string(void)
{
	const struct conf_scalar	*r = wanted;

	wanted = NULL;
	return (r != NULL && !is_words(r));
}
