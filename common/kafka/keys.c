/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table says what becomes of every key: passed on, renamed, converted, dropped or refused. It
 * is an allowlist: what is not in it never reaches librdkafka, whose configuration can load
 * libraries and run programs (plugin.library.paths, ssl.engine.location, sasl.kerberos.kinit.cmd,
 * ...).
 *
 * Sources: producer, consumer and admin configuration of Apache Kafka 4.1; CONFIGURATION.md of
 * librdkafka 2.0.
 */
#include "common/kafka/keys.h"

#include "common/jaas.h"
#include "common/tls_store.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define P   (1U << CV_KAFKA_PRODUCER)
#define C   (1U << CV_KAFKA_CONSUMER)
#define A   (1U << CV_KAFKA_ADMIN)
#define ALL (P | C | A)

struct key_row;

/* What a converter sees. */
struct translation {
    enum cv_kafka_role role;
    const struct cv_config *merged;
    struct cv_config *out;
};

typedef enum cv_rc key_convert(struct translation *t, const struct key_row *row, const char *value,
                               struct cv_err *err);

struct key_row {
    const char *name;
    unsigned roles;     /* where it means something; elsewhere it is dropped */
    const char *target; /* librdkafka's name; NULL: the same */
    key_convert *convert;
    const char *arg;
};

static enum cv_rc
put(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    return cv_config_set(t->out, row->target != NULL ? row->target : row->name, value, err);
}

static enum cv_rc
put_int(struct translation *t, const struct key_row *row, int64_t value, struct cv_err *err)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    return put(t, row, text, err);
}

bool
kafka_keys_int(const char *text, int64_t *ret)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(text, &end, 10);
    while (isspace((unsigned char)*end))
        end++;
    if (end == text || *end != '\0' || errno != 0)
        return false;
    *ret = v;
    return true;
}

static enum cv_rc
number(const char *text, int64_t *ret, struct cv_err *err)
{
    if (!kafka_keys_int(text, ret))
        return cv_fail(err, CV_INVALID, "not a number: \"%s\"", text);
    return CV_OK;
}

static enum cv_rc
pass(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    return put(t, row, value, err);
}

/* An empty value says: as if it were not there. */
static enum cv_rc
pass_unless_empty(struct translation *t, const struct key_row *row, const char *value,
                  struct cv_err *err)
{
    return *value == '\0' ? CV_OK : put(t, row, value, err);
}

static enum cv_rc
drop(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    (void)t, (void)row, (void)value, (void)err;
    return CV_OK;
}

/* What the program sets itself whatever is said here; arg says why. target is the value that agrees with it. */
static enum cv_rc
ours(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    return drop(t, row, value, err);
}

/* What librdkafka alone can follow, and so no producer. */
static enum cv_rc
librdkafkas(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    return t->role == CV_KAFKA_PRODUCER ? CV_OK : pass_unless_empty(t, row, value, err);
}

static enum cv_rc
refuse(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    (void)t, (void)value;
    return cv_fail(err, CV_INVALID, "%s", row->arg);
}

static enum cv_rc
refuse_unless_empty(struct translation *t, const struct key_row *row, const char *value,
                    struct cv_err *err)
{
    return *value == '\0' ? CV_OK : refuse(t, row, value, err);
}

static enum cv_rc
lower(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    char text[64];
    size_t i;

    for (i = 0; i < sizeof(text) - 1 && value[i] != '\0'; i++)
        text[i] = (char)tolower((unsigned char)value[i]);
    text[i] = '\0';
    return put(t, row, text, err);
}

/* Java's -1 (leave it to the system, never) is librdkafka's 0. */
static enum cv_rc
minus_one_is_zero(struct translation *t, const struct key_row *row, const char *value,
                  struct cv_err *err)
{
    int64_t v;

    if (number(value, &v, err) != CV_OK)
        return err->rc;
    return put_int(t, row, v == -1 ? 0 : v, err);
}

/* Integer.MAX_VALUE means no limit, which librdkafka calls 0. */
static enum cv_rc
delivery_timeout(struct translation *t, const struct key_row *row, const char *value,
                 struct cv_err *err)
{
    int64_t v;

    if (number(value, &v, err) != CV_OK)
        return err->rc;
    return put_int(t, row, v >= INT32_MAX ? 0 : v, err);
}

