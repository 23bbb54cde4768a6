/* SPDX-License-Identifier: Apache-2.0 */
/* Topics, offsets and groups. A handle may be used by any thread; calls block up to their timeout. */
#ifndef COMMON_KAFKA_ADMIN_H
#define COMMON_KAFKA_ADMIN_H

#include "common/kafka/client.h"

struct cv_admin;

struct cv_topic_spec {
    const char *name;
    int32_t partitions;        /* -1: the broker's default */
    int32_t replication;       /* -1: the broker's default */
    const struct cv_config *configs; /* topic settings; NULL: none */
};

CV_MUST_CHECK enum cv_rc cv_admin_new(const struct cv_kafka_conf *conf, struct cv_admin **ret,
                                      struct cv_err *err);
void cv_admin_free(struct cv_admin *admin);

/* Returns when every partition has a leader that knows of it. *ret_created false: it existed. CV_RETRY for what may
   pass (too few brokers, time-out). */
CV_MUST_CHECK enum cv_rc cv_admin_topic_create(struct cv_admin *admin, const struct cv_topic_spec *spec,
                                               int timeout_ms, bool *ret_created, struct cv_err *err);
/* The same of several topics, in one request. The first that fails is the failure; others may have been made then. */
CV_MUST_CHECK enum cv_rc cv_admin_topics_create(struct cv_admin *admin, const struct cv_topic_spec *specs, size_t count,
                                                int timeout_ms, bool *ret_created, struct cv_err *err);
CV_MUST_CHECK enum cv_rc cv_admin_topic_delete(struct cv_admin *admin, const char *topic, int timeout_ms,
                                               struct cv_err *err);
/* CV_NOT_FOUND when it does not exist. Never creates. */
CV_MUST_CHECK enum cv_rc cv_admin_topic_partitions(struct cv_admin *admin, const char *topic,
                                                   int timeout_ms, int32_t *ret, struct cv_err *err);
/* One setting of a topic; *ret is "" if it has none; free with free(). */
CV_MUST_CHECK enum cv_rc cv_admin_topic_config(struct cv_admin *admin, const char *topic, const char *key,
                                               int timeout_ms, char **ret, struct cv_err *err);
/* Fill offset of every item with the next offset of its partition: the high watermark, whatever transactions
   are open. One request a broker. CV_NOT_FOUND when a topic does not exist. */
CV_MUST_CHECK enum cv_rc cv_admin_end_offsets(struct cv_admin *admin,
                                              struct cv_topic_partitions *inout_parts, int timeout_ms,
                                              struct cv_err *err);
/* Names of all topics; free each and the array with free(). */
CV_MUST_CHECK enum cv_rc cv_admin_topics(struct cv_admin *admin, int timeout_ms, char ***ret,
                                         size_t *ret_count, struct cv_err *err);
/* Free with free(). */
CV_MUST_CHECK enum cv_rc cv_admin_cluster_id(struct cv_admin *admin, int timeout_ms, char **ret,
                                             struct cv_err *err);
/* Committed offsets of a group (strings owned), alter, delete single ones, delete the group.
   CV_CONFLICT when the group has members. A missing group has no offsets; deleting it is fine. Offsets of a
   transaction may show a moment after its commit. */
CV_MUST_CHECK enum cv_rc cv_admin_group_offsets(struct cv_admin *admin, const char *group, int timeout_ms,
                                                struct cv_topic_partitions *ret, struct cv_err *err);
CV_MUST_CHECK enum cv_rc cv_admin_group_offsets_alter(struct cv_admin *admin, const char *group,
                                                      const struct cv_topic_partitions *offsets,
                                                      int timeout_ms, struct cv_err *err);
CV_MUST_CHECK enum cv_rc cv_admin_group_offsets_delete(struct cv_admin *admin, const char *group,
                                                       const struct cv_topic_partitions *parts,
                                                       int timeout_ms, struct cv_err *err);
/* Who is in a group of consumers and what each is assigned; none: the group is empty or unknown. A member that
   waits for a rebalance has no partitions. Free with cv_group_members_done. */
struct cv_group_member {
    char *client_id;
    char *instance_id; /* group.instance.id; NULL: a dynamic member */
    struct cv_topic_partitions partitions; /* strings owned */
};
struct cv_group_members {
    struct cv_group_member *items;
    size_t count;
};
CV_MUST_CHECK enum cv_rc cv_admin_group_members(struct cv_admin *admin, const char *group, int timeout_ms,
                                                struct cv_group_members *ret, struct cv_err *err);
void cv_group_members_done(struct cv_group_members *members);
CV_MUST_CHECK enum cv_rc cv_admin_group_delete(struct cv_admin *admin, const char *group, int timeout_ms,
                                               struct cv_err *err);

#endif
