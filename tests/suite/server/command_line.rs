//! The command line: help, version, and what is wrong.

use crate::support::server::{command, finish, os, run};
use ipv6_httpd::cli::{self, GROUPS, Takes};

#[test]
fn help_and_version() {
    let version = concat!("ipv6-httpd ", env!("CARGO_PKG_VERSION"), "\n");
    let (help, brief) = (cli::help(), cli::brief_help());
    assert!(brief.lines().count() < 24, "longer than a terminal:\n{brief}");
    assert!(
        brief.lines().all(|line| line.chars().count() <= 80),
        "wider than a terminal:\n{brief}"
    );
    for (option, expected) in
        [("-h", &*brief), ("--help", &*help), ("-V", version), ("--version", version)]
    {
        let said = (Some(0), expected.to_owned(), String::new());
        assert_eq!(run(&[option]), said, "{option}");
        assert_eq!(run(&["--no-ip", option, "--nonsense"]), said, "{option}");
    }
    assert_eq!(run(&["-hV"]).1, brief);
    assert_eq!(run(&["-Vh"]).1, version);
}

#[test]
fn every_option_of_the_help_wants_what_it_says() {
    for flag in GROUPS.iter().flat_map(|group| group.flags) {
        for name in flag.short.iter().chain([&flag.long]) {
            match flag.takes {
                // Prints something and ends, whatever else stands there.
                Takes::Nothing if matches!(flag.long, "--help" | "--version") => {}
                Takes::Nothing if name.starts_with("--") => {
                    let error = format!("ipv6-httpd: {name} takes no value, but 'x' was given\n");
                    let said = (Some(2), String::new(), error);
                    assert_eq!(run(&[&format!("{name}=x")]), said);
                }
                Takes::Nothing | Takes::OptionalUrl => {}
                Takes::Value(..) => {
                    let (status, out, error) = run(&[name]);
                    assert_eq!((status, out.as_str()), (Some(2), ""), "{name}");
                    assert!(error.starts_with(&format!("ipv6-httpd: {name} wants ")), "{error}");
                    assert!(error.ends_with('\n') && error.lines().count() == 1, "{error}");
                }
            }
        }
    }
}

/// What `scripts/manual` reads: a row for each option of the help, and none for itself.
#[test]
fn scripts_get_the_options_as_rows() {
    let (status, rows, errors) = run(&["--options-for-scripts"]);
    assert_eq!((status, errors.as_str()), (Some(0), ""));
    let names: Vec<&str> = rows.lines().filter_map(|row| row.split('\t').nth(2)).collect();
    for flag in GROUPS.iter().flat_map(|group| group.flags) {
        assert!(names.contains(&flag.long), "{}", flag.long);
    }
    assert!(!rows.contains("--options-for-scripts") && !cli::help().contains("for-scripts"));
}

