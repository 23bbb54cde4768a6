/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Java's serialization, as much of it as keys need. Every class description, object and string gets a handle in the
 * order of its appearance; a class that comes again is a reference to its handle.
 *
 * Source: Java Object Serialization Specification, chapter 6 (stream protocol).
 */
#include "connectors/postgres/java_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/number.h"
#include "common/reader.h"

#define TC_NULL       0x70
#define TC_REFERENCE  0x71
#define TC_CLASSDESC  0x72
#define TC_OBJECT     0x73
#define TC_STRING     0x74
#define TC_ARRAY      0x75
#define TC_END_BLOCK  0x78
#define FIRST_HANDLE  UINT32_C(0x7e0000)
#define SERIALIZABLE  2
#define STREAM_HEADER UINT32_C(0xaced0005)
#define BYTES_MAX     65536

enum class { CLASS_ARRAY, CLASS_INTEGER, CLASS_LONG, CLASS_NUMBER, CLASS_UUID, N_CLASSES };

static const struct {
    const char *name;
    uint64_t uid;
    const char *fields[2]; /* "I" or "J" and the name; NULL at the end */
} classes[N_CLASSES] = {
    [CLASS_ARRAY] = { "[Ljava.lang.Object;", UINT64_C(0x90ce589f1073296c), { NULL, NULL } },
    [CLASS_INTEGER] = { "java.lang.Integer", UINT64_C(0x12e2a0a4f7818738), { "Ivalue", NULL } },
    [CLASS_LONG] = { "java.lang.Long", UINT64_C(0x3b8be490cc8f23df), { "Jvalue", NULL } },
    [CLASS_NUMBER] = { "java.lang.Number", UINT64_C(0x86ac951d0b94e08b), { NULL, NULL } },
    [CLASS_UUID] = { "java.util.UUID", UINT64_C(0xbc9903f7986d852f), { "JleastSigBits", "JmostSigBits" } },
};

void
java_key_done(struct java_key *key)
{
    for (size_t i = 0; i < key->count; i++)
        free(key->items[i].text);
    *key = (struct java_key){ 0 };
}

/* ---- writing ---- */

struct writer {
    struct cv_buf bytes;
    uint32_t next_handle;
    uint32_t handles[N_CLASSES]; /* 0: not described yet */
};

static void
put(struct writer *w, uint64_t v, int size)
{
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
        cv_buf_char(&w->bytes, (char)(unsigned char)(v >> shift));
}

static void
put_utf(struct writer *w, const char *text, size_t len)
{
    put(w, len, 2);
    cv_buf_add(&w->bytes, text, len);
}

static void
put_class(struct writer *w, enum class which)
{
    size_t n_fields = 0;

    if (w->handles[which] != 0) {
        put(w, TC_REFERENCE, 1);
        put(w, w->handles[which], 4);
        return;
    }
    put(w, TC_CLASSDESC, 1);
    put_utf(w, classes[which].name, strlen(classes[which].name));
    put(w, classes[which].uid, 8);
    w->handles[which] = w->next_handle++;
    put(w, SERIALIZABLE, 1);
    while (n_fields < 2 && classes[which].fields[n_fields] != NULL)
        n_fields++;
    put(w, n_fields, 2);
    for (size_t i = 0; i < n_fields; i++) {
        const char *field = classes[which].fields[i];

        put(w, (unsigned char)field[0], 1);
        put_utf(w, field + 1, strlen(field + 1));
    }
    put(w, TC_END_BLOCK, 1);
    if (which == CLASS_INTEGER || which == CLASS_LONG)
        put_class(w, CLASS_NUMBER);
    else
        put(w, TC_NULL, 1);
}

static void
put_number(struct writer *w, enum class which, int64_t v)
{
    put(w, TC_OBJECT, 1);
    put_class(w, which);
    w->next_handle++;
    put(w, (uint64_t)v, which == CLASS_INTEGER ? 4 : 8);
}

static bool
parse_uuid(const char *text, uint64_t ret[2])
{
    size_t digits = 0;

    ret[0] = ret[1] = 0;
    for (; *text != '\0'; text++) {
        char c = *text;
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

        if (c == '-')
            continue;
        if (v < 0 || digits == 32)
            return false;
        ret[digits / 16] = ret[digits / 16] << 4 | (uint64_t)v;
        digits++;
    }
    return digits == 32;
}

