//! Watches whether the folder is still at its path. It may be a mount point: the server holds the
//! folder that it opened, so it does not see what is mounted over it later, and a file system may
//! go away. The sandbox does not let the server open the path again, so it warns the operator, once
//! for each change. A task thread looks, because the disk may not answer.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::http::now::Now;
use crate::http::response::{Body, Response};
use crate::http::status::Status;
use crate::sys::{Directory, Standing};

use super::log::Log;

/// What is known of the folder, for all workers.
#[derive(Debug, Default)]
pub struct RootWatch {
    /// When to look again, in the milliseconds of [`Now`].
    next_milliseconds: AtomicU64,
    /// The last warning. `None`: all is well.
    trouble: Mutex<Option<String>>,
}

/// The least time between two looks.
const PERIOD_MILLISECONDS: u64 = 2_000;

impl RootWatch {
    /// Whether to look at the folder now, because this answer may be wrong if another folder is there:
    /// something was missing or could not be read, or a folder was listed. Other answers cost nothing.
    pub fn is_due(&self, response: &Response, now: &Now) -> bool {
        let is_telling = matches!(response.body, Body::Produced(_))
            || matches!(
                response.status,
                Status::Found
                    | Status::Forbidden
                    | Status::NotFound
                    | Status::InternalServerError
                    | Status::ServiceUnavailable
            );
        if !is_telling {
            return false;
        }
        let due = self.next_milliseconds.load(Ordering::Relaxed);
        let next = now.milliseconds + PERIOD_MILLISECONDS;
        let (set, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        now.milliseconds >= due
            && self.next_milliseconds.compare_exchange(due, next, set, failed).is_ok()
    }

    /// Looks at the folder, and says what has changed.
    pub fn look(&self, root: &Directory, log: &Log) {
        let name = root.path().display();
        let trouble = match root.standing() {
            Standing::Unknown => return,
            Standing::Same => None,
            Standing::Another => Some(format!(
                "another folder is at '{name}' now, mounted or renamed: restart to serve it"
            )),
            Standing::Gone => Some(format!("the folder '{name}' was removed or renamed")),
            Standing::Unreadable(error) => {
                Some(format!("the folder '{name}' cannot be read: {error}"))
            }
        };
        let mut last = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != trouble {
            match &trouble {
                Some(trouble) => log.warn(trouble),
                None => log.warn(&format!("the folder '{name}' is there again")),
            }
            *last = trouble;
        }
    }
}
