/* SPDX-License-Identifier: Apache-2.0 */
/* Signals from REST, from a Kafka topic and from a file. */
#include "connectors/postgres/signal_channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/kafka/consumer.h"
#include "common/log.h"
#include "common/uuid.h"
#include "data/json.h"

#define FILE_MAX        ((size_t)1 << 20)
#define MESSAGES        64
#define WAITING_MAX     64
#define CONSUMER_PREFIX "signal.consumer."

void
signal_channels_check(const struct cv_config *cfg, struct cv_config_errors *errors)
{
    struct cv_config *layer = cv_config_with_prefix(cfg, CONSUMER_PREFIX);
    struct cv_config_errors refused = { 0 };
    struct cv_err first;

    if (layer != NULL && cv_kafka_check(CV_KAFKA_CONSUMER, layer, &refused, &first) != CV_OK)
        for (size_t i = 0; i < refused.count; i++) {
            char key[160];

            snprintf(key, sizeof(key), CONSUMER_PREFIX "%s", refused.items[i].key);
            cv_config_errors_add(errors, key, "The '%s' value is invalid: %s", key, refused.items[i].text);
        }
    cv_config_errors_done(&refused);
    cv_config_free(layer);
}

struct signal_channels {
    const struct pg_config *config;
    struct cv_log *log;
    struct cv_consumer *consumer; /* NULL: the channel is off */
    struct cv_config *layer;
    char *waiting[WAITING_MAX]; /* from REST, in order */
    size_t n_waiting;
    int64_t due_ms;
    struct cv_log_limit failure_limit;
};

/* The worker's own Kafka is not known here: where it is stands in signal.kafka.bootstrap.servers. */
static enum cv_rc
make_layer(struct signal_channels *ch, struct cv_err *err)
{
    ch->layer = cv_config_with_prefix(ch->config->all, CONSUMER_PREFIX);
    if (ch->layer == NULL)
        return cv_fail_memory(err);
    return cv_config_set(ch->layer, "bootstrap.servers", ch->config->signal_kafka_bootstrap_servers, err);
}

static enum cv_rc
open_topic(struct signal_channels *ch, struct cv_err *err)
{
    struct cv_kafka_conf conf = { .role = CV_KAFKA_CONSUMER, .client_id = "culvert-signals", .log = ch->log };
    const char *topics[1] = { ch->config->signal_kafka_topic };

    if (ch->config->signal_kafka_bootstrap_servers == NULL)
        return cv_fail(err, CV_INVALID, "signal.enabled.channels has kafka, but signal.kafka.bootstrap.servers is not "
                                        "set");
    if (make_layer(ch, err) != CV_OK)
        return err->rc;
    conf.layers[conf.n_layers++] = ch->layer;
    if (cv_consumer_new(&conf, ch->config->signal_kafka_group, NULL, &ch->consumer, err) != CV_OK)
        return cv_err_context(err, "signals from Kafka");
    return cv_consumer_subscribe(ch->consumer, topics, 1, err);
}

enum cv_rc
signal_channels_new(const struct pg_config *config, struct cv_log *log, struct signal_channels **ret,
                    struct cv_err *err)
{
    struct signal_channels *ch;

    ch = calloc(1, sizeof(*ch));
    if (ch == NULL)
        return cv_fail_memory(err);
    ch->config = config;
    ch->log = log;
    if ((config->signal_channels & PG_SIGNAL_KAFKA) != 0 && open_topic(ch, err) != CV_OK) {
        signal_channels_free(ch);
        return err->rc;
    }
    *ret = ch;
    return CV_OK;
}

void
signal_channels_free(struct signal_channels *ch)
{
    if (ch == NULL)
        return;
    if (ch->n_waiting > 0)
        CV_LOG_WARN(ch->log, "signals that came by REST were not acted upon", CV_INT("signals", ch->n_waiting));
    while (ch->n_waiting > 0)
        free(ch->waiting[--ch->n_waiting]);
    cv_consumer_free(ch->consumer);
    cv_config_free(ch->layer);
    free(ch);
}

/* ---- one signal ---- */

static struct cv_bytes
text_member(const struct cv_value *map, const char *key)
{
    const struct cv_value *val = cv_map_get(map, key);

    if (val == NULL || val->is_null || val->type != CV_STRING)
        return (struct cv_bytes){ 0 };
    return val->bytes;
}

