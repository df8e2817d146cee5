//! The measured packets: 1,024 different ones per case. Their values are drawn first, and their bytes are written
//! plainly, independent of all parsers and builders.

/// Packets per case.
pub(crate) const COUNT: u64 = 1024;

/// The headroom in front of the inner frame of [`Inner::buffer`].
pub(crate) const HEADROOM: usize = 64;

/// The values of one ARP reply.
#[derive(Clone, Copy)]
pub(crate) struct Arp {
    pub(crate) mac: [u8; 6],
    pub(crate) ip: [u8; 4],
    pub(crate) target_mac: [u8; 6],
    pub(crate) target_ip: [u8; 4],
}

/// The values of one Neighbor Advertisement.
#[derive(Clone, Copy)]
pub(crate) struct Na {
    pub(crate) destination_mac: [u8; 6],
    pub(crate) mac: [u8; 6],
    pub(crate) source: [u8; 16],
    pub(crate) destination: [u8; 16],
    pub(crate) target: [u8; 16],
    /// R, S and O in the bits of the packet.
    pub(crate) flags: u8,
}

/// The endpoints and the network of a tunnel over IPv4.
#[derive(Clone, Copy)]
pub(crate) struct Tunnel {
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
    pub(crate) vni: u32,
}

impl Tunnel {
    /// The tunnel of all encapsulated packets of a case.
    pub(crate) const ONE: Self = Self { source: [198, 51, 100, 1], destination: [198, 51, 100, 2], vni: 0x12_3456 };
}

/// An inner frame of 64 bytes, UDP over IPv4, with headroom in front.
#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) entropy: u16,
    pub(crate) ports: (u16, u16),
    pub(crate) buffer: Vec<u8>,
}

impl Inner {
    pub(crate) fn frame(&self) -> &[u8] {
        &self.buffer[HEADROOM..]
    }
}

/// The values that a parser must find in an ARP packet, as one number.
#[inline(always)]
pub(crate) fn arp_digest(operation: u16, mac: &[u8; 6], ip: &[u8; 4], target_ip: &[u8; 4]) -> u64 {
    let [ip, target_ip] = [ip, target_ip].map(|ip| u64::from(u32::from_ne_bytes(*ip)));
    mac_digest(mac).wrapping_add(ip << 32 | target_ip).wrapping_add(operation.into())
}

/// The values that a parser must find in a Neighbor Advertisement, as one number.
#[inline(always)]
pub(crate) fn na_digest(target: &[u8; 16], flags: u8, target_link: &[u8; 6]) -> u64 {
    let target = u128::from_ne_bytes(*target);
    mac_digest(target_link).wrapping_add((target >> 64) as u64 ^ target as u64).wrapping_add(flags.into())
}

/// The values that a parser must find in a VXLAN packet, as one number.
#[inline(always)]
pub(crate) fn vxlan_digest(vni: u32, source_port: u16, destination_port: u16) -> u64 {
    u64::from(vni) << 32 | u64::from(source_port) << 16 | u64::from(destination_port)
}

#[inline(always)]
fn mac_digest(&[a, b, c, d, e, f]: &[u8; 6]) -> u64 {
    u64::from(u32::from_ne_bytes([a, b, c, d])) << 16 | u64::from(u16::from_ne_bytes([e, f]))
}

/// Values and frames of the ARP cases.
pub(crate) fn arps() -> Vec<(Arp, Vec<u8>)> {
    let mut random = Random(1);
    (0..COUNT)
        .map(|_| {
            let (mac, target_mac) = (random.mac(), random.mac());
            let arp = Arp { mac, ip: random.bytes(), target_mac, target_ip: random.bytes() };
            (arp, arp_frame(&arp))
        })
        .collect()
}

fn arp_frame(arp: &Arp) -> Vec<u8> {
    let ethernet = [&arp.target_mac[..], &arp.mac, &[0x08, 0x06]];
    let fixed: [&[u8]; 1] = [&[0, 1, 8, 0, 6, 4, 0, 2]];
    [&ethernet[..], &fixed, &[&arp.mac, &arp.ip, &arp.target_mac, &arp.target_ip]].concat().concat()
}

