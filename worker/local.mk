include worker/group/local.mk
include worker/store/local.mk

noinst_LIBRARIES += worker/libworker.a
worker_libworker_a_SOURCES = \
	worker/client_admin.c \
	worker/client_config.c \
	worker/client_config.h \
	worker/client_names.c \
	worker/clients.c \
	worker/clients.h \
	worker/config_infos.c \
	worker/config_infos.h \
	worker/connector_config.c \
	worker/connector_config.h \
	worker/connector_offsets.c \
	worker/connector_offsets.h \
	worker/dead_letters.c \
	worker/dead_letters.h \
	worker/herder.c \
	worker/herder.h \
	worker/herder_change.c \
	worker/herder_fencing.c \
	worker/herder_forward.c \
	worker/herder_forward.h \
	worker/herder_publish.c \
	worker/herder_publish.h \
	worker/herder_group.c \
	worker/herder_internal.c \
	worker/herder_metrics.c \
	worker/herder_offsets.c \
	worker/herder_offsets.h \
	worker/herder_private.h \
	worker/herder_read.c \
	worker/herder_request.c \
	worker/herder_request.h \
	worker/herder_restart.c \
	worker/herder_sink_offsets.c \
	worker/herder_source_offsets.c \
	worker/herder_task_call.c \
	worker/herder_work.c \
	worker/metric_rows.c \
	worker/metric_rows.h \
	worker/pipeline.c \
	worker/pipeline.h \
	worker/plugin_path.c \
	worker/plugin_path.h \
	worker/plugins.c \
	worker/plugins.h \
	worker/sink_partitions.c \
	worker/sink_private.h \
	worker/sink_records.c \
	worker/sink_task.c \
	worker/sink_topics.c \
	worker/source_offsets.c \
	worker/source_private.h \
	worker/source_send.c \
	worker/source_task.c \
	worker/source_transaction.c \
	worker/standalone.c \
	worker/standalone.h \
	worker/status.c \
	worker/status.h \
	worker/task.c \
	worker/task.h \
	worker/task_call.c \
	worker/task_call.h \
	worker/task_counters.c \
	worker/task_metrics.c \
	worker/task_private.h \
	worker/tolerance.c \
	worker/tolerance.h \
	worker/topic_creation.c \
	worker/topic_creation.h \
	worker/validate.c \
	worker/validate.h \
	worker/validate_chain.c \
	worker/validate_converter.c \
	worker/validate_override.c \
	worker/validate_private.h \
	worker/validate_row.c \
	worker/validate_rules.c \
	worker/worker.c \
	worker/worker.h \
	worker/worker_config.c \
	worker/worker_config.h

EXTRA_DIST += tests/data/validate/file_connector_rows.txt

unit_tests += tests/unit/validate_test
tests_unit_validate_test_SOURCES = tests/unit/validate_test.c
tests_unit_validate_test_CPPFLAGS = $(unit_cppflags)
tests_unit_validate_test_LDADD = worker/libworker.a converters/libconverters.a transforms/libtransforms.a \
	data/libdata.a common/kafka/libkafka.a common/wire/libwire.a $(oauth_libs) common/libcommon.a $(RDKAFKA_LIBS) $(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS) $(JSONC_LIBS) $(PCRE2_LIBS) \
	$(CMOCKA_LIBS)

unit_tests += tests/unit/worker_config_test tests/unit/plugins_test tests/unit/connector_config_test
tests_unit_worker_config_test_SOURCES = tests/unit/worker_config_test.c
tests_unit_worker_config_test_CPPFLAGS = $(unit_cppflags)
tests_unit_worker_config_test_LDADD = worker/libworker.a common/libcommon.a $(PCRE2_LIBS) $(CMOCKA_LIBS)
tests_unit_plugins_test_SOURCES = tests/unit/plugins_test.c
tests_unit_plugins_test_CPPFLAGS = $(unit_cppflags)
tests_unit_plugins_test_LDADD = worker/libworker.a common/libcommon.a $(PCRE2_LIBS) $(CMOCKA_LIBS)
tests_unit_connector_config_test_SOURCES = tests/unit/connector_config_test.c
tests_unit_connector_config_test_CPPFLAGS = $(unit_cppflags)
tests_unit_connector_config_test_LDADD = worker/libworker.a data/libdata.a common/libcommon.a $(PCRE2_LIBS) \
	$(CMOCKA_LIBS)

