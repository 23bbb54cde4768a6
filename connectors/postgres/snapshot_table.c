/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a snapshot: chosen, sized, and read by which statement. */
#include "connectors/postgres/snapshot_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/murmur2.h"
#include "common/number.h"
#include "common/regex.h"
#include "data/java_order.h"

#define NAME_SIZE            160
#define SNAPSHOT_RANGE_LEAST 512 /* pages: less is not worth a statement */
#define XID_DISTANCE_MAX     1500000000 /* 32 bits of an id tell older from newer within 2^31 */

void
snapshot_tables_done(struct snapshot_table_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        plan_free(list->items[i].plan);
        free(list->items[i].name);
        free(list->items[i].reads);
    }
    free(list->items);
    free(list->names);
    free(list->hashed_names);
    *list = (struct snapshot_table_list){ 0 };
}

/* ---- choosing ---- */

static bool
is_asked_for(const struct snapshot_spec *spec, const struct cv_regex_list *include, const struct pg_table *table,
             const char *name)
{
    if (table_is_signal(spec->filter, table->schema, table->name))
        return false;
    return include == NULL || cv_regex_list_matches(include, name, strlen(name));
}

static const char *
statement_of(const struct snapshot_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->n_overrides; i++)
        if (strcmp(spec->overrides[i].table, name) == 0)
            return spec->overrides[i].statement;
    return NULL;
}

static enum cv_rc
add_table(const struct snapshot_spec *spec, const struct pg_table *table, const char *name,
          struct snapshot_table_list *list, struct cv_err *err)
{
    struct snapshot_table *item = &list->items[list->count];

    *item = (struct snapshot_table){ .table = table, .name = strdup(name), .statement = statement_of(spec, name) };
    if (item->name == NULL)
        return cv_fail_memory(err);
    list->count++;
    return CV_OK;
}

static enum cv_rc
choose(const struct snapshot_spec *spec, struct snapshot_table_list *list, struct cv_err *err)
{
    struct cv_regex_list *include = NULL;
    enum cv_rc rc = CV_OK;

    if (spec->include != NULL)
        rc = cv_regex_list_new(spec->include, true, &include, err);
    for (size_t i = 0; rc == CV_OK && i < spec->tables->count; i++) {
        const struct pg_table *table = spec->tables->items[i];
        char name[NAME_SIZE];

        snprintf(name, sizeof(name), "%s.%s", table->schema, table->name);
        if (is_asked_for(spec, include, table, name))
            rc = add_table(spec, table, name, list, err);
    }
    cv_regex_list_free(include);
    return rc;
}

static enum cv_rc
join_names(struct snapshot_table_list *list, struct cv_err *err)
{
    struct cv_buf plain = CV_BUF_INIT((size_t)1 << 24), hashed = CV_BUF_INIT((size_t)1 << 24);
    const char **names = calloc(list->count + 1, sizeof(*names));
    size_t *at = calloc(list->count + 1, sizeof(*at));
    enum cv_rc rc = names == NULL || at == NULL ? cv_fail_memory(err) : CV_OK;

    for (size_t i = 0; rc == CV_OK && i < list->count; i++)
        names[i] = list->items[i].name;
    if (rc == CV_OK)
        rc = java_order_strings(names, list->count, at, err);
    for (size_t i = 0; rc == CV_OK && i < list->count; i++) {
        cv_buf_printf(&plain, "%s%s", i > 0 ? "," : "", names[i]);
        cv_buf_printf(&hashed, "%s%s", i > 0 ? "," : "", names[at[i]]);
    }
    if (rc == CV_OK)
        rc = cv_buf_check(&plain, err);
    if (rc == CV_OK)
        rc = cv_buf_check(&hashed, err);
    if (rc == CV_OK) {
        list->names = cv_buf_take(&plain);
        list->hashed_names = cv_buf_take(&hashed);
    }
    cv_buf_free(&plain);
    cv_buf_free(&hashed);
    free(names);
    free(at);
    return rc;
}

/* ---- sizes and plans ---- */

