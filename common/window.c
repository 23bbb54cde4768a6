/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of samples. The writer moves to the next one when the present one is full; what is older
 * than all samples together counts no more. Source: SampledStat, Rate of org.apache.kafka.common
 * .metrics.stats.
 */
#include <config.h>

#include "common/window.h"

#include <math.h>
#include <stdlib.h>

#include "common/clock.h"

#define GET(place)        atomic_load_explicit(place, memory_order_relaxed)
#define SET(place, value) atomic_store_explicit(place, value, memory_order_relaxed)

static void
begin(struct cv_window_sample *sample, int64_t now_ms)
{
    SET(&sample->start_ms, now_ms);
    SET(&sample->count, 0);
    SET(&sample->sum, 0);
    SET(&sample->min, INFINITY);
    SET(&sample->max, -INFINITY);
}

enum cv_rc
cv_window_init(struct cv_window *window, const struct cv_window_spec *spec, struct cv_err *err)
{
    struct cv_window_sample *samples;

    if (spec->n_samples == 0)
        return CV_OK;
    samples = calloc(spec->n_samples, sizeof(*samples));
    if (samples == NULL)
        return cv_fail_memory(err);
    window->sample_ms = spec->sample_ms;
    window->n_samples = spec->n_samples;
    atomic_init(&window->current, 0);
    window->samples = samples;
    for (unsigned i = 0; i < spec->n_samples; i++)
        begin(&samples[i], cv_mono_ms());
    return CV_OK;
}

void
cv_window_done(struct cv_window *window)
{
    free(window->samples);
    window->samples = NULL;
}

void
cv_window_record(struct cv_window *window, double value)
{
    unsigned current = GET(&window->current);
    int64_t now_ms = cv_mono_ms();
    struct cv_window_sample *sample;

    if (window->samples == NULL)
        return;
    sample = &window->samples[current];
    if (now_ms - GET(&sample->start_ms) >= window->sample_ms) {
        current = (current + 1) % window->n_samples;
        sample = &window->samples[current];
        begin(sample, now_ms);
        SET(&window->current, current);
    }
    SET(&sample->sum, GET(&sample->sum) + value);
    SET(&sample->min, fmin(GET(&sample->min), value));
    SET(&sample->max, fmax(GET(&sample->max), value));
    SET(&sample->count, GET(&sample->count) + 1);
}

struct totals {
    uint64_t count;
    double sum, min, max;
    int64_t since_ms; /* the oldest sample's begin */
};

static struct totals
total(const struct cv_window *window, int64_t now_ms)
{
    struct totals t = { .min = INFINITY, .max = -INFINITY, .since_ms = now_ms };

    for (unsigned i = 0; window->samples != NULL && i < window->n_samples; i++) {
        const struct cv_window_sample *sample = &window->samples[i];
        int64_t start_ms = GET(&sample->start_ms);

        if ((now_ms - start_ms) / window->n_samples >= window->sample_ms)
            continue;
        t.count += GET(&sample->count);
        t.sum += GET(&sample->sum);
        t.min = fmin(t.min, GET(&sample->min));
        t.max = fmax(t.max, GET(&sample->max));
        if (start_ms < t.since_ms)
            t.since_ms = start_ms;
    }
    return t;
}

double
cv_window_avg(const struct cv_window *window)
{
    struct totals t = total(window, cv_mono_ms());

    return t.count == 0 ? NAN : t.sum / (double)t.count;
}

double
cv_window_min(const struct cv_window *window)
{
    struct totals t = total(window, cv_mono_ms());

    return t.count == 0 ? NAN : t.min;
}

double
cv_window_max(const struct cv_window *window)
{
    struct totals t = total(window, cv_mono_ms());

    return t.count == 0 ? NAN : t.max;
}

/* All samples but the present one count as full, so that the first values are no burst. */
static double
seconds(const struct cv_window *window, int64_t elapsed_ms)
{
    int64_t full = elapsed_ms / window->sample_ms, wanted = (int64_t)window->n_samples - 1;

    if (full < wanted)
        elapsed_ms += (wanted - full) * window->sample_ms;
    return (double)(elapsed_ms < window->sample_ms ? window->sample_ms : elapsed_ms) / 1000.0;
}

double
cv_window_rate(const struct cv_window *window)
{
    int64_t now_ms = cv_mono_ms();
    struct totals t = total(window, now_ms);

    return t.count == 0 ? 0 : t.sum / seconds(window, now_ms - t.since_ms);
}

double
cv_window_count_rate(const struct cv_window *window)
{
    int64_t now_ms = cv_mono_ms();
    struct totals t = total(window, now_ms);

    return t.count == 0 ? 0 : (double)t.count / seconds(window, now_ms - t.since_ms);
}

enum cv_rc
cv_tally_init(struct cv_tally *tally, const struct cv_window_spec *spec, struct cv_err *err)
{
    return cv_window_init(&tally->window, spec, err);
}

void
cv_tally_done(struct cv_tally *tally)
{
    cv_window_done(&tally->window);
}

void
cv_tally_count(struct cv_tally *tally, int64_t value)
{
    cv_window_record(&tally->window, (double)value);
    atomic_fetch_add_explicit(&tally->count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->sum, value, memory_order_relaxed);
    SET(&tally->last_ms, cv_mono_ms());
}
