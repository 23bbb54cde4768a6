/* SPDX-License-Identifier: Apache-2.0 */
/* A transform that puts a prefix before the topic's name: the smallest plugin in a library of its own. */
#include <culvert/plugin.h>

#include <stdlib.h>
#include <string.h>

struct topic_prefix {
    struct cv_transform base;
    char *prefix;
};

static const struct cv_config_def topic_prefix_config[] = {
    { .name = "prefix",
      .type = CV_CONFIG_STRING,
      .required = true,
      .check = cv_valid_non_empty,
      .importance = CV_HIGH,
      .doc = "What to put before the topic's name.",
      .offset = offsetof(struct topic_prefix, prefix) },
    CV_CONFIG_END
};

static void
topic_prefix_free(struct cv_transform *xf)
{
    struct topic_prefix *self = cv_container_of(xf, struct topic_prefix, base);

    cv_config_done(topic_prefix_config, self);
    free(self);
}

static enum cv_rc
topic_prefix_configure(const struct cv_plugin *plugin, const struct cv_config *cfg, struct cv_transform **ret,
                       struct cv_err *err)
{
    struct topic_prefix *self = calloc(1, sizeof(*self));
    struct cv_config_errors errors = { 0 };
    enum cv_rc rc;

    if (self == NULL)
        return cv_fail_memory(err);
    self->base.plugin = plugin;
    rc = cv_config_parse(topic_prefix_config, cfg, self, &errors, err);
    cv_config_errors_done(&errors);
    if (rc == CV_OK)
        *ret = &self->base;
    else
        topic_prefix_free(&self->base);
    return rc;
}

/* The new name lives as long as the batch. */
static enum cv_rc
topic_prefix_apply(struct cv_transform *xf, struct cv_arena *arena, struct cv_record *rec, bool *ret_keep,
                   struct cv_err *err)
{
    const struct topic_prefix *self = cv_container_of(xf, struct topic_prefix, base);
    size_t n = strlen(self->prefix), len = strlen(rec->topic);
    char *topic = cv_arena_zalloc(arena, n + len + 1);

    if (topic == NULL)
        return cv_fail_memory(err);
    memcpy(topic, self->prefix, n);
    memcpy(topic + n, rec->topic, len + 1);
    rec->topic = topic;
    *ret_keep = true;
    return CV_OK;
}

static const struct cv_transform_ops topic_prefix_ops = {
    .configure = topic_prefix_configure,
    .apply = topic_prefix_apply,
    .free = topic_prefix_free,
    .topic_only = true,
};

static const struct cv_plugin topic_prefix_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_TRANSFORM,
    .name = "com.example.TopicPrefix",
    .version = "1.0.0",
    .config = topic_prefix_config,
    .transform = &topic_prefix_ops,
};

CV_PLUGIN_LIBRARY(&topic_prefix_plugin);
