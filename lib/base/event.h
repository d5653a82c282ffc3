/*
 * What a host did in its dialogue with us, as the gate and the proxy notice
 * it, as `on' lines of the configuration name it, and as store counts it.
 * Pure; any process.
 */
#ifndef LIB_EVENT_H
#define LIB_EVENT_H

/* The order is the one of the messages between processes and of the bits in
 * struct handover: a new event goes to the end. */
enum host_event {
	EVENT_EARLY_TALKER, EVENT_PIPELINING, EVENT_BARE_LF,
	EVENT_FOREIGN_COMMAND, EVENT_HTTP_COMMAND,
	/* of pass only */
	EVENT_DICTIONARY,	/* the MTA refused a recipient */
	EVENT_VIRUS, EVENT_SPAM,
	EVENT_MAX
};

/* Its word in the configuration and in the log, static; "unknown" for a number
 * that is not an event. */
const char *host_event_str(unsigned int);

#endif
