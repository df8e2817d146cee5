use super::*;
use proptest::prelude::*;
use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress};
use std::string::ToString;
use std::vec::Vec;

const MAC: Mac = Mac([2, 0, 0x5e, 0, 0x53, 1]);
const IP: Ipv4 = Ipv4([192, 0, 2, 10]);
const NONE: Ipv4 = Ipv4::UNSPECIFIED;
const REQUESTED: [u8; 6] = [50, 4, 192, 0, 2, 10];
const SERVER_ID: [u8; 6] = [54, 4, 192, 0, 2, 1];

/// A client's message by the layout of RFC 2131 §2, with these options behind its type, if it has one.
fn message(kind: u8, ciaddr: Ipv4, options: &[&[u8]]) -> Vec<u8> {
    let head = [1, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0];
    let kind = [53, 1, kind];
    let kind = if kind[2] == 0 { &[][..] } else { &kind };
    let addresses = [&ciaddr.0[..], &[0; 12], &MAC.0, &[0; 10]].concat();
    [&head, &addresses[..], &[0; 192], &[0x63, 0x82, 0x53, 0x63], kind, &options.concat(), &[255]].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    let message = Message::parse(bytes).unwrap();
    assert_eq!(message.validate(), Ok(()));
    message
}

#[test]
fn a_client_wants_the_address_that_its_state_names_and_gives_up_the_one_that_it_says() {
    let (wants, gives_up, neither) = ((Some(IP), None), (None, Some(IP)), (None, None));
    let (requested, server) = (&REQUESTED[..], &SERVER_ID[..]);
    #[rustfmt::skip]
    let table = [
        ("SELECTING (RFC 2131 §4.3.2)",  message(3, NONE, &[requested, server]), wants),
        ("INIT-REBOOT",                  message(3, NONE, &[requested]),         wants),
        ("RENEWING or REBINDING",        message(3, IP, &[]),                    wants),
        ("RENEWING that names a server", message(3, IP, &[server]),              neither),
        ("a request with both",          message(3, IP, &[requested]),           neither),
        ("a request with none",          message(3, NONE, &[]),                  neither),
        ("a discover",                   message(1, NONE, &[requested]),         neither),
        ("an inform",                    message(8, IP, &[]),                    neither),
        ("a decline (table 5)",          message(4, NONE, &[requested, server]), gives_up),
        ("a decline with ciaddr",        message(4, IP, &[requested]),           neither),
        ("a release (table 5)",          message(7, IP, &[server]),              gives_up),
        ("a release of another address", message(7, IP, &[requested]),           neither),
        ("BOOTP",                        message(0, IP, &[]),                    neither),
    ];

    for (name, bytes, (wanted, given_up)) in table {
        let read = Message::parse(&bytes).unwrap();

        assert_eq!((read.wanted(), read.given_up()), (wanted, given_up), "{name}");
        let mut from_server = bytes.clone();
        from_server[0] = FROM_SERVER;
        let read = Message::parse(&from_server).unwrap();
        assert_eq!((read.wanted(), read.given_up()), neither, "{name}, but a reply");
    }
}

#[test]
fn options_in_the_fields_file_and_sname_are_read_where_option_52_says_so() {
    let overloaded = |which: u8| {
        let mut bytes = message(3, NONE, &[&[52, 1, which]]);
        bytes[44..51].copy_from_slice(&[54, 4, 192, 0, 2, 1, 255]);
        bytes[108..115].copy_from_slice(&[50, 4, 192, 0, 2, 10, 255]);
        bytes
    };

    for (which, requested, server) in [(1, true, false), (2, false, true), (3, true, true)] {
        let bytes = overloaded(which);
        let read = read(&bytes);
        assert_eq!((read.requested_ip().is_some(), read.server_id().is_some()), (requested, server), "{which}");
    }
    let both = overloaded(3);
    assert_eq!(read(&both).options.iter().map(|option| option.code).collect::<Vec<_>>(), [53, 52, 50, 54]);
    let neither = message(3, NONE, &[]);
    assert_eq!(read(&neither).requested_ip(), None);
}

/// The error of `parse`, and else of `validate`.
fn broken(bytes: &[u8]) -> (usize, Rule) {
    let error = Message::parse(bytes).and_then(|message| message.validate()).unwrap_err();
    assert_eq!(error.protocol, Protocol::Dhcpv4);
    (error.offset, error.rule)
}

