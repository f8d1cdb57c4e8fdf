//! How much memory this process may use.

use std::ffi::{c_int, c_long, c_ulong};
use std::fs;
use std::path::Path;

use super::open_files_max::limit;

/// Not from `/proc/meminfo`: a unit with `ProcSubset=pid` hides it.
pub fn memory_bytes() -> Option<u64> {
    // The resources: RLIMIT_DATA and RLIMIT_AS. Without a limit they are `u64::MAX`.
    let limits = [2, 9].map(|resource| limit(resource).map(|[soft, _]| soft));
    let known = limits.into_iter().chain([installed_bytes(), control_group_bytes()]);
    known.flatten().filter(|&bytes| bytes < i64::MAX as u64).min()
}

/// The memory of the machine.
fn installed_bytes() -> Option<u64> {
    let mut info = SysInfo {
        uptime: 0,
        loads: [0; 3],
        total: 0,
        others: [0; 5],
        processes: [0; 2],
        high: [0; 2],
        unit: 0,
        reserved: [0; 256],
    };
    // SAFETY: the kernel writes its structure, which is shorter than this one.
    let asked = unsafe { sysinfo(&raw mut info) };
    (asked == 0).then(|| (info.total as u64).saturating_mul(u64::from(info.unit.max(1))))
}

/// The lowest limit of the control groups that this process is in.
fn control_group_bytes() -> Option<u64> {
    let table = fs::read_to_string("/proc/self/cgroup").ok()?;
    limit_of(&table, Path::new("/sys/fs/cgroup"))
}

/// `table`: lines of number, controllers and path. `mount`: where control groups are mounted.
fn limit_of(table: &str, mount: &Path) -> Option<u64> {
    let limits = table.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let (folder, file) = match controllers {
            "" => (mount.to_path_buf(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (mount.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        // A group obeys the limits of all groups above it. In a container the path may be that
        // outside: then only the root is there, and is the container's own.
        let levels = Path::new(path.trim_start_matches('/')).ancestors();
        let limit = |level| {
            let text = fs::read_to_string(folder.join(level).join(file)).ok()?;
            // Without a limit it says `max`.
            text.trim().parse::<u64>().ok()
        };
        levels.filter_map(limit).min()
    });
    limits.min()
}

/// `struct sysinfo`. It is made of words, and the same in every C library.
#[repr(C)]
struct SysInfo {
    uptime: c_long,
    loads: [c_ulong; 3],
    /// In units of `unit` bytes.
    total: usize,
    others: [c_ulong; 5],
    processes: [u16; 2],
    high: [c_ulong; 2],
    unit: u32,
    /// musl's structure has this much behind the kernel's.
    reserved: [u8; 256],
}

unsafe extern "C" {
    fn sysinfo(info: *mut SysInfo) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_limit_of_all_levels_counts() {
        let mount = std::env::temp_dir().join(format!("ipv6-httpd-cgroup-{}", std::process::id()));
        let files = [
            ("two/memory.max", "900\n"),
            ("two/a/memory.max", "max\n"),
            ("two/a/b/memory.max", "700\n"),
            ("memory.max", "800\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/one/memory.limit_in_bytes", "600\n"),
            ("memory/broken/memory.limit_in_bytes", "x\n"),
        ];
        for (name, text) in files {
            let path = mount.join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        }
        let rows = [
            ("its own", "0::/two/a/b\n", Some(700)),
            ("that of the root", "0::/two/a\n", Some(800)),
            ("the root itself", "0::/\n", Some(800)),
            ("a path from outside of a container", "0::/x/y\n", Some(800)),
            ("version 1", "5:cpu:/one\n4:cpuacct,memory:/one\n0::/none\n", Some(600)),
            ("version 1 without a limit", "4:memory:/\n", Some(9_223_372_036_854_771_712)),
            ("what is not a number", "4:memory:/broken\n", Some(9_223_372_036_854_771_712)),
            ("another controller", "4:cpu:/one\n", None),
            ("nothing", "\nx\n4:memory\n", None),
        ];
        for (what, table, expected) in rows {
            assert_eq!(limit_of(table, &mount), expected, "{what}");
        }
        fs::remove_dir_all(mount).expect("removed");
    }

    #[test]
    fn the_machine_has_as_much_as_it_says() {
        let table = fs::read_to_string("/proc/meminfo").expect("the table");
        let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:")).expect("a line");
        let kibibytes: u64 =
            line.trim().trim_end_matches(" kB").parse().expect("a number of kibibytes");
        assert_eq!(installed_bytes(), Some(kibibytes << 10));
    }
}
