//! Two sessions over a network that loses, repeats and reorders, under a clock that jumps to the next deadline.

mod agreement;
mod bounds;
mod handshake;
mod network;
mod order;
mod times;
mod versions;
mod window;
