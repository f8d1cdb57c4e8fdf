//! The auth file: reads it at the start, and again when it has changed or on a signal. Its content
//! goes to [`Accounts`].

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, TryLockError};

use crate::http::now::Now;
use crate::sys;

use super::accounts::Accounts;

/// A file of users, and its state when it was last read.
#[derive(Debug)]
pub struct AuthFile {
    path: PathBuf,
    /// The folder that is served. The file must not be in it.
    root: PathBuf,
    /// The folder of files that a service manager lets only this service read.
    credentials: Option<PathBuf>,
    /// The user that the server will be. `None` where files have no owner.
    server_user: Option<u32>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// `None`: there was no such file.
    state: Option<sys::PathState>,
    /// What was wrong with it.
    error: Option<String>,
    /// It was written just before we read it, so its times may hide another write.
    is_fresh: bool,
    /// When to look at it again.
    look_milliseconds: u64,
    /// Somebody who may wait is to look at it.
    is_claimed: bool,
}

/// Enough for some ten thousand users.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// We look at it at most once a second.
const LOOK_MILLISECONDS: u64 = 1_000;
/// Somebody who has claimed to look at it may have been turned away. Then another does after as long
/// as a client waits for an answer.
const CLAIM_MILLISECONDS: u64 = 30_000;
/// The coarsest clock of a file system: FAT's.
const TICK_SECONDS: i64 = 2;

impl AuthFile {
    /// Reads it. The error is one line that tells the operator what to do.
    pub fn open(
        path: &Path,
        root: &Path,
        server_user: Option<u32>,
        hashing_max: usize,
    ) -> Result<(AuthFile, Accounts), String> {
        let file = AuthFile {
            path: path.to_owned(),
            root: root.to_owned(),
            credentials: sys::credentials_directory(),
            server_user,
            seen: Mutex::new(Seen { state: state_of(path), is_fresh: true, ..Seen::default() }),
        };
        let text = file.read()?;
        let accounts = Accounts::parse(&text, hashing_max).map_err(|error| file.wrong(&error))?;
        Ok((file, accounts))
    }

