#!/usr/bin/env python3
"""Decodes messages of the NVE-NVA protocol as nvo3-nva-proto/SPEC.md describes them, and as nothing else does.

Reads one message a line, in hexadecimal, and prints one JSON object for each: the header's and the body's fields and
the TLVs by the names that SPEC.md gives them, or what an Error about the message would say. A TLV that may be missing
is null then; a list that may be missing is empty.

It shares nothing with the Rust code, so what both say alike is what SPEC.md says. Only the standard library is used.
"""

import ipaddress
import json
import sys

# Error codes (5.3) that decoding can give.
VERSION, UNKNOWN_TYPE, TRUNCATED, FIELD, UNKNOWN_CRITICAL, MISSING = range(1, 7)

# A message is at most 1,200 bytes long with its seal, which has 24.
LONGEST = 1200 - 24


class Refused(Exception):
    """A message that may not be taken: an error code, where, and in which TLV (4.1)."""

    def __init__(self, code, offset, tlv=0):
        super().__init__(code, offset, tlv)
        self.code, self.offset, self.tlv = code, offset, tlv


class Bytes:
    """Part of a message; `at` counts from the message's first byte."""

    def __init__(self, message, at, end, tlv=0):
        self.message, self.at, self.end, self.tlv = message, at, end, tlv

    def left(self):
        return self.end - self.at

    def take(self, length):
        if self.left() < length:
            raise self.refused(TRUNCATED)
        self.at += length
        return self.message[self.at - length : self.at]

    def refused(self, code, offset=None):
        return Refused(code, self.at if offset is None else offset, self.tlv)


# Values (4): each a function from Bytes to what JSON can say.


def number(length):
    return lambda b: int.from_bytes(b.take(length), "big")


def checked(length, allowed):
    """A number that `allowed` turns into what it means, or None where it may not stand here."""

    def read(b):
        offset = b.at
        value = allowed(number(length)(b))
        if value is None:
            raise b.refused(FIELD, offset)
        return value

    return read


def code(names, none=False):
    """One byte out of a registry; with `none`, 0 is none of them."""

    def read(b):
        if none and b.left() and b.message[b.at] == 0:
            b.take(1)
            return None
        return checked(1, names.get)(b)

    return read


def fields(*list_of_fields):
    return lambda b: {name: read(b) for name, read in list_of_fields}


def list_of(read):
    def read_all(b):
        values = []
        while b.left():
            values.append(read(b))
        return values

    return read_all


def numbered(*names, start=1):
    return dict(enumerate(names, start))


yes_no = checked(1, {0: False, 1: True}.get)
vn = checked(4, lambda value: value if value < 1 << 24 else None)
version = fields(("epoch", number(4)), ("generation", number(8)))


def mac(b):
    return b.take(6).hex(":")


def ipv4(b):
    return str(ipaddress.IPv4Address(b.take(4)))


def ipv6(b):
    # In full: there is one way to write it.
    return ipaddress.IPv6Address(b.take(16)).exploded


tsi_key = fields(("vn", vn), ("MAC", mac))


def place(b):
    nve = number(8)(b)
    families = checked(1, {1: [ipv4], 2: [ipv6], 3: [ipv4, ipv6]}.get)(b)
    return {"NVE": nve, "locators": [read(b) for read in families]}


def address(b):
    return checked(1, {1: mac, 4: ipv4, 6: ipv6}.get)(b)(b)


def addresses(b):
    role, result, more = "unknown", [], True
    if b.left() and b.message[b.at] & 0x7F == 0x40:
        role = "router" if number(1)(b) & 0x80 else "host"
    while more:
        offset = b.at
        run = number(1)(b)
        family, more, count = ipv6 if run & 0x80 else ipv4, run & 0x40, run & 0x3F
        if count == 0 and (run != 0 or result):
            raise b.refused(FIELD, offset)
        result += [family(b) for _ in range(count)]
    return {"role": role, "IPs": result}


