//! The command line: no words make it panic, and what is wrong is said in one line.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use ipv6_httpd::cli::{self, Command};

use super::{fuzz, mutate};

/// All sequences of three odd words, and mutated ones.
#[test]
fn command_lines() {
    let vocabulary: [&[u8]; 58] = [
        b"",
        b"-",
        b"--",
        b"---",
        b"=",
        b"-=",
        b"--=",
        b"-p",
        b"-p=",
        b"-p80",
        b"-p=80",
        b"--port",
        b"--port=",
        b"--port=80",
        b"--port=99999",
        b"80",
        b"-1",
        b"-b",
        b"-b::",
        b"[::]:80",
        b"::1",
        b"127.0.0.1:",
        b":80",
        b"fe80::1%",
        b"[::1",
        b"-w",
        b"-w0",
        b"-w2",
        b"-h",
        b"-hV",
        b"-V",
        b"--help",
        b"--version",
        b"--check",
        b"--help=x",
        b"--options-for-scripts",
        b"--index",
        b"a/b",
        b"..",
        b"--no-listing",
        b"--no-listing=x",
        b"--hidden",
        b"--symlinks",
        b"follow",
        b"--fallback",
        b"/x",
        b"--redirect-all",
        b"//x",
        b"--header",
        b"A: b",
        b"Content-Length: 5",
        b"A: b\r\nC: d",
        b"--media-type",
        b"x=a/b",
        b"--log",
        b"json",
        b"\xff\xfe",
        b"a\nb\x1b[31m",
    ];
    let check = |words: &[OsString]| match cli::parse(words.iter().cloned()) {
        Ok(Command::Print(text)) => assert!(text.ends_with('\n')),
        Ok(Command::Serve(config) | Command::Check(config) | Command::Healthcheck(config, _)) => {
            assert!(config.workers() > 0);
            assert!(!config.site.index.is_empty());
            for (name, value) in &config.site.headers {
                assert!(!name.is_empty() && !value.contains(['\r', '\n', '\0']), "{words:?}");
                assert!(!name.eq_ignore_ascii_case("content-length"), "{words:?}");
            }
        }
        Err(line) => {
            assert!(!line.is_empty() && !line.contains(char::is_control), "{words:?}: {line:?}");
        }
    };
    let words: Vec<OsString> =
        vocabulary.iter().map(|word| OsString::from_vec(word.to_vec())).collect();
    for a in &words {
        for b in &words {
            for c in &words {
                check(&[a.clone(), b.clone(), c.clone()]);
            }
        }
    }
    let seeds: Vec<Vec<u8>> = vocabulary.iter().map(|word| word.to_vec()).collect();
    fuzz(20_000, |random, input| {
        let mut line = Vec::new();
        for _ in 0..1 + random.place(5) {
            let mut word = random.of(&seeds).clone();
            if random.place(2) == 0 {
                mutate(random, &mut word, &seeds);
            }
            word.retain(|&byte| byte != 0);
            line.push(OsString::from_vec(word));
        }
        input.extend(line.iter().flat_map(|word| [word.as_bytes(), b"\n"].concat()));
        check(&line);
    });
}
