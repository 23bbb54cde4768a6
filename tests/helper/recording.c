/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/helper/recording.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/helper/cmocka_all.h"


struct json_object *
field_get(struct json_object *obj, const char *key)
{
    struct json_object *value = NULL;

    if (!json_object_object_get_ex(obj, key, &value))
        fail_msg("no field %s", key);
    return value;
}

const char *
field_str(struct json_object *obj, const char *key)
{
    struct json_object *value = field_get(obj, key);

    return value == NULL ? NULL : json_object_get_string(value);
}

int64_t
field_int(struct json_object *obj, const char *key)
{
    return json_object_get_int64(field_get(obj, key));
}

unsigned char *
hex_bytes(const char *hex, size_t *ret_len)
{
    size_t len = hex == NULL ? 0 : strlen(hex) / 2, i;
    unsigned char *bytes;

    *ret_len = len;
    if (hex == NULL)
        return NULL;
    bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (i = 0; i < len; i++) {
        unsigned int byte;

        assert_int_equal(1, sscanf(hex + 2 * i, "%2x", &byte));
        bytes[i] = (unsigned char)byte;
    }
    return bytes;
}

static void
add_frame(struct recording *rec, const char *file, size_t number, struct json_object *obj)
{
    struct recorded_frame *frame;

    rec->frames = realloc(rec->frames, (rec->count + 1) * sizeof(*rec->frames));
    assert_non_null(rec->frames);
    frame = &rec->frames[rec->count++];
    snprintf(frame->where, sizeof(frame->where), "%.90s frame %zu", file, number);
    frame->api = field_str(obj, "api");
    frame->request = strcmp(field_str(obj, "kind"), "request") == 0;
    frame->version = (int)field_int(obj, "version");
    frame->correlation_id = (int)field_int(obj, "correlation_id");
    frame->decoded = field_get(obj, "decoded");
    frame->bytes = hex_bytes(field_str(obj, "frame"), &frame->len);
}

static void
add_file(struct recording *rec, const char *folder, const char *file)
{
    struct json_object *root, *frames;
    char path[1024];
    size_t i;

    snprintf(path, sizeof(path), "%s/%s/%s", TEST_DATA, folder, file);
    root = json_object_from_file(path);
    if (root == NULL)
        fail_msg("cannot read %s: %s", path, json_util_get_last_err());
    rec->files = realloc(rec->files, (rec->n_files + 1) * sizeof(struct json_object *));
    assert_non_null(rec->files);
    rec->files[rec->n_files++] = root;
    frames = field_get(root, "frames");
    for (i = 0; i < json_object_array_length(frames); i++)
        add_frame(rec, file, i, json_object_array_get_idx(frames, i));
}

static int
is_recording(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

void
recording_load(struct recording *ret, const char *folder)
{
    struct dirent **entries;
    char path[1024];
    int i, count;

    *ret = (struct recording){ 0 };
    snprintf(path, sizeof(path), "%s/%s", TEST_DATA, folder);
    count = scandir(path, &entries, is_recording, alphasort);
    if (count <= 0)
        fail_msg("no recordings in %s", path);
    for (i = 0; i < count; i++) {
        add_file(ret, folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

void
recording_done(struct recording *rec)
{
    size_t i;

    for (i = 0; i < rec->count; i++)
        free(rec->frames[i].bytes);
    for (i = 0; i < rec->n_files; i++)
        json_object_put(rec->files[i]);
    free(rec->frames);
    free(rec->files);
}
