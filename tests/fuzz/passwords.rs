//! Credentials and the file of users.

use std::collections::BTreeSet;

use ipv6_httpd::access::accounts::Accounts;
use ipv6_httpd::http::authorization;

use super::{as_field_value, fuzz_some, model_trim, mutate, mutated, with_fields};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// RFC 4648 §4, bit by bit.
fn model_base64(bytes: &[u8]) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    for byte in bytes {
        bits.extend((0..8).rev().map(|bit| byte >> bit & 1 == 1));
    }
    let digit = |bits: &[bool]| {
        let at = (0..6).fold(0, |at, bit| at << 1 | usize::from(bits.get(bit) == Some(&true)));
        BASE64[at]
    };
    let mut text: Vec<u8> = bits.chunks(6).map(digit).collect();
    text.resize(text.len().next_multiple_of(4), b'=');
    text
}

#[test]
fn credentials() {
    fuzz_some(30_000, |random, input| {
        let length = random.place(12);
        let mut pair: Vec<u8> = (0..length).map(|_| *random.of(b":ab\0\xff\x80 ~")).collect();
        if random.place(4) > 0 {
            pair.insert(random.place(length), b':');
        }
        input.extend_from_slice(random.of(&["Basic ", "bAsIc  ", "Basic", "Bearer "]).as_bytes());
        input.extend_from_slice(&model_base64(&pair));
        for _ in 0..random.place(5).saturating_sub(2) {
            mutate(random, input, &[b"YTpi".to_vec(), b"==".to_vec(), b"Basic \t".to_vec()]);
        }
        as_field_value(input);
        let line = [b"Authorization:", input.as_slice()].concat();
        let found = with_fields(&[line], authorization::basic).flatten();
        let found = found.map(|found| {
            assert!(!found.user.contains(&b':'));
            [found.user, found.password].join(&b':')
        });
        let value = model_trim(input);
        let token = value
            .get(..5)
            .filter(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
            .map(|_| &value[5..]);
        let spaces = |token: &&[u8]| token.iter().take_while(|&&byte| byte == b' ').count();
        let token = token.filter(|token| spaces(token) > 0).map(|token| &token[spaces(&token)..]);
        // What a token says is what gives it again. Its bits, cut into bytes:
        let said = token.and_then(|token| {
            let digits = token.iter().filter(|&&byte| byte != b'=');
            let mut bits = Vec::new();
            for digit in digits {
                let at = BASE64.iter().position(|other| other == digit)?;
                bits.extend((0..6).rev().map(|bit| at >> bit & 1 == 1));
            }
            let octets = bits.chunks_exact(8);
            let octet =
                |bits: &[bool]| bits.iter().fold(0, |octet, &bit| octet << 1 | u8::from(bit));
            let said: Vec<u8> = octets.map(octet).collect();
            (model_base64(&said) == token && said.contains(&b':')).then_some(said)
        });
        assert_eq!(found, said);
        found.is_some()
    });
}

#[test]
fn auth_files() {
    let files: [&[u8]; 3] = [
        b"ana:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5\n",
        b"bo:$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1\n",
        b"# people\r\n\r\nc d:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
    ];
    fuzz_some(20_000, |random, input| {
        mutated(random, input, 3, &files);
        match Accounts::parse(input, 1) {
            Ok(accounts) => {
                // What is for people need not be UTF-8.
                let text = String::from_utf8_lossy(input);
                let lines = text
                    .split('\n')
                    .map(|line| line.strip_suffix('\r').unwrap_or(line))
                    .filter(|line| !line.is_empty() && !line.starts_with('#'));
                let names: BTreeSet<&str> =
                    lines.clone().map(|line| line.split_once(":$5$").expect("a line").0).collect();
                assert_eq!(names.len(), accounts.count());
                assert_eq!(names.len(), lines.count(), "a user twice");
                assert!(!names.contains(""));
                true
            }
            Err(error) => {
                assert!(!error.is_empty() && !error.contains(char::is_control), "{error:?}");
                false
            }
        }
    });
}
