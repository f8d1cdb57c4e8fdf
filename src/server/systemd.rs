//! The service manager, if there is one: the sockets that it passes (sd_listen_fds(3)), and what
//! the server reports to it and how often (sd_notify(3), the watchdog). All of it is in the
//! environment; no option, no library.

use std::env;
use std::path::Path;
use std::process;
use std::time::{Duration, Instant};

use crate::sys::{self, Listener, Notifier, Signals};

use super::listener::{prepare, warn};

/// The sockets that were passed to this process, if any. Call this before anything is opened, so
/// that their numbers are not used.
pub fn passed_listeners() -> Result<Vec<Listener>, String> {
    // They may be for a process that has started this one.
    if variable("LISTEN_PID").and_then(|pid| pid.parse().ok()) != Some(process::id()) {
        return Ok(Vec::new());
    }
    let count = variable("LISTEN_FDS").unwrap_or_default();
    let wanted = format!("LISTEN_FDS wants a number from 0 to {}", u8::MAX);
    let count = count.parse().map_err(|_| format!("{wanted}, not '{count}'"))?;
    sys::take_passed_listeners(count)
        .into_iter()
        .enumerate()
        .map(|(at, socket)| {
            socket.and_then(prepared).map_err(|error| {
                format!("descriptor {} is not a listening stream socket: {error}", at + 3)
            })
        })
        .collect()
}

/// The service manager that wants to know the state of this service, if there is one.
#[derive(Debug)]
pub struct Manager {
    socket: Option<Notifier>,
    watchdog_seconds: u32,
}

impl Manager {
    /// Looks for one in the environment. Warns if it cannot be reached; the server starts all the
    /// same.
    pub fn find() -> Manager {
        let socket = variable("NOTIFY_SOCKET").and_then(|name| {
            Notifier::connect(&name)
                .map_err(|error| warn(&format!("cannot reach NOTIFY_SOCKET {name}: {error}")))
                .ok()
        });
        let is_ours =
            variable("WATCHDOG_PID").is_none_or(|pid| pid.parse().ok() == Some(process::id()));
        let microseconds = variable("WATCHDOG_USEC").and_then(|text| text.parse::<u64>().ok());
        let watchdog_seconds = match microseconds {
            // Twice in the time that it allows, but at most once a second.
            Some(microseconds) if microseconds > 0 && is_ours && socket.is_some() => {
                u32::try_from(microseconds / 2_000_000).unwrap_or(u32::MAX).max(1)
            }
            _ => 0,
        };
        Manager { socket, watchdog_seconds }
    }

    /// How often [`Manager::alive`] has to be called; 0 for never.
    pub fn watchdog_seconds(&self) -> u32 {
        self.watchdog_seconds
    }

    /// Tells the watchdog that the server is alive.
    pub fn alive(&self) {
        if self.watchdog_seconds != 0 {
            self.tell("WATCHDOG=1");
        }
    }

    /// Sends lines of the form `NAME=VALUE`. Errors are ignored.
    pub fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(state);
        }
    }
}

/// Shows why the server does not start as the state of this service.
pub fn report_failure(error: &str) {
    let socket = variable("NOTIFY_SOCKET").and_then(|name| Notifier::connect(&name).ok());
    if let Some(socket) = socket {
        let _ = socket.send(&format!("STATUS={error}"));
    }
}

/// Whether this process sees the networks of the sockets that were passed to it.
pub fn check_network(passed: &[Listener]) -> Result<(), String> {
    let own = sys::own_network();
    let is_other = |listener: &Listener| match (sys::network_of(listener), own) {
        (Some(network), Some(own)) => network != own,
        _ => false,
    };
    match passed.iter().any(is_other) {
        true => Err("cannot find out which networks are local: this process has a network of its \
                     own (PrivateNetwork=)"
            .to_owned()),
        false => Ok(()),
    }
}

/// Why a service may not see a folder that is there.
pub fn hint(folder: &Path) -> &'static str {
    let hidden = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];
    match sys::is_service() && hidden.iter().any(|hidden| folder.starts_with(hidden)) {
        true => "; systemd may hide it from the service: folder.conf shows it",
        false => "",
    }
}

/// Which workers have turned since the watchdog was told last that all do, and what the service
/// manager knows.
#[derive(Debug, Default)]
pub struct Watch {
    turns: Vec<usize>,
    is_stuck: bool,
    /// When to look again.
    due: Option<Instant>,
    /// What the service manager is to know of threads that are stuck.
    pub status: Option<String>,
    /// What it was told.
    pub told: Option<String>,
}

impl Watch {
    /// Whether to look now. An alarm may have another reason, and come before all could turn.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| now >= due)
    }

    /// There will be an alarm when to look again.
    pub fn look_again(&mut self, now: Instant, seconds: u32) {
        self.due = Some(now + Duration::from_secs(seconds.into()));
        Signals::alarm(seconds);
    }

    /// Whether one had not turned at the last look.
    pub fn is_stuck(&self) -> bool {
        self.is_stuck
    }

    /// Looks how often each of them has turned. If one has not since the look at which all had, says
    /// which.
    pub fn look(&mut self, turns: Vec<usize>) -> Option<String> {
        let is_stuck = |&(_, (now, then)): &(usize, (&usize, &usize))| now == then;
        let pairs = turns.iter().zip(&self.turns).enumerate();
        let stuck: Vec<String> =
            pairs.filter(is_stuck).map(|(worker, _)| (worker + 1).to_string()).collect();
        self.is_stuck = !stuck.is_empty();
        if self.is_stuck {
            return Some(format!(
                "stuck in a call: worker {} of {}",
                stuck.join(", "),
                turns.len()
            ));
        }
        self.turns = turns;
        None
    }
}

fn prepared(listener: Listener) -> std::io::Result<Listener> {
    prepare(&listener).map(|()| listener)
}

fn variable(name: &str) -> Option<String> {
    env::var_os(name)?.into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_have_to_turn_between_two_words_to_the_watchdog() {
        let mut watch = Watch::default();
        // How often each has turned, and who is stuck.
        let rows: [(&[usize], Option<&str>); 7] = [
            (&[0, 0, 0], None),
            (&[1, 2, 1], None),
            (&[2, 2, 2], Some("2")),
            // What the others did before does not count twice, and what they did since does.
            (&[2, 2, 9], Some("2")),
            (&[2, 3, 9], None),
            (&[2, 3, 9], Some("1, 2, 3")),
            (&[3, usize::MAX, 0], None),
        ];
        for (turns, wanted) in rows {
            let wanted = wanted.map(|who| format!("stuck in a call: worker {who} of 3"));
            assert_eq!(watch.look(turns.to_vec()), wanted, "{turns:?}");
            assert_eq!(watch.is_stuck(), wanted.is_some());
        }
    }
}
