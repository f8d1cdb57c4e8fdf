//! The numbers of the system calls that are made by number, and of those that the filter always
//! refuses. All of them are here, and nowhere else.

#![expect(clippy::indexing_slicing, reason = "only at compile time: a wrong index does not build")]

use std::ffi::c_long;

// By architecture, in this order: x86_64, aarch64, riscv64, arm. `None` on others: not known here.
pub const FSTATFS: Option<c_long> = number([138, 44, 44, 267]);
pub const GETDENTS64: Option<c_long> = number([217, 61, 61, 217]);
pub const PREADV2: Option<c_long> = number([327, 286, 286, 392]);
pub const PRLIMIT64: Option<c_long> = number([302, 261, 261, 369]);
pub const STATX: Option<c_long> = number([332, 291, 291, 397]);
pub const CLONE: Option<c_long> = number([56, 220, 220, 120]);
pub const IOCTL: Option<c_long> = number([16, 29, 29, 54]);
pub const KILL: Option<c_long> = number([62, 129, 129, 37]);
pub const OPEN: Option<c_long> = number([2, NONE, NONE, 5]);
pub const OPENAT: Option<c_long> = number([257, 56, 56, 322]);
pub const SECCOMP: Option<c_long> = number([317, 277, 277, 383]);
pub const SENDFILE: Option<c_long> = number([40, 71, 71, 239]);
pub const SENDTO: Option<c_long> = number([44, 206, 206, 290]);
pub const SOCKET: Option<c_long> = number([41, 198, 198, 281]);
pub const TGKILL: Option<c_long> = number([234, 131, 131, 268]);

// From 424 on, a call has the same number on all of them.
pub const CLONE3: c_long = 435;
pub const OPENAT2: c_long = 437;
pub const LANDLOCK_CREATE_RULESET: c_long = 444;
pub const LANDLOCK_ADD_RULE: c_long = 445;
pub const LANDLOCK_RESTRICT_SELF: c_long = 446;
pub const CACHESTAT: c_long = 451;

/// The calls that the filter of `seccomp.rs` refuses; negative where there is none.
pub static REFUSED: [i16; REFUSED_ROWS.len()] = {
    let (mut numbers, mut rows) = ([NONE as i16; REFUSED_ROWS.len()], &REFUSED_ROWS as &[_]);
    while let [(_, row), rest @ ..] = rows {
        if let Some(number) = number(*row) {
            numbers[REFUSED_ROWS.len() - rows.len()] = number as i16;
        }
        rows = rest;
    }
    numbers
};

