/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heads of our statements; see parser.h. A recursive-descent parser with one token ahead. After
 * an error it goes on behind the next ';', so that one run reports every statement that is wrong.
 */
#include "streams/sql/parser.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/number.h"

#define INTERVAL_MAX 36500

struct parser {
    struct lexer lx;
    struct token tok;    /* the one ahead */
    struct lexer before; /* the lexer in front of tok, to capture from there */
    struct cv_arena *arena;
    struct sql_diags *diags;
    struct sql_statement *st;
    bool no_memory;
};

static void
next(struct parser *p)
{
    p->before = p->lx;
    p->tok = lexer_next(&p->lx);
}

/* What the token ahead looks like in a message. */
static const char *
shown(const struct parser *p, char out[64])
{
    if (p->tok.kind == TOKEN_END)
        return "the end of the file";
    if (p->tok.kind == TOKEN_BAD)
        return p->tok.problem;
    snprintf(out, 64, "\"%.*s\"", p->tok.len > 40 ? 40 : (int)p->tok.len, p->tok.text);
    for (char *c = out; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    }
    return out;
}

static bool
expected(struct parser *p, const char *what)
{
    char buf[64];

    sql_error(p->diags, &p->tok.pos, "expected %s, found %s", what, shown(p, buf));
    return false;
}

static bool
accept(struct parser *p, const char *keyword)
{
    if (!token_is(&p->tok, keyword))
        return false;
    next(p);
    return true;
}

static bool
expect(struct parser *p, const char *keyword)
{
    return accept(p, keyword) || expected(p, keyword);
}

static bool
expect_either(struct parser *p, const char *keyword, const char *what)
{
    return accept(p, keyword) || expected(p, what);
}

static bool
accept_punct(struct parser *p, char c)
{
    if (!token_punct(&p->tok, c))
        return false;
    next(p);
    return true;
}

static bool
expect_punct(struct parser *p, char c)
{
    char what[] = "\"?\"";

    what[1] = c;
    return accept_punct(p, c) || expected(p, what);
}

static bool
out_of_memory(struct parser *p)
{
    p->no_memory = true;
    return false;
}

/* A name of ours: it also becomes part of topic and file names, so it is kept plain. */
static bool
parse_name(struct parser *p, const char *what, struct sql_name *ret)
{
    const char *name;

    if (p->tok.kind != TOKEN_WORD)
        return expected(p, what);
    name = token_value(&p->tok, p->arena);
    if (name == NULL)
        return out_of_memory(p);
    for (const char *c = name; *c != '\0' || c == name; c++) {
        if (!(isalpha((unsigned char)*c) || *c == '_' ||
              (c > name && isdigit((unsigned char)*c)))) {
            sql_error(p->diags, &p->tok.pos,
                      "the name \"%s\" must consist of letters, digits and \"_\", not beginning "
                      "with a digit",
                      name);
            return false;
        }
    }
    if (strlen(name) > 63) {
        sql_error(p->diags, &p->tok.pos, "the name \"%s\" is longer than 63 characters", name);
        return false;
    }
    ret->name = name;
    ret->pos = p->tok.pos;
    next(p);
    return true;
}

static bool
parse_string(struct parser *p, const char *what, const char **ret)
{
    if (p->tok.kind != TOKEN_STRING)
        return expected(p, what);
    *ret = token_value(&p->tok, p->arena);
    if (*ret == NULL)
        return out_of_memory(p);
    next(p);
    return true;
}

static bool
parse_names(struct parser *p, const char *what, struct sql_names *ret)
{
    struct sql_names names = { 0 };
    size_t cap = 0;

    do {
        if (names.count == cap) {
            struct sql_name *items = cv_arena_alloc(p->arena, (cap + 8) * sizeof(*items));

            if (items == NULL)
                return out_of_memory(p);
            if (cap > 0)
                memcpy(items, names.items, cap * sizeof(*items));
            names.items = items;
            cap += 8;
        }
        if (!parse_name(p, what, &names.items[names.count]))
            return false;
        names.count++;
    } while (accept_punct(p, ','));
    *ret = names;
    return true;
}

