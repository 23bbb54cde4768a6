noinst_LIBRARIES += common/libcommon.a
common_libcommon_a_CPPFLAGS = $(AM_CPPFLAGS) $(PCRE2_CFLAGS)
common_libcommon_a_SOURCES =
