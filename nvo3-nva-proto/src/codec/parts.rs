//! A list that does not fit one message, in parts that do.

use super::value::{Count, Put};
use crate::header::MAX_MESSAGE;
use alloc::vec::Vec;

/// As many values in each part as fit beside `fixed` bytes, at least one; one empty part where there are none.
pub(super) fn parts<T: Put>(values: Vec<T>, fixed: usize) -> Vec<Vec<T>> {
    let (mut parts, mut part, mut size) = (Vec::new(), Vec::new(), fixed);
    for value in values {
        let mut length = Count(0);
        value.put(&mut length);
        size = size.saturating_add(length.0);
        if size > MAX_MESSAGE && !part.is_empty() {
            parts.push(core::mem::take(&mut part));
            size = fixed.saturating_add(length.0);
        }
        part.push(value);
    }
    parts.push(part);
    parts
}
