/* SPDX-License-Identifier: Apache-2.0 */
/* What task.c (phases, polling, failures) and start.c (CONNECTING: what to begin with) share. */
#ifndef POSTGRES_TASK_PRIVATE_H
#define POSTGRES_TASK_PRIVATE_H

#include "common/log.h"
#include "common/thread.h"
#include "connectors/postgres/heartbeat.h"
#include "connectors/postgres/incremental.h"
#include "connectors/postgres/logical_message.h"
#include "connectors/postgres/metrics.h"
#include "connectors/postgres/notification.h"
#include "connectors/postgres/progress.h"
#include "connectors/postgres/reselect.h"
#include "connectors/postgres/signal_channel.h"
#include "connectors/postgres/snapshot.h"
#include "connectors/postgres/stream.h"
#include "connectors/postgres/table_counts.h"
#include "connectors/postgres/transaction.h"

#define CONNECT_TIMEOUT_MS 10000
#define PROGRESS_WHY_MAX   1024 /* a failure's text */

enum phase { PHASE_CONNECTING, PHASE_SLOT, PHASE_SNAPSHOT, PHASE_STREAMING, PHASE_WAITING, PHASE_IDLE };

struct pg_task {
    struct cv_source_task base;
    struct pg_config config;
    const struct cv_direct *direct;
    struct envelope *envelope;
    struct transaction *transaction;
    struct logical_messages *messages;
    struct heartbeat *heartbeat;
    struct notifications *notifications;
    struct incremental *incremental;
    struct reselect *reselect;
    struct signal_channels *channels;
    struct table_filter *filter;
    struct cv_regex *retriable; /* NULL: none */
    struct catalog *catalog;
    struct pg_tables tables;
    struct cv_wake wake;

    enum phase phase;
    struct position stored; /* as read at the start */
    bool stored_known;
    bool slot_is_ours;      /* created by this task for a snapshot that is not complete */
    struct slot_created created; /* by repl, and not used yet; its lsn is CV_LSN_NONE: there is none */
    int64_t slot_told_ms;        /* SLOT: when to tell again what the server waits for */
    bool delayed;           /* snapshot.delay.ms is over, or being waited for */
    bool starts_over;       /* the stored offset could not be continued: a snapshot takes its place */
    bool skip_told;         /* a notification said that there is no snapshot */
    struct position resume; /* of the stream before; valid if has_resume */
    bool has_resume;
    struct system_info system;

    PGconn *repl; /* between CONNECTING and STREAMING */
    struct snapshot *snapshot;
    bool snapshot_marked;           /* an offset that says "under way" is in a batch */
    struct position snapshot_start; /* where streaming begins after it */
    struct snapshot_delivered *delivered; /* snapshot.resume: by one that was interrupted; NULL: there is none */
    struct cv_log_limit too_many_limit;
    struct stream_seen seen;
    struct stream *stream;
    struct snapshot_request *request; /* of the blocking snapshot that is read while streaming; NULL: none */
    cv_lsn durable; /* confirmed as soon as there is a stream */

    struct progress_report report; /* of the last snapshot that ended */
    int64_t retry_ms;              /* WAITING: when to go on */
    char waiting_for[PROGRESS_WHY_MAX]; /* and why it waits; SLOT, too */
    int64_t backoff_ms;
    int32_t retries; /* since it last went well */
    int64_t busy_since_ms; /* the slot is in use by another consumer since then; 0: it is not */
    int64_t metrics_ms;
    struct pg_counts counts;
    struct table_counts *table_counts; /* NULL: internal.advanced.metrics.enable is off */
};

/* CONNECTING: connections, checks, and whichever of SNAPSHOT, STREAMING and IDLE follows. */
CV_MUST_CHECK enum cv_rc start_connect(struct pg_task *task, struct cv_err *err);
/* SLOT: wait for the new slot, so long; then as start_connect. */
CV_MUST_CHECK enum cv_rc start_wait_slot(struct pg_task *task, int timeout_ms, struct cv_err *err);
/* A blocking snapshot while streaming; it is read by task->snapshot. */
CV_MUST_CHECK enum cv_rc start_blocking(struct pg_task *task, struct snapshot_request *take_request,
                                        struct cv_err *err);
/* To STREAMING (or IDLE, if the mode has none), from there. */
CV_MUST_CHECK enum cv_rc start_streaming(struct pg_task *task, const struct position *from, struct cv_err *err);

/* To WAITING, and from there to CONNECTING: a delay that the configuration asks for. */
void start_later(struct pg_task *task, int64_t delay_ms, const char *why);

#endif
