// SPDX-License-Identifier: Apache-2.0
//
// kafka_dump: what the tests and scripts/consume.sh look at Kafka with: read topics to their end
// (or follow them) as JSON lines, write records, list, create and delete topics.
//
// It stands on librdkafka alone and shares no code with the programs that it judges: its own JSON
// quoting, its own end-of-partition logic. One thread; the first failure ends it with status 1.
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#define CALL_TIMEOUT_MS  15000
#define WATCH_REFRESH_MS 150

enum format { FORMAT_JSON, FORMAT_VALUE, FORMAT_KEY_VALUE };

struct options {
    const char *servers;
    const char *group;
    enum format format;
    bool follow;
    bool from_end;
    bool uncommitted;
    long count;      /* stop after so many records; 0: no limit */
    long timeout_ms; /* following: stop after so long; 0: never */
    int partitions;
    const char *transactional_id; /* of a producer; NULL: none */
    const char **configs; /* NAME=VALUE of a topic to create or a client */
    size_t config_count;
};

static volatile sig_atomic_t stopped;

static void
on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

static _Noreturn void __attribute__((format(printf, 1, 2))) die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("kafka_dump: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void *
xcalloc(size_t count, size_t size)
{
    void *mem = calloc(count, size);

    if (mem == NULL)
        die("out of memory");
    return mem;
}

static int64_t
now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
conf_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        die("%s", text);
}

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (msg->err)
        die("a record was not delivered: %s", rd_kafka_err2str(msg->err));
}

static rd_kafka_t *
client_new(const struct options *opt, rd_kafka_type_t type)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;
    char text[256];

    conf_set(conf, "bootstrap.servers", opt->servers);
    conf_set(conf, "log_level", "3");
    conf_set(conf, "allow.auto.create.topics", "false");
    if (type == RD_KAFKA_CONSUMER) {
        conf_set(conf, "group.id", opt->group);
        conf_set(conf, "enable.auto.commit", "false");
        conf_set(conf, "enable.partition.eof", "true");
        conf_set(conf, "isolation.level", opt->uncommitted ? "read_uncommitted" : "read_committed");
        conf_set(conf, "fetch.wait.max.ms", "50");
        conf_set(conf, "topic.metadata.refresh.interval.ms", "1000"); /* a topic may be listed before it can be read */
    } else {
        conf_set(conf, "linger.ms", "5");
        conf_set(conf, "partitioner", "murmur2_random");
        conf_set(conf, "enable.idempotence", "true");
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        if (opt->transactional_id != NULL)
            conf_set(conf, "transactional.id", opt->transactional_id);
    }
    rk = rd_kafka_new(type, conf, text, sizeof(text));
    if (rk == NULL)
        die("%s", text);
    return rk;
}

/* ---- printing */

