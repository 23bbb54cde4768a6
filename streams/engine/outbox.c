/* SPDX-License-Identifier: Apache-2.0 */
/* Rows on their way to files; see outbox.h. */
#include "streams/engine/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define RETRY_MS 5000

/* One sink's rows. */
struct box {
    const struct plan_sink *sink;
    const struct plan_body *body; /* whose columns head a CSV file */
    int64_t last_seq;             /* of the row that was added last */
    int64_t saved_seq;
    int64_t rows;
    int64_t bytes;
    int64_t since_ms; /* monotonic, when the first row came */
    bool mixed;       /* rows of more than one file wait */
    char file[512];   /* of the row that was added last */
    int64_t upto;     /* a file is decided, up to this row; 0: none */
    bool written;     /* it is there */
};

struct outbox {
    struct database *db;
    struct cv_log *log;
    const char *task_id;
    char *directory;
    struct box *boxes;
    size_t n_boxes;
    int64_t retry_ms; /* monotonic, after a failed write */
    struct statement *insert;
    struct statement *put_mark;
    struct statement *first; /* file and sequence of a sink's first row */
    struct statement *read;
    struct statement *remove;
};

/* The first SELECT that writes to the sink. */
static const struct plan_body *
writing_body(const struct plan *plan, const struct plan_group *group, size_t sink)
{
    for (size_t r = 0; r < group->n_rules; r++) {
        const struct plan_rule *rule = &plan->rules[group->rules[r]];

        for (size_t s = 0; s < rule->n_sinks; s++) {
            for (size_t b = 0; b < rule->n_bodies && rule->sinks[s] == sink; b++) {
                if (rule->bodies[b].n_columns > 0)
                    return &rule->bodies[b];
            }
        }
    }
    return NULL;
}

static bool
takes_late(const struct plan *plan, const struct plan_group *group, size_t sink)
{
    for (size_t r = 0; r < group->n_rules; r++) {
        if (plan->rules[group->rules[r]].late_sink == sink)
            return true;
    }
    return false;
}

static enum cv_rc
prepare(struct outbox *box, struct cv_err *err)
{
    const struct {
        struct statement **to;
        const char *sql;
    } all[] = {
        { &box->insert, "INSERT INTO _culvert_outbox VALUES (?1, ?2, ?3, ?4)" },
        { &box->put_mark, "INSERT OR REPLACE INTO _culvert_marks VALUES (?1, 0, ?2)" },
        { &box->first, "SELECT file, seq FROM _culvert_outbox WHERE sink = ?1 ORDER BY seq LIMIT 1" },
        { &box->read, "SELECT line FROM _culvert_outbox WHERE sink = ?1 AND seq <= ?2 AND file = ?3 "
                      "ORDER BY seq" },
        { &box->remove,
          "DELETE FROM _culvert_outbox WHERE sink = ?1 AND seq <= ?2 AND file = ?3" },
    };
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < CV_COUNT(all) && rc == CV_OK; i++)
        rc = db_prepare(box->db, all[i].sql, all[i].to, NULL, err);
    return rc;
}

enum cv_rc
outbox_new(struct database *db, const struct plan *plan, size_t group, const char *task_id,
           const char *directory, struct cv_log *log, struct outbox **ret, struct cv_err *err)
{
    const struct plan_group *g = &plan->groups[group];
    struct outbox *box = calloc(1, sizeof(*box));
    enum cv_rc rc;

    *ret = NULL;
    if (box == NULL)
        return cv_fail_memory(err);
    box->db = db;
    box->log = log;
    box->task_id = task_id;
    box->directory = strdup(directory);
    box->boxes = calloc(plan->n_sinks + 1, sizeof(*box->boxes));
    rc = box->directory == NULL || box->boxes == NULL ? cv_fail_memory(err) : CV_OK;
    for (size_t i = 0; i < plan->n_sinks && rc == CV_OK; i++) {
        const struct plan_body *body = writing_body(plan, g, i);

        if (plan->sinks[i].kind == SQL_SINK_FILE && (body != NULL || takes_late(plan, g, i)))
            box->boxes[box->n_boxes++] = (struct box){ .sink = &plan->sinks[i], .body = body };
    }
    if (rc == CV_OK && box->n_boxes > 0)
        rc = prepare(box, err);
    if (rc != CV_OK || box->n_boxes == 0) {
        outbox_free(box);
        return rc;
    }
    *ret = box;
    return CV_OK;
}

