noinst_LIBRARIES += common/wire/libwire.a
common_wire_libwire_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS) $(ZLIB_CFLAGS) $(LZ4_CFLAGS) $(ZSTD_CFLAGS)
common_wire_libwire_a_SOURCES = \
	common/wire/compress.c \
	common/wire/compress.h \
	common/wire/message.c \
	common/wire/message.h \
	common/wire/message_private.h \
	common/wire/produce.c \
	common/wire/produce.h \
	common/wire/record_batch.c \
	common/wire/record_batch.h \
	common/wire/sasl.c \
	common/wire/sasl.h \
	common/wire/settings.c \
	common/wire/settings.h \
	common/wire/stream.c \
	common/wire/stream.h \
	common/wire/tls.c \
	common/wire/tls.h \
	common/wire/transport.c \
	common/wire/transport.h

# What links common/wire or common/kafka links these.
wire_system_libs = $(ZLIB_LIBS) $(LZ4_LIBS) $(ZSTD_LIBS) $(SNAPPY_LIBS)

wire_test_libs = common/wire/libwire.a $(oauth_libs) common/libcommon.a $(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS) $(PCRE2_LIBS) $(JSONC_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/compress_test
tests_unit_compress_test_SOURCES = tests/unit/compress_test.c tests/helper/decompress.c tests/helper/decompress.h
tests_unit_compress_test_CPPFLAGS = $(unit_cppflags) $(ZLIB_CFLAGS) $(LZ4_CFLAGS) $(ZSTD_CFLAGS)
tests_unit_compress_test_LDADD = $(wire_test_libs)

unit_tests += tests/unit/message_test
tests_unit_message_test_SOURCES = tests/unit/message_test.c tests/helper/recording.c tests/helper/recording.h
tests_unit_message_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_message_test_LDADD = $(wire_test_libs)

unit_tests += tests/unit/produce_test
tests_unit_produce_test_SOURCES = tests/unit/produce_test.c tests/helper/recording.c tests/helper/recording.h
tests_unit_produce_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_produce_test_LDADD = $(wire_test_libs)

unit_tests += tests/unit/record_batch_test
tests_unit_record_batch_test_SOURCES = tests/unit/record_batch_test.c tests/helper/decompress.c \
	tests/helper/decompress.h
tests_unit_record_batch_test_CPPFLAGS = $(unit_cppflags) $(ZLIB_CFLAGS) $(LZ4_CFLAGS) $(ZSTD_CFLAGS)
tests_unit_record_batch_test_LDADD = $(wire_test_libs)

unit_tests += tests/unit/sasl_test
tests_unit_sasl_test_SOURCES = tests/unit/sasl_test.c
tests_unit_sasl_test_CPPFLAGS = $(unit_cppflags)
tests_unit_sasl_test_LDADD = $(wire_test_libs)

unit_tests += tests/unit/wire_settings_test
tests_unit_wire_settings_test_SOURCES = tests/unit/wire_settings_test.c
tests_unit_wire_settings_test_CPPFLAGS = $(unit_cppflags) $(OPENSSL_CFLAGS)
tests_unit_wire_settings_test_LDADD = $(wire_test_libs)

unit_tests += tests/unit/transport_test
tests_unit_transport_test_SOURCES = tests/unit/transport_test.c tests/helper/fake_broker.c tests/helper/fake_broker.h
tests_unit_transport_test_CPPFLAGS = $(unit_cppflags) $(OPENSSL_CFLAGS)
tests_unit_transport_test_LDADD = $(wire_test_libs)

# A fake cluster, for tests of what produces.
fake_kafka_sources = tests/helper/fake_broker.c tests/helper/fake_broker.h \
	tests/helper/fake_kafka.c tests/helper/fake_kafka.h tests/helper/fake_kafka_batch.c \
	tests/helper/fake_kafka_batch.h tests/helper/fake_kafka_log.c tests/helper/fake_kafka_private.h \
	tests/helper/fake_kafka_txn.c

unit_tests += tests/unit/fake_kafka_test
tests_unit_fake_kafka_test_SOURCES = tests/unit/fake_kafka_test.c $(fake_kafka_sources)
tests_unit_fake_kafka_test_CPPFLAGS = $(unit_cppflags) $(OPENSSL_CFLAGS)
tests_unit_fake_kafka_test_LDADD = $(wire_test_libs)