/* Length of the well-formed UTF-8 sequence at s, 0 if there is none. */
static size_t
utf8_length(const unsigned char *s, size_t left)
{
    size_t len = s[0] < 0x80   ? 1
                 : s[0] < 0xc2 ? 0
                 : s[0] < 0xe0 ? 2
                 : s[0] < 0xf0 ? 3
                 : s[0] < 0xf5 ? 4
                               : 0;

    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

static bool
is_utf8(const unsigned char *s, size_t size)
{
    for (size_t pos = 0, len; pos < size; pos += len) {
        len = utf8_length(s + pos, size - pos);
        if (len == 0)
            return false;
    }
    return true;
}

/* Bytes as a JSON string, or {"hex": "..."} if they are no UTF-8, or null. */
static void
print_bytes(const void *bytes, size_t size)
{
    const unsigned char *s = bytes;

    if (s == NULL) {
        fputs("null", stdout);
        return;
    }
    if (!is_utf8(s, size)) {
        fputs("{\"hex\":\"", stdout);
        for (size_t i = 0; i < size; i++)
            printf("%02x", s[i]);
        fputs("\"}", stdout);
        return;
    }
    putchar('"');
    for (size_t i = 0; i < size; i++) {
        if (s[i] == '"' || s[i] == '\\')
            printf("\\%c", s[i]);
        else if (s[i] < 0x20)
            printf("\\u%04x", s[i]);
        else
            putchar(s[i]);
    }
    putchar('"');
}

static void
print_headers(const rd_kafka_message_t *msg)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;

    if (rd_kafka_message_headers(msg, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    fputs(",\"headers\":[", stdout);
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; i++) {
        fputs(i == 0 ? "[" : ",[", stdout);
        print_bytes(name, strlen(name));
        putchar(',');
        print_bytes(value, size);
        putchar(']');
    }
    putchar(']');
}

static void
print_text(const void *bytes, size_t size)
{
    if (bytes == NULL)
        fputs("null", stdout);
    else
        fwrite(bytes, 1, size, stdout);
}

static void
print_message(const rd_kafka_message_t *msg, enum format format)
{
    rd_kafka_timestamp_type_t type;

    if (format == FORMAT_JSON) {
        fputs("{\"topic\":", stdout);
        print_bytes(rd_kafka_topic_name(msg->rkt), strlen(rd_kafka_topic_name(msg->rkt)));
        printf(",\"partition\":%d,\"offset\":%lld,\"timestamp\":%lld,\"key\":", (int)msg->partition,
               (long long)msg->offset, (long long)rd_kafka_message_timestamp(msg, &type));
        print_bytes(msg->key, msg->key_len);
        fputs(",\"value\":", stdout);
        print_bytes(msg->payload, msg->len);
        print_headers(msg);
        putchar('}');
    } else {
        if (format == FORMAT_KEY_VALUE) {
            print_text(msg->key, msg->key_len);
            putchar('\t');
        }
        print_text(msg->payload, msg->len);
    }
    putchar('\n');
    if (ferror(stdout))
        die("could not write: %s", strerror(errno));
}

/* ---- reading */

/* All partitions of the topics, each at its beginning or end. */
static rd_kafka_topic_partition_list_t *
partitions_of(rd_kafka_t *rk, char **topics, int topic_count, int64_t position)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(topic_count * 4);

    for (int i = 0; i < topic_count; i++) {
        rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topics[i], NULL);
        const struct rd_kafka_metadata *meta;
        rd_kafka_resp_err_t failed;

        failed = rd_kafka_metadata(rk, 0, rkt, &meta, CALL_TIMEOUT_MS);
        if (failed)
            die("topic \"%s\": %s", topics[i], rd_kafka_err2str(failed));
        if (meta->topics[0].err || meta->topics[0].partition_cnt == 0)
            die("topic \"%s\": %s", topics[i], rd_kafka_err2str(meta->topics[0].err));
        for (int p = 0; p < meta->topics[0].partition_cnt; p++)
            rd_kafka_topic_partition_list_add(list, topics[i], meta->topics[0].partitions[p].id)
                ->offset = position;
        rd_kafka_metadata_destroy(meta);
        rd_kafka_topic_destroy(rkt);
    }
    return list;
}

static int
command_read(const struct options *opt, char **topics, int topic_count)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_CONSUMER);
    rd_kafka_topic_partition_list_t *list;
    int64_t deadline = opt->timeout_ms > 0 ? now_ms() + opt->timeout_ms : INT64_MAX;
    long printed = 0;
    int unfinished;
    bool *finished;

    list = partitions_of(rk, topics, topic_count,
                         opt->from_end ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING);
    unfinished = list->cnt;
    finished = xcalloc((size_t)list->cnt, sizeof(*finished));
    if (rd_kafka_assign(rk, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("could not assign the partitions");
    while (!stopped && (opt->follow || unfinished > 0) && now_ms() < deadline) {
        rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, 100);

        if (msg == NULL)
            continue;
        if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            for (int i = 0; i < list->cnt; i++) {
                if (list->elems[i].partition == msg->partition && !finished[i] &&
                    strcmp(list->elems[i].topic, rd_kafka_topic_name(msg->rkt)) == 0) {
                    finished[i] = true;
                    unfinished--;
                }
            }
            fflush(stdout);
        } else if (msg->err) {
            /* the broker may come back while we follow */
            if (!opt->follow)
                die("%s", rd_kafka_message_errstr(msg));
        } else {
            print_message(msg, opt->format);
            if (++printed == opt->count)
                stopped = 1;
        }
        rd_kafka_message_destroy(msg);
    }
    fflush(stdout);
    rd_kafka_topic_partition_list_destroy(list);
    free(finished);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    if (opt->count > 0 && printed < opt->count)
        die("%ld of %ld records within the time", printed, opt->count);
    return 0;
}

