//! A thread that does what workers have handed over, and may wait meanwhile.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::access::Access;
use crate::http::buffers::Buffers;
use crate::http::head::HeadReader;
use crate::http::responder::Patience;
use crate::site::files::OpenFiles;
use crate::sys;

use super::exchange::{Exchange, busy};
use super::shared::{Delivery, Shared};
use super::tasks::{Chore, Job, Task, Work};

/// Does what there is to do for as long as the process runs. `thread`: from 0.
pub fn run(shared: &Arc<Shared>, thread: usize) {
    loop {
        let mut job = shared.tasks.take(thread);
        let result = match &mut job {
            Job::Task(task) => perform(shared, task),
            Job::Chore(chore) => {
                attend_to(shared, *chore);
                None
            }
        };
        shared.tasks.done(thread);
        if let (Some(result), Job::Task(task)) = (result, &job) {
            if let Some(mailbox) = shared.mailboxes.get(task.worker) {
                mailbox.put(task.token, result);
            }
        }
        // The last one to hold a file closes it, and that may wait as well.
        drop(job);
    }
}

/// `None`: nobody waits for it any more. The head was valid when it came.
fn perform(shared: &Shared, task: &mut Task) -> Option<Delivery> {
    let now = shared.now();
    if now.milliseconds >= task.deadline_milliseconds {
        return None;
    }
    let (server, head) = match &mut task.work {
        Work::Read { file, range } => return Some(Delivery::Part(read(file, range))),
        Work::Gather(source) => {
            let mut source = source.take()?;
            let segments = source.gather();
            return Some(Delivery::Gathered(source, segments));
        }
        Work::Answer { server, head } => (*server, &*head),
    };
    let parsed = HeadReader::default().read(head, &shared.limits).ok()??;
    // Only what this request finds: the next one is somebody else's.
    let mut open_files = Box::<OpenFiles>::default();
    let exchange = Exchange {
        shared,
        peer: task.peer,
        server: &|client| server.filter(|_| client.address == task.peer.address),
        open_files: &mut open_files,
        buffers: &mut Buffers::default(),
        now: &now,
    };
    let answer = exchange.answer(&parsed.request, None, Patience::Any);
    let answer = answer.unwrap_or_else(|_| busy(shared, &parsed.request));
    for file in answer.response.body.fetched_files() {
        shared.tasks.lend(file);
    }
    Some(Delivery::Answer(answer, open_files))
}

/// Reads all of it, or as much as there is before an error.
fn read(file: &File, range: &Range<u64>) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match sys::read_at(file, room, range.start + filled as u64) {
            Ok(0) if filled == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if filled == 0 => return Err(error),
            // It comes again with the next part.
            Err(_) => break,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn attend_to(shared: &Shared, chore: Chore) {
    match chore {
        Chore::ReadUsers => {
            if let Some(error) = shared.access.as_ref().and_then(Access::reload) {
                shared.log.warn(&error);
            }
        }
        Chore::CloseFiles => drop(shared.tasks.returned_files()),
        Chore::LookAtRoot => shared.root_watch.look(shared.site.root(), &shared.log),
    }
}
