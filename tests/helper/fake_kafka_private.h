/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the fake cluster: its brokers and script (fake_kafka.c), its partitions
   (fake_kafka_log.c), its transactions (fake_kafka_txn.c). All of it is guarded by its lock. */
#ifndef TESTS_FAKE_KAFKA_PRIVATE_H
#define TESTS_FAKE_KAFKA_PRIVATE_H

#include <pthread.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/reader.h"
#include "common/wire/message.h"
#include "tests/helper/fake_broker.h"
#include "tests/helper/fake_kafka.h"

#define APIS_MAX     64
#define NODES_MAX    72
#define TOPICS_MAX   256
#define TXNS_MAX     16
#define BATCHES_KNOWN 5 /* of a producer in a partition, as brokers do */

/* What a partition knows of a producer: its last batches, the newest first. */
struct producer {
    int64_t id;
    int16_t epoch;
    int n_batches;
    struct {
        int32_t first;
        int32_t last;
        int64_t offset;
    } batches[BATCHES_KNOWN];
};

struct partition {
    int leader;
    int16_t fail_error;
    int fail_times;
    int64_t next_offset;
    int n_batches;
    struct fake_kafka_record *records;
    size_t n_records, records_cap;
    struct producer *producers;
    size_t n_producers;
};

struct topic {
    char *name;
    int16_t error;
    struct partition *partitions;
    int n_partitions;
    int32_t stray; /* id of a partition that is not; 0: none */
};

enum txn_state { TXN_EMPTY, TXN_ONGOING, TXN_COMMITTED, TXN_ABORTED };

struct txn_offset {
    struct txn_offset *next;
    char *group;
    char *topic;
    int32_t partition;
    int64_t offset;
};

struct txn_part {
    struct txn_part *next;
    char *topic;
    int32_t partition;
};

struct txn {
    char *id;
    int64_t producer_id;
    int16_t epoch;
    enum txn_state state;
    struct txn_part *parts;
    char *group; /* whose offsets were announced; NULL: none */
    struct txn_offset *offsets;
};

struct node {
    struct fake_kafka *kafka;
    int id;
    int port;
    const char *host; /* as it is told; NULL: 127.0.0.1 */
    bool up, hangs;
    struct fake_broker *broker;
};

struct script {
    int count;
    bool hidden;
    int16_t error;
    int error_times;
    enum fake_kafka_when error_when;
    int drop_times;
    enum fake_kafka_when drop_when;
    int silent_times;
    int delay_ms;
};

struct fake_kafka {
    pthread_mutex_t lock;
    struct cv_arena *arena; /* what is kept to the end */
    char servers[NODES_MAX * 24];
    struct node nodes[NODES_MAX];
    int n_nodes;
    int n_partitions;
    int coordinator;
    const char *cluster;
    bool stale; /* stopped nodes are named as if they were up */
    size_t max_bytes;
    struct script scripts[APIS_MAX];
    struct topic topics[TOPICS_MAX];
    int n_topics;
    int64_t next_producer_id;
    struct txn txns[TXNS_MAX];
    int n_txns;
    struct txn_offset *committed; /* the newest first */
    char *group, *group_member; /* the group with a member; NULL: none */
    int group_generation;
    const char *instance; /* that was named last; NULL: none */
    struct fake_kafka_record **snapshots;
    size_t n_snapshots;
    char complaint[512];
    char told_complaint[512];
};

/* One request being answered. */
struct request {
    struct fake_kafka *k;
    const struct node *node;
    struct cv_reader *in;
    struct cv_buf *out;
    int16_t error; /* that it is to be answered with; 0: none */
    enum fake_kafka_when error_when;
    enum fake_answer answer;
};

/* For what must hold in threads in which cmocka cannot fail. */
void fake_must(bool holds);
/* The first complaint stays. */
void fake_complain(struct fake_kafka *k, const char *fmt, ...) CV_PRINTF(2, 3);
/* Whether the request is to be done, and what it is answered then. */
static inline bool
request_is_done(const struct request *req)
{
    return req->error == 0 || req->error_when == FAKE_AFTER;
}
static inline int16_t
request_error(const struct request *req, int16_t error)
{
    return req->error != 0 ? req->error : error;
}

/* STRING; null as NULL. In the arena. */
char *fake_read_string(struct cv_reader *in, struct cv_arena *arena);
struct topic *fake_topic_find(struct fake_kafka *k, const char *name);
/* NULL: there is none. */
struct partition *fake_partition_find(struct fake_kafka *k, const char *topic, int32_t partition);

/* fake_kafka_log.c */
void fake_handle_produce(struct request *req);
/* Records of a producer whose transaction ends, and the marker behind them. */
void fake_partition_end_txn(struct partition *part, int64_t producer_id, int16_t epoch,
                            enum fake_kafka_txn how);

/* fake_kafka_txn.c */
void fake_handle_init_producer_id(struct request *req);
void fake_handle_add_partitions(struct request *req);
void fake_handle_add_offsets(struct request *req);
void fake_handle_txn_offset_commit(struct request *req);
void fake_handle_end_txn(struct request *req);
/* Whether a transactional batch may go into the partition: an error code. */
int16_t fake_txn_check(struct fake_kafka *k, const char *transactional_id, int64_t producer_id,
                       int16_t epoch, const char *topic, int32_t partition);

#endif
