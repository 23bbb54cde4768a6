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
