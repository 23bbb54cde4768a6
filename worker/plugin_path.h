/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins in shared libraries: what lies in the folders of plugin.path, one level of sub-folders included (a folder a
 * plugin, as Connect's users have it). Main thread; constant once opened.
 */
#ifndef WORKER_PLUGIN_PATH_H
#define WORKER_PLUGIN_PATH_H

#include <culvert/plugin.h>

struct plugin_path;

/*
 * Load what is there, behind the built-in ones (NULL at the end; borrowed). A library that cannot be loaded, was built
 * for another interface, or repeats a class is left out with a warning that names it.
 */
CV_MUST_CHECK enum cv_rc plugin_path_open(const struct cv_list *path, const struct cv_plugin *const *builtin,
                                          struct plugin_path **ret, struct cv_err *err);
/* Built-in and loaded ones, NULL at the end. */
const struct cv_plugin *const *plugin_path_list(const struct plugin_path *plugins);
/* Unloads: nothing of the libraries may run any more. */
void plugin_path_free(struct plugin_path *plugins);

#endif
