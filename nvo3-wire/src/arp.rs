//! ARP (RFC 826) and RARP (RFC 903), which have the same body; probes and announcements of RFC 5227.
//!
//! [`Arp`] shows the layout. [`Arp::parse`] reads a body, [`Frame::parse`] an untagged frame. The functions of this
//! module write whole frames. [`announce`](crate::announce) says what a frame means.

use crate::codes::codes;
use crate::error::{place, take};
use crate::{Error, EtherType, Ipv4, Mac, Protocol, Rule, ethernet};
use core::fmt;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The length of a whole frame without padding: Ethernet and ARP headers, 42 bytes.
pub const FRAME_LEN: usize = size_of::<Frame>();

/// The body of ARP for IPv4 over Ethernet (RFC 826), and of RARP (RFC 903).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-------------------------------+-------------------------------+
/// |         hardware = 1          |       protocol = 0x0800       |
/// +---------------+---------------+-------------------------------+
/// |  hw len = 6   | proto len = 4 |           operation           |
/// +---------------+---------------+-------------------------------+
/// |            sender MAC (6), sender IPv4 address (4)            |
/// |            target MAC (6), target IPv4 address (4)            |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Arp {
    /// Hardware type (ar$hrd), 1 for Ethernet.
    pub hardware: U16,
    /// Protocol type (ar$pro), 0x0800 for IPv4.
    pub protocol: U16,
    /// Hardware address length (ar$hln), 6.
    pub hardware_len: u8,
    /// Protocol address length (ar$pln), 4.
    pub protocol_len: u8,
    /// Operation (ar$op); see [`Operation`].
    pub operation: U16,
    /// Sender MAC (ar$sha).
    pub sender_mac: Mac,
    /// Sender IPv4 address (ar$spa); undefined in a RARP request.
    pub sender_ip: Ipv4,
    /// Target MAC (ar$tha); has no meaning in an ARP request, and is the MAC in question in RARP.
    pub target_mac: Mac,
    /// Target IPv4 address (ar$tpa); undefined in a RARP request.
    pub target_ip: Ipv4,
}

/// An Ethernet frame that carries ARP or RARP, without a tag and without padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct Frame {
    /// Ethernet header.
    pub ethernet: ethernet::Header,
    /// Body.
    pub arp: Arp,
}

impl Frame {
    /// Reads an untagged frame. The second value is the padding. For frames with tags use [`ethernet::Frame`].
    ///
    /// # Errors
    /// [`Rule::Truncated`] if there are fewer than [`FRAME_LEN`] bytes.
    #[inline]
    pub fn parse(frame: &[u8]) -> Result<(&Self, &[u8]), Error> {
        take(frame, Protocol::Arp)
    }

    /// Checks that the frame carries ARP or RARP, and the rules of [`Arp::validate`].
    ///
    /// ```
    /// use nvo3_wire::{Ipv4, Mac, arp};
    /// let mut frame = [0; arp::FRAME_LEN];
    /// arp::probe(Mac([2, 0, 0, 0, 0, 1]), Ipv4([192, 0, 2, 10]), &mut frame)?;
    /// let (frame, _padding) = arp::Frame::parse(&frame)?;
    /// frame.validate()?;
    /// assert_eq!(frame.arp.target_ip, Ipv4([192, 0, 2, 10]));
    /// # Ok::<(), nvo3_wire::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Rule::NotArp`], and the errors of [`Arp::validate`] with the offset of the body.
    #[inline]
    pub fn validate(&self) -> Result<(), Error> {
        const ARP_ETHERNET_IPV4: [u8; 8] = [0x08, 0x06, 0, 1, 8, 0, 6, 4];
        match self.as_bytes().get(12..).and_then(|bytes| bytes.first_chunk()) {
            Some(&ARP_ETHERNET_IPV4) => Ok(()), // one comparison for nearly every frame
            _ => self.validate_slow(),
        }
    }

