noinst_LIBRARIES += converters/libconverters.a
converters_libconverters_a_SOURCES =
