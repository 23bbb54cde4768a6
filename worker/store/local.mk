noinst_LIBRARIES += worker/store/libstore.a
worker_store_libstore_a_SOURCES = \
	worker/store/config_records.c \
	worker/store/config_records.h \
	worker/store/config_store.c \
	worker/store/config_store.h \
	worker/store/offset_store.c \
	worker/store/offset_store.h \
	worker/store/status_store.c \
	worker/store/status_store.h
