noinst_LIBRARIES += common/http/libhttp.a
common_http_libhttp_a_CPPFLAGS = $(AM_CPPFLAGS) $(MICROHTTPD_CFLAGS) $(CURL_CFLAGS)
common_http_libhttp_a_SOURCES = \
	common/http/client.h \
	common/http/router.h \
	common/http/server.h
