# SPDX-License-Identifier: Apache-2.0
"""A broker with a listener for each way to log in, and the certificates for it: for the tests of secure
connections, which run as programs of their own and each boot one."""

import os
import socket
import subprocess

import harness as h

PLAIN, OTHER, SCRAM, STORE = "s3cret-plain", "s3cret-other", "s3cret-scram", "s3cret-store"
MODULES = {"PLAIN": "plain.PlainLoginModule", "SCRAM": "scram.ScramLoginModule",
           "OAUTHBEARER": "oauthbearer.OAuthBearerLoginModule"}


def path(name):
    return os.path.join(h.directory(), name)


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], cwd=h.directory(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    h.check(done.returncode == 0, "openssl %s: %s" % (" ".join(arguments), done.stdout))


def certificates():
    """An authority, a stranger, and by the authority: broker, expired, elsewhere, client."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "stranger"):
        openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".pem")
    for name, host, days in (("broker", "IP:127.0.0.1", "2"), ("expired", "IP:127.0.0.1", "-1"),
                             ("elsewhere", "DNS:elsewhere.example", "2"), ("client", "DNS:client", "2")):
        openssl("req", "-new", *key, "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", name + ".csr")
        with open(path(name + ".ext"), "w", encoding="ascii") as file:
            file.write("subjectAltName=%s\n" % host)
        openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", days,
                "-extfile", name + ".ext", "-out", name + ".crt")
        openssl("pkcs8", "-topk8", "-in", name + ".key", "-passout", "pass:" + STORE, "-out", name + ".enc")
        with open(path(name + ".pem"), "w", encoding="ascii") as out:
            for part in (".enc" if name == "client" else ".key", ".crt"):
                if part == ".key":
                    openssl("pkcs8", "-topk8", "-nocrypt", "-in", name + ".key", "-out", name + ".p8")
                    part = ".p8"
                with open(path(name + part), encoding="ascii") as file:
                    out.write(file.read())
    openssl("pkcs12", "-export", "-in", "client.crt", "-inkey", "client.key", "-certfile", "ca.pem",
            "-passout", "pass:" + STORE, "-out", "client.p12")
    openssl("pkcs12", "-export", "-nokeys", "-in", "ca.pem", "-passout", "pass:" + STORE, "-out", "ca.p12")
    with open(path("ca.jks"), "wb") as file:
        file.write(b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0\0")


def start_broker():
    """A broker with a listener for each case; the ports by listener."""
    names = ("PLAINTEXT", "CONTROLLER", "MTLS", "SASL", "OAUTH", "EXPIRED", "ELSEWHERE")
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]  # at once: all differ
    ports = {name: sock.getsockname()[1] for name, sock in zip(names, sockets)}
    for sock in sockets:
        sock.close()
    protocols = {"SASL": "SASL_SSL", "OAUTH": "SASL_SSL", "PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
    listeners = ["%s://127.0.0.1:%d" % item for item in ports.items()]
    jaas = "org.apache.kafka.common.security.%s required"
    lines = [
        "process.roles=broker,controller", "node.id=1",
        "controller.quorum.voters=1@127.0.0.1:%d" % ports["CONTROLLER"],
        "listeners=" + ",".join(listeners),
        "advertised.listeners=" + ",".join(line for line in listeners if not line.startswith("CONTROLLER")),
        "controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT",
        "listener.security.protocol.map=" + ",".join("%s:%s" % (name, protocols.get(name, "SSL")) for name in ports),
        "log.dirs=" + path("data"), "log.cleaner.dedupe.buffer.size=16777216",
        "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4",
        "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
        "group.initial.rebalance.delay.ms=0", "group.min.session.timeout.ms=1000", "auto.create.topics.enable=false",
        "ssl.keystore.type=PEM", "ssl.keystore.location=" + path("broker.pem"),
        "ssl.truststore.type=PEM", "ssl.truststore.location=" + path("ca.pem"),
        "listener.name.mtls.ssl.client.auth=required",
        "listener.name.expired.ssl.keystore.location=" + path("expired.pem"),
        "listener.name.elsewhere.ssl.keystore.location=" + path("elsewhere.pem"),
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.sasl.plain.sasl.jaas.config=%s user_plain=\"%s\" user_other=\"%s\";"
        % (jaas % MODULES["PLAIN"], PLAIN, OTHER),
        # tokens without a signature, for which the scope "kafka" is needed; sessions end with them
        "listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER",
        "listener.name.oauth.oauthbearer.sasl.jaas.config=%s unsecuredLoginStringClaim_sub=\"broker\" "
        "unsecuredValidatorRequiredScope=\"kafka\";" % (jaas % MODULES["OAUTHBEARER"]),
        "listener.name.oauth.oauthbearer.connections.max.reauth.ms=3600000",
    ] + ["listener.name.sasl.scram-sha-%d.sasl.jaas.config=%s;" % (bits, jaas % MODULES["SCRAM"]) for bits in (256, 512)]
    with open(path("broker.properties"), "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    with open(path("log4j2.properties"), "w", encoding="ascii") as file:
        file.write("rootLogger.level=WARN\nrootLogger.appenderRefs=o\nrootLogger.appenderRef.o.ref=O\n"
                   "appender.o.type=Console\nappender.o.name=O\nappender.o.layout.type=PatternLayout\n"
                   "appender.o.layout.pattern=[%d] %p %m (%c)%n\n"
                   "logger.s.name=kafka.server.KafkaRaftServer\nlogger.s.level=INFO\n")
    libs = os.environ["CULVERT_KAFKA_LIBS"]
    scram = [word for bits in (256, 512) for word in
             ("--add-scram", "SCRAM-SHA-%d=[name=scram,password=%s]" % (bits, SCRAM))]
    java = [os.environ.get("JAVA", "java"), "-XX:TieredStopAtLevel=1", "-Xmx256m", "-XX:+UseSerialGC",
            "-Dlog4j2.configurationFile=" + path("log4j2.properties"), "-cp", libs + "/*"]
    subprocess.run([*java, "kafka.tools.StorageTool", "format", "-t", "Y3VsdmVydC1wcml2YXRlMQ",
                    "-c", path("broker.properties"), *scram], check=True)
    broker = h.Program("broker", [*java, "kafka.Kafka", path("broker.properties")], ports["PLAINTEXT"]).start()
    h._cleanups.append(broker.kill)
    h.wait_for(lambda: "Kafka Server started" in broker.read_log() or not broker.alive(), "the broker serves", 90)
    h.check(broker.alive(), "the broker ended: " + broker.read_log()[-2000:])
    return ports
