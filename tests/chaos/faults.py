# SPDX-License-Identifier: Apache-2.0
"""The faults, one row each: what is done, what it may cost. A fault does its harm, checks that the harm was done,
undoes it, and returns the time at which all was well again: from there recovery is measured."""

import collections
import os
import signal
import time

import harness as h
import load
import proxy
import own_servers

SINGLE_S = 5      # a single worker goes on within
ASK_S = 3         # request.timeout.ms, database.query.timeout.ms: so long a request may go without an answer
OVER_S = 3        # beyond session timeout and rebalance delay, after a fail-over

# action(scene) -> monotonic time of the end; repeats: whether at-least-once may repeat changes for it; limit_s: how
# soon the flow goes on; pair: it is for two workers, of which one takes over, or for one, or (None) for both
Fault = collections.namedtuple("Fault", "name action repeats limit_s pair")


# ---- workers


def worker_kill(scene):
    scene.owner().kill()
    return scene.start_again()


def worker_kill_twice(scene):
    scene.owner().kill()
    scene.start_again()
    time.sleep(scene.rand.uniform(0.05, 0.5))
    scene.workers[0].kill()
    return scene.start_again()


def terminate_kill(scene):
    """The server ends the stream behind a backlog, and the worker dies before it is there again."""
    worker = scene.owner()
    h.wait_for(lambda: _walsender(scene), "there is a walsender", 10, every=0.02)
    worker.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(scene.rand.uniform(0.3, 1))
        backend_terminate(scene)
    finally:
        worker.process.send_signal(signal.SIGCONT)
    time.sleep(scene.rand.uniform(0.1, 0.45))
    worker.kill()
    if scene.pair:
        scene.later(scene.start_again)
        return time.monotonic()
    return scene.start_again()


def worker_stop(scene):
    begin = time.monotonic()
    h.equal(scene.owner().stop(), 0, "exit code after SIGTERM")
    h.check(time.monotonic() - begin <= 10, "stopped within 10 s of SIGTERM")
    return scene.start_again()


def worker_freeze(scene):
    worker = scene.owner()
    worker.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(scene.rand.uniform(0.3, 4))
    finally:
        worker.process.send_signal(signal.SIGCONT)
    return time.monotonic()


def takeover_kill(scene):
    """The other worker goes on; the one that was killed comes back when the flow does."""
    scene.owner().kill()
    scene.later(scene.start_again)
    return time.monotonic()


def takeover_stop(scene):
    h.equal(scene.owner().stop(), 0, "exit code after SIGTERM")
    scene.later(scene.start_again)
    return time.monotonic()


def takeover_freeze(scene):
    """The owner stays frozen until the other has taken over, then wakes and must not write what the other has."""
    worker = scene.owner()
    worker.process.send_signal(signal.SIGSTOP)
    scene.later(lambda: worker.process.send_signal(signal.SIGCONT))
    return time.monotonic()


# ---- PostgreSQL


def _walsender(scene):
    return h.psql("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '%s' AND active" % scene.slot)


def backend_terminate(scene):
    """The walsender, under the load."""
    def ended():
        return h.psql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots"
                      " WHERE slot_name = '%s' AND active" % scene.slot)
    h.wait_for(ended, "there is a walsender to end", 10, every=0.02)
    return time.monotonic()


def backends_terminate(scene):
    h.check(h.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'" % load.ROLE),
            "there are sessions of the connector to end")
    return time.monotonic()


def postgres_immediate(scene):
    return scene.postgres.restart(signal.SIGQUIT)


def postgres_fast(scene):
    return scene.postgres.restart(signal.SIGINT)


def walsender_freeze(scene):
    pid = int(h.wait_for(lambda: _walsender(scene), "there is a walsender", 10)[0][0])
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(scene.rand.uniform(0.3, 3))
    finally:
        os.kill(pid, signal.SIGCONT)
    return time.monotonic()


# ---- Kafka


def broker_kill(scene):
    scene.kafka.kill()
    time.sleep(scene.rand.uniform(0, 2))
    scene.kafka.start()
    return time.monotonic()


def broker_stop(scene):
    scene.kafka.stop()
    scene.kafka.start()
    return time.monotonic()


def broker_freeze(scene):
    scene.kafka.signal(signal.SIGSTOP)
    try:
        time.sleep(scene.rand.uniform(0.3, 5))
    finally:
        scene.kafka.signal(signal.SIGCONT)
    return time.monotonic()


def replicas_missing(scene):
    """Kafka refuses what is sent now and takes what is sent a moment later: who sends two requests at a time sends
    the second first."""
    for _ in range(scene.rand.randint(1, 4)):
        scene.set_min_replicas(2)
        time.sleep(scene.rand.uniform(0.05, 0.6))
        scene.set_min_replicas(1)
        time.sleep(scene.rand.uniform(0.05, 0.2))
    return time.monotonic()


# ---- connections; server is "postgres" or "kafka"


def _proxy(scene, server):
    return getattr(scene, server).proxy


def _moved(side):
    return side.passed[proxy.UP] + side.passed[proxy.DOWN]


def cut(server):
    def action(scene):
        h.check(_proxy(scene, server).cut() > 0, "there are connections to cut")
        return time.monotonic()
    return action


def reset(server):
    def action(scene):
        for _ in range(scene.rand.randint(1, 3)):
            h.wait_for(_proxy(scene, server).reset, "there are connections to reset", 10, every=0.02)
            time.sleep(scene.rand.uniform(0, 0.3))
        return time.monotonic()
    return action


