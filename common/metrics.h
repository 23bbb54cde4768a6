/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics. Modules describe their metrics in tables (struct cv_metric) and hand the values over when asked:
 * a scrape calls every registered collector, which adds samples; the samples are grouped by metric and
 * printed as Prometheus text. A metric may have up to four names, one a dialect, for the dashboards that
 * exist: those of the JMX exporter's example rules, of Confluent's stack, of Strimzi's metrics reporter, of Debezium's
 * examples. A NULL name leaves it out there; one with a first name only is of no dialect, and always printed.
 */
#ifndef COMMON_METRICS_H
#define COMMON_METRICS_H

#include <culvert/err.h>

struct cv_buf;

enum cv_metric_type { CV_GAUGE, CV_COUNTER };

enum cv_metric_dialect { CV_DIALECT_PLAIN, CV_DIALECT_CONFLUENT, CV_DIALECT_STRIMZI, CV_DIALECT_DEBEZIUM, CV_DIALECTS };

struct cv_metric {
    enum cv_metric_type type;
    const char *names[CV_DIALECTS]; /* names[0] is required; equal names are printed once */
    const char *help;
    const char *context; /* of a connector's: the label "context"; NULL: none (see cv_plugin.metrics) */
    const char *part;    /* of a connector's: there is one value for each of its parts, told by this label; NULL: one */
};

struct cv_label {
    const char *name;
    const char *value;
};

struct cv_metrics;        /* the registry of a program */
struct cv_metrics_sink;   /* one scrape under way */

typedef void cv_metrics_collect(void *arg, struct cv_metrics_sink *sink);

struct cv_metrics *cv_metrics_new(void);
void cv_metrics_free(struct cv_metrics *metrics);
/* Collectors run on the scraping thread, under the registry's lock: they must not scrape or register. */
CV_MUST_CHECK enum cv_rc cv_metrics_register(struct cv_metrics *metrics, cv_metrics_collect *collect,
                                             void *arg, struct cv_err *err);
void cv_metrics_unregister(struct cv_metrics *metrics, cv_metrics_collect *collect, void *arg);

/* From a collector. NaN is printed as NaN. Labels are copied. */
void cv_metrics_add(struct cv_metrics_sink *sink, const struct cv_metric *metric,
                    const struct cv_label *labels, size_t n_labels, double value);

/* The same in these dialects only (1 << dialect, ...), where labels differ. */
void cv_metrics_add_in(struct cv_metrics_sink *sink, unsigned dialects, const struct cv_metric *metric,
                       const struct cv_label *labels, size_t n_labels, double value);

/* Every sample as Prometheus text format 0.0.4, in every dialect of the bit set (1 << dialect). Without memory
   out is marked failed: cv_buf_check says so. */
void cv_metrics_write(struct cv_metrics *metrics, unsigned dialects, struct cv_buf *out);

#endif
