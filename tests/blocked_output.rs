//! Standard output that takes nothing: a pipe that nobody reads, or that is closed; a disk that
//! is full. Serving goes on, what is lost is counted and said, and the server can be ended.

#[path = "support/program.rs"]
mod program;

use std::fs::File;
use std::io::Read;
use std::process::{ChildStdout, Stdio};
use std::thread::{self, JoinHandle};

use program::Program;

/// A pipe and the queue take no more than some hundred of these.
const LONG: usize = 7_000;
const REQUESTS: usize = 200;

fn ask_much(program: &Program) {
    let target = format!("/{}", "x".repeat(LONG));
    for _ in 0..REQUESTS {
        let answer = program.ask(&target);
        assert!(answer.starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    }
    assert!(program.ask("/a.txt").ends_with(b"\r\n\r\nhello\n"));
}

fn collect(mut stream: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("ASCII");
        text
    })
}

fn blocked(name: &str, shell: &str) -> (Program, ChildStdout, JoinHandle<String>) {
    let mut program = Program::start(name, shell, |command| {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    });
    let errors = collect(program.child.stderr.take().expect("a pipe"));
    let output = program.child.stdout.take().expect("a pipe");
    (program, output, errors)
}

/// The number in `ipv6-httpd: N lines of the log were lost: ...`, of all such lines.
fn lost_lines(errors: &str) -> usize {
    let lost = |line: &str| {
        let line = line.strip_prefix("ipv6-httpd: ")?;
        let number =
            line.strip_suffix(" lines of the log were lost: standard output was blocked")?;
        number.parse::<usize>().ok()
    };
    errors.lines().filter_map(lost).sum()
}

#[test]
fn a_pipe_that_nobody_reads_loses_lines_and_says_how_many() {
    let (mut program, output, errors) = blocked("blocked", "");
    ask_much(&program);
    let output = collect(output);
    // Ends with the lines that waited, and says what did not fit.
    program.interrupt();
    assert!(program.wait().success());
    let (output, errors) = (output.join().expect("text"), errors.join().expect("text"));
    let logged = output
        .lines()
        .filter(|line| line.contains("\" 404 "))
        .count();
    let others = output
        .lines()
        .filter(|line| line.contains("\"GET /a.txt "))
        .count();
    let lost = lost_lines(&errors);
    assert!(
        lost > 0 && logged > 0,
        "{logged} lines and {lost}: {errors}"
    );
    // One line for each: the first asks whether it is there, and may do so more than once.
    assert!(
        logged + others + lost > REQUESTS,
        "{logged} and {others} lines, {lost} lost"
    );
    assert_eq!(errors.lines().count(), 1, "{errors}");
    // The line of an answer that was just sent may come after it.
    let said = output
        .lines()
        .filter(|line| *line == "Caught SIGINT, dying");
    assert_eq!(said.count(), 1);
}

#[test]
fn a_pipe_that_nobody_reads_does_not_keep_the_server_from_ending() {
    // Standard error goes the same way.
    let (mut program, output, _errors) = blocked("blocked-end", "exec 2>&1");
    ask_much(&program);
    program.interrupt();
    assert!(program.wait().success());
    drop(output);
}

#[test]
fn a_pipe_that_is_closed_does_not_end_the_server() {
    let (mut program, output, errors) = blocked("closed", "");
    drop(output);
    ask_much(&program);
    program.interrupt();
    assert!(program.wait().success());
    let errors = errors.join().expect("text");
    assert_eq!(errors, "", "whoever closed it wants to hear no more");
}

#[test]
fn a_full_disk_does_not_end_the_server() {
    let mut program = Program::start("full", "", |command| {
        let full = File::options()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        command.stdout(full).stderr(Stdio::piped());
    });
    let errors = collect(program.child.stderr.take().expect("a pipe"));
    ask_much(&program);
    program.interrupt();
    assert!(program.wait().success());
    let errors = errors.join().expect("text");
    let first =
        "ipv6-httpd: cannot write to standard output: No space left on device (os error 28)\n";
    assert!(errors.starts_with(first), "{errors}");
    assert_eq!(
        errors.lines().count(),
        2,
        "said once, and counted at the end: {errors}"
    );
    assert!(lost_lines(&errors) > REQUESTS, "{errors}");
}

#[test]
fn without_standard_output_it_serves() {
    let mut program = Program::start("without", "exec >&- 2>&-", |_| {});
    ask_much(&program);
    program.interrupt();
    assert!(program.wait().success());
}
