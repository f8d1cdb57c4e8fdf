//! Who may import whom: the map of `src/lib.rs`, the layers of `http/`, and no circle anywhere.

use std::collections::{BTreeMap, BTreeSet};

use super::{code, read, sources};

#[test]
fn imports_follow_the_map() {
    // (who, whom): a prefix of the file's path, and the modules whose names it may use.
    let allowed: [(&str, &[&str]); 10] = [
        ("main.rs", &["cli", "server"]),
        ("cli/", &["config", "access", "http::grammar", "sys"]),
        // Networks are parsed once, and kept as what they are.
        ("config.rs", &["access", "http::limits", "sys"]),
        // It answers with statuses and knows nothing of the site that it guards.
        ("access/", &["http", "peer", "sys"]),
        ("http/", &[]),
        ("peer.rs", &["sys"]),
        ("qr.rs", &[]),
        ("site/", &["http", "config", "peer", "sys"]),
        ("server/", &["http", "site", "access", "config", "peer", "qr", "sys"]),
        ("sys/", &[]),
    ];
    for (file, text) in sources() {
        if file == "lib.rs" {
            continue;
        }
        let (prefix, allowed) = allowed
            .iter()
            .find(|(prefix, _)| file.starts_with(prefix))
            .unwrap_or_else(|| panic!("{file} is in no row of the map"));
        let own = prefix.trim_end_matches('/').trim_end_matches(".rs");
        for line in code(&text) {
            for start in ["crate::", "ipv6_httpd::"] {
                for (at, _) in line.match_indices(start) {
                    let path = &line[at + start.len()..];
                    let within = |module: &str| {
                        path.strip_prefix(module)
                            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
                    };
                    let fine = within(own) || allowed.iter().any(|module| within(module));
                    assert!(fine, "{file} may not import: {}", line.trim());
                }
            }
        }
    }
}

/// The module of a file: `http/now.rs` -> `http`, `now`; `http/mod.rs` -> `http`.
fn module(file: &str) -> Vec<&str> {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("mod").map_or(path, |folder| folder.trim_end_matches('/'));
    path.split('/').filter(|part| !part.is_empty() && *part != "lib").collect()
}

/// The words of a path: `a::b::{c}` -> `a`, `b`.
fn words(path: &str) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = Vec::new();
    for part in path.split("::") {
        let name: String = part.chars().take_while(|c| is_name(*c)).collect();
        let is_end = name.len() < part.len();
        if !name.is_empty() {
            words.push(name);
        }
        if is_end {
            break;
        }
    }
    words
}

/// What a file imports of this crate, as paths from its root.
fn imports(file: &str, text: &str, children: &[String]) -> Vec<Vec<String>> {
    let own: Vec<String> = module(file).into_iter().map(str::to_owned).collect();
    let above = own[..own.len().saturating_sub(1)].to_vec();
    let mut found = Vec::new();
    for line in code(text) {
        for (at, _) in line.match_indices("crate::") {
            found.push(words(&line[at + "crate::".len()..]));
        }
        for (at, _) in line.match_indices("super::") {
            if line[..at].ends_with("super::") || line[..at].ends_with("pub(in ") {
                continue;
            }
            let (mut from, mut rest) = (above.clone(), &line[at + "super::".len()..]);
            while let Some(further) = rest.strip_prefix("super::") {
                from.pop();
                rest = further;
            }
            found.push([from, words(rest)].concat());
        }
        for child in children {
            for (at, _) in line.match_indices(&format!("{child}::")) {
                if !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                    found.push([own.clone(), words(&line[at..])].concat());
                }
            }
        }
    }
    found
}

/// Which part of each folder imports which, `mod` being what its `mod.rs` itself has.
fn edges() -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let sources = sources();
    let modules: BTreeSet<String> = sources.keys().map(|file| module(file).join("/")).collect();
    let mut folders: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (file, text) in &sources {
        let own = module(file);
        let prefix = own.join("/");
        let is_child = |module: &&String| {
            let rest = module.strip_prefix(&prefix).unwrap_or_default();
            rest.starts_with('/') && !rest[1..].contains('/')
        };
        let children: Vec<String> = if file.ends_with("mod.rs") {
            let name = |module: &String| module.rsplit('/').next().unwrap_or_default().to_owned();
            modules.iter().filter(is_child).map(name).collect()
        } else {
            Vec::new()
        };
        for target in imports(file, text, &children) {
            for depth in 0..=own.len() {
                if target.len() <= depth || !own[..depth].iter().eq(&target[..depth]) {
                    break;
                }
                let folder = own[..depth].join("/");
                let from = own.get(depth).map_or("mod", |part| part);
                let to = match modules.contains(&target[..=depth].join("/")) {
                    true => target[depth].as_str(),
                    false => "mod",
                };
                // That file states the contract, in types and re-exports, for its folders to keep.
                if from != to && !(folder == "sys" && to == "mod") {
                    let edges = folders.entry(folder).or_default();
                    edges.entry(from.to_owned()).or_default().insert(to.to_owned());
                }
            }
        }
    }
    folders
}

/// The parts that lead from `part` back to itself.
fn circle(part: &str, edges: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut ways = vec![vec![part.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let last = way.last().expect("a way has a beginning");
        for next in edges.get(last).into_iter().flatten() {
            let way = [way.clone(), vec![next.clone()]].concat();
            if next == part {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                ways.push(way);
            }
        }
    }
    None
}

#[test]
fn no_folder_has_a_circle_of_imports() {
    let folders = edges();
    assert!(folders.len() >= 7, "{:?}", folders.keys());
    for (folder, edges) in &folders {
        for part in edges.keys() {
            let circle = circle(part, edges).map(|way| way.join(" -> "));
            assert_eq!(circle, None, "src/{folder}");
        }
    }
}

#[test]
fn the_protocol_is_in_layers() {
    let text = read("src/http/mod.rs");
    let (_, layers) =
        text.split_once("before it in this list (`tests/tidy.rs`):\n").expect("the layers");
    let (layers, _) = layers.split_once('.').expect("their end");
    let words = layers.split([' ', ',', '\n']).filter(|word| !word.is_empty() && *word != "//!");
    let layers: Vec<&str> = words.chain(["mod"]).collect();
    assert!(layers.len() > 20, "{layers:?}");
    let place = |name: &str| layers.iter().position(|layer| *layer == name);
    for (file, text) in sources() {
        let Some(name) = file.strip_prefix("http/").map(|name| name.trim_end_matches(".rs")) else {
            continue;
        };
        let own = place(name).unwrap_or_else(|| panic!("{file} has no place in the layers"));
        for target in imports(&file, &text, &[]).iter().filter(|target| target[0] == "http") {
            let fine = place(&target[1]).is_some_and(|place| place < own);
            assert!(fine, "{file} may not import {target:?}, which is below it");
        }
    }
}
