noinst_LIBRARIES += transforms/libtransforms.a
transforms_libtransforms_a_SOURCES = \
	transforms/predicates.c \
	transforms/regex_router.c \
	transforms/transforms.h

unit_transforms = transforms/libtransforms.a $(unit_data)

unit_tests += tests/unit/regex_router_test
tests_unit_regex_router_test_SOURCES = tests/unit/regex_router_test.c
tests_unit_regex_router_test_CPPFLAGS = $(unit_cppflags)
tests_unit_regex_router_test_LDADD = $(unit_transforms)
