/* SPDX-License-Identifier: Apache-2.0 */
/* What other workers ask of the leader, and how their signatures are checked (InternalClusterResource). */
#include <config.h>

#include <string.h>

#include "common/buf.h"
#include "common/secret.h"
#include "worker/herder_forward.h"
#include "worker/herder_private.h"
#include "worker/standalone.h"

static bool
is_accepted(const struct worker_config *config, const char *algorithm)
{
    for (size_t i = 0; i < config->verification_algorithms.count; i++)
        if (strcmp(config->verification_algorithms.items[i], algorithm) == 0)
            return true;
    return false;
}

static enum cv_rc
refuse_algorithm(const struct worker_config *config, const char *algorithm, struct cv_err *err)
{
    struct cv_buf list = CV_BUF_INIT(1024);

    for (size_t i = 0; i < config->verification_algorithms.count; i++)
        cv_buf_printf(&list, "%s%s", i > 0 ? ", " : "", config->verification_algorithms.items[i]);
    cv_fail(err, CV_INVALID,
            "This worker does not support the '%.60s' key signing algorithm used by other workers. This worker is "
            "currently configured to use: [%.150s]. Check that all workers' configuration files permit the same set of "
            "signature algorithms, and correct any misconfigured worker and restart it.",
            algorithm, cv_buf_cstr(&list));
    cv_buf_free(&list);
    return CV_INVALID;
}

/* The first byte that Java's decoder would stumble over, -1: none. */
static int
bad_base64(const char *text)
{
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

    return text[n] == '\0' || text[n] == '=' ? -1 : (unsigned char)text[n];
}

enum cv_rc
herder_verify(struct herder *h, const char *algorithm, const char *signature, const char *body, size_t len,
              struct cv_err *err)
{
    struct cv_buf expected = CV_BUF_INIT(256);
    struct session_key key;
    enum cv_rc rc;

    if (!atomic_load(&h->started))
        return herder_is_starting(h, err);
    if (member_protocol(h->member) != GROUP_SESSIONED)
        return CV_OK;
    if (algorithm == NULL || signature == NULL)
        return cv_fail(err, CV_INVALID, "Internal request missing required signature");
    if (bad_base64(signature) >= 0)
        return cv_fail(err, CV_INVALID, "Illegal base64 character %x", (unsigned)bad_base64(signature));
    if (!is_accepted(h->spec.config, algorithm))
        return refuse_algorithm(h->spec.config, algorithm, err);
    if (!config_store_session_key(h->configs, &key))
        return cv_fail(err, CV_RETRY,
                       "This worker is still starting up and has not been able to read a session key from "
                       "the config topic yet");
    rc = herder_sign(&key, body, len, &expected, err);
    if (rc == CV_OK && (strlen(signature) != expected.len ||
                        !cv_secret_equal(signature, cv_buf_cstr(&expected), expected.len)))
        rc = cv_fail(err, CV_FENCED, "Internal request contained invalid signature.");
    cv_buf_wipe(&expected);
    return rc;
}

struct configs_arg {
    const char *name;
    struct cv_config *const *configs;
    size_t count;
    struct herder_forward *forward;
};

static enum cv_rc
run_configs_put(struct herder *h, void *arg, struct cv_err *err)
{
    struct configs_arg *a = arg;

    if (!herder_leads(h, a->forward, err))
        return err->rc;
    if (!config_store_has(h->configs, a->name))
        return cv_fail(err, CV_NOT_FOUND, "Connector %s not found", a->name);
    if (config_store_target(h->configs, a->name) == TARGET_STOPPED && a->count > 0)
        return cv_fail(err, CV_INVALID, "Cannot submit non-empty set of task configs for stopped connector %s",
                       a->name);
    return config_store_put_tasks(h->configs, a->name, a->configs, a->count, err);
}

enum cv_rc
herder_task_configs_put(struct herder *h, const char *name, struct cv_config *const *configs, size_t count,
                        struct herder_forward *forward, struct cv_err *err)
{
    struct configs_arg a = { name, configs, count, forward };

    if (standalone_is(h))
        return cv_fail(err, CV_INTERNAL,
                       "Kafka Connect in standalone mode does not support externally setting task configurations.");
    return herder_call(h, run_configs_put, &a, HERDER_REQUEST_TIMEOUT_MS, err);
}
