//! The command line: words -> [`Command`], and the texts that come from the options: the help, the
//! hints, the rows for scripts. The options themselves are in `flags.rs`.

mod flags;
mod rows;
mod values;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::config::{Config, port_hint};

pub use self::flags::{Flag, GROUPS, Group, Takes, Wants};

use self::flags::{BRIEF, Draft, Print};
use self::rows::{ROWS, Row, option_called, rows};
use self::values::Wrong;
use self::words::{Word, Words};

/// The result of a command line.
#[derive(Debug)]
pub enum Command {
    /// Serve.
    Serve(Box<Config>),
    /// Print what would be served, and exit.
    Check(Box<Config>),
    /// Ask the server with these options, or the one at the URL, whether it answers.
    Healthcheck(Box<Config>, Option<String>),
    /// Print this text, and exit.
    Print(String),
}

const VERSION: &str = concat!("ipv6-httpd ", env!("CARGO_PKG_VERSION"), "\n");

/// Prints the rows for `scripts/manual`. The help does not name it.
const OPTIONS_FOR_SCRIPTS: &str = "--options-for-scripts";

/// Reads the arguments, without the program's name. The error is one line that names the option
/// and says what it wants.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    read(Words::new(arguments)).map_err(|error| one_line(&error))
}

/// Escapes line feeds and control characters: an error may contain typed text or a file name.
pub fn one_line(error: &str) -> String {
    let mut line = String::with_capacity(error.len());
    for c in error.chars() {
        match c.is_control() {
            true => line += &c.escape_default().to_string(),
            false => line.push(c),
        }
    }
    line
}

fn read(mut words: Words) -> Result<Command, String> {
    let mut draft = Draft::default();
    let mut root: Option<PathBuf> = None;
    let mut is_brief = false;
    while let Some(word) = words.next()? {
        match word {
            Word::Option(name) if name == OPTIONS_FOR_SCRIPTS => {
                return Ok(Command::Print(ROWS.to_owned()));
            }
            Word::Option(name) => {
                apply(&name, &mut words, &mut draft)?;
                is_brief = name == "-h";
            }
            Word::Value(value) => {
                if let Some(first) = &root {
                    let (first, second) = (first.to_string_lossy(), value.to_string_lossy());
                    let hint = port_hint(&second).or_else(|| port_hint(&first));
                    return Err(format!(
                        "only one directory can be served, not both '{first}' and '{second}'{}",
                        hint.unwrap_or_default()
                    ));
                }
                root = Some(value.into());
            }
        }
        match draft.print {
            Some(Print::Help) if is_brief => return Ok(Command::Print(brief_help())),
            Some(Print::Help) => return Ok(Command::Print(help())),
            Some(Print::Version) => return Ok(Command::Print(VERSION.to_owned())),
            None => {}
        }
    }
    finish(draft, root)
}

/// Applies one option with its value.
fn apply(name: &str, words: &mut Words, draft: &mut Draft) -> Result<(), String> {
    let (row, set) = option_called(name).ok_or_else(|| unknown_option(name))?;
    let wants = row.wants;
    let value = match row.value.as_bytes() {
        [] => OsString::new(),
        [b'[', .., b']'] => match words.optional_value(|text| text.starts_with("http://")) {
            Some(value) if value.is_empty() => return Err(format!("{name} wants {wants}, not ''")),
            value => value.unwrap_or_default(),
        },
        _ => words.value().ok_or_else(|| format!("{name} wants {wants}"))?,
    };
    set(draft, &value).map_err(|wrong| {
        let error = format!("{name} wants {wants}, not '{}'", value.to_string_lossy());
        match wrong {
            Wrong::Value => error,
            Wrong::Because(reason) => error + ": " + &reason,
            Wrong::Message(message) => message,
        }
    })
}

/// Checks the options together.
fn finish(draft: Draft, root: Option<PathBuf>) -> Result<Command, String> {
    let mut config = Box::new(draft.config);
    if config.access.proxy_protocol && config.access.trusted_proxies.is_empty() {
        let error =
            "--proxy-protocol needs --trusted-proxy: any other client could claim any address";
        return Err(error.to_owned());
    }
    if config.site.archive && !config.site.listing {
        return Err("--archive needs the listings that --no-listing switches off".to_owned());
    }
    config.root = root.unwrap_or(config.root);
    if !draft.index.is_empty() {
        config.site.index = draft.index;
    }
    Ok(match draft.healthcheck {
        Some(url) => Command::Healthcheck(config, url),
        None if draft.check => Command::Check(config),
        None => Command::Serve(config),
    })
}

