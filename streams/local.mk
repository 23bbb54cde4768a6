noinst_LIBRARIES += streams/libstreams.a
streams_libstreams_a_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
streams_libstreams_a_SOURCES =
