/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of a pipeline file; see lexer.h. The lexical rules are those of SQLite ("Keywords and
 * identifiers", tokenize.c's documentation): '' doubles a quote in a string, comments are -- to the
 * end of the line and C style, '$' may stand inside a name.
 */
#include "streams/sql/lexer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"

static void
diag_add(struct sql_diags *diags, const struct sql_pos *pos, bool warning, const char *fmt,
         va_list args)
{
    char text[1024];
    struct sql_diag *items;

    vsnprintf(text, sizeof(text), fmt, args);
    if (!warning)
        diags->errors++;
    if (diags->count == diags->cap) {
        size_t cap = diags->cap == 0 ? 16 : diags->cap * 2;

        items = cv_arena_alloc(diags->arena, cap * sizeof(*items));
        if (items == NULL) {
            diags->no_memory = true;
            return;
        }
        if (diags->count > 0)
            memcpy(items, diags->items, diags->count * sizeof(*items));
        diags->items = items;
        diags->cap = cap;
    }
    diags->items[diags->count] = (struct sql_diag){
        .warning = warning,
        .text = cv_arena_strdup(diags->arena, text),
    };
    if (pos != NULL)
        diags->items[diags->count].pos = *pos;
    if (diags->items[diags->count].text == NULL)
        diags->no_memory = true;
    else
        diags->count++;
}

void
sql_error(struct sql_diags *diags, const struct sql_pos *pos, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    diag_add(diags, pos, false, fmt, args);
    va_end(args);
}

void
sql_warn(struct sql_diags *diags, const struct sql_pos *pos, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    diag_add(diags, pos, true, fmt, args);
    va_end(args);
}

void
lexer_init(struct lexer *lx, const char *file, const char *text, size_t len)
{
    *lx = (struct lexer){ .text = text, .len = len, .at = { .file = file, .line = 1, .col = 1 } };
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        lx->pos = 3; /* byte order mark */
}

static int
peek(const struct lexer *lx, size_t ahead)
{
    return lx->pos + ahead < lx->len ? (unsigned char)lx->text[lx->pos + ahead] : -1;
}

static void
advance(struct lexer *lx, size_t count)
{
    while (count-- > 0 && lx->pos < lx->len) {
        if (lx->text[lx->pos++] == '\n') {
            lx->at.line++;
            lx->at.col = 1;
        } else {
            lx->at.col++;
        }
    }
}

static bool
is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool
is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool
is_name_start(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static bool
is_name(int c)
{
    return is_name_start(c) || is_digit(c) || c == '$';
}

/* Skip white space and comments. false: a comment without end, which begins at *ret_begin. */
static bool
skip_blank(struct lexer *lx, struct sql_pos *ret_begin)
{
    for (;;) {
        int c = peek(lx, 0);

        if (is_space(c)) {
            advance(lx, 1);
        } else if (c == '-' && peek(lx, 1) == '-') {
            while (peek(lx, 0) != -1 && peek(lx, 0) != '\n')
                advance(lx, 1);
        } else if (c == '/' && peek(lx, 1) == '*') {
            *ret_begin = lx->at;
            advance(lx, 2);
            while (peek(lx, 0) != -1 && !(peek(lx, 0) == '*' && peek(lx, 1) == '/'))
                advance(lx, 1);
            if (peek(lx, 0) == -1)
                return false;
            advance(lx, 2);
        } else {
            return true;
        }
    }
}

/* A quoted thing that begins here; its quote is doubled inside, except ']'. */
static void
take_quoted(struct lexer *lx, struct token *tok, char close)
{
    advance(lx, 1);
    for (;;) {
        int c = peek(lx, 0);

        if (c == -1) {
            tok->problem =
                tok->kind == TOKEN_STRING ? "string without end" : "quoted name without end";
            tok->kind = TOKEN_BAD;
            return;
        }
        advance(lx, 1);
        if (c != close)
            continue;
        if (close == ']' || peek(lx, 0) != close)
            return;
        advance(lx, 1);
    }
}

static void
take_number(struct lexer *lx)
{
    while (is_digit(peek(lx, 0)) || peek(lx, 0) == '.' ||
           ((peek(lx, 0) == 'e' || peek(lx, 0) == 'E') &&
            (is_digit(peek(lx, 1)) ||
             ((peek(lx, 1) == '+' || peek(lx, 1) == '-') && is_digit(peek(lx, 2))))))
        advance(lx, peek(lx, 0) == 'e' || peek(lx, 0) == 'E' ? 2 : 1);
}

struct token
lexer_next(struct lexer *lx)
{
    struct token tok = { .kind = TOKEN_PUNCT };
    struct sql_pos comment = lx->at;
    bool closed = skip_blank(lx, &comment);
    int c = peek(lx, 0);

    tok.begin = lx->pos;
    tok.text = lx->text + lx->pos;
    tok.pos = lx->at;
    if (!closed) {
        tok.kind = TOKEN_BAD;
        tok.problem = "comment without end";
        tok.pos = comment;
        return tok;
    }
    if (c == -1) {
        tok.kind = TOKEN_END;
        return tok;
    }
    if (c == '\'') {
        tok.kind = TOKEN_STRING;
        take_quoted(lx, &tok, '\'');
    } else if (c == '"' || c == '`' || c == '[') {
        tok.kind = TOKEN_WORD;
        tok.quoted = true;
        take_quoted(lx, &tok, c == '[' ? ']' : (char)c);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(lx, 1)))) {
        tok.kind = TOKEN_NUMBER;
        take_number(lx);
    } else if (is_name_start(c)) {
        tok.kind = TOKEN_WORD;
        while (is_name(peek(lx, 0)))
            advance(lx, 1);
    } else {
        advance(lx, 1);
    }
    tok.len = lx->pos - tok.begin;
    return tok;
}

