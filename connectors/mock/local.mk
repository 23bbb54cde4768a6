noinst_LIBRARIES += connectors/mock/libmock.a
connectors_mock_libmock_a_SOURCES = \
	connectors/mock/mock.c \
	connectors/mock/mock.h
