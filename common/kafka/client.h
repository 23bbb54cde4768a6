/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka client configuration: Java's keys to librdkafka's, by an allowlist. Java-only keys that have a
 * counterpart are translated (sasl.jaas.config, PEM stores, assignor class names, fetch.max.wait.ms, ...),
 * harmless ones dropped, and keys that load code or run programs (plugin.library.paths,
 * ssl.engine.location, ssl.providers, sasl.kerberos.kinit.cmd, ...) are refused from any source.
 */
#ifndef COMMON_KAFKA_CLIENT_H
#define COMMON_KAFKA_CLIENT_H

#include <stdatomic.h>

#include <culvert/config.h>

struct cv_log;

enum cv_kafka_role { CV_KAFKA_PRODUCER, CV_KAFKA_CONSUMER, CV_KAFKA_ADMIN };

/*
 * What a client tells of its connections; for any thread, relaxed. Totals go on where an instance of librdkafka follows
 * another. Consumers tell every few seconds, others as it comes. Starts zeroed, with lag_max -1.
 */
struct cv_kafka_stats {
    _Atomic int64_t connections;
    _Atomic int64_t opened, closed; /* sockets; admin clients only */
    _Atomic int64_t requests, responses;
    _Atomic int64_t bytes_out, bytes_in;
    _Atomic int64_t lag_max; /* consumers: records behind in the partition that is most behind; -1: not known */
};

/*
 * The layers of one client's configuration, weakest first: defaults that the caller sets, then the worker's
 * own keys, "producer." ones, overrides. Every layer is a config with unprefixed Java or librdkafka names.
 */
struct cv_kafka_conf {
    enum cv_kafka_role role;
    const char *client_id;
    const struct cv_config *layers[8]; /* NULL ones are skipped */
    size_t n_layers;
    struct cv_log *log; /* librdkafka's own lines go there */
    struct cv_kafka_stats *stats; /* counts what the client tells, until it is freed; NULL: nothing */
};

/* Check without a connection: every key that would be refused, with its remedy. For validation. */
CV_MUST_CHECK enum cv_rc cv_kafka_check(enum cv_kafka_role role, const struct cv_config *layer,
                                        struct cv_config_errors *errors, struct cv_err *err);

/* A topic partition with an offset. */
#define CV_OFFSET_BEGINNING (-2)
#define CV_OFFSET_END       (-1)
#define CV_OFFSET_STORED    (-1000)
#define CV_OFFSET_INVALID   (-1001)

struct cv_topic_partition {
    const char *topic; /* borrowed, or owned where a function says so */
    int32_t partition;
    int64_t offset;
    const char *metadata; /* of a committed offset; NULL: none */
};

struct cv_topic_partitions {
    struct cv_topic_partition *items;
    size_t count;
};

void cv_topic_partitions_done(struct cv_topic_partitions *parts); /* where strings are owned */

/* Once, before any thread: librdkafka would load every plugin of Cyrus SASL that is installed (some half a megabyte),
   for mechanisms that are refused anyhow. */
void cv_kafka_no_plugins(void);

/* "2.0.2", for --version --deps. */
const char *cv_kafka_library_version(void);

#endif