    #[cold]
    fn validate_slow(&self) -> Result<(), Error> {
        match self.ethernet.ether_type {
            EtherType::ARP | EtherType::RARP => self.arp.validate().map_err(|e| e.at(size_of::<ethernet::Header>())),
            other => Err(Error::new(Protocol::Ethernet, 0, Rule::NotArp(other.get()))),
        }
    }
}

codes! {
    /// The operation of an ARP or RARP message. Its meaning depends on the EtherType.
    pub enum Operation: u16 {
        /// Operation 1 under EtherType 0x0806: asks for the MAC of an IPv4 address.
        Request = 1, "request";
        /// Operation 2 under EtherType 0x0806: answers a request.
        Reply = 2, "reply";
        /// Operation 3 under EtherType 0x8035: asks for the IPv4 address of a MAC.
        ReverseRequest = 3, "reverse request";
        /// Operation 4 under EtherType 0x8035: answers a reverse request.
        ReverseReply = 4, "reverse reply";
    }
    /// Any other operation; this crate has no rules for it.
    else Other, "operation {}";
}

impl Arp {
    /// Reads the body. The second value is the padding.
    ///
    /// # Errors
    /// [`Rule::Truncated`] if there are fewer than 28 bytes.
    #[inline]
    pub fn parse(payload: &[u8]) -> Result<(&Self, &[u8]), Error> {
        take(payload, Protocol::Arp)
    }

    /// Checks the receiver's rules of RFC 826, "Packet Reception", with its length checks (ARP-02).
    ///
    /// # Errors
    /// The first broken rule: [`Rule::HardwareType`], [`Rule::ProtocolType`] or [`Rule::AddressLengths`].
    #[inline]
    pub fn validate(&self) -> Result<(), Error> {
        const ETHERNET_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
        if self.as_bytes().first_chunk() == Some(&ETHERNET_IPV4) {
            return Ok(());
        }
        let rule = match (self.hardware.get(), self.protocol.get()) {
            (1, 0x0800) => Rule::AddressLengths { hardware: self.hardware_len, protocol: self.protocol_len },
            (1, other) => Rule::ProtocolType(other),
            (other, _) => Rule::HardwareType(other),
        };
        Err(Error::new(Protocol::Arp, 0, rule))
    }

    /// The operation, if it belongs to the EtherType of the frame (ARP-05): 1 and 2 to ARP, 3 and 4 to RARP.
    ///
    /// # Errors
    /// [`Rule::Operation`] if it does not.
    #[inline]
    pub fn operation(&self, ether_type: EtherType) -> Result<Operation, Error> {
        match (ether_type, Operation::new(self.operation.get())) {
            (EtherType::ARP, operation @ (Operation::Request | Operation::Reply)) => Ok(operation),
            (EtherType::RARP, operation @ (Operation::ReverseRequest | Operation::ReverseReply)) => Ok(operation),
            (EtherType::RARP, other) => Err(Error::new(Protocol::Rarp, 0, Rule::Operation(other.value()))),
            (_, other) => Err(Error::new(Protocol::Arp, 0, Rule::Operation(other.value()))),
        }
    }

    /// Checks that a receiver may learn from the sender MAC and the sender address (ARP-04). A probe has no sender
    /// address.
    ///
    /// # Errors
    /// [`Rule::SenderMac`], [`Rule::SenderNotSource`] or [`Rule::SenderIp`].
    #[inline]
    pub fn learnable(&self, ethernet_source: &Mac) -> Result<(), Error> {
        self.sender_mac_learnable(ethernet_source)?;
        if !self.sender_ip.is_station() {
            return Err(Error::new(Protocol::Arp, 0, Rule::SenderIp(self.sender_ip)));
        }
        Ok(())
    }

