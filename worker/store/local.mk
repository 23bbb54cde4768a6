noinst_LIBRARIES += worker/store/libstore.a
worker_store_libstore_a_SOURCES = \
	worker/store/offset_store.h
