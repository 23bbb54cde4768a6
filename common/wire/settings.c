/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys to connection settings. The same keys configure librdkafka's clients beside us
 * (common/kafka/client.c), so both spellings are read, and what we cannot do is refused instead of
 * ignored: a worker whose group connection is less protected than its other clients would be a
 * hole.
 */
#include <config.h>

#include "common/wire/settings.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/jaas.h"
#include "common/number.h"
#include "common/oauth/oauth.h"
#include "common/secret.h"
#include "common/wire/tls.h"

#define CONNECT_TIMEOUT_MS "10000"

static const char *const mechanism_names[] = { "none", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512",
                                               "OAUTHBEARER" };

const char *
wire_sasl_mechanism_name(enum wire_sasl_mechanism mechanism)
{
    return mechanism_names[mechanism];
}

static void
secret_free(char *secret)
{
    if (secret != NULL)
        cv_secret_wipe(secret, strlen(secret));
    free(secret);
}

void
cv_wire_settings_free(struct cv_wire_settings *settings)
{
    size_t i;

    if (settings == NULL)
        return;
    for (i = 0; i < settings->n_bootstrap; i++)
        free(settings->bootstrap[i].host);
    free(settings->bootstrap);
    free(settings->client_id);
    free(settings->username);
    secret_free(settings->password);
    cv_oauth_free(settings->oauth);
    SSL_CTX_free(settings->tls);
    free(settings);
}

/* Java's true and false, and librdkafka's other words for them. */
enum cv_rc
wire_setting_bool(const struct cv_config *cfg, const char *key, bool otherwise, bool *ret,
                  struct cv_err *err)
{
    static const char *const words[][2] = { { "false", "true" }, { "f", "t" }, { "0", "1" } };
    const char *value = cv_config_get(cfg, key);

    if (value == NULL) {
        *ret = otherwise;
        return CV_OK;
    }
    for (size_t i = 0; i < CV_COUNT(words); i++)
        for (int truth = 0; truth < 2; truth++)
            if (strcasecmp(value, words[i][truth]) == 0) {
                *ret = truth;
                return CV_OK;
            }
    return cv_fail(err, CV_INVALID, "%s has the value \"%s\": it must be true or false", key, value);
}

/* The key of the two that is set; Java's comes first. */
static const char *
either(const struct cv_config *cfg, const char *javas, const char *librdkafkas)
{
    return cv_config_get(cfg, javas) == NULL && cv_config_get(cfg, librdkafkas) != NULL ? librdkafkas : javas;
}

/* "host:port", "[v6]:port", with or without "PROTOCOL://" in front. */
static enum cv_rc
parse_address(const char *key, const char *text, size_t len, struct cv_wire_address *ret, struct cv_err *err)
{
    const char *start = text, *end = text + len, *colon, *scheme;
    char *after;
    long port;

    scheme = memmem(text, len, "://", 3);
    if (scheme != NULL)
        start = scheme + 3;
    colon = memrchr(start, ':', (size_t)(end - start));
    if (colon == NULL || colon == start || colon + 1 == end)
        goto invalid;
    port = strtol(colon + 1, &after, 10);
    if (after != end || port < 1 || port > 65535)
        goto invalid;
    if (*start == '[' && colon[-1] == ']' && colon - start > 2) {
        start++;
        colon--;
    } else if (memchr(start, ':', (size_t)(colon - start)) != NULL) {
        goto invalid; /* an IPv6 address without brackets: which colon is the port's? */
    }
    ret->host = strndup(start, (size_t)(colon - start));
    if (ret->host == NULL)
        return cv_fail_memory(err);
    ret->port = (int)port;
    return CV_OK;
invalid:
    return cv_fail(err, CV_INVALID, "%s has an invalid address \"%.*s\": write host:port", key, (int)len, text);
}

static enum cv_rc
add_bootstrap(struct cv_wire_settings *settings, const char *key, const char *text, size_t len,
              struct cv_err *err)
{
    struct cv_wire_address *list =
        realloc(settings->bootstrap, (settings->n_bootstrap + 1) * sizeof(*list));
    enum cv_rc rc;

    if (list == NULL)
        return cv_fail_memory(err);
    settings->bootstrap = list;
    rc = parse_address(key, text, len, &list[settings->n_bootstrap], err);
    if (rc == CV_OK)
        settings->n_bootstrap++;
    return rc;
}

static enum cv_rc
read_bootstrap(struct cv_wire_settings *settings, const struct cv_config *cfg, struct cv_err *err)
{
    const char *key = either(cfg, "bootstrap.servers", "metadata.broker.list");
    const char *text = cv_config_get(cfg, key);
    enum cv_rc rc = CV_OK;

    while (text != NULL && rc == CV_OK) {
        size_t skip = strspn(text, " \t,"), len;

        text += skip;
        len = strcspn(text, " \t,");
        if (len == 0)
            break;
        rc = add_bootstrap(settings, key, text, len, err);
        text += len;
    }
    if (rc == CV_OK && settings->n_bootstrap == 0)
        rc = cv_fail(err, CV_INVALID,
                     "%s is not set: write the host:port of one or more brokers", key);
    return rc;
}

