//! One call into each crate, so that the linker has something to resolve.
#![no_std]

#[cfg(any(feature = "proto", feature = "mobility"))]
extern crate alloc;

#[cfg(any(feature = "proto", feature = "mobility"))]
#[global_allocator]
static HEAP: linked_list_allocator::LockedHeap = linked_list_allocator::LockedHeap::empty();

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// What a frame is, 0 for none.
#[cfg(feature = "wire")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_wire_is_announcement(frame: &[u8; 64]) -> u8 {
    nvo3_wire::announce::classify(frame).map_or(0, |kind| u8::from(kind.is_announcement()))
}

/// The type of a message, 0 for none.
#[cfg(feature = "proto")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_nva_proto_type(datagram: &[u8; 64]) -> u8 {
    nvo3_nva_proto::Message::decode(datagram).map_or(0, |(_, message)| message.type_code())
}

/// Whether an authority takes a datagram as a message.
#[cfg(feature = "mobility")]
#[unsafe(no_mangle)]
pub extern "C" fn nvo3_mobility_takes(datagram: &[u8; 64], seed: u64, now: u64) -> u8 {
    use core::net::{Ipv4Addr, SocketAddr};
    use nvo3_mobility::nva::{Nva, NvaConfig};

    let now = nvo3_nva_proto::Instant(now);
    let Ok(mut nva) = Nva::new(NvaConfig::default(), seed, now) else { return 0 };
    nva.handle_datagram(now, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), datagram);
    u8::from(nva.counters().malformed == 0)
}
