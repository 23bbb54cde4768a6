# The benchmarks: scripts that boot their own servers, and the small programs that they measure with.
EXTRA_DIST += \
	bench/file.sh \
	bench/kafka-streams/pom.xml \
	bench/kafka-streams/shop/Changes.java \
	bench/kafka-streams/shop/Event.java \
	bench/kafka-streams/shop/Fraud.java \
	bench/kafka-streams/shop/Rows.java \
	bench/kafka-streams/shop/ShopStreams.java \
	bench/kafka-streams/shop/Text.java \
	bench/latency.sh \
	bench/lib.sh \
	bench/orders.sql \
	bench/orders_change.sql \
	bench/outage.sh \
	bench/rest.sh \
	bench/snapshot.sh \
	bench/source.sh \
	bench/start.sh \
	bench/streams.sh \
	bench/streams_shop.py \
	bench/tables.sh \
	bench/worker.sh \
	docs/performance.md

check_PROGRAMS += bench/ask bench/drain bench/encode bench/latency bench/outputs bench/pace bench/watch

bench_ask_SOURCES = bench/ask.c bench/measure.c bench/measure.h

bench_drain_SOURCES = bench/drain.c bench/measure.c bench/measure.h
bench_drain_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
bench_drain_LDADD = $(LIBPQ_LIBS)

bench_encode_SOURCES = bench/encode.c bench/measure.c bench/measure.h
bench_encode_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
bench_encode_LDADD = connectors/postgres/libpostgres.a data/libdata.a common/libcommon.a $(LIBPQ_LIBS) \
	$(OPENSSL_LIBS) $(PCRE2_LIBS)

bench_watch_SOURCES = bench/watch.c bench/measure.c bench/measure.h
bench_watch_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
bench_watch_LDADD = $(RDKAFKA_LIBS)

bench_latency_SOURCES = bench/latency.c bench/measure.c bench/measure.h
bench_latency_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS) $(RDKAFKA_CFLAGS)
bench_latency_LDADD = $(LIBPQ_LIBS) $(RDKAFKA_LIBS)

bench_outputs_SOURCES = bench/outputs.c bench/measure.c bench/measure.h
bench_outputs_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
bench_outputs_LDADD = $(RDKAFKA_LIBS)

bench_pace_SOURCES = bench/pace.c bench/measure.c bench/measure.h
bench_pace_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
bench_pace_LDADD = $(RDKAFKA_LIBS)
