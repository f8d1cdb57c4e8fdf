//! What tells one state of a file from another, asked without opening it: statx on Linux, whose
//! structure is the same on every machine, which that of stat is not.

use std::fs::{File, Metadata};
use std::io;
use std::time::UNIX_EPOCH;

use super::system;

/// A file in one state: two that are equal have the same content, as far as the system can tell.
/// Whoever writes to a file changes the last of its times, which nobody can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Regular, and so has content of a known length.
    pub is_file: bool,
    /// A directory. Whether it has been removed only its entries tell: some file systems count no
    /// links, and others one.
    pub is_directory: bool,
    /// A symbolic link: only where it was asked for by its name.
    pub is_symlink: bool,
    /// In bytes.
    pub length: u64,
    /// Seconds since 1970, rounded down, and nanoseconds on top; `None` where there is no such time.
    pub modified: Option<(i64, u32)>,
    pub(super) changed: (i64, u32),
    pub(super) device: (u32, u32),
    pub(super) inode: u64,
}

impl FileState {
    /// Of an open file.
    pub fn of(file: &File) -> io::Result<FileState> {
        match system::state_of(file) {
            Some(state) => Ok(state),
            // Old kernels and emulators: what std makes of it, with nothing to compare it with.
            None => Ok(FileState::unknown(&file.metadata()?)),
        }
    }

    /// When anything about it was changed, in the same form. Nobody can set it.
    pub fn changed(&self) -> (i64, u32) {
        self.changed
    }

    /// Whether it can be compared with another. File systems that number no files say 0 or all ones,
    /// and some that are made of something else have no time of change: two files of one name would
    /// look like one.
    pub fn is_known(&self) -> bool {
        !matches!(self.inode, 0 | NO_NUMBER | NO_SHORT_NUMBER) && self.changed != (0, 0)
    }

    /// Whether it is surely the same file as `other`, whatever its content.
    pub fn is_same_file(&self, other: &FileState) -> bool {
        self.is_known() && (self.device, self.inode) == (other.device, other.inode)
    }

    /// What std says of it.
    pub(super) fn unknown(metadata: &Metadata) -> FileState {
        FileState {
            is_file: metadata.is_file(),
            is_directory: metadata.is_dir(),
            is_symlink: metadata.is_symlink(),
            length: metadata.len(),
            modified: modified(metadata),
            changed: (0, 0),
            device: (0, 0),
            inode: 0,
        }
    }
}

/// What libfuse says where there is no inode number, and what -1 is of.
const NO_SHORT_NUMBER: u64 = u32::MAX as u64;
const NO_NUMBER: u64 = u64::MAX;

/// Seconds since 1970, rounded down, and the nanoseconds on top.
fn modified(metadata: &Metadata) -> Option<(i64, u32)> {
    let time = metadata.modified().ok()?;
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => Some((i64::try_from(since.as_secs()).ok()?, since.subsec_nanos())),
        Err(before) => {
            let before = before.duration();
            let seconds = -i64::try_from(before.as_secs()).ok()?;
            Some(match before.subsec_nanos() {
                0 => (seconds, 0),
                nanoseconds => (seconds - 1, 1_000_000_000 - nanoseconds),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn it_says_what_std_says_and_sees_every_change() {
        let path =
            std::env::temp_dir().join(format!("ipv6-httpd-file-state-{}", std::process::id()));
        std::fs::write(&path, "one").expect("write");
        let file = File::options().read(true).write(true).open(&path).expect("open");
        let time = SystemTime::UNIX_EPOCH + Duration::new(2_345_678_901, 987_654_321);
        file.set_modified(time).expect("a date after 2038");
        let first = FileState::of(&file).expect("its state");
        assert_eq!((first.is_file, first.is_directory, first.length), (true, false, 3));
        assert_eq!(first.modified, Some((2_345_678_901, 987_654_321)));
        assert_eq!(first.modified, modified(&file.metadata().expect("metadata")));
        assert_eq!(FileState::of(&file).expect("its state"), first);
        // Same size, same time of modification: only the kernel's own time tells.
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(&path, "two").expect("write");
        file.set_modified(time).expect("the same date");
        if first.is_known() {
            assert_ne!(FileState::of(&file).expect("its state"), first);
        }
        std::fs::remove_file(&path).expect("remove");
        file.set_modified(SystemTime::UNIX_EPOCH - Duration::from_millis(1))
            .expect("a date before 1970");
        assert_eq!(FileState::of(&file).expect("its state").modified, Some((-1, 999_000_000)));
    }
}
