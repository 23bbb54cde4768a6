/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode: the CPU time that one change takes from pgoutput's bytes to the key and value that Kafka gets
 *
 *   encode [EVENTS [ROUNDS]]      1,000,000 and 9
 *
 * Inserts of the 13-column table of bench/orders.sql, read, planned and written as the connector's task does, without
 * and with schemas, on the direct path; nothing is sent. Prints nanoseconds of CPU time an event, the least and the
 * median of the rounds, and the bytes of an event. Unlike the other benchmarks it runs inside of what it measures.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/measure.h"
#include "common/arena.h"
#include "common/buf.h"
#include "connectors/postgres/config.h"
#include "connectors/postgres/envelope.h"
#include "connectors/postgres/table.h"

#define N_COLUMNS  13
#define N_ROWS     64 /* different ones, in turn */
#define BATCH      2048
#define ROUNDS_MAX 99

static const struct {
    uint32_t oid;
    const char *name;
} type_names[] = {
    { 20, "int8" },        { 23, "int4" },      { 1700, "numeric" }, { 1082, "date" }, { 1184, "timestamptz" },
    { 1114, "timestamp" }, { 16, "bool" },      { 1042, "bpchar" },  { 25, "text" },
};

static struct pg_type types[CV_COUNT(type_names)];

static const struct {
    const char *name;
    int type;
    int32_t typmod;
} columns[N_COLUMNS] = {
    { "order_id", 0, -1 },   { "customer_id", 0, -1 }, { "quantity", 1, -1 },   { "total", 2, (12 << 16 | 2) + 4 },
    { "tax", 2, (12 << 16 | 4) + 4 }, { "order_date", 3, -1 }, { "created_at", 4, -1 }, { "updated_at", 5, -1 },
    { "paid", 6, -1 },       { "currency", 7, 7 },     { "status", 8, -1 },     { "address", 8, -1 },
    { "note", 8, -1 },
};

struct bench {
    struct pg_config config;
    struct pg_table table;
    struct pg_column columns[N_COLUMNS];
    uint16_t keys[1];
    struct table_filter *filter;
    struct cv_direct direct;
    struct plan *plan;
    struct envelope *envelope;
    struct cv_buf messages[N_ROWS];
};

static void
check(enum cv_rc rc, const struct cv_err *err)
{
    if (rc != CV_OK)
        die("%s", err->text);
}

static void
read_config(struct pg_config *ret)
{
    static const char *const pairs[][2] = { { "topic.prefix", "bench" },   { "database.hostname", "h" },
                                            { "database.user", "u" },      { "database.dbname", "shop" },
                                            { "plugin.name", "pgoutput" } };
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    for (size_t i = 0; i < CV_COUNT(pairs); i++)
        check(cv_config_set(cfg, pairs[i][0], pairs[i][1], &err), &err);
    check(pg_config_parse(cfg, ret, &err), &err);
    cv_config_free(cfg);
}

/* The text of a column of bench_order(id), near enough. */
static void
format_column(size_t column, int64_t id, char *out, size_t room)
{
    static const char *const currencies[] = { "EUR", "USD", "GBP", "JPY" };
    static const char *const states[] = { "pending", "confirmed", "shipped", "delivered" };
    const int64_t cents = id * 37 % 1000000;
    const int day = (int)(id % 28) + 1, month = (int)(id % 12) + 1;

    switch (column) {
    case 0:
        snprintf(out, room, "%" PRId64, id);
        break;
    case 1:
        snprintf(out, room, "%" PRId64, id * 7919 % 100003);
        break;
    case 2:
        snprintf(out, room, "%d", (int)(id % 20) + 1);
        break;
    case 3:
        snprintf(out, room, "%" PRId64 ".%02d", cents / 100, (int)(cents % 100));
        break;
    case 4:
        snprintf(out, room, "%" PRId64 ".%04d", cents * 8 / 10000, (int)(cents * 8 % 10000));
        break;
    case 5:
        snprintf(out, room, "2024-%02d-%02d", month, day);
        break;
    case 6:
        snprintf(out, room, "2024-%02d-%02d 12:34:%02d.%06d+00", month, day, (int)(id % 60),
                 (int)(id * 7919 % 1000000));
        break;
    case 7:
        snprintf(out, room, "2024-%02d-%02d 10:11:%02d.%06d", month, day, (int)(id % 60), (int)(id * 104729 % 1000000));
        break;
    case 8:
        snprintf(out, room, "%s", id % 3 != 0 ? "t" : "f");
        break;
    case 9:
        snprintf(out, room, "%s", currencies[id % 4]);
        break;
    case 10:
        snprintf(out, room, "%s", states[id / 4 % 4]);
        break;
    case 11:
        snprintf(out, room, "%d Harbour Street, %d Springfield", (int)(id % 997), (int)(id % 89999) + 10000);
        break;
    default:
        snprintf(out, room, "order %" PRId64 " via web", id);
        break;
    }
}

/* An Insert message of that row. */
static void
write_insert(int64_t id, struct cv_buf *out)
{
    char text[128];

    cv_buf_init(out, 4096);
    cv_buf_char(out, 'I');
    cv_buf_be32(out, 16384);
    cv_buf_char(out, 'N');
    cv_buf_be16(out, N_COLUMNS);
    for (size_t i = 0; i < N_COLUMNS; i++) {
        format_column(i, id, text, sizeof(text));
        cv_buf_char(out, 't');
        cv_buf_be32(out, (uint32_t)strlen(text));
        cv_buf_str(out, text);
    }
}