/* The size now, for ranges and progress; a parent's with what inherits from it. */
static enum cv_rc
read_size(PGconn *conn, struct snapshot_table *item, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(1024);
    PGresult *res = NULL;
    enum cv_rc rc;

    cv_buf_printf(&sql, "WITH RECURSIVE tree AS (SELECT %u::oid AS oid", item->table->oid);
    if (item->table->parent)
        cv_buf_str(&sql, " UNION ALL SELECT inhrelid FROM pg_inherits JOIN tree ON inhparent = tree.oid");
    cv_buf_str(&sql, ") SELECT coalesce(sum(pg_relation_size(c.oid)), 0)::bigint / "
                     "current_setting('block_size')::bigint, coalesce(sum(greatest(c.reltuples, 0)), 0), "
                     "bool_and(has_table_privilege(c.oid, 'SELECT')), coalesce(min(pg_relation_filenode(c.oid)), 0)"
                     " FROM pg_class c JOIN tree USING (oid)");
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        rc = pg_query(conn, cv_buf_cstr(&sql), &res, "could not read a table's size", err);
    if (rc == CV_OK) {
        item->pages = item->statement == NULL ? strtoull(PQgetvalue(res, 0, 0), NULL, 10) : 0; /* of what it returns */
        item->estimate = strtod(PQgetvalue(res, 0, 1), NULL);
        item->has_ranges = PQgetvalue(res, 0, 2)[0] == 't';
        item->filenode = (uint32_t)strtoul(PQgetvalue(res, 0, 3), NULL, 10);
    }
    PQclear(res);
    cv_buf_free(&sql);
    return rc;
}

/* How many ranges for each reader. */
static uint64_t
multiplier_of(const struct pg_config *config, const char *table)
{
    char key[NAME_SIZE + 40];
    const char *text;
    int64_t own;

    snprintf(key, sizeof(key), "snapshot.max.threads.multiplier.%s", table);
    text = cv_config_get(config->all, key);
    if (text != NULL && cv_parse_i64(text, strlen(text), &own) && own > 0)
        return (uint64_t)own;
    return (uint64_t)config->snapshot_threads_multiplier;
}

/* A parent is read whole, with what inherits from it. So is a table that the role may read some columns of, since ctid
   is none of them, and every table of an older server, which would read it to its end for each range. */
static bool
can_have_ranges(const struct snapshot_spec *spec, PGconn *conn, const struct snapshot_table *item)
{
    if (item->table->parent || item->statement != NULL || !item->has_ranges || PQserverVersion(conn) < 140000)
        return false;
    return spec->config->snapshot_max_threads == 1 || !spec->config->snapshot_whole_tables;
}

/* With several readers a range is small enough for each to get some; so it is where one that was read to its end counts
   as delivered if the snapshot is interrupted. */
static void
choose_ranges(const struct snapshot_spec *spec, PGconn *conn, struct snapshot_table *item)
{
    uint64_t threads = (uint64_t)spec->config->snapshot_max_threads, pages = SNAPSHOT_RANGE_PAGES, least;

    if (!can_have_ranges(spec, conn, item))
        return;
    if (spec->resumable)
        pages = SNAPSHOT_RANGE_LEAST;
    least = threads > 1 ? item->pages / threads / multiplier_of(spec->config, item->name) : pages;
    if (least < pages)
        pages = least;
    if (pages < SNAPSHOT_RANGE_LEAST)
        pages = SNAPSHOT_RANGE_LEAST;
    if (pages < item->pages || item->pages_before > 0)
        item->range_pages = pages;
}

/* ---- going on from an interrupted snapshot ---- */

static enum cv_rc
hash_structure(struct snapshot_table *item, struct cv_err *err)
{
    const struct pg_table *table = item->table;
    struct cv_buf text = CV_BUF_INIT((size_t)1 << 20);
    enum cv_rc rc;

    cv_buf_sql_ident(&text, table->schema);
    cv_buf_sql_ident(&text, table->name);
    for (size_t i = 0; i < table->n_columns; i++) {
        cv_buf_sql_ident(&text, table->columns[i].name);
        cv_buf_printf(&text, " %" PRIu32 " %" PRId32 ",", table->columns[i].type->oid, table->columns[i].typmod);
    }
    for (size_t i = 0; i < table->n_keys; i++)
        cv_buf_printf(&text, " %u", table->keys[i]);
    if (item->statement != NULL)
        cv_buf_str(&text, item->statement);
    rc = cv_buf_check(&text, err);
    if (rc == CV_OK)
        item->structure = cv_murmur2(cv_buf_cstr(&text), text.len);
    cv_buf_free(&text);
    return rc;
}

/* Nobody may rewrite it between the look at where its pages are and the first that is read. */
static enum cv_rc
lock_table(const struct snapshot_spec *spec, PGconn *conn, const struct snapshot_table *item, struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT(1024);
    enum cv_rc rc;

    cv_buf_printf(&sql, "SET LOCAL lock_timeout = %" PRId64 "; LOCK TABLE ONLY ",
                  spec->config->snapshot_lock_timeout_ms);
    cv_buf_sql_ident(&sql, item->table->schema);
    cv_buf_char(&sql, '.');
    cv_buf_sql_ident(&sql, item->table->name);
    cv_buf_str(&sql, " IN ACCESS SHARE MODE; SET LOCAL lock_timeout TO DEFAULT");
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        rc = pg_command(conn, cv_buf_cstr(&sql),
                        "could not lock a table that the snapshot goes on with (snapshot.lock.timeout.ms)", err);
    if (rc == CV_INVALID && strcmp(err->sqlstate, "55P03") == 0) /* lock_not_available: it is free later */
        rc = err->rc = CV_RETRY;
    cv_buf_free(&sql);
    return rc;
}