/* Partitions of topics that the pattern is found in and that are not in known yet: added to it, and read from their
   beginning. */
static void
watch_new_topics(rd_kafka_t *rk, const regex_t *pattern, rd_kafka_topic_partition_list_t *known)
{
    rd_kafka_topic_partition_list_t *fresh = rd_kafka_topic_partition_list_new(16);
    const struct rd_kafka_metadata *meta;
    rd_kafka_resp_err_t failed = rd_kafka_metadata(rk, 1, NULL, &meta, CALL_TIMEOUT_MS);
    rd_kafka_error_t *error;

    if (failed)
        die("could not list the topics: %s", rd_kafka_err2str(failed));
    for (int t = 0; t < meta->topic_cnt; t++) {
        const rd_kafka_metadata_topic_t *topic = &meta->topics[t];

        if (topic->err || regexec(pattern, topic->topic, 0, NULL, 0) != 0)
            continue;
        for (int p = 0; p < topic->partition_cnt; p++) {
            int32_t id = topic->partitions[p].id;

            if (rd_kafka_topic_partition_list_find(known, topic->topic, id) != NULL)
                continue;
            rd_kafka_topic_partition_list_add(known, topic->topic, id);
            rd_kafka_topic_partition_list_add(fresh, topic->topic, id)->offset = RD_KAFKA_OFFSET_BEGINNING;
        }
    }
    rd_kafka_metadata_destroy(meta);
    error = fresh->cnt > 0 ? rd_kafka_incremental_assign(rk, fresh) : NULL;
    if (error != NULL)
        die("could not assign the partitions: %s", rd_kafka_error_string(error));
    rd_kafka_topic_partition_list_destroy(fresh);
}

/* Until it is ended; a line is printed as soon as its record is there. */
static int
command_watch(const struct options *opt, const char *text)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_CONSUMER);
    rd_kafka_topic_partition_list_t *known = rd_kafka_topic_partition_list_new(64);
    int64_t refresh_ms = 0;
    regex_t pattern;

    if (regcomp(&pattern, text, REG_EXTENDED | REG_NOSUB) != 0)
        die("\"%s\" is no regular expression", text);
    while (!stopped) {
        rd_kafka_message_t *msg;

        if (now_ms() >= refresh_ms) {
            watch_new_topics(rk, &pattern, known);
            refresh_ms = now_ms() + WATCH_REFRESH_MS;
        }
        msg = rd_kafka_consumer_poll(rk, 20);
        if (msg == NULL || msg->err)
            fflush(stdout);
        else
            print_message(msg, opt->format);
        if (msg != NULL)
            rd_kafka_message_destroy(msg);
    }
    regfree(&pattern);
    rd_kafka_topic_partition_list_destroy(known);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}

// A partition that was made a moment ago is in the metadata before its leader knows of it.
static rd_kafka_resp_err_t
query_ends(rd_kafka_t *rk, const char *topic, int partition, int64_t *low, int64_t *high)
{
    rd_kafka_resp_err_t failed;

    for (int tries = 0; tries < 100; tries++) {
        failed = rd_kafka_query_watermark_offsets(rk, topic, partition, low, high, CALL_TIMEOUT_MS);
        if (failed != RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION &&
            failed != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE)
            break;
        usleep(50000);
    }
    return failed;
}