void
outbox_free(struct outbox *box)
{
    if (box == NULL)
        return;
    statement_free(box->insert);
    statement_free(box->put_mark);
    statement_free(box->first);
    statement_free(box->read);
    statement_free(box->remove);
    free(box->directory);
    free(box->boxes);
    free(box);
}

/* ---- marks ---- */

static const char *
mark_name(char out[128], const char *kind, const struct box *box)
{
    snprintf(out, 128, "%s %s", kind, box->sink->name);
    return out;
}

static enum cv_rc
put_mark(struct outbox *out, const char *kind, const struct box *box, int64_t v, struct cv_err *err)
{
    char name[128];

    statement_bind_text(out->put_mark, 1, mark_name(name, kind, box));
    statement_bind_int(out->put_mark, 2, v);
    return statement_run(out->db, out->put_mark, err);
}

static enum cv_rc
get_mark(struct outbox *out, const char *kind, const struct box *box, int64_t *ret,
         struct cv_err *err)
{
    char name[128];
    struct statement *st = NULL;
    bool row;
    enum cv_rc rc =
        db_prepare(out->db, "SELECT v FROM _culvert_marks WHERE k = ?1 AND n = 0", &st, NULL, err);

    if (rc == CV_OK) {
        statement_bind_text(st, 1, mark_name(name, kind, box));
        rc = statement_step(out->db, st, &row, err);
    }
    if (rc == CV_OK)
        *ret = row ? statement_int(st, 0) : 0;
    statement_free(st);
    return rc;
}

/* How much waits, as the table has it. */
static enum cv_rc
count_rows(struct outbox *out, struct box *box, struct cv_err *err)
{
    struct statement *st = NULL;
    bool row;
    enum cv_rc rc = db_prepare(out->db,
                               "SELECT count(*), coalesce(sum(length(line)), 0), count(DISTINCT "
                               "file) > 1, max(file) FROM _culvert_outbox WHERE sink = ?1",
                               &st, NULL, err);

    if (rc == CV_OK) {
        statement_bind_text(st, 1, box->sink->name);
        rc = statement_step(out->db, st, &row, err);
    }
    if (rc == CV_OK) {
        const char *file = statement_text(st, 3);

        box->rows = statement_int(st, 0);
        box->bytes = statement_int(st, 1);
        box->mixed = statement_int(st, 2) != 0;
        snprintf(box->file, sizeof(box->file), "%s", file == NULL ? "" : file);
        box->since_ms = cv_mono_ms();
    }
    statement_free(st);
    return rc;
}

enum cv_rc
outbox_load(struct outbox *out, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < out->n_boxes && rc == CV_OK; i++) {
        struct box *box = &out->boxes[i];

        box->written = false;
        rc = get_mark(out, "seq", box, &box->last_seq, err);
        box->saved_seq = box->last_seq;
        if (rc == CV_OK)
            rc = get_mark(out, "file", box, &box->upto, err);
        if (rc == CV_OK)
            rc = count_rows(out, box, err);
    }
    return rc;
}

/* ---- rows ---- */

/* The pattern's file for a row of that time. */
static void
expand(const struct plan_sink *sink, int64_t ms, char *out, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL || strftime(out, size, sink->pattern, &tm) == 0)
        snprintf(out, size, "%s", sink->pattern);
}

