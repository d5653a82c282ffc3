/*
 * Between the files of the parser only.  lex.c makes tokens of files, parse.y
 * makes a struct config of tokens, set.c, value.c and others turn their texts
 * into values, check.c checks the whole.
 *
 * What is wrong is reported at once, by file and line, and counted; parsing goes
 * on, so that one run finds all mistakes.  Without memory the process ends.
 *
 * Everything that a token points to is of one arena until lex_end().  So a
 * syntax error, after which tokens are dropped unseen, leaks nothing; and what
 * the configuration keeps must be a copy (conf_replace).
 *
 * The state of a run is static: one configuration is parsed at a time.
 */
#ifndef CONF_INT_H
#define CONF_INT_H

#include <sys/types.h>
#include <sys/stat.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/base/value.h"
#include "lib/conf/limits.h"
#include "lib/conf/scalar.h"

#define CONF_INCLUDE_MAX	16	/* files open at once */
#define CONF_ERRORS_MAX		200	/* reported in one run */
#define CONF_FILE_MAX		(64 * 1024 * 1024)
#define CONF_STRING_MAX		4096	/* bytes of one string */
#define CONF_LISTEN_MAX		64
#define CONF_SOCKET_MAX		103	/* bytes of a path that every system takes */

enum lex_kind {
	LEX_EOF,
	LEX_NEWLINE,
	LEX_PUNCT,		/* { } = */
	LEX_WORD,		/* bare: may be a keyword */
	LEX_STRING,		/* quoted: never one */
	LEX_BAD			/* already reported */
};

/* A word of a file, with its place.  After a macro the place is where that was
 * used. */
struct lex_token {
	enum lex_kind	 kind;
	const char	*text;		/* "{" for punctuation */
	const char	*file;
	unsigned int	 line;
	unsigned int	 depth;		/* braces open before it */
	int		 assigns;	/* a word with "=" after it */
};

/* The items of a list in braces. */
struct lex_item {
	struct lex_token	 tok;
	struct lex_item		*next;
};
struct lex_items {
	struct lex_item		*first, *last;
};

/* lex.c */
void	 lex_start(conf_report, void *arg);
void	 lex_end(void);
/* A text, which is parsed as if it were that file. */
void	 lex_push_text(const char *name, const char *text, size_t len);
/* at: the statement that includes it; NULL: the main file.  -1: reported. */
int	 lex_push_file(const char *file, const struct lex_token *at);
void	 lex_next(struct lex_token *);
/* The token comes again, before what was not read yet. */
void	 lex_unread(const struct lex_token *);
/* Drops the rest of a statement at that depth: *t is then the newline, brace
 * or end of file that ends it. */
void	 lex_rest(struct lex_token *t, unsigned int at_depth);
/* The main file, without a line: the place of what is missing. */
const struct lex_token *lex_main(void);
void	 lex_define(const char *name, const char *value);	/* -D */
void	 lex_macro(const struct lex_token *name);	/* reads the value */
void	 lex_items_add(struct lex_items *, const struct lex_token *);

/* file.c */
void	*lex_alloc(size_t);		/* from the arena; never NULL */
char	*lex_strdup(const char *, size_t);
void	 lex_free_all(void);
/* Opens a file.  -1 with errno: EINVAL when an included file is not a regular
 * one. */
int	 conf_file_open(const char *file, int included, struct stat *);
/* All of it, to be freed by the caller; closes fd.  NULL with errno. */
char	*conf_file_read(int fd, size_t *len);

/*
 * May this file tell the daemon what to do?  from: the statement that includes
 * it; NULL: the main file.  -1: it must not be used, which was reported.
 */
int	 conf_file_trust(const char *file, const struct lex_token *from,
	    const struct stat *);

/* report.c */
void	 conf_report_start(conf_report, void *arg);
unsigned int conf_errors(void);
/* Makes options of a module's words, where there are modules
 * (conf_use_modules).  What is wrong counts as an error. */