/* Why what was delivered of it does not count; NULL: it does. */
static const char *
outdated(const struct snapshot_spec *spec, PGconn *conn, const struct snapshot_table *item,
         const struct snapshot_delivered_table *was, uint64_t xmin)
{
    if (was->structure != item->structure)
        return "its name, columns, key or statement are others now";
    if (was->whole || was->pages == 0)
        return NULL;
    if (was->filenode != item->filenode)
        return "it was rewritten or truncated";
    if (!can_have_ranges(spec, conn, item))
        return "it can be read as a whole only now";
    if (was->xid > xmin || xmin - was->xid > XID_DISTANCE_MAX)
        return "too many transactions have passed";
    return NULL;
}

/* Its size, and what was delivered of it. */
static enum cv_rc
look_at(const struct snapshot_spec *spec, PGconn *conn, uint64_t xmin, struct snapshot_table *item, struct cv_err *err)
{
    const struct snapshot_delivered_table *was = NULL;
    const char *why;

    item->xid = xmin;
    if (spec->resumable && hash_structure(item, err) != CV_OK)
        return err->rc;
    if (spec->delivered != NULL)
        was = snapshot_delivered_find(spec->delivered, item->table->oid);
    if (was != NULL && !was->whole && was->pages > 0 && lock_table(spec, conn, item, err) != CV_OK)
        return err->rc;
    if (read_size(conn, item, err) != CV_OK)
        return err->rc;
    if (was == NULL)
        return CV_OK;
    why = outdated(spec, conn, item, was, xmin);
    if (why != NULL) {
        CV_LOG_WARN(spec->ctx->log, "the snapshot of a table begins anew", CV_STR("relation", item->name),
                    CV_STR("reason", why));
        return CV_OK;
    }
    item->rows = item->emitted = item->rows_before = was->rows;
    if (was->whole) {
        item->state = TABLE_COMPLETED;
        item->begun_ms = item->ended_ms = cv_mono_ms();
        item->given = true;
    } else if (was->pages > 0) {
        item->next = item->pages_done = item->pages_before = was->pages;
        if (item->pages < item->next)
            item->pages = item->next;
        item->xid = was->xid;
        item->looks_back = true;
    }
    item->percent_before = snapshot_table_percent(item);
    return CV_OK;
}

/* Columns that a statement of the user's returns, by name; a user's names are looked for as usual. */
static enum cv_rc
describe_statement(PGconn *conn, struct snapshot_table *item, struct cv_err *err)
{
    PGresult *res = PQprepare(conn, "", item->statement, 0, NULL);
    enum cv_rc rc = CV_OK;

    if (PQresultStatus(res) == PGRES_COMMAND_OK) {
        PQclear(res);
        res = PQdescribePrepared(conn, "");
    }
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        rc = pg_fail(err, conn, res, "snapshot.select.statement.overrides.%s cannot be used", item->name);
    for (uint16_t i = 0; rc == CV_OK && i < item->plan->n_columns; i++) {
        const struct plan_column *col = &item->plan->columns[i];
        bool found = false;

        for (int at = 0; col->sent && at < PQnfields(res) && !found; at++)
            found = strcmp(PQfname(res, at), col->column) == 0;
        item->reads[i] = found;
    }
    PQclear(res);
    return rc;
}

/* Columns that are neither in the value nor in the key are not read. */
static enum cv_rc
make_plan(const struct snapshot_spec *spec, PGconn *conn, struct snapshot_table *item, struct cv_err *err)
{
    struct plan_spec plan = { .config = spec->config,
                              .direct = spec->direct,
                              .filter = spec->filter,
                              .table = item->table,
                              .catalog = spec->catalog,
                              .conn = conn };

    if (plan_new(&plan, &item->plan, err) != CV_OK)
        return err->rc;
    item->reads = calloc((size_t)item->plan->n_columns + 1, sizeof(*item->reads));
    if (item->reads == NULL)
        return cv_fail_memory(err);
    for (uint16_t i = 0; i < item->plan->n_columns; i++)
        item->reads[i] = item->plan->columns[i].sent;
    if (item->statement != NULL && describe_statement(conn, item, err) != CV_OK)
        return err->rc;
    if (spec->direct == NULL)
        return CV_OK;
    err->rc = CV_OK;
    item->plan->topic = spec->ctx->topic(spec->ctx, item->plan->topic_name, err);
    return item->plan->topic == NULL ? err->rc : CV_OK;
}

enum cv_rc
snapshot_tables_choose(const struct snapshot_spec *spec, PGconn *conn, uint64_t xmin, struct snapshot_table_list *ret,
                       struct cv_err *err)
{
    struct snapshot_table_list list = { .items = calloc(spec->tables->count + 1, sizeof(*list.items)) };
    enum cv_rc rc = list.items == NULL ? cv_fail_memory(err) : choose(spec, &list, err);

