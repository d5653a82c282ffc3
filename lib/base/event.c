/*
 * The events' words.
 */
#include "lib/base/event.h"

static const char *const event_names[EVENT_MAX] = {
	[EVENT_EARLY_TALKER] = "early-talker",
	[EVENT_PIPELINING] = "pipelining",
	[EVENT_BARE_LF] = "bare-lf",
	[EVENT_FOREIGN_COMMAND] = "foreign-command",
	[EVENT_HTTP_COMMAND] = "http-command",
	[EVENT_DICTIONARY] = "dictionary",
	[EVENT_VIRUS] = "virus",
	[EVENT_SPAM] = "spam"
};

const char *
host_event_str(unsigned int event)
{
	return (event < EVENT_MAX ? event_names[event] : "unknown");
}
