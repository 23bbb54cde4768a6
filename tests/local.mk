# Everything that several test programs share. Unit tests are listed by the folder that they test, fuzz
# targets and integration tests here.
include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/integration/local.mk
