/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sender's files share. sender.c: the thread and its mailbox. sender_topics.c: topics, their partitions, and
 * who leads them. sender_batches.c: batches of a partition, their order and their ends. sender_requests.c: Produce
 * requests and answers. sender_links.c: connections. sender_questions.c: questions over them. sender_identity.c:
 * producer ids. sender_txn.c: transactions.
 */
#ifndef COMMON_KAFKA_SENDER_PRIVATE_H
#define COMMON_KAFKA_SENDER_PRIVATE_H

#include "common/kafka/sender.h"
#include "common/thread.h"
#include "common/wire/produce.h"
#include "common/wire/record_batch.h"
#include "common/wire/transport.h"

#define SENDER_QUESTION_MS 1000 /* a broker that does not answer in time: another is asked, and waited for longer */

struct sender;

/* What a question came to: its answer, borrowed for this call, or NULL: there is none, of which was told. Another
   question may stand in s->body by then: it stays as it is. */
typedef void answer_fn(struct sender *s, const struct cv_wire_response *answer);

/* A question that is not answered. */
struct asked {
    answer_fn *answered; /* NULL: none is asked */
    enum cv_wire_api api;
    int32_t correlation_id;
    int64_t deadline_ms;
};

/* A connection, or how it comes about. It is opened by a thread of its own, since that may take long. */
struct link {
    char *host;
    int port;
    struct cv_wire_conn *conn; /* NULL: none */
    struct dial *dial;         /* NULL: none */
    int64_t not_before_ms;     /* for the next dial */
    int64_t backoff_ms;
    bool failed;               /* since somebody looked */
    int64_t used_ms;           /* something was sent last, or it was opened */
    short revents;             /* what the last poll saw; POLLIN at first */
    struct asked asked;        /* one question at a time */
};

struct request {
    struct request *next;
    int32_t correlation_id;
    int64_t deadline_ms;
    struct batch_list batches;
};

struct peer { /* a broker that leads partitions */
    struct peer *next;
    struct link link;
    int32_t node;
    struct request *first, *last; /* unanswered, in their order */
    int in_flight;
    int64_t sent_us; /* monotonic, the last one */
};

struct partition {
    struct cv_producer_topic *topic;
    struct partition *next_active;
    bool active;
    int32_t id;
    struct peer *leader;           /* NULL: not known */
    struct message_list waiting;
    struct batch_list again;       /* to be sent again, in order of number, before all that waits */
    int in_flight;                 /* batches */
    struct peer *sent_to;          /* where these are */
    uint64_t next_number;
    unsigned identity;             /* whose next_sequence it is */
    int32_t next_sequence;
    size_t batch_bytes;            /* smaller than the setting where the broker takes less */
    int64_t not_before_ms;
    int64_t last_offset;           /* that Kafka gave a message; -1: none yet */
    uint64_t txn;                  /* the transaction that it was added to */
    uint64_t used;                 /* the last one that had a message for it */
    uint64_t used_since;           /* the first of those in a row */
};

struct sender {
    const struct producer_settings *settings;
    struct kafka_handle *handle;
    struct cv_thread *thread;
    struct cv_wake wake; /* ends the thread's sleep */
    struct cv_wake halt; /* ends what it waits for in a call */

    struct cv_lock lock; /* the mailbox: */
    struct cv_cond cond; /* the owner waits for it */
    struct message_list inbox;
    struct reports reported;
    struct cv_wake *owner; /* NULL: it does not want to be woken */
    struct command *command;
    struct cv_err broken;
    bool owner_waits, asleep, stopping;
    bool idempotent;
    uint64_t newest_txn; /* number of the transaction, from 1 on */
    int64_t newest_hurry_us; /* monotonic */

    /* the thread's own: */
    struct reports done;            /* not in the mailbox yet */
    struct cv_err failure;          /* as well, if it is not yet broken */
    struct command *working;        /* taken out of the mailbox */
    uint64_t txn;                   /* as well */
    int64_t hurry_us;               /* as well: what was taken before does not linger */
    struct cv_producer_topic *topics, *active, *last_active;
    struct peer *peers;
    struct dial *cancelled;         /* that have not ended */
    struct link control;            /* for questions to any broker */
    size_t next_bootstrap;
    int64_t patience_ms;            /* how long its answers are waited for */
    struct link coordinator;        /* of the transactional id */
    struct link group;              /* the coordinator of the group whose offsets are in transactions */
    char *group_name;               /* that group; NULL: none yet */
    struct cv_batch_writer writer;
    struct cv_buf body;             /* of a question */
    int64_t due_ms, due_us;         /* the thread must be awake by the earlier of them */
    bool wants_metadata;
    int64_t metadata_ms;            /* the next is not asked for before */
    uint64_t metadata_asked;        /* so many times */
    int64_t refresh_ms;             /* all of it is asked for again */
    int64_t expire_ms;              /* messages are looked at again */

    int in_flight;                  /* batches */
    int64_t producer_id;            /* CV_WIRE_NO_PRODUCER: none */
    int16_t epoch;
    unsigned identity;              /* a number for producer_id and epoch; 0: none yet */
    bool renewing;                  /* nothing is sent until all is answered, and then with another identity */
    bool gap;                       /* in a sequence of a transactional producer: it cannot go on */
    int renewals;                   /* since the last batch was written */
    int64_t identity_ms;            /* the next is not asked for before */
    int64_t add_ms, add_backoff_ms; /* partitions to a transaction */
    uint64_t txn_begun;             /* the transaction that the coordinator knows of */
    char refused_topic[256];        /* by the coordinator, of partitions to be added */
    bool end_unanswered;            /* a request to end a transaction of this epoch was sent, and not answered */
    uint64_t txn_offsets;           /* the last one that had offsets of the group */
    uint64_t txn_group;             /* and that the group was added to */
    bool group_due;                 /* to be added: the transaction before had offsets */
};

