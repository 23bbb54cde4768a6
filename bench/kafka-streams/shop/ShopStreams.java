// SPDX-License-Identifier: Apache-2.0
package shop;

import java.io.FileInputStream;
import java.io.InputStream;
import java.time.Duration;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The features of the sample shop on Kafka Streams, as its users write them: the DSL, and processors where the DSL has
 * no old row. Windows emit each change, for final results (suppress) lose rows in a catch-up over several partitions:
 * stream time is the greatest timestamp seen, and nothing holds it back for slower partitions.
 *
 *   ShopStreams FILE.properties WORK IN OUT
 *
 * WORK is enrichment, metrics (with enrichment) or all; the topics are INname and OUTname.
 */
public final class ShopStreams {
    private static final long MINUTE = 60000, LATE_MS = 10000;
    private static final Duration KEEP = Duration.ofDays(1);
    private static final Serde<byte[]> RAW = Serdes.ByteArray();

    private final StreamsBuilder builder = new StreamsBuilder();
    private final String in;
    private final String out;

    private ShopStreams(String in, String out) {
        this.in = in;
        this.out = out;
    }

    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        try (InputStream in = new FileInputStream(args[0])) {
            properties.load(in);
        }
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        ShopStreams shop = new ShopStreams(args[2], args[3]);
        shop.build(args[1]);
        KafkaStreams streams = new KafkaStreams(shop.builder.build(), properties);
        CountDownLatch end = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(20));
            end.countDown();
        }));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler
                    .StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        end.await();
    }

    private void build(String work) {
        builder.addGlobalStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("customers"), Serdes.Long(),
                Rows.CUSTOMER).withLoggingDisabled(), in + "customers", Consumed.with(RAW, RAW), Customers::new);
        builder.addStateStore(kv("orders", Serdes.Long(), Rows.ORDER));
        builder.addStateStore(kv("orders-places", Serdes.Integer(), Serdes.Long()));
        KStream<Long, Rows.Change> orders = builder.stream(in + "orders", Consumed.with(RAW, RAW))
                .process(Changes.Orders::new, "orders", "orders-places");
        orders.process(Enrich::new).to(out + "processed_orders", Produced.with(RAW, RAW));
        switch (work) {
            case "enrichment" -> { }
            case "metrics" -> metrics(orders);
            case "all" -> {
                metrics(orders);
                fraud(orders);
                inventory();
                behavior();
            }
            default -> throw new IllegalArgumentException("WORK is enrichment, metrics or all, not " + work);
        }
    }

    private static <K, V> StoreBuilder<KeyValueStore<K, V>> kv(String name, Serde<K> key, Serde<V> value) {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(name), key, value).withCachingEnabled();
    }

    // ---- customers, and orders with them

    private static final class Customers implements Processor<byte[], byte[], Void, Void> {
        private KeyValueStore<Long, Rows.Customer> rows;

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            rows = context.getStateStore("customers");
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            if (record.value() == null)
                return;
            Event event = Event.read(record.value());
            long id = Event.id(record.key());
            if (event.op == 'd')
                rows.delete(id);
            else
                rows.put(id, new Rows.Customer(event.row.get("first_name") + " " + event.row.get("last_name"),
                        event.row.get("email"), event.row.get("customer_tier"), event.row.get("city")));
        }
    }

    private static final Rows.Customer UNKNOWN = new Rows.Customer(null, null, "unknown", null);

    private static Rows.Customer customer(KeyValueStore<Long, Rows.Customer> customers, long id) {
        Rows.Customer customer = customers.get(id);
        return customer == null ? UNKNOWN : customer;
    }

    private static final class Enrich implements Processor<Long, Rows.Change, byte[], byte[]> {
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<Long, Rows.Customer> customers;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            customers = context.getStateStore("customers");
        }

        @Override
        public void process(Record<Long, Rows.Change> record) {
            Rows.Change change = record.value();
            Rows.Order order = change.row();
            byte[] value = null;
            if (order != null) {
                Rows.Customer c = customer(customers, order.customer());
                boolean high = (c.tier().equals("gold") || c.tier().equals("platinum")) && order.cents() >= 50000;
                value = new Text.Json().put("order_id", change.id()).put("status", order.status())
                        .put("previous_status", change.old() == null ? null : change.old().status())
                        .money("total", order.cents()).put("country", order.country())
                        .put("payment_method", order.payment()).time("created_at", order.created())
                        .put("change", String.valueOf(change.op()))
                        .open("customer").put("id", order.customer()).put("name", c.name()).put("email", c.email())
                        .put("tier", c.tier()).put("city", c.city()).close()
                        .put("priority", high ? "high" : "normal").bytes();
            }
            context.forward(new Record<>(Text.utf8("[" + change.id() + "]"), value, record.timestamp()));
        }
    }

    // ---- orders a minute

    /** A change takes the old row from its cell and adds the new one, or corrects a closed one beside it. */
    private static final class Cells implements Processor<Long, Rows.Change, String, Rows.Delta> {
        private final boolean late;
        private ProcessorContext<String, Rows.Delta> context;

        Cells(boolean late) {
            this.late = late;
        }

        @Override
        public void init(ProcessorContext<String, Rows.Delta> context) {
            this.context = context;
        }

        @Override
        public void process(Record<Long, Rows.Change> record) {
            Rows.Change change = record.value();
            count(change.old(), -1, change.c());
            count(change.row(), 1, change.c());
        }

        private void count(Rows.Order order, int sign, long c) {
            if (order == null)
                return;
            long minute = order.created() / MINUTE * MINUTE;
            if ((c >= minute + MINUTE + LATE_MS) == late)
                context.forward(new Record<>(order.status() + "|" + order.country(),
                        new Rows.Delta(sign, sign * order.cents()), order.created()));
        }
    }

    private void metrics(KStream<Long, Rows.Change> orders) {
        KStream<String, Rows.Delta> cells = orders.process(() -> new Cells(false));
        cells.groupByKey(Grouped.with("cells", Serdes.String(), Rows.DELTA))
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(MINUTE), KEEP))
                .aggregate(() -> new Rows.Delta(0, 0),
                        (key, delta, sum) -> new Rows.Delta(sum.orders() + delta.orders(), sum.cents() + delta.cents()),
                        Materialized.<String, Rows.Delta, WindowStore<Bytes, byte[]>>as("metrics")
                                .withKeySerde(Serdes.String()).withValueSerde(Rows.DELTA)
                                .withRetention(KEEP.plusHours(1)))
                .toStream()
                .map((cell, sum) -> KeyValue.pair(cellKey(cell), cellJson(cell.key(), cell.window().start())
                        .put("orders", sum.orders()).money("revenue", sum.cents())
                        .money("avg_order_value", sum.orders() > 0 ? sum.cents() / sum.orders() : 0).bytes()))
                .to(out + "business_metrics", Produced.with(RAW, RAW));
        orders.process(() -> new Cells(true)).process(() -> new Processor<String, Rows.Delta, byte[], byte[]>() {
            private ProcessorContext<byte[], byte[]> context;

            @Override
            public void init(ProcessorContext<byte[], byte[]> context) {
                this.context = context;
            }

            @Override
            public void process(Record<String, Rows.Delta> record) {
                long start = record.timestamp() / MINUTE * MINUTE;
                context.forward(new Record<>(cellKey(record.key(), start), cellJson(record.key(), start)
                        .put("orders", record.value().orders()).money("revenue", record.value().cents()).bytes(),
                        record.timestamp()));
            }
        }).to(out + "business_metrics_late", Produced.with(RAW, RAW));
    }

    private static byte[] cellKey(Windowed<String> cell) {
        return cellKey(cell.key(), cell.window().start());
    }

    private static byte[] cellKey(String key, long start) {
        return Text.utf8("[\"" + Text.iso(start) + "\",\"" + key.replace("|", "\",\"") + "\"]");
    }

    private static Text.Json cellJson(String key, long start) {
        int bar = key.indexOf('|');
        return new Text.Json().time("window_start", start).time("window_end", start + MINUTE)
                .put("status", key.substring(0, bar)).put("country", key.substring(bar + 1));
    }

    // ---- fraud, stock, sessions

    private void fraud(KStream<Long, Rows.Change> orders) {
        builder.addStateStore(kv("histories", Serdes.Long(), Fraud.HISTORY));
        orders.process(() -> new Processor<Long, Rows.Change, Long, Rows.Act>() {
            private ProcessorContext<Long, Rows.Act> context;

            @Override
            public void init(ProcessorContext<Long, Rows.Act> context) {
                this.context = context;
            }

            @Override
            public void process(Record<Long, Rows.Change> record) {
                Rows.Change change = record.value();
                Rows.Order row = change.row();
                Rows.Act act;
                if (change.op() == 'c')
                    act = new Rows.Act('c', change.id(), row.created(), row.cents());
                else if (change.op() == 'u' && row.status().equals("cancelled") && change.old() != null
                        && !change.old().status().equals("cancelled"))
                    act = new Rows.Act('x', change.id(), change.c(), 0);
                else
                    return;
                context.forward(new Record<>(row.customer(), act, act.ts()));
            }
        }).repartition(Repartitioned.with(Serdes.Long(), Rows.ACT).withName("acts"))
                .process(Fraud::new, "histories").to(out + "fraud_alerts", Produced.with(RAW, RAW));
    }

    private void inventory() {
        builder.addStateStore(kv("products", Serdes.Long(), Rows.PRODUCT));
        builder.addStateStore(kv("products-places", Serdes.Integer(), Serdes.Long()));
        builder.stream(in + "products", Consumed.with(RAW, RAW))
                .process(Changes.Products::new, "products", "products-places")
                .peek((key, value) -> System.out.println(new String(value, java.nio.charset.StandardCharsets.UTF_8)))
                .to(out + "inventory_alerts", Produced.with(RAW, RAW));
    }

    private void behavior() {
        builder.addStateStore(kv("activity-places", Serdes.Integer(), Serdes.Long()));
        builder.stream(in + "customer_activity", Consumed.with(RAW, RAW))
                .process(Changes.Activity::new, "activity-places")
                .groupByKey(Grouped.with("visits", Serdes.Long(), Rows.VISIT))
                .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofMinutes(30), KEEP))
                .aggregate(() -> new Rows.Session(0, 0, new TreeSet<>(), false), (customer, visit, session) -> {
                    TreeSet<String> pages = session.pages();
                    if (visit.page() != null && !pages.contains(visit.page())) {
                        pages = new TreeSet<>(pages);
                        pages.add(visit.page());
                    }
                    return new Rows.Session(session.events() + 1,
                            session.views() + (visit.type().equals("page_view") ? 1 : 0), pages,
                            session.converted() || visit.type().equals("purchase"));
                }, (customer, one, other) -> {
                    TreeSet<String> pages = new TreeSet<>(one.pages());
                    pages.addAll(other.pages());
                    return new Rows.Session(one.events() + other.events(), one.views() + other.views(), pages,
                            one.converted() || other.converted());
                }, Materialized.<Long, Rows.Session, SessionStore<Bytes, byte[]>>as("sessions")
                        .withKeySerde(Serdes.Long()).withValueSerde(Rows.SESSION).withRetention(KEEP.plusHours(1)))
                .toStream().process(Behavior::new).to(out + "customer_behavior", Produced.with(RAW, RAW));
    }

    private static final class Behavior implements Processor<Windowed<Long>, Rows.Session, byte[], byte[]> {
        private ProcessorContext<byte[], byte[]> context;
        private KeyValueStore<Long, Rows.Customer> customers;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            customers = context.getStateStore("customers");
        }

        @Override
        public void process(Record<Windowed<Long>, Rows.Session> record) {
            long id = record.key().key(), start = record.key().window().start(), end = record.key().window().end();
            Rows.Session session = record.value();
            byte[] value = null;
            if (session != null)
                value = new Text.Json().put("customer_id", id).time("session_start", start).time("session_end", end)
                        .put("duration_s", (end - start) / 1000).put("events", session.events())
                        .put("page_views", session.views()).put("pages", session.pages().size())
                        .put("converted", session.converted()).put("tier", customer(customers, id).tier())
                        .put("segment", session.converted() ? "buyer" : session.events() > 1 ? "visitor" : "bounce")
                        .bytes();
            context.forward(new Record<>(Text.utf8("[" + id + ",\"" + Text.iso(start) + "\"]"), value,
                    record.timestamp()));
        }
    }
}
