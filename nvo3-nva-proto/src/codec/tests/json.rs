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
        "vn": 5001,
        "lifetime": 60_000_000,
        "claims": [
            {
                "mac": "02:00:00:00:00:0a",
                "kind": "Failover",
                "by_word": true,
                "old": 1,
                "expected": {"epoch": 3, "generation": 1042},
                "ips": ["10.0.0.10", "2001:db8::a"],
                "role": "Unknown",
            },
            {
                "mac": "02:00:00:00:00:0b",
                "kind": "Cold",
                "by_word": false,
                "old": null,
                "expected": null,
                "ips": ["10.0.0.11"],
                "role": "Unknown",
            },
        ],
    }});
    assert_eq!(serde_json::to_value(message).unwrap(), expected);
}
