/* SPDX-License-Identifier: Apache-2.0 */
/* connectors/file: lines to records and records to lines, through the plugin interface as the worker calls it. */
#include "connectors/file/file.h"

#include "tests/helper/cmocka_all.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/log.h"

/* ---- a worker of the simplest kind ---- */

struct fixture {
    char dir[64];
    char path[80];
    struct cv_config *cfg;
    struct cv_source_ctx source_ctx;
    struct cv_sink_ctx sink_ctx;
    struct cv_arena *arena; /* of stored */
    struct cv_value *stored;
    struct cv_source_task *source;
    struct cv_sink_task *sink;
    struct cv_batch batch; /* of the last poll */
};

static struct fixture fix;

static enum cv_rc
read_stored(struct cv_source_ctx *ctx, const struct cv_value *partition, struct cv_arena *arena,
            struct cv_value **ret, struct cv_err *err)
{
    (void)ctx;
    (void)err;
    assert_string_equal(cv_map_get(partition, "filename")->bytes.data, fix.path);
    *ret = fix.stored != NULL ? cv_value_copy(arena, fix.stored) : NULL;
    return CV_OK;
}

static void
set_option(const char *key, const char *value)
{
    struct cv_err err = CV_ERR_INIT;

    assert_int_equal(cv_config_set(fix.cfg, key, value, &err), CV_OK);
}

static int
up(void **state)
{
    (void)state;
    fix = (struct fixture){ .dir = "/tmp/culvert-file-XXXXXX" };
    if (mkdtemp(fix.dir) == NULL)
        return -1;
    snprintf(fix.path, sizeof(fix.path), "%s/lines.txt", fix.dir);
    fix.cfg = cv_config_new();
    fix.arena = cv_arena_new(NULL);
    fix.source_ctx = (struct cv_source_ctx){ .connector = "lines",
                                             .log = cv_log_get("culvert.test"),
                                             .offset_read = read_stored };
    fix.sink_ctx = (struct cv_sink_ctx){ .connector = "copy", .log = cv_log_get("culvert.test") };
    set_option("file", fix.path);
    set_option("topic", "t");
    return 0;
}

static int
down(void **state)
{
    (void)state;
    file_source_plugin.source->free(fix.source);
    file_sink_plugin.sink->free(fix.sink);
    cv_arena_free(fix.batch.arena);
    cv_arena_free(fix.arena);
    cv_config_free(fix.cfg);
    unlink(fix.path);
    rmdir(fix.dir);
    return 0;
}