bool
token_is(const struct token *tok, const char *keyword)
{
    return tok->kind == TOKEN_WORD && !tok->quoted && tok->len == strlen(keyword) &&
           strncasecmp(tok->text, keyword, tok->len) == 0;
}

bool
token_punct(const struct token *tok, char c)
{
    return tok->kind == TOKEN_PUNCT && tok->text[0] == c;
}

const char *
token_value(const struct token *tok, struct cv_arena *arena)
{
    bool quoted = tok->kind == TOKEN_STRING || tok->quoted;
    char quote = quoted ? tok->text[tok->len - 1] : '\0';
    size_t end = quoted ? tok->len - 1 : tok->len;
    char *out = cv_arena_alloc(arena, tok->len + 1);
    size_t n = 0;

    if (out == NULL)
        return NULL;
    for (size_t i = quoted ? 1 : 0; i < end; i++) {
        out[n++] = tok->text[i];
        if (quoted && quote != ']' && tok->text[i] == quote)
            i++; /* the doubled quote */
    }
    out[n] = '\0';
    return out;
}

bool
lexer_capture(struct lexer *lx, enum lexer_stop stop, struct cv_arena *arena, struct sql_text *ret,
              struct token *ret_bad)
{
    size_t begin = 0;
    size_t end = 0;
    int depth = 0;
    bool first = true;
    struct sql_pos start = lx->at;

    for (;;) {
        struct lexer before = *lx;
        struct token tok = lexer_next(lx);

        if (first) {
            begin = end = tok.begin;
            start = tok.pos;
            first = false;
        }
        if (tok.kind == TOKEN_BAD ||
            (tok.kind == TOKEN_END && (depth > 0 || stop == LEXER_BRACKET))) {
            if (tok.kind == TOKEN_END)
                tok.problem = "the file ends before the bracket closes";
            *ret_bad = tok;
            return false;
        }
        if (token_punct(&tok, '('))
            depth++;
        if (token_punct(&tok, ')') && depth-- == 0) {
            if (stop == LEXER_BRACKET)
                break;
            tok.problem = "bracket closes nothing";
            *ret_bad = tok;
            return false;
        }
        if (stop == LEXER_SEMICOLON && depth == 0 &&
            (tok.kind == TOKEN_END || token_punct(&tok, ';'))) {
            *lx = before;
            break;
        }
        end = lx->pos;
    }
    ret->text = cv_arena_dup(arena, lx->text + begin, end - begin);
    ret->len = end - begin;
    ret->pos = start;
    return ret->text != NULL;
}

struct sql_pos
sql_text_at(const struct sql_text *text, size_t offset)
{
    struct sql_pos pos = text->pos;

    for (size_t i = 0; i < offset && i < text->len; i++) {
        if (text->text[i] == '\n') {
            pos.line++;
            pos.col = 1;
        } else {
            pos.col++;
        }
    }
    return pos;
}
