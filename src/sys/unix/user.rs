//! Users and groups, as /etc/passwd and /etc/group have them, and becoming one of them. The files are
//! read by hand: a static binary cannot load the modules that a C library would ask.

use std::ffi::c_int;
use std::io;

use crate::sys::User;
use crate::sys::constants::NGroups;
use crate::sys::failure::cvt;

pub fn user_id() -> Option<u32> {
    Some(geteuid())
}

pub fn find_user(user: &str, group: Option<&str>) -> Result<User, String> {
    // In a container there may be neither file.
    let read = |path: &str| std::fs::read(path).unwrap_or_default();
    find(&read("/etc/passwd"), &read("/etc/group"), user, group)
}

pub fn become_user(user: &User) -> io::Result<()> {
    // In this order: who is not root any more may change no groups.
    // SAFETY: the kernel reads as many numbers as there are.
    cvt(unsafe { setgroups(user.groups.len() as NGroups, user.groups.as_ptr()) })?;
    cvt(setgid(user.group))?;
    cvt(setuid(user.id))?;
    // A process that keeps its capabilities (capabilities(7), SECBIT_NO_SETUID_FIXUP) is root still.
    if user.id != 0 && setuid(0) == 0 {
        return Err(io::Error::other("root can be taken back"));
    }
    Ok(())
}

/// `NAME:PASSWORD:UID:GID:...` and `NAME:PASSWORD:GID:MEMBER,MEMBER...`, see passwd(5) and group(5).
fn find(passwd: &[u8], groups: &[u8], user: &str, group: Option<&str>) -> Result<User, String> {
    let mut lines = rows(passwd);
    let known = match user.parse::<u32>() {
        Ok(id) => lines.find(|row| row.get(2).and_then(number) == Some(id)),
        Err(_) => lines.find(|row| row.first() == Some(&user.as_bytes())),
    };
    let number_at = |at: usize| known.as_ref().and_then(|row| row.get(at)).and_then(number);
    let id = user.parse().ok().or_else(|| number_at(2)).or(match user {
        "root" => Some(0),
        "nobody" => Some(NOBODY),
        _ => None,
    });
    let id = id.ok_or_else(|| format!("there is no user '{user}' in /etc/passwd"))?;
    let own = match group {
        None => number_at(3).unwrap_or(id),
        Some(name) => {
            let mut rows = rows(groups);
            let found =
                || rows.find(|row| row.first() == Some(&name.as_bytes()))?.get(2).and_then(number);
            let found = name.parse().ok().or_else(found);
            found.ok_or_else(|| format!("there is no group '{name}' in /etc/group"))?
        }
    };
    let mut all = vec![own];
    // The group that the operator names is the only one. The others are those that name the user.
    if let (None, Some(name)) = (group, known.as_ref().and_then(|row| row.first())) {
        for row in rows(groups) {
            let is_member =
                row.get(3).is_some_and(|names| names.split(|&b| b == b',').any(|one| one == *name));
            all.extend(row.get(2).and_then(number).filter(|id| is_member && *id != own));
        }
    }
    Ok(User { id, group: own, groups: all })
}

/// The id of `nobody` where no file says another.
const NOBODY: u32 = 65_534;

fn rows(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|&byte| byte == b'\n').map(|line| line.split(|&byte| byte == b':').collect())
}

fn number(text: &&[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

unsafe extern "C" {
    safe fn geteuid() -> u32;
    safe fn setgid(id: u32) -> c_int;
    safe fn setuid(id: u32) -> c_int;
    fn setgroups(count: NGroups, groups: *const u32) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_by_name_and_by_number() {
        let passwd =
            b"root:x:0:0::/root:/bin/sh\nbroken\nwww:x:33:34:,:/:/bin/false\nnobody:x:99:98::/:\n";
        let groups = b"root:x:0:\nwww:x:34:www\nmedia:x:50:ana,www\nana:x:51:wwww\n";
        type Found = Result<(u32, u32, &'static [u32]), &'static str>;
        let rows: [(&str, Option<&str>, Found); 11] = [
            ("www", None, Ok((33, 34, &[34, 50]))),
            ("33", None, Ok((33, 34, &[34, 50]))),
            ("www", Some("media"), Ok((33, 50, &[50]))),
            ("www", Some("7"), Ok((33, 7, &[7]))),
            ("1000", None, Ok((1000, 1000, &[1000]))),
            ("1000", Some("ana"), Ok((1000, 51, &[51]))),
            ("nobody", None, Ok((99, 98, &[98]))),
            ("root", None, Ok((0, 0, &[0]))),
            ("bob", None, Err("there is no user 'bob' in /etc/passwd")),
            ("4294967296", None, Err("there is no user '4294967296' in /etc/passwd")),
            ("www", Some("x"), Err("there is no group 'x' in /etc/group")),
        ];
        for (user, group, wanted) in rows {
            let found = find(passwd, groups, user, group);
            let found = found.as_ref().map(|user| (user.id, user.group, &user.groups[..]));
            assert_eq!(found.map_err(String::as_str), wanted, "{user} {group:?}");
        }
        let nobody = find(b"", b"", "nobody", None).expect("known without files");
        assert_eq!((nobody.id, nobody.group, nobody.groups), (65_534, 65_534, vec![65_534]));
        assert_eq!(find(b"", b"", "root", None).expect("the same").id, 0);
    }
}
