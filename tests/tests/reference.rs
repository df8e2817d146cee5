//! The machines beside a simple model that says which host should receive which datagram.

use nvo3_tests::reference;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whoever_should_receive_does(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let transitions = reference::transitions(&bytes);
        if let Err(violation) = reference::run(&transitions) {
            prop_assert!(false, "{violation}");
        }
    }
}
