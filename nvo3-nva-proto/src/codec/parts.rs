//! A list that does not fit one message, in parts that do.

use super::value::{Count, Put};
use crate::header::MAX_MESSAGE;
use alloc::vec::Vec;

/// As many values in each part as fit beside `fixed` bytes, at least one; one empty part where there are none.
pub(super) fn parts<T: Put>(values: Vec<T>, fixed: usize) -> impl Iterator<Item = Vec<T>> {
    let room = MAX_MESSAGE.saturating_sub(fixed);
    let mut values = values.into_iter().peekable();
    let mut first = true;
    core::iter::from_fn(move || {
        let (mut part, mut size) = (Vec::new(), 0_usize);
        while let Some(value) = values.next_if(|value| {
            let mut length = Count(0);
            value.put(&mut length);
            size = size.saturating_add(length.0);
            part.is_empty() || size <= room
        }) {
            part.push(value);
        }
        let some = !part.is_empty() || first;
        first = false;
        some.then_some(part)
    })
}
