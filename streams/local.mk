noinst_LIBRARIES += streams/libstreams.a
streams_libstreams_a_CPPFLAGS = $(AM_CPPFLAGS) $(SQLITE_CFLAGS)
streams_libstreams_a_SOURCES = \
	streams/app.c streams/app.h streams/app_private.h \
	streams/app_view.c \
	streams/assignment.c streams/assignment.h \
	streams/engine/apply.c streams/engine/apply.h \
	streams/engine/batch.c streams/engine/batch.h \
	streams/engine/commit.c streams/engine/commit.h \
	streams/engine/expiry.c streams/engine/expiry.h \
	streams/engine/feed.c streams/engine/feed.h \
	streams/engine/global.c streams/engine/global.h \
	streams/engine/image.c streams/engine/image.h \
	streams/engine/input.c streams/engine/input.h \
	streams/engine/loop.c streams/engine/loop.h \
	streams/engine/mailbox.c streams/engine/mailbox.h \
	streams/engine/offset_note.c \
	streams/engine/outbox.c streams/engine/outbox.h \
	streams/engine/row_marks.c streams/engine/row_marks.h \
	streams/engine/rule.c streams/engine/rule.h \
	streams/engine/status.c streams/engine/status.h \
	streams/engine/task.c streams/engine/task.h streams/engine/task_private.h \
	streams/engine/task_change.c \
	streams/engine/task_control.c \
	streams/engine/task_forget.c streams/engine/task_forget.h \
	streams/engine/task_restore.c \
	streams/engine/task_run.c \
	streams/engine/task_settle.c \
	streams/engine/task_time.c \
	streams/engine/task_watch.c \
	streams/engine/txn.c streams/engine/txn.h \
	streams/engine/watch.c streams/engine/watch.h \
	streams/io/broker.h \
	streams/io/changes.c streams/io/changes.h \
	streams/io/kafka_broker.c streams/io/kafka_broker.h \
	streams/io/sink.c streams/io/sink.h \
	streams/io/sink_headers.c \
	streams/io/source.c streams/io/source.h \
	streams/io/value.c streams/io/value.h \
	streams/io/wire_schema.c streams/io/wire_schema.h \
	streams/member.c streams/member.h \
	streams/peers.c streams/peers.h \
	streams/relay.c streams/relay.h \
	streams/reset.c streams/reset.h \
	streams/rest.c streams/rest.h \
	streams/rest_control.c streams/rest_control.h \
	streams/rest_plan.c streams/rest_plan.h \
	streams/rest_lookup.c streams/rest_lookup.h \
	streams/rest_query.c streams/rest_query.h \
	streams/rest_scope.c streams/rest_scope.h \
	streams/rest_task.c streams/rest_task.h \
	streams/rest_watch.c streams/rest_watch.h \
	streams/sql/explain.c streams/sql/explain.h \
	streams/sql/files.c \
	streams/sql/lexer.c streams/sql/lexer.h \
	streams/sql/parser.c streams/sql/parser.h \
	streams/sql/plan.c streams/sql/plan.h \
	streams/sql/plan_compare.c streams/sql/plan_compare.h \
	streams/sql/plan_groups.c streams/sql/plan_groups.h \
	streams/sql/plan_options.c streams/sql/plan_options.h \
	streams/sql/plan_query.c streams/sql/plan_query.h \
	streams/sql/plan_repartition.c streams/sql/plan_repartition.h \
	streams/store/changelog.c streams/store/changelog.h \
	streams/store/codec.c streams/store/codec.h \
	streams/store/database.c streams/store/database.h \
	streams/store/function.c streams/store/function.h \
	streams/store/hop.c streams/store/hop.h \
	streams/store/inspect.c streams/store/inspect.h \
	streams/store/origin.c streams/store/origin.h \
	streams/store/query.c streams/store/query.h \
	streams/store/relation.c streams/store/relation.h \
	streams/store/rows.c streams/store/rows.h \
	streams/store/shared_map.c streams/store/shared_map.h \
	streams/store/sqlite.h \
	streams/store/state.c streams/store/state.h \
	streams/store/statement.c \
	streams/store/table.c streams/store/table.h \
	streams/streams_config.c streams/streams_config.h \
	streams/test/memory_kafka.c streams/test/memory_kafka.h \
	streams/test/rig.c streams/test/rig.h \
	streams/test/runner.c streams/test/runner.h \
	streams/test/script.c streams/test/script.h \
	streams/topics.c streams/topics.h