/* The sum of (end - beginning) over the partitions, one line a topic; a missing topic has none. */
static int
command_ends(const struct options *opt, char **topics, int topic_count)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_CONSUMER);
    const struct rd_kafka_metadata *meta;
    rd_kafka_resp_err_t failed = rd_kafka_metadata(rk, 1, NULL, &meta, CALL_TIMEOUT_MS);

    if (failed)
        die("%s: %s", opt->servers, rd_kafka_err2str(failed));
    for (int i = 0; i < topic_count; i++) {
        long long sum = 0;

        for (int t = 0; t < meta->topic_cnt; t++) {
            if (strcmp(meta->topics[t].topic, topics[i]) != 0)
                continue;
            for (int p = 0; p < meta->topics[t].partition_cnt; p++) {
                int64_t low = 0, high = 0;

                failed = query_ends(rk, topics[i], p, &low, &high);
                if (failed)
                    die("topic \"%s\": %s", topics[i], rd_kafka_err2str(failed));
                sum += high - low;
            }
        }
        printf("%s %lld\n", topics[i], sum);
    }
    rd_kafka_metadata_destroy(meta);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return 0;
}

/* One line a topic: name and number of partitions. */
static int
command_list(const struct options *opt)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_PRODUCER);
    const struct rd_kafka_metadata *meta;
    rd_kafka_resp_err_t failed = rd_kafka_metadata(rk, 1, NULL, &meta, CALL_TIMEOUT_MS);

    if (failed)
        die("%s: %s", opt->servers, rd_kafka_err2str(failed));
    for (int t = 0; t < meta->topic_cnt; t++)
        printf("%s %d\n", meta->topics[t].topic, meta->topics[t].partition_cnt);
    rd_kafka_metadata_destroy(meta);
    rd_kafka_destroy(rk);
    return 0;
}

/* ---- writing */

static void
produce_line(rd_kafka_t *rk, const char *topic, char *line)
{
    char *tab = strchr(line, '\t');
    char *key = tab != NULL ? line : NULL;
    char *value = tab != NULL ? tab + 1 : line;
    size_t key_size = tab != NULL ? (size_t)(tab - line) : 0;
    size_t value_size = strlen(value);
    rd_kafka_resp_err_t failed;

    if (strcmp(value, "\\N") == 0) {
        value = NULL;
        value_size = 0;
    }
    do {
        failed = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, key_size),
                                   RD_KAFKA_V_VALUE(value, value_size),
                                   RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        rd_kafka_poll(rk, failed == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
    } while (failed == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    if (failed)
        die("topic \"%s\": %s", topic, rd_kafka_err2str(failed));
}

/* Standard input, a record a line: VALUE or KEY<tab>VALUE; the value \N is null. Without a topic the line
 * begins with it: TOPIC<tab>KEY<tab>VALUE. */
static int
command_write(const struct options *opt, const char *topic)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_PRODUCER);
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    while ((len = getline(&line, &room, stdin)) > 0) {
        char *tab = strchr(line, '\t');

        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        if (topic != NULL) {
            produce_line(rk, topic, line);
        } else if (tab != NULL) {
            *tab = '\0';
            produce_line(rk, line, tab + 1);
        } else {
            die("a line to load needs TOPIC<tab>KEY<tab>VALUE");
        }
    }
    if (rd_kafka_flush(rk, CALL_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("not all records were delivered in time");
    free(line);
    rd_kafka_destroy(rk);
    return 0;
}

/* ---- topics */

/* Wait for the one result of an admin call. */
static rd_kafka_event_t *
admin_wait(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, CALL_TIMEOUT_MS);

    if (event == NULL)
        die("the broker did not answer in time");
    if (rd_kafka_event_error(event))
        die("%s", rd_kafka_event_error_string(event));
    return event;
}

static void
check_topic_result(const rd_kafka_topic_result_t *result)
{
    if (rd_kafka_topic_result_error(result))
        die("topic \"%s\": %s", rd_kafka_topic_result_name(result),
            rd_kafka_topic_result_error_string(result));
}

