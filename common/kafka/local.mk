noinst_LIBRARIES += common/kafka/libkafka.a
common_kafka_libkafka_a_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS) $(OPENSSL_CFLAGS) $(ZLIB_CFLAGS)
common_kafka_libkafka_a_SOURCES = \
	common/kafka/admin.c common/kafka/admin.h common/kafka/admin_create.c common/kafka/admin_private.h \
	common/kafka/client.c common/kafka/client.h \
	common/kafka/compacted_topic.c common/kafka/compacted_topic.h \
	common/kafka/conf.c common/kafka/conf.h \
	common/kafka/consumer.c common/kafka/consumer.h \
	common/kafka/consumer_positions.c \
	common/kafka/handle.h \
	common/kafka/hint.c common/kafka/hint.h \
	common/kafka/refusal.c common/kafka/refusal.h \
	common/kafka/keys.c common/kafka/keys.h \
	common/kafka/login.c common/kafka/login.h \
	common/kafka/partitioner.c common/kafka/partitioner.h \
	common/kafka/producer.c common/kafka/producer.h common/kafka/producer_private.h \
	common/kafka/producer_settings.c common/kafka/producer_settings.h \
	common/kafka/producer_state.h common/kafka/producer_txn.c \
	common/kafka/sender.c common/kafka/sender.h common/kafka/sender_batches.c common/kafka/sender_identity.c \
	common/kafka/sender_links.c common/kafka/sender_private.h common/kafka/sender_questions.c \
	common/kafka/sender_requests.c \
	common/kafka/sender_topics.c common/kafka/sender_txn.c \
	common/kafka/stats.c common/kafka/stats.h \
	common/kafka/topic_log.c common/kafka/topic_log.h common/kafka/topic_log_local.c \
	common/kafka/topic_log_private.h common/kafka/topic_log_requests.c \
	common/kafka/tunnel.c common/kafka/tunnel.h

# Tests of this folder link these behind it.
unit_kafka = common/kafka/libkafka.a common/wire/libwire.a $(oauth_libs) common/libcommon.a $(RDKAFKA_LIBS) $(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS) $(PCRE2_LIBS) $(CMOCKA_LIBS)
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
unit_tests += tests/unit/kafka_client_test
tests_unit_kafka_client_test_SOURCES = tests/unit/kafka_client_test.c tests/helper/tsan_threads.c
tests_unit_kafka_client_test_CPPFLAGS = $(unit_cppflags) $(RDKAFKA_CFLAGS)
tests_unit_kafka_client_test_LDADD = $(unit_kafka)

# Against a fake cluster.
producing_sources = tests/helper/producing.c tests/helper/producing.h tests/helper/log_file.c tests/helper/log_file.h \
	tests/helper/tsan_threads.c $(fake_kafka_sources)
producing_cppflags = $(unit_cppflags) $(RDKAFKA_CFLAGS) $(OPENSSL_CFLAGS)
unit_tests += tests/unit/kafka_producer_test
tests_unit_kafka_producer_test_SOURCES = tests/unit/kafka_producer_test.c $(producing_sources)
tests_unit_kafka_producer_test_CPPFLAGS = $(producing_cppflags)
tests_unit_kafka_producer_test_LDADD = $(unit_kafka)
unit_tests += tests/unit/kafka_sender_test
tests_unit_kafka_sender_test_SOURCES = tests/unit/kafka_sender_test.c $(producing_sources)
tests_unit_kafka_sender_test_CPPFLAGS = $(producing_cppflags)
tests_unit_kafka_sender_test_LDADD = $(unit_kafka)
unit_tests += tests/unit/kafka_batch_test
tests_unit_kafka_batch_test_SOURCES = tests/unit/kafka_batch_test.c $(producing_sources)
tests_unit_kafka_batch_test_CPPFLAGS = $(producing_cppflags)
tests_unit_kafka_batch_test_LDADD = $(unit_kafka)
unit_tests += tests/unit/kafka_report_test
tests_unit_kafka_report_test_SOURCES = tests/unit/kafka_report_test.c tests/helper/failing_alloc.c \
	tests/helper/failing_alloc.h
tests_unit_kafka_report_test_CPPFLAGS = $(producing_cppflags)
tests_unit_kafka_report_test_LDADD = $(unit_kafka)
tests_unit_kafka_report_test_LDFLAGS = $(unit_failing_alloc_ldflags)
unit_tests += tests/unit/kafka_question_test
tests_unit_kafka_question_test_SOURCES = tests/unit/kafka_question_test.c $(producing_sources)
tests_unit_kafka_question_test_CPPFLAGS = $(producing_cppflags)
tests_unit_kafka_question_test_LDADD = $(unit_kafka)
tests_unit_kafka_question_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo
unit_tests += tests/unit/kafka_txn_test
tests_unit_kafka_txn_test_SOURCES = tests/unit/kafka_txn_test.c $(producing_sources)
tests_unit_kafka_txn_test_CPPFLAGS = $(producing_cppflags)
tests_unit_kafka_txn_test_LDADD = $(unit_kafka)
tests_unit_kafka_txn_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=kafka_consumer_handle,--wrap=rd_kafka_consumer_group_metadata
unit_tests += tests/unit/partitioner_test
tests_unit_partitioner_test_SOURCES = tests/unit/partitioner_test.c
tests_unit_partitioner_test_CPPFLAGS = $(unit_cppflags)
tests_unit_partitioner_test_LDADD = $(unit_kafka)
unit_tests += tests/unit/producer_idle_test
tests_unit_producer_idle_test_SOURCES = tests/unit/producer_idle_test.c tests/helper/log_file.c \
	tests/helper/log_file.h $(fake_kafka_sources)
tests_unit_producer_idle_test_CPPFLAGS = $(unit_cppflags) $(RDKAFKA_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_producer_idle_test_LDADD = $(unit_kafka)

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
