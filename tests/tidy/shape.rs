//! How long files and functions may be, and what they may take.

use super::{rust_files, sources};

/// A function, as far as its shape goes.
struct Function<'t> {
    name: &'t str,
    signature: String,
    lines: usize,
}

/// As cargo fmt writes them: a function ends with a brace as far to the left as it began.
fn functions(text: &str) -> Vec<Function<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let start = line.trim_start();
        let indent = &line[..line.len() - start.len()];
        let Some((before, rest)) = start.split_once("fn ") else { continue };
        let is_function = before.split(' ').filter(|word| !word.is_empty()).all(|word| {
            matches!(word, "const" | "unsafe" | "extern" | "\"C\"") || word.starts_with("pub")
        });
        if !is_function {
            continue;
        }
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        let is_end = |line: &&str| {
            **line == format!("{indent}}}") || (line.ends_with('}') && line.contains('{'))
        };
        let is_declared = line.ends_with(';');
        let length = match lines[at..].iter().position(is_end) {
            Some(end) if !is_declared => end + 1,
            _ => 1,
        };
        let signature = lines[at..at + length].join(" ");
        let signature = signature.split('{').next().unwrap_or_default().to_owned();
        found.push(Function { name, signature, lines: length });
    }
    found
}

/// What stands between the brackets of a signature, without `self`.
fn parameters(signature: &str) -> Vec<String> {
    let Some((_, rest)) = signature.split_once('(') else { return Vec::new() };
    let (mut depth, mut found, mut parameter) = (0, Vec::new(), String::new());
    for c in rest.replace("->", "").chars() {
        match c {
            ')' if depth == 0 => break,
            '(' | '[' | '<' => depth += 1,
            ')' | ']' | '>' => depth -= 1,
            _ => {}
        }
        match c {
            ',' if depth == 0 => found.push(std::mem::take(&mut parameter)),
            c => parameter.push(c),
        }
    }
    found.push(parameter);
    found.retain(|parameter| {
        let plain = parameter.trim().trim_start_matches('&').trim_start_matches("mut ");
        !plain.is_empty() && !plain.ends_with("self")
    });
    found
}

#[test]
fn files_and_functions_are_short() {
    let mut count = 0;
    for (file, text) in rust_files("src") {
        let lines = text.lines().count();
        assert!(lines <= 600, "src/{file} has {lines} lines");
    }
    for (file, text) in sources() {
        for Function { name, signature, lines } in functions(&text) {
            count += 1;
            assert!(lines <= 70, "{file}: {name} has {lines} lines");
            let parameters = parameters(&signature);
            assert!(parameters.len() <= 5, "{file}: {name} takes {parameters:?}");
            // Whoever reads `f(true)` does not know what is true.
            let is_bool = |parameter: &String| parameter.trim_end().ends_with(": bool");
            let is_public = signature.trim_start().starts_with("pub ");
            assert!(!(is_public && parameters.iter().any(is_bool)), "{file}: {name} takes a bool");
        }
    }
    assert!(count > 600, "{count} functions");
}
