noinst_LIBRARIES += data/libdata.a
data_libdata_a_SOURCES = \
	data/schema_json.c \
	data/schema_json.h
