noinst_LIBRARIES += connectors/postgres/libpostgres.a
connectors_postgres_libpostgres_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
connectors_postgres_libpostgres_a_SOURCES = \
	connectors/postgres/catalog.c \
	connectors/postgres/catalog.h \
	connectors/postgres/column_type.c \
	connectors/postgres/column_type.h \
	connectors/postgres/config.c \
	connectors/postgres/config.h \
	connectors/postgres/config_check.c \
	connectors/postgres/config_check.h \
	connectors/postgres/config_parse.c \
	connectors/postgres/connection.c \
	connectors/postgres/connection.h \
	connectors/postgres/copy_text.c \
	connectors/postgres/copy_text.h \
	connectors/postgres/encode.c \
	connectors/postgres/encode.h \
	connectors/postgres/encode_array.c \
	connectors/postgres/encode_clock.c \
	connectors/postgres/encode_convert.c \
	connectors/postgres/encode_geometry.c \
	connectors/postgres/encode_hstore.c \
	connectors/postgres/encode_private.h \
	connectors/postgres/encode_text.c \
	connectors/postgres/encode_time.c \
	connectors/postgres/encode_time.h \
	connectors/postgres/encode_value.c \
	connectors/postgres/encode_vector.c \
	connectors/postgres/envelope.c \
	connectors/postgres/envelope.h \
	connectors/postgres/envelope_private.h \
	connectors/postgres/envelope_record.c \
	connectors/postgres/envelope_schema.c \
	connectors/postgres/heartbeat.c \
	connectors/postgres/heartbeat.h \
	connectors/postgres/incremental.c \
	connectors/postgres/incremental.h \
	connectors/postgres/incremental_chunk.c \
	connectors/postgres/incremental_offset.c \
	connectors/postgres/incremental_private.h \
	connectors/postgres/java_object.c \
	connectors/postgres/java_object.h \
	connectors/postgres/logical_message.c \
	connectors/postgres/logical_message.h \
	connectors/postgres/mask.c \
	connectors/postgres/mask.h \
	connectors/postgres/mask_private.h \
	connectors/postgres/mask_rules.c \
	connectors/postgres/metrics.c \
	connectors/postgres/metrics.h \
	connectors/postgres/name.c \
	connectors/postgres/name.h \
	connectors/postgres/notification.c \
	connectors/postgres/notification.h \
	connectors/postgres/pgoutput.c \
	connectors/postgres/pgoutput.h \
	connectors/postgres/plan.c \
	connectors/postgres/plan.h \
	connectors/postgres/plugin.c \
	connectors/postgres/plugin.h \
	connectors/postgres/position.c \
	connectors/postgres/position.h \
	connectors/postgres/probe.c \
	connectors/postgres/probe.h \
	connectors/postgres/probe_connection.c \
	connectors/postgres/progress.c \
	connectors/postgres/progress.h \
	connectors/postgres/publication.c \
	connectors/postgres/publication.h \
	connectors/postgres/replica_identity.c \
	connectors/postgres/replica_identity.h \
	connectors/postgres/reselect.c \
	connectors/postgres/reselect.h \
	connectors/postgres/signal.c \
	connectors/postgres/signal.h \
	connectors/postgres/signal_channel.c \
	connectors/postgres/signal_channel.h \
	connectors/postgres/slot.c \
	connectors/postgres/slot.h \
	connectors/postgres/snapshot.c \
	connectors/postgres/snapshot.h \
	connectors/postgres/snapshot_delivered.c \
	connectors/postgres/snapshot_delivered.h \
	connectors/postgres/snapshot_reader.c \
	connectors/postgres/snapshot_reader.h \
	connectors/postgres/snapshot_table.c \
	connectors/postgres/snapshot_table.h \
	connectors/postgres/start.c \
	connectors/postgres/stream.c \
	connectors/postgres/stream.h \
	connectors/postgres/stream_message.c \
	connectors/postgres/stream_private.h \
	connectors/postgres/stream_pace.c \
	connectors/postgres/stream_signal.c \
	connectors/postgres/stream_stats.c \
	connectors/postgres/table.c \
	connectors/postgres/table.h \
	connectors/postgres/table_counts.c \
	connectors/postgres/table_counts.h \
	connectors/postgres/task.c \
	connectors/postgres/task.h \
	connectors/postgres/task_private.h \
	connectors/postgres/transaction.c \
	connectors/postgres/transaction.h \
	connectors/postgres/type.c \
	connectors/postgres/type.h \
	connectors/postgres/type_default.c \
	connectors/postgres/type_placeholder.c \
	connectors/postgres/type_private.h \
	connectors/postgres/type_schema.c \
	connectors/postgres/validate.c \
	connectors/postgres/validate.h \
	connectors/postgres/visibility.c \
	connectors/postgres/visibility.h

