//! Captures: the tenant's to play, the links' to keep.

use nvo3_mobility::sim::{Capture, LinkType};
use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::{Block, PcapNgReader, PcapNgWriter};
use std::error::Error;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

/// Nanoseconds, as `pcap-file` writes its timestamps.
const NANOSECONDS: u8 = 9;

/// The Ethernet frames of a pcap or pcapng file, those that were captured whole.
pub(crate) fn read_frames(path: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut frames = Vec::new();
    let mut keep = |data: &[u8], original: u32| {
        if data.len() >= 14 && data.len() == original as usize {
            frames.push(data.to_vec());
        }
    };
    if bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        let mut reader = PcapNgReader::new(bytes.as_slice())?;
        while let Some(block) = reader.next_block() {
            let Block::EnhancedPacket(packet) = block? else { continue };
            let (interface, original, data) = (packet.interface_id as usize, packet.original_len, packet.data.to_vec());
            if reader.interfaces().get(interface).is_some_and(|known| known.linktype == DataLink::ETHERNET) {
                keep(&data, original);
            }
        }
    } else {
        let mut reader = PcapReader::new(bytes.as_slice())?;
        if reader.header().datalink != DataLink::ETHERNET {
            return Err(format!("{} has no Ethernet frames", path.display()).into());
        }
        while let Some(packet) = reader.next_packet() {
            let packet = packet?;
            keep(&packet.data, packet.orig_len);
        }
    }
    if frames.is_empty() {
        return Err(format!("{} has no whole Ethernet frames", path.display()).into());
    }
    Ok(frames)
}

/// One interface a link.
pub(crate) fn write_pcapng(path: &Path, capture: &Capture) -> Result<(), Box<dyn Error>> {
    let file = File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut writer = PcapNgWriter::new(BufWriter::new(file))?;
    for interface in capture.interfaces() {
        let linktype = match interface.link_type {
            LinkType::Ethernet => DataLink::ETHERNET,
            LinkType::Ip => DataLink::RAW,
        };
        let name = InterfaceDescriptionOption::IfName(interface.name.as_str().into());
        let options = vec![name, InterfaceDescriptionOption::IfTsResol(NANOSECONDS)];
        writer.write_pcapng_block(InterfaceDescriptionBlock { linktype, snaplen: 0, options })?;
    }
    for packet in capture.packets() {
        writer.write_pcapng_block(EnhancedPacketBlock {
            interface_id: u32::try_from(packet.interface)?,
            timestamp: Duration::from_micros(packet.at.0),
            original_len: u32::try_from(packet.bytes.len())?,
            data: packet.bytes.as_slice().into(),
            options: Vec::new(),
        })?;
    }
    Ok(())
}
