# A fuzz target is tests/fuzz/NAME.c with LLVMFuzzerTestOneInput and a seed corpus tests/fuzz/NAME.in/.
# make check replays every input through tests/fuzz/replay.c; --enable-fuzzers links libFuzzer instead.
