//! A filter of system calls (seccomp(2)): what a server of files never asks for is refused with EPERM,
//! on every kernel that has such filters, with Landlock or without. It sees numbers, not what pointers
//! lead to: paths are for Landlock.
//!
//! What is always refused stands in `numbers.rs`; here are the calls whose arguments decide. Both list
//! what is refused, not what is allowed: a C library may make calls that nobody here knows, and the
//! kernel need not run the filter for calls that it always allows (Linux 5.11).

use std::ffi::{c_int, c_long, c_uint, c_ulong, c_ushort};

use super::numbers::{
    CLONE, CLONE3, IOCTL, KILL, OPEN, OPENAT, REFUSED, SECCOMP, SENDTO, SOCKET, TGKILL,
};
use super::syscall::syscall;

/// Filters the calls of this thread and of those that it starts. Needs `PR_SET_NO_NEW_PRIVS`, and
/// returns whether the kernel has taken the filter.
pub fn enter_filter() -> bool {
    let (Some(call), Some(program)) = (SECCOMP, program(getpid() as u32)) else {
        return false;
    };
    let Ok(length) = c_ushort::try_from(program.len()) else {
        return false;
    };
    let filter = Program { length, instructions: program.as_ptr() };
    // Kernels before 5.16 otherwise slow down a process that has a filter, in case it runs programs of
    // strangers. Kernels before 4.17 do not know the flag.
    [SPEC_ALLOW, 0].into_iter().any(|flags| {
        // SAFETY: the kernel copies `length` instructions, which live until the call returns.
        unsafe { syscall(call, SET_MODE_FILTER, flags, &raw const filter) == 0 }
    })
}

/// The filter. Each call is compared with one number after the other: first with those whose arguments
/// decide, and which the server makes, then with those that are always refused.
fn program(pid: u32) -> Option<Vec<Instruction>> {
    let mut code = vec![
        load(ARCHITECTURE_AT),
        jump(EQUAL, audit_architecture()?, 1, 0),
        refuse(),
        load(NUMBER_AT),
    ];
    if cfg!(target_arch = "x86_64") {
        // The numbers of x32, which are other names of the same calls.
        code.extend([jump(AT_LEAST, 0x4000_0000, 0, 1), refuse()]);
    }
    let mut rule = |call: Option<c_long>, rule: &[Instruction]| {
        let number = call.and_then(|call| u32::try_from(call).ok());
        if let (Some(number), Ok(length)) = (number, u8::try_from(rule.len())) {
            code.push(jump(EQUAL, number, 0, length));
            code.extend_from_slice(rule);
        }
    };
    // Only to whom the socket is connected: no address.
    let no_address = [
        load(low(4)),
        jump(EQUAL, 0, 0, 3),
        load(high(4)),
        jump(EQUAL, 0, 0, 1),
        allow(),
        refuse(),
    ];
    rule(SENDTO, &no_address);
    let only_to_read =
        |at: u32| [load(low(at)), jump(ANY_BIT, WRITE_FLAGS, 0, 1), refuse(), allow()];
    rule(OPENAT, &only_to_read(2));
    rule(OPEN, &only_to_read(1));
    // if_indextoname(3) asks by a local socket, and routing tables are asked for by netlink.
    let to_ask = [
        load(low(0)),
        jump(EQUAL, AF_UNIX, 3, 0),
        jump(EQUAL, AF_NETLINK, 0, 3),
        load(low(2)),
        jump(EQUAL, NETLINK_ROUTE, 0, 1),
        allow(),
        refuse(),
    ];
    rule(SOCKET, &to_ask);
    // Threads, no processes. The flags of clone3 cannot be seen; C libraries then take clone.
    rule(CLONE, &[load(low(0)), jump(ANY_BIT, CLONE_THREAD, 1, 0), refuse(), allow()]);
    rule(Some(CLONE3), &[result(ERRNO | ENOSYS)]);
    // Signals to itself: the alarm, and abort(3).
    let own = [load(low(0)), jump(EQUAL, pid, 1, 0), refuse(), allow()];
    rule(KILL, &own);
    rule(TGKILL, &own);
    // These type at the terminal of whoever has started the server.
    let types =
        [load(low(1)), jump(EQUAL, TIOCSTI, 1, 0), jump(EQUAL, TIOCLINUX, 0, 1), refuse(), allow()];
    rule(IOCTL, &types);
    // Each jumps over the rest and over the word that allows.
    let numbers = REFUSED.iter().filter_map(|&number| u32::try_from(number).ok());
    let numbers: Vec<u32> = numbers.collect();
    for (at, number) in numbers.iter().enumerate() {
        code.push(jump(EQUAL, *number, u8::try_from(numbers.len() - at).ok()?, 0));
    }
    code.extend([allow(), refuse()]);
    Some(code)
}

/// `struct sock_filter`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Instruction {
    code: c_ushort,
    /// How many instructions to skip where the comparison holds, and where not.
    if_true: u8,
    if_false: u8,
    value: c_uint,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: c_ushort,
    instructions: *const Instruction,
}

const fn load(at: u32) -> Instruction {
    Instruction { code: LOAD, if_true: 0, if_false: 0, value: at }
}

const fn jump(code: c_ushort, value: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code, if_true, if_false, value }
}

const fn result(value: u32) -> Instruction {
    Instruction { code: RETURN, if_true: 0, if_false: 0, value }
}

const fn allow() -> Instruction {
    result(ALLOW)
}

const fn refuse() -> Instruction {
    result(ERRNO | EPERM)
}

/// Where `struct seccomp_data` has the halves of an argument. All machines here have the lower first.
const fn low(argument: u32) -> u32 {
    16 + 8 * argument
}

