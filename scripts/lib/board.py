"""A whole board under emulation, for scripts/check-board: Debian with its own kernel and systemd.

make()     builds the parts once, and keeps them in a folder: kernel, initrd, card
make_pi()  the same for a Raspberry Pi: kernel, device tree, modules, busybox
Board      one board that runs, from power-on until the plug is pulled
Pi         a Raspberry Pi, on which there is nothing but the server
Cable      the network between this process and the board, and the router that advertises there
"""

import contextlib
import ctypes
import gzip
import http.client
import lzma
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

import checks

# PROCESSOR: what `uname -m` calls it for qemu-user; MAGIC: class and machine in the head of an ELF file.
ARCHES = {
    "arm64": {
        "emulator": ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53"],
        "kernel": "linux-image-arm64",
        "interpreter": "qemu-aarch64-static",
        "magic": (2, 0xB7),
    },
    "armhf": {
        "emulator": ["qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a7"],
        "kernel": "linux-image-armmp-lpae",
        "interpreter": "qemu-arm-static",
        "magic": (1, 0x28),
    },
}
MAC = "52:54:00:12:34:56"
PREFIX = "2001:db8:1::"
SLAAC = "2001:db8:1::5054:ff:fe12:3456"
LINK_LOCAL = "fe80::5054:ff:fe12:3456%tap0"
IPV4 = "192.0.2.2"
# In networks that are not the board's own: it answers them by its router, which is this process.
STRANGER = {socket.AF_INET6: "2001:db8:2::7", socket.AF_INET: "198.51.100.7"}
# What systemd, networkd and the tests themselves need, beyond what every Debian has.
PACKAGES = "systemd-sysv,udev,dbus,iproute2,kmod,openssl,busybox-static,init-system-helpers"
MODULES = "virtio_mmio virtio_blk ext4 crc32c_generic virtio_net virtio_console virtio-rng autofs4 af_packet"

# The network of a Raspberry Pi 3B is a USB device.
PI_MODULES = "phy-generic dwc2 cdc_ether rndis_host af_packet"

# A shell for this process: the virtual console of the board is a socket here.
CONTROL = """[Unit]
Description=Shell for the machine outside
DefaultDependencies=no
After=local-fs.target
Conflicts=shutdown.target
[Service]
ExecStart=/bin/sh -c 'exec </dev/hvc0 >/dev/hvc0 2>&1; busybox stty raw -echo; cat | sh'
Restart=always
"""
NETWORK = f"""[Match]
MACAddress={MAC}
[Network]
LinkLocalAddressing=ipv6
IPv6AcceptRA=yes
IPv6PrivacyExtensions=no
"""
NETWORK_IPV4 = f"[Network]\nAddress={IPV4}/24\nGateway=192.0.2.1\n"

# The kernel numbers disks as it finds them.
FIND = "/dev/$(grep -lx {name} /sys/block/vd*/serial | cut -d/ -f4)"

# In name spaces of its own, so that nobody else sees the registration of the interpreter. The
# first exec comes before the user has a name there, the second after it: that one has all rights.
ENTER = """echo ready; read -r _; exec sh -ec '
mount --make-rprivate /
mount -t proc proc /proc
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf "%s" "$0" >/proc/sys/fs/binfmt_misc/register
exec "$@"' "$@"
"""
# Fetches the kernel's package with the lists that mmdebstrap has read.
FETCH_KERNEL = """set -e; export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"; cd '{folder}'
apt-get -q download "$(apt-cache depends {kernel} | sed -n 's/.*Depends: \\(linux-image-[0-9][^ ]*\\).*/\\1/p' | head -n 1)"
"""


class TooSlow(Exception):
    """The board has not come so far in the time that there was."""


