/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of the config topic (KafkaConfigBackingStore). Values went through Connect's JsonConverter without
 * schemas: compact, fixed member order, no "/" escaped.
 */
#include <config.h>

#include "worker/store/config_records.h"

#include <stdlib.h>
#include <string.h>

#include "common/json_read.h"
#include "common/json_write.h"
#include "common/number.h"
#include "common/secret.h"
#include "data/java_order.h"

static const struct {
    const char *prefix;
    enum config_key kind;
} prefixes[] = {
    { "target-state-", CONFIG_KEY_TARGET },       { "connector-", CONFIG_KEY_CONNECTOR },
    { "task-", CONFIG_KEY_TASK },                 { "commit-", CONFIG_KEY_COMMIT },
    { "restart-connector-", CONFIG_KEY_RESTART }, { "tasks-fencing-", CONFIG_KEY_FENCING },
    { "logger-cluster-", CONFIG_KEY_LOGGER },     { "session-key", CONFIG_KEY_SESSION },
};

/* The last '-' separates the number: connector names may hold dashes. */
static bool
split_task(const char *text, size_t len, size_t *ret_name_len, int32_t *ret_task)
{
    const char *dash = memrchr(text, '-', len);
    int64_t n;

    if (dash == NULL || !cv_parse_i64(dash + 1, len - (size_t)(dash + 1 - text), &n) || n < 0 || n > INT32_MAX)
        return false;
    *ret_name_len = (size_t)(dash - text);
    *ret_task = (int32_t)n;
    return true;
}

enum config_key
config_key_parse(const char *key, size_t len, struct cv_buf *name, int32_t *ret_task)
{
    for (size_t i = 0; i < CV_COUNT(prefixes); i++) {
        size_t n = strlen(prefixes[i].prefix), name_len = len - n;

        if (len < n || memcmp(key, prefixes[i].prefix, n) != 0)
            continue;
        if (prefixes[i].kind == CONFIG_KEY_SESSION && len != n)
            return CONFIG_KEY_UNKNOWN;
        if (prefixes[i].kind == CONFIG_KEY_TASK && !split_task(key + n, len - n, &name_len, ret_task))
            return CONFIG_KEY_UNKNOWN;
        cv_buf_reset(name);
        cv_buf_add(name, key + n, name_len);
        return prefixes[i].kind;
    }
    return CONFIG_KEY_UNKNOWN;
}

void
config_key_write(struct cv_buf *out, enum config_key kind, const char *name, int32_t task)
{
    for (size_t i = 0; i < CV_COUNT(prefixes); i++)
        if (prefixes[i].kind == kind)
            cv_buf_str(out, prefixes[i].prefix);
    cv_buf_str(out, name);
    if (kind == CONFIG_KEY_TASK)
        cv_buf_printf(out, "-%d", (int)task);
}

/* ---- reading: an object's members, one by one ---- */

/* Begin an object. */
static enum cv_rc
open_object(struct cv_json_reader *r, const void *data, size_t len, struct cv_err *err)
{
    cv_json_reader_init(r, data, len);
    if (cv_json_next(r) != CV_JSON_OBJECT)
        return cv_fail(err, CV_INVALID, "the record's value is no JSON object");
    return CV_OK;
}

/* The next member's key; false at the end of the object or of sense. */
static bool
next_member(struct cv_json_reader *r, struct cv_buf *key)
{
    if (cv_json_next(r) != CV_JSON_KEY)
        return false;
    cv_buf_reset(key);
    cv_json_text(r, key);
    return true;
}

static enum cv_rc
read_property(struct cv_json_reader *r, const char *key, struct cv_config *cfg, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(CV_PROPERTY_MAX);
    enum cv_json_token tok = cv_json_next(r);
    enum cv_rc rc;

    if (tok == CV_JSON_NULL)
        return cv_config_set(cfg, key, NULL, err);
    if (tok == CV_JSON_STRING || tok == CV_JSON_NUMBER)
        cv_json_text(r, &text);
    else if (tok == CV_JSON_TRUE || tok == CV_JSON_FALSE)
        cv_buf_str(&text, tok == CV_JSON_TRUE ? "true" : "false");
    else
        return cv_fail(err, CV_INVALID, "property \"%s\" is no text", key);
    rc = cv_buf_check(&text, err);
    if (rc == CV_OK)
        rc = cv_config_set(cfg, key, cv_buf_cstr(&text), err);
    cv_buf_wipe(&text);
    return rc;
}

