-- Wireshark dissector for the NVE-NVA protocol of SPEC.md. Numbers in brackets are sections of SPEC.md.
-- README.md says how to install it. A fault for which a receiver refuses the message appears as nvo3.malformed. If only a value is
-- wrong, the dissector also shows the fields after it.

local nvo3 = Proto("nvo3", "NVE-NVA protocol")

-- The default control port [1].
local PORT = 61635
-- LONGEST: the most bytes of a message with its seal [1]. MOST_PLACES and WITHDRAWN: see PLACES and MAPPINGS [6.3].
local LONGEST, SEAL, MOST_PLACES, WITHDRAWN = 1200, 24, 4, 127

-- Registries [5]. A test compares them with SPEC.md.

local TYPES = {
    [0x01] = "Hello",
    [0x02] = "HelloAck",
    [0x03] = "Keepalive",
    [0x04] = "Goodbye",
    [0x05] = "Error",
    [0x06] = "Ack",
    [0x10] = "RegistrationRequest",
    [0x11] = "RegistrationReply",
    [0x12] = "Deregister",
    [0x13] = "DeregisterReply",
    [0x14] = "Restate",
    [0x15] = "RestateMove",
    [0x20] = "Query",
    [0x21] = "Response",
    [0x22] = "Subscribe",
    [0x23] = "Unsubscribe",
    [0x24] = "Update",
    [0x25] = "Resync",
    [0x26] = "Invalidate",
    [0x30] = "Prepare",
    [0x31] = "Ready",
    [0x32] = "Suspended",
    [0x33] = "Activated",
    [0x34] = "Resumed",
    [0x35] = "Revoke",
    [0x36] = "Revoked",
    [0x37] = "OutcomeQuery",
    [0x38] = "Outcome",
    [0x39] = "Done",
    [0x40] = "StateOffer",
    [0x41] = "StateChunk",
    [0x42] = "StateAck",
    [0x50] = "CacheReport",
    [0x51] = "CacheVerdict",
}

local TLV_TYPES = {
    [1] = "PLACE",
    [2] = "TSI",
    [3] = "TSI_KEYS",
    [6] = "ADDRESS",
    [7] = "MAPPING",
    [8] = "PLACES",
    [9] = "MAPPINGS",
    [10] = "MEMBERS",
    [11] = "VNS",
    [12] = "HELD",
    [13] = "MEMBERS_PART",
    [14] = "FLOWS",
    [15] = "POLICIES",
    [16] = "BYTES",
    [17] = "NVES",
    [18] = "CACHED",
    [19] = "WRONG",
    [20] = "SEEN",
    [21] = "CLAIMS",
    [22] = "TSI_VERSIONS",
    [23] = "RESTING",
}

local ERRORS = {
    [1] = "Version",
    [2] = "UnknownType",
    [3] = "Truncated",
    [4] = "Field",
    [5] = "UnknownCritical",
    [6] = "Missing",
    [7] = "UnknownSession",
    [8] = "UnknownNve",
    [9] = "NotAllowed",
    [10] = "Resource",
    [11] = "Forwarder",
}

local RESULTS = {
    [0] = "Accepted",
    [1] = "Policy",
    [2] = "UnknownVn",
    [3] = "TenantConflict",
    [4] = "Duplicate",
    [5] = "Stale",
    [6] = "NotAuthorised",
    [7] = "Resource",
    [8] = "Malformed",
    [9] = "Moving",
}

local REFUSALS = {
    [0] = "not refused",
    [1] = "Stale",
    [2] = "WrongPlace",
    [3] = "Forwarder",
    [4] = "Resource",
    [5] = "NoCommonUnderlay",
    [6] = "NoSession",
    [7] = "Busy",
    [8] = "Policy",
    [9] = "UnknownTsi",
    [10] = "NotSupported",
    [11] = "StillHere",
    [12] = "Halted",
}

