/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dry run; see rest_plan.h. The files come with the request ({"files": {"name.sql": "text"}}) or,
 * without a body, are those that lie in pipeline.directory by now. Nothing is started or kept.
 */
#include "streams/rest_plan.h"

#include <string.h>

#include "common/arena.h"
#include "common/json_read.h"
#include "common/json_write.h"
#include "streams/sql/plan_compare.h"

#define FILE_MAX ((size_t)1 << 20)

static enum cv_rc
bad_body(struct cv_err *err)
{
    return cv_fail(err, CV_INVALID,
                   "the body must be empty, or like {\"files\": {\"00_sources.sql\": \"CREATE ...\"}}");
}

/* One member of "files". */
static enum cv_rc
parse_file(struct cv_json_reader *in, struct sql_unit *unit, struct sql_diags *diags,
           struct cv_err *err)
{
    struct cv_buf name = CV_BUF_INIT(1024);
    struct cv_buf text = CV_BUF_INIT(FILE_MAX);
    const char *kept = NULL;
    enum cv_rc rc;

    cv_json_text(in, &name);
    rc = cv_buf_check(&name, err);
    if (rc == CV_OK && cv_json_next(in) != CV_JSON_STRING)
        rc = bad_body(err);
    if (rc == CV_OK) {
        cv_json_text(in, &text);
        rc = cv_buf_check(&text, err);
    }
    if (rc == CV_OK) {
        kept = cv_arena_strdup(diags->arena, cv_buf_cstr(&name));
        rc = kept == NULL ? cv_fail_memory(err)
                          : sql_parse(unit, kept, cv_buf_cstr(&text), text.len, diags->arena,
                                      diags, err);
    }
    cv_buf_free(&name);
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
parse_body(const struct cv_http_request *req, struct app *app, struct sql_unit *unit,
           struct sql_diags *diags, struct cv_err *err)
{
    struct cv_json_reader in;
    enum cv_json_token tok;
    size_t len;
    const char *body = cv_http_body(req, &len);

    if (len == 0)
        return sql_parse_dir(unit, app_directory(app), diags->arena, diags, err);
    cv_json_reader_init(&in, body, len);
    if (cv_json_next(&in) != CV_JSON_OBJECT || cv_json_next(&in) != CV_JSON_KEY ||
        !cv_json_text_is(&in, "files") || cv_json_next(&in) != CV_JSON_OBJECT)
        return bad_body(err);
    while ((tok = cv_json_next(&in)) == CV_JSON_KEY) {
        if (parse_file(&in, unit, diags, err) != CV_OK)
            return err->rc;
    }
    if (tok != CV_JSON_OBJECT_END || cv_json_next(&in) != CV_JSON_OBJECT_END ||
        cv_json_next(&in) != CV_JSON_DONE)
        return cv_json_fail(&in, err);
    return CV_OK;
}

static void
write_diags(struct cv_json_writer *w, const struct sql_diags *diags, bool warnings)
{
    cv_json_array(w);
    for (size_t i = 0; i < diags->count; i++) {
        const struct sql_diag *diag = &diags->items[i];

        if (diag->warning != warnings)
            continue;
        cv_json_object(w);
        cv_json_key(w, "file");
        cv_json_string(w, diag->pos.file);
        cv_json_key(w, "line");
        cv_json_int(w, diag->pos.line);
        cv_json_key(w, "column");
        cv_json_int(w, diag->pos.col);
        cv_json_key(w, "message");
        cv_json_string(w, diag->text);
        cv_json_object_end(w);
    }
    cv_json_array_end(w);
}

static void
write_difference(void *arg, enum plan_effect effect, const char *text)
{
    struct cv_json_writer *w = arg;

    cv_json_object(w);
    cv_json_key(w, "effect");
    cv_json_string(w, plan_effect_name(effect));
    cv_json_key(w, "text");
    cv_json_string(w, text);
    cv_json_object_end(w);
}

static void
write_answer(struct app *app, const struct plan *plan, const struct sql_diags *diags,
             struct cv_buf *out)
{
    struct cv_json_writer w = cv_json_writer_of(out);
    enum plan_effect effect;

    cv_json_object(&w);
    cv_json_key(&w, "valid");
    cv_json_bool(&w, plan != NULL);
    cv_json_key(&w, "errors");
    write_diags(&w, diags, false);
    cv_json_key(&w, "warnings");
    write_diags(&w, diags, true);
    if (plan != NULL) {
        cv_json_key(&w, "differences");
        cv_json_array(&w);
        effect = plan_compare(app_plan(app), plan, write_difference, &w);
        cv_json_array_end(&w);
        cv_json_key(&w, "effect");
        cv_json_string(&w, plan_effect_name(effect));
    }
    cv_json_object_end(&w);
}

/* Planning loads libraries, and nobody may have one loaded by REST. */
static void
refuse_extensions(const struct sql_unit *unit, const struct plan *running, struct sql_diags *diags)
{
    for (const struct sql_statement *st = unit->first; st != NULL; st = st->next) {
        const struct sql_option *opt =
            st->kind == SQL_PIPELINE ? sql_option_find(&st->options, "extension") : NULL;

        if (opt != NULL && (running->extension == NULL ||
                            strcmp(running->extension, opt->value) != 0))
            sql_error(diags, &opt->pos,
                      "\"extension\" is not that of the running pipeline; a library is loaded by "
                      "the command line only: culvert-streams check");
    }
}

void
rest_plan(struct app *app, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct sql_diags diags = { .arena = cv_arena_new(NULL) };
    struct cv_err err = CV_ERR_INIT;
    struct plan *plan = NULL;
    struct sql_unit unit;
    enum cv_rc rc;

    if (diags.arena == NULL) {
        res->failed = true;
        return;
    }
    sql_unit_init(&unit);
    rc = parse_body(req, app, &unit, &diags, &err);
    if (rc == CV_OK)
        refuse_extensions(&unit, app_plan(app), &diags);
    if (rc == CV_OK)
        rc = diags.errors > 0 ? cv_fail(&err, CV_INVALID, "the pipeline has errors")
                              : plan_make(&unit, &diags, &plan, &err);
    if (rc == CV_OK || (rc == CV_INVALID && diags.errors > 0))
        write_answer(app, rc == CV_OK ? plan : NULL, &diags, &res->body);
    else
        cv_http_error(res, rc == CV_INVALID ? 400 : 500, err.text);
    cv_arena_free(diags.arena);
}
