include connectors/file/local.mk
include connectors/postgres/local.mk
