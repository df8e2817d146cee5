//! Sends a VM's gratuitous ARP into an edge and reads the edge's first message to its NVA, with the packed crates.

use nvo3_mobility::Transport;
use nvo3_mobility::edge::{Edge, Next, Peer};
use nvo3_mobility::forwarder::{Forwarder, ForwarderConfig};
use nvo3_mobility::nve::{Input, Nve, NveConfig};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Instant, Locators, Message, NveId, Place, Role, Tsi, TsiKey};
use nvo3_wire::{Ipv4, Mac, Vni, announce, arp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
    let key = TsiKey { vn: Vni::new(5001).ok_or("a VNI has 24 bits")?, mac: Mac([2, 0, 0, 0, 0, 1]) };
    let ip = Ipv4([192, 0, 2, 10]);
    let tsis = vec![Tsi { key, ips: vec!["192.0.2.10".parse()?], role: Role::Unknown }];
    let nve = Nve::new(NveConfig::new(place, Transport::Trusted), 0x5eed)?;
    let mut edge = Edge::new(nve, Forwarder::new(ForwarderConfig::new(place.locators), 0x5eed)?);

    edge.tell(Instant(0), Input::Connect)?;
    edge.tell(Instant(0), Input::Attach { vap: VapId(1), vn: key.vn, tsis, policy: PortPolicy::untrusted() })?;
    edge.tell(Instant(0), Input::Activate { key, move_id: None })?;
    let mut frame = [0; arp::FRAME_LEN];
    arp::announcement(key.mac, ip, &mut frame)?;
    assert!(matches!(announce::classify(&frame)?, announce::Kind::GratuitousRequest(_)));
    edge.frame(Instant(0), VapId(1), &frame);

    let mut buffer = Vec::new();
    loop {
        match edge.poll(Instant(0), &mut |_| true, &mut buffer) {
            Next::Datagram(Peer::Nva) => break,
            Next::Wait(_) => return Err("the edge says nothing to its NVA".into()),
            _ => {}
        }
    }
    let (_, Message::Hello(hello)) = Message::decode(&buffer)? else { return Err("not a Hello".into()) };
    assert_eq!(hello.place, place);
    println!("the packed crates work: {} bytes of Hello from NVE {}", buffer.len(), hello.place.nve.0);
    Ok(())
}
