//! The effects of a punted frame and of a notice of the forwarder.

use super::Nve;
use crate::fairness::{Limit, Sender};
use crate::forwarder::Notice;
use crate::forwarder::classify::Class;
use crate::nve::io::{Event, Handled};
use crate::nve::proxy::{Asked, Asker, Client, Reading};
use crate::nve::rules::{Input, News};
use crate::nve::stations::{Ended, Learning, Scanned, Taken};
use crate::table::VapId;
use core::net::IpAddr;
use nvo3_nva_proto::{Address, Instant, Role, TsiKey};
use nvo3_wire::{Mac, Vni};

impl Nve {
    /// Takes a frame that the forwarder punted: ARP, RARP, NS, NA, RA or DHCP to a server, from a port.
    pub fn handle_frame(&mut self, now: Instant, vap: VapId, frame: &[u8]) -> Handled {
        self.clock(now);
        let Some((vn, policy)) = self.stations.ingress(vap) else { return Handled::Taken };
        let trusted = policy.trusted;
        let Some(frame) = Reading::new(frame) else {
            // On a trusted port the receiver judges the frame.
            self.counters.invalid_neighbor_frames += 1;
            return if trusted && self.may_announce(vap) { Handled::Pass } else { Handled::Taken };
        };
        let question = frame.question(vap);
        if trusted {
            self.learn_tsi(vap, vn, &frame);
        }
        self.learn_addresses(vap, vn, &frame);
        let mut passes = true;
        if !trusted {
            let holds = |mac: &Mac, ip| self.stations.is_bound(vap, &TsiKey { vn, mac: *mac }, ip);
            let lie = frame.claims().find(|(mac, ip)| !holds(mac, *ip));
            let Some((_, policy)) = self.stations.ingress(vap) else { return Handled::Taken };
            match frame.judge(policy, holds) {
                Err(_) => {
                    self.counters.invalid_neighbor_frames += 1;
                    return Handled::Taken;
                }
                Ok(Class::ControlOnly) => {
                    // A probe for an address that is not bound may be answered, and goes no further.
                    if lie.is_some() || !frame.is_probe() || question.is_none() {
                        let (mac, ip) = lie.or_else(|| frame.claims().next()).unwrap_or((frame.source(), None));
                        self.alarm(vap, mac, ip);
                        return Handled::Taken;
                    }
                    passes = false;
                }
                Ok(_) => {}
            }
        }
        let sender = TsiKey { vn, mac: frame.source() };
        if self.stations.is_behind(vap, &sender) {
            self.stations.heard(&sender);
        }
        if frame.answers_prober() {
            self.shown(sender);
            return Handled::Taken;
        }
        if frame.is_in_tenant_vlan() {
            return Handled::Pass;
        }
        if let Some(client) = frame.client() {
            return if self.may_announce(vap) { self.hear_client(vap, sender, &client) } else { Handled::Taken };
        }
        if let Some((mac, asker)) = frame.reverse_question(vap)
            && self.stations.rarp_server(vap).is_some()
        {
            return self.hear_reverse(vap, TsiKey { vn, mac }, asker, &frame);
        }
        if let Some((mac, role)) = frame.role() {
            self.hear_role(vap, TsiKey { vn, mac }, role);
        }
        let allowed = match question {
            Some(_) => self.may_ask(vap),
            None => !(frame.is_announcement() || frame.is_to_group()) || self.may_announce(vap),
        };
        if !allowed {
            return Handled::Taken;
        }
        if frame.is_announcement() {
            self.announced(vap, TsiKey { vn, mac: frame.source() }, &frame);
            return Handled::Pass;
        }
        match question {
            Some((target, asker)) => {
                let handled = self.answer(vap, (vn, target), asker);
                if frame.is_probe() {
                    self.learn_probed(vap, sender, target);
                }
                if passes { handled } else { Handled::Taken }
            }
            None => Handled::Pass,
        }
    }

    /// A TSI announced that it is behind a port.
    pub(super) fn announced(&mut self, vap: VapId, key: TsiKey, frame: &Reading<'_>) {
        for ip in frame.claims().filter_map(|(mac, ip)| ip.filter(|_| mac == key.mac)) {
            match self.stations.take_shared(self.now, vap, key, ip, &mut self.orders) {
                Taken::No | Taken::Here => {}
                Taken::FromOtherPort => self.tell_news(key, None, News::Running),
                Taken::Full => self.counters.shed_tsis += 1,
            }
            let learning = self.stations.take_floating(self.now, vap, key, ip, &mut self.orders);
            self.learned_address(key, learning);
        }
        if self.stations.is_behind(vap, &key) {
            self.shown(key);
        }
    }

