-- SPDX-License-Identifier: Apache-2.0
--
-- Traffic of the sample shop, as scripts/generate-test-data.sh makes it:
--
--     CALL shop.traffic(rate => 20, seconds => 60, seed => 1);
--
-- runs rate * seconds transactions, evenly paced, one commit each. What transaction n does depends on
-- the seed, n and the rows that are there, and on nothing else: the same seed on the same database
-- makes the same changes, but for the times. Needs schema.sql and seed.sql.

SET client_min_messages = warning;
CREATE OR REPLACE PROCEDURE shop.new_customer(r float8[]) LANGUAGE plpgsql AS $$
DECLARE
    new_id int := nextval('public.customers_id_seq');
    place text := shop.place(r[1]);
BEGIN
    INSERT INTO public.customers (id, email, first_name, last_name, phone, city, country, customer_tier)
    VALUES (new_id, 'customer' || new_id || '@example.com', shop.first_name(r[2]), shop.last_name(r[3]),
            CASE WHEN r[4] < 0.8 THEN '+' || (10000000000 + floor(r[4] * 89999999999))::bigint END,
            split_part(place, '|', 1), split_part(place, '|', 2), shop.tier(r[5]));
END $$;

-- A customer moves, rises a tier, or takes back the phone number.
CREATE OR REPLACE PROCEDURE shop.change_customer(r float8[]) LANGUAGE plpgsql AS $$
DECLARE
    place text := shop.place(r[2]);
    who int := shop.some_customer(r[1]);
BEGIN
    IF r[3] < 0.4 THEN
        UPDATE public.customers SET city = split_part(place, '|', 1), country = split_part(place, '|', 2)
         WHERE id = who;
    ELSIF r[3] < 0.8 THEN
        UPDATE public.customers
           SET customer_tier = CASE customer_tier WHEN 'bronze' THEN 'silver' WHEN 'silver' THEN 'gold'
                                    ELSE 'platinum' END
         WHERE id = who;
    ELSE
        UPDATE public.customers SET phone = NULL WHERE id = who;
    END IF;
END $$;

-- Ids have gaps: the first one at or after a random place, else the very first.
CREATE OR REPLACE FUNCTION shop.some_customer(r float8) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT id FROM public.customers
                      WHERE id >= floor(r * (SELECT max(id) FROM public.customers))::int
                      ORDER BY id LIMIT 1),
                    (SELECT min(id) FROM public.customers))
$$;
CREATE OR REPLACE FUNCTION shop.some_product(r float8) RETURNS int LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT id FROM public.products
                      WHERE id >= floor(r * (SELECT max(id) FROM public.products))::int
                      ORDER BY id LIMIT 1),
                    (SELECT min(id) FROM public.products))
$$;
-- The order of that status at or after a random place among the youngest thousand, else the oldest.
CREATE OR REPLACE FUNCTION shop.some_order(wanted text, r float8) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT id FROM public.orders
                      WHERE status = wanted
                        AND id >= (SELECT max(id) FROM public.orders) - floor(r * 1000)::int
                      ORDER BY id LIMIT 1),
                    (SELECT min(id) FROM public.orders WHERE status = wanted))
$$;

CREATE OR REPLACE PROCEDURE shop.new_order(r float8[]) LANGUAGE plpgsql AS $$
DECLARE
    who int := shop.some_customer(power(r[1], 1.5));
    new_id bigint := nextval('public.orders_id_seq');
    items int := 1 + floor(power(r[2], 2) * 5)::int;
    product int[];
BEGIN
    product := ARRAY(SELECT shop.some_product((r[3] + i * 0.381966) - floor(r[3] + i * 0.381966))
                       FROM generate_series(1, items) i);
    -- the order first, for its items refer to it
    INSERT INTO public.orders (id, customer_id, status, total_amount, payment_method, shipping_country,
                               order_date)
    SELECT new_id, who, 'pending', sum(price * (1 + (i % 3))), shop.payment_method(r[4]),
           coalesce((SELECT country FROM public.customers WHERE id = who), 'DE'), now()
      FROM unnest(product) WITH ORDINALITY AS u (id, i) JOIN public.products USING (id);
    INSERT INTO public.order_items (order_id, product_id, quantity, unit_price)
    SELECT new_id, id, 1 + (i % 3), price
      FROM unnest(product) WITH ORDINALITY AS u (id, i) JOIN public.products USING (id) ORDER BY i;
    INSERT INTO public.customer_activity (customer_id, activity_type, page, session_id)
    VALUES (who, 'checkout', '/checkout', 'o' || new_id), (who, 'purchase', '/thanks', 'o' || new_id);
END $$;

-- pending -> paid -> shipped -> delivered; one in ten of those not yet shipped is cancelled instead.
-- What is paid leaves the stock, bought in first where there is not enough.
CREATE OR REPLACE PROCEDURE shop.advance_order(r float8[]) LANGUAGE plpgsql AS $$
DECLARE
    was text := shop.pick('{pending,pending,paid,paid,shipped}', r[1]);
    what bigint := shop.some_order(was, r[2]);