    for (size_t i = 0; rc == CV_OK && i < list.count; i++) {
        rc = look_at(spec, conn, xmin, &list.items[i], err);
        choose_ranges(spec, conn, &list.items[i]);
    }
    if (rc == CV_OK)
        rc = join_names(&list, err);
    for (size_t i = 0; rc == CV_OK && i < list.count; i++)
        rc = make_plan(spec, conn, &list.items[i], err);
    if (rc == CV_OK)
        *ret = list;
    else
        snapshot_tables_done(&list);
    return rc;
}

size_t
snapshot_tables_ranges(const struct snapshot_table_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct snapshot_table *item = &list->items[i];

        if (item->given)
            continue;
        n += item->looks_back ? 1 : 0;
        if (item->range_pages == 0 || item->next >= item->pages)
            n++;
        else
            n += (size_t)((item->pages - item->next + item->range_pages - 1) / item->range_pages);
    }
    return n;
}

/* ---- statements ---- */

static void
add_columns(const struct snapshot_table *item, struct cv_buf *sql)
{
    const char *comma = "";

    for (uint16_t i = 0; i < item->plan->n_columns; i++) {
        if (!item->reads[i])
            continue;
        cv_buf_str(sql, comma);
        cv_buf_sql_ident(sql, item->plan->columns[i].column);
        comma = ", ";
    }
}

static void
add_statement(const struct snapshot_table *item, struct cv_buf *sql)
{
    size_t len = strlen(item->statement);

    while (len > 0 && strchr("; \t\r\n", item->statement[len - 1]) != NULL)
        len--;
    cv_buf_str(sql, " FROM (");
    cv_buf_add(sql, item->statement, len);
    cv_buf_str(sql, ") AS statement"); /* its order is kept: nothing above sorts */
}

/* The last range is open: rows beyond the size that was read are not missed. */
static void
add_range(const struct snapshot_table *item, uint64_t after, bool last, struct cv_buf *sql)
{
    cv_buf_printf(sql, " WHERE ctid >= '(%" PRIu64 ",0)'::tid", item->next);
    if (!last)
        cv_buf_printf(sql, " AND ctid < '(%" PRIu64 ",0)'::tid", after);
}

/* Of the pages that an interrupted snapshot has delivered, what was written since: it has come here from pages that
   were not delivered, or its event may lack values that did not change. */
static void
add_look_back(const struct snapshot_table *item, struct cv_buf *sql)
{
    cv_buf_printf(sql, " WHERE ctid < '(%" PRIu64 ",0)'::tid AND age(xmin) <= age('%" PRIu32 "'::xid)",
                  item->pages_before, (uint32_t)item->xid);
}

enum cv_rc
snapshot_table_copy(struct snapshot_table *item, struct cv_buf *sql, uint64_t *ret_first, uint64_t *ret_pages,
                    struct cv_err *err)
{
    const struct pg_table *table = item->table;
    uint64_t first = item->next, after = first + item->range_pages;
    bool last = item->range_pages == 0 || after >= item->pages;

    cv_buf_str(sql, "COPY (SELECT ");
    add_columns(item, sql);
    if (item->statement != NULL) {
        add_statement(item, sql);
    } else {
        cv_buf_str(sql, table->parent ? " FROM " : " FROM ONLY ");
        cv_buf_sql_ident(sql, table->schema);
        cv_buf_char(sql, '.');
        cv_buf_sql_ident(sql, table->name);
    }
    if (item->looks_back)
        add_look_back(item, sql);
    else if (item->range_pages > 0)
        add_range(item, after, last, sql);
    cv_buf_str(sql, ") TO STDOUT");
    if (cv_buf_check(sql, err) != CV_OK)
        return err->rc;
    *ret_first = first;
    *ret_pages = 0;
    if (item->looks_back) {
        item->looks_back = false;
        return CV_OK;
    }
    item->next = last ? item->pages : after;
    item->given = last;
    *ret_pages = item->next - first;
    return CV_OK;
}

/* ---- progress ---- */

/* By pages of whole ranges, and within those that are being read by rows, as far as their number was known. */
double
snapshot_table_percent(const struct snapshot_table *item)
{
    double least, most, share;

    if (item->state == TABLE_COMPLETED)
        return 100;
    if (item->state == TABLE_WAITING && item->pages_before == 0)
        return 0;
    if (item->pages == 0)
        return -1;
    least = (double)item->pages_done / (double)item->pages;
    most = (double)item->next / (double)item->pages;
    share = item->estimate > 0 ? (double)item->rows / item->estimate : least;
    return 100 * (share < least ? least : share > most ? most : share);
}