static void
put_uuid(struct writer *w, const uint64_t bits[2])
{
    put(w, TC_OBJECT, 1);
    put_class(w, CLASS_UUID);
    w->next_handle++;
    put(w, bits[1], 8);
    put(w, bits[0], 8);
}

static void
put_item(struct writer *w, enum java_kind kind, const char *text)
{
    uint64_t bits[2];
    int64_t v;

    if (kind == JAVA_NULL || text == NULL) {
        put(w, TC_NULL, 1);
    } else if (kind == JAVA_UUID && parse_uuid(text, bits)) {
        put_uuid(w, bits);
    } else if ((kind == JAVA_INTEGER || kind == JAVA_LONG) && cv_parse_i64(text, strlen(text), &v) &&
               (kind == JAVA_LONG || (v >= INT32_MIN && v <= INT32_MAX))) {
        put_number(w, kind == JAVA_LONG ? CLASS_LONG : CLASS_INTEGER, v);
    } else {
        size_t len = strlen(text);

        put(w, TC_STRING, 1);
        put_utf(w, text, len < 65535 ? len : 65535);
        w->next_handle++;
    }
}

void
java_key_write(const struct java_key *key, struct cv_buf *out)
{
    struct writer w = { .bytes = CV_BUF_INIT(4 * BYTES_MAX), .next_handle = FIRST_HANDLE };

    put(&w, STREAM_HEADER, 4);
    if (key == NULL) {
        put(&w, TC_NULL, 1);
    } else {
        put(&w, TC_ARRAY, 1);
        put_class(&w, CLASS_ARRAY);
        w.next_handle++;
        put(&w, key->count, 4);
        for (size_t i = 0; i < key->count; i++)
            put_item(&w, key->items[i].kind, key->items[i].text);
    }
    cv_buf_hex(out, w.bytes.data, w.bytes.len);
    cv_buf_free(&w.bytes);
}

/* ---- reading ---- */

/* A handle's class, as far as it is one that keys have; other handles are objects. */
struct parser {
    struct cv_reader in;
    int8_t handles[4 * JAVA_KEY_MAX + 16]; /* enum class, or -1 */
    size_t n_handles;
};

static bool
add_handle(struct parser *p, int which)
{
    if (p->n_handles == sizeof(p->handles))
        return false;
    p->handles[p->n_handles++] = (int8_t)which;
    return true;
}

static bool
is_utf(struct parser *p, const char *text)
{
    size_t len = cv_read_u16(&p->in);
    const void *at = cv_read_bytes(&p->in, len);

    return at != NULL && len == strlen(text) && memcmp(at, text, len) == 0;
}

static bool read_class(struct parser *p, int *ret);

/* What follows TC_CLASSDESC: one of ours, whole. */
static bool
read_description(struct parser *p, int *ret)
{
    size_t len = cv_read_u16(&p->in), n_fields;
    const char *name = (const char *)cv_read_bytes(&p->in, len);
    int which = -1, super;

    for (int i = 0; name != NULL && i < N_CLASSES; i++)
        if (len == strlen(classes[i].name) && memcmp(name, classes[i].name, len) == 0)
            which = i;
    if (which < 0 || cv_read_u64(&p->in) != classes[which].uid || !add_handle(p, which) ||
        cv_read_u8(&p->in) != SERIALIZABLE)
        return false;
    n_fields = cv_read_u16(&p->in);
    for (size_t i = 0; i < n_fields; i++)
        if (i >= 2 || classes[which].fields[i] == NULL ||
            cv_read_u8(&p->in) != (unsigned char)classes[which].fields[i][0] ||
            !is_utf(p, classes[which].fields[i] + 1))
            return false;
    if (cv_read_u8(&p->in) != TC_END_BLOCK || !read_class(p, &super))
        return false;
    *ret = which;
    return true;
}

