include connectors/file/local.mk
include connectors/heartbeat/local.mk
include connectors/mock/local.mk
include connectors/postgres/local.mk
include connectors/verifiable/local.mk
