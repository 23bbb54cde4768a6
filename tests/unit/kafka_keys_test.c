/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/helper/cmocka_all.h"
#include "tests/helper/log_file.h"

#include "common/kafka/client.h"
#include "common/kafka/conf.h"
#include "common/kafka/handle.h"
#include "common/kafka/keys.h"

#include <stdio.h>

#define P CV_KAFKA_PRODUCER
#define C CV_KAFKA_CONSUMER
#define A CV_KAFKA_ADMIN

#define PEM_STORE TEST_DATA "/tls/keystore.pem"
#define PEM_CERT  TEST_DATA "/tls/certificate.pem"

/* A config from "key=value" lines; "key" alone is a NULL value. */
static struct cv_config *
config_of(const char *lines)
{
    struct cv_config *cfg = cv_config_new();
    struct cv_err err = CV_ERR_INIT;

    assert_non_null(cfg);
    while (*lines != '\0') {
        char key[128], value[1024];
        size_t len = strcspn(lines, "\n");
        const char *eq = memchr(lines, '=', len);
        size_t key_len = eq != NULL ? (size_t)(eq - lines) : len;

        snprintf(key, sizeof(key), "%.*s", (int)key_len, lines);
        if (eq != NULL)
            snprintf(value, sizeof(value), "%.*s", (int)(len - key_len - 1), eq + 1);
        assert_int_equal(cv_config_set(cfg, key, eq != NULL ? value : NULL, &err), CV_OK);
        lines += len + (lines[len] == '\n');
    }
    return cfg;
}

/* "key=value" lines of cfg, each with a newline. */
static void
text_of(const struct cv_config *cfg, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < cv_config_count(cfg); i++)
        snprintf(out + strlen(out), size - strlen(out), "%s=%s\n", cv_config_key(cfg, i),
                 cv_config_value(cfg, i) != NULL ? cv_config_value(cfg, i) : "(null)");
}

struct accepted_case {
    enum cv_kafka_role role;
    const char *merged; /* the first line is the key under test */
    const char *out;
};

