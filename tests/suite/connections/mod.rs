//! Over real sockets: persistence, pipelining, slow and silent clients, half-close, files that
//! change while they are sent.

mod files;
mod life;

use crate::support::client::{Answer, Conversation};
use crate::support::folder::pattern;

const MEBIBYTE: usize = 1 << 20;

fn assert_answer(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status(), answer.text()), (status, body), "{}", answer.head);
}

/// Reads a body of `length` bytes of [`pattern`] from `offset` on, without keeping it.
fn expect_pattern(client: &mut Conversation, offset: u64, length: u64) {
    let mut at = 0;
    while at < length {
        let count = (length - at).min(256 << 10) as usize;
        let block = client.take(count);
        assert!(block == pattern(offset + at, count), "wrong near byte {}", offset + at);
        at += count as u64;
    }
}
