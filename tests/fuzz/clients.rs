//! Who asks: proxies, networks, and what `/ip` says of an address.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::support::random::Random;

use ipv6_httpd::access::list::{AccessList, Place, Rule, Verdict};
use ipv6_httpd::access::network::Network;
use ipv6_httpd::http::forwarded::{self, Source};
use ipv6_httpd::http::proxy_protocol;
use ipv6_httpd::http::response::{Body, Segment};
use ipv6_httpd::peer::{Name, Peer};
use ipv6_httpd::site::ip_page;
use ipv6_httpd::sys;

use super::{
    as_field_value, fuzz, fuzz_some, model_split, model_trim, mutate, mutated, with_fields,
};

/// Addresses of all kinds, with what is particular in its first and last bits.
fn any_address(random: &mut Random) -> IpAddr {
    let starts = [
        "192.0.2.0",
        "10.0.0.0",
        "127.0.0.1",
        "::",
        "::1",
        "::ffff:192.0.2.1",
        "64:ff9b::192.0.2.1",
        "2001:db8::",
        "2002:c000:201::",
        "fd00::1",
        "fe80::",
        "fe80::1",
    ];
    let start: IpAddr = random.of(&starts).parse().expect("an address");
    let mut bits = bits_of(start);
    for _ in 0..*random.of(&[0, 1, 2, 40]) {
        let at = random.place(bits.len());
        bits[at] = !bits[at];
    }
    address_of(&bits)
}

fn bits_of(address: IpAddr) -> Vec<bool> {
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let bits = |octet: u8| (0..8).rev().map(move |bit| octet >> bit & 1 == 1);
    octets.into_iter().flat_map(bits).collect()
}

fn address_of(bits: &[bool]) -> IpAddr {
    let octet = |bits: &[bool]| bits.iter().fold(0, |octet, &bit| octet << 1 | u8::from(bit));
    let octets: Vec<u8> = bits.chunks(8).map(octet).collect();
    match <[u8; 4]>::try_from(octets.as_slice()) {
        Ok(octets) => octets.into(),
        Err(_) => <[u8; 16]>::try_from(octets).expect("either").into(),
    }
}

/// IPv4 in IPv6 is IPv4.
fn model_canonical(address: IpAddr) -> IpAddr {
    match (address.to_string().strip_prefix("::ffff:"), address) {
        (Some(text), IpAddr::V6(_)) => text.parse().unwrap_or(address),
        _ => address,
    }
}

/// What a PROXY header says, where enough bytes have come for the longest of them.
fn model_proxy_header(bytes: &[u8]) -> Option<(usize, Source)> {
    let client = |address: IpAddr| Source::Client(model_canonical(address));
    if let Some(binary) = bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n") {
        let length = usize::from(binary[2]) * 256 + usize::from(binary[3]);
        let block = binary[4..].get(..length).filter(|_| length <= 4096)?;
        let source = match (binary[0], binary[1]) {
            (0x20, _) => Source::Proxy,
            (0x21, 0x11) => client(<[u8; 4]>::try_from(block.get(..12)?.get(..4)?).ok()?.into()),
            (0x21, 0x21) => client(<[u8; 16]>::try_from(block.get(..36)?.get(..16)?).ok()?.into()),
            (0x21, 0x00) => Source::Unknown,
            (0x21, 0x31) => block.get(..216).map(|_| Source::Unknown)?,
            _ => return None,
        };
        return Some((16 + length, source));
    }
    let line = bytes[..107].split_inclusive(|&byte| byte == b'\n').next()?;
    let words: Vec<&[u8]> = line.strip_suffix(b"\r\n")?.split(|&byte| byte == b' ').collect();
    if words[..2.min(words.len())] == [&b"PROXY"[..], b"UNKNOWN"] {
        return Some((line.len(), Source::Unknown));
    }
    let words: Vec<&str> =
        words.into_iter().map(std::str::from_utf8).collect::<Result<_, _>>().ok()?;
    let ["PROXY", family, from, to, from_port, to_port] = words[..] else {
        return None;
    };
    for port in [from_port, to_port] {
        port.parse::<u16>().ok().filter(|number| number.to_string() == port)?;
    }
    let source: IpAddr = match family {
        "TCP4" => (from.parse::<Ipv4Addr>().ok()?, to.parse::<Ipv4Addr>().ok()?).0.into(),
        "TCP6" => (from.parse::<Ipv6Addr>().ok()?, to.parse::<Ipv6Addr>().ok()?).0.into(),
        _ => return None,
    };
    Some((line.len(), client(source)))
}

