/* The table of roles.  A new role is its own room with a struct role_def,
 * and a row here. */
#include <stddef.h>

#include "spamgreyd/process/process.h"

static const struct role_def role_parent = {
	.name = "parent"
};

const struct role_def *const roles[ROLE_MAX] = {
	[ROLE_PARENT] = &role_parent,
	[ROLE_FRONT] = &role_front,
	[ROLE_STORE] = &role_store,
	[ROLE_FW] = &role_fw,
	[ROLE_PASS] = &role_pass,
	[ROLE_TRACK] = &role_track
};
