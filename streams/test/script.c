/* SPDX-License-Identifier: Apache-2.0 */
/* Test files; see script.h. */
#include "streams/test/script.h"

#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "streams/io/value.h"

#define LIST_MAX 4096

struct script {
    struct lexer lx;
    struct lexer before; /* in front of tok */
    struct token tok;
    struct cv_arena *arena;
    struct sql_diags *diags;
    struct step *step;
};

static void
next(struct script *s)
{
    s->before = s->lx;
    s->tok = lexer_next(&s->lx);
}

static bool
expected(struct script *s, const char *what)
{
    sql_error(s->diags, &s->tok.pos, "expected %s, found \"%.*s\"", what,
              s->tok.len > 40 ? 40 : (int)s->tok.len, s->tok.text);
    return false;
}

static bool
accept(struct script *s, const char *keyword)
{
    if (!token_is(&s->tok, keyword))
        return false;
    next(s);
    return true;
}

static bool
expect_punct(struct script *s, char c)
{
    char what[] = "\"?\"";

    what[1] = c;
    if (!token_punct(&s->tok, c))
        return expected(s, what);
    next(s);
    return true;
}

static bool
take_value(struct script *s, enum token_kind kind, const char *what, const char **ret)
{
    if (s->tok.kind != kind)
        return expected(s, what);
    *ret = token_value(&s->tok, s->arena);
    next(s);
    return *ret != NULL;
}

static bool
take_time(struct script *s)
{
    struct sql_pos pos = s->tok.pos;

    if (!take_value(s, TOKEN_STRING, "a time like '2026-01-01T10:00:00Z'", &s->step->text))
        return false;
    if (value_iso_ms(s->step->text, strlen(s->step->text), &s->step->ms))
        return true;
    sql_error(s->diags, &pos, "'%s' is no ISO 8601 time", s->step->text);
    return false;
}

/* From the token ahead to the keyword outside brackets, or to ';'. */
static bool
take_sql(struct script *s, const char *until)
{
    size_t begin = s->tok.begin;
    size_t end = begin;
    int depth = 0;

    while (s->tok.kind != TOKEN_END && s->tok.kind != TOKEN_BAD) {
        if (depth == 0 && (token_punct(&s->tok, ';') ||
                           (until != NULL && (token_is(&s->tok, until) || token_is(&s->tok, "NONE")))))
            break;
        depth += token_punct(&s->tok, '(') - token_punct(&s->tok, ')');
        end = s->tok.begin + s->tok.len;
        next(s);
    }
    s->step->text = cv_arena_dup(s->arena, s->lx.text + begin, end - begin);
    return s->step->text != NULL;
}

/* One literal as it is compared: texts in quotes, numbers as they stand. */
static bool
take_literal(struct script *s, struct cv_buf *out)
{
    bool minus = token_punct(&s->tok, '-');

    if (minus)
        next(s);
    if (s->tok.kind == TOKEN_NUMBER) {
        cv_buf_printf(out, "%s%.*s", minus ? "-" : "", (int)s->tok.len, s->tok.text);
    } else if (!minus && s->tok.kind == TOKEN_STRING) {
        cv_buf_add(out, s->tok.text, s->tok.len);
    } else if (!minus && (token_is(&s->tok, "NULL") || token_is(&s->tok, "TRUE") ||
                          token_is(&s->tok, "FALSE"))) {
        cv_buf_str(out, token_is(&s->tok, "NULL")   ? "NULL"
                        : token_is(&s->tok, "TRUE") ? "TRUE"
                                                    : "FALSE");
    } else {
        return expected(s, "a literal");
    }
    next(s);
    return true;
}

static bool
take_row(struct script *s)
{
    struct cv_buf row = CV_BUF_INIT((size_t)1 << 20);
    bool fine = expect_punct(s, '(');

    for (size_t n = 0; fine; n++) {
        if (n > 0)
            cv_buf_str(&row, ", ");
        fine = take_literal(s, &row);
        if (!fine || !token_punct(&s->tok, ','))
            break;
        next(s);
    }
    fine = fine && expect_punct(s, ')');
    if (fine && s->step->n_rows < LIST_MAX)
        s->step->rows[s->step->n_rows++] = cv_arena_strdup(s->arena, cv_buf_cstr(&row));
    cv_buf_free(&row);
    return fine;
}

static bool
take_rows(struct script *s)
{
    if (accept(s, "NONE"))
        return true;
    if (!accept(s, "ROWS"))
        return expected(s, "ROWS or NONE");
    s->step->rows = cv_arena_zalloc(s->arena, LIST_MAX * sizeof(*s->step->rows));
    if (s->step->rows == NULL)
        return false;
    for (;;) {
        if (!take_row(s))
            return false;
        if (!token_punct(&s->tok, ','))
            return true;
        next(s);
    }
}

