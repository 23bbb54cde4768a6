/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelopes: which messages a change makes, and that the record path through JsonConverter gives the same bytes as
 * the direct path, for random rows of every served type, with and without schemas.
 */
#include "connectors/postgres/envelope.h"

#include "tests/helper/cmocka_all.h"

#include "common/arena.h"
#include "common/buf.h"
#include "converters/converters.h"
#include "tests/helper/pg_fixture.h"

#define NUMERIC(p, s) (((p) << 16 | (s)) + 4)
#define SAMPLES       6

/* One type, and texts that the server prints for it. */
static const struct {
    const char *type;
    int32_t typmod;
    char kind;
    const char *def; /* a default expression, for a twin column that has one */
    const char *samples[SAMPLES];
} types[] = {
#include "tests/helper/pg_samples.h"
};

/* Every type thrice: optional, NOT NULL, optional with default (or without, again). */
#define N_COLUMNS (1 + 3 * CV_COUNT(types))

struct side {
    struct plan *plan;
    struct envelope *envelope;
    struct cv_batch batch;
};

struct bench {
    struct pg_config config;
    struct table_filter *filter;
    struct pg_fixture_table table;
    struct cv_direct direct;
    struct side fast;
    struct side slow;
    struct cv_converter *converter;
};

static uint64_t seed;

static uint32_t
dice(uint32_t sides)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % sides;
}

static void
side_begin(struct bench *b, struct side *side, const struct cv_direct *direct)
{
    const struct plan_spec spec = { .config = &b->config, .direct = direct, .filter = b->filter,
                                    .table = &b->table.table };
    const struct envelope_spec env = { .config = &b->config, .direct = direct };
    struct cv_err err = CV_ERR_INIT;

    if (plan_new(&spec, &side->plan, &err) != CV_OK || envelope_new(&env, &side->envelope, &err) != CV_OK)
        fail_msg("%s", err.text);
    side->plan->topic = (struct cv_topic *)(void *)b; /* only ever copied */
    side->batch = (struct cv_batch){ .arena = cv_arena_new(NULL) };
}

static void
side_end(struct side *side)
{
    plan_free(side->plan);
    envelope_free(side->envelope);
    cv_arena_free(side->batch.arena);
}

static void
begin(struct bench *b, const char *const *pairs, const struct pg_fixture_column *columns, size_t n, bool schemas,
      bool numeric)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    memset(b, 0, sizeof(*b));
    pg_fixture_config(pairs, &b->config);
    pg_fixture_table(columns, n, 1, &b->table);
    assert_int_equal(table_filter_new(&b->config, &b->filter, &err), CV_OK);
    b->direct = (struct cv_direct){ .key_schemas = schemas, .value_schemas = schemas,
                                    .replace_null_with_default = true, .decimal_numeric = numeric, .headers = true };
    side_begin(b, &b->fast, &b->direct);
    side_begin(b, &b->slow, NULL);
    assert_int_equal(cv_config_set(cfg, "schemas.enable", schemas ? "true" : "false", &err), CV_OK);
    assert_int_equal(cv_config_set(cfg, "decimal.format", numeric ? "NUMERIC" : "BASE64", &err), CV_OK);
    assert_int_equal(json_converter_plugin.converter->configure(&json_converter_plugin, cfg, CV_VALUE,
                                                                &b->converter, &err), CV_OK);
    cv_config_free(cfg);
}

static void
end(struct bench *b)
{
    b->converter->plugin->converter->free(b->converter);
    side_end(&b->fast);
    side_end(&b->slow);
    table_filter_free(b->filter);
    pg_config_done(&b->config);
}

static void
emit(struct side *side, struct envelope_change *change)
{
    struct cv_err err = CV_ERR_INIT;
    int bad = -1;

    cv_arena_free(side->batch.arena); /* the batch's lists live in it, too */
    side->batch = (struct cv_batch){ .arena = cv_arena_new(NULL) };
    envelope_transaction(side->envelope, 1709210096789000, 771, 0x2000);
    envelope_clock(side->envelope, INT64_C(1709210097000000123));
    if (envelope_emit(side->envelope, side->plan, change, &side->batch, &bad, &err) != CV_OK)
        fail_msg("%s", err.text);
    if (bad >= 0 && !envelope_lacks(change, bad))
        fail_msg("column %s was not converted", side->plan->columns[bad].column);
}