static const struct accepted_case accepted_cases[] = {
    { P, "bootstrap.servers=a:1,b:2", "bootstrap.servers=a:1,b:2\n" },
    { A, "metadata.broker.list=a:1", "bootstrap.servers=a:1\n" },
    /* Java's names and meanings */
    { P, "metadata.max.age.ms=1000", "topic.metadata.refresh.interval.ms=1000\n" },
    { P, "receive.buffer.bytes=-1", "socket.receive.buffer.bytes=0\n" },
    { C, "send.buffer.bytes=131072", "socket.send.buffer.bytes=131072\n" },
    { C, "connections.max.idle.ms=-1", "connections.max.idle.ms=0\n" },
    { C, "request.timeout.ms=40000", "socket.timeout.ms=40000\n" },
    { P, "request.timeout.ms=400000", "socket.timeout.ms=300000\n" },
    { P, "delivery.timeout.ms=2147483647", "message.timeout.ms=0\n" },
    { P, "delivery.timeout.ms=120000", "message.timeout.ms=120000\n" },
    { P, "buffer.memory=33554432", "queue.buffering.max.kbytes=32768\n" },
    { P, "buffer.memory=10", "queue.buffering.max.kbytes=1\n" },
    { P, "max.request.size=2000000", "message.max.bytes=2000000\n" },
    { P, "compression.type=LZ4", "compression.type=lz4\n" },
    { P, "compression.zstd.level=19\ncompression.type=zstd", "compression.level=12\n" },
    { P, "compression.zstd.level=19\ncompression.type=lz4", "" },
    { P, "compression.gzip.level=6", "" },
    { P, "partitioner.class=org.apache.kafka.clients.producer.internals.DefaultPartitioner",
      "partitioner=murmur2_random\n" },
    { P, "partitioner.class=org.apache.kafka.clients.producer.RoundRobinPartitioner",
      "partitioner=random\n" },
    { C, "auto.offset.reset=none", "auto.offset.reset=error\n" },
    { C, "auto.offset.reset=Latest", "auto.offset.reset=latest\n" },
    { C, "fetch.max.wait.ms=100", "fetch.wait.max.ms=100\n" },
    { C, "isolation.level=READ_COMMITTED", "isolation.level=read_committed\n" },
    { C, "group.protocol=classic", "" },
    { C, "partition.assignment.strategy=org.apache.kafka.clients.consumer.RangeAssignor",
      "partition.assignment.strategy=range\n" },
    { C,
      "partition.assignment.strategy=org.apache.kafka.clients.consumer.RangeAssignor,"
      "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
      "partition.assignment.strategy=range\n" },
    { C, "partition.assignment.strategy= cooperative-sticky ",
      "partition.assignment.strategy=cooperative-sticky\n" },
    { C, "partition.assignment.strategy=roundrobin,range",
      "partition.assignment.strategy=roundrobin,range\n" },
    /* security */
    { P, "security.protocol=SASL_SSL", "security.protocol=sasl_ssl\n" },
    { P, "sasl.mechanism=SCRAM-SHA-512", "sasl.mechanism=SCRAM-SHA-512\n" },
    { P, "sasl.mechanisms=OAUTHBEARER",
      "sasl.mechanism=OAUTHBEARER\n" },
    { A,
      "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
      "username=\"alice\" password=\"a \\\"b\\\\;\";",
      "sasl.username=alice\nsasl.password=a \"b\\;\n" },
    { A,
      "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule "
      "required\tusername='u' "
      "password=p tokenauth=true ;",
      "sasl.username=u\nsasl.password=p\n" },
    { A,
      "sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule "
      "required "
      "clientId=\"c\" clientSecret=\"s\" scope=\"x\";",
      "" },
    /* common/oauth reads these; librdkafka would fetch tokens by itself */
    { P, "sasl.oauthbearer.method=oidc", "" },
    { P, "sasl.oauthbearer.token.endpoint.url=https://login.example/token", "" },
    { P, "sasl.oauthbearer.client.credentials.client.secret=s", "" },
    { P, "ssl.truststore.password=x", "" },
    { P, "ssl.keystore.password=x", "" },
    { P, "ssl.key.password=x", "" },
    /* half of an identity: the other half may stand in another layer */
    { P, "ssl.keystore.key=KEY", "" },
    /* stores count for TLS only */
    { P, "ssl.truststore.location=/nowhere\nsecurity.protocol=PLAINTEXT", "" },
    { P, "ssl.keystore.location=/nowhere\nsecurity.protocol=sasl_plaintext", "" },
    { P, "ssl.endpoint.identification.algorithm=", "ssl.endpoint.identification.algorithm=none\n" },
    { P, "ssl.endpoint.identification.algorithm=HTTPS",
      "ssl.endpoint.identification.algorithm=https\n" },
    { P, "ssl.cipher.suites=TLS_AES_128_GCM_SHA256", "ssl.cipher.suites=TLS_AES_128_GCM_SHA256\n" },
    { A, "ssl.cipher.suites=ECDHE-RSA-AES128-GCM-SHA256", "ssl.cipher.suites=ECDHE-RSA-AES128-GCM-SHA256\n" },
    { C, "ssl.cipher.suites=", "" },
    { C, "ssl.curves.list=", "" },
    { C, "ssl.sigalgs.list=", "" },
    { C, "ssl.crl.location=", "" },
    { P, "sasl.login.callback.handler.class=org.x.OAuthBearerLoginCallbackHandler", "" },
    { P, "ssl.engine.factory.class=", "" },
    { C, "debug=all", "debug=all\n" },
    { C, "debug=", "" },
    { A, "receive.message.max.bytes=5000", "receive.message.max.bytes=5000\n" },
    /* librdkafka's alone, which a producer is not */
    { P, "debug=all", "" },
    { P, "broker.address.ttl=5", "" },
    { P, "receive.message.max.bytes=5000", "" },
    { P, "allow.auto.create.topics=false", "" },
    /* of another role, of Java alone, of nobody: dropped */
    { C, "linger.ms=5", "" },
    { A, "fetch.min.bytes=5", "" },
    { P, "key.serializer=org.apache.kafka.common.serialization.StringSerializer", "" },
    { P, "client.dns.lookup=use_all_dns_ips", "" },
    { C, "max.poll.records=500", "" },
    { P, "statistics.interval.ms=5", "" },
    { P, "no.such.key=5", "" },
    /* decided by the caller of this library */
    { C, "group.id=mine", "" },
    { C, "enable.auto.commit=true", "" },
    { P, "transactional.id=mine", "" },
};

