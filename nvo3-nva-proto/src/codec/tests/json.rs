//! Messages in JSON, for logs and traces that a person reads.

use super::spec::examples;
use super::strategy::message;
use crate::Message;
use proptest::prelude::*;
use serde_json::json;

proptest! {
    #[test]
    fn json_says_the_same(message in message()) {
        let text = serde_json::to_string(&message).unwrap();
        prop_assert_eq!(serde_json::from_str::<Message>(&text).unwrap(), message);
    }
}

#[test]
fn json_is_what_a_person_reads() {
    let examples = examples();
    let (_, _, message) = examples.iter().find(|(title, ..)| *title == "RegistrationRequest").unwrap();

    let expected = json!({"RegistrationRequest": {
        "tsi": {"key": {"vn": 5001, "mac": "02:00:00:00:00:0a"}, "ips": ["10.0.0.10", "2001:db8::a"]},
        "kind": "Failover",
        "old": 1,
        "expected": {"epoch": 3, "generation": 1042},
        "lifetime": null,
    }});
    assert_eq!(serde_json::to_value(message).unwrap(), expected);
}
