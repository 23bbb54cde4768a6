noinst_LIBRARIES += connectors/postgres/libpostgres.a
connectors_postgres_libpostgres_a_CPPFLAGS = $(AM_CPPFLAGS) $(LIBPQ_CFLAGS)
connectors_postgres_libpostgres_a_SOURCES =
