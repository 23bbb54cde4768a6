// SPDX-License-Identifier: Apache-2.0
package shop;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** Three patterns over what a customer did, all of it in one row: read and written once an act. */
final class Fraud implements Processor<Long, Rows.Act, byte[], byte[]> {
    private static final long VELOCITY_MS = 300000, REORDER_MS = 600000;
    /** Nothing holds the stream time back for slower partitions: what is kept must outlast their distance. */
    private static final long KEEP_MS = 86400000;

    static final class Recent {
        long ts, id;
        boolean alerted;
        boolean order; // or a cancellation
    }

    static final class History {
        long count, cents, newest;
        final List<Recent> recent = new ArrayList<>();
    }

    static final Serde<History> HISTORY = Rows.serde((out, h) -> {
        out.writeLong(h.count);
        out.writeLong(h.cents);
        out.writeLong(h.newest);
        out.writeInt(h.recent.size());
        for (Recent r : h.recent) {
            out.writeLong(r.ts);
            out.writeLong(r.id);
            out.writeByte((r.alerted ? 1 : 0) | (r.order ? 2 : 0));
        }
    }, in -> {
        History h = new History();
        h.count = in.readLong();
        h.cents = in.readLong();
        h.newest = in.readLong();
        for (int left = in.readInt(); left > 0; left--) {
            Recent r = new Recent();
            r.ts = in.readLong();
            r.id = in.readLong();
            byte flags = in.readByte();
            r.alerted = (flags & 1) != 0;
            r.order = (flags & 2) != 0;
            h.recent.add(r);
        }
        return h;
    });

    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<Long, History> histories;

    @Override
    public void init(ProcessorContext<byte[], byte[]> context) {
        this.context = context;
        histories = context.getStateStore("histories");
    }

    @Override
    public void process(Record<Long, Rows.Act> record) {
        long customer = record.key();
        Rows.Act act = record.value();
        History history = histories.get(customer);
        if (history == null)
            history = new History();
        Recent now = new Recent();
        now.ts = act.ts();
        now.id = act.order();
        now.order = act.kind() == 'c';
        history.recent.add(now);
        history.newest = Math.max(history.newest, now.ts);
        long oldest = history.newest - KEEP_MS;
        history.recent.removeIf(r -> r.ts < oldest);
        if (now.order) {
            velocity(customer, history, now, record.timestamp());
            if (history.count >= 3 && act.cents() * history.count > 3 * history.cents)
                alert(new Text.Json().put("pattern", "AMOUNT").put("customer_id", customer).put("order_id", now.id)
                        .money("total", act.cents()).money("usual", history.cents / history.count), customer, now.ts,
                        record.timestamp());
            history.count++;
            history.cents += act.cents();
        }
        reorders(customer, history, now, record.timestamp());
        histories.put(customer, history);
    }

    /** The new order, and those up to 300 s younger, for which it counts too. */
    private void velocity(long customer, History history, Recent now, long timestamp) {
        for (Recent r : history.recent) {
            if (!r.order || r.alerted || r.ts < now.ts || r.ts >= now.ts + VELOCITY_MS)
                continue;
            int orders = 0;
            for (Recent o : history.recent)
                if (o.order && o.ts > r.ts - VELOCITY_MS && o.ts <= r.ts)
                    orders++;
            if (orders >= 4) {
                r.alerted = true;
                alert(new Text.Json().put("pattern", "VELOCITY").put("customer_id", customer).put("order_id", r.id)
                        .put("orders", orders), customer, r.ts, timestamp);
            }
        }
    }

    /** Once a pair, also where an order was cancelled twice. */
    private void reorders(long customer, History history, Recent now, long timestamp) {
        Set<Long> told = new HashSet<>();
        for (Recent r : history.recent) {
            if (now.order && follows(now, r) && told.add(r.id))
                reorder(customer, now, r, timestamp);
            if (!now.order && follows(r, now)
                    && history.recent.stream().noneMatch(x -> x != now && x.id == now.id && follows(r, x)))
                reorder(customer, r, now, timestamp);
        }
    }

    private static boolean follows(Recent order, Recent cancel) {
        return order.order && !cancel.order && order.id != cancel.id && order.ts > cancel.ts
                && order.ts <= cancel.ts + REORDER_MS;
    }

    private void reorder(long customer, Recent order, Recent cancel, long timestamp) {
        alert(new Text.Json().put("pattern", "CANCEL_REORDER").put("customer_id", customer).put("order_id", order.id)
                .put("cancelled_order_id", cancel.id), customer, order.ts, timestamp);
    }

    private void alert(Text.Json json, long customer, long at, long timestamp) {
        context.forward(new Record<>(Text.utf8("[" + customer + "]"), json.time("at", at).bytes(), timestamp));
    }
}
