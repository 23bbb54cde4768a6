/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FileStreamSource: every line of a file becomes a record, and so does every line that is appended later.
 *
 * This is the example for authors of source connectors. It has, from the top: the options, one row each; the task,
 * a struct with the base struct inside; the functions of struct cv_source_ops in the order in which the worker
 * calls them; and at the end the plugin itself. All functions of a task run on the task's own thread, except wake.
 *
 * A task that has read everything sleeps until inotify tells of the file, or of its folder while there is no file.
 *
 * The position is the byte behind the last line that was handed over. It is stored with the records (only once
 * they are in Kafka), and a new task goes on from there. A line without its end yet is not taken.
 *
 * Source: org.apache.kafka.connect.file.FileStreamSourceConnector and FileStreamSourceTask. Unlike those, positions
 * count bytes (not characters), lines that exceed batch.size are not held back until the file grows, and a file that
 * became shorter than the position is an error (there they would be read past without a word).
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"
#include "connectors/file/file.h"
#include "data/utf8_text.h"

#define READ_BYTES      (64 * 1024)
#define LINE_MAX_BYTES  (64 * 1024 * 1024) /* more is not a line of text but a mistake */
#define BATCH_MAX_BYTES (1024 * 1024)
#define WARN_EVERY_MS   10000
#define LOOK_EVERY_MS   1000 /* where nothing can be watched */
#define LOOK_ANYWAY_MS  5000 /* of what others write on another machine or through a mapping there is no news */

/* ---- options ---- */

struct file_source_config {
    char *file;
    char *topic;
    int32_t batch_size;
};

static const struct cv_config_def file_source_config_def[] = {
    { .name = "file",
      .type = CV_CONFIG_STRING,
      .importance = CV_HIGH,
      .doc = "The file to read. Without it, lines come from standard input and no position is kept.",
      .offset = offsetof(struct file_source_config, file) },
    { .name = "topic",
      .type = CV_CONFIG_STRING,
      .required = true,
      .check = cv_valid_non_empty,
      .importance = CV_HIGH,
      .doc = "The topic that the lines go to.",
      .offset = offsetof(struct file_source_config, topic) },
    { .name = "batch.size",
      .type = CV_CONFIG_INT,
      .def = "2000",
      .importance = CV_LOW,
      .doc = "How many lines the task takes from the file at most each time it is polled.",
      .offset = offsetof(struct file_source_config, batch_size) },
    CV_CONFIG_END
};

/* ---- the task ---- */

struct file_source {
    struct cv_source_task base;
    struct file_source_config config;
    int fd;       /* -1: not open yet */
    int wake_fd;  /* readable when wake was called */
    int watch_fd; /* readable when the watched file or folder changed; -1: not to be had */
    bool watched; /* the file, and not the folder that it is missing from */
    bool tracked; /* a file, not standard input: it has positions */

    /* What was read and not handed over yet: data[start..end); scanned bytes of it hold no line end. */
    char *data;
    size_t cap;
    size_t start;
    size_t end;
    size_t scanned;
    int64_t position; /* in the file, of data[start] */

    struct cv_log_limit missing_limit;
};

static struct file_source *
source_of(struct cv_source_task *base)
{
    return cv_container_of(base, struct file_source, base);
}

static bool
names_file(const char *file)
{
    return file != NULL && file[0] != '\0';
}

/* ---- connector half ---- */

/* One file, one reader: there is nothing to divide among more tasks. */
static enum cv_rc
source_task_configs(const struct cv_config *cfg, int max_tasks, struct cv_task_configs *ret,
                    struct cv_err *err)
{
    (void)max_tasks;
    return cv_task_configs_add(ret, cv_config_copy(cfg), err);
}

/* Positions of a file that only grows are exact; standard input has none. */
static bool
source_exactly_once(const struct cv_config *cfg)
{
    return names_file(cv_config_get(cfg, "file"));
}

