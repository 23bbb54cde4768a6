/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outputs: follow what a program writes to its topics, and say when it came and what the program had cost by then.
 *
 * It reads with read_committed, counts, and looks at no record. The first topic tells how far the program is: it is
 * done when that holds as many records as were asked for and nothing came to any topic for a while. One thread.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "bench/measure.h"

#define CALL_TIMEOUT_MS 10000
#define TOPICS_MAX      16

struct outputs {
    rd_kafka_t *client;
    char **topics;
    int topic_count;
    long wanted; /* of the first topic */
    long quiet_ms;
    long timeout_s;
    int pid;

    long counts[TOPICS_MAX];
    int64_t first_us, fifth_us, ninety_us, last_us; /* wall clock; a fifth and nine tenths of the first topic */
    double cpu_fifth, cpu_last;
};

static rd_kafka_t *
new_client(const char *servers)
{
    static const char *const settings[][2] = {
        { "group.id", "outputs" },         { "enable.auto.commit", "false" },
        { "fetch.wait.max.ms", "20" },     { "isolation.level", "read_committed" },
        { "queued.min.messages", "20000" },
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[512];
    rd_kafka_t *client;

    if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        die("%s", text);
    for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof(text)) != RD_KAFKA_CONF_OK)
            die("%s", text);
    client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (client == NULL)
        die("could not make a Kafka client: %s", text);
    return client;
}

/* Read all partitions of the topics from their beginning. */
static void
assign(struct outputs *o)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);

    for (int t = 0; t < o->topic_count; t++) {
        const struct rd_kafka_metadata *metadata;
        rd_kafka_topic_t *handle = rd_kafka_topic_new(o->client, o->topics[t], NULL);
        rd_kafka_resp_err_t code = rd_kafka_metadata(o->client, 0, handle, &metadata, CALL_TIMEOUT_MS);

        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            die("could not read the metadata of \"%s\": %s", o->topics[t], rd_kafka_err2str(code));
        if (metadata->topics[0].partition_cnt == 0)
            die("topic \"%s\" is not there", o->topics[t]);
        for (int p = 0; p < metadata->topics[0].partition_cnt; p++)
            rd_kafka_topic_partition_list_add(list, o->topics[t], p)->offset = RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_metadata_destroy(metadata);
        rd_kafka_topic_destroy(handle);
    }
    if (rd_kafka_assign(o->client, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("could not assign the partitions");
    rd_kafka_topic_partition_list_destroy(list);
}

static void
count(struct outputs *o, const rd_kafka_message_t *msg)
{
    const char *name = rd_kafka_topic_name(msg->rkt);
    int t = 0;

    while (strcmp(o->topics[t], name) != 0)
        t++;
    o->counts[t]++;
    if (t != 0)
        return;
    if (o->counts[0] == 1)
        o->first_us = wall_us();
    if (o->counts[0] == o->wanted / 5) {
        o->fifth_us = wall_us();
        o->cpu_fifth = cpu_seconds(o->pid);
    }
    if (o->counts[0] == o->wanted / 10 * 9)
        o->ninety_us = wall_us();
}

static void
follow(struct outputs *o)
{
    int64_t deadline = mono_us() + o->timeout_s * 1000000, last = mono_us();
    bool noted = true;

    for (;;) {
        rd_kafka_message_t *msg = rd_kafka_consumer_poll(o->client, 20);

        if (msg != NULL && msg->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            count(o, msg);
            last = mono_us();
            noted = false;
        } else if (!noted) {
            noted = true;
            o->last_us = wall_us() - (mono_us() - last);
            o->cpu_last = cpu_seconds(o->pid);
        }
        if (msg != NULL)
            rd_kafka_message_destroy(msg);
        else if (o->counts[0] >= o->wanted && mono_us() - last >= o->quiet_ms * 1000)
            return;
        if (cpu_seconds(o->pid) < 0)
            die("process %d ended; \"%s\" holds %ld of %ld records", o->pid, o->topics[0], o->counts[0], o->wanted);
        if (mono_us() >= deadline)
            die("after %ld s \"%s\" holds %ld of %ld records", o->timeout_s, o->topics[0], o->counts[0], o->wanted);
    }
}

static void
report(const struct outputs *o)
{
    printf("first_us=%" PRId64 " fifth_us=%" PRId64 " ninety_us=%" PRId64 " last_us=%" PRId64
           " cpu_fifth=%.2f cpu_last=%.2f",
           o->first_us, o->fifth_us, o->ninety_us, o->last_us, o->cpu_fifth, o->cpu_last);
    for (int t = 0; t < o->topic_count; t++)
        printf(" %s=%ld", o->topics[t], o->counts[t]);
    printf("\n");
}

static void
usage(FILE *out)
{
    fputs("usage: outputs [OPTIONS] SERVERS PID COUNT TOPIC...\n"
          "\n"
          "Waits until the first TOPIC holds COUNT committed records and nothing comes to any of them any more, and\n"
          "prints one line: when (microseconds of the wall clock) the first record, a fifth and nine tenths of COUNT,\n"
          "and the last record of all topics came, the CPU seconds of process PID by then, and the counts.\n"
          "\n"
          "  -q, --quiet MS       how long nothing comes in the end (2000)\n"
          "  -t, --timeout S      fail after so long (600)\n"
          "  -h, --help           print this\n",
          out);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = { { "quiet", required_argument, NULL, 'q' },
                                             { "timeout", required_argument, NULL, 't' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    struct outputs o = { .quiet_ms = 2000, .timeout_s = 600 };
    int option;

    while ((option = getopt_long(argc, argv, "q:t:h", options, NULL)) != -1) {
        if (option == 'q') {
            o.quiet_ms = parse_count("--quiet", optarg, 1);
        } else if (option == 't') {
            o.timeout_s = parse_count("--timeout", optarg, 1);
        } else {
            usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    o.topics = argv + optind + 3;
    o.topic_count = argc - optind - 3;
    if (o.topic_count < 1 || o.topic_count > TOPICS_MAX) {
        usage(stderr);
        return 2;
    }
    o.client = new_client(argv[optind]);
    o.pid = (int)parse_count("PID", argv[optind + 1], 1);
    o.wanted = parse_count("COUNT", argv[optind + 2], 1);
    assign(&o);
    follow(&o);
    report(&o);
    rd_kafka_consumer_close(o.client);
    rd_kafka_destroy(o.client);
    return 0;
}