static void
bytes_equal(struct cv_converter *conv, struct cv_bytes fast, const struct cv_value *slow)
{
    struct cv_buf out = CV_BUF_INIT((size_t)8 << 20);
    struct cv_err err = CV_ERR_INIT;
    bool is_null = false;
    size_t at = 0;

    if (conv->plugin->converter->from_connect(conv, "t", slow, &out, &is_null, &err) != CV_OK)
        fail_msg("%s", err.text);
    if (is_null) {
        assert_null(fast.data);
    } else if (out.len != fast.len || memcmp(out.data, fast.data, fast.len) != 0) {
        while (at < out.len && at < fast.len && out.data[at] == fast.data[at])
            at++;
        at = at > 60 ? at - 60 : 0;
        fail_msg("direct %.200s\nrecord %.200s", fast.data + at, cv_buf_cstr(&out) + at);
    }
    cv_buf_free(&out);
}

/* The same change on both paths, compared message by message. */
static void
both_paths(struct bench *b, struct envelope_change *change)
{
    emit(&b->fast, change);
    emit(&b->slow, change);
    assert_int_equal(b->fast.batch.n_messages, b->slow.batch.n_records);
    for (size_t i = 0; i < b->fast.batch.n_messages; i++) {
        const struct cv_message *msg = &b->fast.batch.messages[i];
        const struct cv_record *rec = &b->slow.batch.records[i];

        bytes_equal(b->converter, msg->key, &rec->key);
        bytes_equal(b->converter, msg->value, &rec->value);
    }
}

static size_t
all_types(struct pg_fixture_column *columns, char (*names)[24])
{
    size_t n = 0;

    columns[n++] = (struct pg_fixture_column){ "id", "int4", -1, true, NULL, 0, NULL };
    for (size_t i = 0; i < CV_COUNT(types); i++)
        for (int twin = 0; twin < 3; twin++) {
            snprintf(names[n], 24, "c%zu\"%d", i, twin);
            columns[n] = (struct pg_fixture_column){ names[n], types[i].type, types[i].typmod, twin == 1,
                                                     twin == 2 ? types[i].def : NULL, types[i].kind, "a,b" };
            n++;
        }
    return n;
}

static const char *
sample(size_t column, bool may_lack)
{
    size_t i = (column - 1) / 3, n = 0;

    if (may_lack && (column - 1) % 3 != 1 && dice(8) == 0)
        return PG_FIXTURE_UNCHANGED;
    if ((column - 1) % 3 != 1 && dice(4) == 0)
        return NULL;
    while (n < SAMPLES && types[i].samples[n] != NULL)
        n++;
    return types[i].samples[dice((uint32_t)n)];
}

static void
random_rows(struct bench *b, size_t n)
{
    static const char ops[] = "cud";
    const char *old_texts[PG_FIXTURE_COLUMNS], *new_texts[PG_FIXTURE_COLUMNS];
    struct pgoutput_value old_values[PG_FIXTURE_COLUMNS], new_values[PG_FIXTURE_COLUMNS];
    struct pgoutput_tuple old, new;

    for (int round = 0; round < 60; round++) {
        struct envelope_change change = { .op = ops[dice(3)], .lsn = 0x3000 };

        old_texts[0] = "1";
        new_texts[0] = dice(5) == 0 ? "2" : "1";
        for (size_t i = 1; i < n; i++) {
            old_texts[i] = sample(i, false);
            new_texts[i] = sample(i, change.op == 'u');
        }
        change.text_len = pg_fixture_tuple(old_texts, n, old_values, &old);
        change.text_len += pg_fixture_tuple(new_texts, n, new_values, &new);
        if (change.op != 'c')
            change.old = &old;
        if (change.op != 'd')
            change.new = &new;
        change.old_kind = dice(2) == 0 ? PLAN_ROW_WHOLE : PLAN_ROW_OLD_KEY;
        both_paths(b, &change);
    }
}

