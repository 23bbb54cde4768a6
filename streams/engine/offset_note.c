/* SPDX-License-Identifier: Apache-2.0 */
/* The metadata of a committed offset: how far the changelog must be read for the state to match,
   and the input's mark. Compact JSON, so that kafka-consumer-groups shows something readable;
   brokers take 4 KiB. */
#include "streams/engine/task_private.h"

#include <stdio.h>

#include "common/json_read.h"
#include "common/json_write.h"

#define NOTE_VERSION 1

void
offset_note_write(const struct offset_note *note, struct cv_buf *out)
{
    struct cv_json_writer w = cv_json_writer_of(out);

    cv_json_object(&w);
    cv_json_key(&w, "v");
    cv_json_int(&w, NOTE_VERSION);
    cv_json_key(&w, "generation");
    cv_json_string(&w, note->generation);
    cv_json_key(&w, "changelog");
    cv_json_int(&w, note->changelog_next);
    if (note->changelog_base > 0) {
        cv_json_key(&w, "base");
        cv_json_int(&w, note->changelog_base);
    }
    cv_json_key(&w, "clock");
    cv_json_int(&w, note->pos.clock_ms);
    cv_json_key(&w, "commit_lsn");
    cv_json_int(&w, note->pos.commit_lsn);
    cv_json_key(&w, "lsn");
    cv_json_int(&w, note->pos.lsn);
    cv_json_key(&w, "snapshot_lsn");
    cv_json_int(&w, note->pos.snapshot_lsn);
    cv_json_key(&w, "key_hash");
    cv_json_int(&w, note->pos.key_hash);
    cv_json_key(&w, "after_delete");
    cv_json_bool(&w, note->pos.after_delete);
    cv_json_object_end(&w);
}

static bool
read_hash(struct cv_json_reader *in, uint32_t *ret)
{
    int64_t hash;

    if (cv_json_next(in) != CV_JSON_NUMBER || !cv_json_int64(in, &hash) || hash < 0 ||
        hash > UINT32_MAX)
        return false;
    *ret = (uint32_t)hash;
    return true;
}

static bool
read_member(struct cv_json_reader *in, struct offset_note *note, int64_t *version)
{
    struct {
        const char *name;
        int64_t *to;
    } numbers[] = {
        { "v", version },
        { "changelog", &note->changelog_next },
        { "base", &note->changelog_base },
        { "clock", &note->pos.clock_ms },
        { "commit_lsn", &note->pos.commit_lsn },
        { "lsn", &note->pos.lsn },
        { "snapshot_lsn", &note->pos.snapshot_lsn },
    };

    for (size_t i = 0; i < CV_COUNT(numbers); i++) {
        if (cv_json_text_is(in, numbers[i].name))
            return cv_json_next(in) == CV_JSON_NUMBER && cv_json_int64(in, numbers[i].to);
    }
    if (cv_json_text_is(in, "generation")) {
        if (cv_json_next(in) != CV_JSON_STRING || in->text_len >= GENERATION_MAX)
            return false;
        snprintf(note->generation, sizeof(note->generation), "%.*s", (int)in->text_len, in->text);
        return true;
    }
    if (cv_json_text_is(in, "key_hash"))
        return read_hash(in, &note->pos.key_hash);
    if (cv_json_text_is(in, "after_delete")) {
        enum cv_json_token tok = cv_json_next(in);

        note->pos.after_delete = tok == CV_JSON_TRUE;
        return tok == CV_JSON_TRUE || tok == CV_JSON_FALSE;
    }
    return cv_json_skip(in) != CV_JSON_BAD;
}

bool
offset_note_read(const char *text, struct offset_note *ret)
{
    struct offset_note note = { .changelog_next = -1 };
    struct cv_json_reader in;
    int64_t version = 0;
    enum cv_json_token tok;

    if (text == NULL)
        return false;
    cv_json_reader_init(&in, text, strlen(text));
    if (cv_json_next(&in) != CV_JSON_OBJECT)
        return false;
    while ((tok = cv_json_next(&in)) == CV_JSON_KEY) {
        if (!read_member(&in, &note, &version))
            return false;
    }
    if (tok != CV_JSON_OBJECT_END || version != NOTE_VERSION || note.changelog_next < 0 ||
        note.changelog_base < 0 ||
        note.generation[0] == '\0')
        return false;
    *ret = note;
    return true;
}