static void
begin(struct bench *b, bool schemas)
{
    static char schema[] = "public", name[] = "orders";
    const struct envelope_spec env = { .config = &b->config, .direct = &b->direct };
    struct plan_spec spec = { .config = &b->config, .direct = &b->direct, .table = &b->table };
    struct cv_err err = CV_ERR_INIT;

    memset(b, 0, sizeof(*b));
    read_config(&b->config);
    b->table = (struct pg_table){ .oid = 16384, .schema = schema, .name = name, .kind = 'r', .replica_identity = 'd',
                                  .logged = true, .columns = b->columns, .n_columns = N_COLUMNS, .keys = b->keys,
                                  .n_keys = 1 };
    for (size_t i = 0; i < N_COLUMNS; i++)
        b->columns[i] = (struct pg_column){ .name = (char *)(uintptr_t)columns[i].name,
                                            .type = &types[columns[i].type],
                                            .typmod = columns[i].typmod,
                                            .not_null = true };
    for (size_t i = 0; i < N_ROWS; i++)
        write_insert(1000000 + (int64_t)i * 7, &b->messages[i]);
    b->direct = (struct cv_direct){ .key_schemas = schemas, .value_schemas = schemas,
                                    .replace_null_with_default = true, .headers = true };
    check(table_filter_new(&b->config, &b->filter, &err), &err);
    spec.filter = b->filter;
    check(plan_new(&spec, &b->plan, &err), &err);
    b->plan->topic = (struct cv_topic *)(void *)b; /* only ever copied */
    check(envelope_new(&env, &b->envelope, &err), &err);
    envelope_transaction(b->envelope, 1790000000000000, 815, 0x1000);
}

static void
end(struct bench *b)
{
    for (size_t i = 0; i < N_ROWS; i++)
        cv_buf_free(&b->messages[i]);
    plan_free(b->plan);
    envelope_free(b->envelope);
    table_filter_free(b->filter);
    pg_config_done(&b->config);
}

/* A batch of changes; bytes of their keys and values. */
static size_t
run_batch(struct bench *b, struct cv_arena_pool *pool, long n)
{
    static struct pgoutput_value values[PGOUTPUT_MAX_COLUMNS];
    struct cv_batch batch = { .arena = cv_arena_new(pool) };
    struct pgoutput_change read = { .new.values = values };
    struct cv_err err = CV_ERR_INIT;
    size_t bytes = 0;
    int bad = -1;

    if (batch.arena == NULL)
        die("no memory");
    envelope_clock(b->envelope, INT64_C(1790000000000000000));
    for (long i = 0; i < n; i++) {
        const struct cv_buf *message = &b->messages[i % N_ROWS];
        struct envelope_change change = { .op = 'c', .new = &read.new, .text_len = message->len, .lsn = 0x3000 };

        check(pgoutput_read_change(message->data, message->len, &read, &err), &err);
        check(envelope_emit(b->envelope, b->plan, &change, &batch, &bad, &err), &err);
    }
    for (size_t i = 0; i < batch.n_messages; i++)
        bytes += batch.messages[i].key.len + batch.messages[i].value.len;
    cv_arena_free(batch.arena);
    return bytes;
}

static int64_t
cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int
by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
measure(bool schemas, long events, long rounds)
{
    struct cv_arena_pool *pool = cv_arena_pool_new((size_t)1 << 20, 0);
    double ns[ROUNDS_MAX];
    size_t bytes = 0;
    struct bench b;

    begin(&b, schemas);
    run_batch(&b, pool, BATCH);
    for (long r = 0; r < rounds; r++) {
        int64_t start = cpu_ns();

        bytes = 0;
        for (long left = events; left > 0; left -= BATCH)
            bytes += run_batch(&b, pool, left < BATCH ? left : BATCH);
        ns[r] = (double)(cpu_ns() - start) / (double)events;
    }
    qsort(ns, (size_t)rounds, sizeof(*ns), by_value);
    printf("%-16s %8.1f ns least %8.1f ns median %8.1f bytes an event\n", schemas ? "with schemas" : "without schemas",
           ns[0], ns[rounds / 2], (double)bytes / (double)events);
    end(&b);
    cv_arena_pool_free(pool);
}

int
main(int argc, char **argv)
{
    long events = argc > 1 ? parse_count("events", argv[1], 1) : 1000000;
    long rounds = argc > 2 ? parse_count("rounds", argv[2], 1) : 9;

    if (rounds > ROUNDS_MAX)
        die("at most %d rounds", ROUNDS_MAX);
    for (size_t i = 0; i < CV_COUNT(types); i++)
        types[i] = (struct pg_type){ .oid = type_names[i].oid,
                                     .base_oid = type_names[i].oid,
                                     .typmod = -1,
                                     .name = (char *)(uintptr_t)type_names[i].name,
                                     .declared = (char *)(uintptr_t)type_names[i].name,
                                     .kind = 'b',
                                     .system = true };
    measure(false, events, rounds);
    measure(true, events, rounds);
    return 0;
}
