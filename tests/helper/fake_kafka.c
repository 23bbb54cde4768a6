/* SPDX-License-Identifier: Apache-2.0 */
/* The brokers of the fake cluster, its topics, and the script that it follows. */
#include <config.h>

#include "tests/helper/fake_kafka.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/helper/fake_kafka_private.h"

#include "tests/helper/cmocka_all.h"

void
fake_must(bool holds)
{
    if (!holds)
        abort();
}

void
fake_complain(struct fake_kafka *k, const char *fmt, ...)
{
    va_list args;

    if (k->complaint[0] != '\0')
        return;
    va_start(args, fmt);
    vsnprintf(k->complaint, sizeof(k->complaint), fmt, args);
    va_end(args);
}

char *
fake_read_string(struct cv_reader *in, struct cv_arena *arena)
{
    int16_t len = cv_read_i16(in);
    const unsigned char *bytes = len < 0 ? NULL : cv_read_bytes(in, (size_t)len);

    in->failed = in->failed || len < -1;
    return bytes == NULL ? NULL : cv_arena_dup(arena, bytes, (size_t)len);
}

struct topic *
fake_topic_find(struct fake_kafka *k, const char *name)
{
    for (int i = 0; i < k->n_topics; i++) {
        if (strcmp(k->topics[i].name, name) == 0)
            return &k->topics[i];
    }
    return NULL;
}

struct partition *
fake_partition_find(struct fake_kafka *k, const char *topic, int32_t partition)
{
    struct topic *found = fake_topic_find(k, topic);

    if (found == NULL || partition < 0 || partition >= found->n_partitions)
        return NULL;
    return &found->partitions[partition];
}

static struct topic *
topic_of(struct fake_kafka *k, const char *name, int n_partitions)
{
    struct topic *topic = fake_topic_find(k, name);

    if (topic == NULL) {
        fake_must(k->n_topics < TOPICS_MAX);
        topic = &k->topics[k->n_topics++];
        topic->name = cv_arena_strdup(k->arena, name);
    }
    if (topic->n_partitions < n_partitions) {
        topic->partitions =
            realloc(topic->partitions, (size_t)n_partitions * sizeof(*topic->partitions));
        fake_must(topic->partitions != NULL);
    }
    for (; topic->n_partitions < n_partitions; topic->n_partitions++)
        topic->partitions[topic->n_partitions] =
            (struct partition){ .leader = 1 + topic->n_partitions % k->n_nodes };
    return topic;
}

static bool
node_is_up(const struct fake_kafka *k, int node)
{
    return node >= 1 && node <= k->n_nodes && k->nodes[node - 1].up;
}

/* As far as the cluster says. */
static bool
node_is_told(const struct fake_kafka *k, int node)
{
    return node_is_up(k, node) || (k->stale && node >= 1 && node <= k->n_nodes);
}

static void
put_stray_partition(struct cv_buf *out, int32_t id)
{
    cv_buf_be16(out, CV_WIRE_LEADER_NOT_AVAILABLE);
    cv_buf_be32(out, (uint32_t)id);
    cv_buf_be32(out, (uint32_t)-1);
    cv_buf_be32(out, 0);
    cv_buf_be32(out, 0);
}

static void
put_topic(struct request *req, const char *name, const struct topic *topic)
{
    struct cv_buf *out = req->out;
    int16_t error = topic == NULL || topic->n_partitions == 0 ? CV_WIRE_UNKNOWN_TOPIC_OR_PARTITION
                                                              : 0;
    int n_partitions;

    if (topic != NULL && topic->error != 0)
        error = topic->error;
    error = request_error(req, error);
    n_partitions = error == 0 ? topic->n_partitions : 0;
    cv_buf_be16(out, (uint16_t)error);
    fake_broker_put_string(out, name);
    cv_buf_char(out, 0); /* IsInternal */
    cv_buf_be32(out, (uint32_t)n_partitions + (error == 0 && topic->stray != 0));
    if (error == 0 && topic->stray != 0)
        put_stray_partition(out, topic->stray);
    for (int i = n_partitions - 1; i >= 0; i--) { /* in no order, as of brokers */
        int leader = topic->partitions[i].leader;
        bool up = node_is_told(req->k, leader);

        cv_buf_be16(out, up ? 0 : CV_WIRE_LEADER_NOT_AVAILABLE);
        cv_buf_be32(out, (uint32_t)i);
        cv_buf_be32(out, (uint32_t)(up ? leader : -1));
        for (int list = 0; list < 2; list++) { /* ReplicaNodes, IsrNodes */
            cv_buf_be32(out, up);
            if (up)
                cv_buf_be32(out, (uint32_t)leader);
        }
    }
}

