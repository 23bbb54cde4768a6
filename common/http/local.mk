noinst_LIBRARIES += common/http/libhttp.a
common_http_libhttp_a_CPPFLAGS = $(AM_CPPFLAGS) $(MICROHTTPD_CFLAGS) $(CURL_CFLAGS)
common_http_libhttp_a_SOURCES = \
	common/http/client.c \
	common/http/client.h \
	common/http/connection.c \
	common/http/connection.h \
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
	common/http/tls.c \
	common/http/tls.h