static void
both_paths_give_the_same_bytes_for_every_type_and_mode(void **state)
{
    static const char *const modes[][11] = {
        { NULL },
        { "decimal.handling.mode", "string", "time.precision.mode", "isostring", "binary.handling.mode", "hex",
          "interval.handling.mode", "string", NULL },
        { "decimal.handling.mode", "double", "time.precision.mode", "connect", "binary.handling.mode", "base64",
          "hstore.handling.mode", "map", NULL },
        { "time.precision.mode", "nanoseconds", "binary.handling.mode", "base64-url-safe",
          "include.unknown.datatypes", "true", NULL },
        { "time.precision.mode", "microseconds", "binary.handling.mode", "hex", "hstore.handling.mode", "map",
          "include.unknown.datatypes", "true", NULL },
        { "time.precision.mode", "adaptive_time_microseconds", NULL },
        { "column.truncate.to.3.chars", ".*", "decimal.handling.mode", "string", "binary.handling.mode", "hex",
          "time.precision.mode", "isostring", "field.name.adjustment.mode", "avro_unicode", NULL },
        { "column.truncate.to.2.chars", ".*0", "column.mask.with.4.chars", ".*1",
          "column.mask.hash.SHA-256.with.salt.s", ".*2", "schema.name.adjustment.mode", "avro", NULL },
        { "column.propagate.source.type", ".*0", "column.mask.hash.v2.MD5.with.salt.s", ".*",
          "topic.naming.strategy", "io.debezium.schema.SchemaRegexTopicNamingStrategy", "topic.regex", ".*",
          "topic.replacement", "all", NULL },
    };
    static struct pg_fixture_column columns[PG_FIXTURE_COLUMNS];
    static char names[PG_FIXTURE_COLUMNS][24];
    size_t n = all_types(columns, names);
    struct bench b;

    (void)state;
    assert_int_equal(n, N_COLUMNS);
    seed = 20261124;
    for (size_t i = 0; i < CV_COUNT(modes); i++)
        for (int variant = 0; variant < 4; variant++) {
            begin(&b, modes[i], columns, n, variant & 1, variant & 2);
            random_rows(&b, n);
            end(&b);
        }
}

static const struct pg_fixture_column two[] = { { "id", "numeric", NUMERIC(5, 2), true, NULL, 0, NULL },
                                                { "v", "text", -1, false, NULL, 0, NULL } };

/* Old and new row of two; the number of messages. */
static size_t
change_two(struct bench *b, char op, const char *const *old_texts, const char *const *new_texts)
{
    struct pgoutput_value old_values[2], new_values[2];
    struct pgoutput_tuple old, new;
    struct envelope_change change = { .op = op, .lsn = 0x3000 };

    if (old_texts != NULL) {
        change.text_len += pg_fixture_tuple(old_texts, 2, old_values, &old);
        change.old = &old;
    }
    if (new_texts != NULL) {
        change.text_len += pg_fixture_tuple(new_texts, 2, new_values, &new);
        change.new = &new;
    }
    both_paths(b, &change);
    return b->fast.batch.n_messages;
}

/* What becomes of an update whose n is unchanged TOAST, whose type has no placeholder; *ret_bad as envelope_emit has
   it. */
static enum cv_rc
update_lacking(bool not_null, const char *mode, const struct pgoutput_tuple *old, bool direct, int *ret_bad,
               struct cv_err *err)
{
    static const char *const texts[] = { "1", PG_FIXTURE_UNCHANGED };
    const struct pg_fixture_column columns[] = { { "id", "int4", -1, true, NULL, 0, NULL },
                                                 { "n", "_float8", -1, not_null, NULL, 0, NULL } };
    const char *const pairs[] = { "event.converting.failure.handling.mode", mode, NULL };
    struct envelope_change change = { .op = 'u', .lsn = 0x3000, .old = old, .old_kind = PLAN_ROW_WHOLE };
    struct pgoutput_value values[2];
    struct pgoutput_tuple row;
    struct bench b;
    struct side *side = direct ? &b.fast : &b.slow;
    enum cv_rc rc;

    begin(&b, pairs, columns, 2, false, false);
    change.text_len = pg_fixture_tuple(texts, 2, values, &row) + 20;
    change.new = &row;
    envelope_transaction(side->envelope, 1709210096789000, 771, 0x2000);
    *err = (struct cv_err)CV_ERR_INIT;
    *ret_bad = -1;
    rc = envelope_emit(side->envelope, side->plan, &change, &side->batch, ret_bad, err);
    assert_int_equal(side->batch.n_messages + side->batch.n_records, rc == CV_OK ? 1 : 0);
    end(&b);
    return rc;
}

