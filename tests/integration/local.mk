# Integration tests boot or reuse the private PostgreSQL and Kafka of tests/helper.
EXTRA_DIST += scripts/lib.sh scripts/kafka/pom.xml scripts/kafka/run.sh tests/helper/servers.sh
