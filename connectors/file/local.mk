noinst_LIBRARIES += connectors/file/libfile.a
connectors_file_libfile_a_SOURCES = \
	connectors/file/file.h \
	connectors/file/sink.c \
	connectors/file/source.c

EXTRA_DIST += connectors/file/README.md

unit_tests += tests/unit/file_connector_test
tests_unit_file_connector_test_SOURCES = tests/unit/file_connector_test.c
tests_unit_file_connector_test_CPPFLAGS = $(unit_cppflags)
tests_unit_file_connector_test_LDADD = connectors/file/libfile.a $(unit_data)
