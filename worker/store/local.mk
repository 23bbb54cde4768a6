noinst_LIBRARIES += worker/store/libstore.a
worker_store_libstore_a_SOURCES = \
	worker/store/config_records.c \
	worker/store/config_records.h \
	worker/store/config_state.c \
	worker/store/config_state.h \
	worker/store/config_store.c \
	worker/store/config_store.h \
	worker/store/config_store_private.h \
	worker/store/config_store_write.c \
	worker/store/file_store.c \
	worker/store/file_store.h \
	worker/store/java_map.c \
	worker/store/java_map.h \
	worker/store/offset_store.c \
	worker/store/offset_store.h \
	worker/store/status_store.c \
	worker/store/status_store.h

unit_tests += tests/unit/offset_store_test
tests_unit_offset_store_test_SOURCES = tests/unit/offset_store_test.c tests/helper/fake_topic_log.c \
	tests/helper/fake_topic_log.h tests/helper/log_file.c tests/helper/log_file.h
tests_unit_offset_store_test_CPPFLAGS = $(unit_cppflags)
tests_unit_offset_store_test_LDADD = worker/store/libstore.a data/libdata.a common/libcommon.a $(PCRE2_LIBS) \
	$(CMOCKA_LIBS)

EXTRA_DIST += tests/data/topics/README.md tests/data/topics/calls.json tests/data/topics/configs.jsonl \
	tests/data/topics/status.jsonl
store_test_helpers = tests/helper/fake_topic_log.c tests/helper/fake_topic_log.h tests/helper/recorded_topic.c \
	tests/helper/recorded_topic.h tests/helper/fake_producer.c tests/helper/fake_producer.h \
	tests/helper/log_file.c tests/helper/log_file.h
store_test_libs = worker/store/libstore.a worker/group/libgroup.a worker/libworker.a data/libdata.a \
	common/libcommon.a $(JSONC_LIBS) $(PCRE2_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/status_test
tests_unit_status_test_SOURCES = tests/unit/status_test.c
tests_unit_status_test_CPPFLAGS = $(unit_cppflags)
tests_unit_status_test_LDADD = worker/libworker.a $(unit_common)

unit_tests += tests/unit/config_records_test
tests_unit_config_records_test_SOURCES = tests/unit/config_records_test.c $(store_test_helpers)
tests_unit_config_records_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_config_records_test_LDADD = $(store_test_libs)

unit_tests += tests/unit/config_store_test
tests_unit_config_store_test_SOURCES = tests/unit/config_store_test.c $(store_test_helpers)
tests_unit_config_store_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_config_store_test_LDADD = $(store_test_libs)

unit_tests += tests/unit/status_store_test
tests_unit_status_store_test_SOURCES = tests/unit/status_store_test.c $(store_test_helpers)
tests_unit_status_store_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_status_store_test_LDADD = $(store_test_libs)

unit_tests += tests/unit/file_store_test
EXTRA_DIST += tests/data/offset_file
tests_unit_file_store_test_SOURCES = tests/unit/file_store_test.c
tests_unit_file_store_test_CPPFLAGS = $(unit_cppflags)
tests_unit_file_store_test_LDADD = worker/store/libstore.a data/libdata.a $(unit_kafka)