static enum cv_rc
bytes_to_kbytes(struct translation *t, const struct key_row *row, const char *value,
                struct cv_err *err)
{
    int64_t v;

    if (number(value, &v, err) != CV_OK)
        return err->rc;
    if (v < 0)
        return cv_fail(err, CV_INVALID, "must not be negative: \"%s\"", value);
    v /= 1024;
    return put_int(t, row, v < 1 ? 1 : v > INT32_MAX ? INT32_MAX : v, err);
}

/* librdkafka takes at most five minutes. */
static enum cv_rc
request_timeout(struct translation *t, const struct key_row *row, const char *value,
                struct cv_err *err)
{
    int64_t v;

    if (number(value, &v, err) != CV_OK)
        return err->rc;
    return put_int(t, row, v > 300000 ? 300000 : v, err);
}

static enum cv_rc
offset_reset(struct translation *t, const struct key_row *row, const char *value,
             struct cv_err *err)
{
    if (strncasecmp(value, "by_duration", 11) == 0)
        return cv_fail(err, CV_INVALID,
                       "by_duration is not supported; use earliest, latest or none");
    return strcasecmp(value, "none") == 0 ? put(t, row, "error", err) : lower(t, row, value, err);
}

static enum cv_rc
group_protocol(struct translation *t, const struct key_row *row, const char *value,
               struct cv_err *err)
{
    (void)t, (void)row;
    if (strcasecmp(value, "classic") != 0)
        return cv_fail(err, CV_INVALID, "only classic is supported, not \"%s\"", value);
    return CV_OK;
}

