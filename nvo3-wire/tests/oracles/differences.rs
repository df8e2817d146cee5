//! The deliberate differences between this crate and an oracle.

use std::collections::BTreeMap;

/// Each kind of difference, with the rule that this crate follows.
const DIFFERENCES: &[(&str, &str)] = &[
    // Generated frames:
    ("evpn", "BGP is a payload here: EVPN routes are the control plane's"),
    ("nsh", "NSH (RFC 8300) is left in the payload, which the output contract permits"),
    ("empty payload", "no bytes are no layer; the rows have both for a datagram without data"),
    ("undefined field", "RFC 1931 leaves ar$tpa of a DRARP error undefined; it is printed as it lies there"),
    (
        "nvgre or not",
        "RFC 7637 §3.2: GRE with a key around Ethernet is NVGRE, without a key or with more it is plain GRE \
      (RFC 2890); which of the two the ends agreed on is not in the frame",
    ),
    (
        "experimental option",
        "RFC 8926 §3.5, GNV-02: an endpoint that does not know a critical option drops the packet. An endpoint knows \
      no option of an experimental class (§7) without configuration; the generator's receiver knows class 0xffff",
    ),
    (
        "neutral or not",
        "ILA-03: only the upper checksum, which no longer verifies, tells that a change was not neutral",
    ),
    // Captures read by tshark:
    (
        "icmp data",
        "output contract: an ICMP header has 8 bytes and a payload, SNAP is a layer of its own; tshark counts \
      both to the layer",
    ),
    ("other carrier", "MPLS, PPP, 802.11, GTP, ERSPAN, WCCP and their like are no formats of this crate: a payload"),
    ("extended echo", "RFC 8335's messages are shown by type and code alone"),
    ("other link type", "frame relay is no link type of this crate"),
    ("cisco link", "ISL, FabricPath: tshark guesses a frame in front of the frame from its destination"),
    ("gre version 1", "RFC 2637's GRE ends in an acknowledgment number; RFC 2784 §2.3.1 drops the version unread"),
    ("arp of another kind", "ARP-02: other address types and lengths than of IPv4 over Ethernet are refused unread"),
    (
        "broken header",
        "RFC 791, RFC 8200, RFC 768, RFC 8926: a header whose lengths contradict each other or the frame is \
      refused; tshark shows what it can of it, and says so or not",
    ),
    (
        "chain bound",
        "at most 8 extension headers are followed (RFC 8200 §4.1 has each once, destination options twice)",
    ),
    ("source route", "checksums of upper protocols are over the last destination, which a source route still holds"),
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
