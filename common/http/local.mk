noinst_LIBRARIES += common/http/libhttp.a
common_http_libhttp_a_CPPFLAGS = $(AM_CPPFLAGS) $(MICROHTTPD_CFLAGS) $(GNUTLS_CFLAGS) $(CURL_CFLAGS) $(OPENSSL_CFLAGS)
common_http_libhttp_a_SOURCES = \
	common/http/auth.c \
	common/http/auth.h \
	common/http/client.c \
	common/http/client.h \
	common/http/connection.c \
	common/http/connection.h \
	common/http/exchange.c \
	common/http/exchange.h \
	common/http/listener.c \
	common/http/listener.h \
	common/http/pool.c \
	common/http/pool.h \
	common/http/request.c \
	common/http/request.h \
	common/http/router.c \
	common/http/router.h \
	common/http/server.c \
	common/http/server.h \
	common/http/stream.c \
	common/http/stream.h \
	common/http/tls.c \
	common/http/tls.h

http_libs = common/http/libhttp.a $(unit_common) $(MICROHTTPD_LIBS) $(GNUTLS_LIBS) $(OPENSSL_LIBS)
EXTRA_DIST += tests/helper/raw_http.h
unit_tests += tests/unit/http_server_test
tests_unit_http_server_test_SOURCES = tests/unit/http_server_test.c tests/helper/raw_http.c
tests_unit_http_server_test_CPPFLAGS = $(unit_cppflags)
tests_unit_http_server_test_LDADD = $(http_libs)
unit_tests += tests/unit/http_router_test
tests_unit_http_router_test_SOURCES = tests/unit/http_router_test.c
tests_unit_http_router_test_CPPFLAGS = $(unit_cppflags)
tests_unit_http_router_test_LDADD = $(http_libs)
unit_tests += tests/unit/http_client_test
tests_unit_http_client_test_SOURCES = tests/unit/http_client_test.c tests/helper/raw_http.c
tests_unit_http_client_test_CPPFLAGS = $(unit_cppflags)
tests_unit_http_client_test_LDADD = $(http_libs)
EXTRA_DIST += tests/data/tls/keystore.pem tests/data/tls/certificate.pem tests/data/tls/stranger.pem
unit_tests += tests/unit/http_auth_test
tests_unit_http_auth_test_SOURCES = tests/unit/http_auth_test.c
tests_unit_http_auth_test_CPPFLAGS = $(unit_cppflags)
tests_unit_http_auth_test_LDADD = $(http_libs)
