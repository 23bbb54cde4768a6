# Recordings of Apache Kafka Connect, replayed against culvert-worker on a private Kafka; each scenario is
# reported by name (run.tap, README.md).
conformance_scenarios = \
	tests/conformance/config-provider.json \
	tests/conformance/content-negotiation.json \
	tests/conformance/create-accepted-oddities.json \
	tests/conformance/create-connector.json \
	tests/conformance/create-initial-state.json \
	tests/conformance/create-invalid-config.json \
	tests/conformance/create-malformed-body.json \
	tests/conformance/delete-connector.json \
	tests/conformance/failed-tasks.json \
	tests/conformance/get-unknown-connector.json \
	tests/conformance/head-and-options.json \
	tests/conformance/internal-endpoints.json \
	tests/conformance/list-and-expand.json \
	tests/conformance/loggers.json \
	tests/conformance/names-and-encoding.json \
	tests/conformance/offsets-sink.json \
	tests/conformance/offsets-source.json \
	tests/conformance/patch-config.json \
	tests/conformance/pause-resume-stop.json \
	tests/conformance/plugin-config.json \
	tests/conformance/plugins.json \
	tests/conformance/put-config.json \
	tests/conformance/restart.json \
	tests/conformance/root-and-health.json \
	tests/conformance/source-to-sink.json \
	tests/conformance/standalone.json \
	tests/conformance/tasks.json \
	tests/conformance/topics.json \
	tests/conformance/two-workers-forwarding.json \
	tests/conformance/unknown-paths.json \
	tests/conformance/validate-sink.json \
	tests/conformance/validate-source.json \
	tests/conformance/validate-transforms.json \
	tests/conformance/worker-admin-off.json \
	tests/conformance/worker-admin-separate.json \
	tests/conformance/worker-basic-auth-empty-file.json \
	tests/conformance/worker-basic-auth.json \
	tests/conformance/worker-compatible-internal.json \
	tests/conformance/worker-cors-any.json \
	tests/conformance/worker-cors-list.json \
	tests/conformance/worker-exactly-once.json \
	tests/conformance/worker-override-policy-none.json \
	tests/conformance/worker-override-policy-principal.json \
	tests/conformance/worker-response-headers.json \
	tests/conformance/worker-topic-reset-off.json \
	tests/conformance/worker-topic-tracking-off.json \
	tests/conformance/wrong-methods.json
EXTRA_DIST += tests/conformance/README.md tests/conformance/expect.py tests/conformance/pending.txt \
	tests/conformance/replay.py tests/conformance/run.tap $(conformance_scenarios)

if INTEGRATION
TESTS += tests/conformance/run.tap
tests/conformance/run.log: all $(check_PROGRAMS)
endif
