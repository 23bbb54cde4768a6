noinst_LIBRARIES += common/kafka/libkafka.a
common_kafka_libkafka_a_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
common_kafka_libkafka_a_SOURCES = \
	common/kafka/admin.h \
	common/kafka/client.h \
	common/kafka/consumer.h \
	common/kafka/producer.h \
	common/kafka/topic_log.h
