/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request, three ways to read it: a worker offers every protocol that it can speak with
 * metadata of its own, and the group takes the highest that all share.
 */
#include <config.h>

#include "worker/group/join.h"

#define METADATA_MAX ((size_t)16 << 20)

static const char *const protocol_names[] = { "default", "compatible", "sessioned" };

const char *
group_protocol_name(enum group_protocol protocol)
{
    return protocol_names[protocol];
}

bool
group_protocol_parse(const char *name, enum group_protocol *ret)
{
    enum group_protocol protocol;

    for (protocol = GROUP_EAGER; protocol <= GROUP_SESSIONED; protocol++) {
        if (strcasecmp(name, protocol_names[protocol]) == 0) {
            *ret = protocol;
            return true;
        }
    }
    return false;
}

enum cv_rc
join_write(const struct join_spec *join, struct cv_buf *body, struct cv_err *err)
{
    struct group_metadata metadata = { .url = (char *)join->url,
                                       .config_offset = join->config_offset };
    struct cv_buf bytes[GROUP_SESSIONED + 1];
    struct cv_wire_protocol protocols[GROUP_SESSIONED + 1];
    const struct cv_wire_join request = {
        .group = join->group_id,
        .session_timeout_ms = join->session_timeout_ms,
        .rebalance_timeout_ms = join->rebalance_timeout_ms,
        .member_id = join->member_id,
        .protocol_type = "connect",
        .protocols = protocols,
        .n_protocols = (size_t)join->protocol + 1,
    };
    enum cv_rc rc = CV_OK;
    size_t i;

    if (join->allocation != NULL) {
        metadata.has_allocation = true;
        metadata.allocation = *join->allocation;
    }
    for (i = 0; i < request.n_protocols; i++) {
        enum group_protocol protocol = (enum group_protocol)(join->protocol - i);

        cv_buf_init(&bytes[i], METADATA_MAX);
        group_write_metadata(&bytes[i], (int16_t)protocol, &metadata);
        if (rc == CV_OK)
            rc = cv_buf_check(&bytes[i], err);
        protocols[i].name = group_protocol_name(protocol);
        protocols[i].metadata.data = bytes[i].data;
        protocols[i].metadata.len = bytes[i].len;
    }
    if (rc == CV_OK) {
        cv_wire_write_join_group(body, &request);
        rc = cv_buf_check(body, err);
    }
    for (i = 0; i < request.n_protocols; i++)
        cv_buf_free(&bytes[i]);
    return rc;
}

enum cv_rc
join_fatal(const char *group_id, int session_timeout_ms, enum cv_wire_api api, int16_t error,
           struct cv_err *err)
{
    switch (error) {
    case CV_WIRE_INCONSISTENT_GROUP_PROTOCOL:
        return cv_fail(
            err, CV_INVALID,
            "the group \"%s\" has members that are no Connect workers, or that share no protocol "
            "with "
            "this one: choose another group.id, or set the same connect.protocol on all workers",
            group_id);
    case CV_WIRE_INVALID_GROUP_ID:
        return cv_fail(err, CV_INVALID, "the brokers refuse group.id \"%s\": choose another",
                       group_id);
    case CV_WIRE_INVALID_SESSION_TIMEOUT:
        return cv_fail(err, CV_INVALID,
                       "the brokers refuse session.timeout.ms %d: it must be within their "
                       "group.min.session.timeout.ms "
                       "and group.max.session.timeout.ms",
                       session_timeout_ms);
    case CV_WIRE_GROUP_AUTHORIZATION_FAILED:
        return cv_fail(
            err, CV_INVALID,
            "not authorized to join the group \"%s\": grant Read on the group to the worker's user",
            group_id);
    case CV_WIRE_GROUP_MAX_SIZE_REACHED:
        return cv_fail(err, CV_INVALID,
                       "the group \"%s\" is full: raise the brokers' group.max.size", group_id);
    default:
        return cv_fail(err, CV_INTERNAL, "%s for the group \"%s\" failed: %s (%d)",
                       cv_wire_api_name(api), group_id, cv_wire_error_name(error), error);
    }
}
