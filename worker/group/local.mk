EXTRA_DIST += worker/group/README.md
noinst_LIBRARIES += worker/group/libgroup.a
worker_group_libgroup_a_SOURCES = \
	worker/group/alone.c \
	worker/group/alone.h \
	worker/group/assignor.c \
	worker/group/assignor.h \
	worker/group/calc.c \
	worker/group/calc.h \
	worker/group/coordinator.c \
	worker/group/coordinator.h \
	worker/group/coordinator_state.h \
	worker/group/coordinator_thread.c \
	worker/group/discovery.c \
	worker/group/discovery.h \
	worker/group/join.c \
	worker/group/join.h \
	worker/group/leader.c \
	worker/group/leader.h \
	worker/group/member.c \
	worker/group/member.h \
	worker/group/protocol.c \
	worker/group/protocol.h \
	worker/group/stats.c \
	worker/group/stats.h

group_test_libs = worker/group/libgroup.a common/wire/libwire.a $(oauth_libs) common/libcommon.a \
	$(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS) $(PCRE2_LIBS) $(JSONC_LIBS) $(CMOCKA_LIBS)

unit_tests += tests/unit/protocol_test
tests_unit_protocol_test_SOURCES = tests/unit/protocol_test.c tests/helper/recording.c tests/helper/recording.h \
	tests/helper/failing_alloc.c
tests_unit_protocol_test_LDFLAGS = $(unit_failing_alloc_ldflags)
tests_unit_protocol_test_CPPFLAGS = $(unit_cppflags) $(JSONC_CFLAGS)
tests_unit_protocol_test_LDADD = $(group_test_libs)
EXTRA_DIST += \
	tests/data/group/README.md \
	tests/data/group/flexible/07-connector-deleted.json \
	tests/data/group/flexible/08-leader-leaves.json \
	tests/data/group/01-first-worker-starts.json \
	tests/data/group/02-connectors-created.json \
	tests/data/group/03-second-worker-joins.json \
	tests/data/group/04-worker-leaves.json \
	tests/data/group/05-worker-killed.json \
	tests/data/group/06-worker-returns.json \
	tests/data/group/09-compatible.json \
	tests/data/group/10-mixed-compatible-sessioned.json \
	tests/data/group/11-eager.json \
	tests/data/group/12-eager-worker-leaves.json

unit_tests += tests/unit/assignor_test
tests_unit_assignor_test_SOURCES = tests/unit/assignor_test.c tests/helper/failing_alloc.c
tests_unit_assignor_test_LDFLAGS = $(unit_failing_alloc_ldflags)
tests_unit_assignor_test_CPPFLAGS = $(unit_cppflags)
tests_unit_assignor_test_LDADD = $(group_test_libs)

check_PROGRAMS += tests/integration/group_test
tests_integration_group_test_SOURCES = tests/integration/group_test.c
tests_integration_group_test_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
tests_integration_group_test_LDADD = worker/group/libgroup.a common/wire/libwire.a $(oauth_libs) common/libcommon.a \
	$(oauth_system_libs) $(wire_system_libs) $(OPENSSL_LIBS) $(PCRE2_LIBS) $(RDKAFKA_LIBS)

unit_tests += tests/unit/member_test
tests_unit_member_test_SOURCES = tests/unit/member_test.c tests/helper/fake_broker.c tests/helper/fake_broker.h
tests_unit_member_test_CPPFLAGS = $(unit_cppflags) $(OPENSSL_CFLAGS)
tests_unit_member_test_LDADD = $(group_test_libs)
