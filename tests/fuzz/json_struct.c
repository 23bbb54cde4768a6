/* SPDX-License-Identifier: Apache-2.0 */
/* Texts to structs, and those to JSON: no input crashes, and what was read can be written. */
#include <assert.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/buf.h"
#include "data/json.h"
#include "transforms/json_struct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_once(struct json_struct *json, const struct cv_bytes *text)
{
    const struct connect_json_format format = { .replace_null = true };
    struct cv_arena *arena = cv_arena_new(NULL);
    struct cv_buf out = CV_BUF_INIT((size_t)1 << 24);
    struct cv_err err = CV_ERR_INIT;
    struct cv_value val;

    if (json_struct_read(json, "payload", text, arena, &val, &err) == CV_OK) {
        assert(val.type == CV_STRUCT && val.schema != NULL);
        assert(connect_json_write(&out, &val, &format, &err) == CV_OK);
    }
    cv_buf_free(&out);
    cv_arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cv_bytes text = { .data = (const char *)data, .len = size };

    for (int i = 0; i < 2; i++) {
        struct json_struct *json = json_struct_new(i == 1, i == 1 ? AVRO_NAME_AVRO : AVRO_NAME_NONE);

        assert(json != NULL);
        read_once(json, &text);
        read_once(json, &text); /* through the kept schema */
        json_struct_free(json);
    }
    return 0;
}
