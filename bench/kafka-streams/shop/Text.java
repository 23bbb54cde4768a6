// SPDX-License-Identifier: Apache-2.0
package shop;

import java.nio.charset.StandardCharsets;

/** Times, money and JSON as the outputs show them. */
final class Text {
    private Text() {}

    /** ISO 8601 in UTC to ms since 1970; digits beyond are cut off. */
    static long millis(String text) {
        int year = number(text, 0, 4), month = number(text, 5, 7), day = number(text, 8, 10);
        long seconds = days(year, month, day) * 86400L + number(text, 11, 13) * 3600 + number(text, 14, 16) * 60
                + number(text, 17, 19);
        int ms = 0;
        if (text.charAt(19) == '.')
            for (int i = 0; i < 3; i++) {
                char c = 20 + i < text.length() ? text.charAt(20 + i) : '0';
                ms = ms * 10 + (c >= '0' && c <= '9' ? c - '0' : 0);
                if (c < '0' || c > '9') {
                    for (int left = i + 1; left < 3; left++)
                        ms *= 10;
                    break;
                }
            }
        return seconds * 1000 + ms;
    }

    private static int number(String text, int from, int to) {
        int value = 0;
        for (int i = from; i < to; i++)
            value = value * 10 + text.charAt(i) - '0';
        return value;
    }

    /** Days since 1970-01-01, the year beginning in March. */
    private static long days(int year, int month, int day) {
        long y = month <= 2 ? year - 1 : year;
        long era = y / 400, ofEra = y - era * 400;
        long ofYear = (153L * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
        return era * 146097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719468;
    }

    /** "12.34" to 1234. */
    static long cents(String text) {
        int dot = text.indexOf('.');
        return Long.parseLong(text, 0, dot, 10) * 100 + Long.parseLong(text, dot + 1, dot + 3, 10);
    }

    /** JSON as it is written: one object, its members in order. */
    static final class Json {
        private final StringBuilder out = new StringBuilder(320).append('{');
        private boolean first = true;

        private Json name(String name) {
            if (!first)
                out.append(',');
            first = false;
            out.append('"').append(name).append("\":");
            return this;
        }

        Json put(String name, String value) {
            name(name);
            quote(value);
            return this;
        }

        Json put(String name, long value) {
            name(name).out.append(value);
            return this;
        }

        Json put(String name, boolean value) {
            name(name).out.append(value);
            return this;
        }

        Json put(String name, Integer value) {
            name(name).out.append(value);
            return this;
        }

        Json money(String name, long cents) {
            name(name);
            out.append(cents < 0 ? "\"-" : "\"").append(Math.abs(cents) / 100).append('.');
            pad(Math.abs(cents) % 100, 2);
            out.append('"');
            return this;
        }

        Json time(String name, long ms) {
            name(name).out.append('"');
            iso(ms);
            out.append('"');
            return this;
        }

        Json open(String name) {
            name(name).out.append('{');
            first = true;
            return this;
        }

        Json close() {
            out.append('}');
            first = false;
            return this;
        }

        byte[] bytes() {
            return out.append('}').toString().getBytes(StandardCharsets.UTF_8);
        }

        private void iso(long ms) {
            long day = Math.floorDiv(ms, 86400000L), rest = ms - day * 86400000L;
            long z = day + 719468, era = z / 146097, ofEra = z - era * 146097;
            long year = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146096) / 365;
            long ofYear = ofEra - (365 * year + year / 4 - year / 100), month = (5 * ofYear + 2) / 153;
            pad(year + era * 400 + (month >= 10 ? 1 : 0), 4);
            out.append('-');
            pad(month < 10 ? month + 3 : month - 9, 2);
            out.append('-');
            pad(ofYear - (153 * month + 2) / 5 + 1, 2);
            out.append('T');
            pad(rest / 3600000, 2);
            out.append(':');
            pad(rest / 60000 % 60, 2);
            out.append(':');
            pad(rest / 1000 % 60, 2);
            out.append('.');
            pad(rest % 1000, 3);
            out.append('Z');
        }

        private void pad(long value, int digits) {
            for (long limit = digits == 4 ? 1000 : digits == 3 ? 100 : 10; limit > 1 && value < limit; limit /= 10)
                out.append('0');
            out.append(value);
        }

        private void quote(String value) {
            if (value == null) {
                out.append("null");
                return;
            }
            out.append('"');
            for (int i = 0; i < value.length(); i++) {
                char c = value.charAt(i);
                if (c == '"' || c == '\\')
                    out.append('\\').append(c);
                else if (c < ' ')
                    out.append(String.format("\\u%04x", (int) c));
                else
                    out.append(c);
            }
            out.append('"');
        }
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** The time alone, for keys. */
    static String iso(long ms) {
        Json json = new Json();
        json.out.setLength(0);
        json.iso(ms);
        return json.out.toString();
    }
}
