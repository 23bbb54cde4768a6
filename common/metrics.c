/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metric table to Prometheus text, in up to three dialects.
 *
 * The format wants all samples of a name together under one HELP and TYPE, while collectors hand them over
 * connector by connector: so a scrape gathers samples into families first and prints them after. A family is
 * found by its name, which several metrics, or one metric in several dialects, may share. Values are asked for
 * at scrape time only; nothing is kept in between. Any thread, under a lock of rank METRICS.
 */
#include "common/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/thread.h"

#define LABELS_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct collector {
    cv_metrics_collect *collect;
    void *arg;
};

struct cv_metrics {
    struct cv_lock lock;
    struct collector *collectors;
    size_t count;
    size_t cap;
};

struct sample {
    size_t labels_pos; /* in the sink's labels */
    size_t labels_len;
    double value;
};

struct family {
    const struct cv_metric *metric; /* the first that used the name: its help and type */
    struct sample *samples;
    size_t count;
    size_t cap;
};

struct cv_metrics_sink {
    unsigned dialects;
    struct cv_hash *families; /* by name, in order of appearance */
    struct cv_buf labels;
    bool out_of_memory;
};

struct cv_metrics *
cv_metrics_new(void)
{
    struct cv_metrics *metrics = calloc(1, sizeof(*metrics));

    if (metrics != NULL)
        cv_lock_init(&metrics->lock, CV_RANK_METRICS);
    return metrics;
}

void
cv_metrics_free(struct cv_metrics *metrics)
{
    if (metrics == NULL)
        return;
    cv_lock_done(&metrics->lock);
    free(metrics->collectors);
    free(metrics);
}

enum cv_rc
cv_metrics_register(struct cv_metrics *metrics, cv_metrics_collect *collect, void *arg,
                    struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    cv_lock(&metrics->lock);
    if (metrics->count == metrics->cap) {
        size_t cap = metrics->cap == 0 ? 8 : metrics->cap * 2;
        struct collector *collectors = realloc(metrics->collectors, cap * sizeof(*collectors));

        if (collectors == NULL) {
            rc = cv_fail_memory(err);
            goto out;
        }
        metrics->collectors = collectors;
        metrics->cap = cap;
    }
    metrics->collectors[metrics->count++] = (struct collector){ .collect = collect, .arg = arg };
out:
    cv_unlock(&metrics->lock);
    return rc;
}

void
cv_metrics_unregister(struct cv_metrics *metrics, cv_metrics_collect *collect, void *arg)
{
    cv_lock(&metrics->lock);
    for (size_t i = 0; i < metrics->count; i++) {
        if (metrics->collectors[i].collect == collect && metrics->collectors[i].arg == arg) {
            metrics->count--;
            memmove(metrics->collectors + i, metrics->collectors + i + 1,
                    (metrics->count - i) * sizeof(*metrics->collectors));
            break;
        }
    }
    cv_unlock(&metrics->lock);
}

/* --- gathering ---------------------------------------------------------------------------------------- */

static void
family_free(void *value)
{
    struct family *family = value;

    free(family->samples);
    free(family);
}

/* text with a backslash before each of marks, and \n for a line feed. */
static void
add_escaped(struct cv_buf *out, const char *text, const char *marks)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            cv_buf_str(out, "\\n");
            continue;
        }
        if (strchr(marks, *text) != NULL)
            cv_buf_char(out, '\\');
        cv_buf_char(out, *text);
    }
}

static void
add_labels(struct cv_buf *out, const struct cv_label *labels, size_t n_labels)
{
    for (size_t i = 0; i < n_labels; i++) {
        cv_buf_char(out, i == 0 ? '{' : ',');
        cv_buf_str(out, labels[i].name);
        cv_buf_str(out, "=\"");
        add_escaped(out, labels[i].value, "\\\"");
        cv_buf_char(out, '"');
    }
    if (n_labels > 0)
        cv_buf_char(out, '}');
}

/* NULL when memory is out. */
static struct family *
family_get(struct cv_metrics_sink *sink, const char *name, const struct cv_metric *metric)
{
    struct family *family = cv_hash_get(sink->families, name);

    if (family != NULL)
        return family;
    family = calloc(1, sizeof(*family));
    if (family == NULL)
        return NULL;
    family->metric = metric;
    if (!cv_hash_put(sink->families, name, family)) {
        free(family);
        return NULL;
    }
    return family;
}

static bool
family_add(struct family *family, const struct sample *sample)
{
    if (family->count == family->cap) {
        size_t cap = family->cap == 0 ? 4 : family->cap * 2;
        struct sample *samples = realloc(family->samples, cap * sizeof(*samples));

        if (samples == NULL)
            return false;
        family->samples = samples;
        family->cap = cap;
    }
    family->samples[family->count++] = *sample;
    return true;
}

