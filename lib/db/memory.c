/*
 * libdb's memory.  Its recovery dereferences what it had no memory for (5.3:
 * __db_pgin, __rep_env_destroy), so without memory an open ends the process, as
 * a kill would.  Errors of an open database come back as they should.
 */
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/db/db_int.h"

static atomic_int	must;

static void *
checked(void *p)
{
	if (p == NULL && atomic_load(&must))
		fatal("no memory to open the database");
	return (p);
}

static void *
memory(size_t n)
{
	return (checked(malloc(n)));
}

static void *
more_memory(void *old, size_t n)
{
	return (checked(realloc(old, n)));
}

void
db_memory_must(int on)
{
	db_env_set_func_malloc(memory);
	db_env_set_func_realloc(more_memory);
	atomic_store(&must, on);
}
