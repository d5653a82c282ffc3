/*
 * The only clock.  Everything asks for the time here, so that tests can move
 * it.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t	 clock_wall(void);	/* seconds since the epoch */
int64_t	 clock_mono(void);	/* milliseconds, monotonic */

/*
 * The time that expiries are compared with, in all processes but store.  Only
 * store judges the wall clock (policy_asof), and it tells the others with
 * MSG_CLOCK: either the time, which goes on by the monotonic clock from there,
 * or 0, which means that the clock cannot be trusted and nothing has expired.
 * Until store has sent it, clock_asof returns the wall clock.
 */
void	 clock_judged(int64_t asof);
int64_t	 clock_asof(void);

/* For tests: from here on the clock stands still where it was put. */
void	 clock_fake(int64_t wall, int64_t mono_ms);
void	 clock_fake_advance(int64_t seconds);
void	 clock_fake_jump(int64_t seconds);	/* the wall clock alone */

#endif
