//! Writes the frames and messages of the links to a pcapng file.

use nvo3_mobility::sim::{Capture, LinkType};
use pcap_file::DataLink;
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

/// The unit of the timestamps that `pcap-file` writes: nanoseconds, as a power of ten.
const NANOSECONDS: u8 = 9;

/// Writes a capture to a file, with one interface for each link. An error names the file.
pub(crate) fn write_pcapng(path: &Path, capture: &Capture) -> Result<(), Box<dyn Error>> {
    write(path, capture).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn write(path: &Path, capture: &Capture) -> Result<(), Box<dyn Error>> {
    let mut writer = PcapNgWriter::new(BufWriter::new(File::create(path)?))?;
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