enum cv_rc
outbox_add(struct outbox *out, const struct output *output, struct cv_err *err)
{
    struct cell line = { .kind = CELL_TEXT, .len = output->value.len, .data = output->value.data };
    struct box *box = out->boxes;
    char file[sizeof(box->file)];
    enum cv_rc rc;

    while (box->sink != output->sink)
        box++;
    if (output->value.data == NULL)
        return CV_OK; /* a tombstone is nothing to a file */
    expand(box->sink, output->ts_ms != CHANGE_NONE ? output->ts_ms : cv_now_ms(), file,
           sizeof(file));
    statement_bind_text(out->insert, 1, box->sink->name);
    statement_bind_int(out->insert, 2, box->last_seq + 1);
    statement_bind_text(out->insert, 3, file);
    statement_bind(out->insert, 4, &line);
    rc = statement_run(out->db, out->insert, err);
    if (rc != CV_OK)
        return rc;
    if (box->rows == 0) {
        box->since_ms = cv_mono_ms();
        box->mixed = false;
    } else if (strcmp(box->file, file) != 0) {
        box->mixed = true;
    }
    memcpy(box->file, file, sizeof(file));
    box->last_seq++;
    box->rows++;
    box->bytes += (int64_t)line.len;
    return CV_OK;
}

static bool
is_full(const struct box *box)
{
    return box->rows > 0 &&
           (box->mixed || box->rows >= box->sink->roll_rows ||
            box->bytes >= box->sink->roll_bytes ||
            cv_mono_ms() - box->since_ms >= box->sink->roll_ms);
}

bool
outbox_due(const struct outbox *out)
{
    for (size_t i = 0; i < out->n_boxes; i++) {
        const struct box *box = &out->boxes[i];

        if (box->upto != 0 ? box->written : is_full(box))
            return true;
    }
    return false;
}

/* File and number of the first row; *ret_seq 0: none waits. */
static enum cv_rc
first_row(struct outbox *out, const struct box *box, char *file, size_t size, int64_t *ret_seq,
          struct cv_err *err)
{
    bool row;
    enum cv_rc rc;

    statement_bind_text(out->first, 1, box->sink->name);
    rc = statement_step(out->db, out->first, &row, err);
    if (rc == CV_OK) {
        snprintf(file, size, "%s", row ? statement_text(out->first, 0) : "");
        *ret_seq = row ? statement_int(out->first, 1) : 0;
    }
    statement_reset(out->first);
    return rc;
}

static enum cv_rc
forget_written(struct outbox *out, struct box *box, struct cv_err *err)
{
    char file[sizeof(box->file)];
    int64_t seq;
    enum cv_rc rc = first_row(out, box, file, sizeof(file), &seq, err);

    if (rc != CV_OK)
        return rc;
    statement_bind_text(out->remove, 1, box->sink->name);
    statement_bind_int(out->remove, 2, box->upto);
    statement_bind_text(out->remove, 3, file);
    rc = statement_run(out->db, out->remove, err);
    if (rc == CV_OK)
        rc = put_mark(out, "file", box, 0, err);
    box->upto = 0;
    box->written = false;
    return rc == CV_OK ? count_rows(out, box, err) : rc;
}

enum cv_rc
outbox_decide(struct outbox *out, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    for (size_t i = 0; i < out->n_boxes && rc == CV_OK; i++) {
        struct box *box = &out->boxes[i];

        if (box->upto != 0 && box->written)
            rc = forget_written(out, box, err);
        if (rc == CV_OK && box->upto == 0 && is_full(box)) {
            box->upto = box->last_seq;
            rc = put_mark(out, "file", box, box->upto, err);
        }
        if (rc == CV_OK && box->last_seq != box->saved_seq)
            rc = put_mark(out, "seq", box, box->last_seq, err);
        box->saved_seq = box->last_seq;
    }
    return rc;
}

/* ---- files ---- */

/* The folders on the way to a file. */
static void
make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0750); /* what is wrong shows when the file is opened */
        *slash = '/';
    }
}