static void
put_broker(struct cv_buf *out, const struct node *node)
{
    cv_buf_be32(out, (uint32_t)node->id);
    fake_broker_put_string(out, node->host != NULL ? node->host : "127.0.0.1");
    cv_buf_be32(out, (uint32_t)node->port);
}

static void
handle_metadata(struct request *req)
{
    char *names[TOPICS_MAX] = { 0 };
    struct fake_kafka *k = req->k;
    int32_t n_topics = cv_read_i32(req->in), n_up = 0;
    bool create;

    fake_must(n_topics <= TOPICS_MAX);
    for (int32_t i = 0; i < n_topics; i++) {
        names[i] = fake_read_string(req->in, k->arena);
        if (names[i] == NULL)
            req->in->failed = true;
    }
    create = cv_read_u8(req->in) != 0 && k->n_partitions > 0 && request_is_done(req);
    if (req->in->failed)
        return;
    for (int i = 0; i < k->n_nodes; i++)
        n_up += node_is_told(k, i + 1);
    cv_buf_be32(req->out, 0);
    cv_buf_be32(req->out, (uint32_t)n_up);
    for (int i = 0; i < k->n_nodes; i++) {
        if (node_is_told(k, i + 1)) {
            put_broker(req->out, &k->nodes[i]);
            cv_buf_be16(req->out, (uint16_t)-1); /* Rack */
        }
    }
    fake_broker_put_string(req->out, k->cluster);
    cv_buf_be32(req->out, 1); /* ControllerId */
    if (n_topics < 0) {       /* all */
        cv_buf_be32(req->out, (uint32_t)k->n_topics);
        for (int i = 0; i < k->n_topics; i++)
            put_topic(req, k->topics[i].name, &k->topics[i]);
        return;
    }
    cv_buf_be32(req->out, (uint32_t)n_topics);
    for (int32_t i = 0; i < n_topics; i++) {
        if (create && fake_topic_find(k, names[i]) == NULL)
            (void)topic_of(k, names[i], k->n_partitions);
        put_topic(req, names[i], fake_topic_find(k, names[i]));
    }
}

static void
handle_find_coordinator(struct request *req)
{
    const struct fake_kafka *k = req->k;
    const char *key = fake_read_string(req->in, k->arena);
    bool up = node_is_told(k, k->coordinator);
    int16_t error;

    if (cv_read_u8(req->in) > 1 || key == NULL)
        req->in->failed = true;
    error = request_error(req, up ? 0 : CV_WIRE_COORDINATOR_NOT_AVAILABLE);
    cv_buf_be32(req->out, 0);
    cv_buf_be16(req->out, (uint16_t)error);
    fake_broker_put_string(req->out, cv_wire_error_name(error));
    if (error == 0) {
        put_broker(req->out, &k->nodes[k->coordinator - 1]);
    } else {
        cv_buf_be32(req->out, (uint32_t)-1);
        fake_broker_put_string(req->out, "");
        cv_buf_be32(req->out, (uint32_t)-1);
    }
}

/* As brokers of Kafka 4.1 say, but for what is hidden. */
static void
handle_api_versions(struct request *req)
{
    static const struct {
        int16_t key, min, max;
    } apis[] = {
        { CV_WIRE_PRODUCE, 0, 13 },           { CV_WIRE_METADATA, 0, 13 },
        { CV_WIRE_FIND_COORDINATOR, 0, 6 },   { CV_WIRE_JOIN_GROUP, 2, 9 },
        { CV_WIRE_HEARTBEAT, 0, 4 },          { CV_WIRE_LEAVE_GROUP, 0, 5 },
        { CV_WIRE_SYNC_GROUP, 0, 5 },         { CV_WIRE_API_VERSIONS, 0, 4 },
        { CV_WIRE_INIT_PRODUCER_ID, 0, 6 },   { CV_WIRE_ADD_PARTITIONS_TO_TXN, 0, 5 },
        { CV_WIRE_ADD_OFFSETS_TO_TXN, 0, 4 }, { CV_WIRE_END_TXN, 0, 5 },
        { CV_WIRE_TXN_OFFSET_COMMIT, 0, 5 },
    };
    uint32_t n = 0;

    for (size_t i = 0; i < CV_COUNT(apis); i++)
        n += !req->k->scripts[apis[i].key].hidden;
    cv_buf_be16(req->out, (uint16_t)request_error(req, 0));
    cv_buf_be32(req->out, n);
    for (size_t i = 0; i < CV_COUNT(apis); i++) {
        if (req->k->scripts[apis[i].key].hidden)
            continue;
        cv_buf_be16(req->out, (uint16_t)apis[i].key);
        cv_buf_be16(req->out, (uint16_t)apis[i].min);
        cv_buf_be16(req->out, (uint16_t)apis[i].max);
    }
}

