/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster of Kafka brokers in threads of the test, for unit tests of a producer: it takes record
 * batches apart and keeps their records, checks sequence numbers and transactions as brokers do,
 * and fails as it is told to. Nodes are 1 to n_brokers, each on a free port of 127.0.0.1;
 * partition p of a topic is led by node 1 + p mod n_brokers, and node 1 coordinates.
 *
 * An api is one of enum cv_wire_api; each is spoken at our version. A function may be called at any
 * time, by the test's thread alone. A request that no broker would take (malformed, of another
 * version, a batch with a wrong CRC) is also a complaint, which fails the test when the cluster is
 * freed.
 */
#ifndef TESTS_FAKE_KAFKA_H
#define TESTS_FAKE_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_kafka;

/* n_partitions: of a topic that is asked for and not there; 0: it stays unknown. */
struct fake_kafka *fake_kafka_new(int n_brokers, int n_partitions);
/* Accepts NULL. */
void fake_kafka_free(struct fake_kafka *k);
/* "127.0.0.1:1234,127.0.0.1:1235" */
const char *fake_kafka_servers(const struct fake_kafka *k);
int fake_kafka_port(const struct fake_kafka *k, int node);
/* Forget the complaint; "" if there was none. */
const char *fake_kafka_take_complaint(struct fake_kafka *k);

/* A stopped node has closed its connections and listens no more; it comes back on its port. */
void fake_kafka_stop(struct fake_kafka *k, int node);
void fake_kafka_start(struct fake_kafka *k, int node);
/* A node that hangs takes requests, does none of them and never answers them. */
void fake_kafka_hang(struct fake_kafka *k, int node, bool hangs);
/* Metadata and FindCoordinator name the node's host so; NULL: 127.0.0.1, as at first. host must stay. */
void fake_kafka_name_host(struct fake_kafka *k, int node, const char *host);
/* The topic gets so many partitions, if it has fewer. */
void fake_kafka_create_topic(struct fake_kafka *k, const char *topic, int n_partitions);
/* It is gone with all that it held, until it is made again. */
void fake_kafka_delete_topic(struct fake_kafka *k, const char *topic);
/* From now on the error in Metadata about this topic; 0: none. */
void fake_kafka_topic_error(struct fake_kafka *k, const char *topic, int16_t error);
/* Metadata tells of one more partition, of this id. */
void fake_kafka_stray_partition(struct fake_kafka *k, const char *topic, int32_t id);
/* node -1: there is no leader. */
void fake_kafka_move_leader(struct fake_kafka *k, const char *topic, int partition, int node);
void fake_kafka_move_coordinator(struct fake_kafka *k, int node);
/* FindCoordinator and Metadata go on naming nodes that are stopped. */
void fake_kafka_be_stale(struct fake_kafka *k, bool stale);
/* Metadata tells this id of the cluster, which is "fake" at first. */
void fake_kafka_be_cluster(struct fake_kafka *k, const char *id);
/* The largest batch; more is MESSAGE_TOO_LARGE. 1048588 at first. */
void fake_kafka_max_bytes(struct fake_kafka *k, size_t max_bytes);
/* ApiVersions no longer tells of this api. */
void fake_kafka_hide(struct fake_kafka *k, int api);
/* Partitions lose what they know of idempotent producers: a batch with a sequence above 0 is
   UNKNOWN_PRODUCER_ID then, as the first one of any producer in a partition. */
void fake_kafka_forget(struct fake_kafka *k);
/* Transactional offsets of this group must come from this member and generation; other groups take
   any. */
void fake_kafka_group(struct fake_kafka *k, const char *group, int generation,
                      const char *member_id);

/* Before or after the request was done, or half through the answer. */
enum fake_kafka_when { FAKE_BEFORE, FAKE_AFTER, FAKE_HALFWAY };
/* Answer the next requests with an error, for each partition where the answer has such. */
void fake_kafka_fail(struct fake_kafka *k, int api, int16_t error, int times);
void fake_kafka_fail_after(struct fake_kafka *k, int api, int16_t error, int times);
/* The same for Produce, for one partition alone, before its batch is looked at. */
void fake_kafka_fail_partition(struct fake_kafka *k, const char *topic, int partition,
                               int16_t error, int times);
/* Close the connection over the next requests. */
void fake_kafka_drop(struct fake_kafka *k, int api, int times, enum fake_kafka_when when);
/* Do the next requests and never answer them. */
void fake_kafka_silence(struct fake_kafka *k, int api, int times);
/* Answer (or close) so much later, from now on. Requests of other connections are not held up. */
void fake_kafka_delay(struct fake_kafka *k, int api, int ms);

/* Requests of this api that came so far, to all nodes. */
int fake_kafka_count(struct fake_kafka *k, int api);
/* Wait until so many came; false after ms. */
bool fake_kafka_wait(struct fake_kafka *k, int api, int count, int ms);
/* Connections that were opened so far, to all nodes that are up. */
int fake_kafka_connections(struct fake_kafka *k);

enum fake_kafka_txn { FAKE_NO_TXN, FAKE_OPEN, FAKE_COMMITTED, FAKE_ABORTED };

struct fake_kafka_header {
    const char *key;
    const void *value; /* NULL: null */
    size_t value_len;
};

struct fake_kafka_record {
    int64_t offset;
    int64_t timestamp;
    const void *key; /* NULL: null; a zero byte stands behind keys and values */
    size_t key_len;
    const void *value;
    size_t value_len;
    const struct fake_kafka_header *headers;
    size_t n_headers;
    int64_t producer_id; /* -1: none */
    int16_t epoch;
    int32_t sequence;
    enum fake_kafka_txn txn;
    int batch; /* number of its batch in the partition */
    /* Not 0: a batch that is compressed so, as one: value is its records section, n_records their
       count, timestamp the highest. */
    int codec;
    int32_t n_records;
};

/* What is in a partition now, in its order, without markers of transactions; it stays as it is till
   the cluster is freed. NULL with 0 for what is not there. */
const struct fake_kafka_record *fake_kafka_records(struct fake_kafka *k, const char *topic,
                                                   int partition, size_t *ret_n);
/* The offset that a transaction committed for the group; -1: none. */
int64_t fake_kafka_offset(struct fake_kafka *k, const char *group, const char *topic,
                          int partition);
/* The group instance that the last offsets came from; NULL: none was named. */
const char *fake_kafka_instance(struct fake_kafka *k);

#endif