/* "data" is an object, or a text that holds one. */
static struct cv_bytes
data_member(const struct cv_value *map, struct cv_buf *json)
{
    const struct cv_value *val = cv_map_get(map, "data");

    if (val == NULL || val->is_null || val->type == CV_STRING)
        return text_member(map, "data");
    cv_connect_json_write(json, val);
    return (struct cv_bytes){ cv_buf_cstr(json), json->len };
}

static enum cv_rc
read_signal(struct cv_bytes text, struct cv_arena *arena, struct cv_buf *json, struct signal *ret, struct cv_err *err)
{
    struct cv_value map;

    if (cv_connect_json_read(text.data, text.len, arena, &map, err) != CV_OK)
        return err->rc;
    if (map.is_null || map.type != CV_MAP)
        return cv_fail(err, CV_INVALID, "a signal is no JSON object");
    if (text_member(&map, "id").data == NULL || text_member(&map, "type").data == NULL)
        return cv_fail(err, CV_INVALID, "a signal has no \"id\" or no \"type\"");
    return signal_read(text_member(&map, "id"), text_member(&map, "type"), data_member(&map, json), arena, ret, err);
}

static enum cv_rc
handle(struct signal_channels *ch, const char *channel, struct cv_bytes text, signal_act *act, void *arg,
       struct cv_err *err)
{
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_buf json = CV_BUF_INIT(FILE_MAX);
    struct signal signal;
    enum cv_rc rc = arena == NULL ? cv_fail_memory(err) : read_signal(text, arena, &json, &signal, err);

    if (rc == CV_INVALID) {
        CV_LOG_WARN(ch->log, "a signal cannot be read and is ignored", CV_STR("channel", channel), CV_ERR(err));
        rc = CV_OK;
    } else if (rc == CV_OK) {
        CV_LOG_INFO(ch->log, "signal received", CV_STR("channel", channel), CV_STR("signal", signal.id),
                    CV_STR("type", signal.type));
        rc = act(arg, &signal, err);
    }
    cv_buf_free(&json);
    cv_arena_free(arena);
    return rc;
}

/* ---- REST ---- */

/* The signal as text, with an id in any case. */
static enum cv_rc
write_signal(const struct cv_value *signal, struct cv_buf *text, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_value *copy = cv_value_copy(arena, signal);
    const struct cv_value *id = cv_map_get(signal, "id");
    char *made = cv_arena_zalloc(arena, CV_UUID_TEXT);

    if (copy == NULL || made == NULL)
        return cv_fail_memory(err);
    if (id == NULL || id->is_null) {
        if (cv_uuid_random(made, err) != CV_OK || cv_map_put(arena, copy, "id", cv_cstring(made), err) != CV_OK)
            return err->rc;
    }
    cv_connect_json_write(text, copy);
    return cv_buf_check(text, err);
}

static enum cv_rc
check_signal(const struct signal *signal, struct cv_err *err)
{
    if (signal->kind == SIGNAL_OTHER || signal->kind == SIGNAL_WINDOW_OPEN || signal->kind == SIGNAL_WINDOW_CLOSE)
        return cv_fail(err, CV_INVALID,
                       "\"%s\" is no type of signal: it is execute-snapshot, stop-snapshot, pause-snapshot, "
                       "resume-snapshot or log",
                       signal->type);
    return CV_OK;
}

enum cv_rc
signal_channels_put(struct signal_channels *ch, const struct cv_value *json, struct cv_arena *arena,
                    struct cv_value *ret, struct cv_err *err)
{
    struct cv_buf text = CV_BUF_INIT(FILE_MAX), data = CV_BUF_INIT(FILE_MAX);
    struct cv_value *answer = cv_map_new(arena, 2);
    struct signal signal;
    enum cv_rc rc = answer == NULL ? cv_fail_memory(err) : write_signal(json, &text, arena, err);

    if (rc == CV_OK)
        rc = read_signal((struct cv_bytes){ cv_buf_cstr(&text), text.len }, arena, &data, &signal, err);
    if (rc == CV_OK)
        rc = check_signal(&signal, err);
    if (rc == CV_OK && ch->n_waiting == WAITING_MAX)
        rc = cv_fail(err, CV_CONFLICT, "%d signals wait already", WAITING_MAX);
    if (rc == CV_OK)
        rc = cv_map_put(arena, answer, "id", cv_cstring(signal.id), err);
    if (rc == CV_OK)
        rc = cv_map_put(arena, answer, "type", cv_cstring(signal.type), err);
    if (rc == CV_OK) {
        ch->waiting[ch->n_waiting++] = cv_buf_take(&text);
        *ret = *answer;
    }
    cv_buf_free(&data);
    cv_buf_free(&text);
    return rc;
}