typedef void handler(struct request *req);

static handler *
handler_of(int api)
{
    switch (api) {
    case CV_WIRE_PRODUCE:
        return fake_handle_produce;
    case CV_WIRE_METADATA:
        return handle_metadata;
    case CV_WIRE_FIND_COORDINATOR:
        return handle_find_coordinator;
    case CV_WIRE_API_VERSIONS:
        return handle_api_versions;
    case CV_WIRE_INIT_PRODUCER_ID:
        return fake_handle_init_producer_id;
    case CV_WIRE_ADD_PARTITIONS_TO_TXN:
        return fake_handle_add_partitions;
    case CV_WIRE_ADD_OFFSETS_TO_TXN:
        return fake_handle_add_offsets;
    case CV_WIRE_END_TXN:
        return fake_handle_end_txn;
    case CV_WIRE_TXN_OFFSET_COMMIT:
        return fake_handle_txn_offset_commit;
    default:
        return NULL;
    }
}

/* Under the lock. */
static enum fake_answer
serve(struct request *req, int api, struct script *script)
{
    bool drop = script->drop_times > 0;

    script->count++;
    fake_broker_delay(script->delay_ms);
    if (drop) {
        script->drop_times--;
        if (script->drop_when == FAKE_BEFORE)
            return FAKE_CLOSE;
    }
    if (script->error_times > 0) {
        script->error_times--;
        req->error = script->error;
        req->error_when = script->error_when;
    }
    handler_of(api)(req);
    if (req->in->failed || cv_reader_left(req->in) > 0) {
        fake_complain(req->k, "malformed %s request: %s", cv_wire_api_name((enum cv_wire_api)api),
                      req->in->failed ? "it ends too early" : "bytes are left at its end");
        return FAKE_CLOSE;
    }
    if (script->silent_times > 0) {
        script->silent_times--;
        req->answer = FAKE_SILENCE;
    }
    if (drop)
        req->answer = script->drop_when == FAKE_HALFWAY ? FAKE_CUT : FAKE_CLOSE;
    return req->answer;
}

static enum fake_answer
answer(void *arg, int api, int version, struct cv_reader *body, struct cv_buf *out)
{
    const struct node *node = arg;
    struct fake_kafka *k = node->kafka;
    struct request req = {
        .k = k, .node = node, .in = body, .out = out, .answer = FAKE_ANSWER
    };
    enum fake_answer how = FAKE_CLOSE;

    pthread_mutex_lock(&k->lock);
    if (handler_of(api) == NULL || version != cv_wire_api_version((enum cv_wire_api)api))
        fake_complain(k, "a request of api %d in version %d", api, version);
    else if (node->hangs)
        how = FAKE_SILENCE;
    else
        how = serve(&req, api, &k->scripts[api]);
    pthread_mutex_unlock(&k->lock);
    return how;
}

struct fake_kafka *
fake_kafka_new(int n_brokers, int n_partitions)
{
    struct fake_kafka *k = calloc(1, sizeof(*k));
    size_t used = 0;

    assert_non_null(k);
    assert_in_range(n_brokers, 1, NODES_MAX);
    pthread_mutex_init(&k->lock, NULL);
    k->arena = cv_arena_new(NULL);
    assert_non_null(k->arena);
    k->n_nodes = n_brokers;
    k->cluster = "fake";
    k->n_partitions = n_partitions;
    k->coordinator = 1;
    k->max_bytes = 1048588;
    k->next_producer_id = 4000;
    for (int i = 0; i < n_brokers; i++) {
        k->nodes[i] = (struct node){ .kafka = k, .id = i + 1 };
        fake_kafka_start(k, i + 1);
        used += (size_t)snprintf(k->servers + used, sizeof(k->servers) - used, "%s127.0.0.1:%d",
                                 i > 0 ? "," : "", k->nodes[i].port);
    }
    return k;
}