static bool
take_expect(struct script *s)
{
    struct step *step = s->step;

    step->kind = STEP_EXPECT;
    if (accept(s, "TABLE")) {
        step->kind = STEP_EXPECT_TABLE;
        return take_value(s, TOKEN_WORD, "the name of a table", &step->name) &&
               take_sql(s, "ROWS") && take_rows(s);
    }
    if (!take_value(s, TOKEN_WORD, "the name of a sink", &step->name))
        return false;
    if (token_punct(&s->tok, '(')) {
        step->columns = cv_arena_zalloc(s->arena, LIST_MAX * sizeof(*step->columns));
        if (step->columns == NULL)
            return false;
        do {
            next(s);
            if (step->n_columns == LIST_MAX ||
                !take_value(s, TOKEN_WORD, "a column", &step->columns[step->n_columns]))
                return false;
            step->n_columns++;
        } while (token_punct(&s->tok, ','));
        if (!expect_punct(s, ')'))
            return false;
    }
    if (step->n_columns == 0 && token_is(&s->tok, "ROWS"))
        return expected(s, "the columns to compare, in brackets, in front of ROWS");
    return take_rows(s);
}

static bool
take_wait(struct script *s)
{
    struct cv_buf text = CV_BUF_INIT(256);
    bool fine;

    cv_buf_add(&text, s->tok.text, s->tok.len);
    next(s);
    cv_buf_char(&text, ' ');
    cv_buf_add(&text, s->tok.text, s->tok.len);
    fine = sql_interval(cv_buf_cstr(&text), &s->step->ms);
    cv_buf_free(&text);
    if (!fine)
        return expected(s, "a time like 10 SECONDS behind WAIT");
    next(s);
    return true;
}

static bool
take_step(struct script *s)
{
    struct step *step = s->step;

    if (accept(s, "TEST")) {
        step->kind = STEP_TEST;
        return take_value(s, TOKEN_STRING, "the test's name as 'text'", &step->text);
    }
    if (accept(s, "AT")) {
        step->kind = STEP_AT;
        return take_time(s);
    }
    if (accept(s, "COMMIT")) {
        step->kind = STEP_COMMIT;
        return true;
    }
    if (accept(s, "LOSE")) {
        step->kind = STEP_LOSE;
        return accept(s, "STATE") || expected(s, "STATE");
    }
    if (accept(s, "WAIT")) {
        step->kind = STEP_WAIT;
        return take_wait(s);
    }
    if (accept(s, "CRASH")) {
        step->kind = STEP_CRASH;
        return (accept(s, "AFTER") || expected(s, "AFTER")) &&
               take_value(s, TOKEN_STRING, "the step as 'text'", &step->text);
    }
    if (accept(s, "ADVANCE")) {
        step->kind = STEP_WATERMARK;
        return (accept(s, "WATERMARK") || expected(s, "WATERMARK")) &&
               (accept(s, "TO") || expected(s, "TO")) && take_time(s);
    }
    if (accept(s, "EXPECT"))
        return take_expect(s);
    if (token_is(&s->tok, "INSERT") || token_is(&s->tok, "UPDATE") || token_is(&s->tok, "DELETE")) {
        step->kind = STEP_SQL;
        return take_sql(s, NULL);
    }
    return expected(s, "TEST, AT, INSERT, UPDATE, DELETE, COMMIT, CRASH, LOSE, WAIT, ADVANCE or EXPECT");
}

enum cv_rc
script_parse(const char *file, const char *text, size_t len, struct cv_arena *arena,
             struct sql_diags *diags, struct step **ret, struct cv_err *err)
{
    struct script s = { .arena = arena, .diags = diags };
    struct step **tail = ret;
    bool in_test = false;

    *ret = NULL;
    lexer_init(&s.lx, file, text, len);
    next(&s);
    while (s.tok.kind != TOKEN_END) {
        if (token_punct(&s.tok, ';')) {
            next(&s);
            continue;
        }
        s.step = cv_arena_zalloc(arena, sizeof(*s.step));
        if (s.step == NULL)
            return cv_fail_memory(err);
        s.step->pos = s.tok.pos;
        if (take_step(&s) && !token_punct(&s.tok, ';') && s.tok.kind != TOKEN_END)
            expected(&s, "\";\"");
        if (!in_test && s.step->kind != STEP_TEST && diags->errors == 0)
            sql_error(diags, &s.step->pos, "the file must begin with TEST 'name'");
        in_test = true;
        while (s.tok.kind != TOKEN_END && !token_punct(&s.tok, ';'))
            next(&s);
        *tail = s.step;
        tail = &s.step->next;
    }
    return diags->no_memory ? cv_fail_memory(err) : CV_OK;
}
