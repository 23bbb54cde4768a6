# A fuzz target is tests/fuzz/NAME.c with LLVMFuzzerTestOneInput and a seed corpus tests/fuzz/NAME.in/.
# make check replays every input through tests/fuzz/replay.c, cut and changed in many ways;
# --enable-fuzzers (with CC=clang) links libFuzzer instead: tests/fuzz/NAME -max_total_time=60 NEW_DIR SEED_DIR
#
# Adding a target:
#   fuzz_targets += tests/fuzz/NAME
#   tests_fuzz_NAME_SOURCES = tests/fuzz/NAME.c $(fuzz_driver)
#   tests_fuzz_NAME_LDFLAGS = $(fuzz_ldflags)
#   tests_fuzz_NAME_LDADD = the libraries under test, then $(fuzz_common)
#   EXTRA_DIST += tests/fuzz/NAME.in
fuzz_targets =
fuzz_common = common/libcommon.a $(PCRE2_LIBS)
EXTRA_DIST += tests/fuzz/replay.c

if FUZZERS
fuzz_driver =
fuzz_ldflags = -fsanitize=fuzzer
else
fuzz_driver = tests/fuzz/replay.c
fuzz_ldflags =
TESTS += $(fuzz_targets)
endif
check_PROGRAMS += $(fuzz_targets)

fuzz_targets += tests/fuzz/json_read
tests_fuzz_json_read_SOURCES = tests/fuzz/json_read.c $(fuzz_driver)
tests_fuzz_json_read_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_json_read_LDADD = $(fuzz_common)
EXTRA_DIST += tests/fuzz/json_read.in

fuzz_targets += tests/fuzz/properties
tests_fuzz_properties_SOURCES = tests/fuzz/properties.c $(fuzz_driver)
tests_fuzz_properties_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_properties_LDADD = $(fuzz_common)
EXTRA_DIST += tests/fuzz/properties.in

fuzz_targets += tests/fuzz/http_body
tests_fuzz_http_body_SOURCES = tests/fuzz/http_body.c tests/helper/fake_herder.c $(fuzz_driver)
tests_fuzz_http_body_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_http_body_LDADD = rest/librest.a common/http/libhttp.a $(fuzz_common) $(MICROHTTPD_LIBS) $(GNUTLS_LIBS) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/http_body.in

fuzz_targets += tests/fuzz/http_target
tests_fuzz_http_target_SOURCES = tests/fuzz/http_target.c $(fuzz_driver)
tests_fuzz_http_target_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_http_target_LDADD = common/http/libhttp.a $(fuzz_common) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/http_target.in

fuzz_targets += tests/fuzz/pgoutput
tests_fuzz_pgoutput_SOURCES = tests/fuzz/pgoutput.c $(fuzz_driver)
tests_fuzz_pgoutput_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_pgoutput_LDADD = connectors/postgres/libpostgres.a $(fuzz_common)
EXTRA_DIST += tests/fuzz/pgoutput.in

