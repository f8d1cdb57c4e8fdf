//! What people read: links and names of files lead somewhere, and promises name their tests.

use std::path::Path;

use super::{files, is_package, read};

/// README and the pages behind it, with their texts.
fn documents() -> Vec<(String, String)> {
    let mut documents = vec!["README.md".to_owned()];
    for folder in [".readme", ".github"] {
        let pages = files(folder).into_iter().filter(|name| name.ends_with(".md"));
        documents.extend(pages.map(|name| format!("{folder}/{name}")));
    }
    documents.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// Documents send people to files; a file that moves takes its readers with it.
#[test]
fn documents_name_files_that_are_there() {
    if is_package() {
        return;
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checked = 0;
    for (document, text) in documents() {
        for quoted in text.split('`').skip(1).step_by(2) {
            if ["src/", "tests/", "scripts/"].iter().any(|folder| quoted.starts_with(folder)) {
                let path = quoted.split([' ', ':']).next().unwrap_or_default();
                let path = top.join(path.trim_end_matches('/'));
                assert!(path.exists(), "{document}: there is no {quoted}");
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    if is_package() {
        return;
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checked = 0;
    for (document, text) in documents() {
        let path = top.join(&document);
        let folder = path.parent().expect("a file has a folder");
        for (start, end) in [("](", ')'), ("src=\"", '"')] {
            for target in text.split(start).skip(1).filter_map(|rest| rest.split(end).next()) {
                let path = target.split('#').next().unwrap_or_default();
                if !target.contains("://") && !path.is_empty() {
                    assert!(folder.join(path).exists(), "{document}: nothing is at {target}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 8, "{checked}");
}

/// A newcomer gets going with these two.
#[test]
fn readme_names_the_two_commands() {
    let readme = read("README.md");
    for command in ["    cargo run --release", "    cargo test"] {
        assert!(readme.lines().any(|line| line == command), "README.md has no line '{command}'");
    }
}

/// Each promise names the tests that hold it, as in `tests/suite/race.rs: one_name, another`.
#[test]
fn security_promises_name_tests_that_are_there() {
    if is_package() {
        return;
    }
    let promises = read(".github/SECURITY.md");
    let mut checked = 0;
    for quoted in promises.split('`').skip(1).step_by(2) {
        let Some((file, names)) = quoted.split_once(".rs: ") else { continue };
        let text = read(format!("{file}.rs"));
        for name in names.split(", ") {
            let test = format!("fn {name}() {{");
            assert!(text.contains(&test), "SECURITY.md: {file}.rs has no {name}");
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked}");
}
