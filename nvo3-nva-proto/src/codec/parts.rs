//! The parts of a list that is too long for one message.

use super::value::{Count, Put};
use crate::header::MAX_MESSAGE;
use alloc::vec::Vec;

/// Splits `values` into parts that each fit a message beside `fixed` bytes. A part has at least one value; no values give one
/// empty part.
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