/* Whether an earlier one of the dialects has the same name for the metric. */
static bool
named_before(unsigned dialects, const struct cv_metric *metric, int dialect)
{
    for (int i = 0; i < dialect; i++) {
        if ((dialects >> i & 1) != 0 && metric->names[i] != NULL &&
            strcmp(metric->names[i], metric->names[dialect]) == 0)
            return true;
    }
    return false;
}

static bool
is_of_no_dialect(const struct cv_metric *metric)
{
    for (int i = 1; i < CV_DIALECTS; i++)
        if (metric->names[i] != NULL)
            return false;
    return true;
}

void
cv_metrics_add(struct cv_metrics_sink *sink, const struct cv_metric *metric,
               const struct cv_label *labels, size_t n_labels, double value)
{
    cv_metrics_add_in(sink, (1u << CV_DIALECTS) - 1, metric, labels, n_labels, value);
}

void
cv_metrics_add_in(struct cv_metrics_sink *sink, unsigned dialects, const struct cv_metric *metric,
                  const struct cv_label *labels, size_t n_labels, double value)
{
    struct sample sample = { .labels_pos = sink->labels.len, .value = value };

    dialects = is_of_no_dialect(metric) ? 1u << CV_DIALECT_PLAIN : dialects & sink->dialects;
    if (dialects == 0)
        return;
    add_labels(&sink->labels, labels, n_labels);
    sample.labels_len = sink->labels.len - sample.labels_pos;
    for (int i = 0; i < CV_DIALECTS; i++) {
        struct family *family;

        if ((dialects >> i & 1) == 0 || metric->names[i] == NULL || named_before(dialects, metric, i))
            continue;
        family = family_get(sink, metric->names[i], metric);
        if (family == NULL || !family_add(family, &sample))
            sink->out_of_memory = true;
    }
}

/* --- printing ----------------------------------------------------------------------------------------- */

static void
add_value(struct cv_buf *out, double value)
{
    char text[40];

    if (isnan(value)) {
        cv_buf_str(out, "NaN");
    } else if (isinf(value)) {
        cv_buf_str(out, value > 0 ? "+Inf" : "-Inf");
    } else if (fabs(value) < 1e15 && value == floor(value)) {
        cv_buf_i64(out, (int64_t)value);
    } else {
        /* 15 digits where they are enough: 0.1, not 0.10000000000000001. */
        snprintf(text, sizeof(text), "%.15g", value);
        if (strtod(text, NULL) != value)
            snprintf(text, sizeof(text), "%.17g", value);
        cv_buf_str(out, text);
    }
}

static void
write_family(struct cv_buf *out, const struct cv_metrics_sink *sink, const char *name,
             const struct family *family)
{
    if (family->metric->help != NULL) {
        cv_buf_printf(out, "# HELP %s ", name);
        add_escaped(out, family->metric->help, "\\");
        cv_buf_char(out, '\n');
    }
    cv_buf_printf(out, "# TYPE %s %s\n", name,
                  family->metric->type == CV_COUNTER ? "counter" : "gauge");
    for (size_t i = 0; i < family->count; i++) {
        const struct sample *sample = &family->samples[i];

        cv_buf_str(out, name);
        cv_buf_add(out, cv_buf_cstr(&sink->labels) + sample->labels_pos, sample->labels_len);
        cv_buf_char(out, ' ');
        add_value(out, sample->value);
        cv_buf_char(out, '\n');
    }
}

void
cv_metrics_write(struct cv_metrics *metrics, unsigned dialects, struct cv_buf *out)
{
    struct cv_metrics_sink sink = { .dialects = dialects, .labels = CV_BUF_INIT(LABELS_MAX_BYTES) };
    struct cv_hash_entry entry;
    size_t i = 0;

    sink.families = cv_hash_new(family_free);
    if (sink.families == NULL) {
        out->failed = CV_RETRY;
        return;
    }
    cv_lock(&metrics->lock);
    for (size_t c = 0; c < metrics->count; c++)
        metrics->collectors[c].collect(metrics->collectors[c].arg, &sink);
    cv_unlock(&metrics->lock);
    while (cv_hash_next(sink.families, &i, &entry))
        write_family(out, &sink, entry.key, entry.value);
    if (sink.labels.failed != CV_OK || sink.out_of_memory)
        out->failed = CV_RETRY;
    cv_buf_free(&sink.labels);
    cv_hash_free(sink.families);
}
