noinst_LIBRARIES += transforms/libtransforms.a
transforms_libtransforms_a_SOURCES = \
	transforms/cast.c \
	transforms/date_pattern.c transforms/date_pattern.h \
	transforms/debezium.c transforms/debezium.h \
	transforms/decode_message.c \
	transforms/decrypt_field.c \
	transforms/drop_headers.c \
	transforms/encrypt_field.c \
	transforms/envelope_field.c transforms/envelope_field.h \
	transforms/event_router.c \
	transforms/extract_changed_record.c \
	transforms/extract_field.c \
	transforms/extract_new_record.c \
	transforms/filter.c \
	transforms/flatten.c \
	transforms/header_from.c \
	transforms/header_to_value.c \
	transforms/hoist_field.c \
	transforms/insert_field.c \
	transforms/insert_header.c \
	transforms/iso_time.c transforms/iso_time.h \
	transforms/json_struct.c transforms/json_struct.h \
	transforms/logical_router.c \
	transforms/mask_field.c \
	transforms/partition_routing.c \
	transforms/predicates.c \
	transforms/protect_field.c transforms/protect_field.h \
	transforms/regex_router.c \
	transforms/replace_field.c \
	transforms/scripting.c \
	transforms/set_schema_metadata.c \
	transforms/smt.c transforms/smt.h \
	transforms/timestamp_converter.c \
	transforms/timestamp_router.c \
	transforms/timezone_converter.c \
	transforms/transforms.h \
	transforms/value_to_key.c

unit_transforms = transforms/libtransforms.a $(unit_data)

unit_tests += tests/unit/regex_router_test
tests_unit_regex_router_test_SOURCES = tests/unit/regex_router_test.c
tests_unit_regex_router_test_CPPFLAGS = $(unit_cppflags)
tests_unit_regex_router_test_LDADD = $(unit_transforms)

EXTRA_DIST += tests/data/transforms/smt.tsv

unit_tests += tests/unit/transforms_test
tests_unit_transforms_test_SOURCES = tests/unit/transforms_test.c tests/helper/transform_case.c tests/helper/transform_case.h
tests_unit_transforms_test_CPPFLAGS = $(unit_cppflags)
tests_unit_transforms_test_LDADD = transforms/libtransforms.a $(unit_converters)

EXTRA_DIST += tests/data/transforms/debezium.tsv tests/data/zoneinfo

unit_tests += tests/unit/debezium_transforms_test
tests_unit_debezium_transforms_test_SOURCES = tests/unit/debezium_transforms_test.c tests/helper/transform_case.c tests/helper/transform_case.h \
	tests/helper/failing_alloc.c tests/helper/failing_alloc.h
tests_unit_debezium_transforms_test_LDFLAGS = $(unit_failing_alloc_ldflags)
tests_unit_debezium_transforms_test_CPPFLAGS = $(unit_cppflags)
tests_unit_debezium_transforms_test_LDADD = transforms/libtransforms.a $(unit_converters)

unit_tests += tests/unit/encrypt_field_test
tests_unit_encrypt_field_test_SOURCES = tests/unit/encrypt_field_test.c tests/helper/transform_case.c tests/helper/transform_case.h
tests_unit_encrypt_field_test_CPPFLAGS = $(unit_cppflags)
tests_unit_encrypt_field_test_LDADD = transforms/libtransforms.a $(unit_converters) $(OPENSSL_LIBS)
