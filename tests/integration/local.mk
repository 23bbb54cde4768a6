# Integration tests: each *.int is a program that passes (0), fails, or is skipped (77); run.tap runs them
# all on one private PostgreSQL and Kafka (tests/helper/servers.sh) and reports each by name.
integration_tests = \
	tests/integration/bad_config.int \
	tests/integration/bad_input.int \
	tests/integration/builtin_connectors.int \
	tests/integration/canary.int \
	tests/integration/chaos.int \
	tests/integration/debezium.int \
	tests/integration/exactly_once.int \
	tests/integration/exactly_once_upgrade.int \
	tests/integration/file_connectors.int \
	tests/integration/golden.int \
	tests/integration/group.int \
	tests/integration/internal_topics.int \
	tests/integration/kafka_client.int \
	tests/integration/kafka_limits.int \
	tests/integration/loss_is_loud.int \
	tests/integration/mixed.int \
	tests/integration/oauth.int \
	tests/integration/outage.int \
	tests/integration/postgres_options.int \
	tests/integration/postgres_refuses.int \
	tests/integration/postgres_start.int \
	tests/integration/protect_fields.int \
	tests/integration/quickstart.int \
	tests/integration/rest_clients.int \
	tests/integration/sample_schema.int \
	tests/integration/secure_broker.int \
	tests/integration/signals.int \
	tests/integration/sink.int \
	tests/integration/snapshot.int \
	tests/integration/snapshot_resume.int \
	tests/integration/standalone.int \
	tests/integration/streams_at_least_once.int \
	tests/integration/streams_disk.int \
	tests/integration/streams_faults.int \
	tests/integration/streams_kills.int \
	tests/integration/streams_loud.int \
	tests/integration/streams_members.int \
	tests/integration/streams_query.int \
	tests/integration/streams_rest.int \
	tests/integration/streams_shop.int \
	tests/integration/streams_shop_faults.int \
	tests/integration/streams_workers.int \
	tests/integration/types.int \
	tests/integration/validate.int \
	tests/integration/worker_kill.int \
	tests/integration/worker_protocols.int \
	tests/integration/workers.int
EXTRA_DIST += tests/chaos/run tests/chaos/faults.py tests/chaos/load.py tests/chaos/verify.py \
	tests/helper/own_servers.py tests/helper/proxy.py
EXTRA_DIST += tests/integration/run.tap $(integration_tests) tests/helper/servers.sh \
	tests/helper/broker.py tests/helper/cluster.py tests/helper/golden.py tests/helper/golden_case.py tests/helper/harness.py \
	tests/helper/pg_fixture.h tests/helper/pg_samples.h tests/helper/secure_broker.py tests/helper/shop_batch.py tests/helper/shop_compare.py \
	tests/helper/shop_events.py \
	tests/helper/shop_examples.py tests/helper/shop_orders.py tests/helper/shop_run.py tests/data/golden tests/data/validate/postgres

TEST_EXTENSIONS = .tap
TAP_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TAP_LOG_DRIVER_FLAGS = --merge --comments
if INTEGRATION
TESTS += tests/integration/run.tap
tests/integration/run.log: all $(check_PROGRAMS)
endif

# What the tests and scripts/consume.sh look at Kafka with.
check_PROGRAMS += tests/helper/kafka_dump
tests_helper_kafka_dump_SOURCES = tests/helper/kafka_dump.c
tests_helper_kafka_dump_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
tests_helper_kafka_dump_LDADD = $(RDKAFKA_LIBS)

# Kills a program at a named step; loaded in front of it with LD_PRELOAD.
check_PROGRAMS += tests/helper/kill_at.so
tests_helper_kill_at_so_SOURCES = tests/helper/kill_at.c
tests_helper_kill_at_so_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS) $(SQLITE_CFLAGS)
tests_helper_kill_at_so_CFLAGS = $(AM_CFLAGS) -fPIC
tests_helper_kill_at_so_LDFLAGS = -shared
tests_helper_kill_at_so_LDADD =
