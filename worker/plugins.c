/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin registry: class names, Connect's aliases, look-up. */
#include <config.h>

#include "worker/plugins.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

struct plugins {
    struct plugin_entry *items; /* in the order of /connector-plugins */
    size_t count;
};

static const char *const kind_names[] = {
    [CV_SOURCE] = "source",       [CV_SINK] = "sink",
    [CV_CONVERTER] = "converter", [CV_HEADER_CONVERTER] = "header_converter",
    [CV_TRANSFORM] = "transformation", [CV_PREDICATE] = "predicate",
};

/* What Connect cuts off a simple name for a second alias. */
static const char *const kind_suffixes[] = {
    [CV_SOURCE] = "Connector",    [CV_SINK] = "Connector",
    [CV_CONVERTER] = "Converter", [CV_HEADER_CONVERTER] = "HeaderConverter",
    [CV_TRANSFORM] = "Transformation", [CV_PREDICATE] = "Predicate",
};

const char *
plugins_kind_name(enum cv_plugin_kind kind)
{
    return kind_names[kind];
}

/* The order of Connect's list; by name within. */
static int
kind_rank(enum cv_plugin_kind kind)
{
    static const int ranks[] = { [CV_SINK] = 0,      [CV_SOURCE] = 1,    [CV_TRANSFORM] = 2,
                                 [CV_PREDICATE] = 3, [CV_CONVERTER] = 4, [CV_HEADER_CONVERTER] = 5 };

    return ranks[kind];
}

static int
by_kind_and_name(const void *a, const void *b)
{
    const struct plugin_entry *x = a, *y = b;
    int order = kind_rank(x->plugin->kind) - kind_rank(y->plugin->kind);

    return order != 0 ? order : strcmp(x->class_name, y->class_name);
}

enum cv_rc
plugins_new(const struct cv_plugin *const *list, struct plugins **ret, struct cv_err *err)
{
    struct plugins *plugins = calloc(1, sizeof(*plugins));
    size_t n = 0;

    for (size_t i = 0; list[i] != NULL; i++)
        for (size_t a = 0; a == 0 || (list[i]->aliases != NULL && list[i]->aliases[a - 1] != NULL); a++)
            n++;
    if (plugins == NULL || (plugins->items = calloc(n + 1, sizeof(*plugins->items))) == NULL) {
        free(plugins);
        return cv_fail_memory(err);
    }
    for (size_t i = 0; list[i] != NULL; i++) {
        plugins->items[plugins->count++] = (struct plugin_entry){ list[i]->name, list[i] };
        for (size_t a = 0; list[i]->aliases != NULL && list[i]->aliases[a] != NULL; a++)
            plugins->items[plugins->count++] = (struct plugin_entry){ list[i]->aliases[a], list[i] };
    }
    qsort(plugins->items, plugins->count, sizeof(*plugins->items), by_kind_and_name);
    *ret = plugins;
    return CV_OK;
}

void
plugins_free(struct plugins *plugins)
{
    if (plugins == NULL)
        return;
    free(plugins->items);
    free(plugins);
}

size_t
plugins_count(const struct plugins *plugins)
{
    return plugins->count;
}

struct plugin_entry
plugins_at(const struct plugins *plugins, size_t i)
{
    return plugins->items[i];
}

static const char *
simple_name(const char *class_name)
{
    const char *dot = strrchr(class_name, '.');

    /* a nested class, X$Key, goes by its full name only */
    return dot != NULL && strchr(dot, '$') == NULL ? dot + 1 : class_name;
}

/* "FileStreamSource" of FileStreamSourceConnector. */
static bool
is_pruned_name(const char *class_name, enum cv_plugin_kind kind, const char *name)
{
    const char *simple = simple_name(class_name), *suffix = kind_suffixes[kind];
    size_t len = strlen(simple), cut = strlen(suffix);

    return len > cut && strcmp(simple + len - cut, suffix) == 0 && strlen(name) == len - cut &&
           strncmp(simple, name, len - cut) == 0;
}

/* Names stand for classes, whatever kind is looked for: "Json" is JsonConverter also as header converter. */
static bool
matches(const struct plugins *plugins, const struct plugin_entry *entry, const char *name)
{
    if (strcmp(entry->class_name, name) == 0 || strcmp(simple_name(entry->class_name), name) == 0)
        return true;
    for (size_t i = 0; i < plugins->count; i++) {
        const struct plugin_entry *other = &plugins->items[i];

        if (is_pruned_name(other->class_name, other->plugin->kind, name) &&
            strcmp(other->class_name, entry->class_name) == 0)
            return true;
    }
    return false;
}

