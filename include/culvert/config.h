/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: one row an option. From the rows come parsing into a struct, validation of every option at
 * once, GET /connector-plugins/{p}/config, docs and the masking of passwords.
 *
 * Types, error texts and the meaning of required, default and importance are those of Kafka's ConfigDef.
 */
#ifndef CULVERT_CONFIG_H
#define CULVERT_CONFIG_H

#include <culvert/err.h>

/* Key and value strings in order of insertion; a value may be NULL. Set replaces. */
struct cv_config;

CV_API struct cv_config *cv_config_new(void);
CV_API void cv_config_free(struct cv_config *cfg); /* wipes the values */
CV_API struct cv_config *cv_config_copy(const struct cv_config *cfg);
CV_API CV_MUST_CHECK enum cv_rc cv_config_set(struct cv_config *cfg, const char *key, const char *value,
                                              struct cv_err *err);
CV_API void cv_config_remove(struct cv_config *cfg, const char *key);
/* The value, NULL if the key is missing or its value is NULL; cv_config_has tells them apart. */
CV_API const char *cv_config_get(const struct cv_config *cfg, const char *key);
CV_API bool cv_config_has(const struct cv_config *cfg, const char *key);
CV_API size_t cv_config_count(const struct cv_config *cfg);
CV_API const char *cv_config_key(const struct cv_config *cfg, size_t i);
CV_API const char *cv_config_value(const struct cv_config *cfg, size_t i);
/* Equal as maps: order does not count. */
CV_API bool cv_config_equal(const struct cv_config *a, const struct cv_config *b);
/* A new config of the keys that begin with prefix, without it. NULL when memory is out. */
CV_API struct cv_config *cv_config_with_prefix(const struct cv_config *cfg, const char *prefix);

enum cv_config_type {
    CV_CONFIG_BOOLEAN,  /* bool */
    CV_CONFIG_STRING,   /* char *, NULL if unset */
    CV_CONFIG_INT,      /* int32_t */
    CV_CONFIG_SHORT,    /* int32_t, bounds of a Java short */
    CV_CONFIG_LONG,     /* int64_t */
    CV_CONFIG_DOUBLE,   /* double */
    CV_CONFIG_LIST,     /* struct cv_list */
    CV_CONFIG_CLASS,    /* char * */
    CV_CONFIG_PASSWORD, /* char *; masked wherever it is shown */
    CV_CONFIG_ENUM,     /* int: index into .names; a STRING with valid values towards the outside */
};

enum cv_importance { CV_HIGH, CV_MEDIUM, CV_LOW };
enum cv_width { CV_WIDTH_NONE, CV_WIDTH_SHORT, CV_WIDTH_MEDIUM, CV_WIDTH_LONG };

struct cv_list {
    char **items;
    size_t count;
};

struct cv_range { /* both inclusive */
    int64_t min;
    int64_t max;
};

struct cv_config_def;

/* A check of one value (never NULL): CV_OK, or CV_INVALID with Kafka's wording of the problem. */
typedef enum cv_rc cv_config_check(const struct cv_config_def *def, const char *value, struct cv_err *err);

struct cv_config_def {
    const char *name;
    enum cv_config_type type;
    bool required;   /* no default: not the same as a NULL default */
    const char *def; /* default, as text */
    cv_config_check *check;
    const void *arg;          /* of check */
    const char *null_problem; /* what is wrong with a missing value besides that it is missing; NULL: nothing */
    /* check sees the text as given, before it is parsed, and says the whole error (several, with
       CV_CONFIG_NEXT_ERROR between them); else "Invalid value ...: " comes first */
    bool check_says_all;
    const char *const *names; /* ENUM: the values, NULL at the end; matched as enum_exact says */
    bool enum_exact;          /* ENUM: case counts */
    enum cv_importance importance;
    const char *group; /* NULL: none */
    int order;         /* in its group */
    enum cv_width width;
    const char *display; /* NULL: the name */
    const char *doc;
    const char *const *dependents; /* NULL at the end, or NULL */
    const char *const *recommended; /* NULL at the end, or NULL */
    bool internal; /* accepted but not published */
    bool invisible; /* published, but forms do not show it */
    size_t offset; /* of the field in the struct; CV_NO_FIELD: only validated */
};

#define CV_CONFIG_NEXT_ERROR "\x1e"

#define CV_NO_FIELD   ((size_t)-1)
#define CV_CONFIG_END { .name = NULL }

/* Ready checks. Texts as ConfigDef's: "Value must be at least 1", ... */
CV_API cv_config_check cv_valid_range;     /* arg: struct cv_range; open end: INT64_MIN, INT64_MAX */
CV_API cv_config_check cv_valid_non_empty; /* "String must be non-empty" */
CV_API cv_config_check cv_valid_in;        /* arg: const char *const *; "String must be one of: a, b" */

/* Every error of a config, several a key. */
struct cv_config_error {
    char *key;
    char *text;
};

struct cv_config_errors {
    struct cv_config_error *items;
    size_t count;
};

CV_API void cv_config_errors_add(struct cv_config_errors *errors, const char *key, const char *fmt, ...)
    CV_PRINTF(3, 4);
CV_API void cv_config_errors_done(struct cv_config_errors *errors);

/*
 * Parse all options into the struct at out, which the caller zeroed; strings and lists are owned by it and
 * freed by cv_config_done. Every error is added to errors (Kafka's text, key and value named); the struct is
 * whole in any case, with defaults where a value was bad. Unknown keys are the caller's business.
 * CV_INVALID if any error was added, with the first as text.
 *
 * out NULL: only validate. Then a required option whose value is given as null passes, as it does in
 * ConfigDef; parsed into a struct it is an error, so that a required field of a good struct is never NULL.
 */
CV_API CV_MUST_CHECK enum cv_rc cv_config_parse(const struct cv_config_def *defs,
                                                const struct cv_config *cfg, void *out,
                                                struct cv_config_errors *errors, struct cv_err *err);
/* Free what cv_config_parse allocated; passwords are wiped. */
CV_API void cv_config_done(const struct cv_config_def *defs, void *out);

#endif