# The test's double stands in for the admin of libkafka.
unit_tests += tests/unit/topic_creation_test
tests_unit_topic_creation_test_SOURCES = tests/unit/topic_creation_test.c
tests_unit_topic_creation_test_CPPFLAGS = $(unit_cppflags)
tests_unit_topic_creation_test_LDADD = worker/libworker.a data/libdata.a common/libcommon.a $(PCRE2_LIBS) \
	$(CMOCKA_LIBS)

# The test's double stands in for the admin of libkafka.
unit_tests += tests/unit/herder_sink_offsets_test
tests_unit_herder_sink_offsets_test_SOURCES = tests/unit/herder_sink_offsets_test.c
tests_unit_herder_sink_offsets_test_CPPFLAGS = $(unit_cppflags)
tests_unit_herder_sink_offsets_test_LDADD = worker/libworker.a converters/libconverters.a data/libdata.a \
	common/libcommon.a $(JSONC_LIBS) $(PCRE2_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/tolerance_test
tests_unit_tolerance_test_SOURCES = tests/unit/tolerance_test.c tests/helper/log_file.c tests/helper/log_file.h
tests_unit_tolerance_test_CPPFLAGS = $(unit_cppflags)
tests_unit_tolerance_test_LDADD = worker/libworker.a converters/libconverters.a data/libdata.a common/libcommon.a \
	$(PCRE2_LIBS) $(CMOCKA_LIBS)

# The test's doubles stand in for the consumer, the chain and task.c.
unit_tests += tests/unit/sink_task_test
tests_unit_sink_task_test_SOURCES = tests/unit/sink_task_test.c tests/helper/fake_producer.c \
	tests/helper/fake_producer.h
tests_unit_sink_task_test_CPPFLAGS = $(unit_cppflags)
tests_unit_sink_task_test_LDADD = worker/libworker.a data/libdata.a common/libcommon.a $(PCRE2_LIBS) $(CMOCKA_LIBS)

# The test's double stands in for herder_forward.c.
unit_tests += tests/unit/herder_publish_test
tests_unit_herder_publish_test_SOURCES = tests/unit/herder_publish_test.c
tests_unit_herder_publish_test_CPPFLAGS = $(unit_cppflags)
tests_unit_herder_publish_test_LDADD = worker/libworker.a common/libcommon.a $(PCRE2_LIBS) $(CMOCKA_LIBS)

# The test's doubles stand in for herder.c, validate.c, the group and the config store.
unit_tests += tests/unit/herder_request_test
tests_unit_herder_request_test_SOURCES = tests/unit/herder_request_test.c
tests_unit_herder_request_test_CPPFLAGS = $(unit_cppflags)
tests_unit_herder_request_test_LDADD = worker/libworker.a common/libcommon.a $(PCRE2_LIBS) $(CMOCKA_LIBS)

# The doubles of the test stand in for task.c and herder_forward.c of the library.
unit_tests += tests/unit/herder_work_test
tests_unit_herder_work_test_SOURCES = tests/unit/herder_work_test.c $(store_test_helpers)
tests_unit_herder_work_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_herder_work_test_LDADD = worker/libworker.a worker/store/libstore.a worker/group/libgroup.a \
	data/libdata.a common/libcommon.a $(JSONC_LIBS) $(PCRE2_LIBS) $(CMOCKA_LIBS)

# The doubles of the test stand in for the producer, the offset store, the admin and sink_task.c of the libraries.
unit_tests += tests/unit/source_task_test
tests_unit_source_task_test_SOURCES = tests/unit/source_task_test.c tests/helper/fake_producer.c \
	tests/helper/fake_producer.h tests/helper/log_file.c tests/helper/log_file.h
tests_unit_source_task_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_source_task_test_LDADD = worker/libworker.a converters/libconverters.a data/libdata.a \
	common/libcommon.a $(JSONC_LIBS) $(PCRE2_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/pipeline_test
tests_unit_pipeline_test_SOURCES = tests/unit/pipeline_test.c
tests_unit_pipeline_test_CPPFLAGS = $(unit_cppflags)
tests_unit_pipeline_test_LDADD = worker/libworker.a converters/libconverters.a transforms/libtransforms.a \
	data/libdata.a common/libcommon.a $(JSONC_LIBS) $(PCRE2_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/connector_offsets_test
tests_unit_connector_offsets_test_SOURCES = tests/unit/connector_offsets_test.c $(store_test_helpers)
tests_unit_connector_offsets_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_connector_offsets_test_LDADD = worker/libworker.a worker/store/libstore.a worker/group/libgroup.a \
	data/libdata.a common/libcommon.a $(JSONC_LIBS) $(PCRE2_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += docs/exactly-once.md docs/kafka-limits.md docs/migration.md
