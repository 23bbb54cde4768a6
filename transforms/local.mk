noinst_LIBRARIES += transforms/libtransforms.a
transforms_libtransforms_a_SOURCES =