void
fake_kafka_free(struct fake_kafka *k)
{
    char complaint[sizeof(k->complaint)];

    if (k == NULL)
        return;
    for (int i = 0; i < k->n_nodes; i++)
        if (k->nodes[i].up)
            fake_broker_begin_stop(k->nodes[i].broker);
    for (int i = 0; i < k->n_nodes; i++)
        fake_kafka_stop(k, i + 1);
    memcpy(complaint, k->complaint, sizeof(complaint));
    for (int i = 0; i < k->n_topics; i++) {
        for (int j = 0; j < k->topics[i].n_partitions; j++) {
            free(k->topics[i].partitions[j].records);
            free(k->topics[i].partitions[j].producers);
        }
        free(k->topics[i].partitions);
    }
    for (size_t i = 0; i < k->n_snapshots; i++)
        free(k->snapshots[i]);
    free(k->snapshots);
    cv_arena_free(k->arena);
    pthread_mutex_destroy(&k->lock);
    free(k);
    if (complaint[0] != '\0')
        fail_msg("the fake cluster complains: %s", complaint);
}

const char *
fake_kafka_servers(const struct fake_kafka *k)
{
    return k->servers;
}

int
fake_kafka_port(const struct fake_kafka *k, int node)
{
    assert_in_range(node, 1, k->n_nodes);
    return k->nodes[node - 1].port;
}

const char *
fake_kafka_take_complaint(struct fake_kafka *k)
{
    pthread_mutex_lock(&k->lock);
    memcpy(k->told_complaint, k->complaint, sizeof(k->complaint));
    k->complaint[0] = '\0';
    pthread_mutex_unlock(&k->lock);
    return k->told_complaint;
}

