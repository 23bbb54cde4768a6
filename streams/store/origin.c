/* SPDX-License-Identifier: Apache-2.0 */
/* Where the changes of a test come from; see origin.h. Triggers tell each row. */
#include "streams/store/origin.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "streams/store/sqlite.h"

struct origin {
    struct database *db;
    origin_change *tell;
    void *arg;
};

/* _culvert_tell(table, op, key, before, after) */
static void
sql_tell(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct origin *origin = sqlite3_user_data(ctx);
    const char *op = (const char *)sqlite3_value_text(argv[1]);

    (void)argc;
    origin->tell(origin->arg, (const char *)sqlite3_value_text(argv[0]), op[0],
                 (const char *)sqlite3_value_text(argv[2]),
                 (const char *)sqlite3_value_text(argv[3]),
                 (const char *)sqlite3_value_text(argv[4]));
}

enum cv_rc
origin_new(origin_change *tell, void *arg, struct origin **ret, struct cv_err *err)
{
    struct origin *origin = calloc(1, sizeof(*origin));

    if (origin == NULL)
        return cv_fail_memory(err);
    origin->tell = tell;
    origin->arg = arg;
    if (db_open_memory(&origin->db, err) != CV_OK) {
        free(origin);
        return err->rc;
    }
    if (sqlite3_create_function_v2(origin->db->handle, "_culvert_tell", 5, SQLITE_UTF8, origin,
                                   sql_tell, NULL, NULL, NULL) != SQLITE_OK) {
        db_fail(origin->db, err, "could not register a function");
        origin_free(origin);
        return err->rc;
    }
    *ret = origin;
    return CV_OK;
}

void
origin_free(struct origin *origin)
{
    if (origin == NULL)
        return;
    db_close(origin->db);
    free(origin);
}

/* json_object('a', NEW.a, ...) of all columns or of the key's. */
static void
add_object(struct cv_buf *sql, const struct table *table, const char *row, bool key)
{
    size_t n = key ? table->n_key : table->n_columns;

    cv_buf_str(sql, "json_object(");
    for (size_t i = 0; i < n; i++) {
        const struct column *col = &table->columns[key ? table->key[i] : i];

        cv_buf_printf(sql, "%s'%s', %s.", i > 0 ? ", " : "", col->name, row);
        cv_buf_sql_ident(sql, col->name);
    }
    cv_buf_char(sql, ')');
}

static void
add_trigger(struct cv_buf *sql, const struct table *table, const char *event, char op)
{
    cv_buf_printf(sql, "CREATE TEMP TRIGGER \"%s_%s\" AFTER %s ON main.\"%s\" BEGIN SELECT "
                       "_culvert_tell('%s', '%c', ",
                  table->name, event, event, table->name, table->name, op);
    add_object(sql, table, op == 'd' ? "OLD" : "NEW", true);
    cv_buf_str(sql, ", ");
    if (op == 'c')
        cv_buf_str(sql, "NULL");
    else
        add_object(sql, table, "OLD", false);
    cv_buf_str(sql, ", ");
    if (op == 'd')
        cv_buf_str(sql, "NULL");
    else
        add_object(sql, table, "NEW", false);
    cv_buf_str(sql, "); END;");
}

enum cv_rc
origin_add(struct origin *origin, const struct table *table, const char *columns,
           struct cv_err *err)
{
    struct cv_buf sql = CV_BUF_INIT((size_t)1 << 20);
    enum cv_rc rc;

    cv_buf_str(&sql, "CREATE TABLE ");
    cv_buf_sql_ident(&sql, table->name);
    cv_buf_printf(&sql, " (%s\n);", columns);
    add_trigger(&sql, table, "INSERT", 'c');
    add_trigger(&sql, table, "UPDATE", 'u');
    add_trigger(&sql, table, "DELETE", 'd');
    rc = cv_buf_check(&sql, err);
    if (rc == CV_OK)
        rc = db_exec(origin->db, cv_buf_cstr(&sql), err);
    cv_buf_free(&sql);
    return rc;
}

enum cv_rc
origin_run(struct origin *origin, const char *sql, struct cv_err *err)
{
    return db_exec(origin->db, sql, err);
}
