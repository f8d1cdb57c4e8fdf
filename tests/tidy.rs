//! The shape of the source: who may import whom, where unsafe code is, that there is no crate.
//! A rule that only people keep is soon broken. A program of its own, since it starts nothing and
//! takes no time: it can be run after each change.

#![allow(clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
#[cfg(unix)]
use std::process::Stdio;

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/shape.rs"]
mod shape;

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the files in a folder of the checkout, and not of the folders in it.
fn files(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let entries = entries.map(|entry| entry.expect("an entry").path());
    let name = |path: &Path| path.file_name()?.to_str().map(str::to_owned);
    let files = entries.filter(|path| path.is_file());
    let mut names: Vec<String> = files.filter_map(|path| name(&path)).collect();
    names.sort();
    names
}

/// Every file of Rust beneath a folder of the checkout, with its text.
fn rust_files(folder: &str) -> BTreeMap<String, String> {
    fn visit(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                visit(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths = Vec::new();
    visit(&top, &mut paths);
    let name = |path: &Path| path.strip_prefix(&top).expect("beneath it").display().to_string();
    let text = |path: &Path| fs::read_to_string(path).expect("UTF-8");
    paths.iter().map(|path| (name(path), text(path))).collect()
}

/// Every source file with its text, without unit tests: they may use what they like.
fn sources() -> BTreeMap<String, String> {
    let mut sources = rust_files("src");
    sources.retain(|file, _| !Path::new(file).ends_with("tests.rs"));
    for text in sources.values_mut() {
        let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        text.truncate(end);
    }
    sources
}

/// Whether this is the package that cargo publishes, which has neither scripts nor documents.
fn is_package() -> bool {
    !Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").exists()
}

/// The code of a file without its comments.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split("//").next().unwrap_or_default())
}

#[test]
fn unsafe_code_is_in_sys_alone_and_each_block_says_why() {
    for (file, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in code(&text).enumerate() {
            if !line
                .split(|c: char| !c.is_alphanumeric() && !"_-'".contains(c))
                .any(|word| word == "unsafe")
            {
                continue;
            }
            assert!(file.starts_with("sys/"), "{file}:{}: unsafe outside sys/", number + 1);
            let declares = line.contains("unsafe extern") || line.contains("unsafe fn");
            let before = lines[number.saturating_sub(4)..number].join("\n");
            assert!(
                declares || before.contains("// SAFETY:"),
                "{file}:{}: no SAFETY line",
                number + 1
            );
        }
    }
}

#[test]
fn the_core_knows_no_sockets_threads_or_clock() {
    for (file, text) in sources() {
        if !["http/", "site/", "access/", "peer.rs"].iter().any(|part| file.starts_with(part)) {
            continue;
        }
        // core::net has addresses and no sockets.
        for word in
            ["std::net", "std::thread", "Instant", "SystemTime::now", "println!", "std::env"]
        {
            assert!(!code(&text).any(|line| line.contains(word)), "{file} uses {word}");
        }
        if file.starts_with("http/") {
            for word in ["std::fs::read", "File::open", "std::io", "static mut"] {
                assert!(!code(&text).any(|line| line.contains(word)), "{file} uses {word}");
            }
        }
    }
}

#[test]
fn there_is_no_crate_and_nothing_beside_the_known() {
    if is_package() {
        return; // Its manifest is cargo's.
    }
    let manifest = read("Cargo.toml");
    for line in manifest.lines() {
        assert!(!(line.starts_with('[') && line.contains("dependencies")), "Cargo.toml: {line}");
        assert!(!line.starts_with("build"), "Cargo.toml: {line}");
    }
    let known = [
        "Cargo.toml",
        "Cargo.lock",
        "Cross.toml",
        "README.md",
        "src",
        "tests",
        "scripts",
        "target",
    ];
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).expect("the checkout") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let fine =
            name.starts_with('.') || name.starts_with("LICENSE") || known.contains(&name.as_str());
        assert!(fine, "{name} does not belong at the top");
    }
}

