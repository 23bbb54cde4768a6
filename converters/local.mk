noinst_LIBRARIES += converters/libconverters.a
converters_libconverters_a_SOURCES = \
	converters/converters.h \
	converters/json.c \
	converters/json_schema.c converters/json_schema.h \
	converters/lru.c converters/lru.h \
	converters/options.c converters/options.h

unit_converters = converters/libconverters.a $(unit_data)

EXTRA_DIST += tests/data/json/java_rounds.tsv tests/data/json/envelopes.jsonl

unit_tests += tests/unit/json_converter_test
tests_unit_json_converter_test_SOURCES = tests/unit/json_converter_test.c
tests_unit_json_converter_test_CPPFLAGS = $(unit_cppflags)
tests_unit_json_converter_test_LDADD = $(unit_converters)