    /// Checks the part of [`Arp::learnable`] that also holds for probes and RARP, whose sender address has no meaning.
    ///
    /// # Errors
    /// [`Rule::SenderMac`] or [`Rule::SenderNotSource`].
    #[inline]
    pub fn sender_mac_learnable(&self, ethernet_source: &Mac) -> Result<(), Error> {
        if !self.sender_mac.is_station() {
            return Err(Error::new(Protocol::Arp, 0, Rule::SenderMac(self.sender_mac)));
        }
        if self.sender_mac != *ethernet_source {
            let rule = Rule::SenderNotSource { sender: self.sender_mac, source_mac: *ethernet_source };
            return Err(Error::new(Protocol::Arp, 0, rule));
        }
        Ok(())
    }

    /// Creates a body for IPv4 over Ethernet, for example to write it after a tag by [`build`](crate::build). The
    /// builders of this module write whole untagged frames.
    pub const fn new(operation: Operation, sender: (Mac, Ipv4), target: (Mac, Ipv4)) -> Self {
        Self {
            hardware: U16::new(1),
            protocol: U16::new(0x0800),
            hardware_len: 6,
            protocol_len: 4,
            operation: U16::new(operation.value()),
            sender_mac: sender.0,
            sender_ip: sender.1,
            target_mac: target.0,
            target_ip: target.1,
        }
    }

    /// Fills every field of a body in place.
    #[inline]
    pub fn fill(&mut self, operation: Operation, sender: (Mac, Ipv4), target: (Mac, Ipv4)) {
        *self = Self::new(operation, sender, target);
    }
}

/// For example `who has 192.0.2.1? tell 192.0.2.10 at 02:00:5e:00:53:01`; each operation has its own text.
impl fmt::Display for Arp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sender_mac, sender_ip, target_mac, target_ip, .. } = self;
        if let Err(error) = self.validate() {
            return write!(f, "{}", error.rule);
        }
        match self.operation.get() {
            1 if sender_ip.is_unspecified() => write!(f, "who has {target_ip}? probe by {sender_mac}"),
            1 if sender_ip == target_ip => write!(f, "announcement of {sender_ip} at {sender_mac}"),
            1 => write!(f, "who has {target_ip}? tell {sender_ip} at {sender_mac}"),
            2 => write!(f, "{sender_ip} is at {sender_mac}"),
            3 => write!(f, "who is {target_mac}? tell {sender_mac}"),
            4 => write!(f, "{target_mac} is {target_ip}, says {sender_ip} at {sender_mac}"),
            other => write!(f, "operation {other} from {sender_mac}"),
        }
    }
}

/// Writes a whole frame from the sender's MAC to `destination`. The other builders of this module call it.
///
/// # Errors
/// [`Rule::NoRoom`] if `out` has fewer than [`FRAME_LEN`] bytes.
#[inline]
pub fn write(
    destination: Mac,
    operation: Operation,
    sender: (Mac, Ipv4),
    target: (Mac, Ipv4),
    out: &mut [u8],
) -> Result<usize, Error> {
    let (frame, _) = place::<[u8; FRAME_LEN]>(out, Protocol::Arp)?;
    let ether_type = match operation {
        Operation::ReverseRequest | Operation::ReverseReply => EtherType::RARP,
        Operation::Request | Operation::Reply | Operation::Other(_) => EtherType::ARP,
    };
    let [sender_ip, target_ip] = [sender.1, target.1].map(|ip| u64::from(u32::from_le_bytes(ip.0)));
    let addresses = [mac_word(&destination), mac_word(&sender.0), sender_ip, mac_word(&target.0), target_ip];
    store(ether_type, operation.value(), addresses, frame);
    Ok(FRAME_LEN)
}

/// Stores the frame in words of up to 8 bytes; the last word overlaps the one before. That is half as many stores as
/// there are fields, and stores limit the speed here.
#[inline(always)]
fn store(ether_type: EtherType, operation: u16, addresses: [u64; 5], out: &mut [u8; FRAME_LEN]) {
    let [destination, sender_mac, sender_ip, target_mac, target_ip] = addresses;
    let [high, low] = ether_type.0;
    let mut put = |at: usize, word: [u8; 8]| {
        if let Some(place) = out.get_mut(at..).and_then(|out| out.first_chunk_mut()) {
            *place = word;
        }
    };
    put(0, (destination | sender_mac << 48).to_le_bytes());
    put(6, sender_mac.to_le_bytes());
    put(12, [high, low, 0, 1, 8, 0, 6, 4]);
    put(20, (u64::from(u16::from_le_bytes(operation.to_be_bytes())) | sender_mac << 16).to_le_bytes());
    put(28, (sender_ip | target_mac << 32).to_le_bytes());
    put(34, (target_mac >> 16 | target_ip << 32).to_le_bytes());
}

