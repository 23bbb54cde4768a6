-- SPDX-License-Identifier: Apache-2.0
--
-- Seed data of the sample shop: 1,000 customers, 200 products, 5,000 orders with their items, stock
-- movements and customer activity. Every value comes from md5 of a name and a row number, and every
-- time from one fixed day, so each run makes the same rows. Run it once, after schema.sql.

SET client_min_messages = warning;
BEGIN;
SET LOCAL TIME ZONE 'UTC';

-- A number in [0, 1) that depends on nothing but its arguments.
CREATE FUNCTION shop.rand(what text, n bigint) RETURNS float8 LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT ('x' || substr(md5(what || ':' || n), 1, 8))::bit(32)::bigint::float8 / 4294967296
$$;
-- The word of a list that a number in [0, 1) falls on.
CREATE FUNCTION shop.pick(words text[], r float8) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT words[1 + floor(r * cardinality(words))::int]
$$;
CREATE FUNCTION shop.tier(r float8) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE WHEN r < 0.60 THEN 'bronze' WHEN r < 0.85 THEN 'silver' WHEN r < 0.97 THEN 'gold'
                ELSE 'platinum' END
$$;
CREATE FUNCTION shop.first_name(r float8) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT shop.pick('{Amara,Anna,Aylin,Ben,Camille,Chen,Daniel,Diego,Elif,Emma,Fatima,Felix,Freya,
        Hana,Ines,Ivan,Jonas,José,Julia,Kofi,Lars,Léa,Lucía,Łukasz,Marta,Mateo,Mei,Mia,Noah,Nora,
        Olga,Oskar,Priya,Rahul,Sofia,Søren,Tomás,Yuki,Zoë,Zuzana}', r)
$$;
CREATE FUNCTION shop.last_name(r float8) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT shop.pick('{Andersen,Bauer,Bianchi,Brown,Costa,Dubois,Fischer,Garcia,Gruber,Haddad,Hansen,
        Horvat,Ivanova,Jansen,Kaya,Khan,Kim,Kowalski,Larsen,Lopez,Martin,Mensah,Meyer,Müller,Nakamura,
        Nguyen,Novák,O''Brien,Okafor,Olsen,Patel,Pereira,Rossi,Schmidt,Silva,Singh,Smith,Sørensen,
        Tanaka,Weber}', r)
$$;
-- "city|country"
CREATE FUNCTION shop.place(r float8) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT shop.pick('{Berlin|DE,Hamburg|DE,München|DE,Wien|AT,Zürich|CH,Paris|FR,Lyon|FR,Madrid|ES,
        Sevilla|ES,Lisboa|PT,Roma|IT,Milano|IT,London|GB,Leeds|GB,Dublin|IE,Amsterdam|NL,København|DK,
        Oslo|NO,Stockholm|SE,Warszawa|PL,Praha|CZ,New York|US,Austin|US,Seattle|US,Toronto|CA}', r)
$$;
CREATE FUNCTION shop.payment_method(r float8) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT shop.pick('{card,card,card,paypal,paypal,bank_transfer,invoice}', r)
$$;

INSERT INTO public.customers
    (email, first_name, last_name, phone, city, country, customer_tier, created_at, updated_at)
SELECT 'customer' || n || '@example.com',
       shop.first_name(shop.rand('first', n)), shop.last_name(shop.rand('last', n)),
       CASE WHEN shop.rand('has phone', n) < 0.8
            THEN '+' || (10000000000 + floor(shop.rand('phone', n) * 89999999999))::bigint END,
       split_part(place, '|', 1), split_part(place, '|', 2), shop.tier(shop.rand('tier', n)),
       t, t
  FROM (SELECT n, shop.place(shop.rand('place', n)) AS place,
               timestamptz '2025-06-01' - shop.rand('customer age', n) * interval '700 days' AS t
          FROM generate_series(1, 1000) n) c
 ORDER BY n;

-- Products start empty; the movements below fill them.
INSERT INTO public.products
    (sku, name, category, price, stock_quantity, reorder_level, created_at, updated_at)
SELECT 'SKU-' || to_char(n, 'FM00000'),
       shop.pick('{Classic,Compact,Deluxe,Eco,Light,Modern,Mini,Pro,Smart,Urban}', shop.rand('style', n))
           || ' ' || shop.pick(names, shop.rand('thing', n)) || ' ' || n,
       category, round((5 + power(shop.rand('price', n), 3) * 995)::numeric, 2), 0,
       10 + floor(shop.rand('reorder', n) * 40)::int,
       timestamptz '2024-01-01' + n * interval '1 hour', timestamptz '2025-06-01'
  FROM generate_series(1, 200) n
 CROSS JOIN LATERAL (
       SELECT * FROM (VALUES
           (0, 'electronics', '{Headphones,Keyboard,Monitor,Phone,Speaker,Tablet}'::text[]),
           (1, 'kitchen', '{Blender,Grinder,Kettle,Knife,Pan,Toaster}'),
           (2, 'clothing', '{Jacket,Jeans,Scarf,Shirt,Shoes,Sweater}'),
           (3, 'books', '{Atlas,Biography,Cookbook,Guide,Novel,Poems}'),
           (4, 'sports', '{Ball,Bicycle,Gloves,Mat,Racket,Tent}'),
           (5, 'home', '{Blanket,Chair,Lamp,Mirror,Rug,Shelf}')) v (i, category, names)
        WHERE i = n % 6) c
 ORDER BY n;

