//! The namespaces and the links between them.

use super::{Namespace, Station};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The number of hosts; each has an edge.
pub const HOSTS: usize = 3;

/// The number of the node that `nvad` runs on, as in its address.
pub const NVA: u8 = 100;

/// The IP version of the underlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

impl Family {
    /// The underlay address of a node: a host from 1, or [`NVA`].
    pub fn underlay(self, host: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 99, 0, host).into(),
            // The decimal digits are written as hexadecimal digits.
            Self::V6 => Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, if host == NVA { 0x100 } else { host.into() }).into(),
        }
    }
}

/// An underlay: a bridge, the hosts 1 to [`HOSTS`], and the node of the NVA.
#[derive(Debug)]
pub struct Fabric {
    /// The namespace of the bridge; it lives as long as the fabric.
    _underlay: Namespace,
    hosts: Vec<Namespace>,
    /// The namespace that `nvad` runs in.
    pub control: Namespace,
}

impl Fabric {
    /// Builds the namespaces and links.
    pub fn new() -> Self {
        let underlay = Namespace::new("u");
        underlay.set("ipv6/conf/all/disable_ipv6", "1");
        underlay.ip("link add br0 type bridge mcast_snooping 0");
        underlay.ip("link set br0 mtu 1600 up");
        let link = |name: &str, number: u8| {
            let node = Namespace::new(name);
            let (there, at) = (underlay.name(), format!("u{name}"));
            node.ip(&format!("link add u0 mtu 1600 type veth peer name {at} mtu 1600 netns {there}"));
            underlay.ip(&format!("link set {at} master br0 up"));
            node.ip("link set u0 up");
            node.ip(&format!("addr add {}/24 dev u0", Family::V4.underlay(number)));
            node.ip(&format!("addr add {}/64 dev u0 nodad", Family::V6.underlay(number)));
            node
        };
        let hosts = (1..=HOSTS).map(|n| link(&format!("h{n}"), u8::try_from(n).unwrap())).collect();
        let control = link("c", NVA);
        Self { _underlay: underlay, hosts, control }
    }

    /// The namespace of host `n`, from 1.
    pub fn host(&self, n: u8) -> &Namespace {
        &self.hosts[usize::from(n) - 1]
    }

    /// Adds a tenant system in a namespace of its own, behind `port` of a host by a veth.
    pub fn tenant(&self, name: &str, host: u8, port: &str, station: &Station) -> Namespace {
        let (tenant, host) = (Namespace::new(name), self.host(host));
        let mac = &station.mac;
        tenant.ip(&format!("link add eth0 address {mac} type veth peer name {port} netns {}", host.name()));
        host.set(&format!("ipv6/conf/{port}/disable_ipv6"), "1");
        host.ip(&format!("link set {port} arp off up"));
        host.plain_frames(port);
        tenant.plain_frames("eth0");
        station.configure(&tenant);
        tenant
    }
}

impl Default for Fabric {
    fn default() -> Self {
        Self::new()
    }
}
