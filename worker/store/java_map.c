/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Java Object Serialization, stream protocol version 2, as far as one HashMap<byte[], byte[]> needs it: magic and
 * version, the class description of HashMap, its two fields, a block with capacity and size, the entries. Of the two
 * classes nothing is taken but what they are known to be, so no bytes can make the reader do anything else.
 *
 * Every class description, object and array gets a handle, from 0x7E0000 up, by which it can come again.
 * Source: Java Object Serialization Specification, section 6; the fields of java.util.HashMap's serialized form.
 */
#include <config.h>

#include "worker/store/java_map.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/reader.h"

enum { TC_NULL = 0x70, TC_REFERENCE = 0x71, TC_ARRAY = 0x75, TC_ENDBLOCKDATA = 0x78 };

#define FIRST_HANDLE UINT32_C(0x7E0000) /* of HashMap's class; the map itself has the next one */
#define MAP_HANDLES  2
#define WHAT         "Java map"

/* From the stream's magic to the HashMap's fields: object, class name, serialVersionUID, flags, fields. */
static const char map_head[] = "\xAC\xED\x00\x05"
                               "\x73\x72\x00\x11"
                               "java.util.HashMap"
                               "\x05\x07\xDA\xC1\xC3\x16\x60\xD1"
                               "\x03\x00\x02"
                               "F\x00\x0A"
                               "loadFactor"
                               "I\x00\x09"
                               "threshold"
                               "\x78\x70";
/* Class byte[], behind TC_ARRAY. */
static const char array_class[] = "\x72\x00\x02"
                                  "[B"
                                  "\xAC\xF3\x17\xF8\x06\x08\x54\xE0"
                                  "\x02\x00\x00\x78\x70";
/* A block of eight bytes: capacity and size. */
static const char block_head[] = "\x77\x08";

#define SIZE_OF(text) (sizeof(text) - 1)

/* ---- reading ---- */

struct map_reader {
    struct cv_reader in;
    uint32_t array_class; /* its handle; 0: not seen yet */
    uint32_t next_handle;
    struct cv_bytes *arrays; /* by handle, from FIRST_HANDLE + MAP_HANDLES on; the class's own slot is empty */
    size_t cap;
};

static bool
is_next(struct cv_reader *in, const char *text, size_t len)
{
    const unsigned char *at = cv_read_bytes(in, len);

    return at != NULL && memcmp(at, text, len) == 0;
}

static enum cv_rc
unexpected(const struct map_reader *reader, const char *expected, struct cv_err *err)
{
    if (cv_reader_check(&reader->in, WHAT, err) != CV_OK)
        return err->rc;
    return cv_fail(err, CV_INVALID, "malformed " WHAT ": no %s before position %zu", expected, reader->in.pos);
}

/* Give the next handle to bytes (or to the class: empty ones). */
static enum cv_rc
add_handle(struct map_reader *reader, struct cv_bytes bytes, struct cv_err *err)
{
    size_t n = reader->next_handle - FIRST_HANDLE - MAP_HANDLES;

    if (n == reader->cap) {
        size_t cap = n == 0 ? 64 : n * 2;
        struct cv_bytes *arrays = realloc(reader->arrays, cap * sizeof(*arrays));

        if (arrays == NULL)
            return cv_fail_memory(err);
        reader->arrays = arrays;
        reader->cap = cap;
    }
    reader->arrays[n] = bytes;
    reader->next_handle++;
    return CV_OK;
}

/* Behind TC_ARRAY: the class, in full or by its handle, the length, the bytes. */
static enum cv_rc
read_array(struct map_reader *reader, struct cv_bytes *ret, struct cv_err *err)
{
    size_t class_pos = reader->in.pos;
    const unsigned char *data;
    uint32_t len;

    if (cv_read_u8(&reader->in) == TC_REFERENCE) {
        if (cv_read_u32(&reader->in) != reader->array_class || reader->array_class == 0)
            return unexpected(reader, "array of bytes", err);
    } else {
        reader->in.pos = class_pos;
        if (!is_next(&reader->in, array_class, SIZE_OF(array_class)))
            return unexpected(reader, "array of bytes", err);
        reader->array_class = reader->next_handle;
        if (add_handle(reader, (struct cv_bytes){ 0 }, err) != CV_OK)
            return err->rc;
    }
    len = cv_read_u32(&reader->in);
    data = cv_read_bytes(&reader->in, len);
    if (data == NULL)
        return unexpected(reader, "array", err);
    *ret = (struct cv_bytes){ (const char *)data, len };
    return add_handle(reader, *ret, err);
}