tsi = fields(("vn", vn), ("MAC", mac), ("addresses", addresses))
held = fields(("vn", vn), ("address", address))
mapping = fields(("MAC", mac), ("version", version), ("addresses", addresses))


tsi_version = fields(("MAC", mac), ("version", version))
# The same fields in the same order as in a mapping.
resting = mapping


def claim(b):
    offset = b.at
    head = number(1)(b)
    kind = KINDS.get(head & 0x1F)
    if kind is None:
        raise b.refused(FIELD, offset)
    return {
        "sign": "word" if head & 0x80 else "frame",
        "kind": kind,
        "MAC": mac(b),
        "old NVE": number(8)(b) if head & 0x40 else None,
        "expected version": version(b) if head & 0x20 else None,
        "addresses": addresses(b),
    }


def data(b):
    return b.take(number(2)(b)).hex()


def rest(b):
    return b.take(b.left()).hex()


amount = checked(4, lambda value: value if value < 1 << 26 else None)
vlan = checked(2, lambda value: value if value <= 4094 else None)
family = checked(1, {4: ipv4, 6: ipv6}.get)
record = checked(1, {1: "present", 2: "gone"}.get)


def state_of(of, *fields_where_present):
    """A record of a state: what it is of, and what there is of it unless it is gone."""

    def read(b):
        what = record(b)
        present = what == "present"
        return {
            "record": what,
            **of(b),
            **{name: read(b) if present else None for name, read in fields_where_present},
        }

    return read


def flow(b):
    result = fields(("vn", vn), ("VLAN", vlan))(b)
    ip = family(b)
    ports = [("source port", number(2)), ("destination port", number(2))]
    return result | fields(("protocol", number(1)), *ports, ("source", ip), ("destination", ip))(b)


flow_record = state_of(flow, ("expires", number(4)), ("data", data))
policy_record = state_of(fields(("vn", vn), ("MAC", mac), ("number", number(4))), ("rules", data))


def later(b):
    """What is read once all TLVs are there."""
    rest = Bytes(b.message, b.at, b.end, b.tlv)
    b.at = b.end
    return rest


# Registries (5).

ERRORS = numbered(
    "Version",
    "UnknownType",
    "Truncated",
    "Field",
    "UnknownCritical",
    "Missing",
    "UnknownSession",
    "UnknownNve",
    "NotAllowed",
    "Resource",
    "Forwarder",
)
RESULTS = numbered(
    "Accepted",
    "Policy",
    "UnknownVn",
    "TenantConflict",
    "Duplicate",
    "Stale",
    "NotAuthorised",
    "Resource",
    "Malformed",
    "Moving",
    start=0,
)
REFUSALS = numbered(
    "Stale",
    "WrongPlace",
    "Forwarder",
    "Resource",
    "NoCommonUnderlay",
    "NoSession",
    "Busy",
    "Policy",
    "UnknownTsi",
    "NotSupported",
    "StillHere",
    "Halted",
)
KINDS = numbered("hot", "warm", "cold", "failover")
SIDES = numbered("old", "new")
PARTIES = numbered("runs", "stopped", "revoked")
OUTCOMES = numbered("committed", "aborted", "unknown")
ANSWERS = numbered("found", "not found", "prohibited")
STATES = numbered("connections", "sessions", "policies", "snapshot", "opaque")
STATE_ANSWERS = numbered("taken", "begin again", "not supported", "no room", "not allowed", "stale")
VERDICTS = numbered("unknown", "stale", "ahead", "wrong NVE", "wrong address")

wrong = fields(("verdict", code(VERDICTS)), ("MAC", mac), ("version", version))
seen = fields(("epoch", number(4)), ("record", number(8)), ("shard", number(4)), ("proof", lambda b: b.take(16).hex()))

