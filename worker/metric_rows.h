/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every metric of a worker, one row each: from here come the names in each dialect, types, help and
 * docs/metrics.md. Beans and attributes are those of org.apache.kafka.connect.runtime
 * .ConnectMetricsRegistry and of the client under the group (AbstractCoordinator).
 */
#ifndef WORKER_METRIC_ROWS_H
#define WORKER_METRIC_ROWS_H

#include "common/metrics.h"

/* X(id, bean, attribute, type, help) */
#define WORKER_METRIC_ROWS(X)                                                                                          \
    X(CONNECTOR_COUNT, WORKER, "connector_count", GAUGE, "Connectors that this worker runs.")                          \
    X(TASK_COUNT, WORKER, "task_count", GAUGE, "Tasks that this worker runs.")                                         \
    X(CONNECTOR_ATTEMPTS, WORKER, "connector_startup_attempts_total", COUNTER, "Connectors that were to be started.")  \
    X(CONNECTOR_SUCCESSES, WORKER, "connector_startup_success_total", COUNTER, "Connectors that started.")             \
    X(CONNECTOR_SUCCESS_SHARE, WORKER, "connector_startup_success_percentage", GAUGE, "Share of these, 0 to 1.")       \
    X(CONNECTOR_FAILURES, WORKER, "connector_startup_failure_total", COUNTER, "Connectors that could not be started.") \
    X(CONNECTOR_FAILURE_SHARE, WORKER, "connector_startup_failure_percentage", GAUGE, "Share of these, 0 to 1.")       \
    X(TASK_ATTEMPTS, WORKER, "task_startup_attempts_total", COUNTER, "Tasks that were to be started.")                 \
    X(TASK_SUCCESSES, WORKER, "task_startup_success_total", COUNTER, "Tasks that were handed to their threads.")       \
    X(TASK_SUCCESS_SHARE, WORKER, "task_startup_success_percentage", GAUGE, "Share of these, 0 to 1.")                 \
    X(TASK_FAILURES, WORKER, "task_startup_failure_total", COUNTER, "Tasks that could not be made.")                   \
    X(TASK_FAILURE_SHARE, WORKER, "task_startup_failure_percentage", GAUGE, "Share of these, 0 to 1.")                 \
    X(TASKS_TOTAL, WORKER, "connector_total_task_count", GAUGE, "Tasks of the connector on this worker.")              \
    X(TASKS_RUNNING, WORKER, "connector_running_task_count", GAUGE, "Those that run.")                                 \
    X(TASKS_PAUSED, WORKER, "connector_paused_task_count", GAUGE, "Those that are paused.")                            \
    X(TASKS_FAILED, WORKER, "connector_failed_task_count", GAUGE, "Those that failed.")                                \
    X(TASKS_UNASSIGNED, WORKER, "connector_unassigned_task_count", GAUGE, "Those that are unassigned.")                \
    X(TASKS_DESTROYED, WORKER, "connector_destroyed_task_count", GAUGE, "Those that are destroyed.")                   \
    X(TASKS_RESTARTING, WORKER, "connector_restarting_task_count", GAUGE, "Those that restart.")                       \
    X(LEADER_NAME, REBALANCE_TEXT, "leader_name", GAUGE, "1, labelled with the leader's URL.")                         \
    X(CONNECT_PROTOCOL, REBALANCE_TEXT, "connect_protocol", GAUGE, "1, labelled with the group's protocol.")           \
    X(EPOCH, REBALANCE, "epoch", GAUGE, "Generation of the group.")                                                    \
    X(REBALANCES, REBALANCE, "completed_rebalances_total", COUNTER, "Rounds of the group that were completed.")        \
    X(REBALANCES_BARE, REBALANCE, "completed_rebalances", GAUGE, "The same, as other exporters name it.")              \
    X(REBALANCING, REBALANCE, "rebalancing", GAUGE, "1 while a round is under way.")                                   \
    X(REBALANCE_MAX, REBALANCE, "rebalance_max_time_ms", GAUGE, "Longest round in ms.")                                \
    X(REBALANCE_AVG, REBALANCE, "rebalance_avg_time_ms", GAUGE, "Mean time of a round in ms.")                         \
    X(SINCE_REBALANCE, REBALANCE, "time_since_last_rebalance_ms", GAUGE, "Time since the last round in ms.")           \
    X(ASSIGNED_CONNECTORS, COORDINATOR, "assigned_connectors", GAUGE, "Connectors that the group gave to this worker.") \
    X(ASSIGNED_TASKS, COORDINATOR, "assigned_tasks", GAUGE, "Tasks that the group gave to this worker.")               \
    X(HEARTBEAT_RATE, COORDINATOR, "heartbeat_rate", GAUGE, "Heartbeats answered a second.")                           \
    X(HEARTBEAT_TOTAL, COORDINATOR, "heartbeat_total", COUNTER, "Heartbeats answered.")                                \
    X(HEARTBEAT_MAX, COORDINATOR, "heartbeat_response_time_max", GAUGE, "Longest wait for such an answer in ms.")      \
    X(SINCE_HEARTBEAT, COORDINATOR, "last_heartbeat_seconds_ago", GAUGE, "Seconds since the last one; -1: none yet.")  \
    X(JOIN_RATE, COORDINATOR, "join_rate", GAUGE, "Joins of the group a second.")                                      \
    X(JOIN_TOTAL, COORDINATOR, "join_total", COUNTER, "Joins of the group.")                                           \
    X(JOIN_AVG, COORDINATOR, "join_time_avg", GAUGE, "Mean time of a join in ms.")                                     \
    X(JOIN_MAX, COORDINATOR, "join_time_max", GAUGE, "Longest join in ms.")                                            \
    X(SYNC_RATE, COORDINATOR, "sync_rate", GAUGE, "Assignments asked for a second.")                                   \
    X(SYNC_TOTAL, COORDINATOR, "sync_total", COUNTER, "Assignments asked for.")                                        \
    X(SYNC_AVG, COORDINATOR, "sync_time_avg", GAUGE, "Mean wait for an assignment in ms.")                             \
    X(SYNC_MAX, COORDINATOR, "sync_time_max", GAUGE, "Longest wait for an assignment in ms.")                          \
    X(LATENCY_AVG, COORDINATOR, "rebalance_latency_avg", GAUGE, "Mean time of a round in ms.")                         \
    X(LATENCY_MAX, COORDINATOR, "rebalance_latency_max", GAUGE, "Longest round in ms.")                                \
    X(LATENCY_TOTAL, COORDINATOR, "rebalance_latency_total", COUNTER, "Time of all rounds in ms.")                     \
    X(REBALANCE_TOTAL, COORDINATOR, "rebalance_total", COUNTER, "Rounds of the group that succeeded.")                 \
    X(REBALANCE_RATE, COORDINATOR, "rebalance_rate_per_hour", GAUGE, "Such rounds an hour.")                           \
    X(FAILED_TOTAL, COORDINATOR, "failed_rebalance_total", COUNTER, "Rounds of the group that failed.")                \
    X(FAILED_RATE, COORDINATOR, "failed_rebalance_rate_per_hour", GAUGE, "Such rounds an hour.")                       \
    X(LAST_REBALANCE, COORDINATOR, "last_rebalance_seconds_ago", GAUGE, "Seconds since the last round; -1: none yet.") \
    X(CONNECTIONS, CLIENT, "connection_count", GAUGE, "Connections to the group's brokers that are open.")             \
    X(OPENED_RATE, CLIENT, "connection_creation_rate", GAUGE, "Such connections made a second.")                       \
    X(OPENED_TOTAL, CLIENT, "connection_creation_total", COUNTER, "Such connections made.")                            \
    X(CLOSED_RATE, CLIENT, "connection_close_rate", GAUGE, "Those closed a second.")                                   \
    X(CLOSED_TOTAL, CLIENT, "connection_close_total", COUNTER, "Those closed.")                                        \
    X(IO_RATE, CLIENT, "network_io_rate", GAUGE, "Requests and responses on them a second.")                           \
    X(IO_TOTAL, CLIENT, "network_io_total", COUNTER, "Requests and responses on them.")                                \
    X(REQUEST_RATE, CLIENT, "request_rate", GAUGE, "Requests a second.")                                               \
    X(REQUEST_TOTAL, CLIENT, "request_total", COUNTER, "Requests.")                                                    \
    X(REQUEST_AVG, CLIENT, "request_size_avg", GAUGE, "Mean request in bytes.")                                        \
    X(REQUEST_MAX, CLIENT, "request_size_max", GAUGE, "Largest request in bytes.")                                     \
    X(RESPONSE_RATE, CLIENT, "response_rate", GAUGE, "Responses a second.")                                            \
    X(RESPONSE_TOTAL, CLIENT, "response_total", COUNTER, "Responses.")                                                 \
    X(INCOMING_RATE, CLIENT, "incoming_byte_rate", GAUGE, "Bytes of responses a second.")                              \
    X(INCOMING_TOTAL, CLIENT, "incoming_byte_total", COUNTER, "Bytes of responses.")                                   \
    X(OUTGOING_RATE, CLIENT, "outgoing_byte_rate", GAUGE, "Bytes of requests a second.")                               \
    X(OUTGOING_TOTAL, CLIENT, "outgoing_byte_total", COUNTER, "Bytes of requests.")                                    \
    X(LOGIN_RATE, CLIENT, "successful_authentication_rate", GAUGE, "Logins of new connections a second.")              \
    X(LOGIN_TOTAL, CLIENT, "successful_authentication_total", COUNTER, "Logins of new connections.")                   \
    X(LOGIN_AGAIN_RATE, CLIENT, "successful_reauthentication_rate", GAUGE, "Logins anew on open connections a second.")\
    X(LOGIN_AGAIN_TOTAL, CLIENT, "successful_reauthentication_total", COUNTER, "Logins anew on open connections.")     \
    X(LOGIN_FAILED_RATE, CLIENT, "failed_authentication_rate", GAUGE, "Logins that failed a second.")                  \
    X(LOGIN_FAILED_TOTAL, CLIENT, "failed_authentication_total", COUNTER, "Logins that failed.")                       \
    X(SELECT_RATE, CLIENT, "select_rate", GAUGE, "Waits for the connection a second.")                                 \
    X(SELECT_TOTAL, CLIENT, "select_total", COUNTER, "Waits for the connection.")                                      \
    X(WAIT_AVG, CLIENT, "io_wait_time_ns_avg", GAUGE, "Mean wait in ns.")                                              \
    X(WAIT_TOTAL, CLIENT, "io_wait_time_ns_total", COUNTER, "Time of all waits in ns.")                                \
    X(WAIT_RATIO, CLIENT, "io_wait_ratio", GAUGE, "Share of the time spent waiting.")                                  \
    X(MOVE_AVG, CLIENT, "io_time_ns_avg", GAUGE, "Mean time of a turn of reading and writing in ns.")                  \
    X(MOVE_TOTAL, CLIENT, "io_time_ns_total", COUNTER, "Time of all such turns in ns.")                                \
    X(MOVE_RATIO, CLIENT, "io_ratio", GAUGE, "Share of the time spent reading and writing.")                           \
    X(ADMIN_CONNECTIONS, ADMIN, "connection_count", GAUGE, "Connections of the worker's admin client that are open.")  \
    X(ADMIN_OPENED, ADMIN, "connection_creation_total", COUNTER, "Such connections made.")                             \
    X(ADMIN_CLOSED, ADMIN, "connection_close_total", COUNTER, "Those closed.")                                         \
    X(PRODUCER_CONNECTIONS, PRODUCER, "connection_count", GAUGE, "Connections of the task's producer that are open.")  \
    X(PRODUCER_REQUESTS, PRODUCER, "request_total", COUNTER, "Requests on them.")                                      \
    X(PRODUCER_RESPONSES, PRODUCER, "response_total", COUNTER, "Responses on them.")                                   \
    X(PRODUCER_OUTGOING, PRODUCER, "outgoing_byte_total", COUNTER, "Bytes of the requests.")                           \
    X(PRODUCER_INCOMING, PRODUCER, "incoming_byte_total", COUNTER, "Bytes of the responses.")                          \
    X(PRODUCER_SENT, PRODUCER, "record_send_total", COUNTER, "Records that are in Kafka.")                             \
    X(PRODUCER_SENT_RATE, PRODUCER, "record_send_rate", GAUGE, "Records that came into Kafka a second.")               \
    X(CONSUMER_CONNECTIONS, CONSUMER, "connection_count", GAUGE, "Connections of the task's consumer that are open.")  \
    X(CONSUMER_REQUESTS, CONSUMER, "request_total", COUNTER, "Requests on them.")                                      \
    X(CONSUMER_RESPONSES, CONSUMER, "response_total", COUNTER, "Responses on them.")                                   \
    X(CONSUMER_OUTGOING, CONSUMER, "outgoing_byte_total", COUNTER, "Bytes of the requests.")                           \
    X(CONSUMER_INCOMING, CONSUMER, "incoming_byte_total", COUNTER, "Bytes of the responses.")                          \
    X(CONSUMED, FETCH, "records_consumed_total", COUNTER, "Records read from Kafka.")                                  \
    X(CONSUMED_RATE, FETCH, "records_consumed_rate", GAUGE, "Records read from Kafka a second.")                       \
    X(LAG_MAX, FETCH, "records_lag_max", GAUGE, "Records behind in the partition that is most behind.")                \
    X(CONNECTOR_STATUS, CONNECTOR_TEXT, "status", GAUGE, "1, labelled with the state of the connector.")               \
    X(CONNECTOR_TYPE, CONNECTOR_TEXT, "connector_type", GAUGE, "1, labelled with source or sink.")                     \
    X(CONNECTOR_CLASS, CONNECTOR_TEXT, "connector_class", GAUGE, "1, labelled with the connector's class.")            \
    X(CONNECTOR_VERSION, CONNECTOR_TEXT, "connector_version", GAUGE, "1, labelled with the class's version.")          \
    X(TASK_STATUS, TASK_TEXT, "status", GAUGE, "1, labelled with the state of the task.")                              \
    X(RUNNING_RATIO, TASK, "running_ratio", GAUGE, "Share of its life that the task was running.")                     \
    X(PAUSE_RATIO, TASK, "pause_ratio", GAUGE, "Share of its life that the task was paused.")                          \
    X(BATCH_MAX, TASK, "batch_size_max", GAUGE, "Largest batch in records.")                                           \
    X(BATCH_AVG, TASK, "batch_size_avg", GAUGE, "Mean batch in records.")                                              \
    X(COMMIT_MAX, TASK, "offset_commit_max_time_ms", GAUGE, "Longest offset commit in ms.")                            \
    X(COMMIT_AVG, TASK, "offset_commit_avg_time_ms", GAUGE, "Mean offset commit in ms.")                               \
    X(COMMIT_SUCCESS, TASK, "offset_commit_success_percentage", GAUGE, "Share of offset commits that succeeded.")      \
    X(COMMIT_FAILURE, TASK, "offset_commit_failure_percentage", GAUGE, "Share of offset commits that failed.")         \
    X(POLL_RATE, SOURCE, "source_record_poll_rate", GAUGE, "Records that the source gave a second.")                   \
    X(POLL_TOTAL, SOURCE, "source_record_poll_total", COUNTER, "Records that the source gave.")                        \
    X(WRITE_RATE, SOURCE, "source_record_write_rate", GAUGE, "Records that came into Kafka a second.")                 \
    X(WRITE_TOTAL, SOURCE, "source_record_write_total", COUNTER, "Records that are in Kafka.")                         \
    X(SOURCE_ACTIVE, SOURCE, "source_record_active_count", GAUGE, "Records given and not yet in Kafka.")               \
    X(SOURCE_ACTIVE_MAX, SOURCE, "source_record_active_count_max", GAUGE, "Most of them.")                             \
    X(SOURCE_ACTIVE_AVG, SOURCE, "source_record_active_count_avg", GAUGE, "Mean of them.")                             \
    X(POLL_MAX, SOURCE, "poll_batch_max_time_ms", GAUGE, "Longest poll that gave records in ms.")                      \
    X(POLL_AVG, SOURCE, "poll_batch_avg_time_ms", GAUGE, "Mean time of a poll that gave records in ms.")               \
    X(TRANSACTION_MIN, SOURCE, "transaction_size_min", GAUGE, "Smallest transaction in records (exactly once).")       \
    X(TRANSACTION_MAX, SOURCE, "transaction_size_max", GAUGE, "Largest transaction in records (exactly once).")        \
    X(TRANSACTION_AVG, SOURCE, "transaction_size_avg", GAUGE, "Mean transaction in records (exactly once).")           \
    X(READ_RATE, SINK, "sink_record_read_rate", GAUGE, "Records read from Kafka a second.")                            \
    X(READ_TOTAL, SINK, "sink_record_read_total", COUNTER, "Records read from Kafka.")                                 \
    X(SEND_RATE, SINK, "sink_record_send_rate", GAUGE, "Records given to the sink a second.")                          \
    X(SEND_TOTAL, SINK, "sink_record_send_total", COUNTER, "Records given to the sink.")                               \
    X(SINK_ACTIVE, SINK, "sink_record_active_count", GAUGE, "Records read and not yet committed.")                     \
    X(SINK_ACTIVE_MAX, SINK, "sink_record_active_count_max", GAUGE, "Most of them.")                                   \
    X(SINK_ACTIVE_AVG, SINK, "sink_record_active_count_avg", GAUGE, "Mean of them.")                                   \
    X(PARTITION_COUNT, SINK, "partition_count", GAUGE, "Partitions that the consumer group gave to the task.")         \
    X(COMMIT_NUMBER, SINK, "offset_commit_seq_no", GAUGE, "Number of the last offset commit.")                         \
    X(COMMIT_RATE, SINK, "offset_commit_completion_rate", GAUGE, "Offset commits that succeeded a second.")            \
    X(COMMIT_TOTAL, SINK, "offset_commit_completion_total", COUNTER, "Offset commits that succeeded.")                 \
    X(SKIP_RATE, SINK, "offset_commit_skip_rate", GAUGE, "Offset commits answered too late a second.")                 \
    X(SKIP_TOTAL, SINK, "offset_commit_skip_total", COUNTER, "Offset commits that were answered too late.")            \
    X(PUT_MAX, SINK, "put_batch_max_time_ms", GAUGE, "Longest put in ms.")                                             \
    X(PUT_AVG, SINK, "put_batch_avg_time_ms", GAUGE, "Mean time of a put in ms.")                                      \
    X(RECORD_FAILURES, ERROR, "total_record_failures", COUNTER, "Attempts at a record that failed.")                   \
    X(RECORD_ERRORS, ERROR, "total_record_errors", COUNTER, "Records that were given up.")                             \
    X(RECORDS_SKIPPED, ERROR, "total_records_skipped", COUNTER, "Failed records that were skipped.")                   \
    X(RETRIES, ERROR, "total_retries", COUNTER, "Operations that were tried again.")                                   \
    X(ERRORS_LOGGED, ERROR, "total_errors_logged", COUNTER, "Failed records that were logged.")                        \
    X(DEAD_LETTERS, ERROR, "deadletterqueue_produce_requests", COUNTER, "Records for the dead letter queue.")          \
    X(DEAD_FAILURES, ERROR, "deadletterqueue_produce_failures", COUNTER, "Those that it did not take.")                \
    X(LAST_ERROR, ERROR, "last_error_timestamp", GAUGE, "When a record last failed, in ms since 1970; 0: never.")

enum worker_metric {
#define WORKER_METRIC_ID(id, bean, attribute, type, help) METRIC_##id,
    WORKER_METRIC_ROWS(WORKER_METRIC_ID)
#undef WORKER_METRIC_ID
    WORKER_METRICS
};

/* By worker_metric. */
extern const struct cv_metric worker_metric_rows[WORKER_METRICS];

/* A value of a Kafka client, labelled with its name as each dialect does. */
void worker_metric_of_client(struct cv_metrics_sink *sink, enum worker_metric metric, const char *client_id,
                             double value);

#endif
