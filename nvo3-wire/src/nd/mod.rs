//! Neighbor Discovery (ND, RFC 4861): its five messages and every kind of option, read and written.
//!
//! [`Nd::parse`] reads an [`ipv6::Packet`](crate::ipv6::Packet) and returns the message by type. Options are checked
//! once with the message and then iterated without errors. [`Message::validate`] checks the receiver's rules ND-01 to
//! ND-05: hop limit 255, checksum, lengths, addresses, options. [`NdOption::validate`] says why a receiver must ignore
//! one option.
//!
//! [`solicitation`] and [`advertisement`] write whole frames of the usual NS and NA. [`Outgoing`] writes any message
//! with any options. [`Related`] reads the messages of other RFCs that carry the same options.

mod build;
mod compose;
mod message;
mod option;
mod related;
mod router;
#[cfg(test)]
mod tests;
mod text;

pub use build::{Advertise, BARE_FRAME_LEN, FRAME_LEN, Solicit, To, advertisement, announcement, dad, solicitation};
pub use compose::{Body, Outgoing};
pub use message::{Advertisement, Flags, Message, Nd, Solicitation};
pub use option::{
    Acknowledgment, AddressRegistration, AdvertisementInterval, BorderRouter, Capabilities, CaptivePortal, Certificate,
    Cga, Context, Dnssl, HandoverAddress, HandoverLink, HomeAgent, MobileNode, MobilityAnchor, Mtu, Name, NdOption,
    OptionIter, Options, Pref64, Prefix, RawOption, RawOptionIter, Rdnss, Route, ShortcutLimit, Signature, Timestamp,
    TrustAnchor,
};
pub use related::{
    CERTIFICATION_ADVERTISEMENT, CERTIFICATION_SOLICITATION, CertificationAdvertisement, CertificationSolicitation,
    DUPLICATE_CONFIRMATION, DUPLICATE_REQUEST, Duplicate, FAST_HANDOVER, FastHandover, INVERSE_ADVERTISEMENT,
    INVERSE_SOLICITATION, Inverse, Related, RelatedBody,
};
pub use router::{Redirect, RouterAdvertisement, RouterFlags, RouterSolicitation};