static bool
unit_ms(const char *text, size_t len, int64_t *ret)
{
    static const struct {
        const char *one;
        int64_t ms;
    } units[] = {
        { "MILLISECOND", 1 }, { "SECOND", 1000 }, { "MINUTE", 60000 },
        { "HOUR", 3600000 },  { "DAY", 86400000 },
    };

    if (len > 0 && (text[len - 1] == 'S' || text[len - 1] == 's'))
        len--;
    for (size_t i = 0; i < CV_COUNT(units); i++) {
        if (strlen(units[i].one) == len && strncasecmp(units[i].one, text, len) == 0) {
            *ret = units[i].ms;
            return true;
        }
    }
    return false;
}

bool
sql_interval(const char *text, int64_t *ret_ms)
{
    size_t digits = strspn(text, "0123456789");
    size_t blanks = strspn(text + digits, " ");
    const char *unit = text + digits + blanks;
    int64_t n;
    int64_t ms;

    if (!cv_parse_i64(text, digits, &n) || n > INTERVAL_MAX || !unit_ms(unit, strlen(unit), &ms))
        return false;
    *ret_ms = n * ms;
    return true;
}

/* "n SECONDS" */
static bool
parse_interval(struct parser *p, int64_t *ret_ms)
{
    int64_t n;
    int64_t ms;

    if (p->tok.kind != TOKEN_NUMBER || !cv_parse_i64(p->tok.text, p->tok.len, &n) ||
        n > INTERVAL_MAX)
        return expected(p, "a whole number up to 36500 and a unit, like 10 SECONDS");
    next(p);
    if (p->tok.kind != TOKEN_WORD || p->tok.quoted || !unit_ms(p->tok.text, p->tok.len, &ms))
        return expected(p, "MILLISECONDS, SECONDS, MINUTES, HOURS or DAYS");
    *ret_ms = n * ms;
    next(p);
    return true;
}

/* The value of one option: a string, a number with sign, or a word. */
static bool
parse_literal(struct parser *p, struct sql_option *opt)
{
    bool minus = accept_punct(p, '-');
    const char *value;

    if (p->tok.kind != TOKEN_NUMBER &&
        (minus || (p->tok.kind != TOKEN_STRING && p->tok.kind != TOKEN_WORD)))
        return expected(p, "a value");
    opt->number = p->tok.kind == TOKEN_NUMBER;
    value = token_value(&p->tok, p->arena);
    if (value != NULL && minus) {
        char *out = cv_arena_alloc(p->arena, strlen(value) + 2);

        if (out != NULL) {
            out[0] = '-';
            strcpy(out + 1, value);
        }
        value = out;
    }
    if (value == NULL)
        return out_of_memory(p);
    opt->value = value;
    next(p);
    return true;
}

const struct sql_option *
sql_option_find(const struct sql_options *options, const char *key)
{
    for (size_t i = 0; i < options->count; i++) {
        if (strcmp(options->items[i].key, key) == 0)
            return &options->items[i];
    }
    return NULL;
}

