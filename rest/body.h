/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request bodies, read as Jackson with Connect's settings reads them: scalars become strings of
 * their source text ("tasks.max": 1.50 is "1.50"), duplicate keys: the last wins, a byte order mark
 * in front is skipped; comments, single quotes and whatever follows the first value are refused.
 * Private to rest/.
 *
 * The functions answer CV_OK, CV_INVALID with the reason in why (as Jackson begins it, with line
 * and column), or CV_NO_MEMORY. An empty body and a literal null are "no value".
 */
#ifndef REST_BODY_H
#define REST_BODY_H

#include <culvert/config.h>

#include "common/buf.h"
#include "worker/status.h"

#define REST_WHY_MAX 4096

/* POST /connectors. */
struct rest_create {
    char *name;               /* NULL: missing or null */
    struct cv_config *config; /* NULL: missing or null */
    bool has_state;
    enum target_state state;
};

void rest_create_done(struct rest_create *create);

/* *ret_null: there is no value; then nothing else is filled. */
CV_MUST_CHECK
enum cv_rc rest_read_create(const char *body, size_t len, struct rest_create *ret, bool *ret_null,
                            struct cv_buf *why);
/* A map of strings; *ret NULL: no value. Free with cv_config_free. */
CV_MUST_CHECK
enum cv_rc rest_read_config(const char *body, size_t len, struct cv_config **ret,
                            struct cv_buf *why);
/* A list of such maps (null is an empty one). Free each, and the array with free(). No value is an
 * error. */
CV_MUST_CHECK
enum cv_rc rest_read_configs(const char *body, size_t len, struct cv_config ***ret,
                             size_t *ret_count, struct cv_buf *why);
/* Check the shape of PATCH .../offsets; *ret_json is the body without byte order mark, *ret_count
   how many offsets it has; *ret_null: no value. */
CV_MUST_CHECK
enum cv_rc rest_read_offsets(const char *body, size_t len, const char **ret_json, size_t *ret_len,
                             size_t *ret_count, bool *ret_null, struct cv_buf *why);
/* error_code and message of an error answer; false: it is none. message is decoded into out. */
bool rest_read_error(const char *body, size_t len, int *ret_code, struct cv_buf *out);

#endif