def run(*words, seconds=300, **options):
    words = [os.fspath(word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=seconds,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-1500:]
        raise checks.Failed(f"{words[0]} ended with {done.returncode}: {said}")
    return done.stdout


# ---- what is booted ----


def mirror():
    """Where this machine gets Debian's packages from: DEBIAN_MIRROR, or its own sources."""
    if "DEBIAN_MIRROR" in os.environ:
        return os.environ["DEBIAN_MIRROR"]
    uris = run("apt-get", "indextargets", "--format", "$(REPO_URI)").split()
    found = [uri for uri in uris if uri.rstrip("/").endswith("/debian")]
    return found[0] if found else None


def under_interpreter(arch, words, log, seconds):
    """Runs a command for which programs of the other processor are programs like any other."""
    bits, machine = ARCHES[arch]["magic"]
    text = lambda some: "".join(f"\\x{byte:02x}" for byte in some)  # noqa: E731
    magic = b"\x7fELF" + bytes((bits, 1, 1)) + bytes(9) + bytes((2, 0, machine, 0))
    mask = b"\xff" * 7 + b"\0" + b"\xff" * 8 + b"\xfe\xff\xff\xff"
    interpreter = shutil.which(ARCHES[arch]["interpreter"])
    line = f":board:M:0:{text(magic)}:{text(mask)}:{interpreter}:FPO"
    words = ["unshare", "--user", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER,
             "board", line, *words]
    with open(log, "wb") as file:
        process = checks.Process(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file,
                                 seconds=seconds)
        try:
            process.process.stdout.readline()
            for kind in ("uid", "gid"):
                pathlib.Path(f"/proc/{process.process.pid}/{kind}_map").write_text("0 0 4294967295")
            process.process.stdin.write(b"\n")
            process.process.stdin.close()
            status = process.wait()
        finally:
            # Before somebody removes the folder that it writes to.
            process.kill()
    if status != 0:
        raise checks.Failed(pathlib.Path(log).read_text(errors="replace")[-1500:])


def debootstrap(folder, suite, arch, seconds):
    """Root file system in `root`, and the package of the kernel beside it."""
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={keys}] {mirror()} {suite} main\n")
    without = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "locale", "man", "info")]
    fetch = FETCH_KERNEL.format(folder=folder, kernel=ARCHES[arch]["kernel"])
    words = [
        "mmdebstrap", "--mode=root", f"--arch={arch}", "--variant=apt", f"--include={PACKAGES}",
        "--skip=check/qemu,chroot/mknod", "--dpkgopt=force-unsafe-io", *without,
        f"--customize-hook={fetch}", suite, folder / "root", sources,
    ]  # fmt: skip
    deadline = time.monotonic() + seconds
    try:
        under_interpreter(arch, words, folder / "log", seconds)
    except checks.Failed:
        # It failed once inside a package's own script, and not again.
        shutil.rmtree(folder / "root", ignore_errors=True)
        under_interpreter(arch, words, folder / "log", max(1, deadline - time.monotonic()))


def unpacked(module):
    return lzma.decompress(module.read_bytes()) if module.suffix == ".xz" else module.read_bytes()


def modules(place, names):
    """Names and contents, in the order in which they have to be loaded."""
    files = {file.name.partition(".")[0].replace("-", "_"): file for file in place.rglob("*.ko*")}
    found = {}

    def add(name):
        file = files.get(name.replace("-", "_"))
        if file is None or file.name in found:
            return
        content = unpacked(file)
        for needed in re.search(rb"\0depends=([^\0]*)\0", b"\0" + content)[1].decode().split(","):
            add(needed)
        found[file.name.removesuffix(".xz")] = content

    for name in names.split():
        add(name)
    return found


def cpio(entries):
    """An archive as the kernel reads it: (name, mode, content) each."""
    archive = bytearray()
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        archive += b"070701" + "".join(f"{field:08x}" for field in fields).encode()
        for part in (name.encode() + b"\0", content):
            archive += part + bytes(-(len(archive) + len(part)) % 4)
    return bytes(archive)


def initrd(place, busybox):
    """Nothing but what it takes to find the card."""
    loaded = modules(place, MODULES)
    init = "\n".join((
        "#!/bin/busybox sh",
        "/bin/busybox --install -s /bin",
        "mount -t devtmpfs none /dev; mount -t sysfs none /sys",
        "exec >/dev/console 2>&1",
        *(f"insmod /modules/{name}" for name in loaded),
        f"until card={FIND.format(name='card')} && [ -b $card ]; do sleep 0.1; done",
        "mount -t ext4 $card /root || exec sh",
        "umount /sys; mount --move /dev /root/dev",
        "exec switch_root /root /sbin/init",
        "",
    ))  # fmt: skip
    entries = [(name, 0o40755, b"") for name in ("bin", "dev", "sys", "root", "modules")]
    entries += [("bin/busybox", 0o100755, busybox), ("init", 0o100755, init.encode())]
    entries += [(f"modules/{name}", 0o100644, content) for name, content in loaded.items()]
    return gzip.compress(cpio(entries), 1, mtime=0)


