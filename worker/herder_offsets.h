/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets of connectors that REST reads and changes: what herder_offsets.c has found out, and the halves for sources
 * and sinks. They run on the thread of the request, as they wait for Kafka.
 */
#ifndef WORKER_HERDER_OFFSETS_H
#define WORKER_HERDER_OFFSETS_H

#include <culvert/plugin.h>

struct cv_buf;
struct herder;

/* A connector whose offsets are asked for. */
struct offsets_of {
    const char *name;
    const struct cv_config *config; /* references resolved */
    const struct cv_plugin *plugin;
};

/* What to store: partitions with their offsets (NULL: remove), as the request has them, schemaless; a partition may
   be NULL. items NULL: remove all. */
struct offsets_change {
    struct cv_arena *arena;
    struct cv_offset *items;
    size_t count;
};

struct offsets_answer {
    bool told;    /* the connector itself has agreed */
    bool refused; /* CV_INVALID, for what Connect takes for a failure of its own */
};

/* Append {"partition":{..},"offset":{..}} of each, with commas between. */
CV_MUST_CHECK enum cv_rc herder_source_offsets_get(struct herder *h, const struct offsets_of *of, struct cv_buf *out,
                                                   struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_source_offsets_alter(struct herder *h, const struct offsets_of *of,
                                                     const struct offsets_change *change, struct offsets_answer *ret,
                                                     struct cv_err *err);
/* The same of sinks. */
CV_MUST_CHECK enum cv_rc herder_sink_offsets_get(struct herder *h, const struct offsets_of *of, struct cv_buf *out,
                                                 struct cv_err *err);
CV_MUST_CHECK enum cv_rc herder_sink_offsets_alter(struct herder *h, const struct offsets_of *of,
                                                   const struct offsets_change *change, struct offsets_answer *ret,
                                                   struct cv_err *err);

#endif
