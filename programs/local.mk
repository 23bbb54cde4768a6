# The programs: main() of each, and the list of built-in plugins.

# Version and commit of the checkout as it is now: asked for by every make, written when they changed. Only the
# programs' own files include it, so that a commit rebuilds no more than these.
BUILT_SOURCES += programs/version.h
CLEANFILES += programs/version.h
.PHONY: version-now
programs/version.h: version-now
	$(AM_V_at)$(MKDIR_P) programs && sh $(srcdir)/scripts/git-version.sh --header > $@.tmp && \
	if cmp -s $@.tmp $@; then rm -f $@.tmp; else mv $@.tmp $@; fi
programs/culvert-worker.$(OBJEXT) programs/culvert-streams.$(OBJEXT): programs/version.h

bin_PROGRAMS += programs/culvert-worker
programs_culvert_worker_SOURCES = \
	programs/builtin.c \
	programs/builtin.h \
	programs/culvert-worker.c \
	programs/options_doc.c \
	programs/options_doc.h \
	programs/worker_metrics.c \
	programs/worker_metrics.h \
	programs/worker_options.c \
	programs/worker_options.h
# Plugins in shared libraries call what include/culvert declares: all of it must be there, and visible.
programs_culvert_worker_LDFLAGS = $(AM_LDFLAGS) -Wl,--export-dynamic
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = culvert.pc
TESTS += tests/unit/plugin_library_test.sh
EXTRA_DIST += tests/unit/plugin_library_test.sh docs/plugins.md docs/plugin-example/topic_prefix.c
programs_culvert_worker_LDADD = \
	rest/librest.a \
	worker/libworker.a \
	worker/group/libgroup.a \
	worker/store/libstore.a \
	connectors/postgres/libpostgres.a \
	connectors/file/libfile.a \
	connectors/heartbeat/libheartbeat.a \
	connectors/mock/libmock.a \
	connectors/verifiable/libverifiable.a \
	converters/libconverters.a \
	transforms/libtransforms.a \
	$(WHOLE_ARCHIVE) data/libdata.a common/libcommon.a $(NO_WHOLE_ARCHIVE) \
	common/kafka/libkafka.a \
	common/wire/libwire.a \
	$(oauth_libs) \
	common/libcommon.a \
	$(RDKAFKA_LIBS) $(LIBPQ_LIBS) $(MICROHTTPD_LIBS) $(GNUTLS_LIBS) $(JSONC_LIBS) $(PCRE2_LIBS) $(wire_system_libs) $(OPENSSL_LIBS)

bin_PROGRAMS += programs/culvert-streams
programs_culvert_streams_SOURCES = \
	programs/culvert-streams.c \
	programs/options_doc.c \
	programs/options_doc.h
programs_culvert_streams_LDADD = \
	streams/libstreams.a \
	common/kafka/libkafka.a \
	common/wire/libwire.a \
	$(oauth_libs) \
	common/libcommon.a \
	$(RDKAFKA_LIBS) $(MICROHTTPD_LIBS) $(GNUTLS_LIBS) $(SQLITE_LIBS) $(PCRE2_LIBS) $(wire_system_libs) $(OPENSSL_LIBS)

# docs/configuration.md and docs/metrics.md, after a change of their rows.
.PHONY: docs
docs: programs/culvert-worker programs/culvert-streams
	{ programs/culvert-worker --print-options && programs/culvert-streams --print-options; } \
		> $(srcdir)/docs/configuration.md
	programs/culvert-worker --print-metrics > $(srcdir)/docs/metrics.md
TESTS += tests/unit/configuration_doc_test.sh tests/unit/metrics_doc_test.sh
EXTRA_DIST += tests/unit/configuration_doc_test.sh docs/configuration.md \
	tests/unit/metrics_doc_test.sh docs/metrics.md