/* The name behind the last dot of a Java class. */
static const char *
simple_name(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

/* A list of assignor classes or names. librdkafka does not mix eager and cooperative ones in one
   list (Java does, to move a group from one to the other): the eager ones win, since every member
   understands them. */
static enum cv_rc
assignors(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    static const char *const names[][2] = {
        { "RangeAssignor", "range" },
        { "range", "range" },
        { "RoundRobinAssignor", "roundrobin" },
        { "roundrobin", "roundrobin" },
        { "CooperativeStickyAssignor", "cooperative-sticky" },
        { "cooperative-sticky", "cooperative-sticky" },
    };
    char eager[64] = "";
    bool cooperative = false;
    const char *p = value;

    while (*p != '\0') {
        char name[128];
        size_t len, i;

        p += strspn(p, ", \t");
        len = strcspn(p, ", \t");
        if (len == 0)
            break;
        snprintf(name, sizeof(name), "%.*s", (int)len, p);
        p += len;
        for (i = 0; i < CV_COUNT(names); i++)
            if (strcmp(simple_name(name), names[i][0]) == 0)
                break;
        if (i == CV_COUNT(names))
            return cv_fail(
                err, CV_INVALID,
                "no such assignor here: \"%s\"; use range, roundrobin or cooperative-sticky", name);
        if (strcmp(names[i][1], "cooperative-sticky") == 0)
            cooperative = true;
        else if (strstr(eager, names[i][1]) == NULL)
            snprintf(eager + strlen(eager), sizeof(eager) - strlen(eager), "%s%s",
                     eager[0] != '\0' ? "," : "", names[i][1]);
    }
    if (eager[0] == '\0' && !cooperative)
        return cv_fail(err, CV_INVALID, "names no assignor");
    return put(t, row, eager[0] != '\0' ? eager : "cooperative-sticky", err);
}

static enum cv_rc
partitioner(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    const char *name = simple_name(value);

    if (*value == '\0' || strcmp(name, "DefaultPartitioner") == 0)
        return put(t, row, "murmur2_random", err);
    if (strcmp(name, "RoundRobinPartitioner") == 0)
        return put(t, row, "random", err);
    return cv_fail(err, CV_INVALID,
                   "no such partitioner here: \"%s\"; leave the key out for Java's default", value);
}

/* compression.<type>.level counts for the type in use; librdkafka has one level and takes at
 * most 12. */
static enum cv_rc
compression_level(struct translation *t, const struct key_row *row, const char *value,
                  struct cv_err *err)
{
    const char *type = cv_config_get(t->merged, "compression.type");
    int64_t v;

    if (number(value, &v, err) != CV_OK)
        return err->rc;
    if (type == NULL || strcasecmp(type, row->arg) != 0)
        return CV_OK;
    return put_int(t, row, v > 12 ? 12 : v < -1 ? -1 : v, err);
}

#define GSSAPI_REFUSED                                                                             \
    "GSSAPI is not supported (it runs kinit); use PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or "         \
    "OAUTHBEARER"

static enum cv_rc
mechanism(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    if (strcasecmp(value, "GSSAPI") == 0)
        return cv_fail(err, CV_INVALID, GSSAPI_REFUSED);
    return put(t, row, value, err);
}

/* Username and password of Plain and Scram modules; common/oauth reads the options of OAuth's. */
static enum cv_rc
jaas_config(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    static const char *const fields[][3] = {
        { "PlainLoginModule", "username", "sasl.username" },
        { "PlainLoginModule", "password", "sasl.password" },
        { "ScramLoginModule", "username", "sasl.username" },
        { "ScramLoginModule", "password", "sasl.password" },
    };
    struct cv_jaas_module module;
    bool known;
    enum cv_rc rc = CV_OK;

    (void)row;
    if (cv_jaas_parse(value, &module, err) != CV_OK)
        return err->rc;
    known = strcmp(cv_jaas_simple_name(&module), "OAuthBearerLoginModule") == 0;
    for (size_t i = 0; rc == CV_OK && i < CV_COUNT(fields); i++) {
        const char *option;

        if (strcmp(cv_jaas_simple_name(&module), fields[i][0]) != 0)
            continue;
        known = true;
        option = cv_config_get(module.options, fields[i][1]);
        if (option != NULL)
            rc = cv_config_set(t->out, fields[i][2], option, err);
    }
    if (rc == CV_OK && !known)
        rc = cv_fail(err, CV_INVALID,
                     "cannot use login module \"%s\"; use PlainLoginModule, ScramLoginModule or "
                     "OAuthBearerLoginModule",
                     module.name);
    cv_jaas_module_done(&module);
    return rc;
}

static enum cv_rc
callback_handler(struct translation *t, const struct key_row *row, const char *value,
                 struct cv_err *err)
{
    (void)t, (void)row;
    if (*value == '\0' || strcmp(simple_name(value), "OAuthBearerLoginCallbackHandler") == 0 ||
        strcmp(simple_name(value), "OAuthBearerUnsecuredLoginCallbackHandler") == 0)
        return CV_OK;
    return cv_fail(err, CV_INVALID,
                   "cannot run the Java class \"%s\"; only OAuthBearerLoginCallbackHandler and "
                   "OAuthBearerUnsecuredLoginCallbackHandler have a counterpart",
                   value);
}

static bool
any_set(const struct cv_config *cfg, const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *value = cv_config_get(cfg, *names);

        if (value != NULL && *value != '\0')
            return true;
    }
    return false;
}

/* Whether connections are TLS ones. A layer that is looked at alone does not say; then they may be. */
static bool
is_tls(const struct translation *t)
{
    const char *protocol = cv_config_get(t->merged, "security.protocol");

    return protocol == NULL || strcasestr(protocol, "SSL") != NULL;
}

/* A key of a store and a password or certificate in another one: each is read where the first of
   them comes, and read again gives the same. */
static enum cv_rc
identity(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    static const char *const keys_of[] = { "ssl.keystore.key", "ssl.key.pem", "ssl.key.location",
                                           NULL };
    static const char *const chains[] = { "ssl.keystore.certificate.chain", "ssl.certificate.pem",
                                          "ssl.certificate.location", NULL };
    static const char *const stores[] = { "ssl.keystore.location", NULL };
    struct cv_tls_identity found = { 0 };
    enum cv_rc rc;

    (void)row;
    if (*value == '\0' || !is_tls(t))
        return CV_OK;
    if (!any_set(t->merged, stores) && any_set(t->merged, keys_of) != any_set(t->merged, chains))
        return CV_OK; /* half of it stands in another layer, or kafka_conf_build tells */
    if (cv_tls_identity(t->merged, &found, err) != CV_OK)
        return err->rc;
    rc = cv_config_set(t->out, "ssl.certificate.pem", found.chain, err);
    if (rc == CV_OK)
        rc = cv_config_set(t->out, "ssl.key.pem", found.key, err);
    cv_tls_identity_done(&found);
    return rc;
}