BEGIN
    IF was <> 'shipped' AND r[3] < 0.1 THEN
        UPDATE public.orders SET status = 'cancelled' WHERE id = what;
        RETURN;
    END IF;
    UPDATE public.orders
       SET status = CASE was WHEN 'pending' THEN 'paid' WHEN 'paid' THEN 'shipped' ELSE 'delivered' END
     WHERE id = what;
    IF was = 'pending' THEN
        -- in one order, so that two sessions never wait for each other
        PERFORM FROM public.products
          WHERE id IN (SELECT product_id FROM public.order_items WHERE order_id = what)
          ORDER BY id FOR NO KEY UPDATE;
        INSERT INTO public.inventory_movements (product_id, movement_type, quantity, reason)
        SELECT product_id, 'in', 100, 'restock for order ' || what
          FROM public.order_items i JOIN public.products p ON p.id = i.product_id
         WHERE order_id = what
         GROUP BY product_id, p.stock_quantity HAVING sum(quantity) > p.stock_quantity
         ORDER BY product_id;
        INSERT INTO public.inventory_movements (product_id, movement_type, quantity, reason)
        SELECT product_id, 'out', quantity, 'order ' || what
          FROM public.order_items WHERE order_id = what ORDER BY id;
    END IF;
END $$;

-- A delivery, a count that finds some missing, or a new price.
CREATE OR REPLACE PROCEDURE shop.move_some_stock(r float8[]) LANGUAGE plpgsql AS $$
DECLARE
    what int := shop.some_product(r[1]);
BEGIN
    IF r[2] < 0.4 THEN
        INSERT INTO public.inventory_movements (product_id, movement_type, quantity, reason)
        VALUES (what, 'in', 10 + floor(r[3] * 90)::int, 'delivery');
    ELSIF r[2] < 0.8 THEN
        INSERT INTO public.inventory_movements (product_id, movement_type, quantity, reason)
        SELECT id, 'adjust', -ceil(stock_quantity * r[3])::int, 'stock count'
          FROM public.products WHERE id = what AND stock_quantity > 0;
    ELSE
        UPDATE public.products SET price = round((price * (0.9 + 0.2 * r[3])::numeric), 2) WHERE id = what;
    END IF;
END $$;

CREATE OR REPLACE PROCEDURE shop.browse(r float8[]) LANGUAGE sql AS $$
    INSERT INTO public.customer_activity (customer_id, activity_type, page, session_id)
    SELECT shop.some_customer(r[1]), shop.pick('{page_view,page_view,page_view,search,add_to_cart}', r[2]),
           '/product/' || shop.some_product(r[3]), 'v' || floor(r[4] * 1e9)::bigint;
$$;

-- A cancelled order goes with its items; or old activity is cleared away.
CREATE OR REPLACE PROCEDURE shop.tidy(r float8[]) LANGUAGE plpgsql AS $$
BEGIN
    IF r[1] < 0.7 THEN
        DELETE FROM public.orders WHERE id = shop.some_order('cancelled', r[2]);
    ELSE
        DELETE FROM public.customer_activity
         WHERE id IN (SELECT id FROM public.customer_activity ORDER BY id LIMIT 3);
    END IF;
END $$;

CREATE OR REPLACE PROCEDURE shop.traffic(rate float8, seconds float8, seed bigint) LANGUAGE plpgsql AS $$
DECLARE
    total bigint := round(rate * seconds);
    started timestamptz := clock_timestamp();
    told timestamptz := started;
    ahead float8;
    what float8;
    r float8[];
BEGIN
    FOR n IN 1..total LOOP
        ahead := (n - 1) / rate - extract(epoch FROM clock_timestamp() - started);
        IF ahead > 0 THEN
            PERFORM pg_sleep(ahead);
        END IF;
        r := ARRAY(SELECT shop.rand(seed || '/' || i, n) FROM generate_series(1, 5) i);
        what := shop.rand(seed || '/what', n);
        IF what < 0.05 THEN CALL shop.new_customer(r);
        ELSIF what < 0.08 THEN CALL shop.change_customer(r);
        ELSIF what < 0.38 THEN CALL shop.new_order(r);
        ELSIF what < 0.68 THEN CALL shop.advance_order(r);
        ELSIF what < 0.76 THEN CALL shop.move_some_stock(r);
        ELSIF what < 0.98 THEN CALL shop.browse(r);
        ELSE CALL shop.tidy(r);
        END IF;
        COMMIT;
        IF clock_timestamp() - told >= interval '5 seconds' AND n < total THEN
            told := clock_timestamp();
            RAISE INFO '% of % transactions', n, total;
        END IF;
    END LOOP;
    RAISE INFO '% transactions in % s', total,
        round(extract(epoch FROM clock_timestamp() - started)::numeric, 1);
END $$;