fuzz_targets += tests/fuzz/connect_protocol
tests_fuzz_connect_protocol_SOURCES = tests/fuzz/connect_protocol.c $(fuzz_driver)
tests_fuzz_connect_protocol_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_connect_protocol_LDADD = worker/group/libgroup.a common/wire/libwire.a $(oauth_libs) $(fuzz_common) $(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/connect_protocol.in

fuzz_targets += tests/fuzz/java_map
tests_fuzz_java_map_SOURCES = tests/fuzz/java_map.c $(fuzz_driver)
tests_fuzz_java_map_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_java_map_LDADD = worker/store/libstore.a $(fuzz_common)
EXTRA_DIST += tests/fuzz/java_map.in

fuzz_targets += tests/fuzz/wire_response
tests_fuzz_wire_response_SOURCES = tests/fuzz/wire_response.c $(fuzz_driver)
tests_fuzz_wire_response_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_wire_response_LDADD = common/wire/libwire.a $(oauth_libs) $(fuzz_common) $(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/wire_response.in

fuzz_targets += tests/fuzz/sasl_scram
tests_fuzz_sasl_scram_SOURCES = tests/fuzz/sasl_scram.c $(fuzz_driver)
tests_fuzz_sasl_scram_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_sasl_scram_LDADD = common/wire/libwire.a $(oauth_libs) $(fuzz_common) $(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/sasl_scram.in

fuzz_targets += tests/fuzz/jaas
tests_fuzz_jaas_SOURCES = tests/fuzz/jaas.c $(fuzz_driver)
tests_fuzz_jaas_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_jaas_LDADD = $(fuzz_common)
EXTRA_DIST += tests/fuzz/jaas.in

fuzz_targets += tests/fuzz/oauth_token
tests_fuzz_oauth_token_SOURCES = tests/fuzz/oauth_token.c $(fuzz_driver)
tests_fuzz_oauth_token_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_oauth_token_LDADD = $(oauth_libs) $(fuzz_common) $(oauth_system_libs) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/oauth_token.in

fuzz_targets += tests/fuzz/json_struct
tests_fuzz_json_struct_SOURCES = tests/fuzz/json_struct.c $(fuzz_driver)
tests_fuzz_json_struct_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_json_struct_LDADD = transforms/libtransforms.a data/libdata.a $(fuzz_common)
EXTRA_DIST += tests/fuzz/json_struct.in

fuzz_targets += tests/fuzz/copy_text
tests_fuzz_copy_text_SOURCES = tests/fuzz/copy_text.c $(fuzz_driver)
tests_fuzz_copy_text_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_copy_text_LDADD = connectors/postgres/libpostgres.a $(fuzz_common)
EXTRA_DIST += tests/fuzz/copy_text.in

fuzz_targets += tests/fuzz/pg_value
tests_fuzz_pg_value_SOURCES = tests/fuzz/pg_value.c $(fuzz_driver)
tests_fuzz_pg_value_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
tests_fuzz_pg_value_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_pg_value_LDADD = connectors/postgres/libpostgres.a data/libdata.a $(fuzz_common) $(LIBPQ_LIBS) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/pg_value.in

fuzz_targets += tests/fuzz/time_zone
tests_fuzz_time_zone_SOURCES = tests/fuzz/time_zone.c $(fuzz_driver)
tests_fuzz_time_zone_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_time_zone_LDADD = data/libdata.a $(fuzz_common)
EXTRA_DIST += tests/fuzz/time_zone.in

fuzz_targets += tests/fuzz/iso_time
tests_fuzz_iso_time_SOURCES = tests/fuzz/iso_time.c $(fuzz_driver)
tests_fuzz_iso_time_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_iso_time_LDADD = transforms/libtransforms.a data/libdata.a $(fuzz_common)
EXTRA_DIST += tests/fuzz/iso_time.in

fuzz_targets += tests/fuzz/store_records
tests_fuzz_store_records_SOURCES = tests/fuzz/store_records.c tests/helper/fake_topic_log.c $(fuzz_driver)
tests_fuzz_store_records_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_store_records_LDADD = worker/store/libstore.a worker/group/libgroup.a worker/libworker.a \
	data/libdata.a common/kafka/libkafka.a common/wire/libwire.a $(oauth_libs) $(fuzz_common) \
	$(RDKAFKA_LIBS) $(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/store_records.in

fuzz_targets += tests/fuzz/java_key
tests_fuzz_java_key_SOURCES = tests/fuzz/java_key.c $(fuzz_driver)
tests_fuzz_java_key_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_java_key_LDADD = connectors/postgres/libpostgres.a $(fuzz_common)
EXTRA_DIST += tests/fuzz/java_key.in

fuzz_targets += tests/fuzz/snapshot_delivered
tests_fuzz_snapshot_delivered_SOURCES = tests/fuzz/snapshot_delivered.c $(fuzz_driver)
tests_fuzz_snapshot_delivered_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
tests_fuzz_snapshot_delivered_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_snapshot_delivered_LDADD = connectors/postgres/libpostgres.a data/libdata.a $(fuzz_common)
EXTRA_DIST += tests/fuzz/snapshot_delivered.in

fuzz_targets += tests/fuzz/field_cipher
tests_fuzz_field_cipher_SOURCES = tests/fuzz/field_cipher.c $(fuzz_driver)
tests_fuzz_field_cipher_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_field_cipher_LDADD = $(fuzz_common) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/field_cipher.in

fuzz_targets += tests/fuzz/streams_changes
tests_fuzz_streams_changes_SOURCES = tests/fuzz/streams_changes.c $(fuzz_driver)
tests_fuzz_streams_changes_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_streams_changes_LDADD = streams/libstreams.a common/kafka/libkafka.a common/wire/libwire.a $(fuzz_common) $(SQLITE_LIBS) $(RDKAFKA_LIBS) $(wire_system_libs) $(OPENSSL_LIBS)
EXTRA_DIST += tests/fuzz/streams_changes.in
