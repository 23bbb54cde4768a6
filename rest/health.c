/* SPDX-License-Identifier: Apache-2.0 */
/* GET /, /health, /culvert/version: who answers, and whether it works. They answer before there is
 * a herder. */
#include <config.h>

#include "common/json_write.h"
#include "rest/api.h"

static void
string_field(struct cv_json_writer *w, const char *key, const char *value)
{
    cv_json_key(w, key);
    cv_json_string(w, value);
}

void
rest_root(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct rest *rest = arg;
    struct herder *herder = rest_herder(rest);
    struct herder_about about = { .cluster_id = "" };

    (void)req;
    if (herder != NULL)
        herder_about(herder, &about);
    cv_json_object(&w);
    string_field(&w, "version", rest->connect_version);
    string_field(&w, "commit", rest->commit);
    string_field(&w, "kafka_cluster_id", about.cluster_id);
    cv_json_object_end(&w);
}

void
rest_version(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct rest *rest = arg;

    (void)req;
    cv_json_object(&w);
    string_field(&w, "version", rest->version);
    string_field(&w, "commit", rest->commit);
    string_field(&w, "connect_version", rest->connect_version);
    cv_json_object_end(&w);
}

void
rest_health(void *arg, const struct cv_http_request *req, struct cv_http_response *res)
{
    static const struct {
        enum cv_rc rc;
        int status;
        const char *word;
    } states[] = {
        { CV_OK, 200, "healthy" },
        { CV_RETRY, 503, "starting" },
        { CV_INTERNAL, 500, "unhealthy" },
    };
    struct cv_json_writer w = cv_json_writer_of(&res->body);
    struct rest *rest = arg;
    struct herder *herder = rest_herder(rest);
    struct cv_err err = CV_ERR_INIT;
    enum cv_rc rc;
    size_t i = 0;

    (void)req;
    if (herder == NULL)
        rc = cv_fail(&err, CV_RETRY, "Worker is still starting up.");
    else
        rc = herder_health(herder, &err);
    while (i < CV_COUNT(states) - 1 && states[i].rc != rc)
        i++;
    res->status = states[i].status;
    cv_json_object(&w);
    string_field(&w, "status", states[i].word);
    string_field(&w, "message", err.text);
    cv_json_object_end(&w);
}
