//! RARP: the IPv4 address of a station that does not know it (RFC 903, VMM-4.2-13 … VMM-4.2-18).
//!
//! This NVE is the server of the stations at a port whose policy says so. A station that starts here without an address may have had one,
//! at another NVE or before this one restarted. A claim without that address would take it away. So the NVA is asked for it as soon as the
//! station is attached, and again when it asks; its claim waits for the answer, which always comes. RARP has no word for "no": a request
//! for a MAC without an address gets no answer (RARP-04).

use super::Nve;
use crate::nve::io::Handled;
use crate::nve::proxy::{Asked, Asker, Reading};
use crate::table::VapId;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use nvo3_nva_proto::{Address, TsiKey};

impl Nve {
    /// Takes a RARP request at a port of which this NVE is the server. A request of a station for its own address also shows where the
    /// station is, as from a hypervisor after a move, and goes on (VMM-4.2-17).
    pub(super) fn hear_reverse(&mut self, vap: VapId, key: TsiKey, asker: Asker, frame: &Reading<'_>) -> Handled {
        let announces = frame.is_announcement();
        if !(if announces { self.may_announce(vap) } else { self.may_ask(vap) }) {
            return Handled::Taken;
        }
        match self.reverse(&key) {
            Some(ip) => self.reply_reverse(key, ip, asker),
            None => match self.proxy.ask_reverse(&key, asker, &mut self.counters) {
                Asked::Waits => {
                    let address = Address::Mac(key.mac);
                    if !self.ask(key.vn, address, Some(vap)) {
                        self.proxy.give_up(key.vn, address);
                    }
                }
                Asked::NoShare => self.no_share(vap),
                Asked::Taken | Asked::ByItself => {}
            },
        }
        if announces {
            self.announced(vap, key, frame);
            return Handled::Pass;
        }
        Handled::Taken
    }

    /// The IPv4 address of a station: if it is attached here one that it has here, else one that the NVA has for it.
    fn reverse(&self, key: &TsiKey) -> Option<Ipv4Addr> {
        if self.stations.is_attached(key) {
            return first_v4(self.stations.ips(key)?);
        }
        let (_, place) = self.mappings.get(key)?;
        place.and_then(|_| first_v4(self.mappings.ips(key)?))
    }

    fn reply_reverse(&mut self, key: TsiKey, ip: Ipv4Addr, asker: Asker) {
        if let Some(server) = self.stations.rarp_server(asker.port()) {
            self.proxy.reply_reverse((key.mac, ip), server, asker, &mut self.counters);
        }
    }

    /// A station is attached: if it has no IPv4 address and may get one, the NVA is asked for the address that it had.
    pub(super) fn recall(&mut self, vap: VapId, key: TsiKey) {
        if self.stations.lacks_address(&key) {
            self.ask(key.vn, Address::Mac(key.mac), Some(vap));
        }
    }

    /// True if the claim of a TSI must wait: the NVA is being asked for the address that the TSI had.
    pub(super) fn is_recalling(&self, key: &TsiKey) -> bool {
        self.stations.lacks_address(key) && self.mappings.transaction(key.vn, Address::Mac(key.mac)).is_some()
    }

    /// The NVA answered which addresses a TSI has in its directory.
    pub(super) fn recalled(&mut self, key: TsiKey, had: Vec<IpAddr>) {
        if self.stations.lacks_address(&key)
            && let Some(ip) = first_v4(&had)
            && let Some((vap, _)) = self.stations.reach(&key)
        {
            let learning = self.stations.learn_address(self.now, vap, key, ip.into(), &mut self.orders);
            self.learned_address(key, learning);
        }
        self.backlog.release(key);
        let ip = self.reverse(&key);
        for asker in self.proxy.take_askers(key.vn, Address::Mac(key.mac)) {
            match ip {
                Some(ip) => self.reply_reverse(key, ip, asker),
                None => self.counters.unknown_targets += 1,
            }
        }
    }
}

fn first_v4(ips: &[IpAddr]) -> Option<Ipv4Addr> {
    ips.iter().find_map(|ip| match ip {
        IpAddr::V4(ip) => Some(*ip),
        IpAddr::V6(_) => None,
    })
}
