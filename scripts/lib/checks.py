"""What the scripts in Python share: the command line, programs under test, packages, results.

Nothing here waits without a bound: a script that hangs says no more than one that fails.
For scripts in bash, which call it by scripts/lib/checks.sh:

    checks.py free-port                         prints a port that is free
    checks.py packages PACKAGE[=PROGRAM]...     see packages(); exit status 1 if one is missing
    checks.py target MACHINE                    prints the target of what is released for it

CHECKS_INSTALL=no in the environment: nothing is installed.
"""

import argparse
import atexit
import contextlib
import glob
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = os.path.basename(sys.argv[0])
# A program that takes longer to start, to say something or to end hangs.
SECONDS = 30
# The exit status of a script that this machine cannot run.
SKIPPED = 77

# No socket waits for ever, unless it is told to.
socket.setdefaulttimeout(60)


# ---- the command line ----


class Options(argparse.ArgumentParser):
    """The command line of a script: --help prints its head, a wrong word is one line and status 2."""

    def __init__(self, head):
        super().__init__(prog=SCRIPT, add_help=False, allow_abbrev=False)
        self.head = head
        self.add_argument("-h", "--help", action="help")

    def format_help(self):
        return self.head

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; see --help\n")

    def add_binary(self):
        """--binary FILE, or else IPV6_HTTPD: the server under test. See server_binary()."""
        named = os.environ.get("IPV6_HTTPD")
        self.add_argument("--binary", metavar="FILE", default=named, type=existing_file)

    def parse(self, minutes=30):
        """The options. From here on the script has so many minutes."""
        options = self.parse_args()
        limit(minutes * 60)
        return options


def existing_file(name):
    if not os.path.isfile(name):
        raise argparse.ArgumentTypeError(f"there is no file {name!r}")
    return os.path.abspath(name)


def limit(seconds):
    """Ends the script when its time is over, or at SIGTERM, with all that it has started."""

    def end(number, _):
        sys.exit(f"{SCRIPT}: ended by {signal.Signals(number).name}")

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGALRM, end)
    signal.alarm(int(seconds))


def skip(reason):
    """Ends a script that this machine cannot run."""
    print(f"{SCRIPT}: skipped: {reason}", flush=True)
    sys.exit(SKIPPED)


# ---- results ----


class Failed(Exception):
    """What was seen is not what was wanted."""


def expect(truth, message):
    if not truth:
        raise Failed(message)


def equal(what, got, wanted):
    expect(got == wanted, f"{what}: {got!r:.300} instead of {wanted!r:.300}")


class Results:
    """A table of results: a line each, and one that counts them at the end."""

    def __init__(self, shown=("passed", "failed", "skipped")):
        self.shown = shown
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}

    def add(self, outcome, name, detail=""):
        self.counts[outcome] += 1
        if outcome in self.shown:
            word = "FAILED" if outcome == "failed" else outcome
            print(f"{word:8}{name}" + (f": {detail}" if detail else ""), flush=True)

    def passed(self, name, detail=""):
        self.add("passed", name, detail)

    def failed(self, name, detail=""):
        self.add("failed", name, detail)

    def skipped(self, name, reason):
        self.add("skipped", name, reason)

    def check(self, name, found, wanted):
        if found == wanted:
            self.passed(name)
        else:
            self.failed(name, f"{found!r}, not {wanted!r}")

    def close(self):
        """Prints the line at the end. Returns the exit status of the script."""
        skipped = f", {self.counts['skipped']} skipped" if self.counts["skipped"] else ""
        print(f"{self.counts['passed']} passed, {self.counts['failed']} failed{skipped}", flush=True)
        return 1 if self.counts["failed"] or not self.counts["passed"] else 0


# ---- programs under test ----