/// Values and frames of the Neighbor Advertisement cases.
pub(crate) fn advertisements() -> Vec<(Na, Vec<u8>)> {
    let mut random = Random(2);
    (0..COUNT)
        .map(|i| {
            let mut address = || [&[0x20, 0x01, 0x0d, 0xb8][..], &random.bytes::<12>()].concat().try_into().unwrap();
            let (source, destination, target) = (address(), address(), address());
            let (destination_mac, mac) = (random.mac(), random.mac());
            let na = Na { destination_mac, mac, source, destination, target, flags: (i as u8) << 5 };
            (na, na_frame(&na))
        })
        .collect()
}

fn na_frame(na: &Na) -> Vec<u8> {
    let mut message = [&[136, 0, 0, 0, na.flags, 0, 0, 0][..], &na.target, &[2, 1], &na.mac].concat();
    let pseudo = [&na.source[..], &na.destination, &[0, 0, 0, 32, 0, 0, 0, 58]].concat();
    let sum = checksum(&[pseudo, message.clone()].concat());
    message[2..4].copy_from_slice(&sum);
    let ip: [&[u8]; 3] = [&[0x60, 0, 0, 0, 0, 32, 58, 255], &na.source, &na.destination];
    [&na.destination_mac, &na.mac, &[0x86, 0xdd][..], &ip.concat(), &message].concat()
}

/// Inner frames of the encapsulation cases.
pub(crate) fn inner_frames() -> Vec<Inner> {
    let mut random = Random(3);
    (0..COUNT).map(|_| inner(&mut random)).collect()
}

fn inner(random: &mut Random) -> Inner {
    let (ports, entropy) = ((random.next() as u16, random.next() as u16), random.next() as u16);
    let payload: [u8; 22] = random.bytes();
    let [(a, b), (c, d)] = [ports.0, ports.1].map(|port| (port.to_be_bytes()[0], port.to_be_bytes()[1]));
    let udp = [&[a, b, c, d, 0, 30, 0, 0][..], &payload].concat();
    let ecn = random.next() as u8 & 3;
    let ip = ipv4([10, 0, 0, 1], random.bytes(), ecn, 0, &udp);
    let frame = [&random.mac()[..], &random.mac(), &[0x08, 0x00], &ip].concat();
    assert_eq!(frame.len(), 64);
    Inner { entropy, ports, buffer: [vec![0; HEADROOM], frame].concat() }
}

/// The packet of an inner frame: outer IPv4, UDP and VXLAN headers in front.
pub(crate) fn tunnelled(tunnel: &Tunnel, inner: &Inner) -> Vec<u8> {
    let [source_port, length] = [49152 + inner.entropy % 16384, inner.frame().len() as u16 + 16].map(u16::to_be_bytes);
    let vni = &tunnel.vni.to_be_bytes()[1..];
    let headers = [&source_port[..], &[0x12, 0xb5], &length, &[0, 0], &[8, 0, 0, 0], vni, &[0]].concat();
    let ecn = inner.frame()[15] & 3;
    ipv4(tunnel.source, tunnel.destination, ecn, 0x40, &[&headers, inner.frame()].concat())
}

fn ipv4(source: [u8; 4], destination: [u8; 4], class: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16 + 20).to_be_bytes();
    let mut header = [&[0x45, class], &length[..], &[0, 0, flags, 0, 64, 17, 0, 0], &source, &destination].concat();
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum);
    [&header, payload].concat()
}

/// Values and frames of the VXLAN case: Ethernet in front of [`tunnelled`].
pub(crate) fn vxlan_frames() -> Vec<(u64, Vec<u8>)> {
    let mut random = Random(4);
    (0..COUNT)
        .map(|_| {
            let vni = random.next() as u32 & 0xff_ffff;
            let tunnel = Tunnel { source: random.bytes(), vni, ..Tunnel::ONE };
            let inner = inner(&mut random);
            let ethernet = [&random.mac()[..], &random.mac(), &[0x08, 0x00]].concat();
            (vxlan_digest(vni, inner.ports.0, inner.ports.1), [ethernet, tunnelled(&tunnel, &inner)].concat())
        })
        .collect()
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let mut sum: u32 = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

/// SplitMix64: small, and with the same packets in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }

    /// A station's locally administered address.
    fn mac(&mut self) -> [u8; 6] {
        let [_, b, c, d, e, f] = self.bytes();
        [2, b, c, d, e, f]
    }
}
