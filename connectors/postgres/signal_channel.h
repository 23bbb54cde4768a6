/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals from elsewhere than the signal table: a Kafka topic, whose messages are keyed by topic.prefix, a file, whose
 * lines are taken out of it (both as signal.enabled.channels says), and REST, which is always there. Each is
 * {"id": ..., "type": ..., "data": {...}}. Task's thread only; outlives connections.
 */
#ifndef POSTGRES_SIGNAL_CHANNEL_H
#define POSTGRES_SIGNAL_CHANNEL_H

#include "connectors/postgres/config.h"
#include "connectors/postgres/signal.h"

struct cv_log;
struct signal_channels;

/* signal.consumer.*: settings that no client takes. */
void signal_channels_check(const struct cv_config *cfg, struct cv_config_errors *errors);

CV_MUST_CHECK enum cv_rc signal_channels_new(const struct pg_config *config, struct cv_log *log,
                                             struct signal_channels **ret, struct cv_err *err);
void signal_channels_free(struct signal_channels *channels);

typedef enum cv_rc signal_act(void *arg, const struct signal *signal, struct cv_err *err);

/* Keep a signal from REST for the next poll; one without an id is given one. *ret: {"id": ..., "type": ...} in the
   arena. CV_INVALID: it is none that anybody would act upon; CV_CONFLICT: too many wait. */
CV_MUST_CHECK enum cv_rc signal_channels_put(struct signal_channels *channels, const struct cv_value *signal,
                                             struct cv_arena *arena, struct cv_value *ret, struct cv_err *err);

/* What REST has brought, and every signal.poll.interval.ms: hand over what has come. What cannot be read is logged;
   failures are act's. */
CV_MUST_CHECK enum cv_rc signal_channels_poll(struct signal_channels *channels, signal_act *act, void *arg,
                                              struct cv_err *err);

#endif