PI_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev; mount -t sysfs none /sys; mount -t proc none /proc
exec >/dev/console 2>&1 </dev/null
echo 'Debian has booted'
for name in {modules}; do insmod /modules/$name; done
until name=$(ls /sys/class/net | grep -v '^lo$') && [ -n "$name" ]; do sleep 0.1; done
ip link set lo up
ip link set $name address {mac}; ip link set $name up
ip address add {ipv4}/24 dev $name
# Says what process 1 is, once the server has taken this one's place.
(until wget -q -O /dev/null 'http://[::1]/'; do sleep 1; done
ls -l /proc/1/exe; cat /proc/1/status; echo 'that is all') &
exec /ipv6-httpd --port 80 /srv/www
"""


def pi_initrd(folder, binary, files):
    """Everything that a Raspberry Pi has here: busybox to bring the network up, and the server."""
    loaded = sorted((folder / "modules").iterdir())
    init = PI_INIT.format(modules=" ".join(file.name for file in loaded), mac=MAC, ipv4=IPV4)
    folders = ["bin", "dev", "sys", "proc", "etc", "modules", "srv", "srv/www"]
    folders += sorted({f"srv/www/{os.path.dirname(name)}" for name in files if "/" in name})
    entries = [(name, 0o40755, b"") for name in folders]
    users = b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
    entries += [("init", 0o100755, init.encode()), ("etc/passwd", 0o100644, users)]
    entries += [("bin/busybox", 0o100755, (folder / "busybox").read_bytes())]
    entries += [("ipv6-httpd", 0o100755, binary.read_bytes())]
    entries += [(f"modules/{file.name}", 0o100644, file.read_bytes()) for file in loaded]
    entries += [(f"srv/www/{name}", 0o100644, content) for name, content in files.items()]
    return gzip.compress(cpio(entries), 1, mtime=0)


def make_pi(folder, suite, seconds):
    """Kernel, device tree, modules and busybox of Debian's arm64 in `folder`: made once."""
    if (folder / "busybox").exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder.parent) as new:
        new = pathlib.Path(new)
        new.chmod(0o755)
        keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (new / "sources.list").write_text(f"deb [signed-by={keys}] {mirror()} {suite} main\n")
        fetch = FETCH_KERNEL.format(folder=new, kernel=ARCHES["arm64"]["kernel"])
        # Nothing is run there, so nothing has to be able to.
        run("mmdebstrap", "--mode=root", "--arch=arm64", "--variant=extract", "--include=busybox-static",
            "--skip=check/qemu", f"--extract-hook={fetch}", suite, new / "root", new / "sources.list",
            seconds=seconds)  # fmt: skip
        unpacked = new / "unpacked"
        run("dpkg-deb", "-x", next(new.glob("linux-image-*.deb")), unpacked)
        (folder / "modules").mkdir(parents=True, exist_ok=True)
        for number, (name, content) in enumerate(modules(unpacked, PI_MODULES).items()):
            (folder / "modules" / f"{number:02}-{name}").write_bytes(content)
        shutil.copy(next(unpacked.glob("boot/vmlinuz-*")), folder / "kernel")
        shutil.copy(next(unpacked.rglob("bcm2837-rpi-3-b.dtb")), folder / "dtb")
        shutil.copy(next((new / "root").rglob("bin/busybox")), folder / "busybox")


def settle(root):
    """Makes a board of the root file system: our shell, the network, a name."""
    units = root / "etc/systemd/system"
    (units / "control.service").write_text(CONTROL)
    enabled = {"basic": "/etc/systemd/system/control.service",
               "multi-user": "/usr/lib/systemd/system/systemd-networkd.service"}
    for target, unit in enabled.items():
        wants = units / f"{target}.target.wants"
        wants.mkdir(exist_ok=True)
        link = wants / os.path.basename(unit)
        link.is_symlink() or link.symlink_to(unit)
    for name in ("serial-getty@hvc0.service", "serial-getty@ttyAMA0.service", "apt-daily.timer",
                 "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"):
        (units / name).symlink_to("/dev/null")
    lan = root / "etc/systemd/network/lan.network"
    lan.write_text(NETWORK)
    (lan.parent / "lan.network.d").mkdir()
    (lan.parent / "lan.network.d/ipv4.conf").write_text(NETWORK_IPV4)
    # What spared time and space here holds for the board's own packages no longer.
    for file in (root / "etc/dpkg/dpkg.cfg.d").glob("*mmdebstrap"):
        file.unlink()
    (root / "etc/hostname").write_text("board\n")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")


