# Integration tests boot or reuse the private PostgreSQL and Kafka of tests/helper.