static enum cv_rc
read_protocol(const struct cv_config *cfg, bool *ret_tls, bool *ret_sasl, struct cv_err *err)
{
    static const struct {
        const char *name;
        bool tls, sasl;
    } protocols[] = {
        { "PLAINTEXT", false, false },
        { "SSL", true, false },
        { "SASL_PLAINTEXT", false, true },
        { "SASL_SSL", true, true },
    };
    const char *value = cv_config_get(cfg, "security.protocol");
    size_t i;

    for (i = 0; i < CV_COUNT(protocols); i++) {
        if (strcasecmp(value == NULL ? "PLAINTEXT" : value, protocols[i].name) == 0) {
            *ret_tls = protocols[i].tls;
            *ret_sasl = protocols[i].sasl;
            return CV_OK;
        }
    }
    return cv_fail(err, CV_INVALID,
                   "security.protocol has the value \"%s\": it must be PLAINTEXT, SSL, "
                   "SASL_PLAINTEXT or SASL_SSL",
                   value);
}

static enum cv_rc
read_mechanism(struct cv_wire_settings *settings, const struct cv_config *cfg, struct cv_err *err)
{
    const char *value = cv_config_get(cfg, "sasl.mechanism");
    enum wire_sasl_mechanism m;

    if (value == NULL)
        value = cv_config_get(cfg, "sasl.mechanisms");
    if (value == NULL)
        return cv_fail(
            err, CV_INVALID,
            "sasl.mechanism is not set, and its default GSSAPI is not supported: set PLAIN, "
            "SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER");
    for (m = WIRE_SASL_PLAIN; m <= WIRE_SASL_OAUTHBEARER; m++) {
        if (strcasecmp(value, mechanism_names[m]) == 0) {
            settings->mechanism = m;
            return CV_OK;
        }
    }
    return cv_fail(
        err, CV_INVALID,
        "sasl.mechanism has the value \"%s\", which is not supported: set PLAIN, SCRAM-SHA-256, "
        "SCRAM-SHA-512 or OAUTHBEARER",
        value);
}

/* A copy of a module's option; NULL in *ret: not there. */
static enum cv_rc
copy_option(const struct cv_config *options, const char *name, char **ret, struct cv_err *err)
{
    const char *value = cv_config_get(options, name);

    if (value == NULL)
        return CV_OK;
    *ret = strdup(value);
    return *ret == NULL ? cv_fail_memory(err) : CV_OK;
}

static enum cv_rc
read_jaas(struct cv_wire_settings *settings, const char *jaas, struct cv_err *err)
{
    const char *needed =
        settings->mechanism == WIRE_SASL_PLAIN ? "PlainLoginModule" : "ScramLoginModule";
    struct cv_jaas_module module;
    enum cv_rc rc;

    if (cv_jaas_parse(jaas, &module, err) != CV_OK)
        return cv_err_context(err, "sasl.jaas.config (its value is not shown)");
    if (strcmp(cv_jaas_simple_name(&module), needed) != 0)
        rc = cv_fail(err, CV_INVALID,
                     "sasl.jaas.config names the login module \"%s\", but sasl.mechanism %s needs "
                     "the %s",
                     module.name, wire_sasl_mechanism_name(settings->mechanism), needed);
    else
        rc = copy_option(module.options, "username", &settings->username, err);
    if (rc == CV_OK)
        rc = copy_option(module.options, "password", &settings->password, err);
    cv_jaas_module_done(&module);
    return rc;
}

static enum cv_rc
read_sasl(struct cv_wire_settings *settings, const struct cv_config *cfg, struct cv_err *err)
{
    const char *jaas = cv_config_get(cfg, "sasl.jaas.config");
    const char *username = cv_config_get(cfg, "sasl.username");
    const char *password = cv_config_get(cfg, "sasl.password");
    enum cv_rc rc = read_mechanism(settings, cfg, err);

    if (rc == CV_OK && settings->mechanism == WIRE_SASL_OAUTHBEARER)
        return cv_oauth_new(cfg, &settings->oauth, err);
    if (rc == CV_OK && jaas != NULL) {
        rc = read_jaas(settings, jaas, err);
    } else if (rc == CV_OK) {
        settings->username = username == NULL ? NULL : strdup(username);
        settings->password = password == NULL ? NULL : strdup(password);
    }
    if (rc == CV_OK && (settings->username == NULL || settings->password == NULL))
        rc = cv_fail(err, CV_INVALID,
                     "sasl.mechanism %s needs a user and a password: set sasl.jaas.config, or "
                     "sasl.username and "
                     "sasl.password",
                     wire_sasl_mechanism_name(settings->mechanism));
    return rc;
}

static enum cv_rc
read_connect_timeout(struct cv_wire_settings *settings, const struct cv_config *cfg,
                     struct cv_err *err)
{
    const char *value = cv_config_get(cfg, "socket.connection.setup.timeout.ms");
    char *end;
    long ms;

