/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace: append records at fixed due times and say how long each took to come out of a program that reads them.
 *
 * Input: a record a line, KEY<tab>VALUE, each KEY once, {"id":N}; the program's record of it has the key [N]. The time
 * counts from the moment at which the record was due, so that a stall costs all whom it would have kept waiting. The
 * main thread writes, a second one reads with read_committed; they share arrays that each index enters once.
 */
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "bench/measure.h"

#define CALL_TIMEOUT_MS 10000

struct pace {
    const char *servers;
    const char *in, *out;
    long rate;
    long timeout_s;
    char **lines;
    long *ids;
    long count;
    long first_id, last_id;
    atomic_llong *due_us; /* by id - first_id; 0: not written */
    int64_t *came_us;     /* by id - first_id; 0: not yet */
    atomic_bool reading;
    atomic_long missing;
    int64_t deadline_us;
};

static rd_kafka_t *
new_client(const char *servers, rd_kafka_type_t type)
{
    static const char *const settings[][3] = {
        { "group.id", "pace", NULL },
        { "enable.auto.commit", "false", NULL },
        { "isolation.level", "read_committed", NULL },
        { "fetch.wait.max.ms", "5", NULL },
        { "enable.partition.eof", "true", NULL },
        { "linger.ms", NULL, "0" },
        { "partitioner", NULL, "murmur2_random" },
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[512];
    rd_kafka_t *client;

    if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        die("%s", text);
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
        const char *value = settings[i][type == RD_KAFKA_CONSUMER ? 1 : 2];

        if (value != NULL && rd_kafka_conf_set(conf, settings[i][0], value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
            die("%s", text);
    }
    client = rd_kafka_new(type, conf, text, sizeof(text));
    if (client == NULL)
        die("could not make a Kafka client: %s", text);
    return client;
}

/* ---- reading */

static void
take(struct pace *p, const rd_kafka_message_t *msg)
{
    char key[32];
    long id;

    if (msg->key_len < 3 || msg->key_len >= sizeof(key))
        return;
    memcpy(key, msg->key, msg->key_len);
    key[msg->key_len] = '\0';
    if (key[0] != '[')
        die("the output's keys are not [N] but %s", key);
    id = strtol(key + 1, NULL, 10) - p->first_id;
    if (id < 0 || id > p->last_id - p->first_id || p->came_us[id] != 0 || atomic_load(&p->due_us[id]) == 0)
        return;
    p->came_us[id] = mono_us();
    atomic_fetch_sub(&p->missing, 1);
}

static void *
read_all(void *arg)
{
    struct pace *p = arg;
    rd_kafka_t *client = new_client(p->servers, RD_KAFKA_CONSUMER);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, p->out, NULL);
    const struct rd_kafka_metadata *metadata;
    int at_end = 0, partitions;

    if (rd_kafka_metadata(client, 0, handle, &metadata, CALL_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        metadata->topics[0].partition_cnt == 0)
        die("could not read the metadata of \"%s\"", p->out);
    partitions = metadata->topics[0].partition_cnt;
    for (int i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, p->out, i)->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    if (rd_kafka_assign(client, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("could not assign the partitions");
    rd_kafka_topic_partition_list_destroy(list);
    while (atomic_load(&p->missing) > 0 && mono_us() < p->deadline_us) {
        rd_kafka_message_t *msg = rd_kafka_consumer_poll(client, 50);

        if (msg == NULL)
            continue;
        if (msg->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            take(p, msg);
        else if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && ++at_end == partitions)
            atomic_store(&p->reading, true); /* each partition knows its end: what comes now is new */
        rd_kafka_message_destroy(msg);
    }
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
    return NULL;
}

/* ---- writing */

static void
write_all(struct pace *p)
{
    rd_kafka_t *client = new_client(p->servers, RD_KAFKA_PRODUCER);
    int64_t begin = mono_us() + 100000;

    for (long i = 0; i < p->count; i++) {
        int64_t due = begin + i * 1000000 / p->rate;
        char *value = strchr(p->lines[i], '\t') + 1;

        if (mono_us() < due)
            sleep_until_us(due);
        atomic_store(&p->due_us[p->ids[i] - p->first_id], due);
        if (rd_kafka_producev(client, RD_KAFKA_V_TOPIC(p->in),
                              RD_KAFKA_V_KEY(p->lines[i], (size_t)(value - 1 - p->lines[i])),
                              RD_KAFKA_V_VALUE(value, strlen(value)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR)
            die("could not write to \"%s\"", p->in);
        rd_kafka_poll(client, 0);
    }
    if (rd_kafka_flush(client, CALL_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("not all records were delivered in time");
    rd_kafka_destroy(client);
}

/* ---- the whole */

static void
read_lines(struct pace *p)
{
    size_t room = 0, line_room = 0;
    char *line = NULL;
    ssize_t len;

    while ((len = getline(&line, &line_room, stdin)) > 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        if ((size_t)p->count == room) {
            room = room ? room * 2 : 4096;
            p->lines = realloc(p->lines, room * sizeof(*p->lines));
            p->ids = realloc(p->ids, room * sizeof(*p->ids));
            if (p->lines == NULL || p->ids == NULL)
                die("out of memory");
        }
        if (strncmp(line, "{\"id\":", 6) != 0 || strchr(line, '\t') == NULL)
            die("line %ld is not {\"id\":N}<tab>VALUE", p->count + 1);
        p->ids[p->count] = strtol(line + 6, NULL, 10);
        p->lines[p->count] = strdup(line);
        if (p->count == 0 || p->ids[p->count] < p->first_id)
            p->first_id = p->ids[p->count];
        if (p->count == 0 || p->ids[p->count] > p->last_id)
            p->last_id = p->ids[p->count];
        p->count++;
    }
    free(line);
    if (p->count == 0)
        die("no lines on standard input");
    p->due_us = calloc((size_t)(p->last_id - p->first_id + 1), sizeof(*p->due_us));
    p->came_us = calloc((size_t)(p->last_id - p->first_id + 1), sizeof(*p->came_us));
    if (p->due_us == NULL || p->came_us == NULL)
        die("out of memory");
    atomic_store(&p->missing, p->count);
}

static int
compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* The first tenth warms up and does not count. */
static void
report(struct pace *p)
{
    long skip = p->count / 10, n = p->count - skip;
    int64_t *times = calloc((size_t)n, sizeof(*times));

    if (times == NULL)
        die("out of memory");
    if (atomic_load(&p->missing) > 0)
        die("%ld of %ld records did not come to \"%s\" within %ld s", atomic_load(&p->missing), p->count, p->out,
            p->timeout_s);
    for (long i = 0; i < n; i++) {
        long id = p->ids[skip + i] - p->first_id;

        times[i] = p->came_us[id] - atomic_load(&p->due_us[id]);
    }
    qsort(times, (size_t)n, sizeof(*times), compare_times);
    printf("count=%ld p50_us=%" PRId64 " p99_us=%" PRId64 " max_us=%" PRId64 "\n", n, times[n / 2],
           times[n * 99 / 100], times[n - 1]);
    free(times);
}

static void
usage(FILE *out)
{
    fputs("usage: pace [OPTIONS] SERVERS IN OUT <LINES\n"
          "\n"
          "Writes the lines, {\"id\":N}<tab>VALUE, to topic IN at fixed due times, waits until a record with the key "
          "[N] of\n"
          "each is in topic OUT, and prints one line: how many count (the first tenth does not), and the median, the "
          "99th\n"
          "percentile and the greatest of the times from due to read, in microseconds.\n"
          "\n"
          "  -r, --rate N         records a second (1000)\n"
          "  -t, --timeout S      fail when the last has not come so long after the first (120)\n"
          "  -h, --help           print this\n",
          out);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = { { "rate", required_argument, NULL, 'r' },
                                             { "timeout", required_argument, NULL, 't' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    struct pace p = { .rate = 1000, .timeout_s = 120 };
    pthread_t reader;
    int option;

    while ((option = getopt_long(argc, argv, "r:t:h", options, NULL)) != -1) {
        if (option == 'r') {
            p.rate = parse_count("--rate", optarg, 1);
        } else if (option == 't') {
            p.timeout_s = parse_count("--timeout", optarg, 1);
        } else {
            usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (argc - optind != 3) {
        usage(stderr);
        return 2;
    }
    p.servers = argv[optind];
    p.in = argv[optind + 1];
    p.out = argv[optind + 2];
    read_lines(&p);
    p.deadline_us = mono_us() + p.timeout_s * 1000000;
    if (pthread_create(&reader, NULL, read_all, &p) != 0)
        die("could not start a thread");
    while (!atomic_load(&p.reading) && mono_us() < p.deadline_us)
        sleep_until_us(mono_us() + 1000);
    write_all(&p);
    pthread_join(reader, NULL);
    report(&p);
    for (long i = 0; i < p.count; i++)
        free(p.lines[i]);
    free(p.lines);
    free(p.ids);
    free(p.due_us);
    free(p.came_us);
    return 0;
}
