/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client that follows a table, as a stream of server-sent events from several sources: this worker's tasks (the
 * watch) and, if it follows all, other workers, each followed by a thread. It ends as soon as one of them can bring no
 * more, a task that moves among them: the client asks again and is given what there is then, instead of missing rows
 * without a word. Any thread.
 */
#ifndef STREAMS_RELAY_H
#define STREAMS_RELAY_H

#include "common/http/server.h"

struct cv_config;
struct relays; /* all of a worker */
struct relay;

struct relays *relays_new(void); /* NULL when memory is out */
/* End all, wait for their threads and free. false: one did not end in time; nothing was freed. */
bool relays_stop(struct relays *relays, int wait_ms);

/* The stream is the relay's from here on, also on failure (NULL). One reference is the caller's. */
struct relay *relay_new(struct relays *relays, struct cv_http_stream *stream);
struct relay *relay_ref(struct relay *relay);
void relay_unref(struct relay *relay);
/* Whole events. false: it has ended. */
bool relay_write(struct relay *relay, const char *text, size_t len);
void relay_end(struct relay *relay);

/* Give it what another worker tells at the URL. Its end is the relay's. */
CV_MUST_CHECK
enum cv_rc relay_follow(struct relay *relay, const char *url, const struct cv_config *tls,
                        struct cv_err *err);

#endif