postgres_test_libs = connectors/postgres/libpostgres.a data/libdata.a common/libcommon.a $(LIBPQ_LIBS) \
	$(OPENSSL_LIBS) $(PCRE2_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/pgoutput_test
tests_unit_pgoutput_test_SOURCES = tests/unit/pgoutput_test.c
tests_unit_pgoutput_test_CPPFLAGS = $(unit_cppflags)
tests_unit_pgoutput_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/pgoutput_bad_test
tests_unit_pgoutput_bad_test_SOURCES = tests/unit/pgoutput_bad_test.c
tests_unit_pgoutput_bad_test_CPPFLAGS = $(unit_cppflags)
tests_unit_pgoutput_bad_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/copy_text_test
tests_unit_copy_text_test_SOURCES = tests/unit/copy_text_test.c
tests_unit_copy_text_test_CPPFLAGS = $(unit_cppflags)
tests_unit_copy_text_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/stream_message_test
tests_unit_stream_message_test_SOURCES = tests/unit/stream_message_test.c
tests_unit_stream_message_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_stream_message_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/encode_test
tests_unit_encode_test_SOURCES = tests/unit/encode_test.c
tests_unit_encode_test_CPPFLAGS = $(unit_cppflags)
tests_unit_encode_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/java_object_test
tests_unit_java_object_test_SOURCES = tests/unit/java_object_test.c
tests_unit_java_object_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_java_object_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/signal_test
tests_unit_signal_test_SOURCES = tests/unit/signal_test.c
tests_unit_signal_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_signal_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/position_test
tests_unit_position_test_SOURCES = tests/unit/position_test.c
tests_unit_position_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_position_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/snapshot_delivered_test
tests_unit_snapshot_delivered_test_SOURCES = tests/unit/snapshot_delivered_test.c
tests_unit_snapshot_delivered_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_snapshot_delivered_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/snapshot_table_test
tests_unit_snapshot_table_test_SOURCES = tests/unit/snapshot_table_test.c
tests_unit_snapshot_table_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_snapshot_table_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/visibility_test
tests_unit_visibility_test_SOURCES = tests/unit/visibility_test.c
tests_unit_visibility_test_CPPFLAGS = $(unit_cppflags)
tests_unit_visibility_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/slot_check_test
tests_unit_slot_check_test_SOURCES = tests/unit/slot_check_test.c
tests_unit_slot_check_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_slot_check_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/probe_connection_test
tests_unit_probe_connection_test_SOURCES = tests/unit/probe_connection_test.c
tests_unit_probe_connection_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_probe_connection_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/config_check_test
tests_unit_config_check_test_SOURCES = tests/unit/config_check_test.c
tests_unit_config_check_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_config_check_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/mask_test
tests_unit_mask_test_SOURCES = tests/unit/mask_test.c
tests_unit_mask_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_mask_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/name_test
tests_unit_name_test_SOURCES = tests/unit/name_test.c
tests_unit_name_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_name_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/table_test
tests_unit_table_test_SOURCES = tests/unit/table_test.c
tests_unit_table_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_table_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/type_test
tests_unit_type_test_SOURCES = tests/unit/type_test.c
tests_unit_type_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_type_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/plan_test
tests_unit_plan_test_SOURCES = tests/unit/plan_test.c
tests_unit_plan_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_plan_test_LDADD = $(postgres_test_libs)

unit_tests += tests/unit/envelope_test
tests_unit_envelope_test_SOURCES = tests/unit/envelope_test.c
tests_unit_envelope_test_CPPFLAGS = $(unit_cppflags) $(LIBPQ_CFLAGS)
tests_unit_envelope_test_LDADD = converters/libconverters.a $(postgres_test_libs)

EXTRA_DIST += connectors/postgres/README.md docs/progress.md docs/snapshot-resume.md \
	connectors/postgres/config_connector.inc connectors/postgres/config_events.inc \
	connectors/postgres/config_postgres.inc connectors/postgres/config_unpublished.inc
