//! The deliberate differences between this crate and an oracle.

use std::collections::BTreeMap;

/// Each kind of difference, with the rule that this crate follows.
const DIFFERENCES: &[(&str, &str)] = &[
    // Generated frames:
    ("evpn", "this crate shows BGP as a payload, because EVPN routes belong to the control plane"),
    ("nsh", "this crate leaves NSH (RFC 8300) in the payload, which the output contract permits"),
    ("empty payload", "this crate shows no layer for zero bytes; the rows show an empty payload or none"),
    ("undefined field", "RFC 1931 leaves ar$tpa of a DRARP error undefined; this crate prints the bytes of the frame"),
    (
        "nvgre or not",
        "RFC 7637 §3.2: GRE around Ethernet with a key and nothing more is NVGRE, else it is plain GRE (RFC 2890); \
      the frame does not say which of the two the ends agreed on",
    ),
    (
        "experimental option",
        "RFC 8926 §3.5, GNV-02: an endpoint that does not know a critical option drops the packet. An endpoint knows \
      no option of an experimental class (§7) without configuration; the generator's receiver knows class 0xffff",
    ),
    (
        "neutral or not",
        "ILA-03 asks for changes that keep the checksum; only a wrong upper checksum shows that a change did not",
    ),
    // Captures read by tshark:
    (
        "icmp data",
        "output contract: an ICMP header has 8 bytes, and its data is a payload; SNAP is a layer of its own; tshark \
      counts the data and SNAP to the layer before",
    ),
    ("other carrier", "this crate shows MPLS, PPP, 802.11, GTP, ERSPAN, WCCP and similar formats as a payload"),
    ("extended echo", "this crate shows the messages of RFC 8335 by type and code only"),
    ("other link type", "this crate does not read the link type frame relay"),
    ("cisco link", "ISL and FabricPath: tshark guesses from the destination that a header stands before the frame"),
    (
        "gre version 1",
        "RFC 2784 §2.3.1: a packet of another GRE version is dropped unread; tshark reads RFC 2637's version 1, \
      which ends in an acknowledgment number",
    ),
    ("arp of another kind", "ARP-02: this crate refuses ARP that is not of IPv4 over Ethernet"),
    (
        "broken header",
        "RFC 791, RFC 8200, RFC 768, RFC 8926: this crate refuses a header whose lengths contradict each other or \
      the frame; tshark shows a part of the header, often without a warning",
    ),
    (
        "chain bound",
        "this crate follows at most 8 extension headers (RFC 8200 §4.1 has each once, destination options twice)",
    ),
    (
        "source route",
        "the checksum of an upper protocol covers the last destination, which still stands in the source route",
    ),
];

/// Counts comparisons and deliberate differences, and collects the other differences.
#[derive(Default)]
pub(crate) struct Tally {
    compared: BTreeMap<String, u32>,
    deliberate: BTreeMap<&'static str, u32>,
    failures: Vec<String>,
}

impl Tally {
    pub(crate) fn compared(&mut self, what: &str) {
        *self.compared.entry(what.into()).or_default() += 1;
    }

    pub(crate) fn deliberate(&mut self, kind: &str) {
        let (kind, _) = DIFFERENCES.iter().find(|(listed, _)| *listed == kind).expect(kind);
        *self.deliberate.entry(kind).or_default() += 1;
    }

    pub(crate) fn fail(&mut self, failure: String) {
        self.failures.push(failure);
    }

    /// # Panics
    /// Panics if there is a difference that is not listed.
    pub(crate) fn finish(self) {
        println!("compared: {:?}", self.compared);
        for (kind, count) in &self.deliberate {
            let (_, rule) = DIFFERENCES.iter().find(|(listed, _)| listed == kind).unwrap();
            println!("{count:6} {kind}: {rule}");
        }
        let failures: Vec<_> =
            self.failures.iter().take(20).map(|failure| failure.get(..1000).unwrap_or(failure)).collect();
        assert!(self.failures.is_empty(), "{} differences:\n{}", self.failures.len(), failures.join("\n"));
    }
}

#[test]
fn there_are_fewer_than_20_kinds_of_difference() {
    assert!(DIFFERENCES.len() < 20);
}