static enum cv_rc
read_bytes(struct map_reader *reader, struct cv_bytes *ret, struct cv_err *err)
{
    uint32_t handle;

    switch (cv_read_u8(&reader->in)) {
    case TC_NULL:
        *ret = (struct cv_bytes){ 0 };
        break;
    case TC_ARRAY:
        return read_array(reader, ret, err);
    case TC_REFERENCE:
        handle = cv_read_u32(&reader->in);
        if (handle < FIRST_HANDLE + MAP_HANDLES || handle >= reader->next_handle || handle == reader->array_class)
            return unexpected(reader, "array of bytes", err);
        *ret = reader->arrays[handle - FIRST_HANDLE - MAP_HANDLES];
        break;
    default:
        return unexpected(reader, "array of bytes", err);
    }
    return cv_reader_check(&reader->in, WHAT, err);
}

static enum cv_rc
read_entries(struct map_reader *reader, java_map_entry *entry, void *arg, struct cv_err *err)
{
    struct cv_bytes key, value;
    uint32_t count;

    if (!is_next(&reader->in, map_head, SIZE_OF(map_head)))
        return cv_fail(err, CV_INVALID, "no java.util.HashMap in Java's serialization format");
    (void)cv_read_u64(&reader->in); /* load factor and threshold: of this map's table, which we do not have */
    if (!is_next(&reader->in, block_head, SIZE_OF(block_head)))
        return unexpected(reader, "block with the size", err);
    (void)cv_read_u32(&reader->in); /* capacity */
    count = cv_read_u32(&reader->in);
    for (uint32_t i = 0; i < count; i++) { /* bounded by the bytes: an entry takes two at least */
        if (read_bytes(reader, &key, err) != CV_OK || read_bytes(reader, &value, err) != CV_OK ||
            entry(arg, &key, &value, err) != CV_OK)
            return err->rc;
    }
    if (cv_read_u8(&reader->in) != TC_ENDBLOCKDATA)
        return unexpected(reader, "end", err);
    return cv_reader_finish(&reader->in, WHAT, err);
}

enum cv_rc
java_map_read(const void *data, size_t len, java_map_entry *entry, void *arg, struct cv_err *err)
{
    struct map_reader reader = { .in = cv_reader_of(data, len), .next_handle = FIRST_HANDLE + MAP_HANDLES };
    enum cv_rc rc = read_entries(&reader, entry, arg, err);

    free(reader.arrays);
    return rc;
}

/* ---- writing ---- */

void
java_map_begin(struct java_map_writer *writer, struct cv_buf *out, uint32_t count)
{
    static const char load_factor[] = "\x3F\x40\x00\x00"; /* 0.75f */
    uint32_t capacity = 16;

    *writer = (struct java_map_writer){ .out = out };
    while (count > capacity / 4 * 3 && capacity < UINT32_C(1) << 30)
        capacity *= 2;
    cv_buf_add(out, map_head, SIZE_OF(map_head));
    cv_buf_add(out, load_factor, SIZE_OF(load_factor));
    cv_buf_be32(out, count == 0 ? 0 : capacity / 4 * 3); /* an empty map has no table yet */
    cv_buf_add(out, block_head, SIZE_OF(block_head));
    cv_buf_be32(out, capacity);
    cv_buf_be32(out, count);
}

static void
put_bytes(struct java_map_writer *writer, const struct cv_bytes *bytes)
{
    if (bytes->data == NULL) {
        cv_buf_char(writer->out, TC_NULL);
        return;
    }
    cv_buf_char(writer->out, TC_ARRAY);
    if (writer->has_array_class) {
        cv_buf_char(writer->out, TC_REFERENCE);
        cv_buf_be32(writer->out, FIRST_HANDLE + MAP_HANDLES);
    } else {
        cv_buf_add(writer->out, array_class, SIZE_OF(array_class));
        writer->has_array_class = true;
    }
    cv_buf_be32(writer->out, (uint32_t)bytes->len);
    cv_buf_add(writer->out, bytes->data, bytes->len);
}

void
java_map_put(struct java_map_writer *writer, const struct cv_bytes *key, const struct cv_bytes *value)
{
    put_bytes(writer, key);
    put_bytes(writer, value);
}

void
java_map_end(struct java_map_writer *writer)
{
    cv_buf_char(writer->out, TC_ENDBLOCKDATA);
}