/// With their names, which the program does not keep.
const REFUSED_ROWS: [(&str, [c_long; 4]); 125] = [
    // Programs and other processes.
    ("execve", [59, 221, 221, 11]),
    ("execveat", [322, 281, 281, 387]),
    ("fork", [57, NONE, NONE, 2]),
    ("vfork", [58, NONE, NONE, 190]),
    ("ptrace", [101, 117, 117, 26]),
    ("process_vm_readv", [310, 270, 270, 376]),
    ("process_vm_writev", [311, 271, 271, 377]),
    ("process_madvise", [440, 440, 440, 440]),
    ("pidfd_open", [434, 434, 434, 434]),
    ("pidfd_getfd", [438, 438, 438, 438]),
    ("pidfd_send_signal", [424, 424, 424, 424]),
    ("tkill", [200, 130, 130, 238]),
    ("rt_sigqueueinfo", [129, 138, 138, 178]),
    ("rt_tgsigqueueinfo", [297, 240, 240, 363]),
    // Connections of its own. io_uring would make calls that no filter sees.
    ("connect", [42, 203, 203, 283]),
    ("bind", [49, 200, 200, 282]),
    ("listen", [50, 201, 201, 284]),
    ("sendmsg", [46, 211, 211, 296]),
    ("sendmmsg", [307, 269, 269, 374]),
    ("io_uring_setup", [425, 425, 425, 425]),
    ("io_uring_enter", [426, 426, 426, 426]),
    ("io_uring_register", [427, 427, 427, 427]),
    // Changes to files.
    ("chmod", [90, NONE, NONE, 15]),
    ("fchmod", [91, 52, 52, 94]),
    ("fchmodat", [268, 53, 53, 333]),
    ("fchmodat2", [452, 452, 452, 452]),
    ("chown", [92, NONE, NONE, 182]),
    ("fchown", [93, 55, 55, 95]),
    ("lchown", [94, NONE, NONE, 16]),
    ("fchownat", [260, 54, 54, 325]),
    ("chown32", [NONE, NONE, NONE, 212]),
    ("fchown32", [NONE, NONE, NONE, 207]),
    ("lchown32", [NONE, NONE, NONE, 198]),
    ("utime", [132, NONE, NONE, NONE]),
    ("utimes", [235, NONE, NONE, 269]),
    ("futimesat", [261, NONE, NONE, 326]),
    ("utimensat", [280, 88, 88, 348]),
    ("utimensat_time64", [NONE, NONE, NONE, 412]),
    ("setxattr", [188, 5, 5, 226]),
    ("lsetxattr", [189, 6, 6, 227]),
    ("fsetxattr", [190, 7, 7, 228]),
    ("removexattr", [197, 14, 14, 235]),
    ("lremovexattr", [198, 15, 15, 236]),
    ("fremovexattr", [199, 16, 16, 237]),
    ("creat", [85, NONE, NONE, 8]),
    ("truncate", [76, 45, 45, 92]),
    ("ftruncate", [77, 46, 46, 93]),
    ("truncate64", [NONE, NONE, NONE, 193]),
    ("ftruncate64", [NONE, NONE, NONE, 194]),
    ("fallocate", [285, 47, 47, 352]),
    ("mkdir", [83, NONE, NONE, 39]),
    ("mkdirat", [258, 34, 34, 323]),
    ("mknod", [133, NONE, NONE, 14]),
    ("mknodat", [259, 33, 33, 324]),
    ("link", [86, NONE, NONE, 9]),
    ("linkat", [265, 37, 37, 330]),
    ("symlink", [88, NONE, NONE, 83]),
    ("symlinkat", [266, 36, 36, 331]),
    ("unlink", [87, NONE, NONE, 10]),
    ("unlinkat", [263, 35, 35, 328]),
    ("rmdir", [84, NONE, NONE, 40]),
    ("rename", [82, NONE, NONE, 38]),
    ("renameat", [264, 38, NONE, 329]),
    ("renameat2", [316, 276, 276, 382]),
    ("open_by_handle_at", [304, 265, 265, 371]),
    // Changes to the machine.
    ("mount", [165, 40, 40, 21]),
    ("umount2", [166, 39, 39, 52]),
    ("pivot_root", [155, 41, 41, 218]),
    ("chroot", [161, 51, 51, 61]),
    ("open_tree", [428, 428, 428, 428]),
    ("move_mount", [429, 429, 429, 429]),
    ("fsopen", [430, 430, 430, 430]),
    ("fsconfig", [431, 431, 431, 431]),
    ("fsmount", [432, 432, 432, 432]),
    ("fspick", [433, 433, 433, 433]),
    ("mount_setattr", [442, 442, 442, 442]),
    ("swapon", [167, 224, 224, 87]),
    ("swapoff", [168, 225, 225, 115]),
    ("quotactl", [179, 60, 60, 131]),
    ("acct", [163, 89, 89, 51]),
    ("sethostname", [170, 161, 161, 74]),
    ("setdomainname", [171, 162, 162, 121]),
    ("settimeofday", [164, 170, 170, 79]),
    ("clock_settime", [227, 112, 112, 262]),
    ("clock_settime64", [NONE, NONE, NONE, 404]),
    ("adjtimex", [159, 171, 171, 124]),
    ("clock_adjtime", [305, 266, 266, 372]),
    ("clock_adjtime64", [NONE, NONE, NONE, 405]),
    ("reboot", [169, 142, 142, 88]),
    ("syslog", [103, 116, 116, 103]),
    ("vhangup", [153, 58, 58, 111]),
    ("iopl", [172, NONE, NONE, NONE]),
    ("ioperm", [173, NONE, NONE, NONE]),
    ("init_module", [175, 105, 105, 128]),
    ("finit_module", [313, 273, 273, 379]),
    ("delete_module", [176, 106, 106, 129]),
    ("kexec_load", [246, 104, 104, 347]),
    ("kexec_file_load", [320, 294, 294, 401]),
    // What has had more errors in kernels than most.
    ("bpf", [321, 280, 280, 386]),
    ("perf_event_open", [298, 241, 241, 364]),
    ("userfaultfd", [323, 282, 282, 388]),
    ("setns", [308, 268, 268, 375]),
    ("unshare", [272, 97, 97, 337]),
    ("keyctl", [250, 219, 219, 311]),
    ("add_key", [248, 217, 217, 309]),
    ("request_key", [249, 218, 218, 310]),
    // Other users.
    ("setuid", [105, 146, 146, 23]),
    ("setgid", [106, 144, 144, 46]),
    ("setreuid", [113, 145, 145, 70]),
    ("setregid", [114, 143, 143, 71]),
    ("setresuid", [117, 147, 147, 164]),
    ("setresgid", [119, 149, 149, 170]),
    ("setgroups", [116, 159, 159, 81]),
    ("setfsuid", [122, 151, 151, 138]),
    ("setfsgid", [123, 152, 152, 139]),
    ("capset", [126, 91, 91, 185]),
    ("setuid32", [NONE, NONE, NONE, 213]),
    ("setgid32", [NONE, NONE, NONE, 214]),
    ("setreuid32", [NONE, NONE, NONE, 203]),
    ("setregid32", [NONE, NONE, NONE, 204]),
    ("setresuid32", [NONE, NONE, NONE, 208]),
    ("setresgid32", [NONE, NONE, NONE, 210]),
    ("setgroups32", [NONE, NONE, NONE, 206]),
    ("setfsuid32", [NONE, NONE, NONE, 215]),
    ("setfsgid32", [NONE, NONE, NONE, 216]),
];

/// An architecture without that call.
const NONE: c_long = -1;

const fn number(row: [c_long; 4]) -> Option<c_long> {
    let [x86_64, aarch64, riscv64, arm] = row;
    let number = if cfg!(target_arch = "x86_64") {
        x86_64
    } else if cfg!(target_arch = "aarch64") {
        aarch64
    } else if cfg!(target_arch = "riscv64") {
        riscv64
    } else if cfg!(target_arch = "arm") {
        arm
    } else {
        NONE
    };
    if number == NONE { None } else { Some(number) }
}
