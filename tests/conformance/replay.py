#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""replay.py [-v] [-j LANES] [--url URL] [SCENARIO...]: replay recorded scenarios and report in TAP

Each scenario, a JSON file of this folder, holds requests and what Apache Kafka Connect 4.1.0 answered. Without
names all of them run. Scenarios for a worker with usual settings share one worker a lane; the others get workers
of their own. pending.txt lists what cannot pass yet; a pending thing that passes makes the run fail.
With --url the usual scenarios go to a worker that runs already. Run it through run.tap, which boots Kafka.
"""

import argparse
import base64
import glob
import hashlib
import hmac
import http.client
import json
import os
import queue
import re
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "helper"))
import expect  # noqa: E402
import harness as h  # noqa: E402

POLL = 0.1             # seconds between two looks
UNTIL_SECONDS = 40     # how long an "until" may take
RETRY_SECONDS = 15     # how long a conflict with a rebalance is retried, as clients do
PENDING_SECONDS = 4    # both of them for what is expected to fail
RETRY = re.compile(r"rebalance|conflicting operation|stale configuration|can be safely retried", re.I)


class Place:
    """Where a scenario's requests go, and the values of its variables."""

    def __init__(self, workers, folder, run):
        self.workers = workers
        self.values = {"dir": folder, "run": run}
        for i, worker in enumerate(workers):
            suffix = "" if i == 0 else str(i + 1)
            self.values["host" + suffix] = self.values["worker" + suffix] = worker

    def fill(self, value):
        """Replace ${name}, and ${x:9000} by that many x, in a value of any shape; unknown names stay."""
        if isinstance(value, str):
            value = re.sub(r"\$\{(.):(\d+)\}", lambda m: m.group(1) * int(m.group(2)), value)
            return re.sub(r"\$\{(\w+)\}", lambda m: self.values.get(m.group(1), m.group(0)), value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        return value

    def ask(self, request, worker=1, timeout=100):
        """Send one request, its path byte for byte; the Answer."""
        body, headers = request.get("body"), dict(self.fill(request.get("headers", {})))
        if body is not None and not isinstance(body, str):
            body = json.dumps(self.fill(body), ensure_ascii=False, separators=(",", ":"))
            headers.setdefault("Content-Type", "application/json")
        elif body is not None:
            body = self.fill(body)
        data = None if body is None else body.encode()
        if "sign" in request:
            digest = hmac.new(base64.b64decode(request["sign"]), data or b"", hashlib.sha256).digest()
            headers["X-Connect-Request-Signature-Algorithm"] = "HmacSHA256"
            headers["X-Connect-Authorization"] = base64.b64encode(digest).decode()
        chunked = headers.get("Transfer-Encoding") == "chunked"
        if not chunked and (data is not None or request["method"] in ("POST", "PUT", "PATCH")):
            headers["Content-Length"] = str(len(data or b""))
        to = self.fill(request["to"]) if "to" in request else self.workers[worker - 1]
        connection = http.client.HTTPConnection(to, timeout=timeout)
        try:
            connection.putrequest(request["method"], self.fill(request["path"]), skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            if chunked:
                for i in range(0, len(data), 11):
                    connection.send(b"%x\r\n%s\r\n" % (len(data[i:i + 11]), data[i:i + 11]))
                connection.send(b"0\r\n\r\n")
            elif data:
                connection.send(data)
            response = connection.getresponse()
            return expect.Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()


# ---- one scenario


def answer_of(place, step, hurry):
    """The answer that counts: the first, the first that is no conflict with a rebalance, or that of "until"."""
    until = place.fill(step.get("until"))
    seconds = PENDING_SECONDS if hurry else until.get("timeout", UNTIL_SECONDS) if until else RETRY_SECONDS
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = place.ask(step["request"], step.get("worker", 1))
        except OSError:
            if not until or time.monotonic() > deadline:
                raise
        else:
            if expect.holds(until, answer) if until else not is_conflict(step, answer):
                return answer
            if time.monotonic() > deadline:
                return answer
        time.sleep(POLL)


def is_conflict(step, answer):
    message = answer.body.get("message") if isinstance(answer.body, dict) else None
    return answer.status in (409, 500) and answer.status != step["response"]["status"] \
        and not step.get("no_retry") and isinstance(message, str) and RETRY.search(message) is not None


def use_file(place, what, hurry):
    """Write or append to a file, or wait until it holds a text."""
    path = place.fill(what["path"])
    if "expect" not in what:
        with open(path, "a" if "append" in what else "w", encoding="utf-8") as file:
            file.write(place.fill(what.get("append", what.get("write"))))
        return []
    deadline = time.monotonic() + (PENDING_SECONDS if hurry else UNTIL_SECONDS)
    while True:
        text = None
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                text = file.read()
        if text == place.fill(what["expect"]):
            return []
        if time.monotonic() > deadline:
            return ["file %s holds %r, recorded %r" % (path, text, what["expect"])]
        time.sleep(POLL)


def run_step(place, step, hurry):
    """What is wrong with a step, line by line."""
    if "sleep" in step:
        time.sleep(step["sleep"])
        return []
    if "file" in step:
        return use_file(place, step["file"], hurry)
    try:
        answer = answer_of(place, step, hurry)
    except (OSError, http.client.HTTPException) as error:
        return ["%s: %s" % (type(error).__name__, error)]
    rules = {**{pointer: "type" for pointer in step.get("ignore", [])}, **step.get("compare", {})}
    wrong = expect.differences(place.fill(step["response"]), rules, answer)
    return wrong + ["the answer: %s" % answer] if wrong else []


def title_of(step):
    if "request" in step:
        return "%s %s" % (step["request"]["method"], step["request"]["path"][:120])
    return "file " + step["file"]["path"] if "file" in step else "sleep"


def remove_connectors(place, names):
    """Delete what the scenario made; names are path segments, encoded."""
    for path in ["/connectors/" + place.fill(name) for name in names]:
        try:
            place.ask({"method": "DELETE", "path": path}, timeout=30)
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and \
                    place.ask({"method": "GET", "path": path + "/status"}, timeout=30).status == 200:
                time.sleep(POLL)
        except (OSError, http.client.HTTPException):
            return  # the steps have told it


class Result:
    def __init__(self):
        self.lines = []      # what to show
        self.failed = []     # numbers of steps that failed and are not pending
        self.surprises = []  # numbers of pending steps that passed
        self.seconds = 0.0


def run_steps(place, scenario, pending, verbose):
    """pending: numbers of steps, or "all" (then the first failure ends it)."""
    result, started = Result(), time.monotonic()
    for number, step in enumerate(scenario["steps"], 1):
        expected = pending == "all" or number in pending
        began = time.monotonic()
        wrong = run_step(place, step, expected)
        if verbose:
            result.lines.append("step %d %s: %s (%.2f s)" % (number, title_of(step), "fails" if wrong else "passes",
                                                            time.monotonic() - began))
        if wrong and (not expected or verbose):
            note = " (%s)" % step["note"] if "note" in step else ""
            result.lines += ["step %d %s%s" % (number, title_of(step), note)] + ["   " + line for line in wrong]
        if wrong and not expected:
            result.failed.append(number)
        elif not wrong and expected and pending != "all":
            result.surprises.append(number)
        elif wrong and pending == "all":
            break
    else:
        if pending == "all":
            result.surprises.append("all")
    remove_connectors(place, scenario.get("connectors", []))
    result.seconds = time.monotonic() - started
    return result


# ---- workers


def start_workers(name, variant, folder, number):
    """The workers of a lane or of a scenario with settings of its own: (Place, [Program])."""
    run = "%s-%s" % (os.environ.get("CULVERT_TEST_RUN", "c"), number)
    count = variant.get("workers", 1)
    ports = [h.free_port() for _ in range(count + 1)]
    place = Place(["127.0.0.1:%d" % port for port in ports[:count]], folder, run)
    place.values["port9"] = "127.0.0.1:%d" % ports[count]
    for file_name, text in variant.get("files", {}).items():
        with open(os.path.join(folder, file_name), "w", encoding="utf-8") as file:
            file.write(place.fill(text))
    standalone = variant.get("mode") == "standalone"
    programs = []
    for i in range(count):
        properties = worker_properties(run, place.workers[i], folder, standalone)
        properties.update(place.fill(variant.get("properties", {})))
        path = h.write_properties("%s-%d" % (name, i + 1), properties)
        command = [h.BUILD + "/programs/culvert-worker"] + (["--standalone"] if standalone else []) + [path]
        program = h.Program("%s-%d" % (name, i + 1), command, ports[i])
        programs.append(program.start(place.fill(variant.get("env", {}))))
        wait_up(place, program, i + 1)
    return place, programs


def worker_properties(run, address, folder, standalone):
    properties = {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "listeners": "http://" + address,
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter.schemas.enable": "false",
        "offset.flush.interval.ms": 1000,
        "config.providers": "file",
        "config.providers.file.class": "org.apache.kafka.common.config.provider.FileConfigProvider",
        "rest.error.codes": "connect",
        "culvert.connectors": "*",
    }
    if standalone:
        properties["offset.storage.file.filename"] = os.path.join(folder, "standalone.offsets")
        return properties
    properties.update({"group.id": run, "scheduled.rebalance.max.delay.ms": 3000})
    for store in ("config", "offset", "status"):
        properties[store + ".storage.topic"] = "%s-%ss" % (run, store)
        properties[store + ".storage.replication.factor"] = 1
        if store != "config":
            properties[store + ".storage.partitions"] = 1
    return properties


def wait_up(place, program, number):
    def is_up():
        h.check(program.alive(), "%s ended with %s" % (program.name, program.process.returncode))
        try:
            status = place.ask({"method": "GET", "path": "/health"}, number, 20).status
            if status == 401:  # it wants credentials, but not from other workers: these it answers once it has started
                signed = {"method": "POST", "path": "/connectors/none/tasks", "body": []}
                return place.ask(signed, number, 20).status != 503
            return status == 200
        except (OSError, http.client.HTTPException):
            return False
    h.wait_for(is_up, "%s is up" % program.name, 60, every=0.05)


# ---- all of them


class Run:
    """The scenarios, shared by lanes; each lane is a thread with at most one worker of the usual kind."""

    def __init__(self, names, pending, options):
        self.pending = pending
        self.options = options
        self.names = names
        self.todo = queue.Queue()
        self.results = {}
        self.problems = []  # of workers, at their end
        self.changed = threading.Condition()
        scenarios = {name: load(name) for name in names}
        # the longest first, so that no lane is left with one at the end
        for name in sorted(names, key=lambda n: (-cost(scenarios[n]), n)):
            self.todo.put((name, scenarios[name]))

    def lane(self, number):
        usual, programs = None, []
        while True:
            try:
                name, scenario = self.todo.get_nowait()
            except queue.Empty:
                break
            try:
                if "worker" in scenario:
                    result = self.with_own_workers(name, scenario)
                else:
                    if usual is None and self.options.url:
                        usual = Place([self.options.url.split("//")[-1].rstrip("/")], "", "")
                    elif usual is None:
                        usual, programs = start_workers("lane%d" % number, {}, folder_of("lane"), "lane%d" % number)
                    usual.values.update(dir=folder_of(name), run=run_word(name))
                    result = run_steps(usual, scenario, self.pending.get(name, ([], ""))[0], self.options.verbose)
            except Exception as error:  # told as the scenario's failure
                result = Result()
                result.failed.append(0)
                result.lines.append(str(error) if isinstance(error, h.Failure) else traceback.format_exc())
            with self.changed:
                self.results[name] = result
                self.changed.notify()
        try:
            stop(programs)
        except h.Failure as failure:
            self.problems.append(str(failure))

    def with_own_workers(self, name, scenario):
        pending = self.pending.get(name, ([], ""))[0]
        try:
            place, programs = start_workers(name, scenario["worker"], folder_of(name), run_word(name))
        except h.Failure as failure:
            if pending != "all":
                raise
            result = Result()
            result.lines.append(str(failure))
            return result
        result = run_steps(place, scenario, pending, self.options.verbose)
        try:
            stop(programs)
        except h.Failure as failure:
            self.problems.append("%s: %s" % (name, failure))
        return result

    def report(self, lanes):
        """TAP as results come, and a last line about the workers' ends; whether all is as expected."""
        print("1..%d" % (len(self.names) + 1), flush=True)
        good = True
        for number in range(1, len(self.names) + 1):
            with self.changed:
                while not self.results:
                    self.changed.wait()
                name, result = self.results.popitem()
            good = self.report_one(number, name, result) and good
        for lane in lanes:
            lane.join()
        for line in self.problems:
            print("# " + line.replace("\n", "\n# "))
        print("%s %d - workers end well" % ("not ok" if self.problems else "ok", len(self.names) + 1), flush=True)
        return good and not self.problems

    def report_one(self, number, name, result):
        pending, reason = self.pending.get(name, ([], ""))
        for line in result.lines:
            print("# " + line.replace("\n", "\n# "))
        if result.surprises:
            print("# these pass, take them off pending.txt: %s" % ", ".join(map(str, result.surprises)))
        good = not result.failed and not result.surprises
        if good and pending:
            what = "all of it" if pending == "all" else "%d steps" % len(pending)
            print("not ok %d - %s # TODO %s: %s" % (number, name, what, reason))
        else:
            print("%s %d - %s (%.1f s)" % ("ok" if good else "not ok", number, name, result.seconds))
        sys.stdout.flush()
        return good


def stop(programs):
    for program in reversed(programs):
        code = program.process.poll()
        if code is None:
            code = program.stop()
        program.check_sanitizer()
        h.check(code == 0, "%s ended with %s; the end of its log:\n%s"
                % (program.name, code, "\n".join(program.read_log().split("\n")[-30:])))


def run_word(name):
    return "%s-%s" % (os.environ["CULVERT_TEST_RUN"], name)


def folder_of(name):
    path = os.path.join(h.directory(), "%s-%s" % (os.environ["CULVERT_TEST_RUN"], name))
    os.makedirs(path, exist_ok=True)
    return path


def cost(scenario):
    """A guess at how long it takes: waiting, and workers of its own."""
    steps = scenario["steps"]
    return sum(step.get("sleep", 0) for step in steps) + sum(1 for step in steps if "until" in step) \
        + (3 if "worker" in scenario else 0)


def load(name):
    with open(os.path.join(HERE, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def load_pending(path):
    """Lines of "SCENARIO all|NUMBERS REASON": {scenario: ("all" or set of numbers, reasons)}."""
    pending = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.strip() or line.startswith("#"):
                continue
            name, numbers, reason = line.split(None, 2)
            if numbers == "all":
                pending[name] = ("all", reason.strip())
                continue
            steps, reasons = pending.get(name, (set(), ""))
            for part in numbers.split(","):
                first, _, last = part.partition("-")
                steps.update(range(int(first), int(last or first) + 1))
            pending[name] = (steps, (reasons + "; " if reasons else "") + reason.strip())
    return pending


def refuse(why):
    print(why, file=sys.stderr)
    sys.exit(2)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("-v", dest="verbose", action="store_true")
    parser.add_argument("-j", dest="lanes", type=int, default=4)
    parser.add_argument("--url")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if not os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        refuse("no servers: run it through tests/conformance/run.tap")
    os.environ.setdefault("CULVERT_TEST_RUN", "c%x" % int(time.time() * 10))
    known = sorted(os.path.basename(path)[:-5] for path in glob.glob(HERE + "/*.json"))
    names = [name[:-5] if name.endswith(".json") else name for name in options.names] or known
    for name in names:
        if name not in known:
            refuse("no scenario %s; there are: %s" % (name, " ".join(known)))
    pending = load_pending(os.path.join(HERE, "pending.txt"))
    for name in pending:
        if name not in known:
            refuse("pending.txt names %s, which is no scenario" % name)
    run = Run(names, pending, options)
    lanes = [threading.Thread(target=run.lane, args=(i + 1,)) for i in range(min(options.lanes, len(names)))]
    for lane in lanes:
        lane.start()
    sys.exit(0 if run.report(lanes) else 1)


if __name__ == "__main__":
    main()