static enum cv_rc
read_members(struct cv_json_reader *r, struct cv_config *cfg, struct cv_err *err)
{
    struct cv_buf key = CV_BUF_INIT(CV_PROPERTY_MAX);
    enum cv_rc rc = CV_OK;

    if (cv_json_next(r) != CV_JSON_OBJECT)
        return cv_fail(err, CV_INVALID, "\"properties\" is no object");
    while (rc == CV_OK && next_member(r, &key))
        rc = read_property(r, cv_buf_cstr(&key), cfg, err);
    cv_buf_free(&key);
    return rc;
}

enum cv_rc
config_read_properties(const void *data, size_t len, struct cv_config **ret, struct cv_err *err)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_buf key = CV_BUF_INIT(256);
    struct cv_json_reader r;
    bool found = false;
    enum cv_rc rc;

    if (cfg == NULL)
        return cv_fail_memory(err);
    rc = open_object(&r, data, len, err);
    while (rc == CV_OK && next_member(&r, &key)) {
        if (strcmp(cv_buf_cstr(&key), "properties") == 0) {
            found = true;
            rc = read_members(&r, cfg, err);
        } else if (cv_json_skip(&r) == CV_JSON_BAD) {
            rc = cv_json_fail(&r, err);
        }
    }
    if (rc == CV_OK && (!found || r.problem != NULL))
        rc = cv_fail(err, CV_INVALID, "the record has no \"properties\"");
    cv_buf_free(&key);
    if (rc == CV_OK)
        *ret = cfg;
    else
        cv_config_free(cfg);
    return rc;
}

/* What the small records hold: scalars by name. */
struct scalar {
    const char *name;
    enum cv_json_token token; /* CV_JSON_BAD: not there */
    int64_t integer;
    char text[128];
};

static enum cv_rc
read_scalars(const void *data, size_t len, struct scalar *scalars, size_t count, struct cv_err *err)
{
    struct cv_buf key = CV_BUF_INIT(256), text = CV_BUF_INIT(sizeof(scalars->text) - 1);
    struct cv_json_reader r;
    enum cv_rc rc = open_object(&r, data, len, err);

    while (rc == CV_OK && next_member(&r, &key)) {
        struct scalar *at = NULL;

        for (size_t i = 0; i < count; i++)
            if (strcmp(scalars[i].name, cv_buf_cstr(&key)) == 0)
                at = &scalars[i];
        if (at == NULL) {
            if (cv_json_skip(&r) == CV_JSON_BAD)
                rc = cv_json_fail(&r, err);
            continue;
        }
        at->token = cv_json_next(&r);
        if (at->token == CV_JSON_NUMBER && !cv_json_int64(&r, &at->integer))
            rc = cv_fail(err, CV_INVALID, "\"%s\" is no integer", at->name);
        if (at->token == CV_JSON_STRING) {
            cv_buf_reset(&text);
            cv_json_text(&r, &text);
            memcpy(at->text, cv_buf_cstr(&text), text.len + 1);
        }
    }
    if (rc == CV_OK && r.problem != NULL)
        rc = cv_json_fail(&r, err);
    cv_buf_free(&key);
    cv_buf_free(&text);
    return rc;
}

enum cv_rc
config_read_target(const void *data, size_t len, enum target_state *ret, struct cv_err *err)
{
    struct scalar s[] = { { .name = "state" }, { .name = "state.v2" } };
    const struct scalar *state = &s[1];

    if (read_scalars(data, len, s, CV_COUNT(s), err) != CV_OK)
        return err->rc;
    if (state->token != CV_JSON_STRING)
        state = &s[0];
    if (state->token != CV_JSON_STRING || !target_parse(state->text, ret))
        return cv_fail(err, CV_INVALID, "\"%s\" is no target state", state->text);
    return CV_OK;
}

enum cv_rc
config_read_count(const void *data, size_t len, const char *member, int64_t *ret, struct cv_err *err)
{
    struct scalar s[] = { { .name = member } };

    if (read_scalars(data, len, s, 1, err) != CV_OK)
        return err->rc;
    if (s[0].token != CV_JSON_NUMBER || s[0].integer < 0)
        return cv_fail(err, CV_INVALID, "the record has no count \"%s\"", member);
    *ret = s[0].integer;
    return CV_OK;
}

