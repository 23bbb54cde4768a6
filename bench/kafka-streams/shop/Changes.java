// SPDX-License-Identifier: Apache-2.0
package shop;

import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Takes the events of a topic that are new: a place is kept for each partition. */
abstract class Changes<KOut, VOut> implements Processor<byte[], byte[], KOut, VOut> {
    protected ProcessorContext<KOut, VOut> context;
    private final String places;
    private KeyValueStore<Integer, Long> place;

    Changes(String places) {
        this.places = places;
    }

    @Override
    public void init(ProcessorContext<KOut, VOut> context) {
        this.context = context;
        place = context.getStateStore(places);
    }

    /** known: there is a row of the key already. */
    abstract boolean known(long id);

    abstract void change(long id, Event event, long timestamp);

    @Override
    public void process(Record<byte[], byte[]> record) {
        if (record.value() == null)
            return; // a tombstone follows its delete and says nothing
        Event event = Event.read(record.value());
        long id = Event.id(record.key());
        int partition = context.taskId().partition();
        Long last = place.get(partition);
        if (last != null && event.lsn < last)
            return;
        if (last != null && event.lsn == last && (event.op != 'r' || known(id)))
            return; // rows of the first snapshot share one LSN
        if (last == null || event.lsn > last)
            place.put(partition, event.lsn);
        change(id, event, record.timestamp());
    }

    /** orders: the old row comes from the store, for "before" is null. */
    static final class Orders extends Changes<Long, Rows.Change> {
        private KeyValueStore<Long, Rows.Order> rows;

        Orders() {
            super("orders-places");
        }

        @Override
        public void init(ProcessorContext<Long, Rows.Change> context) {
            super.init(context);
            rows = context.getStateStore("orders");
        }

        @Override
        boolean known(long id) {
            return rows.get(id) != null;
        }

        @Override
        void change(long id, Event event, long timestamp) {
            Rows.Order old = rows.get(id), row = null;
            if (event.op == 'd') {
                if (old == null)
                    return;
                rows.delete(id);
            } else {
                row = new Rows.Order(Long.parseLong(event.row.get("customer_id")), event.row.get("status"),
                        Text.cents(event.row.get("total_amount")), event.row.get("payment_method"),
                        event.row.get("shipping_country"), Text.millis(event.row.get("created_at")));
                rows.put(id, row);
            }
            context.forward(new Record<>(id, new Rows.Change(event.op, id, event.c, old, row), timestamp));
        }
    }

    /** products: an alert where an edge is crossed. */
    static final class Products extends Changes<byte[], byte[]> {
        private KeyValueStore<Long, Rows.Product> rows;

        Products() {
            super("products-places");
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            super.init(context);
            rows = context.getStateStore("products");
        }

        @Override
        boolean known(long id) {
            return rows.get(id) != null;
        }

        @Override
        void change(long id, Event event, long timestamp) {
            Rows.Product o = rows.get(id);
            if (event.op == 'd') {
                rows.delete(id);
                return;
            }
            Rows.Product p = new Rows.Product(event.row.get("sku"), event.row.get("name"), event.row.get("category"),
                    Integer.parseInt(event.row.get("stock_quantity")),
                    Integer.parseInt(event.row.get("reorder_level")));
            rows.put(id, p);
            String alert;
            if (p.quantity() <= 0 && (o == null || o.quantity() > 0))
                alert = "OUT_OF_STOCK";
            else if (p.quantity() > 0 && p.quantity() <= p.level() && (o == null || o.quantity() > o.level()))
                alert = "LOW_STOCK";
            else if (p.quantity() > p.level() && o != null && o.quantity() <= o.level())
                alert = "RESTOCKED";
            else
                return;
            byte[] value = new Text.Json().put("product_id", id).put("sku", p.sku()).put("name", p.name())
                    .put("category", p.category()).put("alert", alert).put("stock_quantity", p.quantity())
                    .put("reorder_level", p.level()).put("previous_quantity", o == null ? null : (Integer) o.quantity())
                    .time("at", event.c).bytes();
            context.forward(new Record<>(Text.utf8("[" + id + "]"), value, timestamp));
        }
    }

    /** customer_activity: rows only come. */
    static final class Activity extends Changes<Long, Rows.Visit> {
        Activity() {
            super("activity-places");
        }

        @Override
        boolean known(long id) {
            return false;
        }

        @Override
        void change(long id, Event event, long timestamp) {
            if (event.op == 'd')
                return;
            long created = Text.millis(event.row.get("created_at"));
            context.forward(new Record<>(Long.parseLong(event.row.get("customer_id")),
                    new Rows.Visit(event.row.get("activity_type"), event.row.get("page"), created), created));
        }
    }
}