-- Orders come from their items: one to five each, so that the totals are right.
CREATE TEMP TABLE new_order ON COMMIT DROP AS
SELECT n, 1 + floor(power(shop.rand('customer', n), 1.5) * 1000)::int AS customer_id,
       1 + floor(power(shop.rand('items', n), 2) * 5)::int AS items,
       timestamptz '2025-06-01' - (5001 - n) * interval '25 minutes'
           + shop.rand('minute', n) * interval '20 minutes' AS t
  FROM generate_series(1, 5000) n;

CREATE TEMP TABLE new_item ON COMMIT DROP AS
SELECT n AS order_id, i, p.id AS product_id, p.price AS unit_price,
       1 + floor(power(shop.rand('quantity', n * 10 + i), 3) * 4)::int AS quantity
  FROM new_order
 CROSS JOIN LATERAL generate_series(1, items) i
  JOIN public.products p ON p.id = 1 + floor(power(shop.rand('product', n * 10 + i), 1.3) * 200)::int;

INSERT INTO public.orders (customer_id, status, total_amount, payment_method, shipping_country,
                           order_date, created_at, updated_at)
SELECT customer_id,
       CASE WHEN r < 0.06 THEN 'cancelled' WHEN n <= 4600 THEN 'delivered'
            WHEN n <= 4800 THEN 'shipped' WHEN n <= 4920 THEN 'paid' ELSE 'pending' END,
       total,
       shop.payment_method(shop.rand('payment', n)), c.country, t, t,
       t + least(r * interval '5 days', timestamptz '2025-06-01' - t)
  FROM new_order
  JOIN (SELECT order_id AS n, sum(quantity * unit_price) AS total FROM new_item GROUP BY 1) i USING (n)
  JOIN public.customers c ON c.id = customer_id
 CROSS JOIN LATERAL (SELECT shop.rand('fate', n) AS r) f
 ORDER BY n;

INSERT INTO public.order_items (order_id, product_id, quantity, unit_price)
SELECT order_id, product_id, quantity, unit_price FROM new_item ORDER BY order_id, i;

-- Every product was bought in once, enough for what was sold since and a rest, which for one in ten
-- is at or below its reorder level. Then what was sold left the house.
INSERT INTO public.inventory_movements (product_id, movement_type, quantity, reason, created_at)
SELECT p.id, 'in',
       coalesce(sold, 0) + CASE WHEN shop.rand('low', p.id) < 0.1
                                THEN floor(shop.rand('rest', p.id) * p.reorder_level)::int
                                ELSE p.reorder_level + 20 + floor(shop.rand('rest', p.id) * 300)::int END,
       'initial stock', p.created_at
  FROM public.products p
  LEFT JOIN (SELECT product_id, sum(quantity)::int AS sold
               FROM public.order_items i JOIN public.orders o ON o.id = i.order_id
              WHERE o.status IN ('paid', 'shipped', 'delivered') GROUP BY product_id) s
    ON s.product_id = p.id
 ORDER BY p.id;

INSERT INTO public.inventory_movements (product_id, movement_type, quantity, reason, created_at)
SELECT i.product_id, 'out', i.quantity, 'order ' || o.id, o.created_at + interval '2 hours'
  FROM public.orders o JOIN public.order_items i ON i.order_id = o.id
 WHERE o.status IN ('paid', 'shipped', 'delivered')
 ORDER BY i.id;

-- Visits: one for each order, ending in its purchase, and as many that end in nothing.
INSERT INTO public.customer_activity (customer_id, activity_type, page, session_id, created_at)
SELECT customer_id, activity_type,
       CASE activity_type WHEN 'search' THEN '/search' WHEN 'add_to_cart' THEN '/cart'
            WHEN 'checkout' THEN '/checkout' WHEN 'purchase' THEN '/thanks'
            ELSE '/product/' || (1 + floor(shop.rand('page', n * 10 + i) * 200)::int) END,
       's' || n, t - (5 - i) * interval '90 seconds'
  FROM (SELECT n, customer_id, t, true AS bought FROM new_order
        UNION ALL
        SELECT n + 5000, 1 + floor(shop.rand('visitor', n) * 1000)::int, t + interval '7 minutes', false
          FROM new_order) visit
 CROSS JOIN LATERAL (
       SELECT * FROM (VALUES (1, 'page_view'), (2, 'search'), (3, 'add_to_cart'), (4, 'checkout'),
                             (5, 'purchase')) v (i, activity_type)
        WHERE CASE WHEN bought THEN i IN (1, 3, 5) OR shop.rand('step', n * 10 + i) < 0.4
                   ELSE i <= 1 + floor(shop.rand('steps', n) * 3) END) a
 ORDER BY t - (5 - i) * interval '90 seconds', n, i;

UPDATE public.products SET updated_at = timestamptz '2025-06-01' - (id % 48) * interval '1 hour';

COMMIT;
ANALYZE;
