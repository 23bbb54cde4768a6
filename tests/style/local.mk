# Rules that a program can check: who includes whom, and that each header stands alone.
style_tests = tests/style/fences.sh tests/style/headers.sh
TESTS += $(style_tests)
EXTRA_DIST += $(style_tests)
AM_TESTS_ENVIRONMENT = \
	CULVERT_CPP='$(CC) $(AM_CFLAGS) $(CV_CPPFLAGS) -I$(abs_top_srcdir) -I$(abs_top_srcdir)/include \
		-I$(abs_top_builddir) $(RDKAFKA_CFLAGS) $(LIBPQ_CFLAGS) $(MICROHTTPD_CFLAGS) $(JSONC_CFLAGS) \
		$(SQLITE_CFLAGS) $(PCRE2_CFLAGS) $(CURL_CFLAGS) $(OPENSSL_CFLAGS)'; export CULVERT_CPP;