#[test]
fn a_wrong_command_line_is_one_line_and_status_2() {
    let port = "wants a number from 0 to 65535";
    let workers = "wants a number from 1 to 1024";
    let cache_control = "wants a field value, as in max-age=60 or .css,.js=max-age=60";
    let sort = "wants name, size, date, -name, -size or -date";
    let bind = "--bind wants ADDR, [ADDR]:PORT, :PORT or fe80::1%eth0";
    let rows: [(&[&str], String); 52] = [
        (&["--nonsense"], "there is no option --nonsense; see --help".into()),
        (&["--nonsense=1"], "there is no option --nonsense; see --help".into()),
        (&["-x"], "there is no option -x; see --help".into()),
        (&["-p0x"], format!("-p {port}, not '0x'")),
        (&["-p"], format!("-p {port}")),
        (&["--port"], format!("--port {port}")),
        (&["--port="], format!("--port {port}, not ''")),
        (&["--port", "http"], format!("--port {port}, not 'http'")),
        (&["--port", "+80"], format!("--port {port}, not '+80'")),
        (&["--port", "65536"], format!("--port {port}, not '65536'")),
        (&["--port=-1"], format!("--port {port}, not '-1'")),
        (&["-w", "0"], format!("-w {workers}, not '0'")),
        (&["-w", "1025"], format!("-w {workers}, not '1025'")),
        (&["--workers=many"], format!("--workers {workers}, not 'many'")),
        (&["--symlinks", "some"], "--symlinks wants inside, follow or deny, not 'some'".into()),
        (&["--log", "xml"], "--log wants simple, common, combined, json or off, not 'xml'".into()),
        (&["--hidden=yes"], "--hidden takes no value, but 'yes' was given".into()),
        (&["--no-ip="], "--no-ip takes no value, but '' was given".into()),
        (&["--index", "a/b"], "--index wants the name of a file, not 'a/b'".into()),
        (&["--index", ".."], "--index wants the name of a file, not '..'".into()),
        (&["--fallback", "../x"], "--fallback wants a file beneath DIRECTORY, not '../x'".into()),
        (
            &["--redirect-all", "//h"],
            "--redirect-all wants a path that begins with /, or a URL, not '//h'".into(),
        ),
        (&["--cache-control", "a\nb"], format!("--cache-control {cache_control}, not 'a\\nb'")),
        (&["--cache-control", ""], format!("--cache-control {cache_control}, not ''")),
        (&["--cache-control", ".css"], format!("--cache-control {cache_control}, not '.css'")),
        (&["--cache-control=.css="], format!("--cache-control {cache_control}, not '.css='")),
        (&["--cache-control", ".a,b=c"], format!("--cache-control {cache_control}, not '.a,b=c'")),
        (&["--cache-control", ".=c"], format!("--cache-control {cache_control}, not '.=c'")),
        (&["--cache-control", "./a=c"], format!("--cache-control {cache_control}, not './a=c'")),
        (&["--sort", "mtime"], format!("--sort {sort}, not 'mtime'")),
        (&["--sort", "--date"], format!("--sort {sort}, not '--date'")),
        (
            &["--media-type", "log"],
            "--media-type wants EXT=TYPE, as in log=text/plain, not 'log'".into(),
        ),
        (
            &["--media-type", "a=b"],
            "--media-type wants EXT=TYPE, as in log=text/plain, not 'a=b'".into(),
        ),
        (
            &["--header", "X"],
            "--header wants a field line, as in 'X-Frame-Options: DENY', not 'X'".into(),
        ),
        (
            &["--header", "X: a\r\nY: b"],
            "--header wants a field line, as in 'X-Frame-Options: DENY', not 'X: a\\r\\nY: b'"
                .into(),
        ),
        (
            &["--header", "content-length: 1"],
            "--header cannot set Content-Length: the server controls connections and lengths"
                .into(),
        ),
        (
            &["--header", "ETag: x"],
            "--header cannot set ETag: the server sets it for each file".into(),
        ),
        (
            &["--header", "Cache-Control: x"],
            "--header cannot set Cache-Control: use --cache-control".into(),
        ),
        (&["--bind", "nonsense"], format!("{bind}, not 'nonsense'")),
        (
            &["--bind", "localhost:80"],
            format!("{bind}, not 'localhost:80': use ::1 or 127.0.0.1, or both"),
        ),
        (&["--bind", ""], format!("{bind}, not ''")),
        (&["-b", "x"], "-b wants ADDR, [ADDR]:PORT, :PORT or fe80::1%eth0, not 'x'".into()),
        (&["--healthcheck="], "--healthcheck wants a URL or no value, not ''".into()),
        (&["--bind", "[::1"], format!("{bind}, not '[::1'")),
        (&["--bind", "[::1]80"], format!("{bind}, not '[::1]80'")),
        (&["--bind", "[::1]:x"], format!("{bind}, not '[::1]:x'")),
        (&["--bind", "192.0.2.256"], format!("{bind}, not '192.0.2.256'")),
        (&["--bind", "192.0.2.1:99999"], format!("{bind}, not '192.0.2.1:99999'")),
        (&["a", "b"], "only one directory can be served, not both 'a' and 'b'".into()),
        (
            &[".", "8000"],
            "only one directory can be served, not both '.' and '8000': for a port use --port 8000"
                .into(),
        ),
        (
            &["80", "a"],
            "only one directory can be served, not both '80' and 'a': for a port use --port 80"
                .into(),
        ),
        (&["--", "a", "-x"], "only one directory can be served, not both 'a' and '-x'".into()),
    ];
    for (words, error) in rows {
        let error = format!("ipv6-httpd: {error}\n");
        assert_eq!(run(words), (Some(2), String::new(), error), "{words:?}");
    }
    for zone in ["not-there", "+1", "01"] {
        let (status, out, error) = run(&["--bind", &format!("fe80::1%{zone}")]);
        let start = format!(
            "ipv6-httpd: --bind fe80::1%{zone}: there is no interface '{zone}'; there are "
        );
        assert_eq!((status, out.as_str()), (Some(2), ""));
        let names = error.strip_prefix(&start).and_then(|rest| rest.strip_suffix('\n'));
        assert!(names.is_some_and(|names| names.split(", ").any(|name| name == "lo")), "{error}");
    }
    // Bytes that are no UTF-8 are shown as well as can be.
    let mut command = command();
    command.arg(os(b"--p\xff"));
    let error = "ipv6-httpd: there is no option --p\u{fffd}; see --help\n".to_owned();
    assert_eq!(finish(command), (Some(2), String::new(), error));
}
