/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: wait until a topic holds so many messages, and say when the first and the last came.
 *
 * It asks the broker for the end offsets of the partitions every few milliseconds and reads no message, so
 * that it costs the two cores of a benchmark next to nothing. The interval is the error of both times.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "bench/measure.h"

#define CALL_TIMEOUT_MS 10000

struct watch {
    rd_kafka_t *client;
    const char *topic;
    int partitions;
    long interval_ms;
    long timeout_s;
    long quiet_ms; /* so long nothing more must come */
};

static rd_kafka_t *
new_client(const char *servers)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[512];
    rd_kafka_t *client;

    if (rd_kafka_conf_set(conf, "bootstrap.servers", servers, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        die("%s", text);
    client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (client == NULL)
        die("could not make a Kafka client: %s", text);
    return client;
}

static int
count_partitions(rd_kafka_t *client, const char *topic)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, CALL_TIMEOUT_MS);
    int count;

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("could not read the topic's metadata: %s", rd_kafka_err2str(code));
    count = metadata->topics[0].partition_cnt;
    if (count == 0)
        die("topic \"%s\" is not there: %s", topic, rd_kafka_err2str(metadata->topics[0].err));
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return count;
}

static int64_t
messages(const struct watch *w)
{
    int64_t low, high, sum = 0;

    for (int32_t i = 0; i < w->partitions; i++) {
        rd_kafka_resp_err_t code =
            rd_kafka_query_watermark_offsets(w->client, w->topic, i, &low, &high, CALL_TIMEOUT_MS);

        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            die("could not read the end of \"%s\" [%d]: %s", w->topic, (int)i, rd_kafka_err2str(code));
        sum += high;
    }
    return sum;
}

static void
watch(const struct watch *w, long wanted)
{
    int64_t deadline = mono_us() + w->timeout_s * 1000000, first_us = 0, half_us = 0, last_us = wall_us();
    int64_t seen, before = 0;

    for (;;) {
        seen = messages(w);
        if (seen != before)
            last_us = wall_us();
        before = seen;
        if (seen > 0 && first_us == 0)
            first_us = last_us;
        if (seen >= wanted / 2 && half_us == 0)
            half_us = last_us;
        if (seen >= wanted && wall_us() >= last_us + w->quiet_ms * 1000)
            break;
        if (mono_us() >= deadline)
            die("after %ld s \"%s\" holds %lld of %ld messages", w->timeout_s, w->topic, (long long)seen, wanted);
        sleep_until_us(mono_us() + w->interval_ms * 1000);
    }
    printf("count=%lld first_us=%lld half_us=%lld last_us=%lld\n", (long long)seen, (long long)first_us,
           (long long)half_us, (long long)last_us);
}

static void
usage(FILE *out)
{
    fputs("usage: watch [OPTIONS] SERVERS TOPIC COUNT\n"
          "\n"
          "Waits until TOPIC holds COUNT messages and prints one line: count, and when (microseconds of the\n"
          "wall clock) the first, half of them, and the last were there.\n"
          "\n"
          "  -i, --interval MS    how often to look (10)\n"
          "  -q, --quiet MS       go on until nothing came for so long (0)\n"
          "  -t, --timeout S      fail after so long (300)\n"
          "  -h, --help           print this\n",
          out);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = { { "interval", required_argument, NULL, 'i' },
                                             { "quiet", required_argument, NULL, 'q' },
                                             { "timeout", required_argument, NULL, 't' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    struct watch w = { .interval_ms = 10, .timeout_s = 300 };
    int option;

    while ((option = getopt_long(argc, argv, "i:q:t:h", options, NULL)) != -1) {
        if (option == 'i') {
            w.interval_ms = parse_count("--interval", optarg, 1);
        } else if (option == 'q') {
            w.quiet_ms = parse_count("--quiet", optarg, 0);
        } else if (option == 't') {
            w.timeout_s = parse_count("--timeout", optarg, 1);
        } else {
            usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (argc - optind != 3) {
        usage(stderr);
        return 2;
    }
    w.client = new_client(argv[optind]);
    w.topic = argv[optind + 1];
    w.partitions = count_partitions(w.client, w.topic);
    watch(&w, parse_count("COUNT", argv[optind + 2], 1));
    rd_kafka_destroy(w.client);
    return 0;
}