static enum cv_rc
poll_waiting(struct signal_channels *ch, signal_act *act, void *arg, struct cv_err *err)
{
    while (ch->n_waiting > 0) {
        char *text = ch->waiting[0];
        enum cv_rc rc;

        rc = handle(ch, "rest", (struct cv_bytes){ text, strlen(text) }, act, arg, err);
        if (rc != CV_OK)
            return rc; /* it comes again with the next connection */
        memmove(ch->waiting, ch->waiting + 1, --ch->n_waiting * sizeof(*ch->waiting));
        free(text);
    }
    return CV_OK;
}

/* ---- the channels ---- */

static bool
is_for_us(const struct signal_channels *ch, const struct cv_bytes *key)
{
    const char *prefix = ch->config->topic_prefix;

    return key->data != NULL && key->len == strlen(prefix) && memcmp(key->data, prefix, key->len) == 0;
}

static enum cv_rc
poll_topic(struct signal_channels *ch, signal_act *act, void *arg, struct cv_err *err)
{
    struct cv_consumed msgs[MESSAGES];
    uint64_t suppressed;
    size_t count = 0;
    enum cv_rc rc = cv_consumer_poll(ch->consumer, msgs, MESSAGES, 0, &count, err);

    if (rc != CV_OK) {
        if (cv_log_limit(&ch->failure_limit, 60000, &suppressed))
            CV_LOG_WARN(ch->log, "signals could not be read from Kafka", CV_ERR(err), CV_INT("suppressed", suppressed));
        return CV_OK;
    }
    for (size_t i = 0; rc == CV_OK && i < count; i++) {
        struct cv_topic_partition next = { .topic = msgs[i].topic, .partition = msgs[i].partition,
                                           .offset = msgs[i].offset + 1 };

        if (msgs[i].eof)
            continue;
        if (is_for_us(ch, &msgs[i].key) && msgs[i].value.data != NULL)
            rc = handle(ch, "kafka", msgs[i].value, act, arg, err);
        if (rc == CV_OK && cv_consumer_commit(ch->consumer, &(struct cv_topic_partitions){ &next, 1 }, 0, err) != CV_OK)
            CV_LOG_WARN(ch->log, "a signal's offset could not be stored", CV_ERR(err));
    }
    cv_consumed_free(msgs, count);
    return rc;
}

static enum cv_rc
handle_lines(struct signal_channels *ch, char *text, signal_act *act, void *arg, struct cv_err *err)
{
    enum cv_rc rc = CV_OK;
    char *rest = text, *line;

    while (rc == CV_OK && (line = strsep(&rest, "\n")) != NULL)
        if (strspn(line, " \t\r") < strlen(line))
            rc = handle(ch, "file", (struct cv_bytes){ line, strlen(line) }, act, arg, err);
    return rc;
}

/* The lines are taken out under a lock, so that one that is being appended is not lost. */
static enum cv_rc
poll_file(struct signal_channels *ch, signal_act *act, void *arg, struct cv_err *err)
{
    FILE *file = fopen(ch->config->signal_file, "r+");
    char *text;
    size_t len;
    enum cv_rc rc = CV_OK;

    if (file == NULL)
        return CV_OK; /* there are no signals yet */
    text = calloc(1, FILE_MAX + 1);
    if (text == NULL || flock(fileno(file), LOCK_EX) != 0) {
        free(text);
        fclose(file);
        return cv_fail_memory(err);
    }
    len = fread(text, 1, FILE_MAX, file);
    if (len > 0 && ftruncate(fileno(file), 0) != 0) {
        CV_LOG_WARN(ch->log, "signals stay in their file, which cannot be cut", CV_STR("file", ch->config->signal_file),
                    CV_STR("error", strerror(errno)));
        len = 0;
    }
    fclose(file);
    text[len] = '\0';
    rc = handle_lines(ch, text, act, arg, err);
    free(text);
    return rc;
}

enum cv_rc
signal_channels_poll(struct signal_channels *ch, signal_act *act, void *arg, struct cv_err *err)
{
    if (poll_waiting(ch, act, arg, err) != CV_OK)
        return err->rc;
    if (cv_mono_ms() < ch->due_ms)
        return CV_OK;
    ch->due_ms = cv_mono_ms() + ch->config->signal_poll_interval_ms;
    if (ch->consumer != NULL && poll_topic(ch, act, arg, err) != CV_OK)
        return err->rc;
    if ((ch->config->signal_channels & PG_SIGNAL_FILE) != 0)
        return poll_file(ch, act, arg, err);
    return CV_OK;
}
