/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transactional side of a sender: the conversation with the transaction coordinator (KIP-98), and with the group's
 * for offsets (KIP-447).
 *
 * A partition becomes part of the transaction when the first batch for it waits, or before, where the transactions
 * before had it: each request more is time in which nothing is written. Likewise the group of the offsets. While the
 * coordinator still completes the transaction before, it says so, and is asked again a few milliseconds later. Any
 * other failure ends the producer's life: the outcome of what was under way is not known.
 */
#include "common/kafka/sender_private.h"

#include "common/clock.h"
#include "common/wire/stream.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_MS     2 /* the coordinator is busy with the transaction before */
#define BACKOFF_MAX_MS 20
#define RETRY_MS       50

static struct cv_wire_txn
txn_of(const struct sender *s)
{
    return (struct cv_wire_txn){ s->settings->transactional_id, s->producer_id, s->epoch };
}

/* What an answer's error asks for. */
enum reaction { DONE, ASK_AGAIN, FIND_AGAIN, GIVE_UP };

static enum reaction
react(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return DONE;
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return ASK_AGAIN;
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
        return FIND_AGAIN;
    default:
        return GIVE_UP;
    }
}

/* ---- the coordinator ---- */

/* Read the answer about a coordinator and aim the link at it. */
static enum cv_rc
take_coordinator(struct sender *s, struct link *link, const struct cv_wire_response *answer, rd_kafka_resp_err_t *ret,
                 struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_wire_find_coordinator found;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err)
                                  : cv_wire_read_find_coordinator(answer->body, answer->len, arena, &found, err);

    if (rc == CV_OK)
        *ret = (rd_kafka_resp_err_t)found.error;
    if (rc == CV_OK && found.error == 0) {
        link_close(s, link);
        rc = link_set(link, found.broker.host, found.broker.port, err);
    }
    cv_arena_free(arena);
    return rc;
}

/* Aim the link at the coordinator of the transactional id, or of the group. */
static enum cv_rc
find(struct sender *s, struct link *link, const char *group, int64_t deadline_ms, rd_kafka_resp_err_t *ret,
     struct cv_err *err)
{
    struct cv_wire_response answer;

    while (links_control(s, cv_mono_ms()) == NULL) {
        if (cv_mono_ms() >= deadline_ms || link_interrupted(s))
            return cv_fail(err, CV_RETRY, "no broker could be asked for the coordinator in time");
        (void)wire_wait(s->wake.fd, POLLIN, cv_mono_ms() + 20, &s->halt);
        cv_wake_clear(&s->wake);
    }
    cv_buf_reset(&s->body);
    if (group != NULL)
        cv_wire_write_find_coordinator(&s->body, group);
    else
        cv_wire_write_find_txn_coordinator(&s->body, s->settings->transactional_id);
    if (link_call(s, &s->control, CV_WIRE_FIND_COORDINATOR, deadline_ms, &answer, err) != CV_OK)
        return err->rc;
    return take_coordinator(s, link, &answer, ret, err);
}

/* A question to a coordinator: s->body holds it only while it is asked, so it is written anew for each try. */
struct question {
    enum cv_wire_api api;
    const char *group; /* whose coordinator; NULL: the transactional id's */
    struct link *link;
    void (*write)(struct sender *s, const void *arg);
    const void *arg;
    enum cv_rc (*read)(struct sender *s, const struct cv_wire_response *answer, int16_t *ret, struct cv_err *err);
};

/* Once; *ret says what the coordinator answered. */
static enum cv_rc
ask_once(struct sender *s, const struct question *q, int64_t deadline_ms, rd_kafka_resp_err_t *ret, struct cv_err *err)
{
    struct cv_wire_response answer;
    int16_t code = 0;

    *ret = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (q->link->host == NULL && find(s, q->link, q->group, deadline_ms, ret, err) != CV_OK)
        return err->rc;
    if (*ret != RD_KAFKA_RESP_ERR_NO_ERROR)
        return CV_OK;
    if (link_wait(s, q->link, deadline_ms, err) != CV_OK)
        return err->rc;
    cv_buf_reset(&s->body);
    q->write(s, q->arg);
    if (link_call(s, q->link, q->api, deadline_ms, &answer, err) != CV_OK) {
        s->end_unanswered |= q->api == CV_WIRE_END_TXN;
        return err->rc;
    }
    if (q->read(s, &answer, &code, err) != CV_OK) {
        link_failed(s, q->link, err);
        return err->rc;
    }
    *ret = (rd_kafka_resp_err_t)code;
    return CV_OK;
}

static void
forget(struct sender *s, struct link *link)
{
    link_done(s, link);
    *link = (struct link){ 0 };
}

