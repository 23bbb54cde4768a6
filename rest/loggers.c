/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /admin/loggers. Levels are the process's (common/log.c); with scope=cluster the herder writes a
 * record to the config topic and every worker, this one too, sets the level when it reads it.
 */
#include <config.h>

#include <stdlib.h>
#include <strings.h>

#include "common/log.h"
#include "rest/api.h"
#include "rest/body.h"
#include "rest/json.h"

/* Every logger, sorted by name; free with free(). */
static struct cv_log_info *
list_loggers(size_t *ret_count)
{
    size_t max = 64;
    struct cv_log_info *list = NULL;

    for (;;) {
        struct cv_log_info *more = realloc(list, max * sizeof(*list));
        size_t count;

        if (more == NULL) {
            free(list);
            return NULL;
        }
        list = more;
        count = cv_log_list(list, max);
        if (count <= max) {
            *ret_count = count;
            return list;
        }
        max = count + 64;
    }
}

static void
write_level(struct cv_json_writer *w, const struct cv_log_info *info)
{
    cv_json_object(w);
    cv_json_key(w, "level");
    cv_json_string(w, cv_log_level_name(info->level));
    cv_json_key(w, "last_modified");
    if (info->last_modified_ms == 0)
        cv_json_null(w);
    else
        cv_json_int(w, info->last_modified_ms);
    cv_json_object_end(w);
}

static bool
is_root(const char *name)
{
    return strcasecmp(name, "root") == 0;
}

static const struct cv_log_info *
find_logger(const struct cv_log_info *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, is_root(name) ? "root" : name) == 0)
            return &list[i];
    return NULL;
}

void
rest_loggers_list(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    size_t count = 0;
    struct cv_log_info *list = list_loggers(&count);

    (void)arg;
    (void)req;
    cv_json_object(&w);
    for (size_t i = 0; i < count; i++) {
        cv_json_key(&w, list[i].name);
        write_level(&w, &list[i]);
    }
    cv_json_object_end(&w);
    free(list);
}

void
rest_logger_get(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    const char *name = cv_http_variable(req, "logger");
    size_t count = 0;
    struct cv_log_info *list = list_loggers(&count);
    const struct cv_log_info *info = list == NULL ? NULL : find_logger(list, count, name);
    struct cv_buf text = CV_BUF_INIT(65536);

    (void)arg;
    if (info != NULL) {
        write_level(&w, info);
    } else {
        cv_buf_printf(&text, "Logger %s not found.", name);
        cv_http_error(res, 404, cv_buf_cstr(&text));
    }
    cv_buf_free(&text);
    free(list);
}

/* ---- set ---- */

/* The level of the body, trimmed; NULL: the answer is in res. Free with free(). */
static char *
read_level(struct rest *rest, const struct cv_http_request *req, enum cv_log_level *ret,
           struct cv_http_response *res)
{
    struct cv_buf why = CV_BUF_INIT(REST_WHY_MAX);
    struct cv_config *body = NULL;
    char *level = NULL;
    const char *given;
    size_t len;
    const char *text = cv_http_body(req, &len);

    if (rest_read_config(text, len, &body, &why) != CV_OK) {
        rest_fail_malformed(rest, res, cv_buf_cstr(&why));
        goto out;
    }
    if (body == NULL) {
        rest_fail_malformed(rest, res,
                            "The request has no body; {\"level\":\"DEBUG\"} is expected");
        goto out;
    }
    given = cv_config_get(body, "level");
    if (given == NULL) {
        cv_http_error(res, 400, "Desired 'level' parameter was not specified in request.");
        goto out;
    }
    if (*given == '\0') {
        rest_fail_malformed(rest, res, "Illegal null or empty Level name.");
        goto out;
    }
    text = given + strspn(given, " \t\r\n");
    level = strndup(text, strcspn(text, " \t\r\n"));
    if (level == NULL)
        cv_http_error(res, 500, "out of memory");
    else if (!cv_log_level_parse(level, ret)) {
        cv_buf_printf(&why, "invalid log level '%s'.", given);
        cv_http_error(res, 404, cv_buf_cstr(&why));
        free(level);
        level = NULL;
    }
out:
    cv_config_free(body);
    cv_buf_free(&why);
    return level;
}

/* Set here, and answer with the names of the loggers whose level is another now. */
static void
set_local(const char *name, enum cv_log_level level, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct cv_log_info *before, *after = NULL;
    size_t n_before = 0, n_after = 0;
    struct cv_err err;

    if (is_root(name))
        name = "root";
    else
        (void)cv_log_get(name); /* a name that nobody knows is made, with the level it inherits */
    before = list_loggers(&n_before);
    if (cv_log_level_set(name, level, &err) != CV_OK) {
        rest_fail(res, &err);
        free(before);
        return;
    }
    after = list_loggers(&n_after);
    cv_json_array(&w);
    for (size_t i = 0; before != NULL && after != NULL && i < n_after; i++) {
        const struct cv_log_info *old = find_logger(before, n_before, after[i].name);

        if (old != NULL && old->level != after[i].level)
            cv_json_string(&w, after[i].name);
    }
    cv_json_array_end(&w);
    free(before);
    free(after);
}

void
rest_logger_set(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct rest *rest = arg;
    const char *name = cv_http_variable(req, "logger");
    const char *scope = cv_http_query(req, "scope", 0);
    enum cv_log_level level;
    char *text = read_level(rest, req, &level, res);
    struct cv_err err;

    if (text == NULL)
        return;
    if (scope != NULL && strcasecmp(scope, "cluster") == 0) {
        if (herder_logger_set(rest_herder(rest), name, text, &err) != CV_OK)
            rest_fail(res, &err);
        else
            res->status = 204;
    } else {
        if (scope != NULL && *scope != '\0' && strcasecmp(scope, "worker") != 0)
            CV_LOG_WARN(cv_log_get("culvert.rest"), "unknown logger scope, worker is taken",
                        CV_STR("scope", scope));
        set_local(name, level, res);
    }
    free(text);
}