const fn high(argument: u32) -> u32 {
    low(argument) + 4
}

const NUMBER_AT: u32 = 0;
const ARCHITECTURE_AT: u32 = 4;

// linux/filter.h: BPF_LD | BPF_W | BPF_ABS; BPF_JMP | BPF_JEQ, BPF_JGE, BPF_JSET; BPF_RET.
const LOAD: c_ushort = 0x20;
const EQUAL: c_ushort = 0x15;
const AT_LEAST: c_ushort = 0x35;
const ANY_BIT: c_ushort = 0x45;
const RETURN: c_ushort = 0x06;

// linux/seccomp.h.
const SET_MODE_FILTER: c_uint = 1;
const SPEC_ALLOW: c_ulong = 1 << 2;
const ERRNO: u32 = 0x0005_0000;
const ALLOW: u32 = 0x7fff_0000;

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
const AF_UNIX: u32 = 1;
const AF_NETLINK: u32 = 16;
const NETLINK_ROUTE: u32 = 0;
const CLONE_THREAD: u32 = 0x1_0000;
/// O_WRONLY, O_RDWR, O_CREAT and O_TRUNC.
const WRITE_FLAGS: u32 = 0o1103;
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;

/// linux/audit.h. `None`: `numbers.rs` does not know its calls.
fn audit_architecture() -> Option<u32> {
    match () {
        () if cfg!(target_endian = "big") => None,
        // x32 has the numbers of x86_64, with a bit.
        () if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) => Some(0xc000_003e),
        () if cfg!(target_arch = "aarch64") => Some(0xc000_00b7),
        () if cfg!(target_arch = "riscv64") => Some(0xc000_00f3),
        () if cfg!(target_arch = "arm") => Some(0x4000_0028),
        () => None,
    }
}

unsafe extern "C" {
    safe fn getpid() -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PID: u32 = 4_321;

    /// What the kernel would do with a call: it runs the program over these numbers.
    fn outcome(architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = vec![number, architecture, 0, 0];
        data.extend(arguments.into_iter().flat_map(|word| [word as u32, (word >> 32) as u32]));
        let code = program(PID).expect("a program");
        let (mut at, mut loaded) = (0, 0);
        loop {
            let Instruction { code, if_true, if_false, value } = code[at];
            at += 1;
            let holds = match code {
                LOAD => {
                    loaded = data[value as usize / 4];
                    continue;
                }
                RETURN => return value,
                EQUAL => loaded == value,
                AT_LEAST => loaded >= value,
                _ => loaded & value != 0,
            };
            at += usize::from(if holds { if_true } else { if_false });
        }
    }

    #[test]
    fn each_call_gets_its_answer() {
        let Some(own) = audit_architecture() else {
            println!("skipped: no filter for this architecture");
            return;
        };
        let refused = ERRNO | EPERM;
        for &number in REFUSED.iter().filter(|&&number| number >= 0) {
            assert_eq!(outcome(own, number as u32, [0; 6]), refused, "{number}");
        }
        let pid = u64::from(PID);
        let rows: [(Option<c_long>, [u64; 6], u32); 24] = [
            (SENDTO, [3, 0x7fff_0000_0000, 1, 0, 0, 0], ALLOW),
            (SENDTO, [3, 1, 1, 0, 1, 16], refused),
            (SENDTO, [3, 1, 1, 0, 1 << 32, 16], refused),
            (OPENAT, [0, 1, 0o2_000_000, 0, 0, 0], ALLOW),
            (OPENAT, [0, 1, 0o12_000_000, 0, 0, 0], ALLOW),
            (OPENAT, [0, 1, 1, 0, 0, 0], refused),
            (OPENAT, [0, 1, 2, 0, 0, 0], refused),
            (OPENAT, [0, 1, 0o100, 0, 0, 0], refused),
            (OPENAT, [0, 1, 0o1000, 0, 0, 0], refused),
            (SOCKET, [1, 2, 0, 0, 0, 0], ALLOW),
            (SOCKET, [16, 3, 0, 0, 0, 0], ALLOW),
            (SOCKET, [16, 3, 16, 0, 0, 0], refused),
            (SOCKET, [2, 1, 0, 0, 0, 0], refused),
            (SOCKET, [10, 2, 0, 0, 0, 0], refused),
            (CLONE, [0x1_0000, 0, 0, 0, 0, 0], ALLOW),
            (CLONE, [17, 0, 0, 0, 0, 0], refused),
            (Some(CLONE3), [1, 88, 0, 0, 0, 0], ERRNO | ENOSYS),
            (KILL, [pid, 14, 0, 0, 0, 0], ALLOW),
            (KILL, [1, 9, 0, 0, 0, 0], refused),
            (KILL, [u64::MAX, 9, 0, 0, 0, 0], refused),
            (TGKILL, [pid, 5, 6, 0, 0, 0], ALLOW),
            (TGKILL, [7, 7, 6, 0, 0, 0], refused),
            (IOCTL, [0, 0x5412, 0, 0, 0, 0], refused),
            (IOCTL, [0, 0x8933, 0, 0, 0, 0], ALLOW),
        ];
        for (call, arguments, wanted) in rows {
            if let Some(number) = call {
                let found = outcome(own, number as u32, arguments);
                assert_eq!(found, wanted, "{number} {arguments:x?}");
            }
        }
        // A call that no rule names, one of another architecture, and on x86_64 one of x32.
        assert_eq!(outcome(own, 437, [0; 6]), ALLOW);
        assert_eq!(outcome(own ^ 1, 437, [0; 6]), refused);
        if cfg!(target_arch = "x86_64") {
            assert_eq!(outcome(own, 0x4000_0000 | 59, [0; 6]), refused);
        }
    }
}
