//! DHCP of other people's captures, compared with tcpdump's reading and with smoltcp's.
//!
//! Needs the folder `public/` of the captured vectors: `NVO3_VECTORS`, or `../shared/vectors` beside the workspace.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use nvo3_wire::{Ipv4, dhcpv4, dhcpv6, ethernet, ipv4, ipv6, udp};
use pcap_file::pcap::PcapReader;
use smoltcp::wire::{DhcpPacket, DhcpRepr};
use std::path::PathBuf;
use std::{env, fs};

/// The frames of a capture; none, with a printed reason, if it is not there.
fn frames(capture: &str) -> Vec<Vec<u8>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = PathBuf::from(env::var_os("NVO3_VECTORS").unwrap_or_else(|| default.into())).join("public");
    let Ok(file) = fs::File::open(folder.join(capture)) else {
        println!("skipped: no {capture} in {} (set NVO3_VECTORS)", folder.display());
        return Vec::new();
    };
    let mut reader = PcapReader::new(file).unwrap();
    core::iter::from_fn(|| reader.next_packet().map(|packet| packet.unwrap().data.into_owned())).collect()
}

fn text(capture: &str) -> String {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = PathBuf::from(env::var_os("NVO3_VECTORS").unwrap_or_else(|| default.into())).join("public");
    fs::read_to_string(folder.join(capture)).unwrap()
}

fn payload(frame: &[u8]) -> &[u8] {
    let link = ethernet::Link::parse(frame).unwrap();
    let packet = match ipv4::Packet::parse(link.payload) {
        Ok(packet) => packet.payload,
        Err(_) => ipv6::Packet::parse(link.payload).unwrap().payload,
    };
    udp::Datagram::parse(packet).unwrap().payload
}

#[test]
fn dhcpv6_is_read_as_tcpdump_reads_it() {
    for name in
        ["dhcpv6-ia-ta", "dhcpv6-ia-pd", "dhcpv6-ntp-server", "dhcpv6-AFTR-Name-RFC6334", "dhcpv6-rfc8415-duid-type2"]
    {
        let frames = frames(&format!("tcpdump/{name}.pcap"));
        if frames.is_empty() {
            continue;
        }
        let text = text(&format!("tcpdump/{name}.tcpdump.out"));
        let lines: Vec<_> = text.lines().filter(|line| line.contains("dhcp6 ")).collect();
        assert_eq!(lines.len(), frames.len(), "{name}");
        for (line, frame) in lines.iter().zip(&frames) {
            let read = dhcpv6::Message::parse(payload(frame)).unwrap();

            let kind = line.split("dhcp6 ").nth(1).unwrap().split(' ').next().unwrap();
            let transaction: String = read.header.transaction.iter().map(|byte| format!("{byte:02x}")).collect();
            let theirs = line.split("(xid=").nth(1).unwrap().split([' ', ')']).next().unwrap();
            let xid = u32::from_str_radix(theirs, 16).unwrap();
            assert_eq!((read.kind().name(), u32::from_str_radix(&transaction, 16)), (Some(kind), Ok(xid)));
            let in_association = line.split("(IA_NA ").skip(1).flat_map(|ia| ia.split("(IA_ADDR ").skip(1));
            let theirs: Vec<_> = in_association.map(|address| address.split(' ').next().unwrap().to_string()).collect();
            assert_eq!(read.addresses().map(|address| address.ip.to_string()).collect::<Vec<_>>(), theirs, "{line}");
            assert_eq!(read.validate(), Ok(()));
        }
    }
}

#[test]
fn dhcp_is_read_as_smoltcp_reads_it() {
    let mut kinds = Vec::new();
    for capture in ["packetnet/dhcp.pcap", "pcapplusplus/Dhcp2.pcap", "pcapplusplus/Dhcp3.pcap"] {
        for frame in frames(capture) {
            let bytes = payload(&frame);
            let read = dhcpv4::Message::parse(bytes).unwrap();
            let packet = DhcpPacket::new_checked(bytes).unwrap();
            let theirs = DhcpRepr::parse(&packet).unwrap();

            assert_eq!((read.validate(), read.header.transaction.get()), (Ok(()), theirs.transaction_id));
            assert_eq!(
                read.kind().map(u8::from),
                packet.options().find(|option| option.kind == 53).map(|option| option.data[0])
            );
            assert_eq!(read.client_mac().map(|mac| mac.0), Some(theirs.client_hardware_address.0));
            let ips = (theirs.requested_ip.map(Ipv4::from), theirs.server_identifier.map(Ipv4::from));
            assert_eq!((read.requested_ip(), read.server_id()), ips);
            assert_eq!((read.header.client_ip, read.header.your_ip), (theirs.client_ip.into(), theirs.your_ip.into()));
            kinds.push(read.to_string());
        }
    }
    println!("{kinds:#?}");
}