static void
set_up(struct fake_kafka *k, int node, bool up)
{
    pthread_mutex_lock(&k->lock);
    k->nodes[node - 1].up = up;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_stop(struct fake_kafka *k, int node)
{
    struct node *stopped = &k->nodes[node - 1];

    assert_in_range(node, 1, k->n_nodes);
    if (!stopped->up)
        return;
    set_up(k, node, false);
    fake_broker_stop(stopped->broker); /* not under the lock: its threads may want it */
    stopped->broker = NULL;
}

void
fake_kafka_start(struct fake_kafka *k, int node)
{
    struct node *started = &k->nodes[node - 1];

    assert_in_range(node, 1, k->n_nodes);
    if (started->up)
        return;
    started->broker = fake_broker_start_on(started->port, answer, started, NULL);
    if (started->port == 0)
        started->port = fake_broker_port(started->broker);
    set_up(k, node, true);
}

void
fake_kafka_hang(struct fake_kafka *k, int node, bool hangs)
{
    pthread_mutex_lock(&k->lock);
    k->nodes[node - 1].hangs = hangs;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_name_host(struct fake_kafka *k, int node, const char *host)
{
    pthread_mutex_lock(&k->lock);
    k->nodes[node - 1].host = host;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_create_topic(struct fake_kafka *k, const char *topic, int n_partitions)
{
    pthread_mutex_lock(&k->lock);
    (void)topic_of(k, topic, n_partitions);
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_delete_topic(struct fake_kafka *k, const char *name)
{
    struct topic *topic;

    pthread_mutex_lock(&k->lock);
    topic = topic_of(k, name, 0);
    for (int i = 0; i < topic->n_partitions; i++) {
        free(topic->partitions[i].records);
        free(topic->partitions[i].producers);
    }
    topic->n_partitions = 0;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_topic_error(struct fake_kafka *k, const char *topic, int16_t error)
{
    pthread_mutex_lock(&k->lock);
    topic_of(k, topic, 0)->error = error;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_stray_partition(struct fake_kafka *k, const char *topic, int32_t id)
{
    pthread_mutex_lock(&k->lock);
    topic_of(k, topic, 0)->stray = id;
    pthread_mutex_unlock(&k->lock);
}

/* Under the lock; a partition that is not there is made. */
static struct partition *
partition_of(struct fake_kafka *k, const char *topic, int partition)
{
    return &topic_of(k, topic, partition + 1)->partitions[partition];
}

void
fake_kafka_move_leader(struct fake_kafka *k, const char *topic, int partition, int node)
{
    pthread_mutex_lock(&k->lock);
    partition_of(k, topic, partition)->leader = node;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_move_coordinator(struct fake_kafka *k, int node)
{
    pthread_mutex_lock(&k->lock);
    k->coordinator = node;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_be_stale(struct fake_kafka *k, bool stale)
{
    pthread_mutex_lock(&k->lock);
    k->stale = stale;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_be_cluster(struct fake_kafka *k, const char *id)
{
    pthread_mutex_lock(&k->lock);
    k->cluster = id;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_max_bytes(struct fake_kafka *k, size_t max_bytes)
{
    pthread_mutex_lock(&k->lock);
    k->max_bytes = max_bytes;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_forget(struct fake_kafka *k)
{
    pthread_mutex_lock(&k->lock);
    for (int i = 0; i < k->n_topics; i++) {
        for (int j = 0; j < k->topics[i].n_partitions; j++)
            k->topics[i].partitions[j].n_producers = 0;
    }
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_group(struct fake_kafka *k, const char *group, int generation, const char *member_id)
{
    pthread_mutex_lock(&k->lock);
    k->group = cv_arena_strdup(k->arena, group);
    k->group_member = cv_arena_strdup(k->arena, member_id);
    k->group_generation = generation;
    pthread_mutex_unlock(&k->lock);
}

/* The script of an api, with the lock taken. */
static struct script *
script_lock(struct fake_kafka *k, int api)
{
    assert_in_range(api, 0, APIS_MAX - 1);
    pthread_mutex_lock(&k->lock);
    return &k->scripts[api];
}

void
fake_kafka_hide(struct fake_kafka *k, int api)
{
    script_lock(k, api)->hidden = true;
    pthread_mutex_unlock(&k->lock);
}

static void
set_error(struct fake_kafka *k, int api, int16_t error, int times, enum fake_kafka_when when)
{
    struct script *script = script_lock(k, api);

    script->error = error;
    script->error_times = times;
    script->error_when = when;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_fail(struct fake_kafka *k, int api, int16_t error, int times)
{
    set_error(k, api, error, times, FAKE_BEFORE);
}

void
fake_kafka_fail_after(struct fake_kafka *k, int api, int16_t error, int times)
{
    set_error(k, api, error, times, FAKE_AFTER);
}

void
fake_kafka_fail_partition(struct fake_kafka *k, const char *topic, int partition, int16_t error,
                          int times)
{
    struct partition *part;

    pthread_mutex_lock(&k->lock);
    part = partition_of(k, topic, partition);
    part->fail_error = error;
    part->fail_times = times;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_drop(struct fake_kafka *k, int api, int times, enum fake_kafka_when when)
{
    struct script *script = script_lock(k, api);

    script->drop_times = times;
    script->drop_when = when;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_silence(struct fake_kafka *k, int api, int times)
{
    script_lock(k, api)->silent_times = times;
    pthread_mutex_unlock(&k->lock);
}

void
fake_kafka_delay(struct fake_kafka *k, int api, int ms)
{
    script_lock(k, api)->delay_ms = ms;
    pthread_mutex_unlock(&k->lock);
}

int
fake_kafka_count(struct fake_kafka *k, int api)
{
    int count = script_lock(k, api)->count;

    pthread_mutex_unlock(&k->lock);
    return count;
}

bool
fake_kafka_wait(struct fake_kafka *k, int api, int count, int ms)
{
    int64_t end_ms = cv_mono_ms() + ms;

    while (fake_kafka_count(k, api) < count) {
        if (cv_mono_ms() >= end_ms)
            return false;
        usleep(1000);
    }
    return true;
}

int
fake_kafka_connections(struct fake_kafka *k)
{
    int count = 0;

    for (int i = 0; i < k->n_nodes; i++) {
        if (k->nodes[i].up)
            count += fake_broker_connections(k->nodes[i].broker);
    }
    return count;
}

const struct fake_kafka_record *
fake_kafka_records(struct fake_kafka *k, const char *topic, int partition, size_t *ret_n)
{
    const struct partition *part;
    struct fake_kafka_record *copy = NULL;

    *ret_n = 0;
    pthread_mutex_lock(&k->lock);
    part = fake_partition_find(k, topic, partition);
    if (part != NULL && part->n_records > 0) {
        copy = malloc(part->n_records * sizeof(*copy));
        k->snapshots = realloc(k->snapshots, (k->n_snapshots + 1) * sizeof(*k->snapshots));
        fake_must(copy != NULL && k->snapshots != NULL);
        memcpy(copy, part->records, part->n_records * sizeof(*copy));
        k->snapshots[k->n_snapshots++] = copy;
        *ret_n = part->n_records;
    }
    pthread_mutex_unlock(&k->lock);
    return copy;
}

const char *
fake_kafka_instance(struct fake_kafka *k)
{
    const char *instance;

    pthread_mutex_lock(&k->lock);
    instance = k->instance;
    pthread_mutex_unlock(&k->lock);
    return instance;
}

int64_t
fake_kafka_offset(struct fake_kafka *k, const char *group, const char *topic, int partition)
{
    int64_t offset = -1;

    pthread_mutex_lock(&k->lock);
    for (const struct txn_offset *at = k->committed; at != NULL && offset < 0; at = at->next) {
        if (at->partition == partition && strcmp(at->group, group) == 0 &&
            strcmp(at->topic, topic) == 0)
            offset = at->offset;
    }
    pthread_mutex_unlock(&k->lock);
    return offset;
}
