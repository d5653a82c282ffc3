/*
 * The settings of the configuration that are one value each, as a table: made
 * of schema.h, which is where a setting is added.  Everything that is done
 * with such a setting goes through this table.
 *
 * Any process may call what is here; it changes nothing but the structure that
 * it is handed (base), which is the caller's.
 */
#ifndef CONF_SCALAR_H
#define CONF_SCALAR_H

#include <stddef.h>
#include <stdint.h>

#include "lib/conf/config.h"

/* In the order in which a misplaced statement is looked for. */
enum conf_block {
	CB_TOP, CB_PASS, CB_GREYLIST, CB_TARPIT, CB_LIMIT, CB_LEARN, CB_SYNC,
	CB_BRACED,		/* those before it stand in braces */
	CB_FIREWALL = CB_BRACED, CB_TRACK,	/* statements of many values */
	CB_BLOCKS
};

/* What a value's text means, and the type of its member. */
enum conf_type {
	/* numbers: read and written by lib/base/value.h */
	CT_NUMBER,		/* uint32_t */
	CT_SECONDS, CT_MS,	/* int64_t */
	CT_SIZE,		/* uint64_t, bytes */
	CT_POINTS,		/* int32_t, thousandths */
	CT_PERCENT,		/* uint32_t */
	CT_PREFIX,		/* uint8_t */
	/* numbers that stand for words */
	CT_YESNO, CT_FLAG,	/* int: 0, 1; of FLAG the name alone sets it */
	CT_WORD,		/* int: place in the form, "a|b" */
	CT_CODE,		/* int: 450, 550 */
	/* strings, char *, allocated; NULL is none */
	CT_HOSTNAME, CT_PATH, CT_CONTACT, CT_TEMPLATE, CT_GREYREPLY,
	CT_SUBJECT, CT_NAME, CT_TEXT,
	/* no value */
	CT_STATEMENT,		/* min: enum conf_part */
	CT_BRACES,		/* min: enum conf_block */
	CT_FORM
};
#define conf_is_number(r)	((r)->type < CT_HOSTNAME)
#define conf_is_string(r)	((r)->type >= CT_HOSTNAME && \
				(r)->type < CT_STATEMENT)
#define conf_has_value(r)	((r)->type < CT_STATEMENT)

/* The statements of parse.y: who prints them
 * (spamgreyd/parent/conf/print.c). */
enum conf_part {
#define STATEMENT(block, part, form)	PART_##part,
#include "lib/conf/schema.h"
	PART_MAX
};

struct conf_scalar {
	enum conf_block	 block;
	enum conf_type	 type;
	int		 own;		/* read by its own part of the grammar */
	const char	*form;		/* name, and what follows it */
	const char	*def;		/* default, as in the file */
	size_t		 offset, size;	/* of the member, from the base */
	int64_t		 min, max;
};

#define CONF_NAME_MAX	64	/* bytes of a setting's name, with its NUL */

/* The table, in the order of schema.h; ends with form NULL. */
extern const struct conf_scalar conf_scalars[];

/* "pass"; "" is TOP. */
const char *conf_block_name(enum conf_block);
/* What the offsets of a block's rows count from.  NULL: the configuration has
 * no such block. */
void	*conf_base(struct config *, enum conf_block);
const void *conf_base_of(const struct config *, enum conf_block);
/* Gives the block its defaults.  -1: no memory. */
int	 conf_defaults(void *base, enum conf_block);
/* Frees the block's strings. */
void	 conf_strings_clear(void *base, enum conf_block);

/* The number of a row, and its string: NULL, or the structure's. */
int64_t	 conf_get(const struct conf_scalar *, const void *base);
void	 conf_put(const struct conf_scalar *, void *base, int64_t);
char	**conf_string(const struct conf_scalar *, const void *base);
/* May the member have that value?  In its limits, or what a word stands for. */
int	 conf_is_valid(const struct conf_scalar *, int64_t);

/* The words of the form that are the setting's name, to name.  Returns what of
 * the form follows them. */
const char *conf_name(const struct conf_scalar *, char name[CONF_NAME_MAX]);
/* The name as messages have it: "limit per-host".  Returns what. */
const char *conf_label(const struct conf_scalar *, char what[CONF_NAME_MAX]);
/* May others of the same head follow on its line? */
int	 conf_is_grouped(const struct conf_scalar *);
/* The row of that name; NULL: there is none. */
const struct conf_scalar *conf_find(enum conf_block, const char *name);
/* The value that a bare word of the form stands for: 0, or -1: it is none. */
int	 conf_word_value(const struct conf_scalar *, const char *word,
	    int64_t *);
/* The word that stands for the value, to word; NULL: none does. */
const char *conf_word(const struct conf_scalar *, int64_t,
	    char word[CONF_NAME_MAX]);
/* Is it a word of a setting's name, or one that stands for a value? */
int	 conf_is_reserved(const char *word);
/* The kind of a number that lib/base/value.h reads; -1: it is a word. */
int	 conf_kind(const struct conf_scalar *);

#endif