fn any_proxy_header(random: &mut Random, out: &mut Vec<u8>) {
    let (from, to) = (any_address(random), any_address(random));
    match random.place(4) {
        0 => {
            let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
            let to = if random.place(8) == 0 { to } else { from };
            let ports = random.of(&["1 2", "0 65535", "443 65536", "080 1", "1 2 3"]);
            out.extend_from_slice(format!("PROXY {family} {from} {to} {ports}\r\n").as_bytes());
        }
        1 => {
            let rest = random.of(&["", " ", " ffff:f...f:ffff 1", "X"]);
            out.extend_from_slice(format!("PROXY UNKNOWN{rest}\r\n").as_bytes());
        }
        _ => {
            out.extend_from_slice(b"\r\n\r\n\0\r\nQUIT\n");
            let families: &[(u8, usize)] =
                &[(0x11, 12), (0x21, 36), (0, 0), (0x31, 216), (0x12, 12)];
            let &(family, least) = random.of(families);
            let more = *random.of(&[0, 0, 3, 300, 4096 - least, 4097 - least]);
            let length = (least + more - random.place(least.min(1) + 1)) as u16;
            out.extend_from_slice(&[*random.of(&[0x20, 0x21, 0x21, 0x21, 0x22]), family]);
            out.extend_from_slice(&length.to_be_bytes());
            let start = out.len();
            for address in [from, to] {
                out.extend(
                    bits_of(address)
                        .chunks(8)
                        .map(|bits| bits.iter().fold(0, |octet, &bit| octet << 1 | u8::from(bit))),
                );
            }
            out.resize(start + usize::from(length), 7);
        }
    }
}

#[test]
fn proxy_headers() {
    fuzz_some(20_000, |random, input| {
        any_proxy_header(random, input);
        for _ in 0..random.place(6).saturating_sub(3) {
            mutate(random, input, &[b"PROXY TCP4 ::1 1.2.3.4 1 2\r\n".to_vec()]);
        }
        // With so much behind it no header is incomplete.
        let bytes = [input.as_slice(), &[b'x'; 16 + 4096]].concat();
        let whole = proxy_protocol::read(&bytes);
        assert_ne!(whole, Ok(None));
        let found = whole.as_ref().ok().and_then(|header| header.as_ref());
        let found = found.map(|header| (header.length, header.source));
        assert_eq!(found, model_proxy_header(&bytes));
        let length = found.map_or(0, |(length, _)| length);
        let mut cuts: BTreeSet<usize> = (0..=120).collect();
        cuts.extend((0..20).map(|_| random.place(bytes.len())));
        cuts.extend([length.saturating_sub(1), length, length + 1, bytes.len()]);
        let mut decided = None;
        for cut in cuts {
            match proxy_protocol::read(&bytes[..cut]) {
                Ok(None) => assert_eq!(decided, None, "undecided again at {cut}"),
                outcome => {
                    assert_eq!(outcome, whole, "cut at {cut}");
                    decided.get_or_insert(cut);
                }
            }
        }
        assert!(found.is_none() || decided == Some(length));
        found.is_some()
    });
}

