# Integration tests boot or reuse the private PostgreSQL and Kafka of tests/helper.
EXTRA_DIST += scripts/lib.sh scripts/kafka/pom.xml scripts/kafka/run.sh tests/helper/servers.sh

# What the tests and scripts/consume.sh look at Kafka with.
check_PROGRAMS += tests/helper/kafka_dump
tests_helper_kafka_dump_SOURCES = tests/helper/kafka_dump.c
tests_helper_kafka_dump_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
tests_helper_kafka_dump_LDADD = $(RDKAFKA_LIBS)