static enum cv_rc
trusted(struct translation *t, const struct key_row *row, const char *value, struct cv_err *err)
{
    char *found = NULL;
    enum cv_rc rc;

    (void)row;
    if (*value == '\0' || !is_tls(t))
        return CV_OK;
    if (cv_tls_trusted(t->merged, &found, err) != CV_OK)
        return err->rc;
    rc = cv_config_set(t->out, "ssl.ca.pem", found, err);
    free(found);
    return rc;
}

static enum cv_rc
identification(struct translation *t, const struct key_row *row, const char *value,
               struct cv_err *err)
{
    return *value == '\0' ? put(t, row, "none", err) : lower(t, row, value, err);
}

/* OpenSSL's names; librdkafka has no list of those of TLS 1.3. A producer's connections, which are common/wire's, take
   Java's as well. */
static enum cv_rc
cipher_suites(struct translation *t, const struct key_row *row, const char *value,
              struct cv_err *err)
{
    if (*value == '\0')
        return CV_OK;
    if (t->role != CV_KAFKA_PRODUCER && strstr(value, "TLS_") != NULL)
        return cv_fail(
            err, CV_INVALID,
            "Java's cipher names are not known here; use OpenSSL's (openssl ciphers -v), or "
            "leave the key out");
    return put(t, row, value, err);
}

#define RUNS_CODE  "refused: it can load code or run programs; remove the key"
#define JAVA_CLASS "cannot run a Java class; remove the key"

