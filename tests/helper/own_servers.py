# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL and a Kafka broker of a test's own, each also reached through a proxy: who watches and who loads takes
the straight way, who is tested the other. Started and stopped by scripts/lib.sh, killed and frozen here."""

import os
import signal
import subprocess
import time

import harness as h
import proxy


def lib(commands):
    """Commands of scripts/lib.sh on the servers of this test."""
    done = subprocess.run(["bash", "-c", ". %s/scripts/lib.sh; %s" % (h.TOP, commands)], text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "CULVERT_STATE": os.path.join(h.directory(), "servers")})
    h.equal(done.returncode, 0, "%s: %s" % (commands, done.stdout))
    return done.stdout.strip()


class _Server:
    def __init__(self, name):
        self.name = name
        self.port = h.free_port()
        self.proxy = proxy.Proxy(self.port)

    def pid(self):
        return int(lib("proc_pid " + self.name))

    def signal(self, number):
        os.kill(self.pid(), number)

    def wait_gone(self, seconds=20):
        lib("wait_until %d proc_gone %s" % (seconds, self.name))


class Postgres(_Server):
    WAL_SENDER_S = 3  # so long a slot stays with a client that says nothing
    SETTINGS = ("fsync=off max_replication_slots=8 max_wal_senders=8 max_connections=60 wal_sender_timeout=%ds"
                " deadlock_timeout=100ms shared_buffers=64MB" % WAL_SENDER_S)

    def __init__(self, settings=""):
        super().__init__("postgres")
        self.settings = self.SETTINGS + " " + settings  # a later one wins

    def start(self):
        lib("pg_start %d %s" % (self.port, self.settings))
        return self

    def restart(self, number):
        """Stop by a signal: SIGQUIT is immediate, as a crash; SIGINT is fast. When it serves again."""
        self.signal(number)
        self.wait_gone()
        self.start()
        return time.monotonic()

    def purge(self):
        lib("pg_stop; pg_purge")


class Kafka(_Server):
    """The proxied listener is one of its own, as the broker must tell clients to come back by the proxy."""

    def __init__(self):
        self.direct, self.controller = h.free_port(), h.free_port()
        super().__init__("kafka")

    def start(self):
        lib("CULVERT_KAFKA_TIER=1 kafka_start %d %d %d %d; kafka_wait 60"
            % (self.direct, self.controller, self.port, self.proxy.port))
        return self

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait_gone()

    def stop(self):
        lib("kafka_stop")
