# Everything that several test programs share. Unit tests are listed by the folder that they test, fuzz
# targets, integration tests and recorded scenarios here.
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/integration/local.mk
include tests/conformance/local.mk