def refuse(server):
    def action(scene):
        side = _proxy(scene, server)
        before = side.refused
        side.refuse()
        side.reset()
        time.sleep(scene.rand.uniform(0.5, 3))
        h.wait_for(lambda: side.refused > before, "a connection is refused", 10)
        side.heal()
        return time.monotonic()
    return action


def hold(server, *directions):
    def action(scene):
        side = _proxy(scene, server)
        before = side.held_bytes
        side.hold(*directions)
        time.sleep(scene.rand.uniform(0.5, 5))
        h.wait_for(lambda: side.held_bytes > before, "something is held up", 15)
        side.heal()
        return time.monotonic()
    return action


def slow(server):
    def action(scene):
        side = _proxy(scene, server)
        before = _moved(side)
        side.slow(scene.rand.uniform(0, 0.1), scene.rand.uniform(0.01, 0.2), scene.rand.choice((0, 64000)))
        time.sleep(scene.rand.uniform(1, 3))
        h.wait_for(lambda: _moved(side) > before, "something passes slowly", 10)
        side.heal()
        return time.monotonic()
    return action


def sliced(server):
    def action(scene):
        side = _proxy(scene, server)
        before = side.slices
        side.slice(scene.rand.choice((1, 2, 3, 7, 100)))
        time.sleep(scene.rand.uniform(0.5, 2))
        h.wait_for(lambda: side.slices > before, "something is sliced", 10)
        side.heal()
        return time.monotonic()
    return action


def half_open(server):
    """The network forgets the connections without a word. Only a timeout tells."""
    def action(scene):
        h.check(_proxy(scene, server).forget() > 0, "there are connections to forget")
        return time.monotonic()
    return action


# ---- REST


def _put(scene, path, expected=202):
    h.equal(scene.any().rest("PUT", "/connectors/%s/%s" % (scene.connector, path))[0], expected, path)


def _wait_state(scene, state):
    h.wait_for(lambda: set(scene.any().states(scene.connector)) == {state}, "the connector is " + state, 20)


def rest_pause(scene):
    _put(scene, "pause")
    _wait_state(scene, "PAUSED")
    time.sleep(scene.rand.uniform(0, 1))
    _put(scene, "resume")
    return time.monotonic()


def rest_stop(scene):
    _put(scene, "stop", 204)
    _wait_state(scene, "STOPPED")
    _put(scene, "resume")
    return time.monotonic()


def rest_restart(scene):
    path = scene.rand.choice(("restart?includeTasks=true", "tasks/0/restart"))
    status = scene.any().rest("POST", "/connectors/%s/%s" % (scene.connector, path))[0]
    h.check(status in (202, 204), "%s answers %s" % (path, status))
    return time.monotonic()


def rest_reconfigure(scene):
    scene.config["max.batch.size"] = str(scene.rand.randint(500, 4000))
    h.equal(scene.any().rest("PUT", "/connectors/%s/config" % scene.connector, scene.config)[0], 200, "PUT config")
    return time.monotonic()


FAULTS = [
    Fault("worker_kill", worker_kill, True, SINGLE_S, False),
    Fault("worker_kill_twice", worker_kill_twice, True, SINGLE_S, False),
    Fault("terminate_kill", terminate_kill, True, SINGLE_S, False),
    Fault("takeover_terminate", terminate_kill, True, OVER_S, True),
    Fault("worker_stop", worker_stop, False, SINGLE_S, False),
    Fault("worker_freeze", worker_freeze, False, SINGLE_S, False),
    Fault("takeover_kill", takeover_kill, True, OVER_S, True),
    Fault("takeover_stop", takeover_stop, False, OVER_S, True),
    # PostgreSQL keeps the slot for the frozen one until wal_sender_timeout; nobody steals it
    Fault("takeover_freeze", takeover_freeze, True, OVER_S + own_servers.Postgres.WAL_SENDER_S, True),
    Fault("backend_terminate", backend_terminate, False, SINGLE_S, None),
    Fault("backends_terminate", backends_terminate, False, SINGLE_S, None),
    Fault("postgres_immediate", postgres_immediate, False, SINGLE_S, None),
    Fault("postgres_fast", postgres_fast, False, SINGLE_S, None),
    Fault("walsender_freeze", walsender_freeze, False, SINGLE_S, None),
    # Connect's rule: a worker without coordinator stops its work, and then cannot store the offsets of what arrived
    Fault("broker_kill", broker_kill, True, SINGLE_S, None),
    Fault("broker_stop", broker_stop, True, SINGLE_S, None),
    Fault("broker_freeze", broker_freeze, True, SINGLE_S, None),
    Fault("replicas_missing", replicas_missing, False, SINGLE_S, None),
    Fault("rest_pause", rest_pause, False, SINGLE_S, None),
    Fault("rest_stop", rest_stop, False, SINGLE_S, None),
    Fault("rest_restart", rest_restart, False, SINGLE_S, None),
    Fault("rest_reconfigure", rest_reconfigure, False, SINGLE_S, None),
] + [Fault("%s_%s" % (server, name), action, False, SINGLE_S, None) for server in ("postgres", "kafka")
     for name, action in (
         ("cut", cut(server)), ("reset", reset(server)), ("refuse", refuse(server)), ("hold", hold(server)),
         ("hold_up", hold(server, proxy.UP)), ("hold_down", hold(server, proxy.DOWN)), ("slow", slow(server)),
         ("sliced", sliced(server)))] + [
    Fault("postgres_half_open", half_open("postgres"), False, SINGLE_S + own_servers.Postgres.WAL_SENDER_S, None),
    # Connect's rule again, when it was the coordinator's connection
    Fault("kafka_half_open", half_open("kafka"), True, SINGLE_S + ASK_S, None),
]