/* A reset is always fine: what is stored may be wrong and must be possible to get rid of. */
static enum cv_rc
source_offset_alter(const struct cv_config *cfg, const struct cv_offset *offset, struct cv_err *err)
{
    const struct cv_value *position;

    if (!names_file(cv_config_get(cfg, "file")))
        return cv_fail(err, CV_INVALID, "Offsets cannot be modified if the 'file' configuration is unspecified. "
                                        "This is because stdin is used for input and offsets are not tracked.");
    if (offset == NULL || offset->offset == NULL || offset->offset->is_null)
        return CV_OK;
    position = cv_map_get(offset->offset, "position");
    if (position == NULL)
        return cv_fail(err, CV_INVALID,
                       "Offset objects should either be null or contain the key 'position'");
    if (position->is_null || position->type != CV_INT64)
        return cv_fail(err, CV_INVALID,
                       "The value for the 'position' key in the offset is expected to be a Long value");
    if (position->integer < 0)
        return cv_fail(err, CV_INVALID,
                       "The value for the 'position' key in the offset should be a non-negative value");
    if (offset->partition == NULL || offset->partition->is_null)
        return cv_fail(err, CV_INVALID, "Partition objects cannot be null");
    if (cv_map_get(offset->partition, "filename") == NULL)
        return cv_fail(err, CV_INVALID, "Partition objects should contain the key 'filename'");
    return CV_OK;
}

/* ---- news of the file ---- */

/* Whatever cannot be watched is looked at now and then. */
static void
watch(struct file_source *task, const char *path, uint32_t events)
{
    if (task->watch_fd >= 0)
        close(task->watch_fd);
    task->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (task->watch_fd >= 0 && inotify_add_watch(task->watch_fd, path, events) < 0) {
        close(task->watch_fd);
        task->watch_fd = -1;
    }
}

static void
watch_folder(struct file_source *task)
{
    const char *file = task->config.file, *slash = strrchr(file, '/');
    char *folder = slash == NULL ? strdup(".") : strndup(file, slash == file ? 1 : (size_t)(slash - file));

    if (folder != NULL)
        watch(task, folder, IN_CREATE | IN_MOVED_TO);
    free(folder);
}

/* The open file, whatever its name leads to by now. Writes in front of this are found by the next read. */
static void
watch_file(struct file_source *task)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", task->fd);
    watch(task, path, IN_MODIFY);
    task->watched = true;
}

/* What changed is found by looking. */
static void
take_news(struct file_source *task)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (read(task->watch_fd, events, sizeof(events)) > 0)
        ;
}

/* ---- start ---- */

static void
source_free(struct cv_source_task *base)
{
    struct file_source *task;

    if (base == NULL)
        return;
    task = source_of(base);
    if (task->fd > STDIN_FILENO)
        close(task->fd);
    if (task->wake_fd >= 0)
        close(task->wake_fd);
    if (task->watch_fd >= 0)
        close(task->watch_fd);
    free(task->data);
    cv_config_done(file_source_config_def, &task->config);
    free(task);
}

static enum cv_rc
source_start(struct cv_source_ctx *ctx, const struct cv_config *cfg, struct cv_source_task **ret,
             struct cv_err *err)
{
    struct cv_config_errors errors = { .items = NULL };
    struct file_source *task = calloc(1, sizeof(*task));
    enum cv_rc rc;

    if (task == NULL)
        return cv_fail_memory(err);
    task->base.ctx = ctx;
    task->fd = task->watch_fd = -1;
    task->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rc = task->wake_fd >= 0 ? cv_config_parse(file_source_config_def, cfg, &task->config, &errors, err)
                            : cv_fail_errno(err, CV_INTERNAL, errno, "could not create an eventfd");
    cv_config_errors_done(&errors);
    if (rc != CV_OK) {
        source_free(&task->base);
        return rc;
    }
    task->tracked = names_file(task->config.file);
    if (task->tracked)
        watch_folder(task);
    else
        task->fd = STDIN_FILENO;
    *ret = &task->base;
    return CV_OK;
}