local KINDS = { [1] = "hot", [2] = "warm", [3] = "cold", [4] = "failover" }
local SIDES = { [1] = "old", [2] = "new" }
local PARTIES = { [1] = "runs", [2] = "stopped", [3] = "revoked" }
local OUTCOMES = { [1] = "committed", [2] = "aborted", [3] = "unknown" }
local ANSWERS = { [1] = "found", [2] = "not found", [3] = "prohibited" }
local STATES = { [1] = "connections", [2] = "sessions", [3] = "policies", [4] = "snapshot", [5] = "opaque" }
local RECORDS = { [1] = "present", [2] = "gone" }
local STATE_ANSWERS = {
    [1] = "taken",
    [2] = "begin again",
    [3] = "not supported",
    [4] = "no room",
    [5] = "not allowed",
    [6] = "stale",
}
local VERDICTS = {
    [1] = "unknown",
    [2] = "stale",
    [3] = "ahead",
    [4] = "wrong NVE",
    [5] = "wrong address",
}
local YES_NO = { [0] = "no", [1] = "yes" }
local FAMILIES = { [1] = "IPv4", [2] = "IPv6", [3] = "IPv4, IPv6" }
local IP_FAMILIES = { [4] = "IPv4", [6] = "IPv6" }
local WHATS = { [1] = "MAC", [4] = "IPv4", [6] = "IPv6" }

-- Fields: kind, name in filters after "nvo3.", name in SPEC.md.

local all_fields = {}

local function field(kind, filter, name, ...)
    local made = ProtoField[kind]("nvo3." .. filter, name, ...)
    table.insert(all_fields, made)
    return made
end

local function codes(filter, name, names)
    return { field = field("uint8", filter, name, base.DEC, names), names = names }
end