/* A class description, a reference to one, or null (-1): the depth is bounded by Number having no super class. */
static bool
read_class(struct parser *p, int *ret)
{
    uint32_t handle;

    switch (cv_read_u8(&p->in)) {
    case TC_NULL:
        *ret = -1;
        return true;
    case TC_REFERENCE:
        handle = cv_read_u32(&p->in) - FIRST_HANDLE;
        if (handle >= p->n_handles || p->handles[handle] < 0)
            return false;
        *ret = p->handles[handle];
        return true;
    case TC_CLASSDESC:
        return p->n_handles < 8 * (size_t)N_CLASSES && read_description(p, ret);
    default:
        return false;
    }
}

static char *
read_object(struct parser *p, enum java_kind *ret_kind)
{
    char text[40];
    int which;
    uint64_t low, high;

    if (!read_class(p, &which) || !add_handle(p, -1))
        return NULL;
    switch (which) {
    case CLASS_INTEGER:
        *ret_kind = JAVA_INTEGER;
        snprintf(text, sizeof(text), "%" PRId32, (int32_t)cv_read_u32(&p->in));
        break;
    case CLASS_LONG:
        *ret_kind = JAVA_LONG;
        snprintf(text, sizeof(text), "%" PRId64, (int64_t)cv_read_u64(&p->in));
        break;
    case CLASS_UUID:
        *ret_kind = JAVA_UUID;
        low = cv_read_u64(&p->in);
        high = cv_read_u64(&p->in);
        snprintf(text, sizeof(text), "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64, high >> 32,
                 high >> 16 & 0xffff, high & 0xffff, low >> 48, low & UINT64_C(0xffffffffffff));
        break;
    default:
        return NULL;
    }
    return strdup(text);
}

static bool
read_item(struct parser *p, struct java_key *key)
{
    size_t i = key->count++, len;
    const void *at;

    switch (cv_read_u8(&p->in)) {
    case TC_NULL:
        key->items[i].kind = JAVA_NULL;
        return true;
    case TC_STRING:
        len = cv_read_u16(&p->in);
        at = cv_read_bytes(&p->in, len);
        key->items[i].kind = JAVA_STRING;
        key->items[i].text = at != NULL && memchr(at, '\0', len) == NULL ? strndup(at, len) : NULL;
        return key->items[i].text != NULL && add_handle(p, -1);
    case TC_OBJECT:
        key->items[i].text = read_object(p, &key->items[i].kind);
        return key->items[i].text != NULL;
    default:
        return false;
    }
}

static bool
read_key(struct parser *p, struct java_key *key, bool *ret_null)
{
    uint32_t count;
    int which;
    uint8_t tag;

    if (cv_read_u32(&p->in) != STREAM_HEADER)
        return false;
    tag = cv_read_u8(&p->in);
    *ret_null = tag == TC_NULL;
    if (*ret_null)
        return true;
    if (tag != TC_ARRAY || !read_class(p, &which) || which != CLASS_ARRAY || !add_handle(p, -1))
        return false;
    count = cv_read_u32(&p->in);
    if (count > JAVA_KEY_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (!read_item(p, key))
            return false;
    return true;
}

enum cv_rc
java_key_read(const char *hex, size_t len, struct java_key *ret, bool *ret_null, struct cv_err *err)
{
    struct cv_buf bytes = CV_BUF_INIT(BYTES_MAX);
    struct java_key key = { 0 };
    struct parser p = { 0 };
    bool good = len % 2 == 0 && len / 2 < BYTES_MAX;

    for (size_t i = 0; good && i < len; i += 2) {
        unsigned v;
        char pair[3] = { hex[i], hex[i + 1], '\0' };

        good = strspn(pair, "0123456789abcdefABCDEF") == 2 && sscanf(pair, "%2x", &v) == 1;
        if (good)
            cv_buf_char(&bytes, (char)(unsigned char)v);
    }
    good = good && cv_buf_check(&bytes, err) == CV_OK;
    if (good) {
        p.in = cv_reader_of(bytes.data, bytes.len);
        good = read_key(&p, &key, ret_null) && cv_reader_finish(&p.in, "key", err) == CV_OK;
    }
    cv_buf_free(&bytes);
    if (!good) {
        java_key_done(&key);
        return cv_fail(err, CV_INVALID,
                       "the key of an incremental snapshot in the offset is not one of numbers, texts and UUIDs");
    }
    *ret = key;
    return CV_OK;
}
