/* SPDX-License-Identifier: Apache-2.0 */
/* What culvert-worker --print-metrics says. Metrics come from their rows, so that the page cannot differ from them. */
#include <config.h>

#include "programs/worker_metrics.h"

#include <culvert/plugin.h>

#include "programs/builtin.h"
#include "worker/metric_rows.h"

static void
print_intro(FILE *out)
{
    fputs("# Metrics\n"
          "\n"
          "`GET /metrics` on the listeners, in Prometheus's text format. This page is printed by\n"
          "`culvert-worker --print-metrics`; `make docs` renews it.\n"
          "\n"
          "A metric of Kafka Connect has up to four names, one for each family of dashboards. `metrics.dialects` lists "
          "those\n"
          "that are printed, and `/metrics?dialect=NAME` asks for one (or several) at a time:\n"
          "\n"
          "| dialect | names and labels as |\n"
          "|---|---|\n"
          "| `plain` (default) | the JMX exporter's example rules for Kafka Connect, and Strimzi's rules for it; "
          "`clientId` |\n"
          "| `confluent` | the rules of Confluent's monitoring stacks; `client_id`, `connector=\"aggregate\"` for the "
          "whole worker |\n"
          "| `strimzi` | Strimzi's metrics reporter: as Confluent's, texts end in `_info`; `client_id` |\n"
          "| `debezium` | the rules of Debezium's examples, which know the worker and its client; `client` |\n"
          "\n"
          "Rates, averages and extremes are of the last `metrics.num.samples` times `metrics.sample.window.ms` (60 "
          "s);\n"
          "averages and extremes without a value in that time are `NaN`, percentages are fractions of 1, as with "
          "Java's\n"
          "workers. Metrics of tasks have the labels `connector` and `task`, those of `kafka_connect_coordinator_` the "
          "client's\n"
          "name. Tasks of a connector are counted by stored status where they run, so sum over the workers of a "
          "group.\n"
          "\n"
          "## Kafka Connect's\n"
          "\n"
          "| plain | confluent | strimzi | debezium | type | |\n"
          "|---|---|---|---|---|---|\n",
          out);
}

static void
print_name(FILE *out, const char *name)
{
    if (name == NULL)
        fputs(" | ", out);
    else
        fprintf(out, "`%s` | ", name);
}

static const char *
type_of(const struct cv_metric *metric)
{
    return metric->type == CV_COUNTER ? "counter" : "gauge";
}

static void
print_plugins(FILE *out)
{
    for (size_t i = 0; builtin_plugins[i] != NULL; i++) {
        const struct cv_plugin *plugin = builtin_plugins[i];

        if (plugin->n_metrics == 0 || (i > 0 && plugin->metrics == builtin_plugins[i - 1]->metrics))
            continue;
        fprintf(out, "\n## Of tasks of %s\n\n| name | type | |\n|---|---|---|\n", plugin->name);
        for (size_t m = 0; m < plugin->n_metrics; m++)
            fprintf(out, "| `%s` | %s | %s |\n", plugin->metrics[m].names[0], type_of(&plugin->metrics[m]),
                    plugin->metrics[m].help);
    }
}

void
worker_metrics_print(FILE *out)
{
    print_intro(out);
    for (size_t i = 0; i < WORKER_METRICS; i++) {
        const struct cv_metric *metric = &worker_metric_rows[i];

        fputs("| ", out);
        for (size_t d = 0; d < CV_DIALECTS; d++)
            print_name(out, metric->names[d]);
        fprintf(out, "%s | %s |\n", type_of(metric), metric->help);
    }
    print_plugins(out);
    fputs("\n"
          "## Of the process, in every dialect\n"
          "\n"
          "`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_virtual_memory_bytes`, "
          "`process_open_fds`,\n"
          "`process_max_fds`, `process_start_time_seconds` and `process_threads` as with Prometheus's clients;\n"
          "`culvert_http_responses_total{class}`, `culvert_http_request_seconds{quantile}`, `culvert_http_connections` "
          "and\n"
          "`culvert_http_timeouts_total` of the REST server. Version, commit and start of the worker are\n"
          "`kafka_connect_version_info`, `kafka_connect_commit_id_info` and `kafka_connect_start_time_seconds` in "
          "`plain`,\n"
          "labels of `kafka_connect_app_info` and `kafka_connect_app` in `confluent`, `kafka_connect_app_info_...` in "
          "`strimzi`.\n"
          "\n"
          "What librdkafka does not tell of its clients is not there: of `kafka_producer_`, `kafka_consumer_` and\n"
          "`kafka_admin_client_` no times of waiting and of input and output, no sizes and latencies of requests, no "
          "throttling\n"
          "(and of the last, for the sake of memory, no requests and bytes); nor is the JVM (`jvm_...`). "
          "`sink_record_lag_max`\n"
          "is declared by Kafka Connect, but never set there either.\n",
          out);
}