local F = {
    version = field("uint8", "version", "version"),
    type = field("uint8", "type", "type", base.HEX, TYPES),
    flags = field("uint8", "flags", "flags", base.HEX),
    sealed = field("bool", "flags.sealed", "sealed", 8, nil, 1),
    trailer = field("uint8", "trailer", "trailer"),
    length = field("uint16", "length", "length"),
    key_id = field("uint16", "key_id", "key id"),
    session = field("uint64", "session", "session", base.HEX),
    sequence = field("uint32", "sequence", "sequence"),
    transaction = field("uint32", "transaction", "transaction"),

    seal = field("none", "seal", "seal"),
    seal_number = field("uint64", "seal.number", "number"),
    seal_code = field("bytes", "seal.code", "code"),

    tlv = field("bytes", "tlv", "TLV"),
    tlv_critical = field("bool", "tlv.critical", "critical", 16, nil, 0x8000),
    tlv_type = field("uint16", "tlv.type", "type", base.DEC, TLV_TYPES, 0x7fff),
    tlv_length = field("uint16", "tlv.length", "length"),
    tlv_value = field("bytes", "tlv.value", "unknown value"),
    rest = field("bytes", "rest", "not decoded"),

    place = field("none", "place", "place"),
    a_version = field("none", "mapping_version", "version"),
    base_version = field("none", "base_version", "base version"),
    tsi_key = field("none", "tsi_key", "TSI key"),
    entry = field("none", "entry", "entry"),
    claim = field("none", "claim", "claim"),
    tsi_version = field("none", "tsi_version", "TSI version"),
    resting = field("none", "resting", "resting"),
    held_mapping = field("none", "held_mapping", "held"),

    vn = field("uint32", "vn", "VN"),
    mac = field("ether", "mac", "MAC"),
    ipv4 = field("ipv4", "ipv4", "IPv4 address"),
    ipv6 = field("ipv6", "ipv6", "IPv6 address"),
    nve = field("uint64", "nve", "NVE"),
    locator4 = field("ipv4", "locator4", "IPv4 locator"),
    locator6 = field("ipv6", "locator6", "IPv6 locator"),
    epoch = field("uint32", "epoch", "epoch"),
    generation = field("uint64", "generation", "generation"),
    run = field("uint8", "run", "run", base.HEX),
    run_family = field("bool", "run.ipv6", "IPv6", 8, nil, 0x80),
    run_more = field("bool", "run.more", "another run follows", 8, nil, 0x40),
    mark = field("uint8", "mark", "mark", base.HEX),
    mark_router = field("bool", "mark.router", "router", 8, nil, 0x80),
    run_count = field("uint8", "run.count", "count", base.DEC, nil, 0x3f),
    entry_full = field("bool", "entry.full", "version in full", 8, nil, 0x80),
    entry_place = field("uint8", "entry.place", "place", base.DEC, nil, 0x7f),
    entry_add = field("uint32", "entry.add", "add to the base version's generation"),

    claim_word = field("bool", "claim.word", "the hypervisor's word", 8, nil, 0x80),
    claim_old = field("bool", "claim.old", "with old NVE", 8, nil, 0x40),
    claim_expected = field("bool", "claim.expected", "with expected version", 8, nil, 0x20),
    claim_kind = field("uint8", "claim.kind", "kind", base.DEC, KINDS, 0x1f),
    old_nve = field("uint64", "claim.old_nve", "old NVE"),
    expected_version = field("none", "claim.expected_version", "expected version"),

    seen_record = field("uint64", "seen.record", "record"),
    shard = field("uint32", "seen.shard", "shard"),
    proof = field("bytes", "seen.proof", "proof"),
    nonce = field("uint64", "nonce", "nonce", base.HEX),
    capabilities = field("uint32", "capabilities", "capabilities", base.HEX),
    capability_hold = field("bool", "capabilities.hold", "can hold frames", 32, nil, 1),
    encapsulations = field("uint16", "encapsulations", "encapsulations", base.HEX),
    encapsulation_vxlan = field("bool", "encapsulations.vxlan", "VXLAN", 16, nil, 1),
    granted = field("uint64", "granted", "session (granted)", base.HEX),
    published = field("uint64", "published", "published"),
    about = field("uint8", "error.about", "about", base.HEX, TYPES),
    error_tlv = field("uint16", "error.tlv", "TLV", base.DEC, TLV_TYPES),
    error_sequence = field("uint32", "error.sequence", "sequence (of what was refused)"),
    offset = field("uint32", "error.offset", "offset"),
    received = field("uint32", "received", "received"),
    in_force = field("uint32", "in_force", "in force"),
    lifetime = field("uint16", "lifetime", "lifetime (100 ms)"),
    after = field("uint64", "after", "after"),
    upto = field("uint64", "upto", "upto"),
    since = field("none", "since", "since"),
    since_record = field("uint64", "since.record", "record"),
    move = field("uint64", "move", "move"),
    peer = field("uint64", "peer", "peer"),
    frames = field("uint32", "frames", "frames"),
    bytes = field("uint32", "bytes", "bytes"),
    age = field("uint32", "age", "age (ms)"),
    duration = field("uint64", "duration", "duration (us)"),
    held = field("uint64", "held", "held"),
    tunnelled = field("uint64", "tunnelled", "tunnelled"),
    dropped = field("uint64", "dropped", "dropped"),
    stale_senders = field("uint64", "stale_senders", "stale senders"),

    source = field("uint64", "state.source", "source"),
    target = field("uint64", "state.target", "target"),
    copy = field("uint32", "state.copy", "copy"),
    format = field("uint32", "state.format", "format", base.HEX),
    total = field("uint32", "state.total", "total"),
    chunk_offset = field("uint32", "state.offset", "offset"),
    state_upto = field("uint32", "state.upto", "upto"),
    state_bytes = field("bytes", "state.bytes", "bytes"),
    flow = field("none", "flow", "flow"),
    vlan = field("uint16", "flow.vlan", "VLAN"),
    protocol = field("uint8", "flow.protocol", "protocol"),
    source_port = field("uint16", "flow.source_port", "source port"),
    destination_port = field("uint16", "flow.destination_port", "destination port"),
    source4 = field("ipv4", "flow.source4", "source"),
    source6 = field("ipv6", "flow.source6", "source"),
    destination4 = field("ipv4", "flow.destination4", "destination"),
    destination6 = field("ipv6", "flow.destination6", "destination"),
    expires = field("uint32", "flow.expires", "expires (ms)"),
    policy = field("none", "policy", "policy"),
    policy_number = field("uint32", "policy.number", "number"),
    data_length = field("uint16", "data.length", "data length"),
    data = field("bytes", "data", "data"),
    cached = field("none", "cached", "cached"),
    cached_index = field("uint8", "cached.nve", "NVE", base.DEC, nil, 0x7f),
    wrong = field("none", "wrong", "wrong"),
}

local C = {
    error = codes("error.code", "code", ERRORS),
    result = codes("result", "result", RESULTS),
    refusal = codes("refusal", "refusal", REFUSALS),
    kind = codes("kind", "kind", KINDS),
    side = codes("side", "side", SIDES),
    party = codes("party", "party", PARTIES),
    outcome = codes("outcome", "result", OUTCOMES),
    answer = codes("answer", "answer", ANSWERS),
    state = codes("state.kind", "kind", STATES),
    last = codes("state.last", "last", YES_NO),
    state_answer = codes("state.answer", "answer", STATE_ANSWERS),
    record = codes("record", "record", RECORDS),
    ip_family = codes("flow.family", "family", IP_FAMILIES),
    verdict = codes("verdict", "verdict", VERDICTS),
    families = codes("families", "families", FAMILIES),
    what = codes("what", "what", WHATS),
    resumed = codes("resumed", "resumed", YES_NO),
    synced = codes("synced", "synced", YES_NO),
    more = codes("more", "more", YES_NO),
    suspended = codes("suspended", "suspended", YES_NO),
}

