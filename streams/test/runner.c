/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of a pipeline, one after the other; see runner.h. */
#include "streams/test/runner.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"
#include "common/json_read.h"
#include "common/number.h"
#include "streams/sql/explain.h"
#include "streams/test/rig.h"
#include "streams/test/script.h"

#define ROWS_MAX  65536
#define FILE_MAX  ((size_t)4 << 20)
#define SINKS_MAX 256

struct run {
    const struct plan *plan;
    FILE *out;
    struct rig *rig;
    const struct step *test; /* TEST that runs */
    size_t taken[SINKS_MAX]; /* records of each sink that EXPECT has seen; of a console's the bytes of all */
    size_t number;
    size_t failed;
    bool wrong; /* the test has a failure */
};

/* Texts, each from malloc. */
struct texts {
    char *items[ROWS_MAX];
    size_t count;
};

static void
texts_done(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts);
}

static void
texts_take(struct texts *texts, struct cv_buf *buf)
{
    char *text = cv_buf_take(buf);

    if (text == NULL)
        text = strdup("");
    if (texts->count < ROWS_MAX && text != NULL)
        texts->items[texts->count++] = text;
    else
        free(text);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
fail(struct run *run, const struct step *step, const char *fmt, ...) CV_PRINTF(3, 4);

static void
fail(struct run *run, const struct step *step, const char *fmt, ...)
{
    va_list args;

    fprintf(run->out, "# %s:%d:%d: ", step->pos.file, step->pos.line, step->pos.col);
    va_start(args, fmt);
    vfprintf(run->out, fmt, args);
    va_end(args);
    fputc('\n', run->out);
    run->wrong = true;
}

/* ---- rows as text ---- */

static void
quoted(struct cv_buf *out, const char *text, size_t len)
{
    cv_buf_char(out, '\'');
    for (size_t i = 0; i < len; i++)
        cv_buf_str(out, text[i] == '\'' ? "''" : (const char[]){ text[i], '\0' });
    cv_buf_char(out, '\'');
}

/* The member of a JSON object as a literal. */
static void
add_member(struct cv_buf *out, struct cv_bytes object, const char *name)
{
    struct cv_json_reader in;
    struct cv_buf text = CV_BUF_INIT((size_t)16 << 20);
    enum cv_json_token tok;
    struct cv_json_reader before;

    cv_json_reader_init(&in, object.data, object.len);
    tok = cv_json_next(&in);
    while (tok == CV_JSON_OBJECT && cv_json_next(&in) == CV_JSON_KEY) {
        if (!cv_json_text_is(&in, name)) {
            cv_json_skip(&in);
            continue;
        }
        before = in;
        tok = cv_json_next(&in);
        switch (tok) {
        case CV_JSON_STRING:
            cv_json_text(&in, &text);
            quoted(out, cv_buf_cstr(&text), text.len);
            break;
        case CV_JSON_NUMBER:
            cv_buf_add(out, in.text, in.text_len);
            break;
        case CV_JSON_TRUE:
        case CV_JSON_FALSE:
            cv_buf_str(out, tok == CV_JSON_TRUE ? "TRUE" : "FALSE");
            break;
        case CV_JSON_OBJECT:
        case CV_JSON_ARRAY:
            in = before;
            cv_json_skip(&in);
            quoted(out, in.text, in.text_len);
            break;
        default:
            cv_buf_str(out, "NULL");
            break;
        }
        cv_buf_free(&text);
        return;
    }
    cv_buf_free(&text);
    cv_buf_str(out, object.data == NULL ? "NULL" : "MISSING");
}

static void
add_cell(struct cv_buf *out, const struct cell *cell)
{
    char text[CV_DOUBLE_MAX];

    switch (cell->kind) {
    case CELL_INTEGER:
        cv_buf_i64(out, cell->integer);
        break;
    case CELL_REAL:
        cv_buf_add(out, text, cv_format_double(cell->real, text));
        break;
    case CELL_TEXT:
    case CELL_BLOB:
        quoted(out, cell->data, cell->len);
        break;
    default:
        cv_buf_str(out, "NULL");
        break;
    }
}

/* Both as sets that may hold a row more than once. */
static void
compare(struct run *run, const struct step *step, struct texts *have)
{
    size_t n = step->n_rows;
    char **want = calloc(n + 1, sizeof(*want));
    size_t h = 0;
    size_t w = 0;

    if (want == NULL)
        return;
    if (n > 0)
        memcpy(want, step->rows, n * sizeof(*want));
    qsort(want, n, sizeof(*want), by_text);
    qsort(have->items, have->count, sizeof(*have->items), by_text);
    while (h < have->count || w < n) {
        int order = h == have->count ? 1 : w == n ? -1 : strcmp(have->items[h], want[w]);

        if (order < 0)
            fail(run, step, "%s has a row that is not expected: (%s)", step->name,
                 have->items[h]);
        else if (order > 0)
            fail(run, step, "%s lacks the row (%s)", step->name, want[w]);
        h += order <= 0;
        w += order >= 0;
    }
    free(want);
}

/* ---- EXPECT ---- */

static const struct plan_sink *
find_sink(const struct plan *plan, const char *name, size_t *ret_i)
{
    for (size_t i = 0; i < plan->n_sinks && i < SINKS_MAX; i++) {
        if (strcasecmp(plan->sinks[i].name, name) == 0) {
            *ret_i = i;
            return &plan->sinks[i];
        }
    }
    return NULL;
}

static void
take_record(const struct step *step, const struct memory_record *rec, struct texts *have)
{
    struct cv_bytes value = { .data = rec->value, .len = rec->value_len };
    struct cv_buf row = CV_BUF_INIT((size_t)16 << 20);

    for (size_t c = 0; c < step->n_columns; c++) {
        const char *name = step->columns[c];

        if (c > 0)
            cv_buf_str(&row, ", ");
        if (strcmp(name, "_key") == 0 && rec->key != NULL)
            quoted(&row, rec->key, rec->key_len);
        else if (strcmp(name, "_value") == 0 && rec->value != NULL)
            quoted(&row, rec->value, rec->value_len);
        else
            add_member(&row, value, name);
    }
    if (step->n_columns == 0)
        cv_buf_add(&row, rec->value, rec->value_len);
    texts_take(have, &row);
    cv_buf_free(&row);
}

/* The lines of one console sink behind those that were seen. */
static void
take_lines(struct run *run, const struct step *step, const struct plan_sink *sink, size_t i,
           struct texts *have)
{
    const char *line = rig_console(run->rig) + run->taken[i];
    size_t name_len = strlen(sink->name);

    for (; *line != '\0'; line += strcspn(line, "\n") + 1) {
        struct memory_record rec = { 0 };

        if (strncmp(line, sink->name, name_len) != 0 || line[name_len] != ' ')
            continue;
        rec.value = (char *)(uintptr_t)line + name_len + 1;
        rec.value_len = strcspn(rec.value, "\n");
        take_record(step, &rec, have);
    }
    run->taken[i] = (size_t)(line - rig_console(run->rig));
}

static void
expect_sink(struct run *run, const struct step *step)
{
    size_t i = 0;
    const struct plan_sink *sink = find_sink(run->plan, step->name, &i);
    struct texts *have = calloc(1, sizeof(*have));
    const struct memory_record *rec;

    if (sink == NULL || sink->kind == SQL_SINK_FILE || have == NULL) {
        fail(run, step, "\"%s\" is no sink TO TOPIC or CONSOLE of the pipeline", step->name);
        free(have);
        return;
    }
    if (sink->kind == SQL_SINK_CONSOLE)
        take_lines(run, step, sink, i, have);
    /* Partitions are left to the producer, which in memory means the first one. */
    while (sink->kind == SQL_SINK_TOPIC &&
           (rec = memory_kafka_read(rig_kafka(run->rig), sink->topic, 0, run->taken[i])) != NULL) {
        take_record(step, rec, have);
        run->taken[i]++;
    }
    compare(run, step, have);
    texts_done(have);
}

/* The rows of a table over all tasks, in a database of their own. */
static enum cv_rc
gather(struct run *run, const char *table, struct database *db, struct cv_err *err)
{
    char path[256];
    enum cv_rc rc = CV_OK;
    bool made = false;

    for (int32_t n = 0; rc == CV_OK; n++) {
        struct cv_buf sql = CV_BUF_INIT(4096);

        if (rig_task_file(run->rig, table, n, path, sizeof(path)) == NULL)
            break;
        rc = db_attach(db, path, "task", err);
        cv_buf_printf(&sql, made ? "INSERT INTO \"%s\" SELECT * FROM task.\"%s\"; DETACH task"
                                 : "CREATE TABLE \"%s\" AS SELECT * FROM task.\"%s\"; DETACH task",
                      table, table);
        if (rc == CV_OK)
            rc = db_exec(db, cv_buf_cstr(&sql), err);
        cv_buf_free(&sql);
        made = true;
    }
    return rc != CV_OK || made ? rc
                               : cv_fail(err, CV_NOT_FOUND, "there is no table \"%s\"", table);
}

static void
expect_table(struct run *run, const struct step *step)
{
    struct texts *have = calloc(1, sizeof(*have));
    struct database *db = NULL;
    struct statement *st = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool row;
    enum cv_rc rc = have == NULL ? cv_fail_memory(&err) : db_open_memory(&db, &err);

    if (rc == CV_OK)
        rc = gather(run, step->name, db, &err);
    if (rc == CV_OK)
        rc = db_prepare(db, step->text, &st, NULL, &err);
    while (rc == CV_OK && (rc = statement_step(db, st, &row, &err)) == CV_OK && row) {
        struct cv_buf text = CV_BUF_INIT((size_t)16 << 20);

        for (int i = 0; i < statement_columns(st); i++) {
            struct cell cell = statement_cell(st, i);

            if (i > 0)
                cv_buf_str(&text, ", ");
            add_cell(&text, &cell);
        }
        texts_take(have, &text);
        cv_buf_free(&text);
    }
    statement_free(st);
    db_close(db);
    if (rc != CV_OK)
        fail(run, step, "%s", err.text);
    else
        compare(run, step, have);
    if (have != NULL)
        texts_done(have);
}

/* ---- steps ---- */

static void
run_step(struct run *run, const struct step *step)
{
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc = CV_OK;

    switch (step->kind) {
    case STEP_AT:
        rig_at(run->rig, step->ms);
        break;
    case STEP_SQL:
        rc = rig_sql(run->rig, step->text, &err);
        break;
    case STEP_COMMIT:
        rc = rig_work(run->rig, &err);
        break;
    case STEP_CRASH:
        rc = rig_crash(run->rig, step->text, &err);
        break;
    case STEP_LOSE:
        rc = rig_work(run->rig, &err);
        if (rc == CV_OK)
            rc = rig_lose_state(run->rig, &err);
        break;
    case STEP_WAIT:
        rc = rig_wait(run->rig, step->ms, &err);
        break;
    case STEP_WATERMARK:
        rc = rig_watermark(run->rig, step->ms, &err);
        break;
    case STEP_EXPECT:
    case STEP_EXPECT_TABLE:
        rc = rig_work(run->rig, &err);
        if (rc == CV_OK && step->kind == STEP_EXPECT)
            expect_sink(run, step);
        else if (rc == CV_OK)
            expect_table(run, step);
        break;
    default:
        break;
    }
    if (rc != CV_OK)
        fail(run, step, "%s", err.text);
}

static void
end_test(struct run *run)
{
    if (run->test == NULL)
        return;
    fprintf(run->out, "%sok %zu - %s\n", run->wrong ? "not " : "", ++run->number, run->test->text);
    run->failed += run->wrong;
    rig_free(run->rig);
    run->rig = NULL;
    run->test = NULL;
}

static enum cv_rc
run_steps(struct run *run, const struct step *step, struct cv_err *err)
{
    for (; step != NULL; step = step->next) {
        if (step->kind == STEP_TEST) {
            end_test(run);
            if (rig_new(run->plan, &run->rig, err) != CV_OK)
                return err->rc;
            run->test = step;
            run->wrong = false;
            memset(run->taken, 0, sizeof(run->taken));
        } else if (!run->wrong) {
            run_step(run, step); /* what follows a failure would only confuse */
        }
    }
    end_test(run);
    return CV_OK;
}

/* ---- files ---- */

static int
is_test(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 9 &&
           strcmp(entry->d_name + len - 9, ".test.sql") == 0;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static enum cv_rc
read_file(const char *path, struct cv_buf *out, struct cv_err *err)
{
    FILE *file = fopen(path, "re");
    size_t n;

    if (file == NULL)
        return cv_fail_errno(err, CV_INVALID, errno, "could not open \"%s\"", path);
    do {
        char *room = cv_buf_reserve(out, 65536);

        n = room == NULL ? 0 : fread(room, 1, 65536, file);
        if (n > 0)
            cv_buf_used(out, n);
    } while (n > 0);
    fclose(file);
    return cv_buf_check(out, err);
}

static enum cv_rc
run_file(struct run *run, const char *path, struct cv_arena *arena, struct cv_err *err)
{
    struct sql_diags diags = { .arena = arena };
    struct cv_buf text = CV_BUF_INIT(FILE_MAX);
    struct cv_buf said = CV_BUF_INIT(FILE_MAX);
    struct step *steps = NULL;
    enum cv_rc rc = read_file(path, &text, err);

    if (rc == CV_OK)
        rc = script_parse(path, cv_buf_cstr(&text), text.len, arena, &diags, &steps, err);
    explain_diags(&diags, &said);
    fputs(cv_buf_cstr(&said), stderr);
    if (rc == CV_OK && diags.errors > 0)
        rc = cv_fail(err, CV_INVALID, "\"%s\" has %zu error%s", path, diags.errors,
                     diags.errors == 1 ? "" : "s");
    if (rc == CV_OK)
        rc = run_steps(run, steps, err);
    cv_buf_free(&text);
    cv_buf_free(&said);
    return rc;
}

enum cv_rc
runner_run(const struct plan *plan, const char *dir, struct cv_arena *arena, FILE *out,
           size_t *ret_failed, struct cv_err *err)
{
    struct run run = { .plan = plan, .out = out };
    struct dirent **names = NULL;
    char folder[4096];
    int count;
    enum cv_rc rc = CV_OK;

    snprintf(folder, sizeof(folder), "%s/tests", dir);
    count = scandir(folder, &names, is_test, by_name);
    if (count <= 0)
        rc = cv_fail(err, CV_INVALID, "there are no tests in \"%s\": files named *.test.sql", folder);
    for (int i = 0; i < count; i++) {
        char path[8192];

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        if (rc == CV_OK)
            rc = run_file(&run, cv_arena_strdup(arena, path), arena, err);
        free(names[i]);
    }
    free(names);
    if (run.rig != NULL)
        rig_free(run.rig);
    if (rc == CV_OK)
        fprintf(out, "1..%zu\n", run.number);
    *ret_failed = run.failed;
    return rc;
}