static void
accepted_keys_become_librdkafkas(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(accepted_cases); i++) {
        const struct accepted_case *one = &accepted_cases[i];
        struct cv_config *merged = config_of(one->merged), *out = cv_config_new();
        struct cv_err err = CV_ERR_INIT;
        char text[1024];

        print_message("case %s\n", one->merged);
        assert_int_equal(kafka_keys_translate(one->role, merged, cv_config_key(merged, 0),
                                              cv_config_value(merged, 0), out, &err),
                         CV_OK);
        text_of(out, text, sizeof(text));
        assert_string_equal(text, one->out);
        cv_config_free(merged);
        cv_config_free(out);
    }
}

struct refused_case {
    enum cv_kafka_role role;
    const char *merged;
    const char *says;
};

static const struct refused_case refused_cases[] = {
    { P, "plugin.library.paths=/tmp/x.so", "can load code" },
    { C, "plugin.library.paths=", "can load code" },
    { P, "ssl.engine.location=/tmp/x.so", "can load code" },
    { P, "ssl.engine.id=x", "can load code" },
    { P, "ssl.providers=x", "can load code" },
    { A, "interceptors=x", "can load code" },
    { A, "sasl.kerberos.kinit.cmd=rm -rf /", "can load code" },
    { A, "sasl.kerberos.principal=x", "use PLAIN" },
    { A, "sasl.mechanism=GSSAPI", "use PLAIN, SCRAM-SHA-256" },
    { P, "enable.sasl.oauthbearer.unsecure.jwt=true", "remove the key" },
    { P, "ssl.engine.factory.class=org.x.Y", "cannot run a Java class" },
    { P, "sasl.login.callback.handler.class=org.x.Evil", "OAuthBearerLoginCallbackHandler" },
    { P, "ssl.truststore.location=/nowhere.p12", "ssl.truststore.location \"/nowhere.p12\"" },
    { P, "ssl.truststore.certificates=CERT", "ssl.truststore.certificates holds no PEM" },
    { P, "ssl.keystore.location=" PEM_CERT, "ssl.keystore.location holds no PEM private key" },
    { P, "ssl.keystore.location=" PEM_STORE "\nssl.keystore.type=PKCS12", "ssl.keystore.type=PEM" },
    { C, "ssl.cipher.suites=TLS_AES_128_GCM_SHA256", "OpenSSL" },
    { P, "partitioner.class=org.x.Mine", "no such partitioner" },
    { P, "buffer.memory=lots", "not a number: \"lots\"" },
    { P, "buffer.memory=-1", "must not be negative" },
    { P, "delivery.timeout.ms=1s", "not a number" },
    { C, "group.protocol=consumer", "only classic" },
    { C, "auto.offset.reset=by_duration:P1D", "use earliest" },
    { C, "partition.assignment.strategy=org.apache.kafka.clients.consumer.StickyAssignor",
      "no such assignor" },
    { C, "partition.assignment.strategy=,", "no assignor" },
    { A, "sasl.jaas.config=", "does not begin with" },
    { A, "sasl.jaas.config=x.PlainLoginModule username=s3cret password=s3cret;", "control flag" },
    { A, "sasl.jaas.config=x.PlainLoginModule required username=s3cret", "semicolon" },
    { A, "sasl.jaas.config=x.PlainLoginModule required s3cret;", "name=value" },
    { A, "sasl.jaas.config=x.PlainLoginModule required password=\"s3cret;", "not closed" },
    { A,
      "sasl.jaas.config=com.sun.security.auth.module.JndiLoginModule required password=\"s3cret\";",
      "cannot use login module" },
};

static void
refused_keys_say_why_and_hold_no_secret(void **state)
{
    (void)state;
    for (size_t i = 0; i < CV_COUNT(refused_cases); i++) {
        const struct refused_case *one = &refused_cases[i];
        struct cv_config *merged = config_of(one->merged), *out = cv_config_new();
        struct cv_err err = CV_ERR_INIT;

        print_message("case %s\n", one->merged);
        assert_int_equal(kafka_keys_translate(one->role, merged, cv_config_key(merged, 0),
                                              cv_config_value(merged, 0), out, &err),
                         CV_INVALID);
        assert_non_null(strstr(err.text, one->says));
        assert_null(strstr(err.text, "s3cret"));
        assert_int_equal(cv_config_count(out), 0);
        cv_config_free(merged);
        cv_config_free(out);
    }
}

