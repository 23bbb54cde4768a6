/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failed records: tried again, logged, then skipped or the end of the task.
 *
 * Source: org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator and LogReporter. One thing is not as
 * there: Kafka Connect drops a record whose retries ran out even under errors.tolerance=none; here it fails the task
 * like any other failure.
 */
#include <config.h>

#include "worker/tolerance.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/kafka/consumer.h"
#include "common/log.h"
#include "common/number.h"
#include "common/thread.h"
#include "data/java_string.h"

#define DELAY_MIN_MS     300
#define DELAY_MAX_MS     60000
#define DOUBLINGS_MAX    20
#define LOG_SENTENCE_MAX ((size_t)64 * 1024)

static bool
is(const struct cv_config *cfg, const char *key, const char *value)
{
    const char *text = cv_config_get(cfg, key);

    return text != NULL && strcasecmp(text, value) == 0;
}

static int64_t
number_of(const struct cv_config *cfg, const char *key, int64_t def)
{
    const char *text = cv_config_get(cfg, key);
    int64_t value;

    return text != NULL && cv_parse_i64(text, strlen(text), &value) ? value : def;
}

void
tolerance_init(struct tolerance *tolerance, const struct tolerance_spec *spec)
{
    *tolerance = (struct tolerance){
        .spec = *spec,
        .skip = is(spec->config, "errors.tolerance", "all"),
        .log = is(spec->config, "errors.log.enable", "true"),
        .include_messages = is(spec->config, "errors.log.include.messages", "true"),
        .retry_timeout_ms = number_of(spec->config, "errors.retry.timeout", 0),
        .retry_delay_max_ms = number_of(spec->config, "errors.retry.delay.max.ms", DELAY_MAX_MS),
        .seed = (unsigned)cv_mono_us(),
    };
}

static void
add_one(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- trying again ---- */

static int64_t
delay_of(struct tolerance *tolerance, unsigned attempt)
{
    unsigned doublings = attempt - 1 < DOUBLINGS_MAX ? attempt - 1 : DOUBLINGS_MAX;
    int64_t delay = (int64_t)DELAY_MIN_MS << doublings;

    if (delay <= tolerance->retry_delay_max_ms)
        return delay;
    return tolerance->retry_delay_max_ms > 0 ? rand_r(&tolerance->seed) % tolerance->retry_delay_max_ms : 0;
}

bool
tolerance_again(void *arg, unsigned attempt)
{
    struct tolerance *tolerance = arg;
    int64_t now = cv_mono_ms(), until;

    add_one(&tolerance->failures);
    if (attempt == 1)
        tolerance->retry_since_ms = now;
    until = now + delay_of(tolerance, attempt);
    if (tolerance->retry_timeout_ms >= 0) {
        int64_t deadline = tolerance->retry_since_ms + tolerance->retry_timeout_ms;

        if (now >= deadline)
            return false;
        if (until > deadline)
            until = deadline;
    }
    while (cv_mono_ms() < until && !atomic_load_explicit(tolerance->spec.stop, memory_order_relaxed))
        cv_wake_wait(tolerance->spec.wake, until);
    if (atomic_load_explicit(tolerance->spec.stop, memory_order_relaxed))
        return false;
    add_one(&tolerance->retries);
    return true;
}

/* ---- giving up ---- */

/* Kafka's own sentence: alerts look for it. */
static void
log_failure(struct tolerance *tolerance, const struct tolerance_failure *failure, const struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(LOG_SENTENCE_MAX);
    const struct cv_consumed *msg = failure->consumed;

    cv_buf_printf(&text, "Error encountered in task %s-%d. Executing stage '%s' with class '%s'",
                  tolerance->spec.connector, tolerance->spec.task, pipeline_stage_name(failure->stage),
                  failure->class_name);
    if (tolerance->include_messages && msg != NULL) {
        cv_buf_printf(&text, ", where consumed record is {topic='%s', partition=%d, offset=%lld", msg->topic,
                      (int)msg->partition, (long long)msg->offset);
        if (msg->timestamp_ms != CV_NO_TIMESTAMP)
            cv_buf_printf(&text, ", timestamp=%lld, timestampType=%s", (long long)msg->timestamp_ms,
                          msg->log_append_time ? "LogAppendTime" : "CreateTime");
        cv_buf_char(&text, '}');
    } else if (tolerance->include_messages && failure->record != NULL) {
        cv_buf_printf(&text, ", where source record is = {topic='%s', key=", failure->record->topic);
        java_to_string(&text, &failure->record->key);
        cv_buf_str(&text, ", value=");
        java_to_string(&text, &failure->record->value);
        cv_buf_char(&text, '}');
    }
    cv_buf_char(&text, '.');
    CV_LOG_ERROR(tolerance->spec.log, cv_buf_cstr(&text), CV_ERR(err));
    cv_buf_free(&text);
    add_one(&tolerance->logged);
}

static void
add_context(const struct tolerance_failure *failure, struct cv_err *err)
{
    const struct cv_consumed *msg = failure->consumed;
    const char *stage = pipeline_stage_name(failure->stage);

    if (msg != NULL)
        cv_err_context(err, "Tolerance exceeded in error handler: topic \"%s\" partition %d offset %lld, stage %s "
                            "(errors.tolerance=all would skip the record)",
                       msg->topic, (int)msg->partition, (long long)msg->offset, stage);
    else
        cv_err_context(err, "Tolerance exceeded in error handler: record of topic \"%s\", stage %s "
                            "(errors.tolerance=all would skip it)",
                       failure->record != NULL ? failure->record->topic : "", stage);
}

bool
tolerance_skips(struct tolerance *tolerance, const struct tolerance_failure *failure, struct cv_err *err)
{
    if (err->rc == CV_NO_MEMORY)
        return false; /* says nothing of the record */
    if (err->rc != CV_RETRY) /* those were counted attempt by attempt */
        add_one(&tolerance->failures);
    add_one(&tolerance->errors);
    atomic_store_explicit(&tolerance->last_error_ms, cv_now_ms(), memory_order_relaxed);
    if (tolerance->log)
        log_failure(tolerance, failure, err);
    if (!tolerance->skip) {
        add_context(failure, err);
        return false;
    }
    add_one(&tolerance->skipped);
    return true;
}
