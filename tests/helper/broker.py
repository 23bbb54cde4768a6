# SPDX-License-Identifier: Apache-2.0
"""A Kafka of one test alone, to be killed and paused."""

import os
import signal
import subprocess
import time

import harness as h


class Broker:
    """It sets KAFKA_BOOTSTRAP_SERVERS for the rest of the test."""

    def __init__(self):
        self.port, self.controller = h.free_port(), h.free_port()
        self.state = os.path.join(h.directory(), "broker")
        os.makedirs(self.state, exist_ok=True)
        h._cleanups.append(lambda: self.run("kafka_stop"))
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = "127.0.0.1:%d" % self.port

    def run(self, command):
        done = subprocess.run(["bash", "-euc", '. "$0/scripts/lib.sh"; CULVERT_KAFKA_LIBS=$(kafka_libs);'
                               ' set_state "$1"; CULVERT_KAFKA_TIER=1; export CULVERT_KAFKA_TIER; ' + command,
                               h.TOP, self.state], capture_output=True, text=True, check=False)
        h.check(done.returncode == 0, "%s: %s" % (command, done.stderr))

    def start(self):
        log = os.path.join(self.state, "log", "kafka.log")
        if os.path.exists(log):
            os.remove(log)
        self.run("kafka_start %d %d; kafka_wait 60" % (self.port, self.controller))

    def pid(self):
        with open(os.path.join(self.state, "run", "kafka.pid"), encoding="ascii") as file:
            return int(file.read().split()[0])

    def kill(self):
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        h.wait_for(lambda: not os.path.exists("/proc/%d" % pid), "the broker is gone")

    def pause(self, seconds):
        """It is there and answers nobody."""
        os.kill(self.pid(), signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(self.pid(), signal.SIGCONT)
