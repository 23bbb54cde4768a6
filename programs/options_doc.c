/* SPDX-License-Identifier: Apache-2.0 */
/* One line an option: name, type, default, what is allowed, documentation. */
#include <config.h>

#include "programs/options_doc.h"

#include <inttypes.h>
#include <string.h>

static const char *const type_names[] = {
    [CV_CONFIG_BOOLEAN] = "boolean", [CV_CONFIG_STRING] = "string", [CV_CONFIG_INT] = "int",
    [CV_CONFIG_SHORT] = "short",     [CV_CONFIG_LONG] = "long",     [CV_CONFIG_DOUBLE] = "double",
    [CV_CONFIG_LIST] = "list",       [CV_CONFIG_CLASS] = "class",   [CV_CONFIG_PASSWORD] = "password",
    [CV_CONFIG_ENUM] = "string",
};

/* Text within a cell: a bar would end it, an angle bracket or a star would be markup. */
static void
put_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("|<>*_", *text) != NULL)
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void
put_names(FILE *out, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++)
        fprintf(out, "%s`%s`", i == 0 ? "" : ", ", names[i]);
}

static void
put_range(FILE *out, const struct cv_range *range)
{
    bool open = range->max == INT64_MAX || range->max == INT32_MAX;

    if (range->min == INT64_MIN)
        fprintf(out, "at most %" PRId64, range->max);
    else if (open)
        fprintf(out, "at least %" PRId64, range->min);
    else
        fprintf(out, "%" PRId64 " to %" PRId64, range->min, range->max);
}

static void
put_allowed(FILE *out, const struct cv_config_def *row)
{
    if (row->type == CV_CONFIG_ENUM)
        put_names(out, row->names);
    else if (row->check == cv_valid_in)
        put_names(out, row->arg);
    else if (row->check == cv_valid_range)
        put_range(out, row->arg);
    else if (row->check == cv_valid_non_empty)
        fputs("not empty", out);
}

static void
put_default(FILE *out, const struct cv_config_def *row)
{
    if (row->required)
        fputs("**required**", out);
    else if (row->def != NULL && row->def[0] != '\0')
        fprintf(out, "`%s`", row->def);
}

/* Those that are published, or those that are not. */
static void
put_rows(FILE *out, const struct cv_config_def *rows, bool internal)
{
    fputs("| option | type | default | allowed | |\n|---|---|---|---|---|\n", out);
    for (const struct cv_config_def *row = rows; row->name != NULL; row++) {
        if (row->internal != internal)
            continue;
        fprintf(out, "| `%s` | %s | ", row->name, type_names[row->type]);
        put_default(out, row);
        fputs(" | ", out);
        put_allowed(out, row);
        fputs(" | ", out);
        put_text(out, row->doc != NULL ? row->doc : "");
        fputs(" |\n", out);
    }
    fputc('\n', out);
}

void
options_doc_table(FILE *out, const struct cv_config_def *rows)
{
    bool hidden = false;

    put_rows(out, rows, false);
    for (const struct cv_config_def *row = rows; row->name != NULL; row++)
        hidden |= row->internal;
    if (!hidden)
        return;
    fputs("Also, though not among the options that REST lists:\n\n", out);
    put_rows(out, rows, true);
}
