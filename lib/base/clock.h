/*
 * The one clock.  Everything asks here, so that tests can move time.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t	 clock_wall(void);	/* seconds since the epoch */
int64_t	 clock_mono(void);	/* milliseconds, monotonic */

/*
 * What expiries are compared with, outside of store.  Store alone judges the
 * clock (policy_asof) and tells the others with MSG_CLOCK: the time, which goes
 * on by the monotonic clock from there, so that a wall clock that jumps is
 * store's business alone; or 0, the clock is not to be believed and nothing
 * has expired.  The wall clock until store has spoken.
 */
void	 clock_judged(int64_t asof);
int64_t	 clock_asof(void);

/* From here on the clock stands where it is put; for tests. */
void	 clock_fake(int64_t wall, int64_t mono_ms);
void	 clock_fake_advance(int64_t seconds);
void	 clock_fake_jump(int64_t seconds);	/* the wall clock alone */

#endif
