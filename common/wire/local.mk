noinst_LIBRARIES += common/wire/libwire.a
common_wire_libwire_a_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
common_wire_libwire_a_SOURCES = \
	common/wire/message.c \
	common/wire/message.h