    /// The folders that must stay readable so that it can be read again: the one of its path, and
    /// the one to which links lead.
    pub fn folders(&self) -> Vec<PathBuf> {
        let parent = |path: &Path| match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => path.to_owned(),
        };
        let by_name = parent(&self.path).canonicalize().ok();
        let by_links = self.path.canonicalize().ok().map(|path| parent(&path));
        let mut folders: Vec<_> = by_name.into_iter().chain(by_links).collect();
        folders.dedup();
        folders
    }

    /// Whether to call [`AuthFile::refresh`] now, for somebody who may not wait and finds somebody
    /// who may. Until that one has looked, all others are told `false`: they go on with the users as
    /// they are, even if the disk of the file never answers.
    pub fn claim(&self, now: &Now) -> bool {
        let mut seen = match self.seen.try_lock() {
            Ok(seen) => seen,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let is_due = now.milliseconds >= seen.look_milliseconds;
        if is_due {
            seen.look_milliseconds = now.milliseconds + CLAIM_MILLISECONDS;
            seen.is_claimed = true;
        }
        is_due
    }

    /// Reads it again if it has changed. Looks at most once a second, and does not wait for another
    /// thread that does. After an error `accounts` are unchanged; the error is returned once.
    pub fn refresh(&self, accounts: &Accounts, now: &Now) -> Option<String> {
        let mut seen = match self.seen.try_lock() {
            Ok(seen) => seen,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if now.milliseconds < seen.look_milliseconds && !seen.is_claimed {
            return None;
        }
        seen.is_claimed = false;
        seen.look_milliseconds = now.milliseconds + LOOK_MILLISECONDS;
        let state = state_of(&self.path);
        let has_changed = state != seen.state;
        if !has_changed && !seen.is_fresh {
            return None;
        }
        let error = self.read_into(accounts).err();
        let is_fresh = |state: sys::PathState| {
            let written = [state.modified_seconds, state.changed_seconds];
            written.into_iter().any(|second| (now.date.0 - second).abs() <= TICK_SECONDS)
        };
        seen.is_fresh = state.is_some_and(is_fresh);
        seen.state = state;
        let is_new = has_changed || error != seen.error;
        seen.error.clone_from(&error);
        error.filter(|_| is_new)
    }

    /// Reads it again now. After an error `accounts` are unchanged.
    pub fn reload(&self, accounts: &Accounts) -> Option<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.state = state_of(&self.path);
        seen.is_fresh = true;
        seen.error = self.read_into(accounts).err();
        seen.error.clone()
    }

    fn read_into(&self, accounts: &Accounts) -> Result<(), String> {
        let text = self.read()?;
        accounts.replace(&text).map_err(|error| self.wrong(&error))
    }

    fn read(&self) -> Result<Vec<u8>, String> {
        check_is_outside(&self.path, &self.root)?;
        let name = self.path.display();
        let cannot = |error: io::Error| {
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied if sys::is_service() => {
                    "; password.conf lets systemd pass it to the service"
                }
                _ => "",
            };
            format!("cannot read the auth file '{name}': {error}{hint}")
        };
        let file = File::open(&self.path).map_err(cannot)?;
        self.check_permissions(&file.metadata().map_err(cannot)?)?;
        let mut text = Vec::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text);
        if read.map_err(cannot)? as u64 > FILE_BYTES_MAX {
            return Err(format!("the auth file '{name}' is larger than 1 MiB"));
        }
        Ok(text)
    }

    /// With time, anybody who can read the hashes finds the passwords.
    fn check_permissions(&self, metadata: &Metadata) -> Result<(), String> {
        let name = self.path.display();
        if !metadata.is_file() {
            return Err(format!("the auth file '{name}' is not a file"));
        }
        let Some((mode, owner, _)) = sys::mode_and_owner(metadata) else {
            return Ok(());
        };
        // systemd 256 lets its service read a credential by an ACL. The mask of the ACL shows as
        // the rights of the group: 0440.
        let others = if self.is_credential() { 0o037 } else { 0o077 };
        if mode & others != 0 {
            return Err(format!(
                "the auth file '{name}' is open to other users (mode {mode:o}): run 'chmod 600 {name}'"
            ));
        }
        // Another owner could write a hash of their own into it.
        match self.server_user {
            Some(user) if owner != 0 && owner != user => {
                return Err(format!(
                    "the auth file '{name}' belongs to user {owner}: run 'chown {user} {name}'"
                ));
            }
            _ => {}
        }
        // Such a name in the folder that is served would give the hashes to every client.
        if sys::has_other_names(metadata) {
            return Err(format!(
                "the auth file '{name}' has another name, by a hard link: copy it, and remove one"
            ));
        }
        Ok(())
    }

    fn is_credential(&self) -> bool {
        let folder = self.credentials.as_ref().map(|path| path.canonicalize());
        match (self.path.canonicalize(), folder) {
            (Ok(path), Some(Ok(folder))) => path.starts_with(folder),
            _ => false,
        }
    }

    fn wrong(&self, error: &str) -> String {
        format!("the auth file '{}': {error}", self.path.display())
    }
}

/// The state of the file now, through links. A change of its mode counts: it changes its ctime.
fn state_of(path: &Path) -> Option<sys::PathState> {
    fs::metadata(path).ok().map(|found| sys::path_state(&found))
}

