//! A packet socket on an interface that is there: a veth, or the tap of a hypervisor that has it open.

use super::{BATCH, Error, Frames, LONGEST, PortCounters};
use crate::links::index_of;
use crate::room::make_room;
use arrayvec::ArrayVec;
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockProtocol, SockType, bind, recvmmsg, sendmmsg, socket,
};
use socket2::{SockFilter, SockRef};
use std::collections::BTreeMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The length in bytes of the address of a packet socket that is bound to no interface: it lacks a hardware address (packet(7)).
const UNBOUND: u32 = 12;

pub(super) struct Packet {
    socket: OwnedFd,
    /// The index of the interface.
    index: u32,
    headers: MultiHeaders<()>,
}

/// A packet socket without room for headers, so that a thread may open it for another.
pub(super) struct Bound {
    socket: OwnedFd,
    index: u32,
}

impl From<Bound> for Packet {
    fn from(Bound { socket, index }: Bound) -> Self {
        Self { socket, index, headers: MultiHeaders::preallocate(BATCH, None) }
    }
}

impl Bound {
    /// Opens a socket at an interface that has a link-layer address; `links` are those of all interfaces.
    pub(super) fn open(name: &str, links: &Links) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::Io { name: name.to_owned(), error };
        let address = *links.get(name).ok_or_else(|| Error::Missing(name.to_owned()))?;
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let open = || -> io::Result<Self> {
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)?;
            SockRef::from(&socket).attach_filter(&only_tenant_frames())?;
            bind(socket.as_raw_fd(), &address)?;
            make_room(&socket)?;
            // Before the bind the socket receives frames of every interface.
            while SockRef::from(&socket).recv(&mut []).is_ok() {}
            Ok(Self { socket, index: u32::try_from(address.ifindex()).unwrap_or(0) })
        };
        open().map_err(failed)
    }
}

impl Packet {
    /// The kernel unbinds the socket when its interface is removed or leaves the network namespace, even if another one gets its index.
    pub(super) fn is_at(&self, name: &str) -> bool {
        let bound = SockRef::from(&self.socket).local_addr().is_ok_and(|address| address.len() > UNBOUND);
        bound && index_of(name) == Some(self.index)
    }

    pub(super) fn read(&mut self, frames: &mut Frames, counters: &mut PortCounters) -> io::Result<()> {
        let mut rooms = frames.bytes.chunks_exact_mut(LONGEST);
        let mut slices: [_; BATCH] = std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let socket = self.socket.as_raw_fd();
        for read in recvmmsg(socket, &mut self.headers, &mut slices, MsgFlags::MSG_DONTWAIT, None)? {
            let too_long = read.flags.contains(MsgFlags::MSG_TRUNC);
            counters.too_long += u64::from(too_long);
            frames.lengths.push(if too_long { 0 } else { read.bytes });
        }
        Ok(())
    }

    pub(super) fn write(&mut self, frames: &[&[u8]], counters: &mut PortCounters) {
        let slices: ArrayVec<[IoSlice<'_>; 1], BATCH> =
            frames.iter().take(BATCH).map(|frame| [IoSlice::new(frame)]).collect();
        let mut left = slices.as_slice();
        while !left.is_empty() {
            let (socket, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
            let sent =
                sendmmsg(socket, &mut self.headers, left, [None::<()>; BATCH], [], flags).map(|sent| sent.count());
            let done = match sent {
                Ok(sent @ 1..) => sent,
                Ok(_) => break,
                Err(error) => {
                    counters.not_written(io::Error::from(error).kind());
                    1
                }
            };
            left = left.get(done..).unwrap_or_default();
        }
    }
}

impl AsFd for Packet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The link-layer address of each interface, for the bind of a packet socket.
pub(super) type Links = BTreeMap<String, LinkAddr>;

/// Reads the link-layer addresses of all interfaces: the kernel gives them only together.
pub(super) fn links() -> io::Result<Links> {
    let address = |interface: InterfaceAddress| Some((interface.interface_name, *interface.address?.as_link_addr()?));
    Ok(getifaddrs()?.filter_map(address).collect())
}

/// A filter that drops two kinds of frames. One kind is sent by the host itself through the interface, as the packet type says. The
/// other kind has a VLAN tag: the kernel takes the tag off, and the frame would enter another VLAN. A tap port keeps tags.
fn only_tenant_frames() -> [SockFilter; 6] {
    const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const PACKET_TYPE: u32 = 0xffff_f004; // SKF_AD_OFF + SKF_AD_PKTTYPE
    const VLAN_TAG_PRESENT: u32 = 0xffff_f030; // SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT
    const OUTGOING: u32 = 4; // PACKET_OUTGOING
    [
        SockFilter::new(LOAD, 0, 0, PACKET_TYPE),
        SockFilter::new(EQUAL, 3, 0, OUTGOING),
        SockFilter::new(LOAD, 0, 0, VLAN_TAG_PRESENT),
        SockFilter::new(EQUAL, 0, 1, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