static void
stores_become_pem_texts(void **state)
{
    static const char *const rows[][2] = {
        { "ssl.truststore.location=" PEM_CERT, "ssl.ca.pem" },
        { "ssl.truststore.location=" PEM_CERT "\nssl.truststore.type=PEM", "ssl.ca.pem" },
        { "ssl.ca.location=" PEM_CERT "\nsecurity.protocol=sasl_ssl", "ssl.ca.pem" },
        { "ssl.keystore.location=" PEM_STORE, "ssl.certificate.pem" },
        { "ssl.keystore.location=" PEM_STORE, "ssl.key.pem" },
        { "ssl.key.location=" PEM_STORE "\nssl.certificate.location=" PEM_CERT, "ssl.key.pem" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(rows); i++) {
        struct cv_config *merged = config_of(rows[i][0]), *out = cv_config_new();
        struct cv_err err = CV_ERR_INIT;
        const char *pem;

        print_message("case %s\n", rows[i][0]);
        if (kafka_keys_translate(P, merged, cv_config_key(merged, 0), cv_config_value(merged, 0),
                                 out, &err) != CV_OK)
            fail_msg("%s", err.text);
        pem = cv_config_get(out, rows[i][1]);
        assert_non_null(pem);
        assert_int_equal(strncmp(pem, "-----BEGIN ", 11), 0);
        assert_null(cv_config_get(out, cv_config_key(merged, 0)));
        cv_config_free(merged);
        cv_config_free(out);
    }
}

/* -- The layers together -- */

static enum cv_rc
build(enum cv_kafka_role role, bool transactional, const char *weak, const char *strong,
      struct cv_config **ret, struct cv_err *err)
{
    struct cv_config *low = config_of(weak), *high = config_of(strong);
    struct cv_kafka_conf conf = {
        .role = role, .client_id = "me", .layers = { low, NULL, high }, .n_layers = 3
    };
    enum cv_rc rc;

    *ret = cv_config_new();
    rc = kafka_conf_build(&conf, transactional, *ret, err);
    cv_config_free(low);
    cv_config_free(high);
    return rc;
}

static void
assert_built(enum cv_kafka_role role, bool transactional, const char *weak, const char *strong,
             const char *key, const char *value)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_config *out;

    assert_int_equal(build(role, transactional, weak, strong, &out, &err), CV_OK);
    if (value != NULL)
        assert_string_equal(cv_config_get(out, key), value);
    else
        assert_null(cv_config_get(out, key));
    cv_config_free(out);
}

#define BROKER "bootstrap.servers=a:1\n"

static void
defaults_bound_memory_and_are_javas(void **state)
{
    (void)state;
    assert_built(P, false, BROKER, "", "partitioner", "murmur2_random");
    assert_built(P, false, BROKER, "", "acks", "all");
    assert_built(P, false, BROKER, "", "linger.ms", "0");
    assert_built(P, false, BROKER, "", "message.timeout.ms", "0");
    assert_built(P, false, BROKER, "", "connections.max.idle.ms", "540000");
    assert_built(P, false, BROKER, "connections.max.idle.ms=-1", "connections.max.idle.ms", "0");
    assert_built(P, false, BROKER, "", "queue.buffering.max.messages", "20000");
    assert_built(P, false, BROKER, "", "queue.buffering.max.kbytes", "65536");
    assert_built(P, false, BROKER, "", "client.id", "me");
    assert_built(C, false, BROKER, "", "auto.offset.reset", "earliest");
    assert_built(C, false, BROKER, "", "isolation.level", "read_uncommitted");
    assert_built(C, false, BROKER, "", "enable.auto.commit", "false");
    assert_built(C, false, BROKER, "", "linger.ms", NULL);
    assert_built(A, false, BROKER, "", "allow.auto.create.topics", "false");
}

