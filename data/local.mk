noinst_LIBRARIES += data/libdata.a
data_libdata_a_SOURCES =
