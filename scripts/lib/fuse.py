"""A file system over /dev/fuse, whose nodes misbehave: for what must bear that.

Needs root and a mount namespace: see enter_namespace().
"""

import ctypes
import errno
import os
import select
import stat
import struct
import threading
import time

import checks

OLD = 1_700_000_000
PAGE = 4096


class Node:
    """A file or a folder. Whatever is wrong with it is said by its attributes."""

    def __init__(self, content=None, names=None, **wrong):
        self.content, self.names = content, names
        self.size = wrong.pop("size", None)  # as it is told, if that is not the truth
        self.links = wrong.pop("links", 1)
        self.inode = wrong.pop("inode", None)
        self.kind = wrong.pop("kind", None)  # of its entry: 0 is DT_UNKNOWN
        self.dots = wrong.pop("dots", True)
        self.look_error = wrong.pop("look_error", 0)  # of getattr and lookup
        self.open_error = wrong.pop("open_error", 0)
        self.list_error = wrong.pop("list_error", 0)
        self.listed = wrong.pop("listed", 0)  # entries before that error
        self.read_error = wrong.pop("read_error", 0)
        self.bad = wrong.pop("bad", None)  # where reading fails; everywhere if not given
        self.times = wrong.pop("times", (OLD, OLD))
        self.shrinks = wrong.pop("shrinks", None)  # from the first read on, to so many bytes
        self.grows = wrong.pop("grows", False)  # its size is the truth from the first read on
        assert not wrong, wrong


class Fuse:
    """Serves a tree of nodes until it dies."""

    def __init__(self, place, root):
        self.place, self.nodes, self.numbers = place, {1: root}, {id(root): 1}
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other"
        self.stopping, self.stop = os.pipe()
        self.silent = threading.Event()  # from then on it takes requests and never answers
        self.delay = 0.0  # seconds before each answer
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        mount("odd", place, "fuse", 6, options)

    def die(self):
        """The kernel answers ENOTCONN from now on."""
        if self.device is not None:
            os.write(self.stop, b"x")
            self.thread.join(checks.SECONDS)
            os.close(self.device)
            self.device = None

    def serve(self):
        while True:
            ready, _, _ = select.select([self.device, self.stopping], [], [])
            if self.stopping in ready:
                return
            try:
                request = os.read(self.device, 1 << 20)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                continue
            _, opcode, unique, number = struct.unpack_from("=IIQQ", request)
            try:
                answer = self.answer(opcode, number, request[40:])
            except OSError as error:
                answer = error.errno
            if answer is None or self.silent.is_set():
                continue
            time.sleep(self.delay)
            code, data = (-answer, b"") if isinstance(answer, int) else (0, answer)
            try:
                os.write(self.device, struct.pack("=IiQ", 16 + len(data), code, unique) + data)
            except OSError:
                pass  # whoever asked has gone

    def answer(self, opcode, number, data):
        if opcode in (2, 42, 36):  # FORGET, BATCH_FORGET, INTERRUPT have no answer
            return None
        if opcode == 26:  # INIT
            return struct.pack("=IIIIHHIIHHI7I", 7, 31, 0, 0, 16, 12, 1 << 16, 1, 0, 0, 0, *[0] * 7)
        if opcode == 17:  # STATFS
            return struct.pack("=QQQQQIIII6I", 9, 9, 9, 9, 9, 512, 255, 512, 0, *[0] * 6)
        node = self.nodes[number]
        if opcode == 1:  # LOOKUP
            child = (node.names or {}).get(data.rstrip(b"\0").decode())
            if child is None:
                return errno.ENOENT
            if child.look_error:
                return child.look_error
            return struct.pack("=QQQQII", self.number(child), 0, 0, 0, 0, 0) + self.attributes(child)
        if opcode == 3:  # GETATTR
            if node.look_error:
                return node.look_error
            return struct.pack("=QII", 0, 0, 0) + self.attributes(node)
        if opcode in (14, 27):  # OPEN, OPENDIR
            # FOPEN_DIRECT_IO: nothing is made up by the page cache.
            return node.open_error or struct.pack("=QII", 0, 1 if opcode == 14 else 0, 0)
        if opcode == 15:  # READ
            _, offset, size = struct.unpack_from("=QQI", data)
            return self.read(node, offset, size)
        if opcode == 28:  # READDIR
            _, offset, size = struct.unpack_from("=QQI", data)
            return self.list(node, offset, size)
        return 0 if opcode in (18, 25, 29, 34, 38) else errno.ENOSYS

    def number(self, node):
        if id(node) not in self.numbers:
            self.numbers[id(node)] = len(self.nodes) + 1
            self.nodes[len(self.nodes) + 1] = node
        return self.numbers[id(node)]

    def attributes(self, node):
        number = self.number(node) if node.inode is None else node.inode
        size = node.size if node.size is not None else len(node.content or b"")
        kind = stat.S_IFDIR | 0o755 if node.names is not None else stat.S_IFREG | 0o644
        modified, changed = node.times
        return struct.pack("=QQQQQQIIIIIIIIII", number, size, 0, modified, modified, changed,
                           0, 0, 0, kind, node.links, 0, 0, 0, PAGE, 0)

    def read(self, node, offset, size):
        if node.read_error and (node.bad is None or offset <= node.bad < offset + size):
            return node.read_error
        if node.grows:
            node.size = None
        if node.shrinks is not None:
            node.content, node.size = node.content[:node.shrinks], None
        return node.content[offset:offset + size]

    def list(self, node, offset, size):
        names = [(".", node), ("..", node)] if node.dots else []
        names += list(node.names.items())
        data = b""
        for at, (name, child) in list(enumerate(names))[offset:]:
            if node.list_error and at - 2 * node.dots >= node.listed:
                return data or node.list_error
            raw = name.encode()
            kind = child.kind
            if kind is None:
                kind = 4 if child.names is not None else 8
            number = self.number(child) if child.inode is None else child.inode
            entry = struct.pack("=QQII", number, at + 1, len(raw), kind) + raw
            entry += b"\0" * (-len(entry) % 8)
            if len(data) + len(entry) > size:
                break
            data += entry
            if node.list_error:
                break  # one at a time, so that the error comes after it
        else:
            if node.list_error and not data:
                return node.list_error
        return data


def mount(what, place, kind, flags=0, options=""):
    libc = ctypes.CDLL(None, use_errno=True)
    words = [word.encode() for word in (what, str(place), kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {kind}: {os.strerror(number)}")


def enter_namespace():
    """Gives this process mounts of its own. Returns why not, if that cannot be."""
    if os.geteuid() != 0:
        return "needs root"
    libc = ctypes.CDLL(None, use_errno=True)
    clone_newns, rec, private = 0x20000, 0x4000, 0x40000
    if libc.unshare(clone_newns) != 0:
        return "may not make a mount namespace here"
    if libc.mount(b"none", b"/", None, ctypes.c_ulong(rec | private), None) != 0:
        return "may not mount here"
    return None