static void
a_stronger_layer_wins_under_either_name(void **state)
{
    (void)state;
    assert_built(P, false, BROKER "linger.ms=7", "", "linger.ms", "7");
    assert_built(P, false, BROKER "linger.ms=7", "queue.buffering.max.ms=9", "linger.ms", "9");
    assert_built(P, false, BROKER "queue.buffering.max.ms=9", "linger.ms=7", "linger.ms", "7");
    assert_built(P, false, BROKER "linger.ms=7", "linger.ms", "linger.ms", "0");
    /* a bad value that is overridden does no harm */
    assert_built(P, false, BROKER "buffer.memory=lots", "buffer.memory=2048",
                 "queue.buffering.max.kbytes", "2");
}

static void
order_is_kept_by_idempotence_or_by_one_request_in_flight(void **state)
{
    static const char *const key = "max.in.flight.requests.per.connection";

    (void)state;
    assert_built(P, false, BROKER, "", "enable.idempotence", "true");
    assert_built(P, false, BROKER, "", key, NULL);
    assert_built(P, false, BROKER, "max.in.flight=2", key, "2");
    assert_built(P, false, BROKER, "max.in.flight=6", "enable.idempotence", NULL);
    assert_built(P, false, BROKER, "retries=0", "enable.idempotence", NULL);
    assert_built(P, false, BROKER, "acks=1", "enable.idempotence", NULL);
    assert_built(P, false, BROKER, "acks=1", key, "1");
    assert_built(P, false, BROKER, "acks=-1", "enable.idempotence", "true");
    assert_built(P, false, BROKER, "enable.idempotence=false", key, "1");
    assert_built(P, false, BROKER, "enable.idempotence=true", key, NULL);
    assert_built(P, true, BROKER, "", key, NULL);
    assert_built(P, true, BROKER, "enable.idempotence=false", "enable.idempotence", "true");
}

static void
a_setting_that_is_not_followed_is_told(void **state)
{
    static const struct {
        enum cv_kafka_role role;
        bool transactional;
        const char *weak, *strong; /* layers */
        const char *key;           /* NULL: nothing to tell */
    } cases[] = {
        { P, false, "transactional.id=mine", "", "key=transactional.id value=mine" },
        { P, true, "", "transactional.id=mine", "key=transactional.id value=mine" },
        { C, false, "transactional.id=mine", "", NULL },
        { P, true, "enable.idempotence=false", "", "key=enable.idempotence value=false" },
        { P, true, "enable.idempotence=false", "enable.idempotence=true", NULL },
        { P, false, "enable.idempotence=false", "", NULL },
        { P, false, "debug=all", "", "key=debug value=all why=\"it is for librdkafka" },
        { P, false, "debug=", "", NULL },
        { C, false, "debug=all", "", NULL },
        { A, false, "broker.address.ttl=5", "", NULL },
        { P, false, "", "broker.address.ttl=5", "key=broker.address.ttl value=5" },
        { P, false, "topic.metadata.refresh.fast.interval.ms=5", "",
          "key=topic.metadata.refresh.fast.interval.ms value=5" },
        { P, true, "receive.message.max.bytes=5000", "", "key=receive.message.max.bytes value=5000" },
        { P, false, "allow.auto.create.topics=false", "", "key=allow.auto.create.topics value=false" },
        { C, false, "allow.auto.create.topics=false", "", NULL },
        { C, false, "enable.auto.commit=True", "", "key=enable.auto.commit value=True" },
        { C, false, "enable.auto.commit=false", "group.id=mine", NULL },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_config *low = config_of(cases[i].weak), *high = config_of(cases[i].strong);
        struct cv_kafka_conf conf = { .role = cases[i].role, .client_id = "me", .layers = { low, high },
                                      .n_layers = 2 };
        const char *expected = cases[i].key;

        log_file_open();
        kafka_conf_warn(&conf, cases[i].transactional);
        assert_int_equal(log_file_count("a client's setting is ignored", "client=me"), expected != NULL);
        if (expected != NULL)
            assert_int_equal(log_file_count("ignored", expected), 1);
        log_file_close();
        cv_config_free(low);
        cv_config_free(high);
    }
}

