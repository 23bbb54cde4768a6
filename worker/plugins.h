/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every plugin by class name and alias. The list comes from programs/builtin.c; constant after worker start,
 * any thread. Aliases follow Connect's rule: simple name, and simple name without "Connector", "Converter", ...
 */
#ifndef WORKER_PLUGINS_H
#define WORKER_PLUGINS_H

#include <culvert/plugin.h>

struct plugins;

/* list ends with NULL; borrowed. */
CV_MUST_CHECK enum cv_rc plugins_new(const struct cv_plugin *const *list, struct plugins **ret,
                                     struct cv_err *err);
void plugins_free(struct plugins *plugins);
/* Take out the plugins that are there on request only, but those that wanted names: class names, aliases, or "*" for
   all. CV_INVALID for a name of none of them. Right after plugins_new. */
CV_MUST_CHECK enum cv_rc plugins_choose(struct plugins *plugins, const struct cv_list *wanted, struct cv_err *err);

/* By class, alias or simple name, among the kinds of the bit set (1 << kind). CV_NOT_FOUND and ambiguity
   with Connect's texts. */
CV_MUST_CHECK enum cv_rc plugins_find(const struct plugins *plugins, const char *name, unsigned kinds,
                                      const struct cv_plugin **ret, struct cv_err *err);

/* Every class name that /connector-plugins shows, aliases with a class name of their own (Java's) included,
   sorted as Connect sorts. */
struct plugin_entry {
    const char *class_name;
    const struct cv_plugin *plugin;
};
size_t plugins_count(const struct plugins *plugins);
struct plugin_entry plugins_at(const struct plugins *plugins, size_t i);

/* "source", "sink", "converter", "header_converter", "transformation", "predicate" */
const char *plugins_kind_name(enum cv_plugin_kind kind);

#endif
