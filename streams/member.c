/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's membership in the consumer group; see member.h.
 *
 * A static member that comes back gets what it had, and no rebalance takes place, also when its pipeline reads other
 * topics now (KIP-345: the coordinator only looks at the protocol's name). A subscription that changes while it is a
 * member is looked at. So a worker whose topics are others than those that the group knows of it subscribes to one more
 * for a moment.
 */
#include "streams/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "streams/assignment.h"
#include "streams/peers.h"

#define POLL_MS        100
#define POLL_MAX       64
#define BACKOFF_MIN_MS 500

/* Whether the group has taken notice of the topics. */
enum notice {
    NOTICE_TAKEN,
    NOTICE_LACKS, /* joined with topics that it may not know of */
    NOTICE_STALE, /* it has assigned by what it knew */
    NOTICE_GIVEN, /* one more is subscribed to */
    NOTICE_HEARD, /* and something came of it */
};

struct member {
    struct member_spec spec;
    struct cv_log *log;
    struct cv_config *config; /* what the engine wants, below the user's layers */
    char client_id[400];      /* with the URL, for the other workers (peers.h) */
    struct cv_consumer *consumer;
    struct cv_topic_partitions to_pause; /* strings owned */
    struct fences fences;
    int64_t down_ms; /* when Kafka was last away, of the consumers before this one */
    enum notice notice;
};

bool
fences_add(struct fences *fences, int64_t now_ms, int64_t down_ms)
{
    if (fences->count == 0 || down_ms > fences->last_ms ||
        now_ms - fences->first_ms > FENCES_WITHIN_MS)
        *fences = (struct fences){ .first_ms = now_ms };
    fences->count++;
    fences->last_ms = now_ms;
    return fences->count >= FENCES_MAX;
}

/* ---- what the group gives ---- */

/* The member never reads: its partitions are paused as soon as they are there. */
static void
pause_later(struct member *member, const struct cv_topic_partition *part)
{
    struct cv_topic_partition *items =
        realloc(member->to_pause.items, (member->to_pause.count + 1) * sizeof(*items));

    if (items == NULL)
        return;
    member->to_pause.items = items;
    items[member->to_pause.count++] = (struct cv_topic_partition){
        .topic = strdup(part->topic),
        .partition = part->partition,
    };
}

/* ---- notice ---- */

/* The anchor topics, one a line. */
static void
list_topics(const struct member *member, struct cv_buf *out)
{
    const struct plan *plan = member->spec.plan;

    for (size_t i = 0; i < plan->n_groups; i++)
        cv_buf_printf(out, "%s\n", plan->sources[plan->groups[i].anchor].topic);
}

static bool
is_anchor(const struct member *member, const char *topic)
{
    const struct plan *plan = member->spec.plan;
    size_t i = 0;

    while (i < plan->n_groups && strcmp(plan->sources[plan->groups[i].anchor].topic, topic) != 0)
        i++;
    return i < plan->n_groups;
}

/* What the file says differs from the topics of now; without a file the group knows nothing of this worker. */
static bool
topics_changed(const struct member *member)
{
    FILE *file = fopen(member->spec.topics_path, "re");
    struct cv_buf now = CV_BUF_INIT(1 << 20);
    char *before = calloc(1, 1 << 20);
    bool changed = false;

    list_topics(member, &now);
    if (file != NULL && before != NULL) {
        (void)!fread(before, 1, (1 << 20) - 1, file);
        changed = strcmp(before, cv_buf_cstr(&now)) != 0;
    }
    if (file != NULL)
        fclose(file);
    free(before);
    cv_buf_free(&now);
    return changed;
}

static void
keep_topics(const struct member *member)
{
    FILE *file = fopen(member->spec.topics_path, "we");
    struct cv_buf now = CV_BUF_INIT(1 << 20);

    list_topics(member, &now);
    if (file == NULL || fputs(cv_buf_cstr(&now), file) < 0)
        CV_LOG_WARN(member->log, "the topics of the group could not be noted", CV_STR("file", member->spec.topics_path));
    if (file != NULL)
        fclose(file);
    cv_buf_free(&now);
}

/* more: that topic as well; NULL: none. */
static enum cv_rc
subscribe(struct member *member, const char *more, struct cv_err *err)
{
    size_t count;
    const char **topics = assignment_topics(member->spec.plan, &count);
    const char **all = calloc(count + 1, sizeof(*all));
    enum cv_rc rc;

    if (topics == NULL || all == NULL) {
        rc = cv_fail_memory(err);
    } else {
        memcpy(all, topics, count * sizeof(*all));
        all[count] = more;
        rc = cv_consumer_subscribe(member->consumer, all, count + (more != NULL), err);
    }
    free(topics);
    free(all);
    return rc;
}

/* One step, outside of the consumer's callbacks. */
static enum cv_rc
give_notice(struct member *member, struct cv_err *err)
{
    const struct plan *plan = member->spec.plan;
    char changelog[300];

    if (member->notice == NOTICE_STALE) {
        snprintf(changelog, sizeof(changelog), "%s-%s-changelog", plan->application_id,
                 plan->groups[0].name);
        CV_LOG_INFO(member->log, "the group is told that this worker's topics are others");
        member->notice = NOTICE_GIVEN;
        return subscribe(member, changelog, err);
    }
    if (member->notice == NOTICE_HEARD) {
        member->notice = NOTICE_TAKEN;
        keep_topics(member);
        return subscribe(member, NULL, err);
    }
    return CV_OK;
}

static void
on_assigned(void *arg, struct cv_topic_partitions *parts)
{
    struct member *member = arg;
    bool foreign = false;

    for (size_t i = 0; i < parts->count; i++) {
        parts->items[i].offset = CV_OFFSET_END;
        pause_later(member, &parts->items[i]);
        foreign |= !is_anchor(member, parts->items[i].topic);
    }
    if (member->notice == NOTICE_GIVEN)
        member->notice = NOTICE_HEARD;
    else if (member->notice == NOTICE_LACKS || (member->notice == NOTICE_TAKEN && foreign))
        member->notice = NOTICE_STALE;
    member->spec.events.assigned(member->spec.events.arg, parts);
}

static void
on_revoked(void *arg, const struct cv_topic_partitions *parts, bool lost)
{
    struct member *member = arg;

    cv_topic_partitions_done(&member->to_pause);
    /* librdkafka gives partitions of topics back that it is not subscribed to, and then does not join anew. */
    if (member->notice == NOTICE_GIVEN)
        member->notice = NOTICE_HEARD;
    member->spec.events.revoked(member->spec.events.arg, parts, lost);
}

static void
pause_assigned(struct member *member)
{
    struct cv_err err = CV_ERR_INIT;

    if (member->to_pause.count > 0 &&
        cv_consumer_pause(member->consumer, &member->to_pause, &err) != CV_OK)
        CV_LOG_WARN(member->log, "could not pause the member's partitions", CV_ERR(&err));
    cv_topic_partitions_done(&member->to_pause);
}

/* ---- life ---- */

static enum cv_rc
make_config(struct member *member, struct cv_err *err)
{
    const char *const pairs[] = {
        "group.instance.id",
        member->spec.worker_id,
        "partition.assignment.strategy",
        "cooperative-sticky",
        "session.timeout.ms",
        "10000",
        "heartbeat.interval.ms",
        "2000",
        "queued.max.messages.kbytes",
        "64",
    };

    for (size_t i = 0; i < CV_COUNT(pairs); i += 2) {
        if (cv_config_set(member->config, pairs[i], pairs[i + 1], err) != CV_OK)
            return err->rc;
    }
    return CV_OK;
}

static enum cv_rc
make_consumer(struct member *member, struct cv_err *err)
{
    const struct cv_consumer_events events = { .arg = member,
                                               .assigned = on_assigned,
                                               .revoked = on_revoked };
    struct cv_kafka_conf conf = { .role = CV_KAFKA_CONSUMER,
                                  .client_id = member->client_id,
                                  .layers = { member->config, member->spec.config->clients,
                                              member->spec.config->consumer },
                                  .n_layers = 3,
                                  .log = cv_log_get("culvert.streams.kafka") };

    return cv_consumer_new(&conf, member->spec.plan->application_id, &events, &member->consumer,
                           err);
}

enum cv_rc
member_new(const struct member_spec *spec, struct member **ret, struct cv_err *err)
{
    struct member *member = calloc(1, sizeof(*member));
    enum cv_rc rc = CV_OK;

    if (member == NULL)
        return cv_fail_memory(err);
    member->spec = *spec;
    member->log = cv_log_get("culvert.streams.member");
    snprintf(member->client_id, sizeof(member->client_id), "%s%s%s", PEER_CLIENT_ID,
             spec->url[0] != '\0' ? " " : "", spec->url);
    member->config = cv_config_new();
    if (member->config == NULL)
        rc = cv_fail_memory(err);
    if (rc == CV_OK)
        rc = make_config(member, err);
    if (rc == CV_OK)
        rc = make_consumer(member, err);
    if (rc != CV_OK) {
        member_free(member);
        return rc;
    }
    *ret = member;
    return CV_OK;
}

void
member_free(struct member *member)
{
    if (member == NULL)
        return;
    cv_consumer_free(member->consumer);
    cv_topic_partitions_done(&member->to_pause);
    cv_config_free(member->config);
    free(member);
}

struct cv_consumer *const *
member_consumer(const struct member *member)
{
    return &member->consumer;
}

enum cv_rc
member_join(struct member *member, struct cv_err *err)
{
    member->notice = topics_changed(member) ? NOTICE_LACKS : NOTICE_TAKEN;
    if (member->notice == NOTICE_TAKEN)
        keep_topics(member);
    return subscribe(member, NULL, err);
}

/* ---- fenced ---- */

static enum cv_rc
judge_fence(struct member *member, struct cv_err *err)
{
    int64_t down_ms = cv_consumer_down_ms(member->consumer);

    if (down_ms < member->down_ms)
        down_ms = member->down_ms;
    if (!fences_add(&member->fences, cv_mono_ms(), down_ms))
        return CV_FENCED;
    return cv_fail(err, CV_INVALID,
                   "this worker was put out of group \"%s\" %d times within a minute: another "
                   "culvert-streams has the same worker.id \"%s\", most likely one that was started "
                   "with a copy of this state.dir or of these properties; set worker.id to a name "
                   "of its own there",
                   member->spec.plan->application_id, member->fences.count,
                   member->spec.worker_id);
}

enum cv_rc
member_poll(struct member *member, struct cv_err *err)
{
    struct cv_consumed batch[POLL_MAX];
    size_t n = 0;
    enum cv_rc rc = cv_consumer_poll(member->consumer, batch, POLL_MAX, POLL_MS, &n, err);

    if (rc == CV_FENCED)
        return judge_fence(member, err);
    if (rc != CV_OK)
        return cv_err_context(err, "group \"%s\"", member->spec.plan->application_id);
    cv_consumed_free(batch, n);
    pause_assigned(member);
    return give_notice(member, err);
}

int
member_backoff_ms(const struct member *member)
{
    return BACKOFF_MIN_MS << (member->fences.count > 0 ? member->fences.count - 1 : 0);
}

enum cv_rc
member_rejoin(struct member *member, struct cv_err *err)
{
    int64_t down_ms = cv_consumer_down_ms(member->consumer);
    enum cv_rc rc;

    if (down_ms > member->down_ms)
        member->down_ms = down_ms;
    cv_consumer_free(member->consumer);
    member->consumer = NULL;
    cv_topic_partitions_done(&member->to_pause);
    rc = make_consumer(member, err);
    return rc == CV_OK ? member_join(member, err) : rc;
}