/// The bits that count of a network, its family and its zone, character by character.
fn model_network(text: &str) -> Option<(Vec<bool>, bool, u32)> {
    let (mut parts, mut at) = ([Some(String::new()), None, None], 0);
    for character in text.chars() {
        match ['/', '%'].iter().position(|&mark| mark == character) {
            Some(mark) if parts[mark + 1].is_some() => return None,
            Some(mark) => {
                at = mark + 1;
                parts[at] = Some(String::new());
            }
            None => parts[at].get_or_insert_default().push(character),
        }
    }
    let [address, bits, zone] = parts;
    let address: IpAddr = address?.parse().ok()?;
    let mut all = bits_of(address);
    let count = match bits {
        None => all.len(),
        Some(bits) => (0..=all.len()).find(|count| count.to_string() == bits)?,
    };
    if model_canonical(address) != address || all[count..].contains(&true) {
        return None;
    }
    let zone = match zone {
        None => 0,
        Some(zone) => {
            let is_link_local = all.len() == 128 && count >= 10;
            let start = [true; 7].into_iter().chain([false, true, false]);
            if !is_link_local || !start.eq(all[..10].iter().copied()) {
                return None;
            }
            let by_number = zone.parse().ok().filter(|index: &u32| index.to_string() == zone);
            let by_number = by_number.filter(|&index| sys::interface_name(index).is_some());
            sys::interface_index(&zone).or(by_number)?
        }
    };
    all.truncate(count);
    Some((all, address.is_ipv6(), zone))
}

#[test]
fn networks() {
    let seeds: [&[u8]; 9] = [
        b"192.0.2.0/24",
        b"192.0.2.1",
        b"2001:db8::/32",
        b"::/0",
        b"fe80::/10%1",
        b"fe80::%1/64",
        b"fe80::1%+1",
        b"::ffff:1.2.3.4/96",
        b"128.0.0.0/1",
    ];
    fuzz_some(50_000, |random, input| {
        mutated(random, input, 3, &seeds);
        let text = String::from_utf8_lossy(input).into_owned();
        let found = text.parse::<Network>();
        let model = model_network(&text);
        assert_eq!(found.is_ok(), model.is_some(), "{found:?}");
        let (Ok(network), Some((bits, is_ipv6, zone))) = (found, model) else {
            return false;
        };
        assert_eq!(network.to_string().parse(), Ok(network));
        assert_eq!(network.precision(), (bits.len() as u8, zone != 0));
        // An address in it, and the same with any bit turned over.
        let mut inside = bits.clone();
        inside.resize_with(if is_ipv6 { 128 } else { 32 }, || random.place(2) == 0);
        assert!(network.contains(address_of(&inside), zone));
        let at = random.place(inside.len());
        inside[at] = !inside[at];
        let is_inside = inside.starts_with(&bits);
        assert_eq!(network.contains(address_of(&inside), zone), is_inside);
        assert_eq!(network.contains(address_of(&inside), zone + 1), is_inside && zone == 0);
        let other = if is_ipv6 { "192.0.2.1" } else { "::" };
        assert!(!network.contains(other.parse().expect("an address"), zone));
        true
    });
}

#[test]
fn access_lists() {
    fuzz_some(20_000, |random, input| {
        // Rules around one address, as they overlap most.
        let near = any_address(random);
        let mut rules = Vec::new();
        let mut plain = Vec::new();
        for _ in 0..random.place(8) {
            let other = any_address(random);
            let mut bits = bits_of(if random.place(6) == 0 { other } else { near });
            let all = bits.len();
            // Often as long as another one's.
            let any = random.place(129);
            let count = *random.of(&[0, 8, 10, 31, 32, 64, 128, any]);
            let count = count.min(all);
            bits[count..].fill(false);
            let zone = if all == 128 && random.place(2) == 0 { "%1" } else { "" };
            let text = format!("{}/{count}{zone}", address_of(&bits));
            let Ok(place) = text.parse::<Place>() else {
                assert!(model_network(&text).is_none(), "{text}");
                continue;
            };
            let denies = random.place(2) == 0;
            input
                .extend_from_slice(format!("{}{text} ", if denies { '-' } else { '+' }).as_bytes());
            let verdict = if denies { Verdict::Deny } else { Verdict::Allow };
            rules.push(Rule { verdict, place });
            plain.push((model_network(&text).expect("a network"), denies));
        }
        let mut bits = bits_of(near);
        for _ in 0..random.place(2) {
            let at = random.place(bits.len());
            bits[at] = !bits[at];
        }
        let (address, zone) = (address_of(&bits), *random.of(&[0, 1, 2]));
        input.extend_from_slice(format!("{address}%{zone}").as_bytes());

        // From the longest prefix to the shortest, one interface before all; who denies is first.
        let mut verdict = plain.iter().all(|&(_, denies)| denies);
        'found: for length in (0..=bits.len()).rev() {
            for (has_zone, denies) in [(true, true), (true, false), (false, true), (false, false)] {
                let holds = |(network, denies_too): &((Vec<bool>, bool, u32), bool)| {
                    let (start, is_ipv6, in_zone) = network;
                    start.len() == length
                        && *denies_too == denies
                        && (*in_zone != 0) == has_zone
                        // On an interface that is not known it may be the one that is denied.
                        && (*in_zone == 0 || *in_zone == zone || (*denies_too && zone == 0))
                        && *is_ipv6 == address.is_ipv6()
                        && bits.starts_with(start)
                };
                if plain.iter().any(holds) {
                    verdict = !denies;
                    break 'found;
                }
            }
        }
        let list = AccessList::new(&rules);
        let client = Peer { zone, ..Peer::behind_proxy(address) };
        assert_eq!(list.allows(client, 0), verdict);
        assert!(!list.allows(Peer::UNKNOWN, 0));
        verdict
    });
}

