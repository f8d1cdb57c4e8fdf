//! A thread that answers what workers have handed over.

use std::sync::Arc;

use crate::http::buffers::Buffers;
use crate::http::head::HeadReader;
use crate::http::responder::{Answer, Patience};
use crate::site::files::OpenFiles;

use super::exchange::{Exchange, busy};
use super::log::record::Record;
use super::shared::Shared;
use super::tasks::Task;

/// Answers tasks for as long as the process runs.
pub fn run(shared: &Arc<Shared>) {
    loop {
        let task = shared.tasks.take();
        let answer = answer(shared, &task);
        shared.tasks.done(task.peer);
        if let (Some(answer), Some(mailbox)) = (answer, shared.mailboxes.get(task.worker)) {
            mailbox.put(task.token, answer);
        }
    }
}

/// `None`: nobody waits for it any more. The head was valid when it came.
fn answer(shared: &Shared, task: &Task) -> Option<Answer<Record>> {
    let now = shared.now();
    if now.milliseconds >= task.deadline_milliseconds {
        return None;
    }
    let parsed = HeadReader::default().read(&task.head, &shared.limits).ok()??;
    let exchange = Exchange {
        shared,
        peer: task.peer,
        server: &|client| task.server.filter(|_| client.address == task.peer.address),
        // Nothing is kept: the next task is somebody else's.
        open_files: &mut OpenFiles::default(),
        buffers: &mut Buffers::default(),
        now: &now,
    };
    let answer = exchange.answer(&parsed.request, None, Patience::Any);
    Some(answer.unwrap_or_else(|_| busy(shared, &parsed.request)))
}
