//! Frames of a capture file, and the start of a walk for each link type.

use nvo3_wire::EtherType;
use nvo3_wire::dissect::Dissect;
use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use std::error::Error;
use std::fs;
use std::path::Path;

/// The type of the first block of a pcapng file.
const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// A frame with the link type of its interface.
pub(crate) struct Captured {
    pub(crate) link: u32,
    pub(crate) data: Vec<u8>,
    /// The length of the frame as it was sent.
    pub(crate) original: usize,
}

/// All frames of a pcap or pcapng file in order.
pub(crate) fn read(file: &Path) -> Result<Vec<Captured>, Box<dyn Error>> {
    let bytes = fs::read(file)?;
    if bytes.starts_with(&SECTION) { next_generation(&bytes) } else { classic(&bytes) }
}

fn classic(bytes: &[u8]) -> Result<Vec<Captured>, Box<dyn Error>> {
    let mut reader = PcapReader::new(bytes)?;
    let link = link_type(reader.header().datalink);
    let mut frames = Vec::new();
    while let Some(packet) = reader.next_raw_packet() {
        let packet = packet?;
        frames.push(Captured { link, original: packet.orig_len as usize, data: packet.data.into_owned() });
    }
    Ok(frames)
}

/// The link type alone. The upper half of the field can say that frames end with a checksum.
fn link_type(field: DataLink) -> u32 {
    u32::from(field) & 0xffff
}

fn next_generation(bytes: &[u8]) -> Result<Vec<Captured>, Box<dyn Error>> {
    let mut reader = PcapNgReader::new(bytes)?;
    let mut links: Vec<u32> = Vec::new();
    let mut frames = Vec::new();
    while let Some(block) = reader.next_block() {
        let (interface, data, original) = match block? {
            Block::SectionHeader(_) => {
                links.clear();
                continue;
            }
            Block::InterfaceDescription(interface) => {
                links.push(link_type(interface.linktype));
                continue;
            }
            Block::EnhancedPacket(packet) => {
                (packet.interface_id as usize, packet.data.into_owned(), packet.original_len)
            }
            Block::SimplePacket(packet) => (0, packet.data.into_owned(), packet.original_len),
            Block::Packet(packet) => (packet.interface_id.into(), packet.data.into_owned(), packet.original_len),
            _ => continue,
        };
        let link = *links.get(interface).ok_or("a packet of an interface that was not described")?;
        frames.push(Captured { link, data, original: original as usize });
    }
    Ok(frames)
}

/// The walk over a frame, and the number of bytes of another link layer in front of it. `None` for an unknown link
/// type.
pub(crate) fn start(frame: &Captured) -> Option<(Dissect<'_>, usize)> {
    let data = frame.data.as_slice();
    let behind = |header: usize| data.get(header..).unwrap_or_default();
    let ether_type = |at: usize| data.get(at..at + 2).and_then(|field| field.try_into().ok()).map(EtherType);
    match frame.link {
        1 => Some((Dissect::new(data), 0)),
        12 | 14 | 101 => Some((Dissect::ip(data), 0)),
        228 => Some((Dissect::carried(EtherType::IPV4, data), 0)),
        229 => Some((Dissect::carried(EtherType::IPV6, data), 0)),
        0 | 108 => {
            // The family is a small number in the byte order of the capturing machine.
            let family = data.first_chunk::<4>().map(|bytes| bytes.iter().fold(0, |all, byte| all | byte))?;
            let carried = if family == 2 { EtherType::IPV4 } else { EtherType::IPV6 };
            matches!(family, 2 | 10 | 24 | 28 | 30).then(|| (Dissect::carried(carried, behind(4)), 4))
        }
        113 => Some((Dissect::carried(ether_type(14)?, behind(16)), 16)),
        276 => Some((Dissect::carried(ether_type(0)?, behind(20)), 20)),
        _ => None,
    }
}
