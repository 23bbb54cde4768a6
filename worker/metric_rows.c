/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "worker/metric_rows.h"

/* What stands before the attribute: in the example rules of the JMX exporter (and Strimzi's), with Confluent's, in
   Strimzi's own reporter, and in the rules of Debezium's examples, which know the worker and its client only.
   Attributes that are texts are series of the value 1; Confluent has all of a connector under one name, and none of
   tasks and rounds. */
#define BEAN_WORKER(a)                                                                                                 \
    DEBEZIUM("kafka_connect_worker_", "kafka_connect_connect_worker_metrics_", "kafka_connect_worker_metrics_", a)
#define BEAN_REBALANCE(a)                                                                                              \
    NAMES("kafka_connect_worker_rebalance_", "kafka_connect_connect_worker_rebalance_metrics_", a)
#define BEAN_COORDINATOR(a) NAMES("kafka_connect_coordinator_", "kafka_connect_connect_coordinator_metrics_", a)
#define BEAN_CLIENT(a)      DEBEZIUM("kafka_connect_", "kafka_connect_connect_metrics_", "kafka_connect_metrics_", a)
#define BEAN_ADMIN(a)       NAMES("kafka_admin_client_", "kafka_admin_client_admin_client_metrics_", a)
#define BEAN_PRODUCER(a)    NAMES("kafka_producer_", "kafka_producer_producer_metrics_", a)
#define BEAN_CONSUMER(a)    NAMES("kafka_consumer_", "kafka_consumer_consumer_metrics_", a)
#define BEAN_FETCH(a)       NAMES("kafka_consumer_fetch_manager_", "kafka_consumer_consumer_fetch_manager_metrics_", a)
#define BEAN_TASK(a)        NAMES("kafka_connect_connector_task_", "kafka_connect_connector_task_metrics_", a)
#define BEAN_SOURCE(a)      NAMES("kafka_connect_source_task_", "kafka_connect_source_task_metrics_", a)
#define BEAN_SINK(a)        NAMES("kafka_connect_sink_task_", "kafka_connect_sink_task_metrics_", a)
#define BEAN_ERROR(a)       NAMES("kafka_connect_task_error_", "kafka_connect_task_error_metrics_", a)
#define BEAN_REBALANCE_TEXT(a)                                                                                         \
    TEXTS("kafka_connect_worker_rebalance_", NULL, "kafka_connect_connect_worker_rebalance_metrics_", a)
#define BEAN_CONNECTOR_TEXT(a)                                                                                         \
    TEXTS("kafka_connect_connector_", "kafka_connect_connector_metrics", "kafka_connect_connector_metrics_", a)
#define BEAN_TASK_TEXT(a)                                                                                              \
    TEXTS("kafka_connect_connector_task_", NULL, "kafka_connect_connector_task_metrics_", a)

#define NAMES(plain, others, attribute) { plain attribute, others attribute, others attribute }
#define DEBEZIUM(plain, others, debezium, attribute)                                                                   \
    { plain attribute, others attribute, others attribute, debezium attribute }
#define TEXTS(plain, confluent, strimzi, attribute) { plain attribute, confluent, strimzi attribute "_info" }

const struct cv_metric worker_metric_rows[WORKER_METRICS] = {
#define WORKER_METRIC_ROW(id, bean, attribute, kind, text)                                                             \
    [METRIC_##id] = { .type = CV_##kind, .names = BEAN_##bean(attribute), .help = text },
    WORKER_METRIC_ROWS(WORKER_METRIC_ROW)
#undef WORKER_METRIC_ROW
};

void
worker_metric_of_client(struct cv_metrics_sink *sink, enum worker_metric metric, const char *client_id, double value)
{
    static const struct {
        unsigned dialects; /* in one call: a name that they share is printed once */
        const char *label;
    } groups[] = {
        { 1u << CV_DIALECT_PLAIN, "clientId" },
        { 1u << CV_DIALECT_CONFLUENT | 1u << CV_DIALECT_STRIMZI, "client_id" },
        { 1u << CV_DIALECT_DEBEZIUM, "client" },
    };

    for (size_t i = 0; i < CV_COUNT(groups); i++) {
        const struct cv_label label = { groups[i].label, client_id };

        cv_metrics_add_in(sink, groups[i].dialects, &worker_metric_rows[metric], &label, 1, value);
    }
}
