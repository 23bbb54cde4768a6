noinst_LIBRARIES += data/libdata.a
data_libdata_a_SOURCES = \
	data/avro_name.c data/avro_name.h \
	data/calendar.c data/calendar.h \
	data/encrypted_value.c data/encrypted_value.h \
	data/java_hash.c data/java_hash.h \
	data/java_order.c data/java_order.h \
	data/java_pattern.c data/java_pattern.h \
	data/java_string.c data/java_string.h \
	data/java_syntax.c data/java_syntax.h \
	data/json.h data/json_read.c data/json_write.c \
	data/logical.c data/logical.h \
	data/lru.c data/lru.h \
	data/pack.h \
	data/record.c \
	data/schema.c \
	data/schema_json.c data/schema_json.h \
	data/task_configs.c \
	data/text_parse.c \
	data/text_value.c data/text_value.h \
	data/time_zone.c data/time_zone.h \
	data/utf8_text.c data/utf8_text.h \
	data/value.c

unit_data = data/libdata.a $(unit_common)

unit_tests += tests/unit/schema_test
tests_unit_schema_test_SOURCES = tests/unit/schema_test.c
tests_unit_schema_test_CPPFLAGS = $(unit_cppflags)
tests_unit_schema_test_LDADD = $(unit_data)

unit_tests += tests/unit/value_test
tests_unit_value_test_SOURCES = tests/unit/value_test.c
tests_unit_value_test_CPPFLAGS = $(unit_cppflags)
tests_unit_value_test_LDADD = $(unit_data)

unit_tests += tests/unit/record_test
tests_unit_record_test_SOURCES = tests/unit/record_test.c
tests_unit_record_test_CPPFLAGS = $(unit_cppflags)
tests_unit_record_test_LDADD = $(unit_data)

unit_tests += tests/unit/java_order_test
tests_unit_java_order_test_SOURCES = tests/unit/java_order_test.c
tests_unit_java_order_test_CPPFLAGS = $(unit_cppflags)
tests_unit_java_order_test_LDADD = $(unit_data)

unit_tests += tests/unit/connect_json_test
tests_unit_connect_json_test_SOURCES = tests/unit/connect_json_test.c
tests_unit_connect_json_test_CPPFLAGS = $(unit_cppflags)
tests_unit_connect_json_test_LDADD = $(unit_data)

unit_tests += tests/unit/java_pattern_test
tests_unit_java_pattern_test_SOURCES = tests/unit/java_pattern_test.c
tests_unit_java_pattern_test_CPPFLAGS = $(unit_cppflags)
tests_unit_java_pattern_test_LDADD = $(unit_data)

unit_tests += tests/unit/avro_name_test
tests_unit_avro_name_test_SOURCES = tests/unit/avro_name_test.c
tests_unit_avro_name_test_CPPFLAGS = $(unit_cppflags)
tests_unit_avro_name_test_LDADD = $(unit_data)

unit_tests += tests/unit/time_zone_test
tests_unit_time_zone_test_SOURCES = tests/unit/time_zone_test.c
tests_unit_time_zone_test_CPPFLAGS = $(unit_cppflags)
tests_unit_time_zone_test_LDADD = $(unit_data)
