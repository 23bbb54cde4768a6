noinst_LIBRARIES += common/wire/libwire.a
common_wire_libwire_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
common_wire_libwire_a_SOURCES = \
	common/wire/message.c \
	common/wire/message.h \
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

wire_test_libs = common/wire/libwire.a $(oauth_libs) common/libcommon.a $(oauth_system_libs) $(OPENSSL_LIBS) $(PCRE2_LIBS) $(JSONC_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/message_test
tests_unit_message_test_SOURCES = tests/unit/message_test.c tests/helper/recording.c tests/helper/recording.h
tests_unit_message_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_message_test_LDADD = $(wire_test_libs)

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
