/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlopen of plugin libraries. They call back into the program, which exports the functions of include/culvert. What a
 * library says of itself (struct cv_plugin_library) is compared with what this worker was built with before anything
 * else of it is looked at: a plugin struct of another layout must not be read.
 */
#include <config.h>

#include "worker/plugin_path.h"

#include <dirent.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/log.h"

#define SUFFIX ".so"

struct plugin_path {
    const struct cv_plugin **list; /* NULL at the end */
    size_t count;
    void **handles;
    size_t n_handles;
    struct cv_log *log;
};

static enum cv_rc
add_plugin(struct plugin_path *plugins, const struct cv_plugin *plugin, struct cv_err *err)
{
    const struct cv_plugin **list = realloc(plugins->list, (plugins->count + 2) * sizeof(*list));

    if (list == NULL)
        return cv_fail_memory(err);
    plugins->list = list;
    list[plugins->count++] = plugin;
    list[plugins->count] = NULL;
    return CV_OK;
}

static bool
is_known(const struct plugin_path *plugins, const struct cv_plugin *plugin)
{
    for (size_t i = 0; i < plugins->count; i++)
        if (plugins->list[i]->kind == plugin->kind && strcmp(plugins->list[i]->name, plugin->name) == 0)
            return true;
    return false;
}

static void
warn_skipped(const struct plugin_path *plugins, const char *file, const char *why)
{
    CV_LOG_WARN(plugins->log, "a plugin library is left out", CV_STR("file", file), CV_STR("error", why));
}

/* Whether library and worker have the same idea of the structs; else a warning has said why not. */
static bool
is_compatible(const struct plugin_path *plugins, const char *file, const struct cv_plugin_library *library)
{
    char why[256];

    if (library == NULL) {
        warn_skipped(plugins, file, "it has no symbol culvert_plugin_library; it is no Culvert plugin");
        return false;
    }
    if (library->api != CV_PLUGIN_API) {
        snprintf(why, sizeof(why), "it was built for plugin interface %d, this worker has %d; build it against this "
                 "worker's headers", library->api, CV_PLUGIN_API);
    } else if (library->plugin_size != sizeof(struct cv_plugin) || library->def_size != sizeof(struct cv_config_def) ||
               library->value_size != sizeof(struct cv_value) || library->record_size != sizeof(struct cv_record)) {
        snprintf(why, sizeof(why), "its structs have other sizes than this worker's; build it against this worker's "
                 "headers, for the same machine");
    } else {
        return true;
    }
    warn_skipped(plugins, file, why);
    return false;
}

static enum cv_rc
add_all(struct plugin_path *plugins, const char *file, const struct cv_plugin_library *library, struct cv_err *err)
{
    for (const struct cv_plugin *const *at = library->plugins; *at != NULL; at++) {
        if ((*at)->name == NULL || (*at)->api != CV_PLUGIN_API || (*at)->source == NULL) {
            warn_skipped(plugins, file, "a plugin of it has no name, no functions, or another interface");
        } else if (is_known(plugins, *at)) {
            warn_skipped(plugins, file, "a plugin of its class is there already");
        } else {
            if (add_plugin(plugins, *at, err) != CV_OK)
                return err->rc;
            CV_LOG_INFO(plugins->log, "plugin loaded", CV_STR("plugin", (*at)->name), CV_STR("file", file));
        }
    }
    return CV_OK;
}

static enum cv_rc
load(struct plugin_path *plugins, const char *file, struct cv_err *err)
{
    const struct cv_plugin_library *library;
    void *handle, **handles;

    handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        warn_skipped(plugins, file, dlerror());
        return CV_OK;
    }
    library = dlsym(handle, "culvert_plugin_library");
    if (!is_compatible(plugins, file, library)) {
        (void)dlclose(handle);
        return CV_OK;
    }
    handles = realloc(plugins->handles, (plugins->n_handles + 1) * sizeof(*handles));
    if (handles == NULL) {
        (void)dlclose(handle);
        return cv_fail_memory(err);
    }
    plugins->handles = handles;
    handles[plugins->n_handles++] = handle;
    return add_all(plugins, file, library, err);
}

static bool
is_library(const char *name)
{
    size_t len = strlen(name);

    return len > strlen(SUFFIX) && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* What lies in a folder, by name, so that every start gives the same order. depth: of sub-folders to look into. */
static enum cv_rc
load_folder(struct plugin_path *plugins, const char *folder, int depth, struct cv_err *err)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, NULL, alphasort);
    enum cv_rc rc = CV_OK;

    if (n < 0)
        CV_LOG_WARN(plugins->log, "a folder of plugin.path cannot be read", CV_STR("folder", folder));
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        struct stat st;

        if (rc == CV_OK && names[i]->d_name[0] != '.' &&
            (size_t)snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name) < sizeof(path) &&
            stat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode) && depth > 0)
                rc = load_folder(plugins, path, depth - 1, err);
            else if (S_ISREG(st.st_mode) && is_library(path))
                rc = load(plugins, path, err);
        }
        free(names[i]);
    }
    free(names);
    return rc;
}

enum cv_rc
plugin_path_open(const struct cv_list *path, const struct cv_plugin *const *builtin, struct plugin_path **ret,
                 struct cv_err *err)
{
    struct plugin_path *plugins = calloc(1, sizeof(*plugins));
    enum cv_rc rc = CV_OK;

    if (plugins == NULL || (plugins->list = calloc(1, sizeof(struct cv_plugin *))) == NULL) {
        free(plugins);
        return cv_fail_memory(err);
    }
    plugins->log = cv_log_get("culvert.worker.plugins");
    for (; rc == CV_OK && *builtin != NULL; builtin++)
        rc = add_plugin(plugins, *builtin, err);
    for (size_t i = 0; rc == CV_OK && i < path->count; i++) {
        struct stat st;

        if (stat(path->items[i], &st) == 0 && S_ISREG(st.st_mode)) {
            if (is_library(path->items[i]))
                rc = load(plugins, path->items[i], err);
        } else {
            rc = load_folder(plugins, path->items[i], 1, err);
        }
    }
    if (rc == CV_OK)
        *ret = plugins;
    else
        plugin_path_free(plugins);
    return rc;
}

const struct cv_plugin *const *
plugin_path_list(const struct plugin_path *plugins)
{
    return plugins->list;
}

void
plugin_path_free(struct plugin_path *plugins)
{
    if (plugins == NULL)
        return;
    for (size_t i = 0; i < plugins->n_handles; i++)
        (void)dlclose(plugins->handles[i]);
    free(plugins->handles);
    free(plugins->list);
    free(plugins);
}
