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

unit_tests += tests/unit/offset_store_test
tests_unit_offset_store_test_SOURCES = tests/unit/offset_store_test.c
tests_unit_offset_store_test_CPPFLAGS = $(unit_cppflags)
tests_unit_offset_store_test_LDADD = worker/store/libstore.a data/libdata.a common/libcommon.a $(PCRE2_LIBS) \
	$(CMOCKA_LIBS)
