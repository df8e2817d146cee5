//! Who should receive a datagram does, and nobody else, whatever happens to messages, edges, the authority and VMs meanwhile.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nvo3_tests::reference;

fuzz_target!(|bytes: &[u8]| {
    if let Err(violation) = reference::run(&reference::transitions(bytes)) {
        panic!("{violation}");
    }
});
