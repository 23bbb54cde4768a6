noinst_LIBRARIES += rest/librest.a
rest_librest_a_SOURCES = \
	rest/api.c \
	rest/api.h \
	rest/auth.c \
	rest/body.c \
	rest/body.h \
	rest/connectors.c \
	rest/forward.c \
	rest/headers.c \
	rest/health.c \
	rest/internal.c \
	rest/json.c \
	rest/json.h \
	rest/list.c \
	rest/loggers.c \
	rest/metrics.c \
	rest/offsets.c \
	rest/plugins.c \
	rest/rest.h \
	rest/spec.c \
	rest/tasks.c

rest_libs = rest/librest.a $(http_libs)
EXTRA_DIST += tests/helper/fake_herder.h
unit_tests += tests/unit/rest_api_test
tests_unit_rest_api_test_SOURCES = \
	tests/unit/rest_api_test.c \
	tests/helper/fake_herder.c \
	tests/helper/raw_http.c
tests_unit_rest_api_test_CPPFLAGS = $(unit_cppflags)
tests_unit_rest_api_test_LDADD = $(rest_libs)

unit_tests += tests/unit/rest_input_test
tests_unit_rest_input_test_SOURCES = \
	tests/unit/rest_input_test.c \
	tests/helper/fake_herder.c \
	tests/helper/raw_http.c
tests_unit_rest_input_test_CPPFLAGS = $(unit_cppflags)
tests_unit_rest_input_test_LDADD = $(rest_libs)