/// An address as proxies write it: every way is tried.
fn model_node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let is_port = |port: &str| match port.strip_prefix('_') {
        Some(name) => !name.is_empty(),
        None => (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()),
    };
    let v6 = |text: &str| match text.find('%') {
        None => text.parse::<Ipv6Addr>().ok(),
        Some(at) => {
            let (address, zone) = (&text[..at], &text[at + 1..]);
            let is_zone = !zone.is_empty() && zone.chars().all(|c| ('!'..='~').contains(&c));
            address.parse().ok().filter(|_| is_zone)
        }
    };
    let in_brackets = |text: &str| {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        v6(inner).filter(|_| !inner.contains(']'))
    };
    let v4 = |text: &str| text.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    let v6_of = |found: Option<Ipv6Addr>| found.map(IpAddr::V6);
    let alone = v4(text).or(v6_of(v6(text))).or(v6_of(in_brackets(text)));
    let mut colons = text.match_indices(':');
    let with_port = colons.find_map(|(at, _)| {
        let (address, port) = (&text[..at], &text[at + 1..]);
        let known = v4(address).or(v6_of(in_brackets(address)));
        known.filter(|_| is_port(port))
    });
    let nobody = ["::", "0.0.0.0"].map(|text| text.parse::<IpAddr>().expect("an address"));
    let found = alone.or(with_port).map(model_canonical);
    found.filter(|address| !nobody.contains(address))
}

/// From the right: whoever the last proxy that is trusted saw, known or not.
fn model_rightmost(
    nodes: &[Option<IpAddr>],
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    let is_client = |node: &&Option<IpAddr>| !node.is_some_and(&is_trusted);
    let client = nodes.iter().rev().find(is_client).or(nodes.first());
    client.copied().flatten()
}

/// The `for` of one element (RFC 7239 §4).
fn model_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = Vec::new();
    for pair in model_split(element, b';').0 {
        let pair = model_trim(&pair);
        if pair.is_empty() {
            continue;
        }
        let at = pair.iter().position(|&byte| byte == b'=')?;
        if pair[..at].eq_ignore_ascii_case(b"for") {
            found.push(pair[at + 1..].to_vec());
        }
    }
    let [value] = &found[..] else { return None };
    if value.first() != Some(&b'"') {
        return model_node(value);
    }
    let (mut text, mut at) = (Vec::new(), 1);
    while *value.get(at)? != b'"' {
        at += usize::from(value[at] == b'\\');
        text.push(*value.get(at)?);
        at += 1;
    }
    (at + 1 == value.len()).then(|| model_node(&text)).flatten()
}

