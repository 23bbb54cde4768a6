// SPDX-License-Identifier: Apache-2.0
package shop;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.TreeSet;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** What the stores and the topics between the steps hold, each with a compact binary form. */
final class Rows {
    private Rows() {}

    record Order(long customer, String status, long cents, String payment, String country, long created) {}

    record Customer(String name, String email, String tier, String city) {}

    record Product(String sku, String name, String category, int quantity, int level) {}

    /** A change of an order that is new: old or row is null where there was none. */
    record Change(char op, long id, long c, Order old, Order row) {}

    /** What a change does to a cell of a minute. */
    record Delta(long orders, long cents) {}

    /** What a customer's history is fed with: an order ('c') or a cancellation ('x') at ts. */
    record Act(char kind, long order, long ts, long cents) {}

    record Visit(String type, String page, long created) {}

    record Session(long events, long views, TreeSet<String> pages, boolean converted) {}

    interface Write<T> {
        void to(DataOutputStream out, T value) throws IOException;
    }

    interface Read<T> {
        T from(DataInputStream in) throws IOException;
    }

    static <T> Serde<T> serde(Write<T> write, Read<T> read) {
        return Serdes.serdeFrom((topic, value) -> {
            if (value == null)
                return null;
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(96);
            try {
                write.to(new DataOutputStream(bytes), value);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return bytes.toByteArray();
        }, (topic, bytes) -> {
            if (bytes == null)
                return null;
            try {
                return read.from(new DataInputStream(new ByteArrayInputStream(bytes)));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        });
    }

    private static void text(DataOutputStream out, String value) throws IOException {
        out.writeBoolean(value != null);
        if (value != null)
            out.writeUTF(value);
    }

    private static String text(DataInputStream in) throws IOException {
        return in.readBoolean() ? in.readUTF() : null;
    }

    static final Serde<Order> ORDER = serde((out, o) -> {
        out.writeLong(o.customer);
        out.writeUTF(o.status);
        out.writeLong(o.cents);
        out.writeUTF(o.payment);
        out.writeUTF(o.country);
        out.writeLong(o.created);
    }, in -> new Order(in.readLong(), in.readUTF(), in.readLong(), in.readUTF(), in.readUTF(), in.readLong()));

    static final Serde<Customer> CUSTOMER = serde((out, c) -> {
        text(out, c.name);
        text(out, c.email);
        text(out, c.tier);
        text(out, c.city);
    }, in -> new Customer(text(in), text(in), text(in), text(in)));

    static final Serde<Product> PRODUCT = serde((out, p) -> {
        out.writeUTF(p.sku);
        out.writeUTF(p.name);
        out.writeUTF(p.category);
        out.writeInt(p.quantity);
        out.writeInt(p.level);
    }, in -> new Product(in.readUTF(), in.readUTF(), in.readUTF(), in.readInt(), in.readInt()));

    static final Serde<Delta> DELTA = serde((out, d) -> {
        out.writeLong(d.orders);
        out.writeLong(d.cents);
    }, in -> new Delta(in.readLong(), in.readLong()));

    static final Serde<Act> ACT = serde((out, a) -> {
        out.writeChar(a.kind);
        out.writeLong(a.order);
        out.writeLong(a.ts);
        out.writeLong(a.cents);
    }, in -> new Act(in.readChar(), in.readLong(), in.readLong(), in.readLong()));

    static final Serde<Visit> VISIT = serde((out, v) -> {
        out.writeUTF(v.type);
        text(out, v.page);
        out.writeLong(v.created);
    }, in -> new Visit(in.readUTF(), text(in), in.readLong()));

    static final Serde<Session> SESSION = serde((out, s) -> {
        out.writeLong(s.events);
        out.writeLong(s.views);
        out.writeBoolean(s.converted);
        out.writeInt(s.pages.size());
        for (String page : s.pages)
            out.writeUTF(page);
    }, in -> {
        long events = in.readLong(), views = in.readLong();
        boolean converted = in.readBoolean();
        TreeSet<String> pages = new TreeSet<>();
        for (int left = in.readInt(); left > 0; left--)
            pages.add(in.readUTF());
        return new Session(events, views, pages, converted);
    });
}