#[inline(always)]
fn mac_word(Mac([a, b, c, d, e, f]): &Mac) -> u64 {
    u64::from(u32::from_le_bytes([*a, *b, *c, *d])) | u64::from(u16::from_le_bytes([*e, *f])) << 32
}

/// Writes a broadcast request for `target`, with target MAC zero (recommended by RFC 5227 §1.1).
///
/// # Errors
/// [`Rule::NoRoom`] if `out` has fewer than [`FRAME_LEN`] bytes.
#[inline]
pub fn request(sender: (Mac, Ipv4), target: Ipv4, out: &mut [u8]) -> Result<usize, Error> {
    write(Mac::BROADCAST, Operation::Request, sender, (Mac::ZERO, target), out)
}

/// Writes a unicast reply to `target`.
///
/// # Errors
/// [`Rule::NoRoom`] if `out` has fewer than [`FRAME_LEN`] bytes.
#[inline]
pub fn reply(sender: (Mac, Ipv4), target: (Mac, Ipv4), out: &mut [u8]) -> Result<usize, Error> {
    write(target.0, Operation::Reply, sender, target, out)
}

/// Writes an announcement: a broadcast request with `ip` as sender and target address (ACD-03; ARMD variant 1).
///
/// # Errors
/// [`Rule::NoRoom`] if `out` has fewer than [`FRAME_LEN`] bytes.
#[inline]
pub fn announcement(mac: Mac, ip: Ipv4, out: &mut [u8]) -> Result<usize, Error> {
    write(Mac::BROADCAST, Operation::Request, (mac, ip), (Mac::ZERO, ip), out)
}

/// Writes a broadcast reply with `ip` as sender and target address (ACD-09: legal, not for general use; ARMD variant
/// 2).
///
/// # Errors
/// [`Rule::NoRoom`] if `out` has fewer than [`FRAME_LEN`] bytes.
#[inline]
pub fn announcement_reply(mac: Mac, ip: Ipv4, out: &mut [u8]) -> Result<usize, Error> {
    write(Mac::BROADCAST, Operation::Reply, (mac, ip), (mac, ip), out)
}

/// Writes a probe: a broadcast request for `target` from 0.0.0.0 (ACD-01).
///
/// # Errors
/// [`Rule::NoRoom`] if `out` has fewer than [`FRAME_LEN`] bytes.
#[inline]
pub fn probe(mac: Mac, target: Ipv4, out: &mut [u8]) -> Result<usize, Error> {
    write(Mac::BROADCAST, Operation::Request, (mac, Ipv4::UNSPECIFIED), (Mac::ZERO, target), out)
}

/// Writes a RARP request for the sender's own address, as most hypervisors announce a MAC (RFC 903; ARMD variant 3).
///
/// # Errors
/// [`Rule::NoRoom`] if `out` has fewer than [`FRAME_LEN`] bytes.
#[inline]
pub fn rarp_request(mac: Mac, out: &mut [u8]) -> Result<usize, Error> {
    let own = (mac, Ipv4::UNSPECIFIED);
    write(Mac::BROADCAST, Operation::ReverseRequest, own, own, out)
}