    /// True if a port may send one more announcement, or another frame that goes to everybody. What it may not counts.
    pub(super) fn may_announce(&mut self, vap: VapId) -> bool {
        let Err(due) = self.stations.may_announce(self.now, vap) else { return true };
        self.counters.limited_announcements += 1;
        self.tell_limited(vap, Limit::Announcements, due);
        false
    }

    /// True if a port may ask one more question. What it may not counts.
    pub(super) fn may_ask(&mut self, vap: VapId) -> bool {
        let Err(due) = self.stations.may_ask(self.now, vap) else { return true };
        self.counters.limited_questions += 1;
        self.tell_limited(vap, Limit::Questions, due);
        false
    }

    /// Takes a notice of the forwarder.
    pub fn handle_notice(&mut self, now: Instant, notice: Notice) {
        self.clock(now);
        match notice {
            Notice::Miss { vn, mac, vap } => _ = self.ask(vn, Address::Mac(mac), vap),
            Notice::Seen { key, .. } => {
                if self.stations.is_attached(&key) {
                    self.shown(key);
                }
            }
            Notice::Lie { vap, mac, ip } => {
                if let Some(event) = self.stations.alarm(self.now, vap, mac, ip) {
                    self.tell(event);
                }
            }
            Notice::Stranger { vn, from } => {
                if self.mappings.alarm(self.now, vn) {
                    self.tell(Event::Stranger { vn, from });
                }
            }
            Notice::Stale { key, from, version } => {
                let to = if self.mappings.is_member(&from) { Sender::Known(from) } else { Sender::Stranger(from) };
                self.link.hint(self.now, key, to, version, &mut self.counters);
            }
            Notice::Limited { vap, what, count } => self.tell_limited(vap, what, Some(count)),
            Notice::LimitedNve { from, what, count } => self.tell(Event::LimitedNve { from, what, count }),
        }
    }

    /// A station behind a bridge sent a frame that shows it.
    fn learn_tsi(&mut self, vap: VapId, vn: Vni, frame: &Reading<'_>) {
        if frame.is_probe() || frame.is_in_tenant_vlan() {
            return;
        }
        let key = TsiKey { vn, mac: frame.source() };
        match self.stations.learn_tsi(self.now, vap, key, frame.is_announcement(), &mut self.orders) {
            Learning::New => {
                self.counters.learned_tsis += 1;
                self.shown(key);
            }
            Learning::Full => {
                self.counters.limited_stations += 1;
                let (what, due) = self.stations.note_full(self.now, vap);
                self.tell_limited(vap, what, due);
            }
            Learning::NoRoom => self.counters.shed_tsis += 1,
            Learning::Nothing => {}
        }
    }

    /// Announces the VMs that are due at the ports that need it.
    pub(super) fn announce_due(&mut self) {
        while let Some((key, ports)) = self.stations.pop_announced(self.now) {
            let (ips, role) = (self.stations.ips(&key).unwrap_or_default(), self.stations.role(&key));
            for vap in ports {
                self.proxy.announce(vap, (key.mac, role), ips, &mut self.counters);
            }
        }
    }

    /// Asks the stations that are due in a scan, and ends those that do not answer.
    pub(super) fn go_on_with_scan(&mut self) {
        while let Some((key, scanned)) = self.stations.pop_scanned(self.now) {
            match scanned {
                Scanned::Ask(vap, ips) => {
                    ips.iter().for_each(|ip| self.proxy.probe(vap, key.mac, *ip, &mut self.counters));
                }
                Scanned::Silent => {
                    self.counters.silent_stations += 1;
                    self.tell(Event::Silent(key));
                    if !self.config.hypervisor_word_only {
                        self.step_if_it_fits(key, Input::Detach);
                    }
                }
            }
        }
    }

    /// Asks for what was learned and was not heard for long, and ends what does not answer.
    pub(super) fn age_learned(&mut self) {
        while let Some((key, aged)) = self.stations.pop_aged(self.now, &mut self.orders) {
            self.counters.aged_addresses += aged.ended;
            if aged.is_gone {
                self.counters.aged_tsis += 1;
                self.step_if_it_fits(key, Input::Detach);
                self.stations.unbind(key, &mut self.orders);
                continue;
            }
            if aged.ended > 0 {
                self.claim_new_addresses(key);
            }
            if let Some((vap, _)) = self.stations.reach(&key) {
                aged.ask.iter().for_each(|ip| self.proxy.probe(vap, key.mac, *ip, &mut self.counters));
            }
        }
    }

    /// A TSI says by its own ARP or ND which addresses it has, at a port whose policy lets it.
    fn learn_addresses(&mut self, vap: VapId, vn: Vni, frame: &Reading<'_>) {
        if frame.is_probe() || frame.is_in_tenant_vlan() {
            return;
        }
        let own = frame.claims().filter(|(mac, _)| *mac == frame.source());
        for (mac, ip) in own.filter_map(|(mac, ip)| Some((mac, ip?))) {
            self.learn_address(vap, TsiKey { vn, mac }, ip);
        }
    }

