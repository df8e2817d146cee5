//! A stateless responder: answers ARP requests and neighbor solicitations for a table of addresses.
//!
//! ```sh
//! cargo run -p nvo3-wire --example responder                # answers four built-in questions
//! cargo run -p nvo3-wire --example responder -- FILE.pcap   # answers the questions of a capture
//! ```
//!
//! Prints each question, and the answer under it. An NVE with such a table need not flood the questions of its VMs.

#[path = "dissect/capture.rs"]
#[allow(dead_code)] // the example `dissect` uses all of it
mod capture;
#[path = "common/say.rs"]
mod say;

use nvo3_wire::announce::{Kind, Solicited, classify};
use nvo3_wire::dissect::{self, Dissect};
use nvo3_wire::{Error, Ipv4, Ipv6, Mac, arp, ethernet, nd};
use say::say;

/// The MAC of each address.
pub(crate) struct Table {
    pub(crate) v4: Vec<(Ipv4, Mac)>,
    pub(crate) v6: Vec<(Ipv6, Mac)>,
}

impl Table {
    /// Writes the answer to `frame` into `out` and returns its length. `None` if the frame does not ask for the table.
    pub(crate) fn answer(&self, frame: &[u8], out: &mut [u8]) -> Result<Option<usize>, Error> {
        if ethernet::Frame::parse(frame)?.tag.is_some() {
            return Ok(None); // a VLAN is another network than the table's
        }
        match classify(frame)? {
            Kind::ArpRequest(asked, _) | Kind::ArpProbe(asked) => {
                let owner = self.v4.iter().find(|(ip, mac)| *ip == asked.target_ip && *mac != asked.sender_mac);
                let Some((ip, mac)) = owner else { return Ok(None) };
                arp::reply((*mac, *ip), (asked.sender_mac, asked.sender_ip), out).map(Some)
            }
            Kind::DadNs(asked) | Kind::ResolutionNs(asked) | Kind::UnicastNs(asked) => self.advertise(&asked, out),
            _ => Ok(None),
        }
    }

    fn advertise(&self, asked: &Solicited<'_>, out: &mut [u8]) -> Result<Option<usize>, Error> {
        let asker = *asked.source_link.unwrap_or(asked.ethernet_source);
        let owner = self.v6.iter().find(|(ip, mac)| *ip == asked.body.target && *mac != asker);
        let Some((ip, mac)) = owner else { return Ok(None) };
        nd::advertisement(&nd::Advertise::answer(*mac, *ip, (asker, asked.ip.source)), out).map(Some)
    }
}

/// The questions without a capture. The last one asks for an address that the table does not have.
fn questions() -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    let (asker, v4, v6) = (Mac([2, 0, 0, 0, 0, 9]), Ipv4([192, 0, 2, 9]), "2001:db8::9".parse()?);
    let build = |write: &dyn Fn(&mut [u8]) -> Result<usize, Error>| {
        let mut frame = vec![0; nd::FRAME_LEN];
        let length = write(&mut frame)?;
        frame.truncate(length);
        Ok::<_, Error>(frame)
    };
    let target = "2001:db8::10".parse()?;
    Ok(vec![
        build(&|out| arp::request((asker, v4), Ipv4([192, 0, 2, 10]), out))?,
        build(&|out| nd::solicitation(&nd::Solicit::resolve(asker, v6, target), out))?,
        build(&|out| nd::dad(asker, target, None, out))?,
        build(&|out| arp::request((asker, v4), Ipv4([192, 0, 2, 99]), out))?,
    ])
}

/// The text of the innermost layer.
fn line(frame: &[u8]) -> String {
    let layers = Dissect::new(frame).flatten().filter(|found| found.kind() != dissect::Kind::Payload);
    layers.last().map_or("no layer".into(), |found| found.layer.to_string())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mac: Mac = "02:00:5e:00:53:01".parse()?;
    let table = Table { v4: vec![(Ipv4([192, 0, 2, 10]), mac)], v6: vec![("2001:db8::10".parse()?, mac)] };
    let frames = match std::env::args().nth(1) {
        Some(file) => capture::read(file.as_ref())?.into_iter().map(|frame| frame.data).collect(),
        None => questions()?,
    };
    let mut out = [0; nd::FRAME_LEN];
    for (number, frame) in (1..).zip(&frames) {
        say!("{number}: {}", line(frame));
        match table.answer(frame, &mut out) {
            Ok(Some(length)) => say!("   answer: {}", line(out.get(..length).unwrap_or_default())),
            Ok(None) => say!("   no answer"),
            Err(error) => say!("   ignored: {error}"),
        }
    }
    Ok(())
}
