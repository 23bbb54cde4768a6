/* SPDX-License-Identifier: Apache-2.0 */
/*
 * latency: how long after its commit a row is in a consumer's hands.
 *
 * Writers commit one row a transaction at fixed due times, whatever the answers of earlier ones took (open
 * loop: a slow system cannot slow down the questions). The main thread consumes the topic and notes when each
 * row id arrived. One clock, one machine. Each writer owns the ids i, i + writers, ...; the main thread reads
 * their times only after it joined them.
 */
#include <getopt.h>
#include <pthread.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>

#include "bench/measure.h"

#define MAX_WRITERS 64
#define POLL_MS     100
#define LAST_MS     10000 /* how long the last rows may take */

struct row {
    int64_t due_us;
    int64_t sent_us;
    int64_t acked_us;
    int64_t arrived_us; /* 0: not yet */
};

struct run {
    const char *conninfo;
    long rate;
    long rows;
    long warm_up; /* rows that are not counted */
    int writers;
    int64_t start_us;
    struct row *row;
    long arrived;
    long repeated;
};

struct writer {
    struct run *run;
    int number;
    pthread_t thread;
};

/* ---- writing ---- */

static PGconn *
connect_writer(const char *conninfo)
{
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *res;

    if (PQstatus(conn) != CONNECTION_OK)
        die("could not connect: %s", PQerrorMessage(conn));
    res = PQexec(conn, "SET synchronous_commit = on");
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        die("could not set synchronous_commit: %s", PQerrorMessage(conn));
    PQclear(res);
    res = PQprepare(conn, "put", "INSERT INTO public.orders SELECT o.* FROM bench_order($1) o", 1, NULL);
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        die("could not prepare the INSERT: %s", PQerrorMessage(conn));
    PQclear(res);
    return conn;
}

static void *
write_rows(void *arg)
{
    struct writer *w = arg;
    struct run *run = w->run;
    PGconn *conn = connect_writer(run->conninfo);

    for (long i = w->number; i < run->rows; i += run->writers) {
        struct row *row = &run->row[i];
        char id[24];
        const char *values[] = { id };
        PGresult *res;

        snprintf(id, sizeof(id), "%ld", i + 1);
        row->due_us = run->start_us + i * 1000000 / run->rate;
        sleep_until_us(row->due_us);
        row->sent_us = mono_us();
        res = PQexecPrepared(conn, "put", 1, values, NULL, NULL, 0);
        row->acked_us = mono_us();
        if (PQresultStatus(res) != PGRES_COMMAND_OK)
            die("could not insert row %s: %s", id, PQerrorMessage(conn));
        PQclear(res);
    }
    PQfinish(conn);
    return NULL;
}

/* ---- consuming ---- */

static rd_kafka_t *
new_consumer(const char *servers)
{
    static const char *const settings[][2] = { { "group.id", "bench-latency" },
                                               { "enable.auto.commit", "false" },
                                               { "socket.nagle.disable", "true" } };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[512];
    rd_kafka_t *client;

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof(text)) != RD_KAFKA_CONF_OK)
            die("%s", text);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        die("%s", text);
    client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (client == NULL)
        die("could not make a Kafka client: %s", text);
    rd_kafka_poll_set_consumer(client);
    return client;
}

/* All partitions of the topic, which is there and empty, from their beginning. */
static void
assign(rd_kafka_t *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, LAST_MS);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topics[0].partition_cnt == 0)
        die("could not read the metadata of topic \"%s\": %s", topic,
            rd_kafka_err2str(code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : metadata->topics[0].err));
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    code = rd_kafka_assign(client, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("could not assign topic \"%s\": %s", topic, rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
}

/* The row id: the number at the end of the key {"order_id":N}. */
static long
row_id(const rd_kafka_message_t *message)
{
    static const char name[] = "{\"order_id\":";
    char key[64];

    if (message->key_len >= sizeof(key) || message->key_len < sizeof(name) ||
        memcmp(message->key, name, sizeof(name) - 1) != 0)
        die("a message's key is not %sN}", name);
    memcpy(key, message->key, message->key_len);
    key[message->key_len] = '\0';
    return atol(key + sizeof(name) - 1);
}

static void
note_arrival(struct run *run, const rd_kafka_message_t *message)
{
    int64_t now = mono_us();
    long id;

    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("could not consume: %s", rd_kafka_message_errstr(message));
    id = row_id(message);
    if (id < 1 || id > run->rows)
        die("the topic has row %ld, which this run did not write", id);
    if (run->row[id - 1].arrived_us != 0) {
        run->repeated++;
        return;
    }
    run->row[id - 1].arrived_us = now;
    run->arrived++;
}

static void
consume(struct run *run, rd_kafka_t *client)
{
    int64_t deadline = run->start_us + run->rows * 1000000 / run->rate + LAST_MS * 1000;

    while (run->arrived < run->rows) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, POLL_MS);

        if (message != NULL) {
            note_arrival(run, message);
            rd_kafka_message_destroy(message);
        } else if (mono_us() > deadline) {
            die("%ld of %ld rows arrived", run->arrived, run->rows);
        }
    }
}

