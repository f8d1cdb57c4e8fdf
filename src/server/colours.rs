//! Whether colours may be used.

use std::io::{self, IsTerminal};

/// Whether to use colours on standard output: only on a terminal, and not if NO_COLOR is set
/// (no-color.org).
pub fn has_colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !unwanted && io::stdout().is_terminal()
}
