/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All transforms against what Kafka's made of the same records: tests/data/transforms/smt.tsv says how a line reads.
 * Bytes are compared, and the texts of errors.
 */
#include "transforms/transforms.h"

#include "tests/helper/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "common/arena.h"
#include "common/buf.h"
#include "tests/helper/transform_case.h"

static const struct cv_plugin *const plugins[] = {
    &cast_plugins[0],          &cast_plugins[1],          &drop_headers_plugin,
    &extract_field_plugins[0], &extract_field_plugins[1], &filter_plugin,
    &flatten_plugins[0],       &flatten_plugins[1],       &header_from_plugins[0],
    &header_from_plugins[1],   &hoist_field_plugins[0],   &hoist_field_plugins[1],
    &insert_field_plugins[0],  &insert_field_plugins[1],  &insert_header_plugin,
    &mask_field_plugins[0],    &mask_field_plugins[1],    &replace_field_plugins[0],
    &replace_field_plugins[1], &set_schema_metadata_plugins[0], &set_schema_metadata_plugins[1],
    &timestamp_converter_plugins[0], &timestamp_converter_plugins[1], &timestamp_router_plugin,
    &value_to_key_plugin,
};

static const struct cv_plugin *
plugin_of(const char *simple_name)
{
    static const char prefix[] = "org.apache.kafka.connect.transforms.";

    for (size_t i = 0; i < CV_COUNT(plugins); i++)
        if (strcmp(plugins[i]->name + sizeof(prefix) - 1, simple_name) == 0)
            return plugins[i];
    fail_msg("no transform %s", simple_name);
    return NULL;
}

static void
write_record(struct cv_converter *json, const struct cv_record *rec, struct cv_buf *out)
{
    cv_buf_printf(out, "%s\t", rec->topic);
    case_write(json, &rec->key, "-", out);
    cv_buf_char(out, '\t');
    case_write(json, &rec->value, "-", out);
    cv_buf_char(out, '\t');
    case_write_headers(json, &rec->headers, out);
}

/* One line's record through its transform, twice (the second time through its caches). */
static void
run_case(struct cv_converter *json, char *const *in, struct cv_buf *out)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_config *cfg = case_options(arena, in[1]);
    const struct cv_plugin *plugin = plugin_of(in[0]);
    struct cv_transform *xf = NULL;
    struct cv_err err = CV_ERR_INIT;
    bool keep = true;

    cv_buf_reset(out);
    if (plugin->transform->configure(plugin, cfg, &xf, &err) != CV_OK)
        cv_buf_printf(out, "!%s", err.text);
    for (int again = 0; again < 2 && xf != NULL; again++) {
        struct cv_record rec = { .topic = "orders", .partition = 3, .offset = 42, .timestamp_ms = CV_NO_TIMESTAMP };

        if (strcmp(in[2], "-") != 0)
            rec.timestamp_ms = strtoll(in[2], NULL, 10);
        rec.key = case_value(json, arena, in[3], strlen(in[3]));
        rec.value = case_value(json, arena, in[4], strlen(in[4]));
        rec.headers = case_headers(json, arena, in[5]);
        cv_buf_reset(out);
        if (plugin->transform->apply(xf, arena, &rec, &keep, &err) != CV_OK)
            cv_buf_printf(out, "!%s", err.text);
        else if (!keep)
            cv_buf_str(out, "(dropped)");
        else
            write_record(json, &rec, out);
        if (strstr(cv_buf_cstr(out), "\t!") != NULL) { /* the converter refused it: an error all the same */
            cv_buf_reset(out);
            cv_buf_str(out, "!Conversion error: null value for field that is required and has no default value");
        }
    }
    if (xf != NULL)
        plugin->transform->free(xf);
    cv_config_free(cfg);
    cv_arena_free(arena);
}

/*
 * Java's text, which may stand behind the name of the field or option. Where Java prints a whole record or an
 * object's address only what stands before that counts, where it stumbled over a null only that we fail, too.
 */
