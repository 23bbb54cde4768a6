/* SPDX-License-Identifier: Apache-2.0 */
/* The recorded frames of tests/data/group, for tests: read once, walked in order of file and time.
 */
#ifndef TESTS_RECORDING_H
#define TESTS_RECORDING_H

#include <json-c/json.h>

#include "common/buf.h"

struct recorded_frame {
    char where[128]; /* "03-second-worker-joins.json frame 4", for messages */
    const char *api;
    bool request;
    int version;
    int correlation_id;
    struct json_object *decoded;
    unsigned char *bytes; /* with the size in front */
    size_t len;
};

struct recording {
    struct recorded_frame *frames;
    size_t count;
    struct json_object **files;
    size_t n_files;
};

/* Fails the running test when a file is missing or not as expected. */
/* folder: below tests/data. */
void recording_load(struct recording *ret, const char *folder);
void recording_done(struct recording *rec);

/* Fields of decoded objects; a missing one fails the test. */
const char *field_str(struct json_object *obj, const char *key); /* NULL for null */
int64_t field_int(struct json_object *obj, const char *key);
struct json_object *field_get(struct json_object *obj, const char *key);
/* Bytes of a hex text, freed with free(); NULL with *ret_len 0 for NULL. */
unsigned char *hex_bytes(const char *hex, size_t *ret_len);

#endif
