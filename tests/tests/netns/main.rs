//! The three programs on real kernel interfaces: `nvad`, three `nved` and `nvoctl` in network namespaces, a VM that moves
//! between two of them, and datagrams of real sockets both ways. Each datagram is accounted for. The tests need root; without it each
//! test says so and passes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

mod in_namespaces {
    mod announcing;
    mod bad_input;
    mod control;
    mod counters;
    mod faults;
    mod flooder;
    mod floods;
    mod host_stack;
    mod interfaces;
    mod keys;
    mod learned;
    mod moves;
    mod mtu;
    mod rarp;
    mod restarts;
    mod routers;
    mod scan;
    mod shared;
    mod stores;
    mod world;
}
