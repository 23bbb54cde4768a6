noinst_LIBRARIES += transforms/libtransforms.a
transforms_libtransforms_a_SOURCES = \
	transforms/cast.c \
	transforms/date_pattern.c transforms/date_pattern.h \
	transforms/drop_headers.c \
	transforms/extract_field.c \
	transforms/filter.c \
	transforms/flatten.c \
	transforms/header_from.c \
	transforms/hoist_field.c \
	transforms/insert_field.c \
	transforms/insert_header.c \
	transforms/mask_field.c \
	transforms/predicates.c \
	transforms/regex_router.c \
	transforms/replace_field.c \
	transforms/set_schema_metadata.c \
	transforms/smt.c transforms/smt.h \
	transforms/timestamp_converter.c \
	transforms/timestamp_router.c \
	transforms/transforms.h \
	transforms/value_to_key.c

unit_transforms = transforms/libtransforms.a $(unit_data)

unit_tests += tests/unit/regex_router_test
tests_unit_regex_router_test_SOURCES = tests/unit/regex_router_test.c
tests_unit_regex_router_test_CPPFLAGS = $(unit_cppflags)
tests_unit_regex_router_test_LDADD = $(unit_transforms)

EXTRA_DIST += tests/data/transforms/smt.tsv

unit_tests += tests/unit/transforms_test
tests_unit_transforms_test_SOURCES = tests/unit/transforms_test.c
tests_unit_transforms_test_CPPFLAGS = $(unit_cppflags)
tests_unit_transforms_test_LDADD = transforms/libtransforms.a $(unit_converters)