/* Until it is answered for good, or the deadline. Asking twice does no harm. */
static rd_kafka_resp_err_t
ask(struct sender *s, const struct question *q, int64_t deadline_ms)
{
    int64_t pause_ms = BACKOFF_MS;

    for (;;) {
        rd_kafka_resp_err_t code;
        struct cv_err err;
        bool answered = ask_once(s, q, deadline_ms, &code, &err) == CV_OK;

        if (answered && (react(code) == DONE || react(code) == GIVE_UP))
            return code;
        if (!answered || react(code) == FIND_AGAIN) {
            forget(s, q->link);
            pause_ms = RETRY_MS;
        }
        if (cv_mono_ms() + pause_ms >= deadline_ms || link_interrupted(s))
            return RD_KAFKA_RESP_ERR__TIMED_OUT;
        (void)wire_wait(s->halt.fd, POLLIN, cv_mono_ms() + pause_ms, NULL);
        pause_ms = pause_ms * 2 > BACKOFF_MAX_MS && pause_ms < RETRY_MS ? BACKOFF_MAX_MS : pause_ms;
    }
}

/* ---- the beginning ---- */

static void
write_init(struct sender *s, const void *arg)
{
    (void)arg;
    cv_wire_write_init_producer_id(&s->body, s->settings->transactional_id, s->settings->txn_timeout_ms);
}

static enum cv_rc
read_init(struct sender *s, const struct cv_wire_response *answer, int16_t *ret, struct cv_err *err)
{
    struct cv_wire_producer_id got;

    if (cv_wire_read_init_producer_id(answer->body, answer->len, &got, err) != CV_OK)
        return err->rc;
    *ret = got.error;
    if (got.error == 0) {
        s->producer_id = got.id;
        s->epoch = got.epoch;
        s->identity++;
    }
    return CV_OK;
}

static rd_kafka_resp_err_t
init(struct sender *s, const struct command *command)
{
    const struct question q = { CV_WIRE_INIT_PRODUCER_ID, NULL, &s->coordinator, write_init, NULL, read_init };

    return ask(s, &q, command->deadline_ms);
}

/* ---- partitions ---- */

struct additions {
    struct cv_wire_topic_partition items[64];
    struct partition *parts[64];
    size_t count;
};

static void
note_use(const struct sender *s, struct partition *part)
{
    if (part->used == s->txn)
        return;
    if (part->used == 0 || part->used + 1 != s->txn)
        part->used_since = s->txn;
    part->used = s->txn;
}

/* The two transactions before had messages for it, and this one has none yet. */
static bool
is_expected(const struct sender *s, const struct partition *part)
{
    return part->used + 1 == s->txn && part->used_since < part->used;
}

static void
add(struct additions *found, struct partition *part)
{
    if (found->count == CV_COUNT(found->items))
        return;
    found->items[found->count] = (struct cv_wire_topic_partition){ part->topic->name, part->id };
    found->parts[found->count++] = part;
}

static void
add_expected(const struct sender *s, struct additions *found)
{
    for (const struct cv_producer_topic *topic = s->topics; topic != NULL; topic = topic->next)
        for (int32_t i = 0; i < topic->n_partitions; i++)
            if (is_expected(s, topic->partitions[i]))
                add(found, topic->partitions[i]);
}

static struct additions
new_partitions(const struct sender *s)
{
    struct additions found = { .count = 0 };

    for (struct cv_producer_topic *topic = s->active; topic != NULL; topic = topic->next_active)
        for (struct partition *part = topic->first_active; part != NULL; part = part->next_active) {
            if (part->waiting.first == NULL)
                continue;
            note_use(s, part);
            if (part->txn != s->txn)
                add(&found, part);
        }
    if (found.count > 0 && s->txn_begun != s->txn)
        add_expected(s, &found);
    return found;
}

/* Whether there were any: they are not the reason to fail. */
static bool
expect_none(const struct sender *s, const struct additions *found)
{
    bool any = false;

    for (size_t i = 0; i < found->count; i++) {
        if (found->parts[i]->used == s->txn)
            continue;
        found->parts[i]->used = 0;
        any = true;
    }
    return any;
}

static void
write_additions(struct sender *s, const void *arg)
{
    const struct additions *found = arg;
    const struct cv_wire_txn txn = txn_of(s);

    cv_wire_write_add_partitions(&s->body, &txn, found->items, found->count);
}

static enum cv_rc
read_additions(struct sender *s, const struct cv_wire_response *answer, int16_t *ret, struct cv_err *err)
{
    struct cv_bytes topic;

    if (cv_wire_read_add_partitions(answer->body, answer->len, ret, &topic, err) != CV_OK)
        return err->rc;
    if (*ret != 0)
        (void)snprintf(s->refused_topic, sizeof(s->refused_topic), "%.*s", (int)topic.len, topic.data);
    return CV_OK;
}

