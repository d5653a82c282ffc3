/*
 * The one clock.  Everything asks here, so that tests can move time.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t	 clock_wall(void);	/* seconds since the epoch */
int64_t	 clock_mono(void);	/* milliseconds, monotonic */

/* From here on the clock stands where it is put; for tests. */
void	 clock_fake(int64_t wall, int64_t mono_ms);
void	 clock_fake_advance(int64_t seconds);

#endif