/// Users must not be able to fetch the hashes of others.
fn check_is_outside(auth_file: &Path, root: &Path) -> Result<(), String> {
    match (auth_file.canonicalize(), root.canonicalize()) {
        (Ok(file), Ok(root)) if file.starts_with(&root) => Err(format!(
            "the auth file '{}' is in the directory that is served: move it elsewhere",
            auth_file.display()
        )),
        // If it is missing, opening it reports that.
        _ => Ok(()),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::accounts::Outcome;
    use crate::http::authorization::Credentials;
    use crate::http::date::HttpDate;
    use crate::http::responder::Patience;
    use crate::peer::Peer;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::sync::atomic::{AtomicU32, Ordering};

    /// `Hello world!`
    const HASH: &str = "$5$rounds=1000$roundstoolow$yfvwcWrQ8l/K0DAWyuPMDNHpIVlTQebY9l/gL972bIC";

    /// A folder with the folder `site` and the auth file `users`.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let name = format!("ipv6-httpd-auth-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(path.join("site")).expect("a folder");
            Folder(path)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        /// Writes users, all with the same password.
        fn write(&self, name: &str, users: &[&str]) {
            let lines = users.iter().map(|user| format!("{user}:{HASH}\n"));
            self.write_text(name, &lines.collect::<String>());
        }

        fn write_text(&self, name: &str, text: &str) {
            fs::write(self.path(name), text).expect("a file");
            self.set_mode(name, 0o600);
        }

        fn set_mode(&self, name: &str, mode: u32) {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(self.path(name), mode).expect("its mode");
        }

        fn open(&self) -> (AuthFile, Accounts) {
            let (path, site) = (self.path("users"), self.path("site"));
            AuthFile::open(&path, &site, sys::user_id(), 2).expect("an auth file")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Long after all writes of the test: nothing is fresh.
    fn at(milliseconds: u64) -> Now {
        Now::new(milliseconds, HttpDate(9_999_999_999))
    }

    /// Whether there is such a user. Each call is another client.
    fn knows(accounts: &Accounts, user: &str) -> bool {
        let sent = Credentials {
            user: user.into(),
            password: "the minimum number is still observed".into(),
        };
        static CLIENTS: AtomicU32 = AtomicU32::new(0);
        let client = CLIENTS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let client = Peer::behind_proxy(client.into());
        accounts.check(&sent, client, 0, Patience::Any) == Outcome::User(user.into())
    }

    #[test]
    fn a_change_is_seen_and_looked_for_once_a_second() {
        let folder = Folder::new("change");
        folder.write("users", &["a"]);
        let (file, accounts) = folder.open();
        assert_eq!(file.refresh(&accounts, &at(0)), None);
        folder.write("users.new", &["a", "bb"]);
        fs::rename(folder.path("users.new"), folder.path("users")).expect("renamed");
        assert_eq!(file.refresh(&accounts, &at(999)), None);
        assert!(!knows(&accounts, "bb"));
        assert_eq!(file.refresh(&accounts, &at(1_000)), None);
        assert!(knows(&accounts, "bb") && knows(&accounts, "a"));
        // Written in place, and without one of the users.
        folder.write("users", &["bb", "ccc"]);
        assert_eq!(file.refresh(&accounts, &at(1_999)), None);
        assert!(knows(&accounts, "a"));
        assert_eq!(file.refresh(&accounts, &at(2_000)), None);
        assert!(!knows(&accounts, "a") && knows(&accounts, "bb") && knows(&accounts, "ccc"));
        // At once, on a reload.
        folder.write("users", &["dddd"]);
        assert_eq!(file.reload(&accounts), None);
        assert!(knows(&accounts, "dddd") && !knows(&accounts, "bb"));
    }

    #[test]
    fn one_of_those_who_may_not_wait_claims_a_look() {
        let folder = Folder::new("claim");
        folder.write("users", &["a"]);
        let (file, accounts) = folder.open();
        assert_eq!(file.refresh(&accounts, &at(0)), None);
        // When, and whether it is claimed.
        let claims = |rows: &[(u64, bool)]| {
            for &(milliseconds, claimed) in rows {
                assert_eq!(file.claim(&at(milliseconds)), claimed, "{milliseconds}");
            }
        };
        claims(&[(999, false), (1_000, true), (1_000, false), (2_000, false)]);
        folder.write("users", &["a", "bb"]);
        assert_eq!(file.refresh(&accounts, &at(2_001)), None);
        assert!(knows(&accounts, "bb"));
        // Nobody has looked: another claims it after a while.
        claims(&[(3_000, false), (3_001, true), (33_000, false), (33_001, true)]);
        // Somebody is looking, for as long as it takes.
        let looking = file.seen.lock().expect("the lock");
        claims(&[(1 << 40, false)]);
        drop(looking);
        claims(&[(1 << 40, true)]);
    }

    #[test]
    fn a_second_write_that_the_times_hide_is_seen() {
        let folder = Folder::new("fresh");
        folder.write("users", &["a"]);
        let (file, accounts) = folder.open();
        let written = state_of(&folder.path("users")).expect("a file");
        let fresh =
            |milliseconds| Now::new(milliseconds, HttpDate(written.changed_seconds + TICK_SECONDS));
        assert_eq!(file.refresh(&accounts, &fresh(0)), None);
        folder.write("users", &["b"]);
        // As if the clock of the file system had not moved on.
        file.seen.lock().expect("the lock").state = state_of(&folder.path("users"));
        assert_eq!(file.refresh(&accounts, &fresh(1_000)), None);
        assert!(knows(&accounts, "b"));
    }

    #[test]
    fn a_file_that_is_wrong_is_said_once_and_changes_nothing() {
        let folder = Folder::new("wrong");
        folder.write("users", &["a"]);
        let (file, accounts) = folder.open();
        let name = folder.path("users").display().to_string();
        let mut milliseconds = 0;
        let mut refresh = || {
            milliseconds += 1_000;
            file.refresh(&accounts, &at(milliseconds))
        };
        let text = |error: &str| Some(error.replace("NAME", &name));
        let open = "the auth file 'NAME' is open to other users (mode 644): run 'chmod 600 NAME'";
        let broken = "the auth file 'NAME': line 1: it must be USER:HASH";
        let missing = "cannot read the auth file 'NAME': No such file or directory (os error 2)";
        let inside = "the auth file 'NAME' is in the directory that is served: move it elsewhere";
        let linked =
            "the auth file 'NAME' has another name, by a hard link: copy it, and remove one";
        let cannot_be = "the auth file 'NAME' is not a file";
        type Step<'a> = (&'a dyn Fn(), &'a str);
        let steps: [Step<'_>; 8] = [
            (&|| folder.write_text("users", "broken\n"), broken),
            // Another change, with the same error.
            (&|| folder.write_text("users", "broken too\n"), broken),
            (
                &|| {
                    let link = folder.path("site/link");
                    fs::hard_link(folder.path("users"), link).expect("a link");
                },
                linked,
            ),
            (&|| folder.set_mode("users", 0o644), open),
            (&|| fs::remove_file(folder.path("users")).expect("gone"), missing),
            (&|| fs::create_dir(folder.path("users")).expect("a folder"), cannot_be),
            (
                &|| {
                    fs::remove_dir(folder.path("users")).expect("gone");
                    folder.write("site/users", &["bb"]);
                    symlink(folder.path("site/users"), folder.path("users")).expect("a link");
                },
                inside,
            ),
            (
                &|| {
                    fs::remove_file(folder.path("users")).expect("gone");
                    folder.write_text("users", &"#".repeat(1 << 20 | 1));
                },
                "the auth file 'NAME' is larger than 1 MiB",
            ),
        ];
        for (change, error) in steps {
            change();
            assert_eq!(refresh(), text(error));
            assert_eq!(refresh(), None, "{error}");
            assert!(knows(&accounts, "a") && !knows(&accounts, "bb"), "{error}");
            // A reload returns it each time.
            assert_eq!(file.reload(&accounts), text(error));
            assert_eq!(file.reload(&accounts), text(error));
            assert_eq!(refresh(), None, "{error}");
        }
        folder.write("users", &["bb"]);
        assert_eq!(refresh(), None);
        assert!(!knows(&accounts, "a") && knows(&accounts, "bb"));
    }

    #[test]
    fn the_owner_is_root_or_the_user_of_the_server() {
        let folder = Folder::new("owner");
        folder.write("users", &["a"]);
        let path = folder.path("users");
        let mut owner = sys::user_id().expect("a user");
        if owner == 0 {
            owner = 1_234;
            chown(&path, Some(owner), None).expect("given away");
        }
        let (name, user) = (path.display(), owner + 1);
        let wrong =
            format!("the auth file '{name}' belongs to user {owner}: run 'chown {user} {name}'");
        for (server_user, wanted) in [(Some(owner), None), (None, None), (Some(user), Some(wrong))]
        {
            let opened = AuthFile::open(&path, &folder.path("site"), server_user, 2);
            assert_eq!(opened.err(), wanted, "{server_user:?}");
        }
    }

    #[test]
    fn links_are_followed_to_wherever_they_lead_now() {
        let folder = Folder::new("links");
        for (name, user) in [("one", "a"), ("two", "bb")] {
            fs::create_dir(folder.path(name)).expect("a folder");
            folder.write(&format!("{name}/users"), &[user]);
        }
        symlink("one", folder.path("data")).expect("a link");
        symlink("data/users", folder.path("users")).expect("a link");
        let (file, accounts) = folder.open();
        let canonical = |name: &str| folder.path(name).canonicalize().expect("a folder");
        assert_eq!(file.folders(), [canonical(""), canonical("one")]);
        assert_eq!(file.refresh(&accounts, &at(0)), None);
        symlink("two", folder.path("data.new")).expect("a link");
        fs::rename(folder.path("data.new"), folder.path("data")).expect("renamed");
        assert_eq!(file.refresh(&accounts, &at(1_000)), None);
        assert!(!knows(&accounts, "a") && knows(&accounts, "bb"));
    }

    #[test]
    fn a_credential_of_the_service_manager_may_show_a_mask() {
        let folder = Folder::new("credential");
        folder.write("users", &["a"]);
        // (mode, whether it is a credential, whether it is accepted)
        for (mode, is_credential, is_fine) in [
            (0o400, false, true),
            (0o440, false, false),
            (0o440, true, true),
            (0o460, true, false),
            (0o444, true, false),
        ] {
            folder.set_mode("users", 0o600);
            let (mut file, accounts) = folder.open();
            file.credentials = is_credential.then(|| folder.path(""));
            folder.set_mode("users", mode);
            assert_eq!(file.reload(&accounts).is_none(), is_fine, "{mode:o}");
        }
    }
}
