-- SPDX-License-Identifier: Apache-2.0
-- The table that the benchmarks write to: 13 columns, about 176 bytes of text a row, and what fills it.
CREATE TABLE public.orders (
    order_id     bigint PRIMARY KEY,
    customer_id  bigint NOT NULL,
    quantity     integer NOT NULL,
    total        numeric(12,2) NOT NULL,
    tax          numeric(12,4) NOT NULL,
    order_date   date NOT NULL,
    created_at   timestamptz NOT NULL,
    updated_at   timestamp NOT NULL,
    paid         boolean NOT NULL,
    currency     char(3) NOT NULL,
    status       text NOT NULL,
    address      text NOT NULL,
    note         text NOT NULL
);

-- Before any slot: a slot reads publications as they were at each change.
CREATE PUBLICATION bench FOR TABLE public.orders;

-- The same row for the same id, every time.
CREATE FUNCTION bench_order(id bigint) RETURNS SETOF public.orders LANGUAGE sql STABLE AS $$
    SELECT id, id * 7919 % 100003, (id % 20)::int + 1, (id * 37 % 1000000)::numeric / 100,
           (id * 37 % 1000000)::numeric / 1250, date '2024-01-01' + (id % 700)::int,
           timestamptz '2024-01-01 00:00:00Z' + id * interval '1.234567 s',
           timestamp '2024-01-01 00:00:00' + id * interval '2.345678 s', id % 3 <> 0,
           (ARRAY['EUR', 'USD', 'GBP', 'JPY'])[id % 4 + 1],
           (ARRAY['pending', 'confirmed', 'shipped', 'delivered'])[id / 4 % 4 + 1],
           id % 997 || ' Harbour Street, ' || (id % 89999 + 10000) || ' Springfield',
           'order ' || id || ' via web'
$$;

-- changes of them, per_tx in a transaction: 50 % inserts, 40 % updates, 10 % deletes.
CREATE PROCEDURE bench_load(changes bigint, per_tx bigint) LANGUAGE plpgsql AS $$
DECLARE
    first bigint := 1; -- the oldest row there is
    next  bigint := 1; -- the row to insert next
BEGIN
    FOR i IN 1 .. changes LOOP
        IF i % 2 = 1 THEN
            INSERT INTO public.orders SELECT o.* FROM bench_order(next) o;
            next := next + 1;
        ELSIF i % 10 = 0 THEN
            DELETE FROM public.orders WHERE order_id = first;
            first := first + 1;
        ELSE
            UPDATE public.orders
                SET status = 'changed', quantity = quantity + 1, updated_at = updated_at + interval '1 s'
                WHERE order_id = first + i * bigint '7919' % (next - first);
        END IF;
        IF i % per_tx = 0 THEN
            COMMIT;
        END IF;
    END LOOP;
    COMMIT;
END
$$;