/// Writes a RARP reply to the requester. `target` is the MAC in question and its address (RARP-03).
///
/// # Errors
/// [`Rule::NoRoom`] if `out` has fewer than [`FRAME_LEN`] bytes.
#[inline]
pub fn rarp_reply(requester: Mac, responder: (Mac, Ipv4), target: (Mac, Ipv4), out: &mut [u8]) -> Result<usize, Error> {
    write(requester, Operation::ReverseReply, responder, target, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    const MAC: Mac = Mac([2, 0, 0x5e, 0, 0x53, 1]);
    const IP: Ipv4 = Ipv4([192, 0, 2, 10]);

    fn body(change: impl FnOnce(&mut Arp)) -> Arp {
        let mut frame = [0; FRAME_LEN];
        announcement(MAC, IP, &mut frame).unwrap();
        let mut arp = *Arp::parse(&frame[14..]).unwrap().0;
        change(&mut arp);
        arp
    }

    /// Checks ARP-02.
    #[test]
    fn other_types_and_lengths_are_refused() {
        let rule = |change: fn(&mut Arp)| body(change).validate().unwrap_err().rule;

        assert_eq!(body(|_| {}).validate(), Ok(()));
        assert_eq!(rule(|arp| arp.hardware = U16::new(6)), Rule::HardwareType(6));
        assert_eq!(rule(|arp| arp.protocol = U16::new(0x86dd)), Rule::ProtocolType(0x86dd));
        assert_eq!(rule(|arp| arp.hardware_len = 8), Rule::AddressLengths { hardware: 8, protocol: 4 });
        assert_eq!(rule(|arp| arp.protocol_len = 16), Rule::AddressLengths { hardware: 6, protocol: 16 });
    }

    /// Checks ARP-02.
    #[test]
    fn a_frame_is_judged_as_its_body_is_and_by_its_ether_type() {
        let verdict = |change: fn(&mut Frame)| {
            let mut bytes = [0; FRAME_LEN];
            rarp_request(MAC, &mut bytes).unwrap();
            let mut frame = *Frame::parse(&bytes).unwrap().0;
            change(&mut frame);
            frame.validate().map_err(|e| (e.offset, e.rule))
        };

        assert_eq!(verdict(|_| {}), Ok(()));
        assert_eq!(verdict(|frame| frame.ethernet.ether_type = EtherType::ARP), Ok(()));
        assert_eq!(verdict(|frame| frame.ethernet.ether_type = EtherType::IPV4), Err((0, Rule::NotArp(0x0800))));
        assert_eq!(verdict(|frame| frame.arp.hardware = U16::new(6)), Err((14, Rule::HardwareType(6))));
        assert!(Frame::parse(&[0; FRAME_LEN - 1]).is_err());
    }

    /// Checks ARP-02.
    #[test]
    fn truncated_body_is_an_error_at_every_length() {
        for length in 0..28 {
            let error = Arp::parse(&[0; 28][..length]).unwrap_err();
            assert_eq!(error.rule, Rule::Truncated { needed: 28, available: length });
        }
    }

    /// Checks ARP-04.
    #[test]
    fn forbidden_senders_are_not_learnable() {
        let rule = |change: fn(&mut Arp)| {
            let arp = body(change);
            arp.learnable(&arp.sender_mac).unwrap_err().rule
        };

        assert_eq!(body(|_| {}).learnable(&MAC), Ok(()));
        for address in [[0, 0, 0, 0], [255, 255, 255, 255], [224, 0, 0, 1], [239, 255, 255, 255]] {
            let arp = body(|arp| arp.sender_ip = Ipv4(address));
            assert_eq!(arp.learnable(&MAC).unwrap_err().rule, Rule::SenderIp(Ipv4(address)));
        }
        assert_eq!(rule(|arp| arp.sender_mac = Mac::ZERO), Rule::SenderMac(Mac::ZERO));
        assert_eq!(rule(|arp| arp.sender_mac = Mac::BROADCAST), Rule::SenderMac(Mac::BROADCAST));
        assert_eq!(rule(|arp| arp.sender_mac.0[0] |= 1), Rule::SenderMac(Mac([3, 0, 0x5e, 0, 0x53, 1])));
        let other = Mac([2, 0, 0, 0, 0, 9]);
        let error = body(|_| {}).learnable(&other).unwrap_err();
        assert_eq!(error.rule, Rule::SenderNotSource { sender: MAC, source_mac: other });
    }

    /// Checks RARP-04.
    #[test]
    fn rarp_has_a_request_and_a_reply_but_no_refusal() {
        let known =
            |operation: &u16| body(|arp| arp.operation = U16::new(*operation)).operation(EtherType::RARP).is_ok();

        assert!((0..=u16::MAX).filter(known).eq([3, 4]));
    }

    /// Checks ARP-05.
    #[test]
    fn operations_belong_to_their_ether_type() {
        for (ether_type, valid) in [(EtherType::ARP, [1, 2]), (EtherType::RARP, [3, 4])] {
            for operation in [0, 1, 2, 3, 4, 5, 0xffff] {
                let arp = body(|arp| arp.operation = U16::new(operation));
                match arp.operation(ether_type) {
                    Ok(known) => assert!(valid.contains(&known.value()) && known.value() == operation),
                    Err(error) => {
                        assert!(!valid.contains(&operation));
                        assert_eq!(error.rule, Rule::Operation(operation));
                    }
                }
            }
        }
    }

    #[test]
    fn the_text_form_shows_question_or_answer() {
        let line = |operation, sender_ip| {
            body(|arp| {
                arp.operation = U16::new(operation);
                arp.sender_ip = sender_ip;
                arp.target_mac = Mac([2, 0, 0, 0, 0, 9]);
            })
            .to_string()
        };
        let other = Ipv4([192, 0, 2, 1]);

        assert_eq!(line(1, other), "who has 192.0.2.10? tell 192.0.2.1 at 02:00:5e:00:53:01");
        assert_eq!(line(1, IP), "announcement of 192.0.2.10 at 02:00:5e:00:53:01");
        assert_eq!(line(1, Ipv4::UNSPECIFIED), "who has 192.0.2.10? probe by 02:00:5e:00:53:01");
        assert_eq!(line(2, other), "192.0.2.1 is at 02:00:5e:00:53:01");
        assert_eq!(line(3, other), "who is 02:00:00:00:00:09? tell 02:00:5e:00:53:01");
        assert_eq!(line(4, other), "02:00:00:00:00:09 is 192.0.2.10, says 192.0.2.1 at 02:00:5e:00:53:01");
        assert_eq!(line(9, other), "operation 9 from 02:00:5e:00:53:01");
        assert_eq!(body(|arp| arp.hardware = U16::new(6)).to_string(), "hardware type 6 is not Ethernet (1)");
    }

    #[test]
    fn a_short_buffer_is_refused() {
        let error = probe(MAC, IP, &mut [0; 41]).unwrap_err();

        assert_eq!(error.rule, Rule::NoRoom { needed: 42, available: 41 });
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(to: [u8; 6], sender: ([u8; 6], [u8; 4]), target: ([u8; 6], [u8; 4]), op in 1u16..5) {
            let (sender, target) = ((Mac(sender.0), Ipv4(sender.1)), (Mac(target.0), Ipv4(target.1)));
            let operation = [Operation::Request, Operation::Reply, Operation::ReverseRequest, Operation::ReverseReply]
                [usize::from(op) - 1];
            let mut out = [0xa5; FRAME_LEN + 18];

            prop_assert_eq!(write(Mac(to), operation, sender, target, &mut out), Ok(FRAME_LEN));

            let frame = ethernet::Frame::parse(&out).unwrap();
            let (arp, padding) = Arp::parse(frame.payload).unwrap();
            prop_assert_eq!((frame.header.destination, frame.header.source), (Mac(to), sender.0));
            prop_assert_eq!((*arp, arp.validate()), (Arp::new(operation, sender, target), Ok(())));
            prop_assert_eq!(arp.operation(frame.ether_type()), Ok(operation));
            prop_assert_eq!((arp.sender_mac, arp.sender_ip), sender);
            prop_assert_eq!((arp.target_mac, arp.target_ip), target);
            prop_assert_eq!(padding, [0xa5; 18]);
        }
    }
}