TLVS = {
    1: ("PLACE", place),
    2: ("TSI", tsi),
    3: ("TSI_KEYS", list_of(tsi_key)),
    6: ("ADDRESS", address),
    7: ("MAPPING", mapping),
    8: ("PLACES", list_of(place)),
    9: ("MAPPINGS", later),
    10: ("MEMBERS", list_of(place)),
    11: ("VNS", list_of(vn)),
    12: ("HELD", list_of(held)),
    13: ("MEMBERS_PART", list_of(place)),
    14: ("FLOWS", list_of(flow_record)),
    15: ("POLICIES", list_of(policy_record)),
    16: ("BYTES", rest),
    17: ("NVES", list_of(number(8))),
    18: ("CACHED", later),
    19: ("WRONG", list_of(wrong)),
    20: ("SEEN", seen),
    21: ("CLAIMS", list_of(claim)),
    22: ("TSI_VERSIONS", list_of(tsi_version)),
    23: ("RESTING", list_of(resting)),
}
TLV_TYPES = {name: kind for kind, (name, _) in TLVS.items()}

# How often a TLV comes: it must; it may, and is null or empty where it does not; it comes any number of times.
REQUIRED, OPTIONAL, LIST, ANY = range(4)


# Messages (6).


def found_only(message, name):
    """A Response's MAPPING and PLACE."""
    return message["answer"] == "found" or name == "ADDRESS"


def one_kind_of_members(message, name):
    """An Update's MEMBERS and MEMBERS_PART."""
    other = {"MEMBERS": "MEMBERS_PART", "MEMBERS_PART": "MEMBERS"}.get(name)
    return message.get(other) is None


def response(message, end):
    if message["answer"] == "found" and message["MAPPING"] is None:
        raise Refused(MISSING, end, TLV_TYPES["MAPPING"])


STATE_TLVS = {
    "connections": "FLOWS",
    "sessions": "FLOWS",
    "policies": "POLICIES",
    "snapshot": "BYTES",
    "opaque": "BYTES",
}


def of_its_kind(message, name):
    """A StateChunk's FLOWS, POLICIES or BYTES."""
    return name == STATE_TLVS[message["kind"]]


def chunk(message, end):
    name = STATE_TLVS[message["kind"]]
    if message[name] is None:
        raise Refused(MISSING, end, TLV_TYPES[name])


def update(message, end):
    """The entries of MAPPINGS with their places and versions."""
    places = message["PLACES"]
    if len(places) > 4:
        raise Refused(FIELD, end, TLV_TYPES["PLACES"])
    where = dict(enumerate(places)) | {127: "withdrawn"}
    message["MAPPINGS"] = entries(message["MAPPINGS"], "place", where, message["base version"])


def report(message, end):
    """The entries of CACHED with their NVEs and versions."""
    where = dict(enumerate(message["NVES"]))
    message["CACHED"] = entries(message["CACHED"], "NVE", where, message["base version"])


def entries(value, name, where, base):
    """Of MAPPINGS or CACHED: `name` is what the index says, `where` what it points into."""

    def entry(b):
        offset = b.at
        head = number(1)(b)
        at = where.get(head & 0x7F)
        if at is None:
            raise b.refused(FIELD, offset)
        result = {name: at, "MAC": mac(b)}
        offset = b.at
        if head & 0x80:
            result["version"] = version(b)
        else:
            generation = base["generation"] + number(4)(b)
            if generation >= 1 << 64:
                raise b.refused(FIELD, offset)
            result["version"] = {"epoch": base["epoch"], "generation": generation}
        result["addresses"] = addresses(b)
        return result

    return list_of(entry)(value) if value else []


WORD = [("move", number(8)), ("version", version)]
STREAM = [*WORD, ("source", number(8)), ("target", number(8)), ("copy", number(4)), ("kind", code(STATES))]