static inline bool
partition_has_more(const struct partition *part)
{
    return part->waiting.first != NULL || part->again.first != NULL;
}

/* Be awake by then. */
static inline void
sender_due(struct sender *s, int64_t ms)
{
    if (ms < s->due_ms)
        s->due_ms = ms;
}

/* sender.c */
/* There is no going on. The first reason counts. */
void sender_break(struct sender *s, rd_kafka_resp_err_t code, const char *detail, const char *what);
bool sender_broke(struct sender *s);
void sender_complain(struct sender *s, const char *text);

/* sender_topics.c */
void topics_place(struct sender *s, struct message *msg);
void topics_want(struct sender *s, struct cv_producer_topic *topic);
/* Ask for what is wanted, if it is time. */
void topics_refresh(struct sender *s, int64_t now_ms);
/* Whether it is told what COMMAND_PARTITIONS asks for. */
void topics_command(struct sender *s, struct command *command);
/* Messages that waited too long, or for a topic that does not come. */
void topics_expire(struct sender *s, int64_t now_ms);
/* Everything that is not on its way fails. */
void topics_purge(struct sender *s, rd_kafka_resp_err_t code);
/* The sender ends, and the topics are the next one's: what they know of this one goes. */
void topics_forget(struct sender *s);
void topics_activate(struct sender *s, struct partition *part);
void topics_queue(struct sender *s, struct cv_producer_topic *topic);

/* sender_batches.c */
/* The next batch to be sent, with its sequence; NULL: memory is out. */
struct batch *batches_next(struct sender *s, struct partition *part);
/* A batch that was not sent after all. */
void batches_take_back(struct sender *s, struct batch *batch);
/* What became of a batch that was sent. */
void batches_answered(struct sender *s, struct batch *batch, rd_kafka_resp_err_t code, int64_t base_offset);
void batches_fail(struct sender *s, struct batch *batch, rd_kafka_resp_err_t code);
/* All messages of the list end without having been in a batch; it becomes empty. */
void batches_fail_messages(struct sender *s, struct message_list *list, rd_kafka_resp_err_t code);

/* sender_requests.c */
void requests_serve(struct sender *s, struct peer *peer, int64_t now_ms);
/* The connection is gone: its requests are settled. */
void requests_drop(struct sender *s, struct peer *peer);

/* sender_links.c */
CV_MUST_CHECK enum cv_rc link_set(struct link *link, const char *host, int port, struct cv_err *err);
/* The connection, or NULL: it is being opened, or must wait. */
struct cv_wire_conn *link_open(struct sender *s, struct link *link, int64_t now_ms);
void link_close(struct sender *s, struct link *link);
/* Its session is about to end: it is not used again. */
bool link_expires(const struct link *link, int64_t now_ms);
/* It broke: complain, and wait before the next dial. */
void link_failed(struct sender *s, struct link *link, const struct cv_err *err);
void link_done(struct sender *s, struct link *link);
void link_count(struct sender *s, size_t bytes_out, size_t bytes_in);
struct peer *links_peer(struct sender *s, const struct cv_wire_broker *broker, struct cv_err *err);
/* Open, and wait until it is, or cannot be. */
CV_MUST_CHECK
enum cv_rc link_wait(struct sender *s, struct link *link, int64_t deadline_ms, struct cv_err *err);
bool link_interrupted(struct sender *s); /* the thread must end */
/* Connections that were not used for so long as the settings say are closed. */
void links_close_idle(struct sender *s, int64_t now_ms);
/* What was left of links that were closed while they came about; all: wait for it. */
void links_reap(struct sender *s, bool all);

/* sender_questions.c */
/* Any broker; NULL: none yet. */
struct cv_wire_conn *links_control(struct sender *s, int64_t now_ms);
/* The same, if nothing is asked there. */
bool questions_possible(struct sender *s, int64_t now_ms);
/* Ask it what s->body holds. answered is called once, maybe at once. */
void questions_ask(struct sender *s, enum cv_wire_api api, answer_fn *answered);
void questions_serve(struct sender *s, int64_t now_ms);
/* A broker did not answer in time. It may be slow only: the next has more of it. */
void questions_wait_longer(struct sender *s);
/* The link is closed. */
void questions_drop(struct sender *s, struct link *link);
/* Ask what s->body holds and wait for the answer, whose body is borrowed until the next; a failure closes the link. A
   question that was asked there comes to its end before. */
CV_MUST_CHECK
enum cv_rc link_call(struct sender *s, struct link *link, enum cv_wire_api api, int64_t deadline_ms,
                     struct cv_wire_response *ret, struct cv_err *err);

/* sender_identity.c */
/* Whether batches may be sent: there is an identity, if there must be one. */
bool identity_ready(struct sender *s, int64_t now_ms);
/* The sequence is broken. loudly: something may come twice. */
void identity_renew(struct sender *s, rd_kafka_resp_err_t code, bool loudly);

/* sender_txn.c */
/* Partitions with something to send become part of the transaction. */
void txn_add_partitions(struct sender *s, int64_t now_ms);
/* So does the group whose offsets the transaction before had. */
void txn_expect_offsets(struct sender *s, int64_t now_ms);
void txn_command(struct sender *s, struct command *command);
/* Whether nothing can follow the step. */
bool txn_is_over(const struct command *command);

#endif
