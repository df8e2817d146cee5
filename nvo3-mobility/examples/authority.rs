//! An authority with a store of its own: a file of records, which are replayed at the start.
//!
//! `cargo run -p nvo3-mobility --example authority`
//!
//! The authority runs twice. In its first life an edge registers two VMs. Then the authority is dropped without a goodbye, as if its
//! process had crashed. In its second life the authority reads the file and knows both VMs.

#[path = "common/say.rs"]
mod say;

use nvo3_mobility::Transport;
use nvo3_mobility::edge::foreign::{ForeignEdge, Next};
use nvo3_mobility::nva::{Input, Nva, NvaConfig, Peer, Record};
use nvo3_mobility::nve::{self, Nve, NveConfig, rules::News};
use nvo3_mobility::table::{PortPolicy, VapId};
use nvo3_nva_proto::{Instant, Locators, NveId, Place, Role, Tsi, TsiKey, Version};
use nvo3_wire::{Mac, Vni};
use say::say;
use std::error::Error;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;

type Numbered = (Version, Record);

/// The records in a file that only grows, each with its epoch, its number, and its length before it.
///
/// A store for production also removes what `nva::superseded` names and has a checksum for each record; `nvad` uses a database.
struct Store(File);

impl Store {
    fn open(path: &Path) -> Result<(Self, Vec<Numbered>), Box<dyn Error>> {
        let mut file = File::options().read(true).append(true).create(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (mut records, mut rest) = (Vec::new(), bytes.as_slice());
        // A crash may leave a part of a record at the end. The authority never called that record durable: it is cut off.
        while let Some((length, behind)) = rest.split_first_chunk()
            && let Some((record, behind)) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)
        {
            records.push(postcard::from_bytes(record)?);
            rest = behind;
        }
        file.set_len((bytes.len() - rest.len()) as u64)?;
        Ok((Self(file), records))
    }

    /// Appends a batch and makes it durable.
    fn append(&mut self, batch: &[Numbered]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for record in batch {
            let record = postcard::to_allocvec(record).map_err(io::Error::other)?;
            bytes.extend((record.len() as u32).to_be_bytes());
            bytes.extend(record);
        }
        self.0.write_all(&bytes)?;
        self.0.sync_data()
    }
}

/// Does what the authority wants. Returns the time of the next call, if nothing arrives before.
fn carry_out(
    now: Instant,
    nva: &mut Nva,
    store: &mut Store,
    send: &mut impl FnMut(Peer, &[u8]),
) -> Result<Option<Instant>, Box<dyn Error>> {
    let mut datagram = Vec::new();
    loop {
        if nva.poll_timeout().is_some_and(|(at, _)| at <= now) {
            nva.handle_timeout(now);
        }
        // Group commit: one sync for all records that wait. What depends on them leaves after `Persisted`. An authority with
        // much to do appends in a thread, and says `Persisted` when the thread is done.
        let batch: Vec<_> = std::iter::from_fn(|| nva.poll_persist()).collect();
        if let Some((last, _)) = batch.last() {
            store.append(&batch)?;
            say!("    {} records up to number {} are durable", batch.len(), last.generation);
            nva.handle(now, Input::Persisted(*last))?;
        }
        while let Some(to) = nva.poll_transmit(now, &mut datagram) {
            send(to, &datagram);
        }
        while let Some(_event) = nva.poll_event() {} // for management
        match nva.poll_timeout() {
            Some((at, _)) if at <= now => {}
            until => return Ok(until.map(|(at, _)| at)),
        }
    }
}

/// One life of the authority; an edge that is joined to it in memory registers these VMs.
fn live(path: &Path, place: Place, vms: &[Tsi]) -> Result<(), Box<dyn Error>> {
    let start = std::time::Instant::now();
    let clock = || Instant(start.elapsed().as_micros() as u64);
    // A seed from the system's random source: RandomState takes its keys from there.
    let seed = || RandomState::new().hash_one(0);
    let (mut store, records) = Store::open(path)?;
    say!("    the store has {} records", records.len());
    let mut config = NvaConfig::new(Transport::Trusted); // over a network: `Transport::Sealed` with keys
    if records.is_empty() {
        // A new store needs a higher epoch than any store before it: if the old one was lost, edges know versions of it.
        config.epoch = u32::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs())?;
    }
    let mut nva = Nva::replay(config, seed(), clock(), records)?;
    nva.handle(clock(), Input::Admit(place))?; // management says this at each start

    // No data plane: what the edge orders counts as done.
    let mut edge = ForeignEdge::new(Nve::new(NveConfig::new(place, Transport::Trusted), seed())?, 0);
    edge.tell(clock(), nve::Input::Connect)?;
    for (tsi, vap) in vms.iter().zip(1..) {
        let (key, vn, tsis) = (tsi.key, tsi.key.vn, vec![tsi.clone()]);
        edge.tell(clock(), nve::Input::Attach { vap: VapId(vap), vn, tsis, policy: PortPolicy::untrusted() })?;
        edge.tell(clock(), nve::Input::Activate { key, move_id: None })?;
    }
    let (mut buffer, from, mut running) = (Vec::new(), "198.51.100.1:61635".parse()?, 0);
    while running < vms.len() {
        match edge.poll(clock(), &mut buffer) {
            Next::Datagram(_) => nva.handle_datagram(clock(), from, &buffer),
            Next::Event(nve::Event::News { news: News::Running, .. }) => running += 1,
            // In memory an answer is there at once. With a socket, wait for a datagram until the time that `carry_out` returns.
            Next::Wait(_) => {
                carry_out(clock(), &mut nva, &mut store, &mut |_, datagram| edge.datagram(clock(), datagram))?;
            }
            _ => {}
        }
    }
    for (key, mapping) in nva.mappings() {
        let nve = mapping.place.map_or("an NVE that is not admitted".into(), |place| place.nve.to_string());
        say!("    {key} is at {nve}, version {}", mapping.version);
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("nvo3-authority-{}", std::process::id()));
    let place = Place { nve: NveId(1), locators: Locators::V4([198, 51, 100, 1].into()) };
    let vn = Vni::new(5001).ok_or("a VNI has 24 bits")?;
    let vm = |n| Tsi {
        key: TsiKey { vn, mac: Mac([2, 0, 0, 0, 0, n]) },
        ips: vec![[192, 0, 2, n].into()],
        role: Role::Unknown,
    };
    say!("First life: an edge registers two VMs.");
    let lives = live(&path, place, &[vm(10), vm(20)]).and_then(|()| {
        say!("Second life: nobody has registered anything yet.");
        live(&path, place, &[])
    });
    fs::remove_file(&path)?;
    lives
}