/* ---- open ---- */

static struct cv_value *
source_partition(const struct file_source *task, struct cv_arena *arena, struct cv_err *err)
{
    struct cv_value *map = cv_map_new(arena, 1);
    struct cv_value name = cv_null(NULL);
    const char *copy;

    if (map != NULL && task->config.file != NULL) {
        copy = cv_arena_strdup(arena, task->config.file);
        if (copy == NULL)
            map = NULL;
        else
            name = cv_cstring(copy);
    }
    if (map == NULL) {
        cv_fail_memory(err);
        return NULL;
    }
    return cv_map_put(arena, map, "filename", name, err) == CV_OK ? map : NULL;
}

/* The stored position, 0 if there is none. */
static enum cv_rc
stored_position(struct file_source *task, int64_t *ret, struct cv_err *err)
{
    struct cv_source_ctx *ctx = task->base.ctx;
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_value *partition = NULL, *offset = NULL, *position = NULL;
    enum cv_rc rc = CV_OK;

    *ret = 0;
    if (arena == NULL)
        return cv_fail_memory(err);
    partition = source_partition(task, arena, err);
    rc = partition != NULL ? ctx->offset_read(ctx, partition, arena, &offset, err) : err->rc;
    if (rc == CV_OK && offset != NULL)
        position = cv_map_get(offset, "position");
    if (rc == CV_OK && position != NULL && !position->is_null) {
        if (position->type != CV_INT64 || position->integer < 0)
            rc = cv_fail(err, CV_INVALID,
                         "the stored offset of file \"%s\" has no valid position; reset the connector's offsets",
                         task->config.file);
        else
            *ret = position->integer;
    }
    cv_arena_free(arena);
    return rc;
}

/* A file that is shorter than what was read of it is another file: lines may be lost, so say so. */
static enum cv_rc
check_size(const struct file_source *task, int64_t at_least, struct cv_err *err)
{
    struct stat st;

    if (fstat(task->fd, &st) != 0)
        return cv_fail_errno(err, CV_INTERNAL, errno, "could not look at file \"%s\"", task->config.file);
    if (S_ISREG(st.st_mode) && st.st_size < at_least)
        return cv_fail(err, CV_INVALID,
                       "file \"%s\" has %lld bytes, but %lld were read before: it was truncated or replaced; "
                       "restore it, or reset the connector's offsets to read it from its start",
                       task->config.file, (long long)st.st_size, (long long)at_least);
    return CV_OK;
}

/* Open the file and go to the stored position. A missing file is waited for: then fd stays -1. */
static enum cv_rc
open_file(struct file_source *task, struct cv_err *err)
{
    struct cv_source_ctx *ctx = task->base.ctx;
    uint64_t suppressed;
    int fd;

    fd = open(task->config.file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        if (cv_log_limit(&task->missing_limit, WARN_EVERY_MS, &suppressed))
            CV_LOG_WARN(ctx->log, "file not found, waiting for it to be created",
                        CV_STR("file", task->config.file));
        return CV_OK;
    }
    if (fd < 0)
        return cv_fail_errno(err, CV_INVALID, errno, "could not open file \"%s\" for FileStreamSourceTask",
                             task->config.file);
    task->fd = fd;
    if (stored_position(task, &task->position, err) != CV_OK)
        return err->rc;
    if (check_size(task, task->position, err) != CV_OK)
        return err->rc;
    if (task->position > 0 && lseek(fd, task->position, SEEK_SET) < 0)
        return cv_fail_errno(err, CV_INVALID, errno, "cannot go to position %lld of \"%s\"",
                             (long long)task->position, task->config.file);
    CV_LOG_INFO(ctx->log, "file opened", CV_STR("file", task->config.file), CV_INT("position", task->position));
    return CV_OK;
}

/* ---- poll ---- */