/* The coordinator may know of a topic later than others; whether it is there at all, metadata tells. */
static void
doubt_topics(struct sender *s, const struct additions *found)
{
    for (size_t i = 0; i < found->count; i++)
        topics_want(s, found->parts[i]->topic);
}

static void
refuse(struct sender *s, rd_kafka_resp_err_t code)
{
    char what[sizeof(s->refused_topic) + 64];

    (void)snprintf(what, sizeof(what), "could not add topic \"%s\" to a transaction", s->refused_topic);
    sender_break(s, code, NULL, what);
}

static void
add_later(struct sender *s, const struct additions *found, rd_kafka_resp_err_t code)
{
    bool lost = code == RD_KAFKA_RESP_ERR__TRANSPORT || react(code) == FIND_AGAIN;

    if (lost)
        forget(s, &s->coordinator);
    else if (react(code) == GIVE_UP && expect_none(s, found))
        s->add_backoff_ms = 0;
    else if (code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        doubt_topics(s, found);
    else if (react(code) == GIVE_UP)
        refuse(s, code);
    s->add_backoff_ms = s->add_backoff_ms == 0 ? BACKOFF_MS : s->add_backoff_ms * 2;
    if (s->add_backoff_ms > BACKOFF_MAX_MS)
        s->add_backoff_ms = BACKOFF_MAX_MS;
    s->add_ms = cv_mono_ms() + (lost ? RETRY_MS : s->add_backoff_ms);
    sender_due(s, s->add_ms);
}

void
txn_add_partitions(struct sender *s, int64_t now_ms)
{
    struct additions found;
    struct question q = { CV_WIRE_ADD_PARTITIONS_TO_TXN, NULL, &s->coordinator, write_additions, &found,
                          read_additions };
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    struct cv_err err;

    if (s->active == NULL || sender_broke(s))
        return;
    while (found = new_partitions(s), found.count > 0) {
        if (now_ms < s->add_ms) {
            sender_due(s, s->add_ms);
            return;
        }
        if (ask_once(s, &q, now_ms + s->settings->request_timeout_ms, &code, &err) != CV_OK)
            code = RD_KAFKA_RESP_ERR__TRANSPORT;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        if (s->txn_begun != s->txn)
            s->group_due = s->txn_offsets != 0 && s->txn_offsets + 1 == s->txn;
        s->txn_begun = s->txn;
        s->add_backoff_ms = 0;
        for (size_t i = 0; i < found.count; i++)
            found.parts[i]->txn = s->txn;
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        add_later(s, &found, code);
}

/* ---- offsets ---- */

static void
write_add_offsets(struct sender *s, const void *arg)
{
    const char *group = arg;
    const struct cv_wire_txn txn = txn_of(s);

    cv_wire_write_add_offsets(&s->body, &txn, group);
}

static enum cv_rc
read_add_offsets(struct sender *s, const struct cv_wire_response *answer, int16_t *ret, struct cv_err *err)
{
    (void)s;
    return cv_wire_read_add_offsets(answer->body, answer->len, ret, err);
}

static int
by_topic(const void *a, const void *b)
{
    const struct cv_wire_offset *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);

    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

static void
write_offsets(struct sender *s, const void *arg)
{
    const struct command *command = arg;
    const struct cv_wire_txn txn = txn_of(s);
    size_t n = command->offsets->count;
    struct cv_wire_offset *offsets = calloc(n, sizeof(*offsets));

    if (offsets == NULL) {
        s->body.failed = CV_RETRY;
        return;
    }
    for (size_t i = 0; i < n; i++)
        offsets[i] = (struct cv_wire_offset){ command->offsets->items[i].topic, command->offsets->items[i].partition,
                                              command->offsets->items[i].offset, command->offsets->items[i].metadata };
    qsort(offsets, n, sizeof(*offsets), by_topic);
    cv_wire_write_txn_offsets(&s->body, &txn, command->member, offsets, n);
    free(offsets);
}

static enum cv_rc
read_offsets(struct sender *s, const struct cv_wire_response *answer, int16_t *ret, struct cv_err *err)
{
    (void)s;
    return cv_wire_read_txn_offsets(answer->body, answer->len, ret, err);
}

/* The link to the group's coordinator, which stays for the next transaction; NULL: memory is out. */
static struct link *
group_link(struct sender *s, const char *group)
{
    if (s->group_name != NULL && strcmp(s->group_name, group) == 0)
        return &s->group;
    forget(s, &s->group);
    free(s->group_name);
    s->group_name = strdup(group);
    s->txn_group = s->txn_offsets = 0;
    return s->group_name == NULL ? NULL : &s->group;
}

static struct question
addition_of(struct sender *s, const char *group)
{
    return (struct question){ CV_WIRE_ADD_OFFSETS_TO_TXN, NULL, &s->coordinator, write_add_offsets, group,
                              read_add_offsets };
}

/* Whatever comes of it: it is asked for again with the offsets, where need be. */
void
txn_expect_offsets(struct sender *s, int64_t now_ms)
{
    const struct question q = addition_of(s, s->group_name);
    rd_kafka_resp_err_t code;
    struct cv_err err;

    if (!s->group_due)
        return;
    s->group_due = false;
    if (ask_once(s, &q, now_ms + SENDER_QUESTION_MS, &code, &err) == CV_OK && code == RD_KAFKA_RESP_ERR_NO_ERROR)
        s->txn_group = s->txn;
}

static rd_kafka_resp_err_t
offsets(struct sender *s, const struct command *command)
{
    const char *group = command->member->group;
    const struct question addition = addition_of(s, group);
    const struct question commit = { CV_WIRE_TXN_OFFSET_COMMIT, group, group_link(s, group), write_offsets, command,
                                     read_offsets };
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

    if (commit.link == NULL)
        return RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
    if (s->txn_group != s->txn)
        code = ask(s, &addition, command->deadline_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return code;
    s->txn_begun = s->txn_group = s->txn_offsets = s->txn;
    return ask(s, &commit, command->deadline_ms);
}

/* ---- the end ---- */

static void
write_end(struct sender *s, const void *arg)
{
    const struct command *command = arg;
    const struct cv_wire_txn txn = txn_of(s);

    cv_wire_write_end_txn(&s->body, &txn, command->kind == COMMAND_TXN_COMMIT);
}

static enum cv_rc
read_end(struct sender *s, const struct cv_wire_response *answer, int16_t *ret, struct cv_err *err)
{
    (void)s;
    return cv_wire_read_end_txn(answer->body, answer->len, ret, err);
}

/* One that holds nothing is not known to the coordinator. A request without an answer may still be on its way, however
   often another was answered: it would end the next transaction of this epoch in its middle. */
static rd_kafka_resp_err_t
end(struct sender *s, const struct command *command)
{
    const struct question q = { CV_WIRE_END_TXN, NULL, &s->coordinator, write_end, command, read_end };
    rd_kafka_resp_err_t code;

    if (s->txn_begun != s->txn)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    code = ask(s, &q, command->deadline_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && s->end_unanswered)
        sender_break(s, RD_KAFKA_RESP_ERR__TRANSPORT,
                     "a transaction ended, but a request to end it was not answered and may come to the coordinator late",
                     "the producer cannot go on");
    return code;
}

/* What waits is given up; what is on its way must be answered first, since it could land behind the abort. */
static rd_kafka_resp_err_t
abort_txn(struct sender *s, const struct command *command)
{
    rd_kafka_resp_err_t code;

    topics_purge(s, RD_KAFKA_RESP_ERR__PURGE_QUEUE);
    if (s->in_flight == 0) {
        code = end(s, command);
        /* Only another epoch begins sequences anew; asking for one could take the id from its new owner. */
        if (s->gap)
            sender_break(s, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                         "messages that were given up have a place in the sequence", "the producer cannot go on");
        return code;
    }
    if (cv_mono_ms() >= command->deadline_ms)
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    sender_due(s, command->deadline_ms);
    return RD_KAFKA_RESP_ERR__IN_PROGRESS;
}

/* The outcome of a step that failed is not known: nothing can follow it, but for a commit that is asked for again
   because no answer came in time. */
bool
txn_is_over(const struct command *command)
{
    bool again = command->kind == COMMAND_TXN_INIT || command->kind == COMMAND_PARTITIONS ||
                 (command->kind == COMMAND_TXN_COMMIT && command->code == RD_KAFKA_RESP_ERR__TIMED_OUT);

    return command->code != RD_KAFKA_RESP_ERR_NO_ERROR && command->code != RD_KAFKA_RESP_ERR__IN_PROGRESS && !again;
}

void
txn_command(struct sender *s, struct command *command)
{
    switch (command->kind) {
    case COMMAND_TXN_INIT:
        command->code = init(s, command);
        break;
    case COMMAND_TXN_OFFSETS:
        command->code = offsets(s, command);
        break;
    case COMMAND_TXN_COMMIT:
        command->code = end(s, command);
        break;
    case COMMAND_TXN_ABORT:
        command->code = abort_txn(s, command);
        break;
    case COMMAND_PARTITIONS:
        break;
    }
    if (txn_is_over(command))
        sender_break(s, command->code, NULL, "a transaction failed");
}
