//! Arguments -> configuration -> server; exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use ipv6_httpd::cli::{self, Command};
use ipv6_httpd::server::{self, Server, healthcheck};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Command::Print(text)) => print(&text),
        Ok(Command::Healthcheck(config, url)) => match healthcheck::ask(&config, url.as_deref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Ok(Command::Serve(config)) => match Server::bind(&config).and_then(Server::run) {
            Ok(never) => match never {},
            Err(error) => fail_to_serve(&error, 1),
        },
        Ok(Command::Check(config)) => match Server::bind(&config) {
            Ok(server) => print(&server.check(&config)),
            Err(error) => fail(&error, 1),
        },
        Err(error) => fail_to_serve(&error, 2),
    }
}

/// Ignores errors: if standard output is closed, nobody wants to read the text.
fn print(text: &str) -> ExitCode {
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// The same, for the service manager too.
fn fail_to_serve(error: &str, status: u8) -> ExitCode {
    server::report_failure(&cli::one_line(error));
    fail(error, status)
}

/// Prints the error in one line. Status 1: the start failed, or no server answers. Status 2: the
/// command line is wrong.
fn fail(error: &str, status: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "ipv6-httpd: {}", cli::one_line(error));
    ExitCode::from(status)
}