/* For readers of the merged keys: the connections of producers and of the tunnel. */
static void
merged_layers_have_each_setting_once(void **state)
{
    static const struct {
        const char *weak, *strong, *merged;
    } cases[] = {
        { "bootstrap.servers=a:1", "metadata.broker.list=b:1", "metadata.broker.list=b:1\n" },
        { "socket.send.buffer.bytes=1", "send.buffer.bytes=2", "send.buffer.bytes=2\n" },
        { "send.buffer.bytes=2", "receive.buffer.bytes=3", "send.buffer.bytes=2\nreceive.buffer.bytes=3\n" },
        { "sasl.mechanism=PLAIN", "sasl.mechanisms=OAUTHBEARER", "sasl.mechanisms=OAUTHBEARER\n" },
        { "sasl.mechanism=PLAIN", "sasl.mechanisms", "sasl.mechanism=PLAIN\nsasl.mechanisms=(null)\n" },
        { "acks=1\nrequest.required.acks=all", "", "request.required.acks=all\n" },
        { "no.such.key=1", "no.such.name=2", "no.such.key=1\nno.such.name=2\n" },
    };

    (void)state;
    for (size_t i = 0; i < CV_COUNT(cases); i++) {
        struct cv_config *low = config_of(cases[i].weak), *high = config_of(cases[i].strong);
        struct cv_config *merged = cv_config_new();
        struct cv_kafka_conf conf = { .role = P, .layers = { low, NULL, high }, .n_layers = 3 };
        struct cv_err err = CV_ERR_INIT;
        char text[256], expected[256];

        assert_int_equal(kafka_conf_merge(&conf, merged, &err), CV_OK);
        snprintf(expected, sizeof(expected), "security.protocol=PLAINTEXT\n%s", cases[i].merged);
        text_of(merged, text, sizeof(text));
        assert_string_equal(text, expected);
        cv_config_free(low);
        cv_config_free(high);
        cv_config_free(merged);
    }
}

/* Without its value, which may be a secret; what Java's classes alone know is no mistake. */
static void
a_setting_that_means_nothing_here_is_told(void **state)
{
    struct cv_config *low = config_of("linger.ms=5"), *high = config_of("compresion.type=hush");
    struct cv_config *javas = config_of("ssl.provider=x");
    struct cv_kafka_conf conf = { .role = P, .client_id = "me", .layers = { low, javas, high }, .n_layers = 3 };

    (void)state;
    log_file_open();
    kafka_conf_warn(&conf, false);
    assert_int_equal(log_file_count("means nothing here and is ignored", "client=me key=compresion.type"), 1);
    assert_int_equal(log_file_count("ignored", ""), 1);
    assert_int_equal(log_file_count("hush", ""), 0);
    log_file_close();
    cv_config_free(low);
    cv_config_free(javas);
    cv_config_free(high);
}

static void
a_transaction_bounds_its_messages_and_requests(void **state)
{
    (void)state;
    assert_built(P, true, BROKER, "", "message.timeout.ms", "60000");
    assert_built(P, true, BROKER, "transaction.timeout.ms=15000", "message.timeout.ms", "15000");
    assert_built(P, true, BROKER "delivery.timeout.ms=2147483647", "transaction.timeout.ms=15000",
                 "message.timeout.ms", "15000");
    assert_built(P, true, BROKER, "delivery.timeout.ms=5000", "message.timeout.ms", "5000");
    assert_built(P, true, BROKER, "request.timeout.ms=90000", "socket.timeout.ms", "60000");
}

static void
combinations_that_java_accepts_are_adjusted(void **state)
{
    (void)state;
    assert_built(C, false, BROKER, "fetch.max.bytes=1024", "message.max.bytes", "1024");
    assert_built(C, false, BROKER, "fetch.max.bytes=10", "message.max.bytes", "1000");
    assert_built(C, false, BROKER, "fetch.max.bytes=2000000", "message.max.bytes", NULL);
    assert_built(P, false, BROKER, "reconnect.backoff.ms=5000", "reconnect.backoff.max.ms", "5000");
}

