// SPDX-License-Identifier: Apache-2.0
package shop;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;

/** One change event of Debezium, read without a tree: of the row only what was asked for. */
final class Event {
    private static final JsonFactory FACTORY = new JsonFactory();

    char op;
    long lsn;
    long c;
    /** Columns of after as text, null for SQL's null; not there if after is null. */
    Map<String, String> row;

    static Event read(byte[] value) {
        Event event = new Event();
        try (JsonParser in = FACTORY.createParser(value)) {
            in.nextToken();
            while (in.nextToken() == JsonToken.FIELD_NAME) {
                String name = in.currentName();
                JsonToken token = in.nextToken();
                switch (name) {
                    case "op" -> event.op = in.getText().charAt(0);
                    case "after" -> {
                        if (token == JsonToken.START_OBJECT)
                            event.row = row(in);
                    }
                    case "source" -> event.source(in);
                    default -> in.skipChildren();
                }
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return event;
    }

    private static Map<String, String> row(JsonParser in) throws IOException {
        Map<String, String> row = new HashMap<>(16);
        while (in.nextToken() == JsonToken.FIELD_NAME) {
            String name = in.currentName();
            row.put(name, in.nextToken() == JsonToken.VALUE_NULL ? null : in.getText());
        }
        return row;
    }

    private void source(JsonParser in) throws IOException {
        while (in.nextToken() == JsonToken.FIELD_NAME) {
            String name = in.currentName();
            in.nextToken();
            if (name.equals("lsn"))
                lsn = in.getLongValue();
            else if (name.equals("ts_ms"))
                c = in.getLongValue();
            else
                in.skipChildren();
        }
    }

    /** {"id":42} */
    static long id(byte[] key) {
        long id = 0;
        for (int i = 6; i < key.length - 1; i++)
            id = id * 10 + key[i] - '0';
        return id;
    }
}
