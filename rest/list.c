/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /connectors, with what "expand" asks for: what status pages and probes ask again and again. The answer is
 * made of the local copies of two topics and kept until one of them changes (herder_changes). The number is taken
 * before the copies are read: an answer is then at worst newer than its number, and made again for nothing.
 *
 * Any thread: each listener has its own. The answers of a rest object belong to its lock.
 */
#include <config.h>

#include <stdlib.h>

#include "common/thread.h"
#include "rest/api.h"
#include "rest/json.h"

#define KEPT_MAX ((size_t)4 << 20) /* longer ones are made each time */

/* What is asked for, in the order of the query. */
enum shape { SHAPE_NAMES, SHAPE_EMPTY, SHAPE_STATUS, SHAPE_INFO, SHAPE_STATUS_INFO, SHAPE_INFO_STATUS, SHAPES };

struct rest_lists {
    struct cv_lock lock;
    struct kept {
        bool valid;
        uint64_t changes;
        struct cv_buf body;
    } kept[SHAPES];
};

struct rest_lists *
rest_lists_new(void)
{
    struct rest_lists *lists = calloc(1, sizeof(*lists));

    if (lists == NULL)
        return NULL;
    cv_lock_init(&lists->lock, CV_RANK_HTTP);
    for (size_t i = 0; i < SHAPES; i++)
        cv_buf_init(&lists->kept[i].body, KEPT_MAX);
    return lists;
}

void
rest_lists_free(struct rest_lists *lists)
{
    if (lists == NULL)
        return;
    for (size_t i = 0; i < SHAPES; i++)
        cv_buf_free(&lists->kept[i].body);
    cv_lock_done(&lists->lock);
    free(lists);
}

/* Values that nobody knows are ignored, as is one that comes again. */
static enum shape
shape_of(const struct cv_http_request *req)
{
    enum shape shape = SHAPE_NAMES;
    const char *value;

    for (size_t i = 0; (value = cv_http_query(req, "expand", i)) != NULL; i++) {
        bool status = strcmp(value, "status") == 0, info = strcmp(value, "info") == 0;

        if (shape == SHAPE_NAMES)
            shape = SHAPE_EMPTY;
        if (shape == SHAPE_EMPTY && (status || info))
            shape = status ? SHAPE_STATUS : SHAPE_INFO;
        else if (shape == SHAPE_STATUS && info)
            shape = SHAPE_STATUS_INFO;
        else if (shape == SHAPE_INFO && status)
            shape = SHAPE_INFO_STATUS;
    }
    return shape;
}

/* ---- making them ---- */

/* CV_NOT_FOUND: it has no status (yet). */
static enum cv_rc
write_status(struct herder *herder, const char *name, struct cv_json_writer *w, struct cv_err *err)
{
    struct connector_state_info info = { 0 };
    enum cv_rc rc = herder_connector_state(herder, name, &info, err);

    if (rc != CV_OK)
        return rc;
    cv_json_key(w, "status");
    rest_json_connector_state(w, &info);
    connector_state_info_done(&info);
    return CV_OK;
}

static enum cv_rc
write_info(struct herder *herder, const char *name, struct cv_json_writer *w, struct cv_err *err)
{
    struct connector_info info = { 0 };
    enum cv_rc rc = herder_connector_info_now(herder, name, &info, err);

    if (rc != CV_OK && rc != CV_NOT_FOUND)
        return rc;
    cv_json_key(w, "info");
    if (rc == CV_OK)
        rest_json_connector_info(w, &info);
    else
        cv_json_null(w); /* deleted meanwhile */
    connector_info_done(&info);
    return CV_OK;
}

/* One connector of an expanded list. CV_NOT_FOUND: leave it out. */
static enum cv_rc
write_expanded(struct herder *herder, enum shape shape, const char *name, struct cv_json_writer *w,
               struct cv_err *err)
{
    enum cv_rc rc = CV_OK;

    cv_json_object(w);
    if (shape == SHAPE_INFO || shape == SHAPE_INFO_STATUS)
        rc = write_info(herder, name, w, err);
    if (rc == CV_OK && shape != SHAPE_EMPTY && shape != SHAPE_INFO)
        rc = write_status(herder, name, w, err);
    if (rc == CV_OK && shape == SHAPE_STATUS_INFO)
        rc = write_info(herder, name, w, err);
    cv_json_object_end(w);
    return rc;
}

static enum cv_rc
write_list(struct herder *herder, enum shape shape, struct cv_buf *body, struct cv_err *err)
{
    struct cv_json_writer w = cv_json_writer_of(body);
    struct name_list names = { 0 };
    enum cv_rc rc = herder_connectors(herder, &names, err);

    if (rc == CV_OK && shape == SHAPE_NAMES)
        rest_json_names(&w, &names);
    else if (rc == CV_OK)
        cv_json_object(&w);
    for (size_t i = 0; rc == CV_OK && shape != SHAPE_NAMES && i < names.count; i++) {
        struct cv_json_writer before = w;
        size_t len = body->len;

        cv_json_key(&w, names.items[i]);
        rc = write_expanded(herder, shape, names.items[i], &w, err);
        if (rc == CV_NOT_FOUND) {
            cv_buf_truncate(body, len);
            w = before;
            rc = CV_OK;
        }
    }
    if (rc == CV_OK && shape != SHAPE_NAMES)
        cv_json_object_end(&w);
    name_list_done(&names);
    return rc;
}

/* ---- keeping them ---- */

static bool
take_kept(struct rest_lists *lists, enum shape shape, uint64_t changes, struct cv_buf *body)
{
    struct kept *kept = &lists->kept[shape];
    bool fits;

    cv_lock(&lists->lock);
    fits = kept->valid && kept->changes == changes;
    if (fits)
        cv_buf_add(body, kept->body.data, kept->body.len);
    cv_unlock(&lists->lock);
    return fits;
}

static void
keep(struct rest_lists *lists, enum shape shape, uint64_t changes, const struct cv_buf *body)
{
    struct kept *kept = &lists->kept[shape];

    if (body->failed != CV_OK || body->len > KEPT_MAX)
        return;
    cv_lock(&lists->lock);
    if (!kept->valid || kept->changes < changes) {
        cv_buf_reset(&kept->body);
        cv_buf_add(&kept->body, body->data, body->len);
        kept->valid = kept->body.failed == CV_OK;
        kept->changes = changes;
    }
    cv_unlock(&lists->lock);
}

void
rest_connectors_list(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct rest *rest = arg;
    struct herder *herder = rest_herder(rest);
    enum shape shape = shape_of(req);
    uint64_t changes = 0;
    bool lasting = herder_changes(herder, &changes);
    struct cv_err err;

    if (lasting && take_kept(rest->lists, shape, changes, &res->body))
        return;
    if (write_list(herder, shape, &res->body, &err) != CV_OK)
        rest_fail(res, &err);
    else if (lasting)
        keep(rest->lists, shape, changes, &res->body);
}
