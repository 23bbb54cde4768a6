noinst_LIBRARIES += common/oauth/liboauth.a
common_oauth_liboauth_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
common_oauth_liboauth_a_SOURCES = \
	common/oauth/assertion.c \
	common/oauth/oauth.c \
	common/oauth/oauth.h \
	common/oauth/refresh.c \
	common/oauth/retrieve.c \
	common/oauth/source.h \
	common/oauth/token.c \
	common/oauth/token.h \
	common/oauth/unsecured.c

# What links common/wire or common/kafka links these behind it, then common/libcommon.a.
oauth_libs = common/oauth/liboauth.a common/http/libhttp.a
oauth_system_libs = $(CURL_LIBS) $(GNUTLS_LIBS)

unit_tests += tests/unit/oauth_test
tests_unit_oauth_test_SOURCES = tests/unit/oauth_test.c tests/helper/raw_http.c
tests_unit_oauth_test_CPPFLAGS = $(unit_cppflags)
tests_unit_oauth_test_LDADD = $(oauth_libs) $(unit_common) $(MICROHTTPD_LIBS) $(oauth_system_libs) $(OPENSSL_LIBS)

unit_tests += tests/unit/oauth_assertion_test
tests_unit_oauth_assertion_test_SOURCES = tests/unit/oauth_assertion_test.c
tests_unit_oauth_assertion_test_CPPFLAGS = $(unit_cppflags) $(OPENSSL_CFLAGS)
tests_unit_oauth_assertion_test_LDADD = $(oauth_libs) $(unit_common) $(MICROHTTPD_LIBS) $(oauth_system_libs) \
	$(OPENSSL_LIBS)