static void
missing_keys_are_named_with_their_remedy(void **state)
{
    struct cv_err err = CV_ERR_INIT;
    struct cv_config *out;

    (void)state;
    assert_int_equal(build(P, false, "", "", &out, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "\"bootstrap.servers\" is missing"));
    cv_config_free(out);
    assert_int_equal(build(C, false, "bootstrap.servers= ,", "", &out, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "\"bootstrap.servers\" is missing"));
    cv_config_free(out);
    assert_int_equal(build(P, false, BROKER "security.protocol=SASL_SSL", "", &out, &err),
                     CV_INVALID);
    assert_non_null(strstr(err.text, "\"sasl.mechanism\" is missing: use PLAIN"));
    cv_config_free(out);
    assert_int_equal(build(P, false, BROKER, "ssl.providers=x", &out, &err), CV_INVALID);
    assert_non_null(strstr(err.text, "configuration \"ssl.providers\": refused"));
    cv_config_free(out);
}

/* -- Validation -- */

static void
check_finds_every_bad_key_under_the_users_name(void **state)
{
    struct cv_config *layer = config_of("linger.ms=5\n"
                                        "buffer.memory=lots\n"
                                        "compression.type=brotli\n"
                                        "acks=nobody\n"
                                        "plugin.library.paths=x\n"
                                        "no.such.key=1\n"
                                        "batch.size");
    struct cv_config_errors errors = { 0 };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_kafka_check(P, layer, &errors, &err), CV_INVALID);
    assert_int_equal(errors.count, 4);
    assert_string_equal(errors.items[0].key, "buffer.memory");
    assert_string_equal(errors.items[1].key, "compression.type");
    assert_non_null(strstr(errors.items[1].text, "brotli"));
    assert_string_equal(errors.items[2].key, "acks");
    assert_string_equal(errors.items[3].key, "plugin.library.paths");
    assert_non_null(strstr(err.text, "configuration \"buffer.memory\""));
    cv_config_errors_done(&errors);
    cv_config_free(layer);
}

static void
check_accepts_a_good_layer(void **state)
{
    struct cv_config *layer = config_of("bootstrap.servers=a:1\nlinger.ms=5\nacks=1\n"
                                        "compression.type=zstd\ncompression.zstd.level=3");
    struct cv_config_errors errors = { 0 };
    struct cv_err err = CV_ERR_INIT;

    (void)state;
    assert_int_equal(cv_kafka_check(P, layer, &errors, &err), CV_OK);
    assert_int_equal(errors.count, 0);
    cv_config_errors_done(&errors);
    cv_config_free(layer);
}

/* Nothing else would notice a typing error in a default that no row of the table passes on. */
static void
librdkafka_takes_every_default(void **state)
{
    struct cv_config *layer = config_of(BROKER);

    (void)state;
    for (int role = P; role <= A; role++) {
        struct cv_kafka_conf conf = { .role = (enum cv_kafka_role)role,
                                      .layers = { layer },
                                      .n_layers = 1 };
        struct cv_err err = CV_ERR_INIT;
        rd_kafka_conf_t *rdconf;

        assert_int_equal(kafka_rdconf_new(&conf, role == P, &rdconf, &err), CV_OK);
        rd_kafka_conf_destroy(rdconf);
    }
    cv_config_free(layer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_keys_become_librdkafkas),
        cmocka_unit_test(refused_keys_say_why_and_hold_no_secret),
        cmocka_unit_test(stores_become_pem_texts),
        cmocka_unit_test(defaults_bound_memory_and_are_javas),
        cmocka_unit_test(a_stronger_layer_wins_under_either_name),
        cmocka_unit_test(order_is_kept_by_idempotence_or_by_one_request_in_flight),
        cmocka_unit_test(a_setting_that_is_not_followed_is_told),
        cmocka_unit_test(merged_layers_have_each_setting_once),
        cmocka_unit_test(a_setting_that_means_nothing_here_is_told),
        cmocka_unit_test(a_transaction_bounds_its_messages_and_requests),
        cmocka_unit_test(combinations_that_java_accepts_are_adjusted),
        cmocka_unit_test(missing_keys_are_named_with_their_remedy),
        cmocka_unit_test(check_finds_every_bad_key_under_the_users_name),
        cmocka_unit_test(check_accepts_a_good_layer),
        cmocka_unit_test(librdkafka_takes_every_default),
    };

    return cmocka_run_group_tests_name("kafka_keys", tests, NULL, NULL);
}
