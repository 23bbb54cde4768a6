/* SPDX-License-Identifier: Apache-2.0 */
/* What a sink subscribes to: the topics of "topics", or those that match "topics.regex" now. */
#include <config.h>

#include "worker/sink_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/kafka/admin.h"
#include "common/log.h"
#include "common/regex.h"

#define LIST_TIMEOUT_MS 30000
#define NO_MATCH_MS     5000

static void
names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Keep what the pattern matches, sorted; Kafka's own topics are not for sinks. */
static size_t
keep_matches(const struct cv_regex *regex, char **names, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        bool internal = strcmp(names[i], "__consumer_offsets") == 0 || strcmp(names[i], "__transaction_state") == 0;

        if (!internal && cv_regex_matches(regex, names[i], strlen(names[i])))
            names[kept++] = names[i];
        else
            free(names[i]);
    }
    if (kept > 0)
        qsort(names, kept, sizeof(*names), by_name);
    return kept;
}

static bool
same_names(char *const *a, size_t n_a, char *const *b, size_t n_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

enum cv_rc
sink_topics_refresh(struct sink_runtime *rt, struct cv_err *err)
{
    char **names = NULL;
    size_t count = 0;

    if (rt->regex == NULL || cv_mono_ms() < rt->subscribe_due_ms)
        return CV_OK;
    rt->subscribe_due_ms = cv_mono_ms() + NO_MATCH_MS;
    if (cv_admin_topics(rt->task->spec.admin, LIST_TIMEOUT_MS, &names, &count, err) != CV_OK) {
        CV_LOG_WARN(rt->task->log, "could not list topics, trying again", CV_ERR(err));
        return CV_OK;
    }
    count = keep_matches(rt->regex, names, count);
    if (count > 0)
        rt->subscribe_due_ms = cv_mono_ms() + rt->metadata_ms;
    if (same_names(names, count, rt->subscribed, rt->n_subscribed)) {
        names_free(names, count);
        return CV_OK;
    }
    names_free(rt->subscribed, rt->n_subscribed);
    rt->subscribed = names;
    rt->n_subscribed = count;
    CV_LOG_INFO(rt->task->log, "topics match topics.regex", CV_INT("count", (int64_t)count));
    return cv_consumer_subscribe(rt->consumer, (const char *const *)names, count, err);
}

static enum cv_rc
subscribe_list(struct sink_runtime *rt, struct cv_err *err)
{
    static const struct cv_config_def defs[] = { { .name = "topics", .type = CV_CONFIG_LIST, .def = "" },
                                                 CV_CONFIG_END };
    struct cv_config_errors errors = { .items = NULL };
    struct cv_list list = { .items = NULL };
    size_t n = 0;
    enum cv_rc rc = cv_config_parse(defs, rt->task->connector_config, &list, &errors, err);

    for (size_t i = 0; i < list.count && rc == CV_OK; i++) { /* each once, no empty names */
        bool again = list.items[i][0] == '\0';

        for (size_t k = 0; k < n && !again; k++)
            again = strcmp(list.items[k], list.items[i]) == 0;
        if (!again) {
            char *name = list.items[i];

            list.items[i] = list.items[n];
            list.items[n++] = name;
        }
    }
    if (rc == CV_OK && n == 0)
        rc = cv_fail(err, CV_INVALID, "topics: \"%s\" names no topic; name at least one, or set topics.regex",
                     cv_config_get(rt->task->connector_config, "topics"));
    if (rc == CV_OK)
        rc = cv_consumer_subscribe(rt->consumer, (const char *const *)list.items, n, err);
    cv_config_errors_done(&errors);
    cv_config_done(defs, &list);
    return rc;
}

enum cv_rc
sink_subscribe(struct sink_runtime *rt, struct cv_err *err)
{
    const char *regex = cv_config_get(rt->task->connector_config, "topics.regex");

    if (regex == NULL || regex[0] == '\0')
        return subscribe_list(rt, err);
    if (cv_regex_new(regex, false, &rt->regex, err) != CV_OK)
        return cv_err_context(err, "topics.regex");
    return CV_OK;
}

void
sink_topics_done(struct sink_runtime *rt)
{
    names_free(rt->subscribed, rt->n_subscribed);
    cv_regex_free(rt->regex);
}
