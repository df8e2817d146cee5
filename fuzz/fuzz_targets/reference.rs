//! Runs the machines beside a reference model. Every host that should receive a datagram receives it, and no other host does, whatever
//! happens to messages, edges, the authority and VMs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nvo3_tests::reference;

fuzz_target!(|bytes: &[u8]| {
    if let Err(violation) = reference::run(&reference::transitions(bytes)) {
        panic!("{violation}");
    }
});