static void
append(const char *text, size_t len)
{
    FILE *file = fopen(fix.path, "a");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static void
append_text(const char *text)
{
    append(text, strlen(text));
}

static void
start_source(void)
{
    struct cv_err err = CV_ERR_INIT;

    if (file_source_plugin.source->start(&fix.source_ctx, fix.cfg, &fix.source, &err) != CV_OK)
        fail_msg("%s", err.text);
}

static void
stop_source(void)
{
    file_source_plugin.source->free(fix.source);
    fix.source = NULL;
}

static enum cv_rc
try_poll(struct cv_err *err)
{
    cv_arena_free(fix.batch.arena);
    fix.batch = (struct cv_batch){ .arena = cv_arena_new(NULL) };
    return file_source_plugin.source->poll(fix.source, &fix.batch, 0, err);
}

/* Poll, and store the offset as the worker does; expect these lines. */
static void
expect_lines(const char *const *lines, size_t count)
{
    struct cv_err err = CV_ERR_INIT;

    if (try_poll(&err) != CV_OK)
        fail_msg("%s", err.text);
    assert_int_equal(fix.batch.n_records, count);
    for (size_t i = 0; i < count; i++) {
        const struct cv_record *rec = &fix.batch.records[i];

        assert_string_equal(rec->topic, "t");
        assert_true(rec->key.is_null && rec->key.schema == NULL);
        assert_int_equal(rec->value.schema->type, CV_STRING);
        assert_string_equal(rec->value.bytes.data, lines[i]);
        assert_in_range(rec->timestamp_ms, cv_now_ms() - 60000, cv_now_ms());
    }
    assert_int_equal(fix.batch.n_offsets, count > 0);
    if (count > 0)
        fix.stored = cv_value_copy(fix.arena, fix.batch.offsets[0].offset);
}

#define EXPECT_LINES(...)                                                                                  \
    expect_lines((const char *const[]){ __VA_ARGS__ }, CV_COUNT(((const char *const[]){ __VA_ARGS__ })))
#define EXPECT_NOTHING() expect_lines(NULL, 0)

static int64_t
stored_position(void)
{
    return cv_map_get(fix.stored, "position")->integer;
}

/* ---- source ---- */

static void
lines_become_records_and_the_position_is_behind_them(void **state)
{
    (void)state;
    append_text("one\ntwo\n");
    start_source();
    EXPECT_LINES("one", "two");
    assert_int_equal(stored_position(), 8);
    EXPECT_NOTHING();
    append_text("three\n");
    EXPECT_LINES("three");
    assert_int_equal(stored_position(), 14);
}

static void
line_without_its_end_is_not_taken(void **state)
{
    (void)state;
    append_text("alpha\nno newline yet");
    start_source();
    EXPECT_LINES("alpha");
    assert_int_equal(stored_position(), 6);
    EXPECT_NOTHING();
    append_text(" end\n");
    EXPECT_LINES("no newline yet end");
}

static void
all_three_line_ends_count(void **state)
{
    (void)state;
    append_text("a\r\nb\rc\n\n\r\nd\r");
    start_source();
    EXPECT_LINES("a", "b", "c", "", "");
    assert_int_equal(stored_position(), 10);
    append_text("\ne\n"); /* the other half of the end of d */
    EXPECT_LINES("d", "e");
    assert_int_equal(stored_position(), 15);
}

static void
position_counts_bytes_and_a_new_task_goes_on_there(void **state)
{
    (void)state;
    append_text("gr\u00fc\u00dfe\n\U0001f600\nlast\n");
    set_option("batch.size", "2");
    start_source();
    EXPECT_LINES("gr\u00fc\u00dfe", "\U0001f600");
    assert_int_equal(stored_position(), 13);
    stop_source();
    start_source();
    EXPECT_LINES("last");
    assert_int_equal(stored_position(), 18);
}

static void
batch_size_bounds_a_poll_and_nothing_is_held_back(void **state)
{
    (void)state;
    set_option("batch.size", "2");
    append_text("1\n2\n3\n4\n5\n");
    start_source();
    EXPECT_LINES("1", "2");
    EXPECT_LINES("3", "4");
    EXPECT_LINES("5");
    EXPECT_NOTHING();
}

static void
missing_file_is_waited_for(void **state)
{
    (void)state;
    start_source();
    EXPECT_NOTHING();
    append_text("here\n");
    EXPECT_LINES("here");
}

static void
long_lines_and_bytes_that_are_no_text_pass(void **state)
{
    size_t len = 300000;
    char *line = malloc(len + 2);

    (void)state;
    memset(line, 'x', len);
    line[1] = '\0';
    line[len] = '\n';
    append(line, len + 1);
    append("\xff\n", 2);
    start_source();
    {
        struct cv_err err = CV_ERR_INIT;

        assert_int_equal(try_poll(&err), CV_OK);
        assert_int_equal(fix.batch.n_records, 2);
        assert_int_equal(fix.batch.records[0].value.bytes.len, len);
        assert_memory_equal(fix.batch.records[0].value.bytes.data, line, len);
        assert_string_equal(fix.batch.records[1].value.bytes.data, "\xef\xbf\xbd");
    }
    free(line);
}

static void
truncated_file_fails_the_task(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    char expected[512];

    (void)state;
    append_text("one\ntwo\n");
    start_source();
    EXPECT_LINES("one", "two");
    assert_int_equal(truncate(fix.path, 3), 0);
    assert_int_equal(try_poll(&err), CV_INVALID);
    snprintf(expected, sizeof(expected),
             "file \"%s\" has 3 bytes, but 8 were read before: it was truncated or replaced; restore it, or reset "
             "the connector's offsets to read it from its start",
             fix.path);
    assert_string_equal(err.text, expected);
    stop_source();
    start_source();
    assert_int_equal(try_poll(&err), CV_INVALID);
    assert_string_equal(err.text, expected);
}

static void
stored_offset_that_is_no_position_is_refused(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    append_text("one\n");
    fix.stored = cv_map_new(fix.arena, 1);
    assert_int_equal(cv_map_put(fix.arena, fix.stored, "position", cv_cstring("4"), &err), CV_OK);
    start_source();
    assert_int_equal(try_poll(&err), CV_INVALID);
    assert_non_null(strstr(err.text, "has no valid position; reset the connector's offsets"));
}

static void *
call_wake(void *task)
{
    usleep(50000);
    file_source_plugin.source->wake(task);
    return NULL;
}

static void
wake_ends_the_wait_of_poll(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    int64_t start_ms = cv_mono_ms();
    pthread_t thread;

    (void)state;
    append_text("");
    start_source();
    assert_int_equal(pthread_create(&thread, NULL, call_wake, fix.source), 0);
    assert_int_equal(file_source_plugin.source->poll(fix.source, NULL, 60000, &err), CV_OK);
    pthread_join(thread, NULL);
    assert_true(cv_mono_ms() - start_ms < 30000);
}

static void *
write_later(void *unused)
{
    (void)unused;
    usleep(50000);
    append_text("news\n");
    return NULL;
}

/* Polls with a long timeout until the line is there, which nobody but the kernel tells of. */
static void
expect_news(void)
{
    int64_t start_ms = cv_mono_ms();
    struct cv_err err = CV_ERR_INIT;
    pthread_t thread;
    int polls = 0;

    assert_int_equal(pthread_create(&thread, NULL, write_later, NULL), 0);
    do {
        cv_arena_free(fix.batch.arena);
        fix.batch = (struct cv_batch){ .arena = cv_arena_new(NULL) };
        assert_int_equal(file_source_plugin.source->poll(fix.source, &fix.batch, 60000, &err), CV_OK);
    } while (fix.batch.n_records == 0 && ++polls < 10);
    pthread_join(thread, NULL);
    assert_int_equal(fix.batch.n_records, 1);
    assert_memory_equal(fix.batch.records[0].value.bytes.data, "news", 4);
    assert_true(cv_mono_ms() - start_ms < 4000); /* before it is looked at anyway */
}

static void
a_file_that_grows_ends_the_wait(void **state)
{
    (void)state;
    append_text("");
    start_source();
    expect_news();
    expect_news();
}

static void
a_file_that_appears_ends_the_wait(void **state)
{
    (void)state;
    start_source();
    expect_news();
    expect_news();
}

/* Watches may be used up, or the folder not there yet. */
static void
a_file_that_cannot_be_watched_is_looked_at(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    int64_t start_ms = cv_mono_ms();

    (void)state;
    assert_int_equal(rmdir(fix.dir), 0);
    start_source();
    assert_int_equal(file_source_plugin.source->poll(fix.source, &fix.batch, 60000, &err), CV_OK);
    assert_in_range(cv_mono_ms() - start_ms, 500, 30000);
    assert_int_equal(mkdir(fix.dir, 0700), 0);
    append_text("late\n");
    expect_lines((const char *const[]){ "late" }, 1);
}

static void
standard_input_has_no_position(void **state)
{
    struct cv_value *partition, *position;
    struct cv_err err = CV_ERR_INIT;
    int saved = dup(STDIN_FILENO);
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    cv_config_remove(fix.cfg, "file");
    assert_false(file_source_plugin.source->exactly_once(fix.cfg));
    start_source();
    EXPECT_NOTHING();
    assert_int_equal(write(ends[1], "typed\nmore", 10), 10);
    EXPECT_LINES("typed");
    partition = fix.batch.offsets[0].partition;
    position = cv_map_get(fix.batch.offsets[0].offset, "position");
    assert_true(cv_map_get(partition, "filename")->is_null);
    assert_true(position->is_null);
    close(ends[1]);
    assert_int_equal(try_poll(&err), CV_OK); /* the end of input is no error */
    stop_source();
    dup2(saved, STDIN_FILENO);
    close(saved);
    close(ends[0]);
}

static void
offsets_of_users_are_checked(void **state)
{
    struct cv_value *partition = cv_map_new(fix.arena, 1), *position = cv_map_new(fix.arena, 1);
    struct cv_offset offset = { .partition = partition, .offset = position };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(file_source_plugin.source->offset_alter(fix.cfg, &offset, &err), CV_INVALID);
    assert_string_equal(err.text, "Offset objects should either be null or contain the key 'position'");
    assert_int_equal(cv_map_put(fix.arena, position, "position", cv_float64(1.5), &err), CV_OK);
    assert_int_equal(file_source_plugin.source->offset_alter(fix.cfg, &offset, &err), CV_INVALID);
    assert_string_equal(err.text, "The value for the 'position' key in the offset is expected to be a Long value");
    assert_int_equal(cv_map_put(fix.arena, position, "position", cv_int(CV_INT64, -1), &err), CV_OK);
    assert_int_equal(file_source_plugin.source->offset_alter(fix.cfg, &offset, &err), CV_INVALID);
    assert_string_equal(err.text, "The value for the 'position' key in the offset should be a non-negative value");
    assert_int_equal(cv_map_put(fix.arena, position, "position", cv_int(CV_INT64, 4), &err), CV_OK);
    assert_int_equal(file_source_plugin.source->offset_alter(fix.cfg, &offset, &err), CV_INVALID);
    assert_string_equal(err.text, "Partition objects should contain the key 'filename'");
    assert_int_equal(cv_map_put(fix.arena, partition, "filename", cv_null(NULL), &err), CV_OK);
    assert_int_equal(file_source_plugin.source->offset_alter(fix.cfg, &offset, &err), CV_OK);
    offset = (struct cv_offset){ .partition = NULL, .offset = NULL };
    assert_int_equal(file_source_plugin.source->offset_alter(fix.cfg, &offset, &err), CV_OK);
}

static void
one_task_reads_and_as_many_as_asked_for_write(void **state)
{
    struct cv_task_configs configs = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(file_source_plugin.source->task_configs(fix.cfg, 5, &configs, &err), CV_OK);
    assert_int_equal(configs.count, 1);
    assert_true(cv_config_equal(configs.items[0], fix.cfg));
    cv_task_configs_done(&configs);
    assert_int_equal(file_sink_plugin.sink->task_configs(fix.cfg, 5, &configs, &err), CV_OK);
    assert_int_equal(configs.count, 5);
    assert_ptr_not_equal(configs.items[0], configs.items[4]);
    cv_task_configs_done(&configs);
    assert_int_equal(configs.count, 0);
}

static void
source_without_topic_is_refused(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    cv_config_remove(fix.cfg, "topic");
    assert_int_equal(file_source_plugin.source->start(&fix.source_ctx, fix.cfg, &fix.source, &err), CV_INVALID);
    assert_string_equal(err.text, "Missing required configuration \"topic\" which has no default value.");
    assert_null(fix.source);
}

/* ---- sink ---- */

static void
put(const struct cv_value *vals, size_t count)
{
    struct cv_err err = CV_ERR_INIT;

    cv_arena_free(fix.batch.arena);
    fix.batch = (struct cv_batch){ .arena = cv_arena_new(NULL) };
    for (size_t i = 0; i < count; i++) {
        struct cv_record *rec = cv_batch_add_record(&fix.batch);

        rec->topic = "t";
        rec->value = vals[i];
    }
    assert_int_equal(file_sink_plugin.sink->put(fix.sink, &fix.batch, &err), CV_OK);
}

static void
pre_commit(void)
{
    struct cv_partitions none = { .items = NULL };
    struct cv_err err = CV_ERR_INIT;

    if (file_sink_plugin.sink->pre_commit(fix.sink, &none, &err) != CV_OK)
        fail_msg("%s", err.text);
}

static void
expect_file(const char *expected)
{
    char text[4096];
    FILE *file = fopen(fix.path, "r");
    size_t len;

    assert_non_null(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static void
values_are_lines_behind_what_the_file_had(void **state)
{
    struct cv_value vals[] = { cv_cstring("alpha"), cv_int(CV_INT32, 7), cv_null(NULL), cv_cstring("") };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    append_text("was here\n");
    assert_int_equal(file_sink_plugin.sink->start(&fix.sink_ctx, fix.cfg, &fix.sink, &err), CV_OK);
    put(vals, CV_COUNT(vals));
    expect_file("was here\nalpha\n7\nnull\n\n");
    pre_commit();
    put(vals, 1);
    put(NULL, 0);
    pre_commit();
    expect_file("was here\nalpha\n7\nnull\n\nalpha\n");
}

static void
many_lines_are_there_when_put_returns(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_value vals[100];
    char text[1001];
    struct stat st;

    (void)state;
    memset(text, 'x', 1000);
    text[1000] = '\0';
    for (size_t i = 0; i < CV_COUNT(vals); i++)
        vals[i] = cv_cstring(text);
    assert_int_equal(file_sink_plugin.sink->start(&fix.sink_ctx, fix.cfg, &fix.sink, &err), CV_OK);
    put(vals, CV_COUNT(vals));
    assert_int_equal(stat(fix.path, &st), 0);
    assert_int_equal(st.st_size, 100 * 1001);
}

static void
file_that_cannot_be_made_is_named(void **state)
{
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    set_option("file", "/nonexistent/dir/out.txt");
    assert_int_equal(file_sink_plugin.sink->start(&fix.sink_ctx, fix.cfg, &fix.sink, &err), CV_INVALID);
    assert_string_equal(err.text, "Couldn't find or create file '/nonexistent/dir/out.txt' for FileStreamSinkTask: "
                                  "No such file or directory");
    assert_null(fix.sink);
}

static void
full_disk_fails_the_task(void **state)
{
    struct cv_batch batch = { .arena = cv_arena_new(NULL) };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    set_option("file", "/dev/full");
    assert_int_equal(file_sink_plugin.sink->start(&fix.sink_ctx, fix.cfg, &fix.sink, &err), CV_OK);
    cv_batch_add_record(&batch)->value = cv_cstring("x");
    assert_int_equal(file_sink_plugin.sink->put(fix.sink, &batch, &err), CV_INTERNAL);
    assert_string_equal(err.text, "could not write to \"/dev/full\": No space left on device");
    cv_arena_free(batch.arena);
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        CASE(lines_become_records_and_the_position_is_behind_them),
        CASE(line_without_its_end_is_not_taken),
        CASE(all_three_line_ends_count),
        CASE(position_counts_bytes_and_a_new_task_goes_on_there),
        CASE(batch_size_bounds_a_poll_and_nothing_is_held_back),
        CASE(missing_file_is_waited_for),
        CASE(long_lines_and_bytes_that_are_no_text_pass),
        CASE(truncated_file_fails_the_task),
        CASE(stored_offset_that_is_no_position_is_refused),
        CASE(wake_ends_the_wait_of_poll),
        CASE(a_file_that_grows_ends_the_wait),
        CASE(a_file_that_appears_ends_the_wait),
        CASE(a_file_that_cannot_be_watched_is_looked_at),
        CASE(standard_input_has_no_position),
        CASE(offsets_of_users_are_checked),
        CASE(one_task_reads_and_as_many_as_asked_for_write),
        CASE(source_without_topic_is_refused),
        CASE(values_are_lines_behind_what_the_file_had),
        CASE(many_lines_are_there_when_put_returns),
        CASE(file_that_cannot_be_made_is_named),
        CASE(full_disk_fails_the_task),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
