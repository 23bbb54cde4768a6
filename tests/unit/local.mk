# How a folder adds a unit test (tests/unit/buf_test.c tests common/buf.c):
#   unit_tests += tests/unit/buf_test
#   tests_unit_buf_test_SOURCES = tests/unit/buf_test.c
#   tests_unit_buf_test_CPPFLAGS = $(unit_cppflags)
#   tests_unit_buf_test_LDADD = $(unit_common)
EXTRA_DIST += tests/helper/cmocka_all.h
unit_cppflags = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS) -DTEST_DATA='"$(abs_top_srcdir)/tests/data"'
unit_common = common/libcommon.a $(PCRE2_LIBS) $(CMOCKA_LIBS)
# For tests that make the n-th allocation fail: add tests/helper/failing_alloc.c to their sources, and
#   tests_unit_x_test_LDFLAGS = $(unit_failing_alloc_ldflags)
EXTRA_DIST += tests/helper/failing_alloc.h
unit_failing_alloc_ldflags = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
# The house rules that a compiler does not know: who includes whom, and headers that stand alone.
TESTS += tests/unit/fences_test.sh tests/unit/headers_test.sh tests/unit/version_test.sh
EXTRA_DIST += tests/unit/fences_test.sh tests/unit/headers_test.sh tests/unit/version_test.sh
AM_TESTS_ENVIRONMENT = \
	TEST_CC='$(CC)'; export TEST_CC; \
	TEST_CPPFLAGS='$(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(CPPFLAGS) $(RDKAFKA_CFLAGS) $(LIBPQ_CFLAGS) \
	$(MICROHTTPD_CFLAGS) $(JSONC_CFLAGS) $(SQLITE_CFLAGS) $(PCRE2_CFLAGS) $(CURL_CFLAGS) $(OPENSSL_CFLAGS)'; \
	export TEST_CPPFLAGS; \
	TEST_CFLAGS='$(CV_CFLAGS)'; export TEST_CFLAGS;
