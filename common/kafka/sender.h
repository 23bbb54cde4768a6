/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread behind a producer: it takes messages, puts them into batches, has them written in their order, and gives
 * the batches back with what became of them. Everything here is for the producer's one owner.
 */
#ifndef COMMON_KAFKA_SENDER_H
#define COMMON_KAFKA_SENDER_H

#include "common/kafka/producer_private.h"
#include "common/wire/produce.h"

struct sender;

/* settings and handle must live as long as the sender. */
CV_MUST_CHECK
enum cv_rc sender_start(const struct producer_settings *settings, struct kafka_handle *handle, struct cv_wake *wake,
                        struct sender **ret, struct cv_err *err);
/* Ends the thread. What has no report comes back as failed, behind what has one. */
void sender_stop(struct sender *sender, struct reports *ret);

void sender_notify(struct sender *sender, struct cv_wake *wake);
/* Messages on their way; the list becomes empty. */
void sender_put(struct sender *sender, struct message_list *list);
/* What was put before lingers no more. */
void sender_hurry(struct sender *sender);
/* The reports since; waits for at most timeout_ms for one. */
void sender_take(struct sender *sender, int timeout_ms, struct reports *ret);
/* There is no going on: true, and why. */
bool sender_is_broken(struct sender *sender, struct cv_err *ret);

/* A question, or a step of a transaction, that the owner waits for. */
enum command_kind { COMMAND_PARTITIONS, COMMAND_TXN_INIT, COMMAND_TXN_OFFSETS, COMMAND_TXN_COMMIT, COMMAND_TXN_ABORT };

struct command {
    enum command_kind kind;
    struct cv_producer_topic *topic;             /* PARTITIONS */
    uint64_t question;                           /* PARTITIONS: the first about metadata whose answer counts */
    const struct cv_topic_partitions *offsets;   /* TXN_OFFSETS */
    const struct cv_wire_group_member *member;   /* TXN_OFFSETS */
    int64_t deadline_ms;                         /* monotonic */
    rd_kafka_resp_err_t code;                    /* what it came to; NO_ERROR: done */
    char detail[256];                            /* what code's own text leaves open; "": nothing */
    int32_t n_partitions;
    bool done; /* the mailbox's */
};
void sender_call(struct sender *sender, struct command *command);
/* The same without waiting: command is the sender's until it is done, or the sender has stopped. */
void sender_post(struct sender *sender, struct command *command);
bool sender_is_done(struct sender *sender, struct command *command);
void sender_begin_txn(struct sender *sender);

#endif