/// The client, as both fields tell it; an error where they do not agree or cannot be read.
/// `None`: nobody can tell.
fn model_client(
    lines: &[Vec<u8>],
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Result<Option<IpAddr>, ()> {
    let values = |name: &str| -> Vec<Vec<u8>> {
        let line = |line: &Vec<u8>| {
            let at = line.iter().position(|&byte| byte == b':').expect("a field line");
            let (found, value) = line.split_at(at);
            found.eq_ignore_ascii_case(name.as_bytes()).then(|| model_trim(&value[1..]))
        };
        lines.iter().filter_map(line).collect()
    };
    let (old, new) = (values("X-Forwarded-For"), values("Forwarded"));
    let elements = old.iter().flat_map(|value| value.split(|&byte| byte == b','));
    let elements = elements.map(model_trim);
    let nodes: Vec<_> = elements.map(|element| model_node(&element)).collect();
    let by_old = model_rightmost(&nodes, &is_trusted);
    if new.is_empty() {
        return Ok(by_old);
    }
    let mut nodes = Vec::new();
    for value in &new {
        let (elements, is_open) = model_split(value, b',');
        if is_open {
            return Err(());
        }
        let elements = elements.iter().map(|element| model_trim(element));
        let elements = elements.filter(|element| !element.is_empty());
        nodes.extend(elements.map(|element| model_for(&element)));
    }
    let by_new = model_rightmost(&nodes, &is_trusted);
    if old.is_empty() || by_old == by_new { Ok(by_new) } else { Err(()) }
}

#[test]
fn forwarded_fields() {
    let old: [&[u8]; 5] = [
        b"fe80::1%eth0, [fe80::1%25eth0]:80,",
        b"192.0.2.1, [2001:db8::1]:4711, 10.0.0.1",
        b"192.0.2.1:80,10.0.0.1 ,, 10.0.0.2",
        b"unknown, ::ffff:10.0.0.1, [::ffff:192.0.2.1]:_x",
        b"2001:db8::1",
    ];
    let new: [&[u8]; 6] = [
        b"for=\"[2001:db8::1]:4711\";proto=http, for=192.0.2.1",
        b"for=unknown;by=_x, For=\"_a\\\"b\"",
        b"proto=https ; for=\"192.0.2.\\1\";;by=\"a;b,for=::1\", for=10.0.0.1;",
        b"for=\"[2001:db8::1]\"",
        b"for=192.0.2.1, for=10.0.0.1;by=10.0.0.2",
        b"for=192.0.2.1;for=192.0.2.1",
    ];
    let is_trusted = |address: IpAddr| address.to_string().starts_with("10.");
    fuzz_some(30_000, |random, input| {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let first = random.place(2);
        for at in first..first + 1 + random.place(3) {
            let (name, seeds): (&[u8], &[&[u8]]) = match at % 2 {
                0 => (b"X-Forwarded-For: ", &old),
                _ => (b"forwarded:", &new),
            };
            let mut value = Vec::new();
            mutated(random, &mut value, 3, seeds);
            as_field_value(&mut value);
            lines.push([name, &value].concat());
        }
        input.extend_from_slice(&lines.join(&b'\n'));
        let found =
            with_fields(&lines, |fields| forwarded::client(fields, is_trusted).map_err(|_| ()));
        let found = found.expect("what stands in a field line is all allowed");
        // At least one of the fields is there, so the proxy speaks for somebody.
        let expected = model_client(&lines, is_trusted)
            .map(|client| client.map_or(Source::Unknown, Source::Client));
        assert_eq!(found, expected);
        matches!(found, Ok(Source::Client(_)))
    });
}

/// What addresses are for, as the registries list it; the longest prefix counts.
const KINDS: &str = "0.0.0.0/0 global, 127.0.0.0/8 loopback, 10.0.0.0/8 private, \
    172.16.0.0/12 private, 192.168.0.0/16 private, 100.64.0.0/10 shared, \
    169.254.0.0/16 link-local, 192.0.2.0/24 documentation, 198.51.100.0/24 documentation, \
    203.0.113.0/24 documentation, 0.0.0.0/8 reserved, 224.0.0.0/3 reserved, \
    192.0.0.0/24 reserved, 198.18.0.0/15 reserved, ::/0 reserved, ::1/128 loopback, \
    64:ff9b::/96 nat64, 64:ff9b:1::/48 nat64, 2000::/3 global, 2001::/23 reserved, \
    2001::/32 teredo, 2001:db8::/32 documentation, 3fff::/20 documentation, 2002::/16 6to4, \
    fc00::/7 unique-local, fe80::/10 link-local";

/// A text between two others, with HTML's or JSON's escapes undone.
fn between(page: &str, before: &str, after: &str) -> String {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("{page}"));
    let (text, _) = rest.split_once(after).unwrap_or_else(|| panic!("{page}"));
    let escapes = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("\\\"", "\""),
        ("\\\\", "\\"),
        ("&amp;", "&"),
    ];
    let undo = |text: String, (escape, character): &(&str, &str)| text.replace(escape, character);
    escapes.iter().fold(text.to_owned(), undo)
}

