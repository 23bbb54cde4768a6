/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions of a producer, from its owner's side: each step waits for the sender's conversation (sender_txn.c). */
#include "common/clock.h"
#include "common/kafka/consumer.h"
#include "common/kafka/producer_state.h"
#include "common/kafka/refusal.h"

#include <stdlib.h>
#include <string.h>

/* What the step came to. Of a transaction whose outcome is unknown nothing can be said but to begin anew. */
static enum cv_rc
result(struct cv_producer *producer, const struct command *command, const char *what, struct cv_err *err)
{
    char text[REFUSAL_MAX];

    if (command->code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return CV_OK;
    return kafka_fail(&producer->handle, err, command->code, refusal_explain(&producer->settings, command->code, text),
                      "%s", what);
}

static int64_t
deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? INT64_MAX / 2 : cv_mono_ms() + timeout_ms;
}

enum cv_rc
cv_producer_txn_init(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    struct command command = { .kind = COMMAND_TXN_INIT, .deadline_ms = deadline_of(timeout_ms) };

    sender_call(producer->sender, &command);
    return result(producer, &command, "could not start with transactions", err);
}

enum cv_rc
cv_producer_txn_begin(struct cv_producer *producer, struct cv_err *err)
{
    if (cv_producer_check(producer, err) != CV_OK)
        return cv_err_context(err, "could not begin a transaction");
    sender_begin_txn(producer->sender);
    return CV_OK;
}

/* ---- offsets ---- */

/*
 * librdkafka tells who the member is only in the bytes of rd_kafka_consumer_group_metadata_write: "CGMDv2:", the
 * generation as the machine has it, the group and the member, each with a zero behind it, whether there is no instance
 * id, and that. The strings are borrowed from bytes.
 */
static bool
read_member(const char *bytes, size_t len, struct cv_wire_group_member *ret)
{
    static const char magic[] = "CGMDv2:";
    const char *end = bytes + len, *at = bytes + strlen(magic);
    const char *strings[3] = { NULL, NULL, NULL };

    if (len < strlen(magic) + sizeof(ret->generation) || memcmp(bytes, magic, strlen(magic)) != 0)
        return false;
    memcpy(&ret->generation, at, sizeof(ret->generation));
    at += sizeof(ret->generation);
    for (size_t i = 0; i < 3; i++) {
        const char *zero;

        if (i == 2 && at < end && *at++ == 1)
            break; /* no instance id */
        zero = memchr(at, '\0', (size_t)(end - at));
        if (zero == NULL)
            return false;
        strings[i] = at;
        at = zero + 1;
    }
    ret->group = strings[0];
    ret->member_id = strings[1];
    ret->instance_id = strings[2];
    return true;
}

/* The bytes behind *ret; NULL: it cannot be told. */
static char *
member_of(struct cv_consumer *group, struct cv_wire_group_member *ret)
{
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(kafka_consumer_handle(group)->rk);
    rd_kafka_error_t *error;
    void *bytes = NULL;
    size_t len = 0;

    if (metadata == NULL)
        return NULL;
    error = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &len);
    rd_kafka_consumer_group_metadata_destroy(metadata);
    if (error != NULL) {
        rd_kafka_error_destroy(error);
        return NULL;
    }
    if (read_member(bytes, len, ret))
        return bytes;
    free(bytes);
    return NULL;
}

enum cv_rc
cv_producer_txn_offsets(struct cv_producer *producer, const struct cv_topic_partitions *offsets,
                        struct cv_consumer *group, int timeout_ms, struct cv_err *err)
{
    struct cv_wire_group_member member;
    struct command command = { .kind = COMMAND_TXN_OFFSETS,
                               .offsets = offsets,
                               .member = &member,
                               .deadline_ms = deadline_of(timeout_ms) };
    char *bytes;

    if (offsets->count == 0)
        return CV_OK;
    bytes = member_of(group, &member);
    if (bytes == NULL)
        return cv_fail(err, CV_INTERNAL, "librdkafka %s does not tell who the consumer is in its group",
                       rd_kafka_version_str());
    sender_call(producer->sender, &command);
    free(bytes);
    return result(producer, &command, "could not put offsets into the transaction", err);
}

/* ---- the end ---- */

enum cv_rc
cv_producer_txn_commit(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    struct command command = { .kind = COMMAND_TXN_COMMIT, .deadline_ms = deadline_of(timeout_ms) };

    if (cv_producer_flush(producer, timeout_ms, err) != CV_OK || cv_producer_check(producer, err) != CV_OK)
        return cv_err_context(err, "could not commit the transaction");
    sender_call(producer->sender, &command);
    return result(producer, &command, "could not commit the transaction", err);
}

static enum cv_rc
begin_end(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    if (producer->queued > 0)
        (void)cv_producer_poll(producer, 0);
    if (cv_producer_check(producer, err) != CV_OK)
        return cv_err_context(err, "could not commit the transaction");
    if (producer->queued > 0)
        return CV_OK;
    producer->ending = (struct command){ .kind = COMMAND_TXN_COMMIT, .deadline_ms = deadline_of(timeout_ms) };
    producer->ends = true;
    sender_post(producer->sender, &producer->ending);
    return CV_OK;
}

enum cv_rc
cv_producer_txn_commit_try(struct cv_producer *producer, int timeout_ms, bool *ret_done, struct cv_err *err)
{
    *ret_done = false;
    if (!producer->ends)
        return begin_end(producer, timeout_ms, err);
    if (!sender_is_done(producer->sender, &producer->ending))
        return CV_OK;
    producer->ends = false;
    if (result(producer, &producer->ending, "could not commit the transaction", err) != CV_OK)
        return err->rc;
    *ret_done = true;
    return CV_OK;
}

enum cv_rc
cv_producer_txn_abort(struct cv_producer *producer, int timeout_ms, struct cv_err *err)
{
    struct command command = { .kind = COMMAND_TXN_ABORT, .deadline_ms = deadline_of(timeout_ms) };

    sender_put(producer->sender, &producer->outbox);
    sender_call(producer->sender, &command);
    (void)cv_producer_poll(producer, 0); /* what was given up is reported */
    return result(producer, &command, "could not abort the transaction", err);
}
