-- SPDX-License-Identifier: Apache-2.0
--
-- The sample shop: six tables that Culvert captures, the role that it captures them with, and the
-- publication. Run it once, as a superuser, in an empty database:
--
--     createdb inventory && psql -d inventory -v ON_ERROR_STOP=1 -f schema.sql
--
-- The server needs wal_level=logical and a free replication slot and WAL sender (the sample
-- pipeline's own server has four of each). Replica identity stays DEFAULT throughout.

SET client_min_messages = warning;
BEGIN;

CREATE TABLE public.customers (
    id            serial PRIMARY KEY,
    email         text NOT NULL UNIQUE,
    first_name    text NOT NULL,
    last_name     text NOT NULL,
    phone         text,
    city          text,
    country       text CHECK (country ~ '^[A-Z]{2}$'),    -- ISO 3166 alpha-2
    customer_tier text NOT NULL CHECK (customer_tier IN ('bronze', 'silver', 'gold', 'platinum')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.products (
    id             serial PRIMARY KEY,
    sku            text NOT NULL UNIQUE,
    name           text NOT NULL,
    category       text NOT NULL,
    price          numeric(12,2) NOT NULL CHECK (price >= 0),
    stock_quantity int NOT NULL CHECK (stock_quantity >= 0),
    reorder_level  int NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.orders (
    id               bigserial PRIMARY KEY,
    customer_id      int NOT NULL REFERENCES public.customers,
    status           text NOT NULL
        CHECK (status IN ('pending', 'paid', 'shipped', 'delivered', 'cancelled')),
    total_amount     numeric(12,2) NOT NULL,
    payment_method   text NOT NULL,
    shipping_country text NOT NULL,
    order_date       timestamptz NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.order_items (
    id         bigserial PRIMARY KEY,
    order_id   bigint NOT NULL REFERENCES public.orders ON DELETE CASCADE,
    product_id int NOT NULL REFERENCES public.products,
    quantity   int NOT NULL CHECK (quantity > 0),
    unit_price numeric(12,2) NOT NULL
);

CREATE TABLE public.inventory_movements (
    id            bigserial PRIMARY KEY,
    product_id    int NOT NULL REFERENCES public.products,
    movement_type text CHECK (movement_type IN ('in', 'out', 'adjust')),
    quantity      int NOT NULL,
    reason        text,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.customer_activity (
    id            bigserial PRIMARY KEY,
    customer_id   int NOT NULL REFERENCES public.customers,
    activity_type text NOT NULL
        CHECK (activity_type IN ('page_view', 'search', 'add_to_cart', 'checkout', 'purchase')),
    page          text,
    session_id    text,
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- What a shop asks all day: a customer's orders, the orders to ship, what is in an order, who bought
-- a product, what a customer did lately, a category page, what happened to a product's stock.
CREATE INDEX orders_customer_date ON public.orders (customer_id, order_date DESC);
CREATE INDEX orders_status ON public.orders (status, id);
CREATE INDEX order_items_order ON public.order_items (order_id);
CREATE INDEX order_items_product ON public.order_items (product_id);
CREATE INDEX customer_activity_customer ON public.customer_activity (customer_id, created_at DESC);
CREATE INDEX products_category ON public.products (category);
CREATE INDEX inventory_movements_product ON public.inventory_movements (product_id, created_at DESC);

-- The shop's own functions live beside the tables, not among them.
CREATE SCHEMA shop;

CREATE FUNCTION shop.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

-- An update that sets updated_at itself (an import, the seed) keeps what it set.
CREATE TRIGGER customers_touch BEFORE UPDATE ON public.customers FOR EACH ROW
    WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION shop.touch();
CREATE TRIGGER products_touch BEFORE UPDATE ON public.products FOR EACH ROW
    WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION shop.touch();
CREATE TRIGGER orders_touch BEFORE UPDATE ON public.orders FOR EACH ROW
    WHEN (NEW.updated_at = OLD.updated_at) EXECUTE FUNCTION shop.touch();

-- Stock is the sum of the movements: "in" adds, "out" takes, "adjust" is signed. A movement that
-- would take more than there is fails by the check on stock_quantity.
CREATE FUNCTION shop.move_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.products
       SET stock_quantity = stock_quantity
           + CASE NEW.movement_type WHEN 'out' THEN -NEW.quantity ELSE NEW.quantity END
     WHERE id = NEW.product_id;
    RETURN NULL;
END $$;

CREATE TRIGGER inventory_movements_stock AFTER INSERT ON public.inventory_movements FOR EACH ROW
    EXECUTE FUNCTION shop.move_stock();

-- Least privilege: the capturing role may log in, stream, and read the six tables; it owns nothing.
-- The password is for the sample only.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'debezium') THEN
        CREATE ROLE debezium LOGIN REPLICATION PASSWORD 'dbz';
    END IF;
END $$;
GRANT USAGE ON SCHEMA public TO debezium;
GRANT SELECT ON public.customers, public.products, public.orders, public.order_items,
    public.inventory_movements, public.customer_activity TO debezium;

CREATE PUBLICATION dbz_publication FOR TABLE public.customers, public.products, public.orders,
    public.order_items, public.inventory_movements, public.customer_activity;

COMMIT;