static int
command_create(const struct options *opt, const char *topic)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_NewTopic_t *new_topic;
    rd_kafka_event_t *event;
    size_t count;
    char text[256];

    new_topic = rd_kafka_NewTopic_new(topic, opt->partitions, 1, text, sizeof(text));
    if (new_topic == NULL)
        die("%s", text);
    for (size_t i = 0; i < opt->config_count; i++) {
        char *name = strdup(opt->configs[i]);
        char *value = name != NULL ? strchr(name, '=') : NULL;

        if (value == NULL)
            die("--config needs NAME=VALUE");
        *value++ = '\0';
        rd_kafka_NewTopic_set_config(new_topic, name, value);
        free(name);
    }
    rd_kafka_CreateTopics(rk, &new_topic, 1, NULL, queue);
    event = admin_wait(queue);
    check_topic_result(
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)[0]);
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(new_topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

static int
command_delete(const struct options *opt, char **topics, int topic_count)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopic_t **old = xcalloc((size_t)topic_count, sizeof(*old));
    const rd_kafka_topic_result_t **results;
    rd_kafka_event_t *event;
    size_t count;

    for (int i = 0; i < topic_count; i++)
        old[i] = rd_kafka_DeleteTopic_new(topics[i]);
    rd_kafka_DeleteTopics(rk, old, (size_t)topic_count, NULL, queue);
    event = admin_wait(queue);
    results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count);
    for (size_t i = 0; i < count; i++)
        check_topic_result(results[i]);
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteTopic_destroy_array(old, (size_t)topic_count);
    free(old);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

/* The topic has --partitions of them, more than before. */
static int
command_empty(const struct options *opt, char **topics, int topic_count)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_topic_partition_list_t *before = partitions_of(rk, topics, topic_count, RD_KAFKA_OFFSET_END);
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(before);
    const rd_kafka_topic_partition_list_t *results;
    rd_kafka_event_t *event;

    rd_kafka_DeleteRecords(rk, &request, 1, NULL, queue);
    event = admin_wait(queue);
    results = rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event));
    for (int i = 0; i < results->cnt; i++)
        if (results->elems[i].err)
            die("topic \"%s\": %s", results->elems[i].topic, rd_kafka_err2str(results->elems[i].err));
    rd_kafka_event_destroy(event);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(before);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

static int
command_grow(const struct options *opt, const char *topic)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    char text[512];
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(topic, (size_t)opt->partitions, text, sizeof(text));
    const rd_kafka_topic_result_t **results;
    rd_kafka_event_t *event;
    size_t count;

    if (more == NULL)
        die("topic \"%s\": %s", topic, text);
    rd_kafka_CreatePartitions(rk, &more, 1, NULL, queue);
    event = admin_wait(queue);
    results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event),
                                                      &count);
    for (size_t i = 0; i < count; i++)
        check_topic_result(results[i]);
    rd_kafka_event_destroy(event);
    rd_kafka_NewPartitions_destroy(more);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

/* As any producer does that begins with this transactional id. */
static int
command_fence(struct options *opt, const char *transactional_id)
{
    rd_kafka_error_t *error;
    rd_kafka_t *rk;

    opt->transactional_id = transactional_id;
    rk = client_new(opt, RD_KAFKA_PRODUCER);
    error = rd_kafka_init_transactions(rk, CALL_TIMEOUT_MS);
    if (error != NULL)
        die("transactional id \"%s\": %s", transactional_id, rd_kafka_error_string(error));
    rd_kafka_destroy(rk);
    return 0;
}

