/* SPDX-License-Identifier: Apache-2.0 */
/* Heartbeats: when, what, and the statement that goes with them. */
#include "connectors/postgres/heartbeat.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "connectors/postgres/connection.h"
#include "connectors/postgres/name.h"

#define CONNECT_TIMEOUT_MS 5000

struct heartbeat {
    const struct pg_config *config;
    struct cv_log *log;
    char *topic;
    struct cv_schema *key_schema;
    struct cv_schema *value_schema;
    PGconn *conn; /* for the statement; NULL: none, or lost */
    int64_t due_ms;
    struct cv_log_limit failure_limit;
};

static enum cv_rc
make_schemas(struct heartbeat *hb, struct cv_err *err)
{
    struct cv_schema_builder *b = cv_schema_new(CV_STRUCT);

    cv_schema_set_name(b, "io.debezium.connector.common.ServerNameKey");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "serverName", cv_schema_plain(CV_STRING, false));
    if (cv_schema_finish(b, &hb->key_schema, err) != CV_OK)
        return err->rc;
    b = cv_schema_new(CV_STRUCT);
    cv_schema_set_name(b, "io.debezium.connector.common.Heartbeat");
    cv_schema_set_version(b, 1);
    cv_schema_add_field(b, "ts_ms", cv_schema_plain(CV_INT64, false));
    return cv_schema_finish(b, &hb->value_schema, err);
}

enum cv_rc
heartbeat_new(const struct pg_config *config, struct cv_log *log, struct heartbeat **ret, struct cv_err *err)
{
    struct heartbeat *hb;

    *ret = NULL;
    if (config->heartbeat_interval_ms <= 0)
        return CV_OK;
    hb = calloc(1, sizeof(*hb));
    if (hb == NULL)
        return cv_fail_memory(err);
    hb->config = config;
    hb->log = log;
    hb->due_ms = cv_mono_ms() + config->heartbeat_interval_ms;
    if (name_heartbeat_topic(config, &hb->topic, err) != CV_OK || make_schemas(hb, err) != CV_OK) {
        heartbeat_free(hb);
        return err->rc;
    }
    *ret = hb;
    return CV_OK;
}

void
heartbeat_free(struct heartbeat *hb)
{
    if (hb == NULL)
        return;
    PQfinish(hb->conn);
    free(hb->topic);
    cv_schema_unref(hb->key_schema);
    cv_schema_unref(hb->value_schema);
    free(hb);
}

int
heartbeat_wait_ms(const struct heartbeat *hb, int limit_ms)
{
    int64_t left;

    if (hb == NULL)
        return limit_ms;
    left = hb->due_ms - cv_mono_ms();
    return left < 0 ? 0 : left < limit_ms ? (int)left : limit_ms;
}

/* What Debezium raises rather than logs: the server goes away or comes up, or the table of the statement is missing. */
static bool
is_raised(const struct cv_err *err)
{
    return strcmp(err->sqlstate, "57P01") == 0 || strcmp(err->sqlstate, "57P03") == 0 ||
           strcmp(err->sqlstate, "42P01") == 0;
}

static enum cv_rc
run_statement(struct heartbeat *hb, struct cv_err *err)
{
    const char *sql = hb->config->heartbeat_action_query;
    uint64_t suppressed;
    enum cv_rc rc = CV_OK;

    if (sql == NULL || sql[0] == '\0')
        return CV_OK;
    if (hb->conn == NULL)
        rc = pg_connect(hb->config, PG_SESSION_USER, CONNECT_TIMEOUT_MS, &hb->conn, err);
    if (rc == CV_OK)
        rc = pg_command(hb->conn, sql, "could not run heartbeat.action.query", err);
    if (rc == CV_OK)
        return CV_OK;
    if (PQstatus(hb->conn) != CONNECTION_OK) {
        PQfinish(hb->conn);
        hb->conn = NULL;
    }
    if (is_raised(err))
        return rc;
    if (cv_log_limit(&hb->failure_limit, 60000, &suppressed))
        CV_LOG_WARN(hb->log, "a heartbeat's statement failed, the heartbeat goes out all the same", CV_ERR(err),
                    CV_INT("suppressed", suppressed));
    return CV_OK;
}

enum cv_rc
heartbeat_tick(struct heartbeat *hb, struct cv_batch *batch, bool *ret_beat, struct cv_err *err)
{
    struct cv_value *key, *val;
    struct cv_record *rec;

    *ret_beat = false;
    if (hb == NULL || cv_mono_ms() < hb->due_ms)
        return CV_OK;
    hb->due_ms = cv_mono_ms() + hb->config->heartbeat_interval_ms;
    if (run_statement(hb, err) != CV_OK)
        return err->rc;
    rec = cv_batch_add_record(batch);
    key = cv_struct_new(batch->arena, hb->key_schema);
    val = cv_struct_new(batch->arena, hb->value_schema);
    if (rec == NULL || key == NULL || val == NULL)
        return cv_fail_memory(err);
    cv_struct_set(key, 0, cv_cstring(hb->config->topic_prefix));
    cv_struct_set(val, 0, cv_int(CV_INT64, cv_now_us() / 1000));
    rec->topic = hb->topic;
    rec->partition = 0;
    rec->key = *key;
    rec->value = *val;
    *ret_beat = true;
    return CV_OK;
}