    /// A TSI asks whether it may have an address, and uses it next without another word: the temporary addresses of IPv6 do so. If nobody
    /// is known to have the address, the NVA is asked for it. If another TSI has it, the probe is answered and the NVA refuses it.
    fn learn_probed(&mut self, vap: VapId, key: TsiKey, ip: IpAddr) {
        if !self.is_of_another(&key, ip) {
            self.learn_address(vap, key, ip);
        }
    }

    /// The DHCP client of a TSI wants addresses or gives them up. Its message goes on to the server.
    fn hear_client(&mut self, vap: VapId, key: TsiKey, client: &Client<'_>) -> Handled {
        for ip in client.given_up() {
            let ended = self.stations.end_lease(self.now, vap, &key, ip, &mut self.orders);
            self.ended_lease(key, ended);
        }
        for ip in client.wanted() {
            if !self.is_of_another(&key, ip) {
                let (learning, ended) = self.stations.learn_lease(self.now, vap, key, ip, &mut self.orders);
                self.ended_lease(key, ended);
                self.learned_address(key, learning);
            }
        }
        Handled::Pass
    }

    fn ended_lease(&mut self, key: TsiKey, ended: Ended) {
        match ended {
            Ended::Yes => self.claim_new_addresses(key),
            Ended::TooSoon => self.counters.limited_leases += 1,
            Ended::No => {}
        }
    }

    /// True if another TSI than this one is known to have an address.
    fn is_of_another(&self, key: &TsiKey, ip: IpAddr) -> bool {
        let here = self.stations.holder(key.vn, ip).map(|(mac, _)| mac);
        here.or(self.mappings.holder(key.vn, ip)).is_some_and(|mac| mac != key.mac)
    }

    fn learn_address(&mut self, vap: VapId, key: TsiKey, ip: IpAddr) {
        let learning = self.stations.learn_address(self.now, vap, key, ip, &mut self.orders);
        self.learned_address(key, learning);
    }

    pub(super) fn learned_address(&mut self, key: TsiKey, learning: Learning) {
        match learning {
            Learning::New => {
                self.counters.learned_addresses += 1;
                self.claim_new_addresses(key);
            }
            Learning::Full => self.counters.shed_addresses += 1,
            Learning::Nothing | Learning::NoRoom => {}
        }
    }

    /// A TSI says by a frame what it is. The NVA hears of a change, and tells the other NVEs, which answer for the TSI (PXY-10).
    fn hear_role(&mut self, vap: VapId, key: TsiKey, role: Role) {
        if self.stations.is_behind(vap, &key) && self.stations.learn_role(self.now, &key, role) {
            self.claim_new_addresses(key);
        }
    }

    /// Counts and reports a frame that claims an address which is not bound to its port (VMM-10-02).
    fn alarm(&mut self, vap: VapId, mac: Mac, ip: Option<IpAddr>) {
        self.counters.spoofed += 1;
        if let Some(event) = self.stations.alarm(self.now, vap, mac, ip) {
            self.tell(event);
        }
    }

    /// Handles a frame by which a TSI shows that it is at its port.
    fn shown(&mut self, key: TsiKey) {
        if !self.config.hypervisor_word_only {
            // In a state without a row for it, the frame changes nothing.
            let _ = self.step_together(key, Input::Frame);
        }
    }

    /// Answers for the station that has the target address, or queries the NVA for it.
    fn answer(&mut self, vap: VapId, (vn, target): (Vni, IpAddr), asker: Asker) -> Handled {
        let here = self.stations.holder(vn, target).map(|(mac, vap)| (mac, Some(vap)));
        let there = self.mappings.holder(vn, target).filter(|_| here.is_none());
        if let Some(mac) = there.filter(|mac| self.mappings.is_due(&TsiKey { vn, mac: *mac })) {
            self.ask(vn, Address::Mac(mac), None);
        }
        let holder = here.or(there.map(|mac| (mac, None))).map(|(mac, vap)| {
            let key = TsiKey { vn, mac };
            ((mac, self.stations.role(&key).or(self.mappings.role(&key))), vap)
        });
        match self.proxy.ask((vn, target), asker, holder, &mut self.counters) {
            Asked::ByItself => return Handled::Pass,
            Asked::Taken => {}
            Asked::NoShare => self.no_share(vap),
            Asked::Waits => {
                if !self.ask(vn, Address::Ip(target), Some(vap)) {
                    self.proxy.give_up(vn, Address::Ip(target));
                }
            }
        }
        Handled::Taken
    }
}
