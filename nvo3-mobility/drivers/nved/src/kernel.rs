//! Questions and orders to the kernel about interfaces and routes, by rtnetlink.
//!
//! A packet socket takes a copy of each frame, and the kernel goes on with its own: the tenant reaches the host's own IP stack, and by
//! it everything that the host forwards to. [`Kernel::shut`] ends that. It puts a filter on the interface that drops every frame at
//! ingress (tc-bpf(8), `clsact`), behind the point where packet sockets have their copies and before bridges, VLANs and IP. The
//! filter stays when the process ends, so that a tenant finds no moment in which the interface is open.
//!
//! ```no_run
//! use nved::kernel::Kernel;
//!
//! # fn main() -> std::io::Result<()> {
//! let mut kernel = Kernel::open()?;
//! kernel.shut(7)?;
//! println!("the interface with index 7 has MTU {:?}", kernel.mtu(7)?);
//! println!("the way to 198.51.100.2: {:?}", kernel.route([198, 51, 100, 2].into())?);
//! kernel.lift(7)
//! # }
//! ```

use netlink_packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteMetric};
use netlink_packet_route::tc::{TcAttribute, TcFilterBpfOption, TcHandle, TcMessage, TcOption};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage, link};
use nix::errno::Errno;
use nix::sys::socket::{self, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};

/// The longest datagram of the kernel, in bytes.
const LONGEST: usize = 32 * 1024;

/// Where the filter is: the ingress of the `clsact` queueing discipline (`TC_H_CLSACT`, `TC_H_MIN_INGRESS`).
const CLSACT: TcHandle = TcHandle { major: 0xffff, minor: 0xfff1 };
const INGRESS: TcHandle = TcHandle { major: 0xffff, minor: 0xfff2 };

/// The name of the filter among others on the interface: "nved".
const HANDLE: TcHandle = TcHandle { major: 0x6e76, minor: 0x6564 };

/// The filter comes first (preference 1) and takes every protocol (`ETH_P_ALL`).
const FIRST_OF_ALL: u32 = 1 << 16 | 0x0003_u16.to_be() as u32;

/// Attributes of a bpf filter (`linux/pkt_cls.h`): the number of instructions, the instructions, and the flag that lets the program
/// decide what becomes of the frame.
const OPS_LEN: u16 = 4;
const OPS: u16 = 5;
const FLAGS: u16 = 8;
const DIRECT: u32 = 1;

/// The way to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The index of the interface that packets leave by.
    pub interface: u32,
    /// The longest IP packet that the way takes, in bytes: the route's MTU if it has one, else that of the interface.
    pub mtu: u32,
}

/// A socket to the kernel. Each call waits for the kernel's answer, which takes some microseconds.
#[derive(Debug)]
pub struct Kernel {
    socket: OwnedFd,
    room: Vec<u8>,
    sequence: u32,
}

