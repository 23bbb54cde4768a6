/* SPDX-License-Identifier: Apache-2.0 */
/* Columns read again. */
#include "connectors/postgres/reselect.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/regex.h"

#define CLASS   "io.debezium.processors.reselect.ReselectColumnsPostProcessor"
#define SQL_MAX ((size_t)1 << 18)
#define KEY_MAX 160

struct reselect {
    struct cv_log *log;
    struct cv_regex_list *include, *exclude; /* of "schema.table:column" */
    bool unavailable;
    bool nulls;
    bool by_event_key; /* else by the table's own */
    bool fails; /* an error ends the task */
    PGresult *res; /* what the last row was filled with */
    struct cv_log_limit failure_limit;
};

/* The value of "NAME.suffix"; NULL: none. */
static const char *
option(const struct cv_config *cfg, const char *name, size_t name_len, const char *suffix)
{
    char key[KEY_MAX];

    snprintf(key, sizeof(key), "%.*s.%s", (int)name_len, name, suffix);
    return cv_config_get(cfg, key);
}

/* The next name of a list separated by commas, from *at; false: there is none. */
static bool
next_name(const char **at, const char **ret, size_t *ret_len)
{
    const char *p = *at + strspn(*at, ", \t");
    size_t len = strcspn(p, ","), trimmed = len;

    while (trimmed > 0 && (p[trimmed - 1] == ' ' || p[trimmed - 1] == '\t'))
        trimmed--;
    *at = p + len;
    *ret = p;
    *ret_len = trimmed;
    return trimmed > 0;
}

void
reselect_check(const struct cv_config *cfg, struct cv_config_errors *errors)
{
    const char *at = cv_config_get(cfg, "post.processors"), *name;
    size_t len, count = 0;

    while (at != NULL && next_name(&at, &name, &len)) {
        const char *class = option(cfg, name, len, "type");
        const char *mode = option(cfg, name, len, "reselect.error.handling.mode");

        if (class == NULL || strcmp(class, CLASS) != 0)
            cv_config_errors_add(errors, "post.processors",
                                 "The 'post.processors' value is invalid: %.*s.type is %s, but only " CLASS
                                 " is served", (int)len, name, class != NULL ? class : "missing");
        else if (count++ > 0)
            cv_config_errors_add(errors, "post.processors",
                                 "The 'post.processors' value is invalid: only one " CLASS " is served");
        if (mode != NULL && strcasecmp(mode, "warn") != 0 && strcasecmp(mode, "fail") != 0)
            cv_config_errors_add(errors, "post.processors",
                                 "The 'post.processors' value is invalid: %.*s.reselect.error.handling.mode is %s, "
                                 "neither warn nor fail", (int)len, name, mode);
    }
}

static bool
is_on(const char *value)
{
    return value == NULL || strcasecmp(value, "true") == 0;
}

static enum cv_rc
compile(const char *list, struct cv_regex_list **ret, struct cv_err *err)
{
    return list == NULL ? CV_OK : cv_regex_list_new(list, true, ret, err);
}

enum cv_rc
reselect_new(const struct pg_config *config, struct cv_log *log, struct reselect **ret, struct cv_err *err)
{
    const char *at = config->post_processors, *name, *mode, *by_key;
    struct reselect *r;
    size_t len;

    *ret = NULL;
    if (at == NULL || !next_name(&at, &name, &len))
        return CV_OK;
    r = calloc(1, sizeof(*r));
    if (r == NULL)
        return cv_fail_memory(err);
    mode = option(config->all, name, len, "reselect.error.handling.mode");
    by_key = option(config->all, name, len, "reselect.use.event.key");
    r->log = log;
    r->unavailable = is_on(option(config->all, name, len, "reselect.unavailable.values"));
    r->nulls = is_on(option(config->all, name, len, "reselect.null.values"));
    r->by_event_key = by_key != NULL && strcasecmp(by_key, "true") == 0;
    r->fails = mode != NULL && strcasecmp(mode, "fail") == 0;
    if (compile(option(config->all, name, len, "reselect.columns.include.list"), &r->include, err) != CV_OK ||
        compile(option(config->all, name, len, "reselect.columns.exclude.list"), &r->exclude, err) != CV_OK) {
        reselect_free(r);
        return cv_err_context(err, "post.processors");
    }
    *ret = r;
    return CV_OK;
}

void
reselect_free(struct reselect *r)
{
    if (r == NULL)
        return;
    cv_regex_list_free(r->include);
    cv_regex_list_free(r->exclude);
    PQclear(r->res);
    free(r);
}

void
reselect_mark(const struct reselect *r, struct plan *plan)
{
    if (r == NULL || plan->n_keys == 0)
        return;
    for (uint16_t i = 0; i < plan->n_columns; i++) {
        struct plan_column *col = &plan->columns[i];
        char name[256];

        if (!col->in_value)
            continue;
        snprintf(name, sizeof(name), "%s.%s:%s", plan->schema_name, plan->table_name, col->column);
        col->reselect = (r->include == NULL || cv_regex_list_matches(r->include, name, strlen(name))) &&
                        (r->exclude == NULL || !cv_regex_list_matches(r->exclude, name, strlen(name)));
        plan->reselects |= col->reselect;
    }
}