/* The topics have the settings given, and no others of their own. */
static int
command_alter(const struct options *opt, char **topics, int topic_count)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t **resources = xcalloc((size_t)topic_count, sizeof(rd_kafka_ConfigResource_t *));
    const rd_kafka_ConfigResource_t **results;
    rd_kafka_event_t *event;
    size_t count;

    for (int i = 0; i < topic_count; i++) {
        resources[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]);
        for (size_t c = 0; c < opt->config_count; c++) {
            char *name = strdup(opt->configs[c]);
            char *value = name != NULL ? strchr(name, '=') : NULL;

            if (value == NULL)
                die("--config needs NAME=VALUE");
            *value++ = '\0';
            rd_kafka_ConfigResource_set_config(resources[i], name, value);
            free(name);
        }
    }
    rd_kafka_AlterConfigs(rk, resources, (size_t)topic_count, NULL, queue);
    event = admin_wait(queue);
    results = rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(event), &count);
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_ConfigResource_error(results[i]))
            die("topic \"%s\": %s", rd_kafka_ConfigResource_name(results[i]),
                rd_kafka_ConfigResource_error_string(results[i]));
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy_array(resources, (size_t)topic_count);
    free(resources);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

/* The settings of a topic that are not the broker's, as NAME=VALUE lines. */
static int
command_settings(const struct options *opt, const char *topic)
{
    rd_kafka_t *rk = client_new(opt, RD_KAFKA_PRODUCER);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    const rd_kafka_ConfigResource_t **results;
    const rd_kafka_ConfigEntry_t **entries;
    rd_kafka_event_t *event;
    size_t count;

    rd_kafka_DescribeConfigs(rk, &resource, 1, NULL, queue);
    event = admin_wait(queue);
    results = rd_kafka_DescribeConfigs_result_resources(
        rd_kafka_event_DescribeConfigs_result(event), &count);
    if (rd_kafka_ConfigResource_error(results[0]))
        die("topic \"%s\": %s", topic, rd_kafka_ConfigResource_error_string(results[0]));
    entries = rd_kafka_ConfigResource_configs(results[0], &count);
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG)
            printf("%s=%s\n", rd_kafka_ConfigEntry_name(entries[i]),
                   rd_kafka_ConfigEntry_value(entries[i]));
    rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return 0;
}

/* ---- command line */

static const char usage[] =
    "kafka_dump [OPTIONS] COMMAND ...\n"
    "\n"
    "  read TOPIC...      print the records, each partition in order, up to the present end\n"
    "  watch PATTERN      print the records of every topic, also of new ones, that the (POSIX extended)\n"
    "                     pattern is found in, as they come, until the program is ended\n"
    "  ends TOPIC...      print \"TOPIC COUNT\", how many offsets are between beginning and end\n"
    "  write TOPIC        write a record for each line of standard input: VALUE or KEY<tab>VALUE;\n"
    "                     the value \\N is null\n"
    "  load               write a record for each line of standard input: TOPIC<tab>KEY<tab>VALUE\n"
    "  list               print \"TOPIC PARTITIONS\"\n"
    "  create TOPIC       make a topic\n"
    "  grow TOPIC         give a topic more partitions, --partitions in all\n"
    "  delete TOPIC...    delete topics\n"
    "  fence ID           take a transactional id from whoever has it\n"
    "  empty TOPIC...     delete all records of topics\n"
    "  settings TOPIC     print the settings that the topic has of its own\n"
    "  alter TOPIC...     give topics the settings of --config, and take all others of their own\n"
    "\n"
    "  -b, --servers HOST:PORT,...  brokers (default: KAFKA_BOOTSTRAP_SERVERS or 127.0.0.1:9092)\n"
    "  -f, --follow                 read: go on at the end and wait for more\n"
    "  -e, --from-end               read: start at the end instead of the beginning\n"
    "  -n, --count N                read: stop after N records; fewer in the time is a failure\n"
    "  -t, --timeout SECONDS        read: stop after that time\n"
    "  -u, --uncommitted            read: also what open and aborted transactions wrote\n"
    "  -o, --format json|value|key-value   read: what a line shows (default json)\n"
    "  -p, --partitions N           create: how many (default 1)\n"
    "  -c, --config NAME=VALUE      create, alter: a setting of the topic; may be repeated\n"
    "  -h, --help                   print this\n";

static long
parse_number(const char *option, const char *text, long max)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < 0 || number > max)
        die("%s must be a whole number up to %ld, not \"%s\"", option, max, text);
    return number;
}