/* ---- what it came to ---- */

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static double
percentile_ms(const int64_t *sorted, long count, double share)
{
    long at = (long)(share * (double)count);

    return (double)sorted[at < count ? at : count - 1] / 1000;
}

/* One line: the times from one moment of each row, named by its place in struct row, to another. */
static void
report(const struct run *run, const char *what, size_t from, size_t to)
{
    long count = run->rows - run->warm_up;
    int64_t *times = calloc((size_t)count, sizeof(*times));

    if (times == NULL)
        die("out of memory");
    for (long i = 0; i < count; i++) {
        const char *row = (const char *)&run->row[run->warm_up + i];

        times[i] = *(const int64_t *)(row + to) - *(const int64_t *)(row + from);
    }
    qsort(times, (size_t)count, sizeof(*times), compare);
    printf("%s p50=%.2f p90=%.2f p99=%.2f p999=%.2f max=%.2f\n", what, percentile_ms(times, count, 0.5),
           percentile_ms(times, count, 0.9), percentile_ms(times, count, 0.99),
           percentile_ms(times, count, 0.999), percentile_ms(times, count, 1));
    free(times);
}

static void
measure(struct run *run, const char *servers, const char *topic)
{
    struct writer writers[MAX_WRITERS];
    rd_kafka_t *client = new_consumer(servers);

    assign(client, topic);
    run->start_us = mono_us() + 1000000;
    for (int i = 0; i < run->writers; i++) {
        writers[i] = (struct writer){ .run = run, .number = i };
        if (pthread_create(&writers[i].thread, NULL, write_rows, &writers[i]) != 0)
            die("could not start a writer");
    }
    consume(run, client);
    for (int i = 0; i < run->writers; i++)
        pthread_join(writers[i].thread, NULL);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

static void
usage(FILE *out)
{
    fputs("usage: latency [OPTIONS] CONNINFO SERVERS TOPIC\n"
          "\n"
          "Inserts rows into public.orders, one a transaction, at a fixed rate, consumes them from TOPIC, and\n"
          "prints percentiles in ms: from the due time, from the sending of the INSERT and from the commit's\n"
          "answer until the row's event arrived; and what the commit itself took.\n"
          "\n"
          "  -r, --rate N         transactions a second (1000)\n"
          "  -s, --seconds N      how long (20)\n"
          "  -u, --warm-up N      seconds at the beginning that do not count (2)\n"
          "  -w, --writers N      connections that write (8)\n"
          "  -h, --help           print this\n",
          out);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        { "rate", required_argument, NULL, 'r' },    { "seconds", required_argument, NULL, 's' },
        { "warm-up", required_argument, NULL, 'u' }, { "writers", required_argument, NULL, 'w' },
        { "help", no_argument, NULL, 'h' },          { 0 }
    };
    struct run run = { .rate = 1000, .writers = 8 };
    long seconds = 20, warm_up = 2;
    int option;

    while ((option = getopt_long(argc, argv, "r:s:u:w:h", options, NULL)) != -1) {
        switch (option) {
        case 'r':
            run.rate = parse_count("--rate", optarg, 1);
            break;
        case 's':
            seconds = parse_count("--seconds", optarg, 1);
            break;
        case 'u':
            warm_up = parse_count("--warm-up", optarg, 0);
            break;
        case 'w':
            run.writers = (int)parse_count("--writers", optarg, 1);
            break;
        default:
            usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (argc - optind != 3) {
        usage(stderr);
        return 2;
    }
    if (run.writers > MAX_WRITERS)
        die("--writers must be at most %d", MAX_WRITERS);
    run.conninfo = argv[optind];
    run.warm_up = warm_up * run.rate;
    run.rows = seconds * run.rate + run.warm_up;
    run.row = calloc((size_t)run.rows, sizeof(*run.row));
    if (run.row == NULL)
        die("out of memory");
    measure(&run, argv[optind + 1], argv[optind + 2]);
    printf("rows=%ld repeated=%ld\n", run.rows, run.repeated);
    report(&run, "due_to_consumer", offsetof(struct row, due_us), offsetof(struct row, arrived_us));
    report(&run, "sent_to_consumer", offsetof(struct row, sent_us), offsetof(struct row, arrived_us));
    report(&run, "acked_to_consumer", offsetof(struct row, acked_us), offsetof(struct row, arrived_us));
    report(&run, "commit", offsetof(struct row, sent_us), offsetof(struct row, acked_us));
    free(run.row);
    return 0;
}