/* [WITH "(" key = value, ... ")"] */
static bool
parse_options(struct parser *p)
{
    struct sql_options *opts = &p->st->options;
    size_t cap = 0;

    if (!accept(p, "WITH"))
        return true;
    if (!expect_punct(p, '('))
        return false;
    do {
        struct sql_name name;
        struct sql_option *opt;

        if (opts->count == cap) {
            struct sql_option *items = cv_arena_alloc(p->arena, (cap + 8) * sizeof(*items));

            if (items == NULL)
                return out_of_memory(p);
            if (cap > 0)
                memcpy(items, opts->items, cap * sizeof(*items));
            opts->items = items;
            cap += 8;
        }
        if (!parse_name(p, "the name of an option", &name))
            return false;
        for (char *c = (char *)(uintptr_t)name.name; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
        if (sql_option_find(opts, name.name) != NULL) {
            sql_error(p->diags, &name.pos, "option \"%s\" is given twice", name.name);
            return false;
        }
        opt = &opts->items[opts->count];
        *opt = (struct sql_option){ .key = name.name, .pos = name.pos };
        if (!expect_punct(p, '=') || !parse_literal(p, opt))
            return false;
        opts->count++;
    } while (accept_punct(p, ','));
    return expect_punct(p, ')');
}

/* Capture verbatim from the token ahead. */
static bool
capture(struct parser *p, enum lexer_stop stop, const char *what, struct sql_text *ret)
{
    struct token bad = { .kind = TOKEN_END };
    struct sql_pos pos = p->tok.pos;

    p->lx = p->before;
    if (!lexer_capture(&p->lx, stop, p->arena, ret, &bad)) {
        if (bad.problem == NULL)
            return out_of_memory(p);
        sql_error(p->diags, &bad.pos, "%s", bad.problem);
        next(p);
        return false;
    }
    next(p);
    if (ret->len == 0) {
        sql_error(p->diags, &pos, "%s is empty", what);
        return false;
    }
    return true;
}

/* "(" verbatim ")" */
static bool
capture_bracket(struct parser *p, const char *what, struct sql_text *ret)
{
    if (!token_punct(&p->tok, '('))
        return expected(p, what);
    next(p);
    return capture(p, LEXER_BRACKET, what, ret);
}

static bool
parse_pipeline(struct parser *p)
{
    return parse_name(p, "the name of the pipeline", &p->st->name) && parse_options(p);
}

static bool
parse_source(struct parser *p)
{
    struct sql_statement *st = p->st;

    st->stream = accept(p, "STREAM");
    if ((!st->stream && !expect_either(p, "TABLE", "TABLE or STREAM")) ||
        !parse_name(p, "the name of the source", &st->name) ||
        !capture_bracket(p, "the list of columns in brackets", &st->columns) ||
        !expect(p, "FROM") || !expect(p, "TOPIC") ||
        !parse_string(p, "the topic's name as 'text'", &st->topic))
        return false;
    st->watermark_delay_ms = st->idle_timeout_ms = SQL_NO_INTERVAL;
    if (accept(p, "EVENT") &&
        (!expect(p, "TIME") || !parse_name(p, "the column of the event time", &st->event_time)))
        return false;
    if (accept(p, "CLOCK")) {
        if (accept(p, "EVENT"))
            st->clock = SQL_CLOCK_EVENT;
        else if (!accept(p, "COMMIT"))
            return expected(p, "COMMIT or EVENT");
        st->clock_given = true;
    }
    if (accept(p, "WATERMARK") &&
        (!expect(p, "DELAY") || !parse_interval(p, &st->watermark_delay_ms)))
        return false;
    if (accept(p, "IDLE") && (!expect(p, "TIMEOUT") || !parse_interval(p, &st->idle_timeout_ms)))
        return false;
    return parse_options(p);
}

/* WINDOW "(" start "," end ")" [GAP ivl] [GRACE ivl] [RETAIN ivl] */
static bool
parse_window(struct parser *p)
{
    struct sql_statement *st = p->st;
    struct {
        const char *keyword;
        int64_t *to;
    } parts[] = { { "GAP", &st->gap_ms }, { "GRACE", &st->grace_ms }, { "RETAIN", &st->retain_ms } };

    if (!expect_punct(p, '(') ||
        !parse_name(p, "the column where the window begins", &st->window_start) ||
        !expect_punct(p, ',') ||
        !parse_name(p, "the column where the window ends", &st->window_end) ||
        !expect_punct(p, ')'))
        return false;
    for (size_t i = 0; i < CV_COUNT(parts); i++) {
        if (accept(p, parts[i].keyword) && !parse_interval(p, parts[i].to))
            return false;
    }
    return true;
}

static bool
parse_state(struct parser *p)
{
    struct sql_statement *st = p->st;

    if (!expect(p, "TABLE") || !parse_name(p, "the name of the state table", &st->name) ||
        !capture_bracket(p, "the list of columns in brackets", &st->columns))
        return false;
    if (accept(p, "WITHOUT")) {
        if (!expect(p, "ROWID"))
            return false;
        st->without_rowid = true;
    }
    if (accept(p, "WINDOW") && !parse_window(p))
        return false;
    if (accept(p, "EXPIRE") &&
        (!parse_name(p, "the column that says when a row expires", &st->expire) ||
         !expect(p, "AFTER") || !parse_interval(p, &st->expire_after_ms)))
        return false;
    return parse_options(p);
}

static bool
parse_sink(struct parser *p)
{
    struct sql_statement *st = p->st;

    if (!parse_name(p, "the name of the sink", &st->name) || !expect(p, "TO"))
        return false;
    if (accept(p, "CONSOLE")) {
        st->sink = SQL_SINK_CONSOLE;
    } else if (accept(p, "FILE")) {
        st->sink = SQL_SINK_FILE;
        if (!parse_string(p, "the pattern of the file's path as 'text'", &st->topic))
            return false;
    } else {
        if (!accept(p, "TOPIC"))
            return expected(p, "TOPIC, FILE or CONSOLE");
        if (!parse_string(p, "the topic's name as 'text'", &st->topic))
            return false;
    }
    if (accept(p, "KEY") &&
        (!expect_punct(p, '(') || !parse_names(p, "a column of the key", &st->key) ||
         !expect_punct(p, ')')))
        return false;
    return parse_options(p);
}

/* The statement behind AS, or those between BEGIN and END. */
static bool
parse_body(struct parser *p)
{
    struct sql_statement *st = p->st;
    size_t cap = 1;

    st->body = cv_arena_zalloc(p->arena, sizeof(*st->body));
    if (st->body == NULL)
        return out_of_memory(p);
    if (!accept(p, "BEGIN")) {
        st->n_body = 1;
        return capture(p, LEXER_SEMICOLON, "the query behind AS", &st->body[0]);
    }
    while (!token_is(&p->tok, "END")) {
        if (st->n_body == cap) {
            struct sql_text *body = cv_arena_alloc(p->arena, 2 * cap * sizeof(*body));

            if (body == NULL)
                return out_of_memory(p);
            memcpy(body, st->body, cap * sizeof(*body));
            st->body = body;
            cap *= 2;
        }
        if (p->tok.kind == TOKEN_END)
            return expected(p, "END");
        if (!capture(p, LEXER_SEMICOLON, "a statement between BEGIN and END",
                     &st->body[st->n_body]) ||
            !expect_punct(p, ';'))
            return false;
        st->n_body++;
    }
    if (st->n_body == 0)
        return expected(p, "a statement between BEGIN and END");
    next(p);
    return true;
}

/* CREATE REPARTITION (TABLE|STREAM) name, then FROM relation BY column ..., or for a stream ON
   relation BY column ... AS SELECT. */
static bool
parse_repartition(struct parser *p)
{
    struct sql_statement *st = p->st;
    bool select = false;

    st->stream = accept(p, "STREAM");
    if ((!st->stream && !expect_either(p, "TABLE", "TABLE or STREAM")) ||
        !parse_name(p, "the name of the new relation", &st->name))
        return false;
    if (st->stream)
        select = accept(p, "ON");
    if (!select && !expect_either(p, "FROM", st->stream ? "FROM or ON" : "FROM"))
        return false;
    if (!parse_name(p, "the relation whose changes are brought together anew", &st->on) ||
        !expect(p, "BY") || !parse_name(p, "the column that they are brought together by", &st->by))
        return false;
    if (accept(p, "LIKE")) {
        if (!parse_name(p, "the source whose keys they must meet", &st->like))
            return false;
    } else if (accept(p, "PARTITIONS")) {
        if (p->tok.kind != TOKEN_NUMBER ||
            !cv_parse_i64(p->tok.text, p->tok.len, &st->partitions) || st->partitions < 1 ||
            st->partitions > 10000)
            return expected(p, "a number of partitions from 1 to 10000");
        next(p);
    }
    return !select || (expect(p, "AS") && parse_body(p));
}

static bool
parse_trigger(struct parser *p)
{
    struct sql_statement *st = p->st;

    st->trigger = SQL_EVERY;
    if (accept(p, "EVERY"))
        return parse_interval(p, &st->every_ms);
    if (!expect_either(p, "ON", "ON or EVERY"))
        return false;
    st->trigger = SQL_ON;
    if (token_is(&p->tok, "CLOSE") || token_is(&p->tok, "CHANGE")) {
        st->trigger = token_is(&p->tok, "CLOSE") ? SQL_ON_CLOSE : SQL_ON_CHANGE;
        next(p);
        if (!expect(p, "OF"))
            return false;
    }
    if (!parse_name(p,
                    st->trigger == SQL_ON ? "the source that the query follows"
                                          : "the state table that the query follows",
                    &st->on))
        return false;
    if (st->trigger == SQL_ON_CHANGE && accept(p, "EVERY"))
        return parse_interval(p, &st->every_ms);
    return true;
}

static bool
parse_query(struct parser *p)
{
    struct sql_statement *st = p->st;

    if (!parse_name(p, "the name of the query", &st->name) || !parse_trigger(p))
        return false;
    if (accept(p, "WHEN") && !capture_bracket(p, "the condition in brackets", &st->when))
        return false;
    if (accept(p, "INTO") && !parse_names(p, "the name of a sink", &st->into))
        return false;
    if (accept(p, "LATE") &&
        (!expect(p, "INTO") || !parse_name(p, "the name of a sink", &st->late)))
        return false;
    return parse_options(p) && expect(p, "AS") && parse_body(p);
}

/* CREATE [UNIQUE] INDEX name ON table ..., CREATE VIEW name AS ...: kept as they are. begin is in
   front of CREATE. */
static bool
parse_passthrough(struct parser *p, struct lexer begin, enum sql_kind kind)
{
    struct sql_statement *st = p->st;

    st->kind = kind;
    if (!parse_name(p, kind == SQL_INDEX ? "the name of the index" : "the name of the view",
                    &st->name))
        return false;
    if (kind == SQL_INDEX &&
        (!expect(p, "ON") || !parse_name(p, "the table of the index", &st->table)))
        return false;
    p->before = begin;
    return capture(p, LEXER_SEMICOLON, "the statement", &st->text);
}

static bool
parse_create(struct parser *p, struct lexer begin)
{
    struct sql_statement *st = p->st;

    if (accept(p, "PIPELINE")) {
        st->kind = SQL_PIPELINE;
        return parse_pipeline(p);
    }
    if (accept(p, "GLOBAL"))
        st->global = true;
    if (st->global ? expect(p, "SOURCE") : accept(p, "SOURCE")) {
        st->kind = SQL_SOURCE;
        return parse_source(p);
    }
    if (st->global)
        return false;
    if (accept(p, "REPARTITION")) {
        st->kind = SQL_REPARTITION;
        return parse_repartition(p);
    }
    if (accept(p, "STATE")) {
        st->kind = SQL_STATE;
        return parse_state(p);
    }
    if (accept(p, "SINK")) {
        st->kind = SQL_SINK;
        return parse_sink(p);
    }
    if (accept(p, "QUERY")) {
        st->kind = SQL_QUERY;
        return parse_query(p);
    }
    if (accept(p, "UNIQUE"))
        return expect(p, "INDEX") && parse_passthrough(p, begin, SQL_INDEX);
    if (accept(p, "INDEX"))
        return parse_passthrough(p, begin, SQL_INDEX);
    if (accept(p, "VIEW"))
        return parse_passthrough(p, begin, SQL_VIEW);
    return expected(
        p,
        "PIPELINE, SOURCE, GLOBAL SOURCE, REPARTITION, STATE TABLE, SINK, QUERY, INDEX or VIEW behind "
        "CREATE");
}

/* Go on behind the next ';', or at the next CREATE that begins a line. */
static void
resync(struct parser *p)
{
    while (p->tok.kind != TOKEN_END && !token_punct(&p->tok, ';') &&
           !(token_is(&p->tok, "CREATE") && p->tok.pos.col == 1))
        next(p);
    accept_punct(p, ';');
}

void
sql_unit_init(struct sql_unit *unit)
{
    unit->first = NULL;
    unit->tail = &unit->first;
}

enum cv_rc
sql_parse(struct sql_unit *unit, const char *file, const char *text, size_t len,
          struct cv_arena *arena, struct sql_diags *diags, struct cv_err *err)
{
    struct parser p = { .arena = arena, .diags = diags };

    lexer_init(&p.lx, file, text, len);
    next(&p);
    while (p.tok.kind != TOKEN_END && !p.no_memory) {
        struct lexer begin = p.before;

        if (accept_punct(&p, ';'))
            continue;
        p.st = cv_arena_zalloc(arena, sizeof(*p.st));
        if (p.st == NULL)
            return cv_fail_memory(err);
        if (!token_is(&p.tok, "CREATE")) {
            expected(&p, "CREATE");
            next(&p);
            resync(&p);
            continue;
        }
        next(&p);
        if (!parse_create(&p, begin)) {
            resync(&p);
            continue;
        }
        if (!token_punct(&p.tok, ';') && p.tok.kind != TOKEN_END) {
            expected(&p, "\";\"");
            resync(&p);
            continue;
        }
        if (p.tok.kind == TOKEN_END)
            expected(&p, "\";\"");
        *unit->tail = p.st;
        unit->tail = &p.st->next;
    }
    return p.no_memory || diags->no_memory ? cv_fail_memory(err) : CV_OK;
}
