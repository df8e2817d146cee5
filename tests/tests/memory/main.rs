//! An authority that forgot, went back, or was replaced learns again what runs; what has no owner any more ends.

mod ends;
mod expiry;
mod rewinds;
mod world;
