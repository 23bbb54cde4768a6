/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals from elsewhere than the signal table (signal.enabled.channels): a Kafka topic, whose messages are keyed by
 * topic.prefix, and a file, whose lines are taken out of it. Each is {"id": ..., "type": ..., "data": {...}}. Task's
 * thread only; outlives connections.
 */
#ifndef POSTGRES_SIGNAL_CHANNEL_H
#define POSTGRES_SIGNAL_CHANNEL_H

#include "connectors/postgres/config.h"
#include "connectors/postgres/signal.h"

struct cv_log;
struct signal_channels;

/* *ret NULL with CV_OK: neither is enabled. */
CV_MUST_CHECK enum cv_rc signal_channels_new(const struct pg_config *config, struct cv_log *log,
                                             struct signal_channels **ret, struct cv_err *err);
void signal_channels_free(struct signal_channels *channels);

typedef enum cv_rc signal_act(void *arg, const struct signal *signal, struct cv_err *err);

/* Every signal.poll.interval.ms: hand over what has come. What cannot be read is logged; failures are act's. */
CV_MUST_CHECK enum cv_rc signal_channels_poll(struct signal_channels *channels, signal_act *act, void *arg,
                                              struct cv_err *err);

#endif
