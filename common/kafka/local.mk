noinst_LIBRARIES += common/kafka/libkafka.a
common_kafka_libkafka_a_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS) $(OPENSSL_CFLAGS)
common_kafka_libkafka_a_SOURCES = \
	common/kafka/admin.c common/kafka/admin.h common/kafka/admin_create.c common/kafka/admin_private.h \
	common/kafka/client.c common/kafka/client.h \
	common/kafka/compacted_topic.c common/kafka/compacted_topic.h \
	common/kafka/conf.c common/kafka/conf.h \
	common/kafka/consumer.c common/kafka/consumer.h \
	common/kafka/consumer_positions.c \
	common/kafka/handle.h \
	common/kafka/hint.c common/kafka/hint.h \
	common/kafka/keys.c common/kafka/keys.h \
	common/kafka/login.c common/kafka/login.h \
	common/kafka/producer.c common/kafka/producer.h common/kafka/producer_gate.c common/kafka/producer_private.h \
	common/kafka/stats.c common/kafka/stats.h \
	common/kafka/topic_log.c common/kafka/topic_log.h common/kafka/topic_log_local.c \
	common/kafka/topic_log_private.h common/kafka/topic_log_requests.c \
	common/kafka/tunnel.c common/kafka/tunnel.h

# Tests of this folder link these behind it.
unit_kafka = common/kafka/libkafka.a common/wire/libwire.a $(oauth_libs) common/libcommon.a $(RDKAFKA_LIBS) $(oauth_system_libs) $(OPENSSL_LIBS) $(PCRE2_LIBS) $(CMOCKA_LIBS)
unit_tests += tests/unit/kafka_keys_test
tests_unit_kafka_keys_test_SOURCES = tests/unit/kafka_keys_test.c tests/helper/log_file.c tests/helper/log_file.h
tests_unit_kafka_keys_test_CPPFLAGS = $(unit_cppflags) $(RDKAFKA_CFLAGS)
tests_unit_kafka_keys_test_LDADD = $(unit_kafka)
unit_tests += tests/unit/kafka_hint_test
tests_unit_kafka_hint_test_SOURCES = tests/unit/kafka_hint_test.c
tests_unit_kafka_hint_test_CPPFLAGS = $(unit_cppflags) $(OPENSSL_CFLAGS)
tests_unit_kafka_hint_test_LDADD = $(unit_kafka)
unit_tests += tests/unit/kafka_stats_test
tests_unit_kafka_stats_test_SOURCES = tests/unit/kafka_stats_test.c
tests_unit_kafka_stats_test_CPPFLAGS = $(unit_cppflags) $(RDKAFKA_CFLAGS)
tests_unit_kafka_stats_test_LDADD = $(unit_kafka)
unit_tests += tests/unit/kafka_producer_test
tests_unit_kafka_producer_test_SOURCES = tests/unit/kafka_producer_test.c tests/helper/tsan_threads.c \
	tests/helper/log_file.c tests/helper/log_file.h
tests_unit_kafka_producer_test_CPPFLAGS = $(unit_cppflags) $(RDKAFKA_CFLAGS)
tests_unit_kafka_producer_test_LDADD = $(unit_kafka)

# Against a real broker; tests/integration/kafka_client.int runs it.
check_PROGRAMS += tests/integration/kafka_client
tests_integration_kafka_client_SOURCES = \
	tests/integration/kafka_client.c \
	tests/integration/kafka_client.h \
	tests/integration/kafka_client_group.c \
	tests/integration/kafka_client_log.c \
	tests/helper/tsan_threads.c
tests_integration_kafka_client_CPPFLAGS = $(unit_cppflags)
tests_integration_kafka_client_LDADD = $(unit_kafka)

# librdkafka's callbacks are the test's to call.
unit_tests += tests/unit/tunnel_test
tests_unit_tunnel_test_SOURCES = tests/unit/tunnel_test.c tests/helper/fake_broker.c tests/helper/tsan_threads.c
tests_unit_tunnel_test_CPPFLAGS = $(unit_cppflags) $(RDKAFKA_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_tunnel_test_LDADD = $(unit_kafka)
tests_unit_tunnel_test_LDFLAGS = -Wl,--wrap=rd_kafka_conf_set_socket_cb,--wrap=rd_kafka_conf_set_connect_cb