impl Kernel {
    /// Opens a socket to the kernel, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// The system's error if it gives no netlink socket.
    pub fn open() -> io::Result<Self> {
        let socket = socket::socket(
            socket::AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::NetlinkRoute,
        )?;
        socket::bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self { socket, room: vec![0; LONGEST], sequence: 0 })
    }

    /// Keeps the frames that come in at an interface from the host's own stack. Packet sockets have them. Does nothing if it is so.
    ///
    /// # Errors
    /// The system's error: there is no such interface, CAP_NET_ADMIN is missing, the kernel has no `sch_ingress` or `cls_bpf`, or
    /// somebody else's filter of another kind has preference 1.
    pub fn shut(&mut self, interface: u32) -> io::Result<()> {
        self.put_filter(interface, NLM_F_CREATE)
    }

    /// Puts the filter of [`Kernel::shut`] back. True if somebody had taken it away.
    ///
    /// # Errors
    /// As [`Kernel::shut`].
    pub fn shut_again(&mut self, interface: u32) -> io::Result<bool> {
        match self.put_filter(interface, NLM_F_CREATE | NLM_F_EXCL) {
            Err(error) if error.raw_os_error() == Some(Errno::EEXIST as i32) => Ok(false),
            put => put.map(|()| true),
        }
    }

    fn put_filter(&mut self, interface: u32, flags: u16) -> io::Result<()> {
        let mut clsact = about(interface, TcHandle { major: CLSACT.major, minor: 0 }, CLSACT)?;
        clsact.attributes.push(TcAttribute::Kind("clsact".into()));
        match self.ask(RouteNetlinkMessage::NewQueueDiscipline(clsact), NLM_F_CREATE | NLM_F_EXCL) {
            Err(error) if error.raw_os_error() != Some(Errno::EEXIST as i32) => return Err(error),
            _ => {}
        }
        let mut filter = filter(interface)?;
        let attribute =
            |kind, value: &[u8]| TcOption::Bpf(TcFilterBpfOption::Other(DefaultNla::new(kind, value.into())));
        let program = vec![
            attribute(OPS_LEN, &1_u16.to_ne_bytes()),
            attribute(OPS, &program()),
            attribute(FLAGS, &DIRECT.to_ne_bytes()),
        ];
        filter.attributes.push(TcAttribute::Options(program));
        self.ask(RouteNetlinkMessage::NewTrafficFilter(filter), flags).map(drop)
    }

    /// Takes the filter of [`Kernel::shut`] away. The empty `clsact` stays: others may have filters there. Does nothing if the interface
    /// or the filter is not there.
    ///
    /// # Errors
    /// The system's error, such as a missing CAP_NET_ADMIN.
    pub fn lift(&mut self, interface: u32) -> io::Result<()> {
        match self.ask(RouteNetlinkMessage::DelTrafficFilter(filter(interface)?), 0) {
            // No filter, no interface, no clsact.
            Err(error)
                if [Errno::ENOENT, Errno::ENODEV, Errno::EINVAL]
                    .map(|e| Some(e as i32))
                    .contains(&error.raw_os_error()) =>
            {
                Ok(())
            }
            asked => asked.map(drop),
        }
    }

    /// The MTU of an interface, in bytes without the Ethernet header. `None` if there is no such interface.
    ///
    /// # Errors
    /// The system's error, or an answer that cannot be read.
    pub fn mtu(&mut self, interface: u32) -> io::Result<Option<u32>> {
        let mut question = link::LinkMessage::default();
        question.header.index = interface;
        let link = match self.ask(RouteNetlinkMessage::GetLink(question), 0) {
            Ok(Some(RouteNetlinkMessage::NewLink(link))) => link,
            Err(error) if error.raw_os_error() == Some(Errno::ENODEV as i32) => return Ok(None),
            Err(error) => return Err(error),
            Ok(_) => return Ok(None),
        };
        Ok(link.attributes.iter().find_map(|attribute| match attribute {
            link::LinkAttribute::Mtu(mtu) => Some(*mtu),
            _ => None,
        }))
    }

    /// The way to an address. `None` if there is none.
    ///
    /// # Errors
    /// The system's error, or an answer that cannot be read.
    pub fn route(&mut self, to: IpAddr) -> io::Result<Option<Route>> {
        let mut question = RouteMessage::default();
        let (family, length) = if to.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
        (question.header.address_family, question.header.destination_prefix_length) = (family, length);
        question.attributes.push(RouteAttribute::Destination(RouteAddress::from(to)));
        let route = match self.ask(RouteNetlinkMessage::GetRoute(question), 0) {
            Ok(Some(RouteNetlinkMessage::NewRoute(route))) => route,
            Err(error)
                if [Errno::ENETUNREACH, Errno::EHOSTUNREACH]
                    .map(|e| Some(e as i32))
                    .contains(&error.raw_os_error()) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error),
            Ok(_) => return Ok(None),
        };
        let interface = route.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Oif(index) => Some(*index),
            _ => None,
        });
        let own = route.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Metrics(metrics) => metrics.iter().find_map(|metric| match metric {
                RouteMetric::Mtu(mtu) => Some(*mtu),
                _ => None,
            }),
            _ => None,
        });
        let Some(interface) = interface else { return Ok(None) };
        let mtu = if own.is_some() { own } else { self.mtu(interface)? };
        Ok(mtu.map(|mtu| Route { interface, mtu }))
    }

    /// Sends a request, and gives the object of the answer if there is one.
    fn ask(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Option<RouteNetlinkMessage>> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        request.header.sequence_number = self.sequence;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        let fd = self.socket.as_raw_fd();
        sendto(fd, &bytes, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut object = None;
        loop {
            // The kernel has answered when the send returns.
            let length = recv(fd, &mut self.room, MsgFlags::MSG_DONTWAIT)?;
            let mut datagram = self.room.get(..length).unwrap_or_default();
            while !datagram.is_empty() {
                let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(datagram).map_err(io::Error::other)?;
                let length = (answer.header.length as usize).next_multiple_of(4).max(4);
                datagram = datagram.get(length..).unwrap_or_default();
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                    NetlinkPayload::Error(_) | NetlinkPayload::Done(_) => return Ok(object),
                    NetlinkPayload::InnerMessage(message) => object = Some(message),
                    _ => {}
                }
            }
        }
    }
}

/// The filter without its program: enough to take it away.
fn filter(interface: u32) -> io::Result<TcMessage> {
    let mut filter = about(interface, HANDLE, INGRESS)?;
    filter.header.info = FIRST_OF_ALL;
    filter.attributes.push(TcAttribute::Kind("bpf".into()));
    Ok(filter)
}

fn about(interface: u32, handle: TcHandle, parent: TcHandle) -> io::Result<TcMessage> {
    let mut message = TcMessage::with_index(i32::try_from(interface).map_err(io::Error::other)?);
    (message.header.handle, message.header.parent) = (handle, parent);
    Ok(message)
}

/// One instruction of classic BPF (`struct sock_filter`): `return TC_ACT_SHOT`, drop. It needs no right but CAP_NET_ADMIN.
fn program() -> [u8; 8] {
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const SHOT: u32 = 2;
    let ([a, b], [c, d, e, f]) = (RETURN.to_ne_bytes(), SHOT.to_ne_bytes());
    [a, b, 0, 0, c, d, e, f]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_has_an_mtu_and_a_route_has_that_of_its_interface() {
        let mut kernel = Kernel::open().unwrap();

        let mtu = kernel.mtu(1).unwrap().unwrap();

        assert_eq!(kernel.route([127, 0, 0, 1].into()).unwrap(), Some(Route { interface: 1, mtu }));
        assert_eq!(kernel.mtu(0x7fff_fff0).unwrap(), None);
    }

    #[test]
    fn what_is_not_there_needs_no_lifting_and_cannot_be_shut() {
        let mut kernel = Kernel::open().unwrap();

        assert!(kernel.shut(0x7fff_fff0).is_err());
        // Without CAP_NET_ADMIN the kernel says that first.
        if let Err(error) = kernel.lift(0x7fff_fff0) {
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