# Unit tests link the streams library, what it calls and SQLite.
streams_unit_libs = streams/libstreams.a common/kafka/libkafka.a common/wire/libwire.a $(oauth_libs) $(unit_common) $(SQLITE_LIBS) $(RDKAFKA_LIBS) $(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS)

unit_tests += tests/unit/streams_sql_test
tests_unit_streams_sql_test_SOURCES = tests/unit/streams_sql_test.c
tests_unit_streams_sql_test_CPPFLAGS = $(unit_cppflags) -DSHOP_DIR='"$(abs_top_srcdir)/etc/shop/streams"'
tests_unit_streams_sql_test_LDADD = $(streams_unit_libs)
unit_tests += tests/unit/streams_source_test
tests_unit_streams_source_test_SOURCES = tests/unit/streams_source_test.c tests/helper/streams_plan.h
tests_unit_streams_source_test_CPPFLAGS = $(unit_cppflags)
tests_unit_streams_source_test_LDADD = $(streams_unit_libs)
unit_tests += tests/unit/streams_store_test
tests_unit_streams_store_test_SOURCES = tests/unit/streams_store_test.c tests/helper/streams_plan.h
tests_unit_streams_store_test_CPPFLAGS = $(unit_cppflags)
tests_unit_streams_store_test_LDADD = $(streams_unit_libs)
unit_tests += tests/unit/streams_engine_test
tests_unit_streams_engine_test_SOURCES = tests/unit/streams_engine_test.c tests/helper/streams_plan.h
tests_unit_streams_engine_test_CPPFLAGS = $(unit_cppflags)
tests_unit_streams_engine_test_LDADD = $(streams_unit_libs)
unit_tests += tests/unit/streams_output_test
tests_unit_streams_output_test_SOURCES = tests/unit/streams_output_test.c tests/helper/streams_plan.h
tests_unit_streams_output_test_CPPFLAGS = $(unit_cppflags)
tests_unit_streams_output_test_LDADD = $(streams_unit_libs)
TESTS += tests/unit/streams_cli_test.sh tests/unit/streams_doc_test.sh
EXTRA_DIST += tests/unit/streams_cli_test.sh tests/unit/streams_doc_test.sh tests/data/streams/pipeline.sql \
	tests/data/streams/tests/options.test.sql

EXTRA_DIST += docs/streams.md docs/streams-sample.md streams/README.md etc/shop/streams/00_sources.sql etc/shop/streams/10_processed_orders.sql \
	etc/shop/streams/20_inventory_alerts.sql etc/shop/streams/30_business_metrics.sql \
	etc/shop/streams/40_fraud_alerts.sql etc/shop/streams/50_customer_behavior.sql \
	etc/shop/streams/tests/10_processed_orders.test.sql \
	etc/shop/streams/tests/20_inventory_alerts.test.sql \
	etc/shop/streams/tests/30_business_metrics.test.sql \
	etc/shop/streams/tests/40_fraud_alerts.test.sql \
	etc/shop/streams/tests/50_customer_behavior.test.sql
unit_tests += tests/unit/streams_member_test
tests_unit_streams_member_test_SOURCES = tests/unit/streams_member_test.c
tests_unit_streams_member_test_CPPFLAGS = $(unit_cppflags)
tests_unit_streams_member_test_LDADD = $(streams_unit_libs)
unit_tests += tests/unit/streams_time_test
tests_unit_streams_time_test_SOURCES = tests/unit/streams_time_test.c tests/helper/streams_plan.h
tests_unit_streams_time_test_CPPFLAGS = $(unit_cppflags)
tests_unit_streams_time_test_LDADD = $(streams_unit_libs)