/* Wait for wake, and for news of the file or of standard input if that is read. */
static void
wait_for_more(struct file_source *task, int timeout_ms, bool for_input)
{
    struct pollfd fds[2] = { { .fd = task->wake_fd, .events = POLLIN },
                             { .fd = !for_input ? -1 : task->tracked ? task->watch_fd : task->fd,
                               .events = POLLIN } };
    int longest_ms = task->watch_fd >= 0 ? LOOK_ANYWAY_MS : LOOK_EVERY_MS;
    uint64_t count;

    if (task->tracked && timeout_ms > longest_ms)
        timeout_ms = longest_ms;
    if (poll(fds, 2, timeout_ms) <= 0)
        return;
    if (fds[0].revents != 0 && read(task->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
        CV_LOG_DEBUG(task->base.ctx->log, "could not read the eventfd");
    if (fds[1].revents != 0 && task->tracked)
        take_news(task);
}

static bool
input_ready(const struct file_source *task)
{
    struct pollfd in = { .fd = task->fd, .events = POLLIN };

    return task->tracked || poll(&in, 1, 0) > 0;
}

/* Room for one more read behind data[end]. */
static enum cv_rc
make_room(struct file_source *task, struct cv_err *err)
{
    size_t pending = task->end - task->start;
    size_t cap = task->cap;
    char *grown;

    if (task->cap - task->end >= READ_BYTES)
        return CV_OK;
    if (task->start > 0) {
        memmove(task->data, task->data + task->start, pending);
        task->start = 0;
        task->end = pending;
    }
    while (cap - pending < READ_BYTES)
        cap = cap == 0 ? 2 * READ_BYTES : cap * 2;
    if (pending > LINE_MAX_BYTES)
        return cv_fail(err, CV_INVALID, "the line at position %lld of \"%s\" is longer than %d bytes",
                       (long long)task->position, task->tracked ? task->config.file : "standard input",
                       LINE_MAX_BYTES);
    if (cap == task->cap)
        return CV_OK;
    grown = realloc(task->data, cap);
    if (grown == NULL)
        return cv_fail_memory(err);
    task->data = grown;
    task->cap = cap;
    return CV_OK;
}

/* Read once. *ret_more false: there is nothing now. */
static enum cv_rc
read_more(struct file_source *task, bool *ret_more, struct cv_err *err)
{
    ssize_t n;

    *ret_more = false;
    if (!input_ready(task))
        return CV_OK;
    if (make_room(task, err) != CV_OK)
        return err->rc;
    n = read(task->fd, task->data + task->end, READ_BYTES);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return CV_OK;
    if (n < 0)
        return cv_fail_errno(err, CV_RETRY, errno, "could not read \"%s\"",
                             task->tracked ? task->config.file : "standard input");
    if (n == 0)
        return task->tracked ? check_size(task, task->position + (int64_t)(task->end - task->start), err) : CV_OK;
    task->end += (size_t)n;
    *ret_more = true;
    return CV_OK;
}

/*
 * The next whole line: *ret_len without and *ret_skip with its end, which is \n, \r\n or \r. A \r that is the last
 * byte so far may be half of an end: then there is no whole line yet.
 */
static bool
find_line(struct file_source *task, size_t *ret_len, size_t *ret_skip)
{
    size_t len = task->end - task->start;
    const char *line = len > 0 ? task->data + task->start : NULL;

    for (size_t i = task->scanned; i < len; i++) {
        if (line[i] != '\n' && line[i] != '\r')
            continue;
        if (line[i] == '\r' && i + 1 == len) {
            task->scanned = i;
            return false;
        }
        *ret_len = i;
        *ret_skip = line[i] == '\r' && line[i + 1] == '\n' ? i + 2 : i + 1;
        return true;
    }
    task->scanned = len;
    return false;
}

static enum cv_rc
add_line(struct file_source *task, struct cv_batch *batch, const char *topic, size_t len,
         struct cv_err *err)
{
    struct cv_record *rec = cv_batch_add_record(batch);
    struct cv_bytes text;

    if (rec == NULL)
        return cv_fail_memory(err);
    if (utf8_text(task->data + task->start, len, batch->arena, &text, err) != CV_OK)
        return err->rc;
    rec->topic = topic;
    rec->timestamp_ms = cv_now_ms();
    rec->value = cv_string(text.data, text.len);
    rec->value.schema = cv_schema_plain(CV_STRING, false);
    return CV_OK;
}

/* Say where the source stands behind the lines of this batch. */
static enum cv_rc
set_offset(struct file_source *task, struct cv_batch *batch, struct cv_err *err)
{
    struct cv_value *partition = source_partition(task, batch->arena, err);
    struct cv_value *offset;
    struct cv_value position = task->tracked ? cv_int(CV_INT64, task->position) : cv_null(NULL);

    if (partition == NULL)
        return err->rc;
    offset = cv_map_new(batch->arena, 1);
    if (offset == NULL)
        return cv_fail_memory(err);
    if (cv_map_put(batch->arena, offset, "position", position, err) != CV_OK)
        return err->rc;
    return cv_batch_set_offset(batch, partition, offset, err);
}

static enum cv_rc
take_lines(struct file_source *task, struct cv_batch *batch, size_t *ret_count, struct cv_err *err)
{
    size_t max = task->config.batch_size > 0 ? (size_t)task->config.batch_size : 1;
    const char *topic = cv_arena_strdup(batch->arena, task->config.topic);
    size_t len, skip, bytes = 0;
    bool more = true;

    *ret_count = 0;
    if (topic == NULL)
        return cv_fail_memory(err);
    while (*ret_count < max && bytes < BATCH_MAX_BYTES) {
        if (!find_line(task, &len, &skip)) {
            /* what is in the batch goes first; the problem will still be there at the next poll */
            if (read_more(task, &more, err) != CV_OK)
                return *ret_count > 0 ? CV_OK : err->rc;
            if (!more)
                return CV_OK;
            continue;
        }
        if (add_line(task, batch, topic, len, err) != CV_OK)
            return err->rc;
        task->start += skip;
        task->position += (int64_t)skip;
        task->scanned = 0;
        bytes += skip;
        (*ret_count)++;
    }
    return CV_OK;
}

static enum cv_rc
source_poll(struct cv_source_task *base, struct cv_batch *batch, int timeout_ms, struct cv_err *err)
{
    struct file_source *task = source_of(base);
    size_t count = 0;

    if (batch == NULL) { /* no more may be produced now */
        wait_for_more(task, timeout_ms, false);
        return CV_OK;
    }
    if (task->fd < 0 && open_file(task, err) != CV_OK)
        return err->rc;
    if (task->fd >= 0 && take_lines(task, batch, &count, err) != CV_OK)
        return err->rc;
    if (count > 0)
        return set_offset(task, batch, err);
    if (task->tracked && task->fd >= 0 && !task->watched) {
        watch_file(task); /* look once more: it may have grown before it was watched */
        return CV_OK;
    }
    wait_for_more(task, timeout_ms, true);
    return CV_OK;
}

static void
source_wake(struct cv_source_task *base)
{
    struct file_source *task = source_of(base);
    uint64_t one = 1;
    ssize_t n = write(task->wake_fd, &one, sizeof(one));

    (void)n; /* a full counter wakes as well */
}

/* ---- the plugin ---- */

static const struct cv_source_ops file_source_ops = {
    .task_configs = source_task_configs,
    .exactly_once = source_exactly_once,
    .offset_alter = source_offset_alter,
    .start = source_start,
    .poll = source_poll,
    .wake = source_wake,
    .free = source_free,
};

const struct cv_plugin file_source_plugin = {
    .api = CV_PLUGIN_API,
    .kind = CV_SOURCE,
    .name = "org.apache.kafka.connect.file.FileStreamSourceConnector",
    .task_class = "org.apache.kafka.connect.file.FileStreamSourceTask",
    .version = PACKAGE_VERSION,
    .config = file_source_config_def,
    .source = &file_source_ops,
};