/// Says what there is instead, or suggests the most similar option: people forget and swap letters.
fn unknown_option(name: &str) -> String {
    let instead = match name {
        "-d" | "--dir" | "--directory" | "--root" => {
            "name the folder without one: ipv6-httpd DIRECTORY"
        }
        "--tls" | "--https" | "--ssl" | "--cert" => "for HTTPS put a proxy in front, such as Caddy",
        "--host" | "--address" | "--listen" => "use --bind ADDRESS",
        "-a" | "--auth" | "--password" => "use --auth-file FILE",
        "--qrcode" => "use --qr",
        "--verbose" | "--quiet" | "--silent" => "use --log FORMAT",
        _ => "",
    };
    if !instead.is_empty() {
        return format!("there is no option {name}: {instead}");
    }
    let mut nearest = (usize::MAX, "");
    let names = rows().flat_map(|row| [row.short, row.long]);
    for option in names {
        let distance = distance(name, option);
        // A letter, as -v for -V; of a longer name at most half the letters.
        let is_near = match name.len() {
            0..=2 => option.eq_ignore_ascii_case(name),
            length => option.starts_with(name) || distance <= 2 && distance * 2 <= length - 2,
        };
        if is_near && distance < nearest.0 {
            nearest = (distance, option);
        }
    }
    match nearest {
        (_, "") => format!("there is no option {name}; see --help"),
        (_, option) => format!("there is no option {name}; did you mean {option}?"),
    }
}

