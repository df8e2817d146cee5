//! What the edges (NVEs) and the authority (NVA) of an overlay say to each other.
#![no_std]
