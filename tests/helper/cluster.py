# SPDX-License-Identifier: Apache-2.0
"""Several workers of one group that share VerifiableSource connectors. Who runs a task is read from what the task
does: it prints a line for each record, into its worker's log."""

import collections
import json
import os
import re
import time

import harness as h

DELAY_S = 3      # scheduled.rebalance.max.delay.ms
SESSION_S = 2
GRACE_S = 6      # for a busy machine
SILENT_S = 1.2   # a task that runs says something at least that often
TASKS = 2        # of each connector
RATE = 5         # records a second of each task


def name_of(number):
    return "c%02d" % number


def config_of(number):
    return {"connector.class": "org.apache.kafka.connect.tools.VerifiableSourceConnector", "tasks.max": str(TASKS),
            "topic": h.NAME + "-numbers", "throughput": str(RATE), "number": str(number)}


class Cluster:
    def __init__(self, connectors):
        h.create_topic(h.NAME + "-numbers", partitions=1)
        self.connectors = connectors
        self.workers = {}
        self.logs = {}
        self.thaws = []

    def add(self, name, wait=True, kind=h.Worker, **more):
        properties = {"scheduled.rebalance.max.delay.ms": DELAY_S * 1000, "session.timeout.ms": SESSION_S * 1000, **more}
        if kind is h.Worker:
            properties["culvert.connectors"] = "*"
        worker = kind(name, **properties).start()
        if wait:
            worker.wait_healthy()
        self.workers[name] = worker
        self.logs[name] = worker.log

    def kill(self, name):
        self.workers.pop(name).kill()

    def leader(self):
        """Who leads, by the last round that a worker tells of; None if it is gone since."""
        rounds = [(int(generation), url) for worker in self.workers.values()
                  for generation, url in re.findall(worker.ROUND, worker.read_log())]
        places = {self.workers[name].url: name for name in self.workers}
        return places.get(max(rounds)[1].rstrip("/")) if rounds else None

    def lines(self, since=0.0):
        """(time, worker, connector, task) of each record, in the order of time."""
        found = []
        for name, path in self.logs.items():
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    if line.startswith('{"') and '"committed"' not in line and '"seqno"' in line:
                        record = json.loads(line)
                        if record["time_ms"] >= since * 1000:
                            found.append((record["time_ms"] / 1000, name, record["name"], record["task"]))
        return sorted(found)

    def owners(self):
        """unit -> workers that did something for it lately."""
        owners = collections.defaultdict(set)
        for _, worker, connector, task in self.lines(time.time() - SILENT_S):
            owners[connector, task].add(worker)
        return owners

    def problem(self, workers, names):
        """What is not yet as it must be; None if all is."""
        units = {(name, task) for name in names for task in range(TASKS)}
        owners = self.owners()
        if set(owners) != units or any(len(owner) != 1 for owner in owners.values()):
            return "tasks: %s" % sorted((unit, sorted(owners.get(unit, []))) for unit in units | set(owners)
                                        if len(owners.get(unit, [])) != 1 or unit not in units)
        places = {self.place(name): name for name in workers}
        asked = self.workers[workers[-1]]
        connectors = collections.Counter()
        for name in names:
            status = asked.status(name)
            parts = [status["connector"], *status["tasks"]] if status else []
            if len(parts) != TASKS + 1 or any(part["state"] != "RUNNING" for part in parts):
                return "%s: %s" % (name, parts)
            for part in status["tasks"]:
                if owners[name, part["id"]] != {places.get(part["worker_id"])}:
                    return "%s-%d runs on %s, its status says %s" % (
                        name, part["id"], owners[name, part["id"]], part["worker_id"])
            connectors[places.get(status["connector"]["worker_id"])] += 1
        tasks = collections.Counter(next(iter(owner)) for owner in owners.values())
        for what, count, total in ("connectors", connectors, len(names)), ("tasks", tasks, len(units)):
            least = min(count.get(name, 0) for name in workers)
            if set(count) - set(workers) or max(count.values()) - least > 1:
                return "%s are not shared evenly: %s" % (what, dict(count))
        return None

    def place(self, name):
        return self.workers[name].url[len("http://"):]

    def settle(self, what, workers, more=(), seconds=DELAY_S + GRACE_S):
        names = [name_of(number) for number in range(self.connectors)] + list(more)
        begin = time.monotonic()
        deadline = begin + seconds
        while True:
            try:
                problem = self.problem(workers, names)
            except OSError as error:
                problem = str(error)
            if problem is None:
                break
            h.check(time.monotonic() < deadline, "%s: after %g s %s" % (what, seconds, problem))
            time.sleep(0.1)
        h.note("%s: settled in %.1f s" % (what, time.monotonic() - begin))

    def starts(self):
        """(worker, connector, task) -> how often it was started there."""
        starts = collections.Counter()
        for name, path in self.logs.items():
            with open(path, encoding="utf-8", errors="replace") as file:
                for connector, task in re.findall(r"numbers begin connector=(\S+) task=(\d+)", file.read()):
                    starts[name, connector, int(task)] += 1
        return starts

    def untouched(self, what, may_move, who=None):
        return Untouched(self, what, may_move, who)

    def gaps(self, since):
        """Longest silence of each task since then."""
        last, gaps = {}, collections.Counter()
        for when, _, connector, task in self.lines(since - SILENT_S):
            unit = connector, task
            gaps[unit] = max(gaps[unit], when - last.get(unit, when))
            last[unit] = when
        return gaps

    def only_one_at_a_time(self):
        """Never did two workers run one task in turns, but for what a thawed worker did before it knew. A task may
        move twice in quick succession: started by one, it is taken away for another in the next round."""
        turns = collections.defaultdict(list)
        for when, worker, connector, task in self.lines():
            if any(worker == name and 0 <= when - at < 2 * SESSION_S for at, name in self.thaws):
                continue
            unit = turns[connector, task]
            if not unit or unit[-1][1] != worker:
                unit.append((when, worker))
        for unit, changes in turns.items():
            for i in range(3, len(changes)):
                few = changes[i - 3:i + 1]
                h.check(len({worker for _, worker in few}) > 2 or few[-1][0] - few[0][0] > 1,
                        "%s ran on two workers at a time: %s" % (unit, few))


class Untouched:
    """Within it at most so many tasks are started, and of those that who ran none is started again where it was."""

    def __init__(self, cluster, what, may_move, who):
        self.cluster, self.what, self.may_move, self.who = cluster, what, may_move, who

    def __enter__(self):
        self.before = self.cluster.starts()
        self.owners = {unit: next(iter(owner)) for unit, owner in self.cluster.owners().items()}

    def __exit__(self, kind, *_):
        if kind:
            return
        who = self.who or set(self.cluster.workers)
        again = [key for key, count in (self.cluster.starts() - self.before).items()
                 if self.owners.get(key[1:]) == key[0] and key[0] in who]
        h.check(len(again) <= self.may_move, "%s: started again where they ran: %s" % (self.what, sorted(again)))
