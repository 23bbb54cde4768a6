/* SPDX-License-Identifier: Apache-2.0 */
/* TimestampRouter: the topic's new name is made of the old one and the record's timestamp. */
#include <config.h>

#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "transforms/date_pattern.h"
#include "transforms/smt.h"
#include "transforms/transforms.h"

#define TOPIC_MAX 4096

struct router_options {
    char *topic_format;
    char *timestamp_format;
};

struct timestamp_router {
    struct smt smt;
    struct router_options options;
    struct date_pattern *pattern;
};

static const struct cv_config_def router_rows[] = {
    { .name = "topic.format",
      .type = CV_CONFIG_STRING,
      .def = "${topic}-${timestamp}",
      .importance = CV_HIGH,
      .doc = "The new name; ${topic} and ${timestamp} stand for the old name and the formatted timestamp.",
      .offset = offsetof(struct router_options, topic_format) },
    { .name = "timestamp.format",
      .type = CV_CONFIG_STRING,
      .def = "yyyyMMdd",
      .importance = CV_HIGH,
      .doc = "Pattern of the timestamp as java.text.SimpleDateFormat has them, in UTC.",
      .offset = offsetof(struct router_options, timestamp_format) },
    CV_CONFIG_END
};

static void
router_free(struct cv_transform *xf)
{
    date_pattern_free(cv_container_of(xf, struct timestamp_router, smt.base)->pattern);
    smt_free(xf);
}

static enum cv_rc
router_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                 struct cv_err *err)
{
    struct cv_transform *made = NULL;
    struct timestamp_router *router;

    if (smt_new(plugin, cfg, sizeof(*router), offsetof(struct timestamp_router, options), &made, err) != CV_OK)
        return err->rc;
    router = cv_container_of(made, struct timestamp_router, smt.base);
    if (date_pattern_new(router->options.timestamp_format, &router->pattern, err) != CV_OK) {
        router_free(made);
        return cv_err_context(err, "timestamp.format");
    }
    *ret = made;
    return CV_OK;
}

static enum cv_rc
router_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
             struct cv_err *err)
{
    static const char topic_mark[] = "${topic}", stamp_mark[] = "${timestamp}";
    struct timestamp_router *router = cv_container_of(xf, struct timestamp_router, smt.base);
    struct cv_buf topic = CV_BUF_INIT(TOPIC_MAX);
    const char *at = router->options.topic_format;
    enum cv_rc rc;

    *ret_keep = true;
    if (rec->timestamp_ms == CV_NO_TIMESTAMP)
        return cv_fail(err, CV_INVALID, "Timestamp missing on record of topic %s", rec->topic);
    while (*at != '\0') {
        if (strncmp(at, topic_mark, sizeof(topic_mark) - 1) == 0) {
            cv_buf_str(&topic, rec->topic);
            at += sizeof(topic_mark) - 1;
        } else if (strncmp(at, stamp_mark, sizeof(stamp_mark) - 1) == 0) {
            date_pattern_format(router->pattern, rec->timestamp_ms, &topic);
            at += sizeof(stamp_mark) - 1;
        } else {
            cv_buf_char(&topic, *at++);
        }
    }
    rc = cv_buf_check(&topic, err);
    if (rc == CV_OK) {
        rec->topic = cv_arena_strdup(arena, cv_buf_cstr(&topic));
        rc = rec->topic != NULL ? CV_OK : cv_fail_memory(err);
    }
    cv_buf_free(&topic);
    return rc;
}

static const struct cv_transform_ops router_ops = {
    .configure = router_configure,
    .apply = router_apply,
    .free = router_free,
};

const struct cv_plugin timestamp_router_plugin = SMT_PLUGIN("TimestampRouter", router_rows, &router_ops);
