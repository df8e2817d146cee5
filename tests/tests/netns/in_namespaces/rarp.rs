use super::world::{Setting, done, setting, wait};
use nvo3_tests::netns::{Family, Overlay, Station, VNI, open_tap};
use nvo3_wire::{EtherType, Mac, arp};
use std::time::{Duration, Instant};
use tun_rs::SyncDevice;

/// The address in the next RARP answer at a tap, and the server's.
fn rarp_answer(tap: &SyncDevice) -> Option<([u8; 4], [u8; 4])> {
    let deadline = Instant::now() + Duration::from_secs(2);
    let mut frame = [0; 2_048];
    while Instant::now() < deadline {
        match tap.recv(&mut frame) {
            Ok(length) if length >= arp::FRAME_LEN && frame[12..14] == EtherType::RARP.0 => {
                let (arp, _) = arp::Arp::parse(&frame[14..]).unwrap();
                assert_eq!(arp.operation(EtherType::RARP), Ok(arp::Operation::ReverseReply));
                return Some((arp.target_ip.0, arp.sender_ip.0));
            }
            Ok(_) => {}
            Err(_) => wait(5),
        }
    }
    None
}

fn ask(tap: &SyncDevice, mac: Mac) -> Option<([u8; 4], [u8; 4])> {
    let mut frame = [0; arp::FRAME_LEN];
    let length = arp::rarp_request(mac, &mut frame).unwrap();
    tap.send(&frame[..length]).unwrap();
    rarp_answer(tap)
}

/// A client without a disk starts at host 1, where its address is listed. Its host dies, and it starts at host 2, where it is not.
///
/// Checks VMM-4.2-14, VMM-4.2-15, VMM-4.2-16, VMM-4.2-18.
#[test]
fn a_client_without_a_disk_keeps_its_address_when_it_starts_elsewhere() {
    let Some(Setting { correspondent, fabric, vm: _vm, one: _one }) = setting() else { return };
    let client = Station::new(20);
    let taps = [1, 2].map(|host| open_tap(fabric.host(host), "dc0", None));
    let mut overlay = Overlay::new(fabric, Family::V4);
    overlay.port(1, "dc0", &client, "rarp-server=192.168.77.1");
    overlay.port(3, "cp0", &correspondent.station, "active");
    overlay.start();

    assert_eq!(ask(&taps[0], client.mac), Some(([192, 168, 77, 20], [192, 168, 77, 1])));
    overlay.kill_nved(1);
    done(&overlay.nvoctl("nvad", &["fence", "1"]));
    let spec = format!("dc0,vni={VNI},mac={},learn=1,rarp-server=0.0.0.0", client.mac);
    done(&overlay.nvoctl("h2", &["attach", &spec]));

    assert_eq!(ask(&taps[1], client.mac), Some(([192, 168, 77, 20], [0, 0, 0, 0])));
    let mut ping = correspondent.namespace.command("ping");
    ping.args(["-q", "-c", "3", "-i", "0.5", "-W", "1", "192.168.77.20"]).output().unwrap();
    let mut neighbors = correspondent.namespace.command("ip");
    let neighbors = neighbors.args(["neigh", "show", "192.168.77.20"]).output().unwrap();
    let neighbors = String::from_utf8(neighbors.stdout).unwrap();
    assert!(neighbors.contains(&client.mac.to_string()), "{neighbors}");

    let stranger = Station::new(21);
    done(&overlay.nvoctl("h2", &["detach", "dc0"]));
    let spec = format!("dc0,vni={VNI},mac={},learn=1,rarp-server=0.0.0.0", stranger.mac);
    done(&overlay.nvoctl("h2", &["attach", &spec]));
    assert_eq!(ask(&taps[1], stranger.mac), None, "nobody has an address for it");
    overlay.terminate();
}