def make(folder, suite, arch, seconds):
    """Kernel, initrd and card in `folder`: made once."""
    if (folder / "card").exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder.parent) as new:
        new = pathlib.Path(new)
        new.chmod(0o755)
        debootstrap(new, suite, arch, seconds)
        package = next(new.glob("linux-image-*.deb"))
        run("dpkg-deb", "-x", package, new / "unpacked")
        folder.mkdir(exist_ok=True)
        shutil.copy(next((new / "unpacked").glob("boot/vmlinuz-*")), folder / "kernel")
        busybox = (new / "root/bin/busybox").read_bytes()
        (folder / "initrd").write_bytes(initrd(new / "unpacked", busybox))
        settle(new / "root")
        run("mke2fs", "-q", "-t", "ext4", "-d", new / "root", new / "card", "800M")
        (new / "card").rename(folder / "card")


def stick(file, files):
    """A file system with these files in it, as {name: what to copy, or the content}."""
    with tempfile.TemporaryDirectory() as tree:
        for name, content in files.items():
            place = pathlib.Path(tree, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.read_bytes() if isinstance(content, pathlib.Path) else content)
        run("chmod", "-R", "a+rX", tree)
        run("mke2fs", "-q", "-t", "ext4", "-d", tree, file, "16M")


# ---- the board and its cable ----


class Cable(threading.Thread):
    """This process and its children are in a network with the board alone, whose router they are.

    Every two seconds a prefix is advertised, as a home router would, unless `is_on` is false."""

    def __init__(self):
        super().__init__(daemon=True)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "no right to make a network")
        for line in (
            "link set lo up",
            "tuntap add tap0 mode tap",
            "address add 192.0.2.1/24 dev tap0",
            f"address add {PREFIX}1/64 dev tap0 nodad",
            f"address add {STRANGER[socket.AF_INET]}/32 dev lo",
            f"address add {STRANGER[socket.AF_INET6]}/128 dev lo nodad",
            "link set tap0 up",
        ):
            run("ip", *line.split())
        pathlib.Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")
        self.is_on = True
        self.start()

    def run(self):
        index = socket.if_nametoindex("tap0")
        out = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        out.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        prefix = socket.inet_pton(socket.AF_INET6, PREFIX)
        head = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
        option = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 14400, 0) + prefix
        while True:
            if self.is_on:
                # Nobody is at the other end, or we have no address yet.
                with contextlib.suppress(OSError):
                    out.sendto(head + option, ("ff02::1", 0, 0, index))
            time.sleep(2)


class Answer:
    def __init__(self, answer):
        self.status, self.body = answer.status, answer.read()
        self.fields = answer.headers


def get(address, path="/", seconds=60, source=None, port=80, **fields):
    """One request on a connection of its own."""
    family, kind, *_, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as client:
        client.settimeout(seconds)
        if source:
            client.bind((source, 0))
        client.connect(where)
        head = {"Host": "board", "Connection": "close"} | fields
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        client.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        answer = http.client.HTTPResponse(client)
        answer.begin()
        return Answer(answer)