#[test]
fn an_error_says_where_and_why() {
    let changed = |at: usize, byte: u8| {
        let mut bytes = message(3, NONE, &[&REQUESTED]);
        bytes[at] = byte;
        bytes
    };
    let with = |options: &[&[u8]]| message(3, NONE, options);
    let mut in_sname = with(&[&[52, 1, 2]]);
    in_sname[105..108].copy_from_slice(&[50, 9, 1]);
    #[rustfmt::skip]
    let table = [
        (changed(0, 1)[..239].to_vec(),      0,   Rule::Truncated { needed: 240, available: 239 }),
        (changed(239, 0),                    236, Rule::Cookie(0x6382_5300)),
        (changed(1, 6),                      1,   Rule::HardwareType(6)),
        (changed(2, 16),                     2,   Rule::Length(16)),
        (changed(244, 5)[..249].to_vec(),    243, Rule::OptionTruncated { kind: 50, needed: 7, available: 6 }),
        (with(&[])[..241].to_vec(),          240, Rule::OptionTruncated { kind: 53, needed: 2, available: 1 }),
        (in_sname,                           105, Rule::OptionTruncated { kind: 50, needed: 11, available: 3 }),
        (with(&[&[52, 1, 4]]),               243, Rule::Overload(4)),
        (with(&[&[52, 2, 1, 1]]),            243, Rule::OptionLength { kind: 52, length: 2 }),
        (with(&[&[50, 3, 192, 0, 2]]),       243, Rule::OptionLength { kind: 50, length: 3 }),
        (with(&[&[53, 1, 7]]),               243, Rule::OptionTwice(53)),
        (with(&[&REQUESTED, &REQUESTED]),    249, Rule::OptionTwice(50)),
        (with(&[&[52, 1, 1], &[52, 1, 1]]),  246, Rule::OptionTwice(52)),
        (message(0, IP, &[]),                240, Rule::OptionMissing(53)),
    ];

    for (bytes, offset, rule) in table {
        assert_eq!(broken(&bytes), (offset, rule));
    }
}

#[test]
fn an_option_that_comes_twice_names_no_address() {
    let other = [50, 4, 192, 0, 2, 66];
    let bytes = message(3, NONE, &[&REQUESTED, &other]);

    assert_eq!(Message::parse(&bytes).unwrap().wanted(), None);
}

#[test]
fn the_text_names_the_client_and_its_address() {
    let line = |bytes: &[u8]| Message::parse(bytes).unwrap().to_string();
    let mut ack = message(5, NONE, &[&SERVER_ID]);
    ack[0] = FROM_SERVER;
    ack[16..20].copy_from_slice(&IP.0);

    assert_eq!(line(&message(3, NONE, &[&REQUESTED])), "DHCP request by 02:00:5e:00:53:01 for 192.0.2.10");
    assert_eq!(line(&message(1, NONE, &[])), "DHCP discover by 02:00:5e:00:53:01");
    assert_eq!(line(&ack), "DHCP ack by 02:00:5e:00:53:01 to have 192.0.2.10");
    assert_eq!(line(&message(0, NONE, &[])), "BOOTP by 02:00:5e:00:53:01");
}

proptest! {
    #[test]
    fn any_bytes_parse_or_fail(mut bytes in prop::collection::vec(any::<u8>(), 240..600), options in prop::collection::vec(0u8..60, 0..40)) {
        bytes[236..240].copy_from_slice(&COOKIE.to_be_bytes());
        bytes.splice(240..240, options);
        if let Ok(message) = Message::parse(&bytes) {
            let length: usize = message.options.iter().map(|option| option.data.len()).sum();
            prop_assert!(length < bytes.len() + 192);
            prop_assert!(message.wanted().is_none() || message.given_up().is_none());
            let _ = (message.validate(), message.to_string());
        }
    }

    /// smoltcp writes messages, and reads what we read.
    #[test]
    fn what_another_crate_writes_is_read(
        kind in 1u8..9,
        xid: u32,
        secs: u16,
        broadcast: bool,
        mac: [u8; 6],
        addresses: [[u8; 4]; 4],
        requested: Option<[u8; 4]>,
        server: Option<[u8; 4]>,
        list in prop::option::of(prop::collection::vec(any::<u8>(), 1..20)),
    ) {
        let [client_ip, your_ip, server_ip, relay_agent_ip] = addresses.map(Into::into);
        let theirs = DhcpRepr {
            message_type: DhcpMessageType::from(kind), transaction_id: xid, secs,
            client_hardware_address: EthernetAddress(mac), client_ip, your_ip, server_ip, router: None, subnet_mask: None,
            relay_agent_ip, broadcast, requested_ip: requested.map(Into::into), client_identifier: Some(EthernetAddress(mac)),
            server_identifier: server.map(Into::into), parameter_request_list: list.as_deref(), dns_servers: None, max_size: Some(1500),
            lease_duration: Some(7), renew_duration: None, rebind_duration: None, additional_options: &[],
        };
        let mut bytes = std::vec![0; theirs.buffer_len()];
        theirs.emit(&mut DhcpPacket::new_unchecked(&mut bytes)).unwrap();

        let ours = read(&bytes);

        let header = ours.header;
        prop_assert_eq!((header.transaction.get(), header.seconds.get(), header.flags.get() >> 15 == 1), (xid, secs, broadcast));
        prop_assert_eq!([header.client_ip, header.your_ip, header.server_ip, header.relay_ip], addresses.map(Ipv4));
        prop_assert_eq!((ours.kind(), ours.client_mac()), (Some(Kind::new(kind)), Some(Mac(mac))));
        prop_assert_eq!((ours.requested_ip(), ours.server_id()), (requested.map(Ipv4), server.map(Ipv4)));
        let theirs = DhcpPacket::new_checked(&bytes[..]).unwrap();
        let options: Vec<_> = theirs.options().map(|option| (option.kind, option.data)).collect();
        prop_assert_eq!(ours.options.iter().map(|option| (option.code, option.data)).collect::<Vec<_>>(), options);
    }
}
