-- SPDX-License-Identifier: Apache-2.0
-- A transaction of pgbench: ten rows, of which no other session changes one meanwhile.
\set first 10 * (random(0, 2499) * 4 + :client_id) + 1
UPDATE public.orders SET quantity = quantity + 1, status = 'changed' WHERE order_id BETWEEN :first AND :first + 9;