class Board:
    """From power-on. `clock` is what its clock says then, `minutes` the time it has to come up.

    After `deadline` nothing is waited for any more, and what is not done is nobody's fault."""

    def __init__(self, folder, arch, card, drive, minutes, deadline, clock=None):
        self.deadline = deadline
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="board-"))
        self.said = self.folder / "console"
        self.said.touch()
        self.power_on = time.monotonic()
        self.line, self.status = None, 0
        self.process = checks.Process(
            *ARCHES[arch]["emulator"], "-m", "512", "-smp", "1", "-accel", "tcg",
            "-display", "none", "-monitor", "none", "-no-reboot", "-serial", f"file:{self.said}",
            "-kernel", folder / "kernel", "-initrd", folder / "initrd", "-append",
            "console=ttyAMA0 quiet loglevel=4 systemd.show_status=0 panic=1",
            "-drive", f"file={card},format=raw,if=none,id=card",
            "-device", "virtio-blk-device,drive=card,serial=card",
            "-drive", f"file={drive},format=raw,if=none,id=stick,readonly=on",
            "-device", "virtio-blk-device,drive=stick,serial=stick",
            "-netdev", "tap,id=lan,ifname=tap0,script=no,downscript=no",
            "-device", f"virtio-net-device,netdev=lan,mac={MAC}",
            "-device", "virtio-rng-device", "-device", "virtio-serial-device",
            "-chardev", f"socket,id=control,path={self.folder}/control,server=on,wait=off",
            "-device", "virtconsole,chardev=control",
            *(["-rtc", f"base={clock}"] if clock else []),
        )  # fmt: skip
        try:
            self.wait_shell(minutes * 60)
        except BaseException:
            self.cut()
            raise

    def console(self):
        return self.said.read_text(errors="replace")[-2000:]

    def check_power(self):
        if time.monotonic() > self.deadline:
            raise TooSlow("the time is over")
        if self.process.process.poll() is not None:
            raise checks.Failed(f"the board has gone off: {self.process.errors()}{self.console()}")

    def wait_shell(self, seconds):
        """Until somebody takes commands. What is said before is lost, or comes twice."""
        end = self.power_on + seconds
        while self.line is None:
            self.check_power()
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(os.fspath(self.folder / "control"))
                line.settimeout(2)
                self.line = line
            except OSError:
                line.close()
                time.sleep(0.1)
        got = b""
        while b"<ready-6>" not in got:
            self.check_power()
            if time.monotonic() > end:
                raise TooSlow(f"could not boot in {seconds / 60:.0f} minutes: {self.console()}")
            # An emulator that has just ended is seen above.
            with contextlib.suppress(TimeoutError, ConnectionError):
                self.line.sendall(b"echo '<'ready-$((2*3))'>'\n")
                got += self.line.recv(65536)

    def sh(self, command, seconds=240):
        """What a command prints, without the line end. Its status is in `status`."""
        end = time.monotonic() + seconds
        mark = f"{time.monotonic_ns():x}"
        self.check_power()
        words = f"{{ {command}\n}} </dev/null 2>&1; echo '<'{mark}-$?'>'\n"
        self.line.sendall(words.encode())
        got = b""
        while not (found := re.search(rf"<{mark}-(\d+)>\n".encode(), got)):
            self.check_power()
            if time.monotonic() > end:
                raise checks.Failed(f"{command}: no end after {seconds} s; {got[-500:]!r}")
            with contextlib.suppress(TimeoutError):
                got += self.line.recv(65536)
        self.status = int(found[1])
        said = got[: found.start()].decode(errors="replace").replace("<ready-6>\n", "")
        return said.rstrip("\n")

    def until(self, what, is_true, seconds=180):
        """Waits for a state. Returns how many seconds that took."""
        begin = time.monotonic()
        while not is_true():
            self.check_power()
            if time.monotonic() > begin + seconds:
                raise checks.Failed(f"{what}: not within {seconds} s")
            time.sleep(0.2)
        return time.monotonic() - begin

    def answers(self, address, path="/", status=200):
        try:
            return get(address, path).status == status
        except OSError:
            return False

    def starved_seconds(self):
        """How long the emulator has waited for a processor of this machine since power-on."""
        waited = 0
        for file in pathlib.Path(f"/proc/{self.process.process.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                waited += int(file.read_text().split()[1])
        return waited / 1e9

    def seconds_on(self):
        return time.monotonic() - self.power_on

    def cut(self):
        """The plug is pulled."""
        self.process.kill()
        if self.line:
            self.line.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Pi:
    """A Raspberry Pi 3B that runs the server as its only process, from power-on."""

    def __init__(self, folder, initrd):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="board-"))
        (self.folder / "initrd").write_bytes(initrd)
        self.said = self.folder / "console"
        self.said.touch()
        self.power_on = time.monotonic()
        self.process = checks.Process(
            "qemu-system-aarch64", "-M", "raspi3b", "-accel", "tcg", "-display", "none", "-monitor", "none",
            "-no-reboot", "-kernel", folder / "kernel", "-dtb", folder / "dtb", "-initrd",
            self.folder / "initrd", "-serial", "null", "-serial", f"file:{self.said}", "-append",
            # The emulator's clocks are not those that the kernel thinks are of no use.
            "console=ttyS1,115200 clk_ignore_unused panic=1",
            "-netdev", "tap,id=lan,ifname=tap0,script=no,downscript=no",
            "-device", f"usb-net,netdev=lan,mac={MAC}",
        )  # fmt: skip

    def console(self):
        return self.said.read_text(errors="replace").replace("\r", "")

    def seconds_on(self):
        return time.monotonic() - self.power_on

    def until(self, what, is_true, seconds):
        """Waits for a state: TooSlow after so many seconds."""
        end = time.monotonic() + seconds
        while not is_true():
            if self.process.process.poll() is not None:
                raise checks.Failed(f"it has gone off: {self.process.errors()}{self.console()[-1500:]}")
            if time.monotonic() > end:
                raise TooSlow(f"{what}: not within {seconds:.0f} s; {self.console()[-1500:]}")
            time.sleep(0.2)

    def cut(self):
        self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
