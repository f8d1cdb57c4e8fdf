//! Whom the server runs as. Started by root it becomes another user, once it has what only root may
//! have: its ports and the auth file.

use std::io;

use crate::config::{Config, UserName};
use crate::sys::{self, Directory, User};

/// Whom the server has become.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// It is who started it.
    None,
    /// It is the user that the operator chose.
    Chosen,
    /// It is `nobody`, because root started it.
    Default,
    /// It stays root, against the default: the system allows nothing else. In a container, root may
    /// be without this right, and then has few others.
    Refused,
}

impl Change {
    /// One line for the operator, about what they may not expect.
    pub fn warning(&self) -> Option<&'static str> {
        match self {
            Change::None | Change::Chosen => None,
            Change::Default => Some("running as nobody: choose another user with --user"),
            Change::Refused => Some("running as root: the system does not let it become nobody"),
        }
    }
}

/// The user that [`change`] will make of this process. `None` where there are no users.
pub fn future(config: &Config) -> Result<Option<u32>, String> {
    let own = sys::user_id();
    match choice(config) {
        None => Ok(own),
        Some((name, _)) => find(&name).map(|user| Some(user.id)),
    }
}

/// The user of `--user`, or `nobody` if root started it, and whether it is that default.
fn choice(config: &Config) -> Option<(UserName, bool)> {
    match &config.user {
        None if sys::user_id() != Some(0) => None,
        None => Some((UserName { user: "nobody".to_owned(), group: None }, true)),
        Some(name) => Some((name.clone(), false)),
    }
}

fn find(name: &UserName) -> Result<User, String> {
    let user = sys::find_user(&name.user, name.group.as_deref());
    // As NAME:PASSWORD elsewhere.
    let hint = if name.group.is_some() { "; for a login use --auth-file" } else { "" };
    user.map_err(|error| format!("--user: {error}{hint}"))
}

/// Becomes the user of `--user`, or `nobody` if root started it. No other thread may run yet. The
/// error is one line for the operator.
pub fn change(config: &Config, root: &Directory) -> Result<Change, String> {
    let own = sys::user_id();
    let Some((name, is_default)) = choice(config) else {
        return Ok(Change::None);
    };
    let user = find(&name)?;
    if own == Some(user.id) && name.group.is_none() {
        return Ok(Change::None);
    }
    match sys::become_user(&user) {
        Ok(()) => {}
        Err(_) if is_default && sys::user_id() == Some(0) => return Ok(Change::Refused),
        Err(error) => return Err(refused(&name.user, &error)),
    }
    if root.open_beneath(b"").is_err() {
        return Err(format!(
            "the user '{}' is not allowed to read the directory '{}': \
             allow it, or choose another user with --user",
            name.user,
            root.path().display()
        ));
    }
    Ok(if is_default { Change::Default } else { Change::Chosen })
}

fn refused(user: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("--user: not allowed to become '{user}'")
        }
        _ => format!("--user: cannot become '{user}': {error}"),
    }
}