    if (value == NULL)
        value = CONNECT_TIMEOUT_MS;
    ms = strtol(value, &end, 10);
    if (end == value || *end != '\0' || ms < 1 || ms > 3600000)
        return cv_fail(
            err, CV_INVALID,
            "socket.connection.setup.timeout.ms has the value \"%s\": it must be from 1 to 3600000",
            value);
    settings->connect_timeout_ms = (int)ms;
    return CV_OK;
}

/* 0, as librdkafka, and -1, as Java writes it: what the system chooses. */
static enum cv_rc
read_buffer(const struct cv_config *cfg, const char *javas, const char *librdkafkas, int *ret,
            struct cv_err *err)
{
    const char *key = either(cfg, javas, librdkafkas), *value = cv_config_get(cfg, key);
    int64_t bytes = 0;

    if (value != NULL && (!cv_parse_i64(value, strlen(value), &bytes) || bytes < -1 || bytes > INT32_MAX))
        return cv_fail(err, CV_INVALID,
                       "%s has the value \"%s\": it must be from 1 to %ld, or -1 to leave it to the system", key,
                       value, (long)INT32_MAX);
    *ret = bytes < 0 ? 0 : (int)bytes;
    return CV_OK;
}

static enum cv_rc
read_family(const struct cv_config *cfg, int *ret, struct cv_err *err)
{
    static const struct {
        const char *name;
        int family;
    } families[] = { { "any", AF_UNSPEC }, { "v4", AF_INET }, { "v6", AF_INET6 } };
    const char *value = cv_config_get(cfg, "broker.address.family");

    for (size_t i = 0; i < CV_COUNT(families); i++)
        if (strcasecmp(value == NULL ? "any" : value, families[i].name) == 0) {
            *ret = families[i].family;
            return CV_OK;
        }
    return cv_fail(err, CV_INVALID,
                   "broker.address.family has the value \"%s\": it must be any, v4 or v6", value);
}

static enum cv_rc
read_socket(struct cv_wire_settings *settings, const struct cv_config *cfg, struct cv_err *err)
{
    enum cv_rc rc = read_connect_timeout(settings, cfg, err);

    if (rc == CV_OK)
        rc = read_family(cfg, &settings->family, err);
    if (rc == CV_OK)
        rc = read_buffer(cfg, "send.buffer.bytes", "socket.send.buffer.bytes", &settings->send_buffer_bytes, err);
    if (rc == CV_OK)
        rc = read_buffer(cfg, "receive.buffer.bytes", "socket.receive.buffer.bytes",
                         &settings->receive_buffer_bytes, err);
    if (rc == CV_OK)
        rc = wire_setting_bool(cfg, "socket.keepalive.enable", true, &settings->keepalive, err);
    if (rc == CV_OK)
        rc = wire_setting_bool(cfg, "socket.nagle.disable", true, &settings->no_delay, err);
    return rc;
}

/* Hosts must match unless ssl.endpoint.identification.algorithm is empty (Java) or none
 * (librdkafka). */
static enum cv_rc
read_identification(struct cv_wire_settings *settings, const struct cv_config *cfg,
                    struct cv_err *err)
{
    const char *value = cv_config_get(cfg, "ssl.endpoint.identification.algorithm");

    if (value == NULL || strcasecmp(value, "https") == 0) {
        settings->verify_host = true;
        return CV_OK;
    }
    if (*value == '\0' || strcasecmp(value, "none") == 0)
        return CV_OK;
    return cv_fail(
        err, CV_INVALID,
        "ssl.endpoint.identification.algorithm has the value \"%s\": it must be https, or empty to "
        "accept a certificate for any host",
        value);
}

static enum cv_rc
read_settings(struct cv_wire_settings *settings, const struct cv_config *cfg, struct cv_err *err)
{
    bool tls = false, sasl = false;
    enum cv_rc rc = read_bootstrap(settings, cfg, err);

    if (rc == CV_OK)
        rc = read_socket(settings, cfg, err);
    if (rc == CV_OK)
        rc = read_protocol(cfg, &tls, &sasl, err);
    if (rc == CV_OK && tls)
        rc = read_identification(settings, cfg, err);
    if (rc == CV_OK && tls)
        rc = wire_tls_new(cfg, &settings->tls, err);
    if (rc == CV_OK && sasl)
        rc = read_sasl(settings, cfg, err);
    return rc;
}

enum cv_rc
cv_wire_settings_new(const struct cv_config *cfg, const char *client_id,
                     struct cv_wire_settings **ret, struct cv_err *err)
{
    struct cv_wire_settings *settings = calloc(1, sizeof(*settings));
    enum cv_rc rc;

    if (settings == NULL)
        return cv_fail_memory(err);
    settings->client_id = strdup(client_id);
    rc = settings->client_id == NULL ? cv_fail_memory(err) : read_settings(settings, cfg, err);
    if (rc == CV_OK)
        *ret = settings;
    else
        cv_wire_settings_free(settings);
    return rc;
}