static const struct key_row keys[] = {
    /* all clients */
    { "bootstrap.servers", ALL, NULL, pass, NULL },
    { "metadata.broker.list", ALL, "bootstrap.servers", pass, NULL },
    { "client.id", ALL, NULL, pass, NULL },
    { "client.rack", C, NULL, pass, NULL },
    { "client.dns.lookup", ALL, NULL, drop, NULL },
    { "broker.address.family", ALL, NULL, lower, NULL },
    { "broker.address.ttl", ALL, NULL, librdkafkas, NULL },
    { "connections.max.idle.ms", ALL, NULL, minus_one_is_zero, NULL },
    { "debug", ALL, NULL, librdkafkas, NULL },
    { "metadata.max.age.ms", ALL, "topic.metadata.refresh.interval.ms", pass, NULL },
    { "topic.metadata.refresh.interval.ms", ALL, NULL, pass, NULL },
    { "topic.metadata.refresh.fast.interval.ms", ALL, NULL, librdkafkas, NULL },
    { "topic.metadata.propagation.max.ms", ALL, NULL, pass, NULL },
    { "receive.buffer.bytes", ALL, "socket.receive.buffer.bytes", minus_one_is_zero, NULL },
    { "send.buffer.bytes", ALL, "socket.send.buffer.bytes", minus_one_is_zero, NULL },
    { "socket.receive.buffer.bytes", ALL, NULL, pass, NULL },
    { "socket.send.buffer.bytes", ALL, NULL, pass, NULL },
    { "socket.keepalive.enable", ALL, NULL, pass, NULL },
    { "socket.nagle.disable", ALL, NULL, pass, NULL },
    { "socket.timeout.ms", ALL, NULL, pass, NULL },
    { "socket.connection.setup.timeout.ms", ALL, NULL, pass, NULL },
    { "socket.connection.setup.timeout.max.ms", ALL, NULL, drop, NULL },
    { "receive.message.max.bytes", ALL, NULL, librdkafkas, NULL },
    { "reconnect.backoff.ms", ALL, NULL, pass, NULL },
    { "reconnect.backoff.max.ms", ALL, NULL, pass, NULL },
    { "request.timeout.ms", ALL, "socket.timeout.ms", request_timeout, NULL },
    { "retry.backoff.ms", P, NULL, pass, NULL },
    { "allow.auto.create.topics", P | C, NULL, librdkafkas, NULL },

    /* security */
    { "security.protocol", ALL, NULL, lower, NULL },
    { "sasl.mechanism", ALL, "sasl.mechanism", mechanism, NULL },
    { "sasl.mechanisms", ALL, "sasl.mechanism", mechanism, NULL },
    { "sasl.jaas.config", ALL, NULL, jaas_config, NULL },
    { "sasl.username", ALL, NULL, pass, NULL },
    { "sasl.password", ALL, NULL, pass, NULL },
    /* sasl.oauthbearer.* is read by common/oauth, and librdkafka gets tokens */
    { "sasl.login.callback.handler.class", ALL, NULL, callback_handler, NULL },
    { "sasl.client.callback.handler.class", ALL, NULL, callback_handler, NULL },
    { "sasl.login.class", ALL, NULL, refuse_unless_empty, JAVA_CLASS },
    { "sasl.kerberos.kinit.cmd", ALL, NULL, refuse, RUNS_CODE },
    { "sasl.kerberos.keytab", ALL, NULL, refuse, GSSAPI_REFUSED },
    { "sasl.kerberos.principal", ALL, NULL, refuse, GSSAPI_REFUSED },
    { "ssl.truststore.location", ALL, NULL, trusted, NULL },
    { "ssl.truststore.certificates", ALL, NULL, trusted, NULL },
    { "ssl.truststore.type", ALL, NULL, drop, NULL },
    { "ssl.truststore.password", ALL, NULL, drop, NULL },
    { "ssl.keystore.location", ALL, NULL, identity, NULL },
    { "ssl.keystore.password", ALL, NULL, drop, NULL },
    { "ssl.keystore.type", ALL, NULL, drop, NULL },
    { "ssl.keystore.key", ALL, NULL, identity, NULL },
    { "ssl.keystore.certificate.chain", ALL, NULL, identity, NULL },
    { "ssl.ca.location", ALL, NULL, trusted, NULL },
    { "ssl.ca.pem", ALL, NULL, trusted, NULL },
    { "ssl.key.location", ALL, NULL, identity, NULL },
    { "ssl.key.password", ALL, NULL, drop, NULL },
    { "ssl.key.pem", ALL, NULL, identity, NULL },
    { "ssl.certificate.location", ALL, NULL, identity, NULL },
    { "ssl.certificate.pem", ALL, NULL, identity, NULL },
    { "ssl.crl.location", ALL, NULL, pass_unless_empty, NULL },
    { "ssl.cipher.suites", ALL, NULL, cipher_suites, NULL },
    { "ssl.curves.list", ALL, NULL, pass_unless_empty, NULL },
    { "ssl.sigalgs.list", ALL, NULL, pass_unless_empty, NULL },
    { "ssl.endpoint.identification.algorithm", ALL, NULL, identification, NULL },
    { "enable.ssl.certificate.verification", ALL, NULL, pass, NULL },
    { "ssl.engine.factory.class", ALL, NULL, refuse_unless_empty, JAVA_CLASS },
    { "security.providers", ALL, NULL, refuse_unless_empty, JAVA_CLASS },
    { "plugin.library.paths", ALL, NULL, refuse, RUNS_CODE },
    { "ssl.engine.location", ALL, NULL, refuse, RUNS_CODE },
    { "ssl.engine.id", ALL, NULL, refuse, RUNS_CODE },
    { "ssl.providers", ALL, NULL, refuse, RUNS_CODE },
    { "interceptors", ALL, NULL, refuse, RUNS_CODE },
    { "enable.sasl.oauthbearer.unsecure.jwt", ALL, NULL, refuse,
      "refused: unsigned tokens prove nothing; remove the key" },

    /* producer */
    { "acks", P, NULL, pass, NULL },
    { "request.required.acks", P, "acks", pass, NULL },
    { "batch.size", P, NULL, pass, NULL },
    { "batch.num.messages", P, NULL, pass, NULL },
    { "buffer.memory", P, "queue.buffering.max.kbytes", bytes_to_kbytes, NULL },
    { "queue.buffering.max.kbytes", P, NULL, pass, NULL },
    { "queue.buffering.max.messages", P, NULL, pass, NULL },
    { "queue.buffering.max.ms", P, "linger.ms", pass, NULL },
    { "linger.ms", P, NULL, pass, NULL },
    { "compression.type", P, NULL, lower, NULL },
    { "compression.codec", P, "compression.type", lower, NULL },
    { "compression.level", P, NULL, pass, NULL },
    { "compression.gzip.level", P, "compression.level", compression_level, "gzip" },
    { "compression.lz4.level", P, "compression.level", compression_level, "lz4" },
    { "compression.zstd.level", P, "compression.level", compression_level, "zstd" },
    { "delivery.timeout.ms", P, "message.timeout.ms", delivery_timeout, NULL },
    { "message.timeout.ms", P, NULL, pass, NULL },
    { "enable.idempotence", P, NULL, lower, NULL },
    { "max.in.flight.requests.per.connection", P, NULL, pass, NULL },
    { "max.in.flight", P, "max.in.flight.requests.per.connection", pass, NULL },
    { "max.request.size", P, "message.max.bytes", pass, NULL },
    { "message.max.bytes", P, NULL, pass, NULL },
    { "partitioner.class", P, "partitioner", partitioner, NULL },
    { "partitioner", P, NULL, pass, NULL },
    { "retries", P, NULL, pass, NULL },
    { "message.send.max.retries", P, "retries", pass, NULL },
    { "sticky.partitioning.linger.ms", P, NULL, pass, NULL },
    { "transaction.timeout.ms", P, NULL, pass, NULL },
    { "transactional.id", P, NULL, ours,
      "a producer has transactions only where it is to be exactly once, and their id is the program's" },

    /* consumer */
    { "group.id", C, NULL, drop, NULL }, /* the caller's to read */
    { "enable.auto.commit", C, "false", ours, "offsets are committed by who has processed the records" },
    { "auto.offset.reset", C, NULL, offset_reset, NULL },
    { "check.crcs", C, NULL, pass, NULL },
    { "fetch.error.backoff.ms", C, NULL, pass, NULL },
    { "fetch.max.bytes", C, NULL, pass, NULL },
    { "fetch.max.wait.ms", C, "fetch.wait.max.ms", pass, NULL },
    { "fetch.wait.max.ms", C, NULL, pass, NULL },
    { "fetch.message.max.bytes", C, "max.partition.fetch.bytes", pass, NULL },
    { "fetch.min.bytes", C, NULL, pass, NULL },
    { "group.instance.id", C, NULL, pass_unless_empty, NULL },
    { "group.protocol", C, NULL, group_protocol, NULL },
    { "heartbeat.interval.ms", C, NULL, pass, NULL },
    { "isolation.level", C, NULL, lower, NULL },
    { "max.partition.fetch.bytes", C, NULL, pass, NULL },
    { "max.poll.interval.ms", C, NULL, pass, NULL },
    { "partition.assignment.strategy", C, NULL, assignors, NULL },
    { "queued.max.messages.kbytes", C, NULL, pass, NULL },
    { "queued.min.messages", C, NULL, pass, NULL },
    { "session.timeout.ms", C, NULL, pass, NULL },
};

