/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others see of a task. Followers of its tables are told the rows that a commit has changed, each once, and
 * where the task stands, for a task that moves away brings nothing more. Questions get copies of what is in memory.
 */
#include "streams/engine/task_private.h"

#include "common/json_write.h"
#include "common/reader.h"
#include "streams/io/sink.h"

#define EVENTS_MAX      ((size_t)16 << 20)
#define IMAGE_MAX_BYTES ((int64_t)256 << 20)

/* "_task" and the columns, all of them or those of the key, as an event's data. */
static void
add_row(const struct stream_task *task, const struct table *table, const struct cell *cells,
        bool key_only, struct cv_buf *out)
{
    struct cv_json_writer w = cv_json_writer_of(out);
    size_t n = key_only ? table->n_key : table->n_columns;

    cv_json_object(&w);
    cv_json_key(&w, "_task");
    cv_json_string(&w, task->status.id);
    for (size_t i = 0; i < n; i++) {
        const struct column *column = &table->columns[key_only ? table->key[i] : i];

        cv_json_key(&w, column->name);
        sink_column_value(out, column, &cells[i]);
        w.comma = true;
    }
    cv_json_object_end(&w);
}

static void
add_change(struct stream_task *task, const struct table *table, struct cv_bytes key,
           struct cv_bytes value, struct cv_buf *out)
{
    struct cell *cells = task->change_cells;
    struct cv_buf scratch = CV_BUF_INIT(EVENTS_MAX);
    struct cv_err err = CV_ERR_INIT;
    bool gone = value.data == NULL;

    if ((gone ? changelog_key_cells(table, key, cells, &scratch, &err)
              : changelog_cells(table, value, cells, &err)) == CV_OK) {
        cv_buf_printf(out, "event: %s\ndata: ", gone ? "delete" : "put");
        add_row(task, table, cells, gone, out);
        cv_buf_str(out, "\n\n");
    }
    cv_buf_free(&scratch);
}

static void
tell_table(struct stream_task *task, const struct table *table)
{
    struct cv_buf text = CV_BUF_INIT(EVENTS_MAX);
    struct cv_err err = CV_ERR_INIT;
    struct cv_bytes key;
    struct cv_bytes value;
    size_t i = 0;

    while (changelog_next(task->changelog, &i, &key, &value)) {
        struct cv_reader in = cv_reader_of(key.data, key.len);

        if (cv_read_u32(&in) == table->id)
            add_change(task, table, key, value, &text);
    }
    /* A commit that is too large for memory ends the followers' streams: better than a gap. */
    if (cv_buf_check(&text, &err) != CV_OK)
        watch_end(task->spec.watch, table->name);
    else if (text.len > 0)
        watch_tell(task->spec.watch, table->name, cv_buf_cstr(&text), text.len);
    cv_buf_free(&text);
}

void
task_tell_changes(struct stream_task *task)
{
    const struct plan *plan = task->spec.plan;

    if (task->spec.watch == NULL)
        return;
    for (size_t i = 0; i < task->group->n_sources; i++) {
        const struct plan_source *source = &plan->sources[task->group->sources[i]];

        if (!source->stream && watch_wants(task->spec.watch, source->name))
            tell_table(task, source->table);
    }
    for (size_t i = 0; i < task->group->n_states; i++) {
        const struct plan_state *state = &plan->states[task->group->states[i]];

        if (watch_wants(task->spec.watch, state->name))
            tell_table(task, state->table);
    }
}

void
task_tell_state(const struct stream_task *task)
{
    struct cv_buf text = CV_BUF_INIT(4096);

    if (task->spec.watch != NULL) {
        watch_state_event(task->status.id, task_state_name(task->status.state), &text);
        watch_tell(task->spec.watch, NULL, cv_buf_cstr(&text), text.len);
    }
    cv_buf_free(&text);
}

/* ---- questions ---- */

enum cv_rc
task_image(struct stream_task *task, struct database *into, struct cv_err *err)
{
    if (task->db == NULL || db_in_transaction(task->db) || task->memory_fresh ||
        (task->status.state != TASK_RUNNING && task->status.state != TASK_PAUSED))
        return cv_fail(err, CV_RETRY, "task %s is %s, and has its tables in memory only when it runs; try again",
                       task->status.id, task_state_name(task->status.state));
    if (db_copy_memory(task->db, into, IMAGE_MAX_BYTES, err) != CV_OK)
        return cv_err_context(err, "task %s", task->status.id);
    return db_exec(into, "BEGIN; SELECT count(*) FROM main.sqlite_schema", err);
}