#[test]
fn every_file_says_what_it_is() {
    for (file, text) in sources() {
        assert!(text.starts_with("//! "), "{file} has no first line that says what belongs in it");
        let long = text.lines().enumerate().find(|(_, line)| line.chars().count() > 120);
        assert!(long.is_none(), "{file}: {long:?} is too long");
        for mark in ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!(", "dbg!("] {
            assert!(!text.contains(mark), "{file} holds {mark}");
        }
    }
}

/// A file of tests that is longer is about two things.
#[test]
fn files_of_tests_are_short_and_say_what_they_are() {
    for (file, text) in rust_files("tests") {
        assert!(text.starts_with("//! "), "tests/{file} does not say what belongs in it");
        let lines = text.lines().count();
        assert!(lines <= 600, "tests/{file} has {lines} lines");
    }
}

/// By its path: a bare name may stand there for another file.
#[test]
fn the_map_names_every_file() {
    let map = read("src/lib.rs");
    let (_, map) = map.split_once("```text\n").expect("the map");
    let (map, _) = map.split_once("//! ```").expect("its end");
    let rows = map.lines().map(|line| line.trim_start_matches("//! ").split_once(' '));
    let rows: BTreeMap<&str, &str> = rows.map(|row| row.expect("a path and what it is")).collect();
    let found = rust_files("src");
    for file in found.keys() {
        let says = rows.get(file.as_str()).unwrap_or_else(|| panic!("no {file} in the map"));
        assert!(!says.trim().is_empty(), "the map says nothing of {file}");
    }
    assert_eq!(rows.len(), found.len(), "the map has files that are not there: {rows:?}");
}

/// From the commit on that made this a rule. A copy without its history has none to look at.
#[test]
fn subjects_of_commits_fit_on_a_line() {
    let log = Command::new("git")
        .args(["log", "--format=%s", "6c90aae..HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let Ok(log) = log else { return };
    for subject in String::from_utf8_lossy(&log.stdout).lines() {
        assert!(subject.chars().count() <= 72, "{subject}");
    }
}

#[test]
fn help_and_readme_are_the_same() {
    let help = ipv6_httpd::cli::help();
    assert!(read("README.md").contains(&help), "README.md does not hold the help text as it is");
    for line in help.lines() {
        assert!(line.chars().count() <= 80, "too wide for a terminal: {line}");
        assert!(!line.ends_with("[default:"), "better broken elsewhere: {line}");
    }
}

#[test]
fn the_help_names_what_the_command_line_takes() {
    let help = ipv6_httpd::cli::help();
    let words: Vec<&str> = help.split([' ', ',', '\n']).collect();
    for flag in ipv6_httpd::cli::GROUPS.iter().flat_map(|group| group.flags) {
        for name in flag.short.iter().chain([&flag.long]) {
            assert!(words.contains(name), "the help does not name {name}");
            let answer = ipv6_httpd::cli::parse([name.into()]);
            let unknown = answer.is_err_and(|error| error.starts_with("there is no option"));
            assert!(!unknown, "{name}");
        }
    }
}

/// Scripts that run for minutes, and only where they may, expect messages word for word. Whoever
/// changes one of them learns here where else it stands: they all begin with `ipv6-httpd: `.
#[test]
fn messages_are_quoted_as_they_are_said() {
    if is_package() {
        return;
    }
    // Rust's lines that go on, put together.
    let said: String = sources()
        .values()
        .flat_map(|text| text.lines())
        .map(|line| line.trim().trim_end_matches('\\'))
        .collect();
    let mut quotes = vec![("README.md".to_owned(), read("README.md"))];
    for folder in ["scripts", "scripts/lib"] {
        for name in files(folder) {
            quotes.push((format!("{folder}/{name}"), read(Path::new(folder).join(&name))));
        }
    }
    let mut checked = 0;
    for (file, text) in &quotes {
        for mark in ['"', '\'', '`'] {
            for quoted in text.split(&format!("{mark}ipv6-httpd: ")).skip(1) {
                let message = quoted.split([mark, '\\', '\n']).next().unwrap_or_default();
                // The system's own words stand at the end.
                let own = match message.rsplit_once(": ") {
                    Some((own, system)) if system.ends_with(')') => own,
                    _ => message,
                };
                // Between the words are addresses, numbers and names, which come from elsewhere.
                let is_word = |word: &&str| {
                    let plain = word.trim_end_matches([':', ';', ',', '?']);
                    plain.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
                };
                let words: Vec<&str> = own.split(' ').collect();
                let runs = words.split(|word| !is_word(word));
                let runs: Vec<_> = runs.filter(|run| run.len() > 1).collect();
                assert!(!runs.is_empty(), "{file}: {message}: too short");
                for run in runs {
                    let run = run.join(" ");
                    assert!(said.contains(&run), "{file}: {message}: src/ has no '{run}'");
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 5, "{checked}");
}

/// A folder for PATH with what a script needs to read its command line. One that went on to build,
/// install or start something would find nothing to do it with.
#[cfg(unix)]
fn shells() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shells");
    fs::create_dir_all(&folder).expect("a folder");
    // What stands in PATH may be a script that looks for the program itself.
    let ask = ["-c", "import sys; print(sys.executable)"];
    let python = Command::new("python3").args(ask).output().map(|done| done.stdout);
    let python = String::from_utf8(python.unwrap_or_default()).expect("UTF-8");
    let path = std::env::var_os("PATH").unwrap_or_default();
    for name in ["env", "bash", "sed", "dirname", "python3"] {
        let mut places = std::env::split_paths(&path).map(|place| place.join(name));
        let found = match name {
            "python3" => Some(PathBuf::from(python.trim())),
            _ => places.find(|place| place.is_file()),
        };
        if let Some(found) = found.filter(|found| found.is_file()) {
            let link = folder.join(name);
            // The last run may have left one, and another may make it at the same time.
            drop(fs::remove_file(&link));
            drop(std::os::unix::fs::symlink(found, &link));
        }
    }
    folder
}

#[cfg(unix)]
#[test]
fn scripts_tell_what_they_do_and_refuse_what_they_do_not_know() {
    if is_package() {
        return;
    }
    let shells = shells();
    let check = |name: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
        let head = fs::read_to_string(&script).expect("UTF-8");
        let interpreter = head.lines().next().and_then(|line| line.strip_prefix("#!/usr/bin/env "));
        let interpreter = interpreter.unwrap_or_else(|| panic!("{name}: nothing runs it"));
        if !shells.join(interpreter).exists() {
            return; // This machine has none: there it runs no script either.
        }
        for (word, status) in [("--help", 0), ("--no-such-option", 2)] {
            let mut command = Command::new(&script);
            command.arg(word).current_dir("/").env("PATH", &shells);
            // A script that leaves this to its user would litter the checkout.
            command.env_remove("PYTHONDONTWRITEBYTECODE");
            let done = command.stdin(Stdio::null()).output().expect("a script that runs");
            let said = String::from_utf8_lossy(&done.stdout);
            let complaint = String::from_utf8_lossy(&done.stderr);
            assert_eq!(done.status.code(), Some(status), "{name} {word}: {said}{complaint}");
            if status == 0 {
                let line = said.lines().next().unwrap_or_default();
                let is_head = line.len() > 30 && head.contains(line);
                assert!(is_head, "{name} {word} does not print its head: {said}");
                let usage = format!("scripts/{name}");
                assert!(said.contains(&usage), "{name} {word} does not show how it is called");
                assert_eq!(complaint, "", "{name} {word}");
            } else {
                assert_eq!(said, "", "{name} {word}");
                let start = format!("{name}: ");
                let is_line = complaint.starts_with(&start) && complaint.lines().count() == 1;
                assert!(is_line, "{name} {word}: not one line: {complaint}");
            }
        }
    };
    std::thread::scope(|scope| {
        let names = files("scripts");
        for some in names.chunks(names.len().div_ceil(4)) {
            let some = some.to_vec();
            scope.spawn(|| some.into_iter().for_each(|name| check(&name)));
        }
    });
    let left = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/__pycache__");
    assert!(!left.exists(), "{} is left", left.display());
}