nvo3.fields = all_fields

local malformed = ProtoExpert.new("nvo3.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR)
nvo3.experts = { malformed }

-- Thrown when the bytes that follow cannot be read as fields. Any other error is a bug in this file.
local STOP = {}

-- A part of the message, read from its front. `bytes` is the datagram. `state` has the values that later fields depend on.
local Cursor = {}
Cursor.__index = Cursor

function Cursor:part(stop)
    return setmetatable({ bytes = self.bytes, at = self.at, stop = stop, state = self.state }, Cursor)
end

function Cursor:left()
    return self.stop - self.at
end

function Cursor:wrong(tree, code, text)
    self.state.refused = true
    tree:add_proto_expert_info(malformed, string.format("%s: %s", ERRORS[code], text))
end

function Cursor:take(tree, length, name)
    if self:left() < length then
        local text = string.format("%s needs %d bytes, %d are there", name, length, self:left())
        self:wrong(tree, 3, text)
        error(STOP)
    end
    local range = self.bytes(self.at, length)
    self.at = self.at + length
    return range
end

-- Values [4]: each function reads a value from the cursor and adds it to the tree.

local function number(of, length)
    return function(cursor, tree)
        local range = cursor:take(tree, length, "a field")
        return tree:add(of, range), range
    end
end

local function code(of)
    return function(cursor, tree)
        local range = cursor:take(tree, 1, "a field")
        local item, value = tree:add(of.field, range), range:uint()
        if not of.names[value] then
            cursor:wrong(item, 4, value .. " may not stand here")
        end
        return value
    end
end

-- A bit set; each named bit has a line of its own.
local function bits(of, length, ...)
    local names = { ... }
    return function(cursor, tree)
        local range = cursor:take(tree, length, "a field")
        local item = tree:add(of, range)
        for _, name in ipairs(names) do
            item:add(name, range)
        end
    end
end

local function all(...)
    local values = { ... }
    return function(cursor, tree)
        for _, value in ipairs(values) do
            value(cursor, tree)
        end
    end
end

-- A value below a line of its own, which covers the bytes of the value.
local function named(of, value)
    return function(cursor, tree)
        local start = cursor.at
        local item = tree:add(of, cursor.bytes(start, cursor:left()))
        value(cursor, item)
        item:set_len(cursor.at - start)
    end
end

local function list(value)
    return function(cursor, tree)
        while cursor:left() > 0 do
            value(cursor, tree)
        end
    end
end

-- A number with an upper limit.
local function bounded(of, length, most)
    return function(cursor, tree)
        local range = cursor:take(tree, length, "a field")
        local item = tree:add(of, range)
        if range:uint() > most then
            cursor:wrong(item, 4, "it may be at most " .. most)
        end
    end
end

local function amount(of)
    return bounded(of, 4, 0x3ffffff)
end

local vn = bounded(F.vn, 4, 0xffffff)

local mac, ipv4, ipv6 = number(F.mac, 6), number(F.ipv4, 4), number(F.ipv6, 16)
local tsi_key = all(vn, mac)
local version = named(F.a_version, all(number(F.epoch, 4), number(F.generation, 8)))
local locator4, locator6 = number(F.locator4, 4), number(F.locator6, 16)
local locators = { [1] = locator4, [2] = locator6, [3] = all(locator4, locator6) }
local addresses_of = { [1] = mac, [4] = ipv4, [6] = ipv6 }

-- A byte that selects the value after it. After an unknown byte, nothing can be read.
local function chosen(of, values)
    return function(cursor, tree)
        local value = values[code(of)(cursor, tree)]
        if not value then
            error(STOP)
        end
        value(cursor, tree)
    end
end

local place = named(F.place, all(number(F.nve, 8), chosen(C.families, locators)))
local address = chosen(C.what, addresses_of)

local function addresses(cursor, tree)
    local first, more = true, true
    if cursor:left() > 0 and cursor.bytes(cursor.at, 1):bitfield(1, 7) == 0x40 then
        local range = cursor:take(tree, 1, "a mark")
        tree:add(F.mark, range):add(F.mark_router, range)
    end
    while more do
        local range = cursor:take(tree, 1, "a run of addresses")
        local item = tree:add(F.run, range)
        item:add(F.run_family, range)
        item:add(F.run_more, range)
        item:add(F.run_count, range)
        local count = range:bitfield(2, 6)
        if count == 0 and not (first and range:uint() == 0) then
            cursor:wrong(item, 4, "a run has at least one address")
        end
        for _ = 1, count do
            (range:bitfield(0, 1) == 1 and ipv6 or ipv4)(cursor, tree)
        end
        first, more = false, range:bitfield(1, 1) == 1
    end
end

-- A claim [6.2]: its first byte says which parts it has.
local claim = named(F.claim, function(cursor, tree)
    local range = cursor:take(tree, 1, "a claim")
    tree:add(F.claim_word, range)
    tree:add(F.claim_old, range)
    tree:add(F.claim_expected, range)
    local item, kind = tree:add(F.claim_kind, range), range:bitfield(3, 5)
    if not KINDS[kind] then
        cursor:wrong(item, 4, kind .. " may not stand here")
    end
    mac(cursor, tree)
    if range:bitfield(1, 1) == 1 then
        number(F.old_nve, 8)(cursor, tree)
    end
    if range:bitfield(2, 1) == 1 then
        named(F.expected_version, all(number(F.epoch, 4), number(F.generation, 8)))(cursor, tree)
    end
    addresses(cursor, tree)
end)

local function counted_place(cursor, tree)
    place(cursor, tree)
    cursor.state.places = cursor.state.places + 1
end

local function base_version(cursor, tree)
    cursor.state.base = cursor:left() >= 12 and cursor.bytes(cursor.at + 4, 8):uint64()
    named(F.base_version, all(number(F.epoch, 4), number(F.generation, 8)))(cursor, tree)
end

-- An entry of MAPPINGS [6.3] or CACHED [6.6]. The table that its index points to may come later in the message.
local function entry(of, index_field, withdrawn)
    return named(of, function(cursor, tree)
        local range = cursor:take(tree, 1, "an entry")
        tree:add(F.entry_full, range)
        local item = tree:add(index_field, range)
        local index = range:bitfield(1, 7)
        if index == withdrawn then
            item:append_text(" (withdrawn)")
        else
            table.insert(cursor.state.indexes, { item = item, index = index })
        end
        mac(cursor, tree)
        if range:bitfield(0, 1) == 1 then
            version(cursor, tree)
        else
            local added, more = number(F.entry_add, 4)(cursor, tree)
            local generation = cursor.state.base + UInt64(more:uint())
            added:append_text(" (" .. tostring(generation) .. ")")
            if generation < cursor.state.base then
                cursor:wrong(added, 4, "there is no such generation")
            end
        end
        addresses(cursor, tree)
    end)
end

local function indexes_are_in_table(cursor, name)
    for _, of in ipairs(cursor.state.indexes) do
        if of.index >= cursor.state.places then
            cursor:wrong(of.item, 4, name .. " has no such entry")
        end
    end
end

local function counted_nve(cursor, tree)
    number(F.nve, 8)(cursor, tree)
    cursor.state.places = cursor.state.places + 1
end

local function data(cursor, tree)
    local length = cursor:take(tree, 2, "a length")
    tree:add(F.data_length, length)
    if length:uint() > 0 then
        tree:add(F.data, cursor:take(tree, length:uint(), "data"))
    end
end

local function rest(of)
    return function(cursor, tree)
        if cursor:left() > 0 then
            tree:add(of, cursor:take(tree, cursor:left(), "bytes"))
        end
    end
end

-- A record of a state [6.5]: the flow or policy that it is about and, unless it is gone, its content.
local function state_of(of, what, state)
    return named(of, function(cursor, tree)
        local record = code(C.record)(cursor, tree)
        if not RECORDS[record] then
            error(STOP)
        end
        what(cursor, tree)
        if record == 1 then
            state(cursor, tree)
        end
    end)
end

local FLOW_ENDS = {
    [4] = all(number(F.source4, 4), number(F.destination4, 4)),
    [6] = all(number(F.source6, 16), number(F.destination6, 16)),
}

local function flow(cursor, tree)
    all(vn, bounded(F.vlan, 2, 4094))(cursor, tree)
    local ends = FLOW_ENDS[code(C.ip_family)(cursor, tree)]
    if not ends then
        error(STOP)
    end
    all(number(F.protocol, 1), number(F.source_port, 2), number(F.destination_port, 2), ends)(cursor, tree)
end

local flow_record = state_of(F.flow, flow, all(number(F.expires, 4), data))
local policy_record = state_of(F.policy, all(tsi_key, number(F.policy_number, 4)), data)
local wrong_entry = named(F.wrong, all(code(C.verdict), mac, version))

local TLV_VALUES = {
    PLACE = place,
    TSI = all(tsi_key, addresses),
    TSI_KEYS = list(named(F.tsi_key, tsi_key)),
    ADDRESS = address,
    MAPPING = all(mac, version, addresses),
    PLACES = list(counted_place),
    MAPPINGS = list(entry(F.entry, F.entry_place, WITHDRAWN)),
    MEMBERS = list(place),
    VNS = list(vn),
    HELD = list(named(F.held_mapping, all(vn, address))),
    MEMBERS_PART = list(place),
    FLOWS = list(flow_record),
    POLICIES = list(policy_record),
    BYTES = rest(F.state_bytes),
    NVES = list(counted_nve),
    CACHED = list(entry(F.cached, F.cached_index)),
    WRONG = list(wrong_entry),
    SEEN = all(number(F.epoch, 4), number(F.seen_record, 8), number(F.shard, 4), number(F.proof, 16)),
    CLAIMS = list(claim),
    TSI_VERSIONS = list(named(F.tsi_version, all(mac, version))),
    RESTING = list(named(F.resting, all(mac, version, addresses))),
}

-- Messages [6]: the body, and how often each TLV may come.

local REQUIRED, OPTIONAL, ANY = 1, 2, 3
local move = number(F.move, 8)
local word = { body = all(move, version), tlvs = {} }
local of_tsis = { body = vn, tlvs = { TSI_VERSIONS = REQUIRED } }
local of_vn = { body = vn, tlvs = {} }
local nothing = { body = all(), tlvs = {} }

local function answer(cursor, tree)
    cursor.state.answer = code(C.answer)(cursor, tree)
end

local function state_kind(cursor, tree)
    cursor.state.kind = code(C.state)(cursor, tree)
end

local STATE_TLVS = { [1] = "FLOWS", [2] = "FLOWS", [3] = "POLICIES", [4] = "BYTES", [5] = "BYTES" }
local stream = all(move, version, number(F.source, 8), number(F.target, 8), number(F.copy, 4), state_kind)

local MESSAGES = {
    Hello = {
        body = all(
            number(F.nonce, 8),
            bits(F.capabilities, 4, F.capability_hold),
            bits(F.encapsulations, 2, F.encapsulation_vxlan),
            code(C.resumed)
        ),
        tlvs = { PLACE = REQUIRED, SEEN = OPTIONAL },
    },
    HelloAck = {
        body = all(number(F.granted, 8), number(F.nonce, 8), number(F.epoch, 4), number(F.published, 8)),
        tlvs = { SEEN = OPTIONAL },
    },
    Keepalive = nothing,
    Goodbye = nothing,
    Error = {
        body = all(
            code(C.error),
            number(F.about, 1),
            number(F.error_tlv, 2),
            number(F.error_sequence, 4),
            number(F.offset, 4)
        ),
        tlvs = {},
    },
    Ack = { body = all(number(F.received, 4), number(F.in_force, 4)), tlvs = {} },
    RegistrationRequest = { body = all(vn, number(F.lifetime, 2)), tlvs = { CLAIMS = REQUIRED } },
    RegistrationReply = {
        body = all(vn, code(C.result), number(F.lifetime, 2)),
        tlvs = { TSI_VERSIONS = REQUIRED, PLACE = OPTIONAL },
    },
    Deregister = of_tsis,
    DeregisterReply = of_tsis,
    Restate = { body = all(vn, code(C.more)), tlvs = { RESTING = REQUIRED } },
    RestateMove = {
        body = all(move, version, code(C.side), code(C.party), number(F.peer, 8)),
        tlvs = { TSI = ANY },
    },
    Query = { body = vn, tlvs = { ADDRESS = REQUIRED } },
    Response = {
        body = all(vn, answer, number(F.lifetime, 2)),
        tlvs = { ADDRESS = REQUIRED, MAPPING = OPTIONAL, PLACE = OPTIONAL },
        allowed = function(state, name)
            return name == "ADDRESS" or state.answer == 1
        end,
        finish = function(cursor, tree)
            if cursor.state.answer == 1 and not cursor.state.seen.MAPPING then
                cursor:wrong(tree, 6, "MAPPING")
            end
        end,
    },
    Subscribe = of_vn,
    Unsubscribe = of_vn,
    Update = {
        body = all(vn, number(F.after, 8), number(F.upto, 8), base_version, code(C.synced)),
        tlvs = { PLACES = OPTIONAL, MAPPINGS = OPTIONAL, MEMBERS = OPTIONAL, MEMBERS_PART = OPTIONAL },
        allowed = function(state, name)
            local other = ({ MEMBERS = "MEMBERS_PART", MEMBERS_PART = "MEMBERS" })[name]
            return not (other and state.seen[other])
        end,
        finish = function(cursor, tree)
            if cursor.state.places > MOST_PLACES then
                cursor:wrong(tree, 4, cursor.state.places .. " places, at most " .. MOST_PLACES .. " may be there")
            end
            indexes_are_in_table(cursor, "PLACES")
        end,
    },
    Resync = {
        body = all(named(F.since, all(number(F.epoch, 4), number(F.since_record, 8))), code(C.more)),
        tlvs = { VNS = OPTIONAL, HELD = OPTIONAL },
    },
    Invalidate = { body = all(tsi_key, number(F.nve, 8), version), tlvs = {} },
    Prepare = {
        body = all(
            move,
            version,
            code(C.side),
            code(C.kind),
            code(C.suspended),
            number(F.frames, 4),
            number(F.bytes, 4),
            number(F.age, 4)
        ),
        tlvs = { PLACE = REQUIRED, TSI = ANY },
    },
    Ready = { body = all(move, version, code(C.refusal)), tlvs = {} },
    Suspended = word,
    Activated = word,
    Resumed = word,
    Revoke = word,
    Revoked = word,
    OutcomeQuery = { body = move, tlvs = {} },
    Outcome = { body = all(move, version, code(C.outcome)), tlvs = { PLACE = REQUIRED, TSI_KEYS = OPTIONAL } },
    Done = {
        body = all(
            move,
            number(F.duration, 8),
            number(F.held, 8),
            number(F.tunnelled, 8),
            number(F.dropped, 8),
            number(F.stale_senders, 8)
        ),
        tlvs = {},
    },
    StateOffer = { body = all(stream, number(F.format, 4), amount(F.total), code(C.last)), tlvs = {} },
    StateChunk = {
        body = all(stream, amount(F.chunk_offset)),
        tlvs = { FLOWS = OPTIONAL, POLICIES = OPTIONAL, BYTES = OPTIONAL },
        allowed = function(state, name)
            return name == STATE_TLVS[state.kind]
        end,
        finish = function(cursor, tree)
            local name = STATE_TLVS[cursor.state.kind]
            if name and not cursor.state.seen[name] then
                cursor:wrong(tree, 6, name)
            end
        end,
    },
    StateAck = { body = all(stream, amount(F.state_upto), code(C.state_answer)), tlvs = {} },
    CacheReport = {
        body = all(vn, base_version, code(C.more)),
        tlvs = { NVES = OPTIONAL, CACHED = OPTIONAL },
        finish = function(cursor)
            indexes_are_in_table(cursor, "NVES")
        end,
    },
    CacheVerdict = { body = all(vn, code(C.more)), tlvs = { WRONG = OPTIONAL } },
}

-- A TLV [3].
local function tlv(cursor, tree, message)
    local start = cursor.at
    local item = tree:add(F.tlv, cursor.bytes(start, cursor:left()))
    local head = cursor:take(item, 2, "a TLV's head")
    item:add(F.tlv_critical, head)
    item:add(F.tlv_type, head)
    local size = cursor:take(item, 2, "a TLV's head")
    item:add(F.tlv_length, size)

    local kind = head:bitfield(1, 15)
    local name = TLV_TYPES[kind]
    item:set_text("TLV: " .. (name or kind))
    if cursor:left() < size:uint() then
        cursor:wrong(item, 3, string.format("the value has %d bytes, %d are there", size:uint(), cursor:left()))
        error(STOP)
    end
    item:set_len(4 + size:uint())
    local value = cursor:part(cursor.at + size:uint())
    cursor.at = value.stop

    local often = name and message.tlvs[name]
    if not often then
        if head:bitfield(0, 1) == 1 then
            cursor:wrong(item, 5, "a critical TLV that this message does not have")
        end
        if value:left() > 0 then
            item:add(F.tlv_value, value.bytes(value.at, value:left()))
        end
        return
    end
    local seen = cursor.state.seen
    if seen[name] and often ~= ANY then
        cursor:wrong(item, 4, name .. " comes again")
    elseif message.allowed and not message.allowed(cursor.state, name) then
        cursor:wrong(item, 4, name .. " may not come here")
    end
    seen[name] = true

    -- A fault inside the value ends with the value: the next TLV can be read.
    local good, fault = pcall(TLV_VALUES[name], value, item)
    if not good and fault ~= STOP then
        error(fault, 0)
    end
    if value:left() > 0 then
        local rest = item:add(F.rest, value.bytes(value.at, value:left()))
        if good then
            value:wrong(rest, 4, "the value goes on too long")
        end
    end
end

-- Reads the header [2]; returns the name of the message type, nil if unknown.
local function header(cursor, tree)
    local range = cursor:take(tree, 1, "the header")
    local item = tree:add(F.version, range)
    if range:uint() ~= 1 then
        cursor:wrong(item, 1, "only version 1 is known here")
        error(STOP)
    end
    local kind = cursor:take(tree, 1, "the header")
    item = tree:add(F.type, kind)
    if not TYPES[kind:uint()] then
        cursor:wrong(item, 2, "no such message")
    end
    local flags = cursor:take(tree, 1, "the header")
    item = tree:add(F.flags, flags)
    item:add(F.sealed, flags)
    if flags:uint() > 1 then
        cursor:wrong(item, 4, "only the first bit is known here")
    end
    local seal = flags:bitfield(7, 1) * SEAL
    range = cursor:take(tree, 1, "the header")
    item = tree:add(F.trailer, range)
    if range:uint() ~= seal then
        cursor:wrong(item, 4, "it must be " .. seal)
    end
    local length = cursor:take(tree, 2, "the header")
    item = tree:add(F.length, length)
    local there, longest = cursor.bytes:len(), LONGEST - SEAL + seal
    if length:uint() > there then
        cursor:wrong(item, 3, there .. " bytes are there")
    elseif length:uint() < there or there > longest then
        cursor:wrong(item, 4, there .. " bytes are there, a message has at most " .. longest)
    end
    number(F.key_id, 2)(cursor, tree)
    local _, session = number(F.session, 8)(cursor, tree)
    local _, sequence = number(F.sequence, 4)(cursor, tree)
    number(F.transaction, 4)(cursor, tree)
    cursor.state.session, cursor.state.sequence = session:uint64(), sequence:uint()
    if seal > 0 then
        local trailer = cursor:part(cursor.stop)
        trailer.at = math.max(cursor.at, cursor.stop - seal)
        cursor.stop = trailer.at
        named(F.seal, all(number(F.seal_number, 8), number(F.seal_code, 16)))(trailer, tree)
    end
    return TYPES[kind:uint()]
end

local function message(cursor, tree)
    local name = header(cursor, tree)
    if not name then
        error(STOP)
    end
    cursor.state.name = name
    tree:append_text(": " .. name)
    local found = MESSAGES[name]
    found.body(cursor, tree)
    if name == "Invalidate" and cursor.state.session == UInt64(0) and cursor:left() > 0 then
        cursor:wrong(tree, 4, "nothing may follow between NVEs")
    end
    while cursor:left() > 0 do
        tlv(cursor, tree, found)
    end
    for wanted, often in pairs(found.tlvs) do
        if often == REQUIRED and not cursor.state.seen[wanted] then
            cursor:wrong(tree, 6, wanted)
        end
    end
    if found.finish then
        found.finish(cursor, tree)
    end
end

function nvo3.dissector(bytes, packet, root)
    local state = { seen = {}, places = 0, indexes = {}, refused = false }
    local cursor = setmetatable({ bytes = bytes, at = 0, stop = bytes:len(), state = state }, Cursor)
    local tree = root:add(nvo3, bytes())
    packet.cols.protocol = "NVO3"

    local good, fault = pcall(message, cursor, tree)
    if not good and fault ~= STOP then
        error(fault, 0)
    end
    if cursor:left() > 0 then
        tree:add(F.rest, bytes(cursor.at, cursor:left()))
    end

    local info = state.name or "unknown message"
    if state.sequence and state.sequence ~= 0 then
        info = info .. ", sequence " .. state.sequence
    end
    packet.cols.info = info .. (state.refused and " [malformed]" or "")
    return bytes:len()
end

local ports = DissectorTable.get("udp.port")
ports:add(PORT, nvo3)
ports:add_for_decode_as(nvo3)
