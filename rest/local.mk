noinst_LIBRARIES += rest/librest.a
rest_librest_a_SOURCES =