/// How many letters to insert, remove or change to turn `a` into `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (number, x) in (1..).zip(a.bytes()) {
        let mut left = number;
        let mut next = vec![left];
        for (pair, y) in row.windows(2).zip(b.bytes()) {
            if let [before, above] = *pair {
                left = (before + usize::from(x != y)).min(above + 1).min(left + 1);
                next.push(left);
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The text of `--help`, in lines of at most 80 columns.
pub fn help() -> String {
    let mut text = String::new();
    let mut heading = "Usage";
    for row in rows() {
        if row.heading != heading {
            heading = row.heading;
            text += &format!("\n{heading}:\n");
        }
        match heading {
            "Usage" => text += &format!("{}\n\nUsage: ipv6-httpd {}\n", row.help, row.value),
            "Arguments" | "Names" => add_entry(&mut text, row.value, row.help, 28),
            "Examples" => add_entry(&mut text, row.value, row.help, 37),
            _ => add_entry(&mut text, &names(&row), row.help, 28),
        }
    }
    text
}

/// The text of `-h`, which fits a terminal of 24 lines.
pub fn brief_help() -> String {
    let mut text = String::new();
    let mut is_apart = false;
    for row in rows() {
        let help = row.help.split([';', '(']).next().unwrap_or_default();
        let default = help.rfind('[').filter(|_| help.ends_with(']'));
        let help = help.get(..default.unwrap_or(help.len())).unwrap_or_default().trim_end();
        match row.heading {
            "Usage" => text += &format!("{help}\n\nUsage: ipv6-httpd {}\n\n", row.value),
            "Examples" => {
                // Apart from the options.
                text += if is_apart { "" } else { "\n" };
                is_apart = true;
                add_entry(&mut text, row.value, help, 37);
            }
            _ if BRIEF.contains(&row.long) => add_entry(&mut text, &names(&row), help, 28),
            _ => {}
        }
    }
    text + "\nAll options, and more that there is to know: ipv6-httpd --help\n"
}

/// The names of an option and of its value.
fn names(row: &Row) -> String {
    let comma = if row.short.is_empty() { " " } else { "," };
    let names = format!("{:2}{comma} {} {}", row.short, row.long, row.value);
    names.trim_end().to_owned()
}

/// Adds an indented name, and its description from this column on.
fn add_entry(text: &mut String, name: &str, description: &str, column: usize) {
    const WIDTH: usize = 80;
    let mut line = text.len();
    *text += "  ";
    *text += name;
    for word in description.split(' ') {
        let mut used = text.len() - line;
        if used.max(column) + 1 + word.len() > WIDTH {
            text.push('\n');
            line = text.len();
            used = 0;
        }
        let gap = column.saturating_sub(used).max(1);
        *text += &format!("{:gap$}{word}", "");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    fn error(words: &[&str]) -> String {
        parse(words.iter().map(OsString::from)).expect_err("an error")
    }

    #[test]
    fn a_wrong_option_suggests_the_right_one() {
        for (wrong, expected) in [
            ("--indx", "there is no option --indx; did you mean --index?"),
            ("--indx=a", "there is no option --indx; did you mean --index?"),
            ("--prot", "there is no option --prot; did you mean --port?"),
            ("--no-list", "there is no option --no-list; did you mean --no-listing?"),
            ("--log-only", "there is no option --log-only; did you mean --log-only-errors?"),
            ("--help-me-out", "there is no option --help-me-out; see --help"),
            ("--ssl", "there is no option --ssl: for HTTPS put a proxy in front, such as Caddy"),
            (
                "--https",
                "there is no option --https: for HTTPS put a proxy in front, such as Caddy",
            ),
            ("-d", "there is no option -d: name the folder without one: ipv6-httpd DIRECTORY"),
            (
                "--directory=x",
                "there is no option --directory: name the folder without one: ipv6-httpd DIRECTORY",
            ),
            ("--host", "there is no option --host: use --bind ADDRESS"),
            ("--password", "there is no option --password: use --auth-file FILE"),
            ("-a", "there is no option -a: use --auth-file FILE"),
            ("--qrcode", "there is no option --qrcode: use --qr"),
            ("--verbose", "there is no option --verbose: use --log FORMAT"),
            ("-v", "there is no option -v; did you mean -V?"),
            ("-H", "there is no option -H; did you mean -h?"),
            ("-P8000", "there is no option -P; did you mean -p?"),
            ("--h", "there is no option --h; did you mean --help?"),
            ("--v", "there is no option --v; did you mean --version?"),
            ("--halp", "there is no option --halp; did you mean --help?"),
            ("--sll", "there is no option --sll; see --help"),
            ("-?", "there is no option -?; see --help"),
            ("-x", "there is no option -x; see --help"),
            ("-\u{e4}", "there is no option -\u{e4}; see --help"),
        ] {
            assert_eq!(error(&[wrong]), expected);
        }
    }

    #[test]
    fn an_option_without_value_takes_none() {
        assert_eq!(error(&["--hidden=yes", "."]), "--hidden takes no value, but 'yes' was given");
    }

    #[test]
    fn check_is_a_command_wherever_it_stands() {
        for words in [["--check", "-p80"], ["-p80", "--check"]] {
            let command = parse(words.iter().map(OsString::from));
            assert!(matches!(command, Ok(Command::Check(config)) if config.port == Some(80)));
        }
    }

    #[test]
    fn every_word_that_an_option_offers_is_taken() {
        for flag in GROUPS.iter().flat_map(|group| group.flags) {
            let Takes::Value(_, Wants::OneOf(words)) = flag.takes else { continue };
            for word in words {
                let set = (flag.set)(&mut Draft::default(), OsStr::new(word));
                assert!(set.is_ok(), "{} {word}", flag.long);
            }
        }
    }

    #[test]
    fn the_rows_are_those_of_the_flags() {
        let options: Vec<_> = rows().filter(|row| !row.long.is_empty()).collect();
        let flags: Vec<_> = GROUPS
            .iter()
            .flat_map(|group| group.flags.iter().map(|flag| (group.heading, flag)))
            .collect();
        assert_eq!(options.len(), flags.len());
        for (row, (heading, flag)) in options.iter().zip(flags) {
            assert_eq!((row.heading, row.long, row.help), (heading, flag.long, flag.help));
            assert_eq!(row.short, flag.short.unwrap_or_default());
            for name in [flag.short, Some(flag.long)].into_iter().flatten() {
                let found = option_called(name).map(|(row, _)| row.long);
                assert_eq!(found, Some(flag.long), "two options have the name {name}");
            }
        }
        for row in ROWS.lines() {
            assert_eq!(row.split('\t').count(), 7, "{row}");
            assert!(!row.contains("  "), "{row}");
        }
    }
}