def message(name, body=(), rules=(), allowed=None, finish=None):
    """Its fields in order, how often its TLVs come, and what else holds: of a TLV that comes, and of the whole."""
    return name, list(body), dict(rules), allowed or (lambda *_: True), finish or (lambda *_: None)


MESSAGES = {
    0x01: message(
        "Hello",
        [("nonce", number(8)), ("capabilities", number(4)), ("encapsulations", number(2)), ("resumed", yes_no)],
        {"PLACE": REQUIRED, "SEEN": OPTIONAL},
    ),
    0x02: message(
        "HelloAck",
        [("session", number(8)), ("nonce", number(8)), ("epoch", number(4)), ("published", number(8))],
        {"SEEN": OPTIONAL},
    ),
    0x03: message("Keepalive"),
    0x04: message("Goodbye"),
    0x05: message(
        "Error",
        [
            ("code", code(ERRORS)),
            ("about", number(1)),
            ("TLV", number(2)),
            ("sequence", number(4)),
            ("offset", number(4)),
        ],
    ),
    0x06: message("Ack", [("received", number(4)), ("in force", number(4))]),
    0x10: message("RegistrationRequest", [("vn", vn), ("lifetime", number(2))], {"CLAIMS": REQUIRED}),
    0x11: message(
        "RegistrationReply",
        [("vn", vn), ("result", code(RESULTS)), ("lifetime", number(2))],
        {"TSI_VERSIONS": REQUIRED, "PLACE": OPTIONAL},
    ),
    0x12: message("Deregister", [("vn", vn)], {"TSI_VERSIONS": REQUIRED}),
    0x13: message("DeregisterReply", [("vn", vn)], {"TSI_VERSIONS": REQUIRED}),
    0x14: message("Restate", [("vn", vn), ("more", yes_no)], {"RESTING": REQUIRED}),
    0x15: message(
        "RestateMove",
        [*WORD, ("side", code(SIDES)), ("party", code(PARTIES)), ("peer", number(8))],
        {"TSI": ANY},
    ),
    0x20: message("Query", [("vn", vn)], {"ADDRESS": REQUIRED}),
    0x21: message(
        "Response",
        [("vn", vn), ("answer", code(ANSWERS)), ("lifetime", number(2))],
        {"ADDRESS": REQUIRED, "MAPPING": OPTIONAL, "PLACE": OPTIONAL},
        found_only,
        response,
    ),
    0x22: message("Subscribe", [("vn", vn)]),
    0x23: message("Unsubscribe", [("vn", vn)]),
    0x24: message(
        "Update",
        [
            ("vn", vn),
            ("after", number(8)),
            ("upto", number(8)),
            ("base version", version),
            ("synced", yes_no),
        ],
        {"PLACES": LIST, "MAPPINGS": OPTIONAL, "MEMBERS": OPTIONAL, "MEMBERS_PART": OPTIONAL},
        one_kind_of_members,
        update,
    ),
    0x25: message("Resync", [("since", version), ("more", yes_no)], {"VNS": LIST, "HELD": LIST}),
    0x26: message("Invalidate", [("vn", vn), ("MAC", mac), ("NVE", number(8)), ("version", version)]),
    0x30: message(
        "Prepare",
        [
            *WORD,
            ("side", code(SIDES)),
            ("kind", code(KINDS)),
            ("suspended", yes_no),
            ("frames", number(4)),
            ("bytes", number(4)),
            ("age", number(4)),
        ],
        {"PLACE": REQUIRED, "TSI": ANY},
    ),
    0x31: message("Ready", [*WORD, ("refusal", code(REFUSALS, none=True))]),
    0x32: message("Suspended", WORD),
    0x33: message("Activated", WORD),
    0x34: message("Resumed", WORD),
    0x35: message("Revoke", WORD),
    0x36: message("Revoked", WORD),
    0x37: message("OutcomeQuery", [("move", number(8))]),
    0x38: message("Outcome", [*WORD, ("result", code(OUTCOMES))], {"PLACE": REQUIRED, "TSI_KEYS": LIST}),
    0x39: message(
        "Done",
        [
            ("move", number(8)),
            ("duration", number(8)),
            ("held", number(8)),
            ("tunnelled", number(8)),
            ("dropped", number(8)),
            ("stale senders", number(8)),
        ],
    ),
    0x40: message("StateOffer", [*STREAM, ("format", number(4)), ("total", amount), ("last", yes_no)]),
    0x41: message(
        "StateChunk",
        [*STREAM, ("offset", amount)],
        {"FLOWS": OPTIONAL, "POLICIES": OPTIONAL, "BYTES": OPTIONAL},
        of_its_kind,
        chunk,
    ),
    0x42: message("StateAck", [*STREAM, ("upto", amount), ("answer", code(STATE_ANSWERS))]),
    0x50: message(
        "CacheReport",
        [("vn", vn), ("base version", version), ("more", yes_no)],
        {"NVES": LIST, "CACHED": OPTIONAL},
        finish=report,
    ),
    0x51: message("CacheVerdict", [("vn", vn), ("more", yes_no)], {"WRONG": LIST}),
}