#[test]
fn addresses_of_clients() {
    let kinds: Vec<_> = KINDS
        .split(", ")
        .map(|row| {
            let (network, kind) = row.split_once(' ').expect("a row");
            (model_network(network).expect("a network"), kind)
        })
        .collect();
    fuzz(20_000, |random, input| {
        // Within some row, or at the other side of its end.
        let ((start, is_ipv6, _), _) = random.of(&kinds);
        let mut bits = start.clone();
        bits.resize_with(if *is_ipv6 { 128 } else { 32 }, || random.place(2) == 0);
        for _ in 0..random.place(2) {
            let at = random.place(bits.len());
            bits[at] = !bits[at];
        }
        let address = model_canonical(address_of(&bits));
        let zone = *random.of(&["", "", "eth0", "wlan-1.2", "<b>&\"'"]);
        input.extend_from_slice(format!("{address}%{zone}").as_bytes());
        if address == Peer::UNIX {
            return;
        }
        let zone_name = (!zone.is_empty()).then(|| zone.to_owned());
        let name = Name { address: Some(address), zone: zone_name };
        let text = name.to_string();
        let client = ip_page::Client { name, server: None };
        let (plain, found_zone) = text.split_once('%').unwrap_or((&text, ""));
        assert_eq!((plain.parse(), found_zone), (Ok(address), zone));
        let page = |accept: &str| {
            let line = format!("Accept: {accept}").into_bytes();
            let answer = with_fields(&[line], |fields| ip_page::respond(&client, fields));
            match answer.expect("a request").body {
                Body::Segments(segments) => {
                    let page = segments.into_iter().flat_map(|segment| match segment {
                        Segment::Bytes(bytes) => bytes,
                        other => panic!("{other:?}"),
                    });
                    String::from_utf8(page.collect()).expect("UTF-8")
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(page("*/*"), format!("Your IP address is {text}\n"));
        let html = page("text/html");
        assert_eq!(between(&html, "<h1>Your IP address is ", "</h1>"), text);
        let json = page("application/json");
        assert_eq!(between(&json, "{\"address\":\"", "\",\"family\":\""), text);
        let family = between(&json, "\",\"family\":\"", "\",\"kind\":\"");
        assert_eq!(family, if address.is_ipv6() { "IPv6" } else { "IPv4" });
        let bits = bits_of(address);
        let rows = kinds.iter().filter(|((start, is_ipv6, _), _)| {
            *is_ipv6 == address.is_ipv6() && bits.starts_with(start)
        });
        let kind = rows.max_by_key(|((start, ..), _)| start.len()).expect("a row").1;
        assert_eq!(between(&json, "\",\"kind\":\"", "\"}\n"), kind);
        // The two ends of a tunnel stand in the address itself.
        let words = between(&html, "<dt>Kind</dt><dd>", "</dd>");
        let embedded = |bits: &[bool]| address_of(bits).to_string();
        let turned: Vec<bool> = bits.iter().map(|bit| !bit).collect();
        let ends = match (kind, bits.len()) {
            ("6to4", _) => vec![embedded(&bits[16..48])],
            ("teredo", _) => vec![embedded(&bits[32..64]), embedded(&turned[96..])],
            ("nat64", _) if plain.contains('.') => vec![embedded(&bits[96..])],
            _ => Vec::new(),
        };
        for end in ends {
            assert!(words.contains(&end), "{end} is not in: {words}");
        }
    });
}