static bool
is_wanted(const struct reselect *r, const struct plan *plan, const struct pgoutput_tuple *row,
          const struct pgoutput_tuple *old, uint16_t i)
{
    char kind = row->values[i].kind;

    if (!plan->columns[i].reselect)
        return false;
    if (kind == 'u')
        return r->unavailable && (old == NULL || old->values[i].kind == 'u');
    return kind == 'n' && r->nulls;
}

/* The columns that rows are found by. */
static const uint16_t *
keys_of(const struct reselect *r, const struct plan *plan, size_t *ret_n)
{
    *ret_n = r->by_event_key ? plan->n_keys : plan->n_own_keys;
    return r->by_event_key ? plan->keys : plan->own_keys;
}

/* SELECT c, ... FROM t WHERE k = $1 AND ...; false: there is nothing to ask for, or no whole key to ask with. */
static bool
make_sql(const struct reselect *r, const struct plan *plan, const struct pgoutput_tuple *row,
         const struct pgoutput_tuple *old, struct cv_buf *sql)
{
    size_t wanted = 0, n_keys;
    const uint16_t *keys = keys_of(r, plan, &n_keys);

    for (uint16_t i = 0; i < plan->n_columns; i++) {
        if (!is_wanted(r, plan, row, old, i))
            continue;
        cv_buf_str(sql, wanted++ == 0 ? "SELECT " : ", ");
        cv_buf_sql_ident(sql, plan->columns[i].column);
    }
    if (wanted == 0 || n_keys == 0)
        return false;
    cv_buf_str(sql, " FROM ");
    cv_buf_sql_ident(sql, plan->schema_name);
    cv_buf_char(sql, '.');
    cv_buf_sql_ident(sql, plan->table_name);
    for (size_t k = 0; k < n_keys; k++) {
        if (row->values[keys[k]].kind != 't')
            return false;
        cv_buf_str(sql, k == 0 ? " WHERE " : " AND ");
        cv_buf_sql_ident(sql, plan->columns[keys[k]].column);
        cv_buf_printf(sql, " = $%zu", k + 1);
    }
    return true;
}

static PGresult *
ask(const struct reselect *r, const struct plan *plan, PGconn *conn, const struct pgoutput_tuple *row, const char *sql)
{
    size_t n_keys;
    const uint16_t *keys = keys_of(r, plan, &n_keys);
    char **texts = calloc(n_keys, sizeof(*texts));
    PGresult *res = NULL;
    bool ok = texts != NULL;

    for (size_t k = 0; ok && k < n_keys; k++) {
        const struct pgoutput_value *val = &row->values[keys[k]];

        texts[k] = strndup(val->data, val->len);
        ok = texts[k] != NULL;
    }
    if (ok)
        res = pg_exec(conn, sql, (int)n_keys, (const char *const *)texts);
    for (size_t k = 0; texts != NULL && k < n_keys; k++)
        free(texts[k]);
    free(texts);
    return res;
}

static enum cv_rc
on_failure(struct reselect *r, const struct plan *plan, PGconn *conn, struct cv_err *err)
{
    uint64_t suppressed;

    pg_fail(err, conn, r->res, "could not read columns of table \"%s.%s\" again", plan->schema_name, plan->table_name);
    if (r->fails || err->rc == CV_RETRY)
        return err->rc;
    if (cv_log_limit(&r->failure_limit, 10000, &suppressed))
        CV_LOG_WARN(r->log, "columns were not read again", CV_ERR(err), CV_INT("suppressed", suppressed));
    return CV_OK;
}

enum cv_rc
reselect_fill(struct reselect *r, const struct plan *plan, PGconn *conn, struct pgoutput_tuple *row,
              const struct pgoutput_tuple *old, size_t *inout_len, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(SQL_MAX);
    bool asks = make_sql(r, plan, row, old, &sql);
    enum cv_rc rc = cv_buf_check(&sql, err);
    int field = 0;

    PQclear(r->res);
    r->res = rc == CV_OK && asks ? ask(r, plan, conn, row, cv_buf_cstr(&sql)) : NULL;
    cv_buf_free(&sql);
    if (rc != CV_OK || !asks)
        return rc;
    if (PQresultStatus(r->res) != PGRES_TUPLES_OK)
        return on_failure(r, plan, conn, err);
    if (PQntuples(r->res) != 1)
        return CV_OK;
    for (uint16_t i = 0; i < plan->n_columns; i++) {
        struct pgoutput_value *val = &row->values[i];

        if (!is_wanted(r, plan, row, old, i))
            continue;
        if (PQgetisnull(r->res, 0, field))
            val->kind = 'n';
        else
            *val = (struct pgoutput_value){ .kind = 't', .data = PQgetvalue(r->res, 0, field),
                                            .len = (uint32_t)PQgetlength(r->res, 0, field) };
        *inout_len += PQgetisnull(r->res, 0, field) ? 0 : val->len;
        field++;
    }
    return CV_OK;
}