def tlvs(b, result, rules, allowed):
    """What follows the body (3)."""
    for name, rule in rules.items():
        result[name] = [] if rule in (LIST, ANY) else None
    seen = set()
    while b.left():
        start = b.at
        if b.left() < 4:
            raise Refused(TRUNCATED, start)
        kind, length = number(2)(b), number(2)(b)
        critical, kind = kind & 0x8000, kind & 0x7FFF
        if b.left() < length:
            raise Refused(TRUNCATED, start, kind)
        value = Bytes(b.message, b.at, b.at + length, kind)
        b.take(length)

        name, read = TLVS.get(kind, (None, None))
        if name not in rules:
            if critical:
                raise Refused(UNKNOWN_CRITICAL, start, kind)
            continue
        again = name in seen and rules[name] != ANY
        if again or not allowed(result, name):
            raise Refused(FIELD, start, kind)
        seen.add(name)
        if rules[name] == ANY:
            result[name].append(read(value))
        else:
            result[name] = read(value)
        if value.left():
            raise value.refused(FIELD)
    for name, rule in rules.items():
        if rule == REQUIRED and name not in seen:
            raise Refused(MISSING, b.end, TLV_TYPES[name])


def decode(datagram, about):
    """One message. What an Error says of it besides the fault is left in `about`, also where it is refused."""
    b = Bytes(datagram, 0, len(datagram))
    if number(1)(b) != 1:
        raise Refused(VERSION, 0)
    kind = about["about"] = number(1)(b)
    for _ in ("flags", "trailer"):
        checked(1, {0: 0}.get)(b)
    length = number(2)(b)
    b.take(2)
    header = fields(("session", number(8)), ("sequence", number(4)), ("transaction", number(4)))(b)
    if length > len(datagram):
        raise Refused(TRUNCATED, 4)
    if length < len(datagram) or length > LONGEST:
        raise Refused(FIELD, 4)
    about["sequence"] = header["sequence"]
    if kind not in MESSAGES:
        raise Refused(UNKNOWN_TYPE, 1)

    name, body, rules, allowed, finish = MESSAGES[kind]
    result = {"type": name, "header": header, **fields(*body)(b)}
    if name == "Invalidate" and header["session"] == 0 and b.left():
        raise Refused(FIELD, b.at)
    tlvs(b, result, rules, allowed)
    finish(result, len(datagram))
    return result


def main():
    for line in sys.stdin:
        about = {"about": 0, "sequence": 0}
        try:
            result = decode(bytes.fromhex(line), about)
        except Refused as refused:
            result = {"error": ERRORS[refused.code], **about, "offset": refused.offset, "TLV": refused.tlv}
        print(json.dumps(result))


if __name__ == "__main__":
    main()
