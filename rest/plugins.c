/* SPDX-License-Identifier: Apache-2.0 */
/* /connector-plugins: what this worker has, its options, and validation of a connector's
 * configuration. */
#include <config.h>

#include "rest/api.h"
#include "rest/body.h"
#include "rest/json.h"
#include "worker/plugins.h"

static bool
is_connector(const struct cv_plugin *plugin)
{
    return plugin->kind == CV_SOURCE || plugin->kind == CV_SINK;
}

void
rest_plugins_list(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    const struct plugins *plugins = ((struct rest *)arg)->plugins;
    bool connectors_only = cv_http_query(req, "connectorsOnly", 0) == NULL ||
                           cv_http_query_true(req, "connectorsOnly");

    cv_json_array(&w);
    for (size_t i = 0; i < plugins_count(plugins); i++) {
        struct plugin_entry entry = plugins_at(plugins, i);

        if (connectors_only && !is_connector(entry.plugin))
            continue;
        cv_json_object(&w);
        cv_json_key(&w, "class");
        cv_json_string(&w, entry.class_name);
        cv_json_key(&w, "type");
        cv_json_string(&w, plugins_kind_name(entry.plugin->kind));
        if (entry.plugin->version != NULL) {
            cv_json_key(&w, "version");
            cv_json_string(&w, entry.plugin->version);
        }
        cv_json_object_end(&w);
    }
    cv_json_array_end(&w);
}

/* ?version= names the one version that there is, or "latest". */
static bool
check_version(const struct cv_plugin *plugin, const char *version, struct cv_http_response *res)
{
    const char *have = plugin->version == NULL ? "undefined" : plugin->version;
    struct cv_buf text = CV_BUF_INIT(16384);

    if (version == NULL || strcmp(version, "latest") == 0 || strcmp(version, have) == 0)
        return true;
    cv_buf_printf(
        &text,
        "Plugin %s not found that matches the version range [%s,%s], available versions: [%s]",
        plugin->name, version, version, have);
    cv_http_error(res, 400, cv_buf_cstr(&text));
    cv_buf_free(&text);
    return false;
}

/*
 * By class or alias, kind by kind: one class may be converter and header converter, which is no
 * ambiguity here. CV_NOT_FOUND: of no kind.
 */
static enum cv_rc
find_plugin(const struct plugins *plugins, const char *name, const struct cv_plugin **ret,
            struct cv_err *err)
{
    static const enum cv_plugin_kind kinds[] = { CV_SINK,      CV_SOURCE,
                                                 CV_CONVERTER, CV_HEADER_CONVERTER,
                                                 CV_TRANSFORM, CV_PREDICATE };
    enum cv_rc rc = CV_NOT_FOUND;

    for (size_t i = 0; i < CV_COUNT(kinds) && rc == CV_NOT_FOUND; i++)
        rc = plugins_find(plugins, name, 1u << kinds[i], ret, err);
    return rc;
}

void
rest_plugin_config(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct rest *rest = arg;
    const char *name = cv_http_variable(req, "plugin");
    const struct cv_plugin *plugin = NULL;
    struct config_infos rows = { 0 };
    struct cv_err err;
    enum cv_rc rc = find_plugin(rest->plugins, name, &plugin, &err);

    if (rc == CV_NOT_FOUND) {
        struct cv_buf text = CV_BUF_INIT(65536);

        cv_buf_printf(&text, "Unknown plugin %s.", name);
        cv_http_error(res, 404, cv_buf_cstr(&text));
        cv_buf_free(&text);
        return;
    }
    if (rc != CV_OK) {
        rest_fail(res, &err);
        return;
    }
    if (!check_version(plugin, cv_http_query(req, "version", 0), res))
        return;
    if (herder_plugin_rows(rest_herder(rest), plugin, &rows, &err) != CV_OK)
        rest_fail(res, &err);
    else
        rest_json_config_keys(&w, &rows);
    config_infos_done(&rows);
}

/* Length of a class name without a trailing "Connector". */
static size_t
stripped_len(const char *name)
{
    static const char suffix[] = "Connector";
    size_t len = strlen(name), n = sizeof(suffix) - 1;

    return len >= n && strcmp(name + len - n, suffix) == 0 ? len - n : len;
}

/* The class in the body must end with the plugin in the path: alias, simple name and full name all
 * work. */
static bool
check_class(const char *plugin, const char *class_name, struct cv_http_response *res)
{
    size_t plugin_len = stripped_len(plugin);
    size_t class_len = stripped_len(class_name);
    struct cv_buf text = CV_BUF_INIT(65536);

    if (class_len >= plugin_len &&
        memcmp(class_name + class_len - plugin_len, plugin, plugin_len) == 0)
        return true;
    cv_buf_printf(&text, "Included connector type %s does not match request type %s", class_name,
                  plugin);
    cv_http_error(res, 400, cv_buf_cstr(&text));
    cv_buf_free(&text);
    return false;
}

/* 4.1 wraps what POST answers with 400 into a 500 here. */
static void
fail_validation(const struct rest *rest, struct cv_http_response *res, const struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(4096);

    if (err->rc != CV_INVALID || !rest->connect_codes) {
        rest_fail(res, err);
        return;
    }
    cv_buf_printf(&text, "org.apache.kafka.connect.runtime.rest.errors.BadRequestException: %s",
                  err->text);
    rest_fail_malformed(rest, res, cv_buf_cstr(&text));
    cv_buf_free(&text);
}

void
rest_plugin_validate(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct rest *rest = arg;
    struct config_infos infos = { 0 };
    struct cv_config *config = NULL;
    struct cv_buf why = CV_BUF_INIT(REST_WHY_MAX);
    const char *class_name;
    struct cv_err err;
    size_t len;
    const char *body = cv_http_body(req, &len);

    if (rest_read_config(body, len, &config, &why) != CV_OK) {
        rest_fail_malformed(rest, res, cv_buf_cstr(&why));
        goto out;
    }
    if (config == NULL) {
        rest_fail_malformed(rest, res, "The request has no body; an object of options is expected");
        goto out;
    }
    class_name = cv_config_get(config, "connector.class");
    if (class_name != NULL && !check_class(cv_http_variable(req, "plugin"), class_name, res))
        goto out;
    if (herder_validate(rest_herder(rest), config, &infos, &err) != CV_OK)
        fail_validation(rest, res, &err);
    else
        rest_json_config_infos(&w, &infos);
out:
    config_infos_done(&infos);
    cv_config_free(config);
    cv_buf_free(&why);
}
