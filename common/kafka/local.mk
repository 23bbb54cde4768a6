noinst_LIBRARIES += common/kafka/libkafka.a
common_kafka_libkafka_a_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
common_kafka_libkafka_a_SOURCES =
