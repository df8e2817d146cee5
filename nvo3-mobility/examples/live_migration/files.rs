//! The files that are read, and errors that name a file.

use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use std::error::Error;
use std::fs;
use std::path::Path;

/// An error about a file, with the file's name.
pub(crate) fn named(path: &Path, error: impl Into<Box<dyn Error>>) -> Box<dyn Error> {
    format!("{}: {}", path.display(), error.into()).into()
}

/// The Ethernet frames of a pcap or pcapng file, those that were captured whole.
pub(crate) fn read_frames(path: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    read(path).map_err(|error| named(path, error))
}

fn read(path: &Path) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let bytes = fs::read(path)?;
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
            return Err("its link type is not Ethernet".into());
        }
        while let Some(packet) = reader.next_packet() {
            let packet = packet?;
            keep(&packet.data, packet.orig_len);
        }
    }
    if frames.is_empty() {
        return Err("it has no Ethernet frame that was captured whole".into());
    }
    Ok(frames)
}
