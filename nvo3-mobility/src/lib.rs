//! Sans-IO state machines of NVE, forwarder and NVA.
#![no_std]