static bool
same_error(const char *got, const char *java)
{
    static const char *const cuts[] = { ": SinkRecord{", "org.apache.kafka.connect.transforms.InsertField$" };
    size_t len = strlen(java), skip = 0;

    if (strncmp(java, "!Cannot invoke ", 15) == 0)
        return got[0] == '!';
    for (size_t i = 0; i < CV_COUNT(cuts); i++)
        if (strstr(java, cuts[i]) != NULL)
            len = (size_t)(strstr(java, cuts[i]) - java);
    if (strncmp(got, "!field ", 7) == 0)
        skip = 7 + strcspn(got + 7, ":") + 1;
    else if (strncmp(got, "!timestamp.format: ", 19) == 0)
        skip = 18;
    return got[0] == '!' && strncasecmp(got + skip + 1, java + 1, len - 1) == 0 &&
           (java[len] != '\0' || got[skip + len] == '\0');
}

#define COLUMNS 10
#define NAMES   200

/* Columns by their tabs; @N by what it stands for, = by what went in. */
static size_t
split_line(char *line, char **names, char **columns)
{
    size_t n = 0;

    line[strcspn(line, "\n")] = '\0';
    for (char *at = line; at != NULL && n < COLUMNS; n++) {
        columns[n] = strsep(&at, "\t");
        if (columns[n][0] == '@' && n > 0)
            columns[n] = names[atoi(columns[n] + 1)];
        if (n > 6 && strcmp(columns[n], "=") == 0)
            columns[n] = columns[n - 4];
    }
    return n;
}

/* The same for the other half: "$Value" becomes "$Key", and key and value change places. */
static bool
mirror(char *const *columns, char *name, size_t name_size, char **ret)
{
    static const int places[COLUMNS] = { 0, 1, 2, 4, 3, 5, 6, 8, 7, 9 };
    size_t len = strlen(columns[0]);

    if (len < 6 || strcmp(columns[0] + len - 6, "$Value") != 0 || columns[6][0] == '!')
        return false; /* the texts of errors name the half */
    snprintf(name, name_size, "%.*s$Key", (int)(len - 6), columns[0]);
    for (size_t i = 0; i < COLUMNS; i++)
        ret[i] = columns[places[i]];
    ret[0] = name;
    return true;
}

static void
join_expected(char *const *columns, size_t n, struct cv_buf *out)
{
    cv_buf_reset(out);
    for (size_t i = 6; i < n; i++)
        cv_buf_printf(out, "%s%s", i > 6 ? "\t" : "", columns[i]);
}

static void
records_come_out_as_from_kafkas_transforms(void **state)
{
    struct cv_converter *json = case_json_converter();
    struct cv_buf out = CV_BUF_INIT(1 << 20), expected = CV_BUF_INIT(1 << 20);
    FILE *file = fopen(TEST_DATA "/transforms/smt.tsv", "r");
    char *names[NAMES] = { NULL }, *columns[COLUMNS], *mirrored[COLUMNS], *line = NULL, name[64];
    size_t cap = 0, compared = 0, keys = 0, wrong = 0, n;

    (void)state;
    assert_non_null(file);
    while (getline(&line, &cap, file) > 0) {
        if (line[0] == '#')
            continue;
        n = split_line(line, names, columns);
        if (columns[0][0] == '@') {
            names[atoi(columns[0] + 1)] = strdup(columns[1]);
            continue;
        }
        if (n == COLUMNS && mirror(columns, name, sizeof(name), mirrored)) {
            join_expected(mirrored, n, &expected);
            run_case(json, mirrored, &out);
            keys++;
            if (strcmp(cv_buf_cstr(&out), cv_buf_cstr(&expected)) != 0) {
                wrong++;
                printf("%s %s\n  expected %s\n  got      %s\n", name, columns[1], cv_buf_cstr(&expected),
                       cv_buf_cstr(&out));
            }
        }
        join_expected(columns, n, &expected);
        run_case(json, columns, &out);
        compared++;
        if (columns[6][0] == '!' ? same_error(cv_buf_cstr(&out), cv_buf_cstr(&expected))
                                 : strcmp(cv_buf_cstr(&out), cv_buf_cstr(&expected)) == 0)
            continue;
        wrong++;
        printf("%s %s ts %s\n  key      %s\n  value    %s\n  expected %s\n  got      %s\n", columns[0], columns[1],
                      columns[2], columns[3], columns[4], cv_buf_cstr(&expected), cv_buf_cstr(&out));
    }
    assert_int_equal(wrong, 0);
    assert_true(compared > 500 && keys > 300);
    for (size_t i = 0; i < NAMES; i++)
        free(names[i]);
    free(line);
    fclose(file);
    cv_buf_free(&out);
    cv_buf_free(&expected);
    json->plugin->converter->free(json);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_out_as_from_kafkas_transforms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
