/*
 * The only clock; see clock.h.  A process has one, so this is one of the few
 * files with state of its own.
 */
#include <time.h>

#include "lib/base/clock.h"

static int	faked;			/* by a test */
static int64_t	fake_wall, fake_mono;
static int	judged;			/* by store, see clock_judged */
static int64_t	judged_asof, judged_mono;

int64_t
clock_wall(void)
{
	if (faked)
		return (fake_wall);
	return ((int64_t)time(NULL));
}

/* Cannot fail: the clock exists on all systems that this runs on. */
int64_t
clock_mono(void)
{
	struct timespec	ts;

	if (faked)
		return (fake_mono);
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

/* Noted with the monotonic time, from which it goes on. */
void
clock_judged(int64_t asof)
{
	judged = 1;
	judged_asof = asof;
	judged_mono = clock_mono();
}

/*
 * What store said goes on by the monotonic clock: a wall clock that jumps
 * changes nothing here until store has judged it.
 */
int64_t
clock_asof(void)
{
	if (!judged)
		return (clock_wall());
	if (judged_asof == 0)
		return (0);
	return (judged_asof + (clock_mono() - judged_mono) / 1000);
}

void
clock_fake(int64_t wall, int64_t mono_ms)
{
	faked = 1;
	fake_wall = wall;
	fake_mono = mono_ms;
}

void
clock_fake_advance(int64_t seconds)
{
	fake_wall += seconds;
	fake_mono += seconds * 1000;
}

void
clock_fake_jump(int64_t seconds)
{
	fake_wall += seconds;
}