void	 conf_module_check(struct conf_module *);
/* "file:line: text" through the report; errors are counted. */
void	 conf_error(const struct lex_token *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
void	 conf_warning(const struct lex_token *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
/*
 * Notes that a setting was given at this token.  Returns 0, or -1 when it had
 * been given before, which is reported with both places.
 */
int	 conf_once(const struct lex_token *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));
/* Where a setting was given; NULL: the file does not have it. */
const struct lex_token *conf_where(const char *, ...)
	    __attribute__((__format__(printf, 1, 2)));
void	 conf_where_clear(void);

/* forms.c: the message for a syntax error */
void	 conf_forms_begin(void);
void	 conf_line_begin(void);
/* The block that the last token stands in; CB_BLOCKS: a list. */
enum conf_block conf_line_block(void);
void	 conf_line_token(const struct lex_token *);	/* to be told of each */
/* Reports that the last token of conf_line_token is wrong there. */
void	 conf_syntax(const struct lex_token *, int is_keyword);

/*
 * names.c: what a word is to the settings of the schema.  parse.y asks for
 * each word and each string, and says when a statement ends.
 */
enum conf_names {
	NAME_NONE,		/* nothing: the grammar's, or any word */
	NAME_SETTING,		/* a whole name: its value comes next */
	NAME_FLAG,		/* a whole name, without a value */
	NAME_BEGUN,		/* the beginning of a name; the next word is wrong */
	NAME_VALUE,		/* the value that was to come next */
	NAME_OTHER		/* a word of a name, where none can stand */
};
void	 conf_names_begin(void);	/* no name and no value is begun */
/* Tells the forms of the words that were read ahead for a name. */
void	 conf_names_told(void);
/* keyword: the grammar has it too.  *row: of SETTING and FLAG, else NULL. */
enum conf_names conf_names_word(const struct lex_token *, int keyword,
	    const struct conf_scalar **row);
/* May the string be the value that was to come next? */
int	 conf_names_string(void);

/* value.c: what a token means.  -1: it means nothing such, which is reported. */
int	 conf_value(const struct lex_token *, const char *what,
	    enum value_kind, int64_t min, int64_t max, int64_t *);
int	 conf_number(const struct lex_token *, const char *what, uint32_t min,
	    uint32_t max, uint32_t *);
int	 conf_time(const struct lex_token *, const char *what, int64_t min,
	    int64_t max, int64_t *seconds);
int	 conf_address(const struct lex_token *, const char *what,
	    struct addr *);
int	 conf_percent(const struct lex_token *, const char *what, uint32_t *);
int	 conf_is_domain(const char *, size_t len);
int	 conf_hostname(const struct lex_token *, char **);
int	 conf_path(const struct lex_token *, const char *what, char **);
int	 conf_template(const struct lex_token *, const char *what,
	    const char *allowed, char **);
int	 conf_contact(const struct lex_token *, char **);
int	 conf_grey_reply(const struct lex_token *, char **);
int	 conf_reply_code(const struct lex_token *, const char *what, int *);
int	 conf_fw_name(const struct lex_token *, const char *what, size_t max,
	    char **);
int	 conf_list_name(const struct lex_token *);
void	 conf_replace(char **, const char *);

/* entries.c */
enum conf_item_kind { ITEM_DOMAIN, ITEM_TRAP, ITEM_RCPT, ITEM_NAME };
/* Each entry is checked; a wrong one is reported and left out. */
void	 conf_entries(struct conf_strings *, enum conf_item_kind,
	    const struct lex_items *);
void	 conf_entries_file(struct conf_strings *, enum conf_item_kind,
	    const struct lex_token *);
/* The entry of a line, without its comment and blanks.  1, 0: there is none, -1:
 * it has a NUL byte. */
int	 conf_line_item(char *line, ssize_t len, char **item);

/* set.c.  at: the name of the setting, which is its place.  value: NULL for a
 * flag. */
void	 conf_setting(struct config *, const struct conf_scalar *,
	    const struct lex_token *at, const struct lex_token *value);
/* Sets a value within a statement, by its name in the table.  The caller sees to
 * it that the statement is given once (conf_once). */
void	 conf_own(struct config *, enum conf_block, const char *name,
	    const struct lex_token *value);
void	 conf_set_tls(const struct lex_token *cert, const struct lex_token *key,
	    struct conf_tls **);
/* port: its text is NULL when it is missing, which is an error. */
struct conf_listen *conf_listen_new(struct config *,
	    const struct lex_token *at, const struct lex_token *address,
	    const struct lex_token *port);

/* list.c */
struct conf_list *conf_list_new(struct config *, const struct lex_token *name,
	    enum conf_list_kind);
void	 conf_list_source(struct conf_list *, enum conf_source,
	    const struct lex_token *);
void	 conf_list_table(struct conf_list *, const struct lex_token *at,
	    const struct lex_token *name);
void	 conf_list_timeout(struct conf_list *, const struct lex_token *at,
	    const struct lex_token *time);
void	 conf_setup_new(struct config *, const struct lex_token *at,
	    const struct lex_token *address, const struct lex_token *port);
void	 conf_check_lists(struct config *);

void	 conf_set_where(char **where, const struct lex_token *);

/* pass.c */
void	 conf_pass_begin(struct config *, const struct lex_token *at);
struct conf_relay *conf_relay_add(struct config *, const struct lex_token *at,
	    int domains);
void	 conf_target_add(struct conf_targets *, const char *what,
	    const struct lex_token *address, const struct lex_token *number,
	    uint16_t usual);
struct conf_targets *conf_resolver_begin(const struct lex_token *at);
void	 conf_resolver_end(struct config *, const struct lex_token *at);
void	 conf_relay_client(struct conf_relay *, const struct lex_token *at,
	    enum relay_client);
void	 conf_relay_proxy(struct conf_relay *, const struct lex_token *at,
	    const struct lex_token *version);
void	 conf_relay_tls(struct conf_relay *, const struct lex_token *at,
	    enum relay_tls, const struct lex_token *name);
void	 conf_relay_ca(struct conf_relay *, const struct lex_token *at,
	    const struct lex_token *file);
void	 conf_pass_strategy(struct conf_pass *, const struct lex_token *class,
	    const struct lex_token *fate);
void	 conf_subject(const struct lex_token *, char **);
void	 conf_pass_timeout(struct config *, const struct lex_token *name,
	    const struct lex_token *value);
void	 conf_module_read(struct config *, const struct lex_token *at,
	    const struct lex_token *name, const struct lex_token *which,
	    struct lex_token *last);

/* learn.c */
void	 conf_learn_items(struct conf_strings *, const char *what,
	    const struct lex_items *);
void	 conf_check_learn(const struct config *);

/* track.c */
void	 conf_track_begin(struct config *, const struct lex_token *device,
	    const struct lex_token *group);	/* group NULL: not given */
void	 conf_track_interface(struct conf_track *, const struct lex_token *at,
	    const struct lex_token *name);
void	 conf_track_mta(struct conf_track *, const struct lex_token *at,
	    const struct lex_items *);

/* sync.c.  The text of port and ttl is NULL when they are not given. */
void	 conf_sync_begin(struct config *, const struct lex_token *at);
void	 conf_sync_listen(struct conf_sync *, const struct lex_token *address,
	    const struct lex_token *port);
void	 conf_sync_group(struct conf_sync *, const struct lex_token *ifname,
	    const struct lex_token *port, const struct lex_token *ttl, int v2);
void	 conf_sync_peer(struct conf_sync *, const struct lex_token *address,
	    const struct lex_token *port, int v2);
void	 conf_check_sync(const struct config *);

/* check.c */
void	 conf_check(struct config *);
/* Where a setting was given, else the main file: a place for an error. */
const struct lex_token *conf_place(const char *what);
struct conf_listen *conf_listen_add(struct config *, const char *address,
	    uint16_t port);

/* check_pass.c */
void	 conf_check_pass(struct config *);

/* parse.y: reads the files that the lexer has.  Not 0: the parser gave up. */
int	 conf_grammar(struct config *);

#endif
