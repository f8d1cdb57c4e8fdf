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
    let given = number(user.as_bytes());
    let key_at = if given.is_some() { 2 } else { 0 };
    let line = line_with(passwd, key_at, user.as_bytes());
    let id = given.or_else(|| number(field(line, 2))).or(match user {
        "root" => Some(0),
        "nobody" => Some(NOBODY),
        _ => None,
    });
    let id = id.ok_or_else(|| format!("there is no user '{user}' in /etc/passwd"))?;
    let Some(group) = group else {
        let own = number(field(line, 3)).unwrap_or(id);
        let mut all = vec![own];
        let name = field(line, 0);
        for line in groups.split(|&byte| byte == b'\n') {
            let mut members = field(line, 3).split(|&byte| byte == b',');
            if !name.is_empty() && members.any(|member| member == name) {
                all.extend(number(field(line, 2)).filter(|&group| group != own));
            }
        }
        return Ok(User { id, group: own, groups: all });
    };
    let found = || number(field(line_with(groups, 0, group.as_bytes()), 2));
    let own = number(group.as_bytes()).or_else(found);
    let own = own.ok_or_else(|| format!("there is no group '{group}' in /etc/group"))?;
    Ok(User { id, group: own, groups: vec![own] })
}

/// The id of `nobody` where no file says another.
const NOBODY: u32 = 65_534;

/// The first line that has this field. Empty: there is none.
#[inline(never)] // Small, not fast: so it is there once.
fn line_with<'a>(text: &'a [u8], at: usize, wanted: &[u8]) -> &'a [u8] {
    let mut lines = text.split(|&byte| byte == b'\n');
    lines.find(|line| field(line, at) == wanted).unwrap_or_default()
}

#[inline(never)] // The same.
fn field(line: &[u8], at: usize) -> &[u8] {
    line.split(|&byte| byte == b':').nth(at).unwrap_or_default()
}

#[inline(never)] // The same.
fn number(text: &[u8]) -> Option<u32> {
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