/* DIRECTORY/name-TASK-FIRST-LAST.ext */
static enum cv_rc
make_path(const struct outbox *out, const struct box *box, const char *file, int64_t first,
          char *path, size_t size, struct cv_err *err)
{
    const char *base = strrchr(file, '/');
    const char *dot = strrchr(base == NULL ? file : base, '.');
    int head = dot == NULL ? (int)strlen(file) : (int)(dot - file);
    int n = snprintf(path, size, "%s%s%.*s-%s-%lld-%lld%s", file[0] == '/' ? "" : out->directory,
                     file[0] == '/' ? "" : "/", head, file, out->task_id, (long long)first,
                     (long long)box->upto, dot == NULL ? "" : dot);

    if (n < 0 || (size_t)n + 8 >= size)
        return cv_fail(err, CV_INVALID, "the path of sink \"%s\" is too long", box->sink->name);
    return CV_OK;
}

static void
write_head(const struct box *box, FILE *stream)
{
    struct cv_buf head = CV_BUF_INIT((size_t)1 << 20);

    for (size_t i = 0; box->sink->csv && box->body != NULL && i < box->body->n_columns; i++) {
        const char *name = box->body->columns[i];

        if (name[0] == '_')
            continue;
        if (head.len > 0)
            cv_buf_char(&head, ',');
        sink_csv_field(&head, name, strlen(name), false);
    }
    if (head.len > 0)
        fprintf(stream, "%s\n", cv_buf_cstr(&head));
    cv_buf_free(&head);
}

static enum cv_rc
write_lines(struct outbox *out, const struct box *box, const char *file, FILE *stream,
            struct cv_err *err)
{
    bool row;
    enum cv_rc rc;

    write_head(box, stream);
    statement_bind_text(out->read, 1, box->sink->name);
    statement_bind_int(out->read, 2, box->upto);
    statement_bind_text(out->read, 3, file);
    while ((rc = statement_step(out->db, out->read, &row, err)) == CV_OK && row) {
        struct cell line = statement_cell(out->read, 0);

        fwrite(line.data, 1, line.len, stream);
        fputc('\n', stream);
    }
    statement_reset(out->read);
    return rc;
}

static void
sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];
    int fd;

    snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static enum cv_rc
write_file(struct outbox *out, const struct box *box, struct cv_err *err)
{
    char file[sizeof(box->file)];
    char path[4096];
    char tmp[4104];
    int64_t first;
    FILE *stream;
    bool fine;
    enum cv_rc rc = first_row(out, box, file, sizeof(file), &first, err);

    if (rc != CV_OK || first == 0)
        return rc;
    rc = make_path(out, box, file, first, path, sizeof(path), err);
    if (rc != CV_OK)
        return rc;
    make_folders(path);
    snprintf(tmp, sizeof(tmp), "%s.tmp", path);
    stream = fopen(tmp, "we");
    if (stream == NULL)
        return cv_fail_errno(err, CV_RETRY, errno, "could not open \"%s\" of sink \"%s\"", tmp,
                             box->sink->name);
    rc = write_lines(out, box, file, stream, err);
    fine = fflush(stream) == 0 && !ferror(stream) && fsync(fileno(stream)) == 0;
    fine &= fclose(stream) == 0;
    if (rc == CV_OK && (!fine || rename(tmp, path) != 0))
        rc = cv_fail_errno(err, CV_RETRY, errno, "could not write \"%s\" of sink \"%s\"", path,
                           box->sink->name);
    if (rc == CV_OK)
        sync_folder(path);
    else
        unlink(tmp);
    return rc;
}

void
outbox_write(struct outbox *out)
{
    for (size_t i = 0; i < out->n_boxes && cv_mono_ms() >= out->retry_ms; i++) {
        struct box *box = &out->boxes[i];
        struct cv_err err = CV_ERR_INIT;

        if (box->upto == 0 || box->written)
            continue;
        if (write_file(out, box, &err) == CV_OK) {
            box->written = true;
            continue;
        }
        CV_LOG_WARN(out->log, "file cannot be written, trying again; its rows are kept meanwhile",
                    CV_STR("task", out->task_id), CV_ERR(&err));
        out->retry_ms = cv_mono_ms() + RETRY_MS;
    }
}
