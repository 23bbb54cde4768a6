# SPDX-License-Identifier: Apache-2.0
"""How an answer is compared with the recorded one (README.md names the rules).

Everything here is a pure function of what was recorded and what came; nothing talks to a server.
"""

import json
import re

# Headers that are part of the contract: recorded means sent, not recorded means not sent.
CONTRACT = re.compile(r"content-type|location|allow|vary|www-authenticate|cache-control|expires|access-control-.+|x-.+")


class Answer:
    """What a server sent: status, the headers of the contract by lower-case name, text, parsed JSON."""

    def __init__(self, status, headers, raw):
        self.status = status
        self.headers = {}
        for name, value in headers:
            name = name.lower()
            if CONTRACT.fullmatch(name):
                self.headers[name] = self.headers[name] + ", " + value if name in self.headers else value
        self.text = raw.decode("utf-8", "replace")
        self.body = self.text
        if self.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
            try:
                self.body = json.loads(self.text)
            except ValueError:
                pass

    def __str__(self):
        return "%d %s %s" % (self.status, json.dumps(self.headers), self.text[:1200])


def parse_pointer(pointer):
    """A JSON pointer's segments; "*" stands for every member."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def select(document, pointer):
    """All values that a pointer leads to."""
    found = [document]
    for part in parse_pointer(pointer):
        inner = []
        for value in found:
            if isinstance(value, dict):
                inner += value.values() if part == "*" else [value[part]] if part in value else []
            elif isinstance(value, list):
                inner += value if part == "*" else value[int(part):int(part) + 1] if part.isdigit() else []
        found = inner
    return found


def holds(condition, answer):
    """Whether an answer is what an "until" waits for."""
    for key, wanted in condition.items():
        if key == "timeout":
            continue
        if key == "status":
            met = answer.status == wanted
        elif key.startswith("len:"):
            met = [len(value) for value in select(answer.body, key[4:])
                   if isinstance(value, (list, dict, str))] == [wanted]
        else:
            values = select(answer.body, key)
            met = bool(values) and all(_is_like(wanted, value) for value in values)
        if not met:
            return False
    return True


def _is_like(wanted, value):
    if isinstance(wanted, str) and wanted.startswith("re:"):
        return isinstance(value, str) and re.search(wanted[3:], value, re.S) is not None
    return wanted == value and isinstance(wanted, bool) == isinstance(value, bool)


# ---- comparing


def differences(recorded, rules, answer):
    """What is wrong with an answer, line by line; empty if nothing is. Variables are filled in already."""
    wrong = []
    if recorded["status"] != answer.status:
        wrong.append("status %d, recorded %d" % (answer.status, recorded["status"]))
    header_rules = {key[7:].lower(): rule for key, rule in rules.items() if key.startswith("header:")}
    wrong += _headers(recorded, header_rules, answer)
    body_rules = [(parse_pointer(key), rule) for key, rule in rules.items() if not key.startswith("header:")]
    body = recorded.get("body", "")
    wrong += _value(body, answer.body, body_rules, ())
    if not wrong and _rule(body_rules, ()) == "bytes":
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        if text != answer.text:
            wrong.append("bytes %s, recorded %s" % (answer.text, text))
    return wrong


def _headers(recorded, rules, answer):
    wrong = []
    wanted = {name.lower(): value for name, value in recorded.get("headers", {}).items()}
    for name in sorted(set(wanted) | set(answer.headers)):
        got, want = answer.headers.get(name), wanted.get(name)
        if rules.get(name) in ("any", "type"):
            continue
        if name == "content-type" and want is None and got == "application/json" and recorded.get("body"):
            continue  # Kafka Connect sends some of its JSON errors without a type
        if got is None or want is None:
            wrong.append("header %s %r, recorded %r" % (name, got, want))
        elif name in rules:
            wrong += _text(want, got, rules[name], "header " + name)
        elif re.sub(r"\s", "", got).lower() != re.sub(r"\s", "", want).lower():
            wrong.append("header %s %r, recorded %r" % (name, got, want))
    return wrong


def _rule(rules, path):
    for segments, rule in rules:
        if len(segments) == len(path) and all(s in ("*", str(p)) for s, p in zip(segments, path)):
            return rule
    return None


def _kind(value):
    if value is None or isinstance(value, bool):
        return type(value).__name__
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def _show(value):
    return json.dumps(value, ensure_ascii=False)[:500]


def _value(want, got, rules, path):
    rule, where = _rule(rules, path), "/" + "/".join(map(str, path))
    if rule == "any" or want == "${version}" and (got is None or isinstance(got, str)):
        return []
    if _kind(want) != _kind(got) or rule not in ("type", "optional") and not isinstance(want, (dict, list, str)) \
            and want != got:
        return ["%s %s, recorded %s" % (where, _show(got), _show(want))]
    if rule in ("type", "optional"):
        return []
    if isinstance(want, dict):
        return _object(want, got, rules, path, where)
    if isinstance(want, list):
        return _array(want, got, rules, path, where)
    return _text(want, got, rule, where) if isinstance(want, str) else []


def _object(want, got, rules, path, where):
    rule = _rule(rules, path)
    if rule == "map":
        sample = next(iter(want.values()))
        return [line for key in got for line in _value(sample, got[key], rules, (*path, key))]
    wrong = []
    for key in want:
        if key in got:
            wrong += _value(want[key], got[key], rules, (*path, key))
        elif _rule(rules, (*path, key)) not in ("optional", "any"):
            wrong.append("%s has no %s, recorded %s" % (where, key, _show(want[key])))
    if rule != "contains":
        wrong += ["%s has %s: %s, not recorded" % (where, key, _show(got[key])) for key in got
                  if key not in want and _rule(rules, (*path, key)) not in ("optional", "any")]
    if rule == "key-order" and not wrong and list(want) != list(got):
        wrong.append("%s has keys %s, recorded %s" % (where, list(got), list(want)))
    return wrong


def _array(want, got, rules, path, where):
    rule = _rule(rules, path)
    if rule in ("unordered", "contains"):
        left, wrong = list(got), []
        for item in want:
            match = next((other for other in left if not _value(item, other, rules, (*path, "*"))), None)
            if match is None:
                wrong.append("%s has nothing like %s" % (where, _show(item)))
            else:
                left.remove(match)
        return wrong + ["%s has %s, not recorded" % (where, _show(item)) for item in left if rule == "unordered"]
    wrong = ["%s holds %d, recorded %d: %s" % (where, len(got), len(want), _show(got))] if len(want) != len(got) else []
    for i, (a, b) in enumerate(zip(want, got)):
        wrong += _value(a, b, rules, (*path, i))
    return wrong


def _text(want, got, rule, where):
    name, _, detail = (rule or "").partition(":")
    same = {
        "first-line": lambda: want.split("\n")[0] == got.split("\n")[0],
        "starts": lambda: got.startswith(detail),
        "has": lambda: detail in got,
        "re": lambda: re.search(detail, got, re.S) is not None,
        "list": lambda: sorted(re.split(r",\s*", want)) == sorted(re.split(r",\s*", got)),
    }.get(name, lambda: want == got)()
    return [] if same else ["%s %s, recorded %s%s" % (where, _show(got), _show(want), rule and " (%s)" % rule or "")]