static bool
is_wanted(const struct plugins *plugins, const struct plugin_entry *entry, const struct cv_list *wanted)
{
    for (size_t i = 0; i < wanted->count; i++)
        if (strcmp(wanted->items[i], "*") == 0 || matches(plugins, entry, wanted->items[i]))
            return true;
    return false;
}

/* A name that stands for none of those on request. */
static enum cv_rc
check_wanted(const struct plugins *plugins, const char *name, struct cv_err *err)
{
    const unsigned connectors = 1u << CV_SOURCE | 1u << CV_SINK;
    const struct cv_plugin *plugin;

    if (strcmp(name, "*") == 0 || plugins_find(plugins, name, connectors, &plugin, err) == CV_OK)
        return CV_OK;
    return cv_fail(err, CV_INVALID, "culvert.connectors: there is no built-in connector \"%s\"", name);
}

enum cv_rc
plugins_choose(struct plugins *plugins, const struct cv_list *wanted, struct cv_err *err)
{
    struct plugin_entry *kept = calloc(plugins->count + 1, sizeof(*kept));
    size_t n = 0;

    if (kept == NULL)
        return cv_fail_memory(err);
    for (size_t i = 0; i < wanted->count; i++)
        if (check_wanted(plugins, wanted->items[i], err) != CV_OK) {
            free(kept);
            return err->rc;
        }
    for (size_t i = 0; i < plugins->count; i++)
        if (!plugins->items[i].plugin->on_request || is_wanted(plugins, &plugins->items[i], wanted))
            kept[n++] = plugins->items[i];
    free(plugins->items);
    plugins->items = kept;
    plugins->count = n;
    return CV_OK;
}

static void
list_connectors(const struct plugins *plugins, struct cv_buf *out)
{
    const char *comma = "";

    for (size_t i = 0; i < plugins->count; i++) {
        const struct plugin_entry *entry = &plugins->items[i];

        if (entry->plugin->kind != CV_SOURCE && entry->plugin->kind != CV_SINK)
            continue;
        cv_buf_printf(out,
                      "%sPluginDesc{klass=class %s, name='%s', version='%s', encodedVersion=%s, type=%s, "
                      "typeName='%s', location='classpath'}",
                      comma, entry->class_name, entry->class_name, entry->plugin->version,
                      entry->plugin->version, kind_names[entry->plugin->kind],
                      kind_names[entry->plugin->kind]);
        comma = ", ";
    }
}

static enum cv_rc
not_found(const struct plugins *plugins, const char *name, unsigned kinds, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(65536);
    enum cv_rc rc;

    if ((kinds & (1u << CV_SOURCE | 1u << CV_SINK)) == 0)
        return cv_fail(err, CV_NOT_FOUND, "Class %s could not be found.", name);
    list_connectors(plugins, &text);
    rc = cv_fail(err, CV_NOT_FOUND,
                 "Failed to find any class that implements Connector and which name matches %s, available "
                 "connectors are: %s",
                 name, cv_buf_cstr(&text));
    cv_buf_free(&text);
    return rc;
}

enum cv_rc
plugins_find(const struct plugins *plugins, const char *name, unsigned kinds, const struct cv_plugin **ret,
             struct cv_err *err)
{
    const struct plugin_entry *found = NULL;

    for (size_t i = 0; i < plugins->count; i++) {
        const struct plugin_entry *entry = &plugins->items[i];

        if ((kinds & 1u << entry->plugin->kind) == 0 || !matches(plugins, entry, name))
            continue;
        if (strcmp(entry->class_name, name) == 0) {
            *ret = entry->plugin;
            return CV_OK;
        }
        if (found != NULL && found->plugin != entry->plugin)
            return cv_fail(err, CV_INVALID,
                           "More than one connector matches alias %s. Please use full package and class name "
                           "instead. Classes found: %s, %s",
                           name, found->class_name, entry->class_name);
        found = entry;
    }
    if (found == NULL)
        return not_found(plugins, name, kinds, err);
    *ret = found->plugin;
    return CV_OK;
}