static enum format
parse_format(const char *text)
{
    if (strcmp(text, "json") == 0)
        return FORMAT_JSON;
    if (strcmp(text, "value") == 0)
        return FORMAT_VALUE;
    if (strcmp(text, "key-value") == 0)
        return FORMAT_KEY_VALUE;
    die("--format must be json, value or key-value, not \"%s\"", text);
}

static void
parse_options(int argc, char **argv, struct options *opt)
{
    static const struct option long_options[] = {
        { "servers", required_argument, NULL, 'b' },
        { "follow", no_argument, NULL, 'f' },
        { "from-end", no_argument, NULL, 'e' },
        { "count", required_argument, NULL, 'n' },
        { "timeout", required_argument, NULL, 't' },
        { "uncommitted", no_argument, NULL, 'u' },
        { "format", required_argument, NULL, 'o' },
        { "partitions", required_argument, NULL, 'p' },
        { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { 0 },
    };
    int c;

    opt->configs = xcalloc((size_t)argc, sizeof(*opt->configs));
    while ((c = getopt_long(argc, argv, "b:fen:t:uo:p:c:h", long_options, NULL)) != -1) {
        switch (c) {
        case 'b':
            opt->servers = optarg;
            break;
        case 'f':
            opt->follow = true;
            break;
        case 'e':
            opt->from_end = true;
            break;
        case 'n':
            opt->count = parse_number("--count", optarg, 1000000000);
            break;
        case 't':
            opt->timeout_ms = parse_number("--timeout", optarg, 1000000) * 1000;
            break;
        case 'u':
            opt->uncommitted = true;
            break;
        case 'o':
            opt->format = parse_format(optarg);
            break;
        case 'p':
            opt->partitions = (int)parse_number("--partitions", optarg, 10000);
            break;
        case 'c':
            opt->configs[opt->config_count++] = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            exit(2);
        }
    }
}

int
main(int argc, char **argv)
{
    struct options opt = { .group = "kafka_dump", .partitions = 1 };
    struct sigaction action = { .sa_handler = on_signal };
    const char *command;
    int rest;
    int rc;

    opt.servers = getenv("KAFKA_BOOTSTRAP_SERVERS");
    if (opt.servers == NULL)
        opt.servers = "127.0.0.1:9092";
    parse_options(argc, argv, &opt);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    command = optind < argc ? argv[optind++] : "";
    rest = argc - optind;
    if (strcmp(command, "list") == 0 && rest == 0)
        rc = command_list(&opt);
    else if (strcmp(command, "read") == 0 && rest > 0)
        rc = command_read(&opt, argv + optind, rest);
    else if (strcmp(command, "watch") == 0 && rest == 1)
        rc = command_watch(&opt, argv[optind]);
    else if (strcmp(command, "ends") == 0 && rest > 0)
        rc = command_ends(&opt, argv + optind, rest);
    else if (strcmp(command, "write") == 0 && rest == 1)
        rc = command_write(&opt, argv[optind]);
    else if (strcmp(command, "load") == 0 && rest == 0)
        rc = command_write(&opt, NULL);
    else if (strcmp(command, "create") == 0 && rest == 1)
        rc = command_create(&opt, argv[optind]);
    else if (strcmp(command, "grow") == 0 && rest == 1)
        rc = command_grow(&opt, argv[optind]);
    else if (strcmp(command, "delete") == 0 && rest > 0)
        rc = command_delete(&opt, argv + optind, rest);
    else if (strcmp(command, "fence") == 0 && rest == 1)
        rc = command_fence(&opt, argv[optind]);
    else if (strcmp(command, "empty") == 0 && rest > 0)
        rc = command_empty(&opt, argv + optind, rest);
    else if (strcmp(command, "alter") == 0 && rest > 0)
        rc = command_alter(&opt, argv + optind, rest);
    else if (strcmp(command, "settings") == 0 && rest == 1)
        rc = command_settings(&opt, argv[optind]);
    else
        die("unknown command or wrong number of topics (see --help)");
    free(opt.configs);
    return rc;
}