enum cv_rc
config_read_session_key(const void *data, size_t len, struct session_key *ret, struct cv_err *err)
{
    struct scalar s[] = { { .name = "key" }, { .name = "algorithm" }, { .name = "creation-timestamp" } };
    struct cv_buf key = CV_BUF_INIT(sizeof(ret->key));
    enum cv_rc rc = read_scalars(data, len, s, CV_COUNT(s), err);

    if (rc == CV_OK && (s[0].token != CV_JSON_STRING || s[1].token != CV_JSON_STRING ||
                        s[2].token != CV_JSON_NUMBER || strlen(s[1].text) >= sizeof(ret->algorithm)))
        rc = cv_fail(err, CV_INVALID, "the session key record lacks a member");
    if (rc == CV_OK)
        rc = cv_base64_decode(s[0].text, strlen(s[0].text), &key, err);
    if (rc == CV_OK)
        rc = cv_buf_check(&key, err);
    if (rc == CV_OK) {
        memcpy(ret->key, key.data, key.len);
        ret->len = key.len;
        strcpy(ret->algorithm, s[1].text);
        ret->created_ms = s[2].integer;
    }
    cv_buf_wipe(&key);
    cv_secret_wipe(s[0].text, sizeof(s[0].text));
    return rc;
}

enum cv_rc
config_read_restart(const void *data, size_t len, bool *ret_include_tasks, bool *ret_only_failed,
                    struct cv_err *err)
{
    struct scalar s[] = { { .name = "include-tasks" }, { .name = "only-failed" } };

    if (read_scalars(data, len, s, CV_COUNT(s), err) != CV_OK)
        return err->rc;
    *ret_include_tasks = s[0].token == CV_JSON_TRUE;
    *ret_only_failed = s[1].token == CV_JSON_TRUE;
    return CV_OK;
}

enum cv_rc
config_read_logger(const void *data, size_t len, struct cv_buf *ret_level, struct cv_err *err)
{
    struct scalar s[] = { { .name = "level" } };

    if (read_scalars(data, len, s, 1, err) != CV_OK)
        return err->rc;
    if (s[0].token != CV_JSON_STRING)
        return cv_fail(err, CV_INVALID, "the logger record has no \"level\"");
    cv_buf_str(ret_level, s[0].text);
    return CV_OK;
}

/* ---- writing ---- */

static void
write_member(struct cv_json_writer *w, const struct cv_config *cfg, size_t i)
{
    cv_json_key(w, cv_config_key(cfg, i));
    cv_json_string(w, cv_config_value(cfg, i));
}

enum cv_rc
config_write_properties(struct cv_buf *out, const struct cv_config *cfg, uint32_t table, struct cv_err *err)
{
    struct cv_json_writer w = cv_json_writer_of(out);
    size_t *order = NULL;

    if (table > 0 && java_order_config(cfg, table, &order, err) != CV_OK)
        return err->rc;
    cv_json_object(&w);
    cv_json_key(&w, "properties");
    cv_json_object(&w);
    for (size_t i = 0; i < cv_config_count(cfg); i++)
        write_member(&w, cfg, order != NULL ? order[i] : i);
    cv_json_object_end(&w);
    cv_json_object_end(&w);
    free(order);
    return cv_buf_check(out, err);
}

/* Workers before 3.5 know no STOPPED: for them "state" says PAUSED. */
void
config_write_target(struct cv_buf *out, enum target_state target)
{
    cv_buf_printf(out, "{\"state\":\"%s\",\"state.v2\":\"%s\"}",
                  target_name(target == TARGET_STOPPED ? TARGET_PAUSED : target), target_name(target));
}

void
config_write_count(struct cv_buf *out, const char *member, int64_t count)
{
    cv_buf_printf(out, "{\"%s\":%lld}", member, (long long)count);
}

void
config_write_session_key(struct cv_buf *out, const struct session_key *key)
{
    cv_buf_str(out, "{\"key\":\"");
    cv_base64(out, key->key, key->len);
    cv_buf_printf(out, "\",\"algorithm\":\"%s\",\"creation-timestamp\":%lld}", key->algorithm,
                  (long long)key->created_ms);
}

void
config_write_restart(struct cv_buf *out, bool include_tasks, bool only_failed)
{
    cv_buf_printf(out, "{\"include-tasks\":%s,\"only-failed\":%s}", include_tasks ? "true" : "false",
                  only_failed ? "true" : "false");
}

void
config_write_logger(struct cv_buf *out, const char *level)
{
    struct cv_json_writer w = cv_json_writer_of(out);

    cv_json_object(&w);
    cv_json_key(&w, "level");
    cv_json_string(&w, level);
    cv_json_object_end(&w);
}
