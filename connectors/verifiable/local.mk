noinst_LIBRARIES += connectors/verifiable/libverifiable.a
connectors_verifiable_libverifiable_a_SOURCES = \
	connectors/verifiable/numbered.c \
	connectors/verifiable/numbered.h \
	connectors/verifiable/schema.c \
	connectors/verifiable/sink.c \
	connectors/verifiable/source.c \
	connectors/verifiable/verifiable.h

unit_tests += tests/unit/request_connectors_test
tests_unit_request_connectors_test_SOURCES = tests/unit/request_connectors_test.c
tests_unit_request_connectors_test_CPPFLAGS = $(unit_cppflags)
tests_unit_request_connectors_test_LDADD = connectors/heartbeat/libheartbeat.a connectors/mock/libmock.a \
	connectors/verifiable/libverifiable.a $(unit_converters)