/* As Debezium, which stops for want of a value; null where the column may be null. */
static void
an_unchanged_value_without_placeholder_is_null_or_fails(void **state)
{
    static const char *const before[] = { "1", "{0.5}" };
    struct pgoutput_value values[2];
    struct pgoutput_tuple old;
    struct cv_err err;
    int bad;

    (void)state;
    pg_fixture_tuple(before, 2, values, &old);
    for (int direct = 0; direct < 2; direct++) {
        assert_int_equal(update_lacking(false, "warn", NULL, direct, &bad, &err), CV_OK);
        assert_int_equal(bad, 1);
        assert_int_equal(update_lacking(false, "skip", NULL, direct, &bad, &err), CV_OK);
        assert_int_equal(bad, -1);
        assert_int_equal(update_lacking(false, "fail", NULL, direct, &bad, &err), CV_INVALID);
        assert_non_null(strstr(err.text, "the placeholder of an unchanged value of column \"n\""));
        assert_int_equal(update_lacking(true, "warn", NULL, direct, &bad, &err), CV_INVALID);
        assert_non_null(strstr(err.text, "column \"n\" again, its type has no placeholder, and it is NOT NULL"));
        assert_non_null(strstr(err.text, "REPLICA IDENTITY FULL"));
        assert_int_equal(update_lacking(true, "fail", &old, direct, &bad, &err), CV_OK);
        assert_int_equal(bad, -1);
    }
}

static bool
text_is(struct cv_bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}

static void
a_delete_is_followed_by_its_tombstone(void **state)
{
    static const char *const row[] = { "1.50", "x" };
    struct bench b;

    (void)state;
    begin(&b, NULL, two, 2, false, false);
    assert_int_equal(change_two(&b, 'd', row, NULL), 2);
    assert_true(text_is(b.fast.batch.messages[1].key, "{\"id\":\"AJY=\"}"));
    assert_null(b.fast.batch.messages[1].value.data);
    end(&b);
    begin(&b, (const char *const[]){ "tombstones.on.delete", "false", NULL }, two, 2, false, false);
    assert_int_equal(change_two(&b, 'd', row, NULL), 1);
    end(&b);
}

/* Delete, tombstone, create; the headers name the other key, decimals as plain numbers there. */
static void
a_changed_key_is_a_delete_and_a_create(void **state)
{
    static const char *const before[] = { "1.50", "x" }, *const after[] = { "2.00", "x" };
    const struct cv_message *messages;
    struct bench b;

    (void)state;
    begin(&b, NULL, two, 2, false, false);
    assert_int_equal(change_two(&b, 'u', before, before), 1);
    assert_int_equal(change_two(&b, 'u', before, after), 3);
    messages = b.fast.batch.messages;
    assert_string_equal(messages[0].headers->items[0].name, "__debezium.newkey");
    assert_true(text_is(messages[0].headers->items[0].value, "{\"id\":2.00}"));
    assert_string_equal(messages[2].headers->items[0].name, "__debezium.oldkey");
    assert_true(text_is(messages[2].headers->items[0].value, "{\"id\":1.50}"));
    assert_int_equal(messages[0].headers->count, 4);
    end(&b);
}

static void
skipped_operations_are_left_out_of_key_changes(void **state)
{
    static const char *const before[] = { "1.50", "x" }, *const after[] = { "2.00", "x" };
    static const struct {
        const char *skipped;
        size_t messages;
    } rows[] = { { "c", 2 }, { "d", 1 }, { "c,d", 0 }, { "t", 3 } };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct bench b;

        begin(&b, (const char *const[]){ "skipped.operations", rows[i].skipped, NULL }, two, 2, false, false);
        assert_int_equal(change_two(&b, 'u', before, after), rows[i].messages);
        end(&b);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unchanged_value_without_placeholder_is_null_or_fails),
        cmocka_unit_test(a_delete_is_followed_by_its_tombstone),
        cmocka_unit_test(a_changed_key_is_a_delete_and_a_create),
        cmocka_unit_test(skipped_operations_are_left_out_of_key_changes),
        cmocka_unit_test(both_paths_give_the_same_bytes_for_every_type_and_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
