noinst_LIBRARIES += transforms/libtransforms.a
transforms_libtransforms_a_SOURCES = \
	transforms/predicates.c \
	transforms/regex_router.c \
	transforms/transforms.h
