/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connect's embedded group protocol: metadata in JoinGroup, assignment in SyncGroup
 * (ConnectProtocol v0, IncrementalCooperativeConnectProtocol v1 and v2). Bytes are those of Java's
 * workers: equal input gives equal bytes, because brokers compare them.
 */
#ifndef WORKER_GROUP_PROTOCOL_H
#define WORKER_GROUP_PROTOCOL_H

#include "common/buf.h"

/* Protocol names offered, in this order, by connect.protocol. */
enum group_protocol { GROUP_EAGER, GROUP_COMPATIBLE, GROUP_SESSIONED };

#define GROUP_CONNECTOR (-1) /* task number that means the connector itself */

/* One connector, or one task of it. */
struct group_unit {
    char *connector;
    int32_t task; /* GROUP_CONNECTOR */
};

/* A set of units in order, without duplicates; owned. */
struct group_work {
    struct group_unit *items;
    size_t count;
    size_t cap;
};

void group_work_done(struct group_work *work);
bool group_work_has(const struct group_work *work, const char *connector, int32_t task);
/* false when memory is out. Adding what is there changes nothing. */
CV_MUST_CHECK
bool group_work_add(struct group_work *work, const char *connector, int32_t task);
/* As group_work_add for a unit that is known not to be there: no search. */
CV_MUST_CHECK
bool group_work_append(struct group_work *work, const char *connector, int32_t task);
void group_work_remove(struct group_work *work, const char *connector, int32_t task);
CV_MUST_CHECK
bool group_work_copy(struct group_work *ret, const struct group_work *from);

struct group_assignment {
    int16_t error; /* 0, or 1 CONFIG_MISMATCH */
    char *leader;  /* member id */
    char *leader_url;
    int64_t config_offset;
    struct group_work assigned; /* v0: all work; v1, v2: newly added */
    struct group_work revoked;
    int32_t delay_ms;
};

struct group_metadata {
    char *url; /* advertised, with trailing slash */
    int64_t config_offset;
    bool has_allocation;
    struct group_assignment allocation;
};

void group_assignment_done(struct group_assignment *assignment);
void group_metadata_done(struct group_metadata *metadata);

void group_write_metadata(struct cv_buf *out, int16_t version,
                          const struct group_metadata *metadata);
CV_MUST_CHECK
enum cv_rc group_read_metadata(const void *data, size_t len, struct group_metadata *ret,
                               struct cv_err *err);
void group_write_assignment(struct cv_buf *out, int16_t version,
                            const struct group_assignment *assignment);
CV_MUST_CHECK
enum cv_rc group_read_assignment(const void *data, size_t len, struct group_assignment *ret,
                                 struct cv_err *err);

#endif