static const struct key_row *
row_of(const char *key)
{
    for (size_t i = 0; i < CV_COUNT(keys); i++)
        if (strcmp(keys[i].name, key) == 0)
            return &keys[i];
    return NULL;
}

enum cv_rc
kafka_keys_translate(enum cv_kafka_role role, const struct cv_config *merged, const char *key,
                     const char *value, struct cv_config *out, struct cv_err *err)
{
    struct translation t = { .role = role, .merged = merged, .out = out };
    const struct key_row *row = row_of(key);

    return row == NULL || (row->roles & (1U << role)) == 0 ? CV_OK : row->convert(&t, row, value, err);
}

const char *
kafka_keys_ignored(enum cv_kafka_role role, const char *key, const char *value)
{
    const struct key_row *row = row_of(key);

    if (row == NULL || (row->roles & (1U << role)) == 0)
        return NULL;
    if (row->convert == ours)
        return row->target != NULL && strcasecmp(row->target, value) == 0 ? NULL : row->arg;
    if (row->convert == librdkafkas && role == CV_KAFKA_PRODUCER && *value != '\0')
        return "it is for librdkafka, which producers do without";
    return NULL;
}

bool
kafka_keys_same(const char *key, const char *other)
{
    const struct key_row *a = row_of(key), *b = row_of(other);

    if (a == NULL || b == NULL || a->convert == ours || b->convert == ours)
        return false;
    return strcmp(a->target != NULL ? a->target : a->name, b->target != NULL ? b->target : b->name) == 0;
}

bool
kafka_keys_known(const char *key)
{
    /* Java has many of these for its own classes, and a worker's file passes all of them to every client */
    if (strncmp(key, "ssl.", strlen("ssl.")) == 0 || strncmp(key, "sasl.", strlen("sasl.")) == 0)
        return true;
    return row_of(key) != NULL;
}
