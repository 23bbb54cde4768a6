/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of a pipeline file. Only statement heads are ours: bodies are copied verbatim, so the
 * lexer's second duty is to find where such a body ends. It knows SQLite's strings, quoted names,
 * comments and brackets.
 */
#ifndef STREAMS_SQL_LEXER_H
#define STREAMS_SQL_LEXER_H

#include "common/arena.h"

/* Where something stands; lines and columns (bytes) count from 1. */
struct sql_pos {
    const char *file;
    int line;
    int col;
};

/* A verbatim piece of a file, without the white space around it. */
struct sql_text {
    const char *text; /* NUL-terminated; NULL: absent */
    size_t len;
    struct sql_pos pos;
};

/* What is wrong with the files: all of it, in order. Lives in the arena. */
struct sql_diag {
    struct sql_pos pos; /* file NULL: about the whole application */
    bool warning;
    const char *text;
};

struct sql_diags {
    struct cv_arena *arena;
    struct sql_diag *items;
    size_t count;
    size_t cap;
    size_t errors; /* of them that are no warnings */
    bool no_memory;
};

void sql_error(struct sql_diags *diags, const struct sql_pos *pos, const char *fmt, ...)
    CV_PRINTF(3, 4);
void sql_warn(struct sql_diags *diags, const struct sql_pos *pos, const char *fmt, ...)
    CV_PRINTF(3, 4);

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* bare word or "quoted", `quoted`, [quoted] name */
    TOKEN_STRING, /* 'text' */
    TOKEN_NUMBER,
    TOKEN_PUNCT, /* one character */
    TOKEN_BAD,   /* see problem */
};

struct token {
    enum token_kind kind;
    bool quoted;      /* WORD: a quoted name, never a keyword */
    const char *text; /* raw, with its quotes */
    size_t len;
    size_t begin; /* byte position in the file */
    struct sql_pos pos;
    const char *problem;
};

struct lexer {
    const char *text;
    size_t len;
    size_t pos;
    struct sql_pos at;
};

void lexer_init(struct lexer *lx, const char *file, const char *text, size_t len);
struct token lexer_next(struct lexer *lx);
bool token_is(const struct token *tok, const char *keyword); /* any case */
bool token_punct(const struct token *tok, char c);
/* The name or string without its quotes. NULL when memory is out. */
const char *token_value(const struct token *tok, struct cv_arena *arena);

/* What a verbatim capture ends at. */
enum lexer_stop {
    LEXER_BRACKET,   /* the bracket that closes the one just read; consumed */
    LEXER_SEMICOLON, /* a ';' outside brackets; not consumed; the end of the file serves, too */
};

/* Capture up to the stop. false: unbalanced brackets or a bad token, which *ret_bad describes. */
bool lexer_capture(struct lexer *lx, enum lexer_stop stop, struct cv_arena *arena,
                   struct sql_text *ret, struct token *ret_bad);

/* The position of byte offset of a captured text. */
struct sql_pos sql_text_at(const struct sql_text *text, size_t offset);

#endif
