# What a newcomer runs, and the sample pipeline that it runs.
EXTRA_DIST += \
	scripts/consume.sh \
	scripts/generate-test-data.sh \
	scripts/git-version.sh \
	scripts/kafka/debezium.xml \
	scripts/kafka/pom.xml \
	scripts/kafka/run.sh \
	scripts/lib.sh \
	scripts/setup.sh \
	scripts/start-pipeline.sh \
	scripts/stop-pipeline.sh \
	scripts/test.sh \
	etc/culvert-streams.properties \
	etc/culvert-worker.properties \
	etc/shop/postgres-connector.json \
	etc/shop/schema.sql \
	etc/shop/seed.sql \
	etc/shop/traffic.sql
EXTRA_DIST += .ci/run CONTRIBUTING.md docs/pipeline.svg docs/quickstart.md docs/architecture.md \
	docs/debezium-differences.md
