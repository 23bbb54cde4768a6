/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records, messages and batches.
 *
 * A source fills a batch in poll(): either records (schema and typed values, which the worker transforms
 * and converts) or, when the worker offered it a direct path (struct cv_direct), messages that are already
 * the bytes that go to Kafka. A batch may hold both; messages and records keep the order of their append.
 * Everything a batch points to lives in its arena, is handed to Kafka without a copy, and is freed as one
 * when the last message has been delivered. A batch belongs to the task's thread.
 */
#ifndef CULVERT_RECORD_H
#define CULVERT_RECORD_H

#include <culvert/value.h>

struct cv_topic; /* a topic of the task, with routing and creation done; see cv_source_ctx.topic */

#define CV_NO_PARTITION (-1)
#define CV_NO_TIMESTAMP (-1)

struct cv_header {
    const char *name;
    struct cv_value value;
};

struct cv_headers {
    struct cv_header *items;
    size_t count;
    size_t cap;
};

/* key or value with is_null and no schema: no key, a tombstone. */
struct cv_record {
    const char *topic;
    int32_t partition; /* CV_NO_PARTITION: by the key's hash. Sinks: the partition it came from */
    int64_t offset;    /* sinks: Kafka offset. Sources: unused */
    int64_t timestamp_ms; /* CV_NO_TIMESTAMP: none */
    struct cv_value key;
    struct cv_value value;
    struct cv_headers headers;
};

/* Append a header; name and value are borrowed and must live in the batch. */
CV_API CV_MUST_CHECK enum cv_rc cv_header_add(struct cv_arena *arena, struct cv_headers *headers,
                                              const char *name, struct cv_value val, struct cv_err *err);

/* The encoded headers of messages; shared by any number of them. */
struct cv_raw_header {
    const char *name;
    struct cv_bytes value; /* data NULL: null */
};

struct cv_raw_headers {
    const struct cv_raw_header *items;
    size_t count;
    bool constant; /* address and contents stay the same for the task's life: the producer may keep a copy */
};

/* Bytes that go to Kafka as they are. data NULL: no key, tombstone. */
struct cv_message {
    struct cv_topic *topic;
    struct cv_bytes key;
    struct cv_bytes value;
    const struct cv_raw_headers *headers; /* NULL: none */
    int32_t partition;
    int64_t timestamp_ms;
};

/*
 * A source position: source partition and source offset, both schemaless maps of string keys to scalars
 * (Connect's sourcePartition and sourceOffset). When all messages up to and including this batch are in
 * Kafka, the offset may be stored.
 */
struct cv_offset {
    struct cv_value *partition;
    struct cv_value *offset;
};

struct cv_batch {
    struct cv_arena *arena;
    struct cv_message *messages;
    size_t n_messages;
    size_t cap_messages;
    struct cv_record *records; /* converted behind the messages, in their order */
    size_t n_records;
    size_t cap_records;
    struct cv_offset *offsets; /* one a source partition: the last position of this batch */
    size_t n_offsets;
    size_t cap_offsets;
    /* The batch ends inside of what must become visible as a whole (a transaction of the source), so no Kafka
       transaction may end here: a restart at the last offset would repeat what is before. */
    bool split;
    /* For so long the source is better not polled: it has much to give, and more at a time costs less. 0: poll on. */
    int rest_ms;
};

/* A zeroed message or record at the end of the batch; NULL when memory is out. The pointer is good until
   the next append. Fields partition and timestamp_ms are set to "none". */
CV_API struct cv_message *cv_batch_add_message(struct cv_batch *batch);
CV_API struct cv_record *cv_batch_add_record(struct cv_batch *batch);
/* Say where the source stands after what is in the batch by now; replaces an earlier offset of an equal
   partition. Both are borrowed and must live in the batch's arena. */
CV_API CV_MUST_CHECK enum cv_rc cv_batch_set_offset(struct cv_batch *batch, struct cv_value *partition,
                                                    struct cv_value *offset, struct cv_err *err);

#endif
