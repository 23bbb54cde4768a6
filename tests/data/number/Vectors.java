/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made double.txt, float.txt and decimal.txt (Java 17: `java Vectors.java DIRECTORY`), against which
 * tests/unit/number_test.c compares.
 *
 * Double.toString before Java 19 is not always shortest (JDK-4511638), so the digits here are found from the
 * specification of Java 19: exact decimals of 2 to 17 digits on both sides of the value, the nearest of those
 * that parse back to it. Decimals come from BigDecimal itself.
 */
import java.io.PrintWriter;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Random;
import java.util.TreeSet;
import java.util.function.Predicate;

public class Vectors {
    static String shortest(BigDecimal exact, int max, Predicate<BigDecimal> readsBack) {
        for (int n = 2; n <= max; n++) {
            BigDecimal best = null;
            for (RoundingMode mode : new RoundingMode[] { RoundingMode.HALF_EVEN, RoundingMode.FLOOR, RoundingMode.CEILING }) {
                BigDecimal candidate = exact.round(new MathContext(n, mode));
                if (!readsBack.test(candidate))
                    continue;
                if (best == null || candidate.subtract(exact).abs().compareTo(best.subtract(exact).abs()) < 0)
                    best = candidate;
            }
            if (best != null)
                return layOut(best);
        }
        throw new AssertionError(exact);
    }

    static String layOut(BigDecimal value) {
        String digits = value.unscaledValue().toString().replaceFirst("0+$", "");
        int exponent = value.precision() - value.scale() - 1;
        if (exponent >= 7 || exponent < -3)
            return digits.charAt(0) + "." + (digits.length() > 1 ? digits.substring(1) : "0") + "E" + exponent;
        String plain = value.stripTrailingZeros().toPlainString();
        return plain.contains(".") ? plain : plain + ".0";
    }

    static String of(double v) {
        return shortest(new BigDecimal(v), 17, d -> d.doubleValue() == v);
    }

    static String of(float v) {
        return shortest(new BigDecimal(v), 9, d -> d.floatValue() == v);
    }

    static void doubles(PrintWriter out) {
        TreeSet<Double> values = new TreeSet<>();
        Random random = new Random(1);
        for (int e = -1074; e <= 1023; e += e < -1000 || e > -60 && e < 80 ? 1 : 5)
            values.add(Math.scalb(1.0, e));
        for (int e = -324; e <= 308; e += e < -300 || e > -30 && e < 40 ? 1 : 4)
            for (String d : new String[] { "1", "2", "5", "9.999999999999999" })
                values.add(Double.parseDouble(d + "E" + e));
        for (int i = 0; i < 1000; i++)
            values.add(Math.abs(Double.longBitsToDouble(random.nextLong())));
        for (int i = 0; i < 300; i++)
            values.add(Double.longBitsToDouble(random.nextInt(1 << 20)));
        for (int i = 0; i < 600; i++)
            values.add(BigDecimal.valueOf(random.nextLong() >>> 14 + random.nextInt(50), random.nextInt(12)).doubleValue());
        for (int i = 0; i < 300; i++)
            values.add(random.nextDouble() * Math.pow(10, random.nextInt(12) - 5));
        for (double v : new double[] { 2e23, 9007199254740991.0, 9007199254740992.0, 9007199254740993.0, 1e7, 9999999.999999998, 0.001,
                0.0009999999999999998, 0.3, 0.1 + 0.2, 100.0 / 3, 2.2250738585072014E-308, 2.225073858507201E-308, Double.MAX_VALUE, 4.35, 1.1 * 1.1 }) {
            values.add(v);
            values.add(Math.nextUp(v));
            values.add(Math.nextDown(v));
        }
        for (double v : values)
            if (v > 0 && Double.isFinite(v))
                out.printf("%016x %s%n", Double.doubleToLongBits(v), of(v));
    }

    static void floats(PrintWriter out) {
        TreeSet<Float> values = new TreeSet<>();
        Random random = new Random(2);
        for (int e = -149; e <= 127; e++)
            values.add(Math.scalb(1f, e));
        for (int e = -45; e <= 38; e++)
            for (String d : new String[] { "1", "2", "5", "9.999999" })
                values.add(Float.parseFloat(d + "E" + e));
        for (int i = 0; i < 1000; i++)
            values.add(Math.abs(Float.intBitsToFloat(random.nextInt())));
        for (int i = 0; i < 500; i++)
            values.add(BigDecimal.valueOf(random.nextInt(1 << 28) >>> random.nextInt(20), random.nextInt(8)).floatValue());
        for (float v : new float[] { 1e7f, 0.001f, 16777216f, 16777217f, 0.3f, 3.4028235e38f, 1.17549435E-38f, 8.5899346E9f, 1.4e-45f }) {
            values.add(v);
            values.add(Math.nextUp(v));
            values.add(Math.nextDown(v));
        }
        for (float v : values)
            if (v > 0 && Float.isFinite(v))
                out.printf("%08x %s%n", Float.floatToIntBits(v), of(v));
    }

    static void decimal(PrintWriter out, BigDecimal v) {
        StringBuilder hex = new StringBuilder();
        for (byte b : v.unscaledValue().toByteArray())
            hex.append(String.format("%02x", b));
        out.printf("%d %s %s %s%n", v.scale(), hex, v.toPlainString(), v);
    }

    static void decimals(PrintWriter out) {
        Random random = new Random(3);
        for (int bits : new int[] { 0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 55, 56, 57, 62, 63, 64, 65, 71, 127, 128, 129 })
            for (int add = -1; add <= 1; add++)
                for (int scale : new int[] { 0, 2, 9 }) {
                    BigInteger n = BigInteger.ONE.shiftLeft(bits).add(BigInteger.valueOf(add));
                    decimal(out, new BigDecimal(n, scale));
                    decimal(out, new BigDecimal(n.negate(), scale));
                }
        for (int i = 0; i < 300; i++)
            decimal(out, new BigDecimal(new BigInteger(1 + random.nextInt(400), random).multiply(BigInteger.valueOf(random.nextBoolean() ? 1 : -1)), random.nextInt(40) - 8));
        for (int digits : new int[] { 17, 18, 19, 20, 37, 38, 39, 57, 76 })
            for (String d : new String[] { "9", "1", "0" })
                for (int scale : new int[] { 0, 1, 6, 18, 19 })
                    decimal(out, new BigDecimal(new BigInteger("1" + d.repeat(digits - 1)), scale));
    }

    public static void main(String[] args) throws Exception {
        try (PrintWriter out = new PrintWriter(args[0] + "/double.txt")) {
            doubles(out);
        }
        try (PrintWriter out = new PrintWriter(args[0] + "/float.txt")) {
            floats(out);
        }
        try (PrintWriter out = new PrintWriter(args[0] + "/decimal.txt")) {
            decimals(out);
        }
    }
}
