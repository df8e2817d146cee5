//! Answers ARP requests and Neighbor Solicitations for a table of addresses: a frame in hex per line, in and out.

use nvo3_wire::announce::{Kind, Solicited, classify};
use nvo3_wire::{Error, Ipv4, Ipv6, Mac, arp, ethernet, nd};
use std::io::BufRead;

/// Who has which address.
struct Table {
    v4: Vec<(Ipv4, Mac)>,
    v6: Vec<(Ipv6, Mac)>,
}

impl Table {
    /// Writes the answer to a frame that asks for an address of the table; its length.
    fn answer(&self, frame: &[u8], out: &mut [u8]) -> Result<Option<usize>, Error> {
        if ethernet::Frame::parse(frame)?.tag.is_some() {
            return Ok(None); // another network than the table's
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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mac: Mac = "02:00:5e:00:53:01".parse()?;
    let v6 = "2001:db8::10".parse::<std::net::Ipv6Addr>()?.into();
    let table = Table { v4: vec![(Ipv4([192, 0, 2, 10]), mac)], v6: vec![(v6, mac)] };
    let mut out = [0; nd::FRAME_LEN];
    for line in std::io::stdin().lock().lines() {
        let octets = line?.into_bytes();
        let octets =
            octets.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair)?, 16).map_err(Into::into));
        let frame = octets.collect::<Result<Vec<u8>, Box<dyn std::error::Error>>>()?;
        match table.answer(&frame, &mut out) {
            Ok(Some(length)) => println!("{}", out.iter().take(length).map(|b| format!("{b:02x}")).collect::<String>()),
            Ok(None) => println!("no answer"),
            Err(error) => println!("ignored: {error}"),
        }
    }
    Ok(())
}