class Process:
    """A program that runs until it is stopped, at the latest until the script ends.

    What it writes goes to files without names, so that it never waits for a reader."""

    running = []
    # These have the program that they run as their child.
    PARENTS = ("strace", "unshare")

    def __init__(self, *words, seconds=SECONDS, **options):
        self.words, self.seconds = [os.fspath(word) for word in words], seconds
        self.streams = {
            name: tempfile.TemporaryFile() for name in ("stdout", "stderr") if name not in options
        }
        self.whole, self.taken = [], 0
        options = {"stdin": subprocess.DEVNULL, "start_new_session": True} | self.streams | options
        self.process = subprocess.Popen(self.words, **options)
        Process.running.append(self)

    def text(self, stream):
        # The position in the file is the program's as well: it must stay where it is.
        file = self.streams[stream].fileno()
        return os.fsdecode(os.pread(file, os.fstat(file).st_size, 0))

    def output(self):
        return self.text("stdout")

    def errors(self):
        return self.text("stderr")

    @property
    def lines(self):
        """The lines of standard output so far."""
        file = self.streams["stdout"].fileno()
        new = os.pread(file, os.fstat(file).st_size - self.taken, self.taken)
        new = new[: new.rfind(b"\n") + 1]
        self.taken += len(new)
        self.whole += os.fsdecode(new).split("\n")[:-1]
        return self.whole

    def wait_for(self, is_ready):
        deadline = time.monotonic() + self.seconds
        while not is_ready():
            is_over = self.process.poll() is not None
            if (is_over or time.monotonic() > deadline) and not is_ready():
                said = [self.text(stream)[-2000:] for stream in self.streams]
                word = f"ended with {self.process.poll()}" if is_over else "takes too long"
                raise Failed(f"{' '.join(self.words)[:300]}: {word}; it said {said}")
            time.sleep(0.01)

    def wait_port(self, port, host="127.0.0.1"):
        def is_open():
            try:
                socket.create_connection((host, port), 1).close()
            except OSError:
                return False
            return True

        self.wait_for(is_open)

    def pid(self):
        """The process id of the program itself."""
        pid = self.process.pid
        if os.path.basename(self.words[0]) in Process.PARENTS:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
                children = file.read().split()
                return int(children[0]) if children else pid
        return pid

    def tell(self, number=signal.SIGTERM):
        """Sends it a signal."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid(), number)

    def stop(self, number=signal.SIGTERM):
        """Tells it to end. Returns its exit status."""
        self.tell(number)
        return self.wait()

    def wait(self):
        """Its exit status, once it has ended."""
        try:
            status = self.process.wait(self.seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{' '.join(self.words)[:300]}: does not end") from None
        self.forget()
        return status

    def kill(self):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            # One that waits for a dead file system does not end even so.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.seconds)
        self.forget()

    def forget(self):
        if self in Process.running:
            Process.running.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind or self.process.poll() is not None:
            self.kill()
        else:
            self.stop()


@atexit.register
def end_all():
    for process in reversed(list(Process.running)):
        process.kill()


# Temporary folders are open to their owner alone: the server stays who runs the script.
STAYING_ROOT = ("--user", "root") if os.geteuid() == 0 else ()


class Server(Process):
    """The server, once it is ready unless that is not waited for. `prefix` is what runs it."""

    def __init__(self, binary, *words, prefix=(), is_awaited=True, **options):
        super().__init__(*prefix, binary, *STAYING_ROOT, *words, **options)
        self.port = None
        if is_awaited:
            self.wait_ready()

    def wait_ready(self):
        self.wait_for(lambda: "Press ^C to quit" in self.lines)
        start = "Listening on port:"
        found = [line for line in self.lines if line.startswith(start)]
        self.port = int(found[0].removeprefix(start)) if found else None


def server_binary(options):
    """The server under test: the one that is named, or else the release build."""
    if options.binary:
        return options.binary
    cargo = ["cargo", "build", "--release", "--quiet"]
    subprocess.run(cargo, cwd=TOP, check=True, timeout=1800)
    return str(TOP / "target/release/ipv6-httpd")


def released(target):
    """What scripts/build-release makes for a target; None where it has no way to build for it."""
    toolchain = os.environ.get("IPV6_HTTPD_TOOLCHAIN", "../shared/cross/cross-toolchain.sh")
    way = ["--way", "toolchain"] if os.access(TOP / toolchain, os.X_OK) else []
    words = ["scripts/build-release", *way, target]
    done = subprocess.run(words, cwd=TOP, capture_output=True, text=True, timeout=1800)
    if done.returncode == 3:
        return None
    if done.returncode != 0:
        raise SystemExit(f"{SCRIPT}: {done.stderr[-2000:]}")
    print(done.stdout, flush=True)
    return max(glob.glob(str(TOP / f"target/dist/ipv6-httpd-*-{target}")), key=os.path.getmtime)


# What `uname -m` says, and the target of what is released for it.
TARGETS = {
    "x86_64": "x86_64-unknown-linux-musl",
    "aarch64": "aarch64-unknown-linux-musl",
    "armv7l": "armv7-unknown-linux-musleabihf",
    "armv8l": "armv7-unknown-linux-musleabihf",
    "armv6l": "arm-unknown-linux-musleabihf",
    "riscv64": "riscv64gc-unknown-linux-musl",
}


def released_binary(options):
    """The server under test: the one that is named, or else what is released for this machine."""
    if options.binary:
        return options.binary
    target = TARGETS.get(os.uname().machine)
    binary = target and released(target)
    if not binary:
        print(f"{SCRIPT}: scripts/build-release cannot build here: this is `cargo build --release`", flush=True)
    return binary or server_binary(options)


def free_port():
    """For both families, and below those that the system gives to clients: a server that was
    stopped finds its port free again, whatever a load has taken meanwhile."""
    is_dual = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if is_dual else socket.AF_INET
    for _ in range(1000):
        port = random.randrange(10_000, 30_000)
        try:
            socket.create_server(("", port), family=family, dualstack_ipv6=is_dual).close()
            return port
        except OSError:
            pass
    raise Failed("no port is free")


# ---- packages ----


def may_install():
    is_wanted = os.environ.get("CHECKS_INSTALL") != "no"
    return is_wanted and os.geteuid() == 0 and shutil.which("apt-get") is not None


def packages(*wanted):
    """Installs those of Debian's packages that are missing, as this machine gets its packages.

    A word is PACKAGE, or PACKAGE=PROGRAM where a program's name or the pattern of a file's name
    shows whether it is there. Returns the packages that are missing all the same."""

    def missing():
        pairs = [word.partition("=")[::2] for word in wanted]
        return [package for package, program in pairs if not is_installed(package, program)]

    names = missing()
    if not names or not may_install():
        return names
    print(f"installing {' '.join(names)}", flush=True)
    with no_new_services():
        apt("update")
        # One that is not to be had keeps the others away.
        if not apt("install", *names) and len(names) > 1:
            for name in names:
                apt("install", name)
    return missing()


def is_installed(package, program):
    if program:
        return shutil.which(program) is not None or bool(glob.glob(program))
    if shutil.which(package):
        return True
    if not shutil.which("dpkg-query"):
        return False
    words = ["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS)
    return done.stdout == "installed"


def apt(command, *names):
    words = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300", command]
    words += ["--no-install-recommends", *names] if names else []
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=900)
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if line.startswith("E:")]
        print("\n".join(errors[-5:]), flush=True)
    return done.returncode == 0


@contextlib.contextmanager
def no_new_services():
    """A package must not start a server of its own."""
    policy = "/usr/sbin/policy-rc.d"
    try:
        with open(policy, "x") as file:
            file.write("#!/bin/sh\nexit 101\n")
            os.fchmod(file.fileno(), 0o755)
    except OSError:
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(policy)


if __name__ == "__main__":
    if sys.argv[1:] == ["free-port"]:
        print(free_port())
    elif sys.argv[1:2] == ["target"]:
        name = TARGETS.get(sys.argv[2])
        print(name or sys.exit(f"nothing is released for {sys.argv[2]}"))
    elif sys.argv[1:2] == ["packages"]:
        absent = packages(*sys.argv[2:])
        sys.exit(f"missing: {' '.join(absent)}" if absent else 0)
    else:
        sys.exit(__doc__)
