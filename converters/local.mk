noinst_LIBRARIES += converters/libconverters.a
converters_libconverters_a_SOURCES = \
	converters/binary_data.c \
	converters/bytes.c \
	converters/converters.h \
	converters/header.c \
	converters/json.c \
	converters/json_schema.c converters/json_schema.h \
	converters/number.c \
	converters/options.c converters/options.h \
	converters/string.c

unit_converters = converters/libconverters.a $(unit_data)

EXTRA_DIST += tests/data/json/java_rounds.tsv tests/data/json/envelopes.jsonl

unit_tests += tests/unit/json_converter_test
tests_unit_json_converter_test_SOURCES = tests/unit/json_converter_test.c
tests_unit_json_converter_test_CPPFLAGS = $(unit_cppflags)
tests_unit_json_converter_test_LDADD = $(unit_converters)

EXTRA_DIST += tests/data/json/java_texts.tsv tests/data/json/java_literals.tsv

unit_tests += tests/unit/simple_converters_test
tests_unit_simple_converters_test_SOURCES = tests/unit/simple_converters_test.c
tests_unit_simple_converters_test_CPPFLAGS = $(unit_cppflags)
tests_unit_simple_converters_test_LDADD = $(unit_converters)

EXTRA_DIST += tests/data/converters/converters.tsv

unit_tests += tests/unit/converters_test
tests_unit_converters_test_SOURCES = tests/unit/converters_test.c
tests_unit_converters_test_CPPFLAGS = $(unit_cppflags)
tests_unit_converters_test_LDADD = $(unit_converters)

unit_tests += tests/unit/binary_data_converter_test
tests_unit_binary_data_converter_test_SOURCES = tests/unit/binary_data_converter_test.c
tests_unit_binary_data_converter_test_CPPFLAGS = $(unit_cppflags)
tests_unit_binary_data_converter_test_LDADD = $(unit_converters)
