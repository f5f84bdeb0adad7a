"""Builds the boxes, from the inside: the warm process, the limits and the walls, and the supervisor. Runs no student code itself.

Started by ../sandbox.py, within bubblewrap; what it starts at last is `serve` in runner.py, where the protocol is described too.
The walls, in the order in which a box gets them: its own processes, mounts and IPC; an own /proc and /tmp; an unprivileged user without
any capability; no open file but its two sockets; resource limits; a filter on system calls; a supervisor that nothing inside can touch.
"""

import contextlib
import ctypes
import errno
import gc
import importlib
import io
import math
import os
import platform
import random
import resource
import select
import signal
import socket
import struct
import sys
from time import monotonic

sys.path += sys.argv[2:]  # started with no site-packages at all: what may be imported is named on the command line
import numpy as np  # noqa: E402
from runner import Channel, make_shell, serve  # noqa: E402

sys.path.remove(sys.argv[2])  # this folder


# ----------------------------------------------------------------------------------------------------------------- supervisor


TICKS = os.sysconf("SC_CLK_TCK")


class Supervisor:
    """Process 1 of the box. Runs no student code, and nothing inside can signal, stop or read it."""

    def __init__(self, channel, limits, protected):
        self.channel, self.memory, self.protected = channel, limits["memory"] * 3 // 2, protected
        self.crowd = limits["processes"] // 2
        self.threshold, self.before, self.main = self.memory, 0, 0
        self.turn, self.spendable, self.look = 0, math.inf, 0.0

    def watch(self):
        while True:
            if select.select([self.channel.sock], [], [], 0.02)[0]:
                try:
                    request, _ = self.channel.receive()
                except (EOFError, OSError):
                    return
                self.obey(request)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if monotonic() > self.look:
                self.look = monotonic() + 0.1
                if self.spent() > self.spendable:
                    self.spendable = math.inf
                    self.channel.send({"late": self.turn})
            if self.protected and (used := self.too_much()):
                self.channel.send({"memory": used})
                return

    def obey(self, request):
        if "interrupt" in request:
            kill(self.main, signal.SIGINT)
        if "turn" in request:
            self.turn, self.spendable = request["turn"], self.spent() + request["cpu_seconds"]
        for pid in request.get("kill", ()):
            if self.protected or pid in self.pids():
                kill(pid)
        if "keep" in request:
            self.sweep(set(request["keep"]))
            self.channel.send({"swept": True})

    def spent(self):
        """Seconds of processor time that the box has used: its processes, and those of them that have ended."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime + sum(processor_seconds(pid) for pid in self.pids())

    def lower(self, pids):
        for pid in pids:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, pid, 19)

    def pids(self):
        """Every process of the box but the supervisor. Outside a PID namespace only main is known."""
        return (
            [int(name) for name in os.listdir("/proc") if name.isdecimal() and name != "1"]
            if self.protected
            else [self.main]
        )

    def sweep(self, keep):
        """Ends everything but some. Stopped first, so that nothing can multiply faster than it is killed."""
        for pid in keep if self.protected else ():
            kill(pid, signal.SIGCONT)  # it may have been stopped from beside
        deadline = monotonic() + 2
        while (
            rest := [pid for pid in self.pids() if pid not in keep and not is_zombie(pid)]
        ) and monotonic() < deadline:
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in rest:
                    kill(pid, number)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if not self.protected:
                return

    def too_much(self):
        """Bytes in use when they exceed the limit, else 0. Resident sizes count shared pages again for every process: they are
        the cheap upper bound; only when it rises past the limit are the pages shared out (Pss), and the bound moved."""
        pids = self.pids()
        if len(pids) > self.crowd:
            self.lower(pid for pid in pids if pid != self.main)
        resident = sum(resident_size(pid) for pid in pids)
        self.threshold = max(self.memory, self.threshold - max(0, self.before - resident))
        self.before = resident
        if resident <= self.threshold:
            return 0
        exact = sum(proportional_size(pid) for pid in pids)
        self.threshold = resident + self.memory - exact
        return exact if exact > self.memory else 0


def kill(pid, number=signal.SIGKILL):
    if pid > 1:
        with contextlib.suppress(OSError):
            os.kill(pid, number)


def stat(pid):
    """What /proc says of a process after its name: its state first."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def is_zombie(pid):
    return stat(pid)[:1] == [b"Z"]


def processor_seconds(pid):
    """Of a process, and of its children that it has waited for."""
    return sum(map(int, stat(pid)[11:15])) / TICKS


def resident_size(pid):
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def proportional_size(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(b"Pss:")) * 1024
    except (OSError, StopIteration):
        return resident_size(pid)  # a process may hide its map; then all that it holds counts


# -------------------------------------------------------------------------------------------------------------------- box

NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PIDS = 0x20000, 0x8000000, 0x10000000, 0x20000000
NO_SUID, NO_DEVICES, NO_EXECUTION, BIND, RECURSIVE, PRIVATE = 2, 4, 8, 0x1000, 0x4000, 0x40000
SET_DUMPABLE, SET_SECCOMP, SET_NO_NEW_PRIVILEGES, SET_DEATH_SIGNAL = 4, 22, 38, 1

libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{arguments}: {os.strerror(number)}")


def new_namespaces(uid):
    """Private processes, mounts and IPC for one box. Real root needs no user namespace: the box changes to `uid` later."""
    if uid is not None:
        call("unshare", NEW_PIDS | NEW_MOUNTS | NEW_IPC)
        return
    user, group = os.getuid(), os.getgid()
    call("unshare", NEW_USER | NEW_PIDS | NEW_MOUNTS | NEW_IPC)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def new_mounts(disk):
    """An own /proc, and the only places that can be written to: they are memory, limited, and gone with the box."""
    call("mount", None, b"/", None, RECURSIVE | PRIVATE, None)
    call("mount", b"proc", b"/proc", b"proc", NO_SUID | NO_DEVICES | NO_EXECUTION, None)
    call("mount", b"/dev/null", b"/dev/zero", None, BIND, None)  # mapped, it is memory that no limit counts
    for place in (b"/tmp", b"/dev/shm"):
        call("mount", b"tmpfs", place, b"tmpfs", NO_SUID | NO_DEVICES, b"mode=1777,nr_inodes=4096,size=%d" % disk)


def drop_privileges(uid):
    """To the unprivileged `uid` where root started the sandbox; no capability is left in either case."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    call("prctl", SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    call("capset", struct.pack("=Ii", 0x20080522, 0), struct.pack("=6I", *[0] * 6))


def set_limits(limits, protected):
    base = (
        int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        if os.path.exists("/proc/self/statm")
        else 0
    )
    wanted = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": limits["disk"],
        "RLIMIT_NOFILE": limits["files"],
        "RLIMIT_AS": base + limits["memory"],
        "RLIMIT_CPU": int(limits["total_seconds"] + limits["probe_total_seconds"]) + 5,
    }
    if protected:  # elsewhere this would count all of the user's processes
        wanted |= {"RLIMIT_NPROC": limits["processes"], "RLIMIT_MSGQUEUE": 0, "RLIMIT_MEMLOCK": 0}
    for name, value in wanted.items():
        with contextlib.suppress(ValueError):
            resource.setrlimit(getattr(resource, name), (value, value))


# Calls that no notebook needs: other processes' memory, namespaces and mounts, kernel keys and queues that outlive a process,
# memory that no limit counts, and a change of processor. (x86-64, arm64)
FORBIDDEN = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438),
    "kcmp": (312, 272), "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262), "quotactl": (179, 60),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190), "mq_open": (240, 180),
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "sched_setaffinity": (203, 122), "sched_setattr": (314, 274),
    "sched_setscheduler": (144, 119), "personality": (135, 92), "syslog": (103, 116),
    # what is in the page cache of a file tells one box of another
    "fadvise64": (221, 223), "preadv2": (327, 286), "cachestat": (451, 451), "mincore": (27, 232), "readahead": (187, 213),
}  # fmt: skip
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
CLONE, CLONE3, SOCKET, PRLIMIT, MMAP = (56, 220), (435, 435), (41, 198), (302, 261), (9, 222)
NAMESPACE_FLAGS, SHARED, ANONYMOUS = 0x7E020000, 1, 0x20


def seccomp_filter():
    """The kernel's own filter on system calls, as the classic BPF program that it wants."""
    column, architecture = MACHINES[platform.machine()]
    load, equal, at_least, any_bit, end = 0x20, 0x15, 0x35, 0x45, 0x06
    number, arch, first, fourth = 0, 4, 16, 40  # offsets in struct seccomp_data
    allow, deny, kill_process = 0x7FFF0000, 0x50000, 0x80000000
    program = [(load, 0, 0, arch), (equal, 1, 0, architecture), (end, 0, 0, kill_process), (load, 0, 0, number)]
    if column == 0:  # the x32 calls of x86-64 have other numbers
        program += [(at_least, 0, 1, 0x40000000), (end, 0, 0, kill_process)]
    for numbers in FORBIDDEN.values():
        program += [(equal, 0, 1, numbers[column]), (end, 0, 0, deny | errno.EPERM)]
    program += [(equal, 0, 1, CLONE3[column]), (end, 0, 0, deny | errno.ENOSYS)]  # then the C library takes clone
    program += [(equal, 0, 3, CLONE[column]), (load, 0, 0, first), (any_bit, 0, 1, NAMESPACE_FLAGS)]
    program += [(end, 0, 0, deny | errno.EPERM), (load, 0, 0, number)]
    # Closed connections of the internet's kind stay in a table that the next box could read.
    program += [(equal, 0, 3, SOCKET[column]), (load, 0, 0, first), (equal, 1, 0, socket.AF_UNIX)]
    program += [(end, 0, 0, deny | errno.EAFNOSUPPORT), (load, 0, 0, number)]
    program += [(equal, 0, 3, PRLIMIT[column]), (load, 0, 0, first), (equal, 1, 0, 0)]  # its own limits, not another's
    program += [(end, 0, 0, deny | errno.EPERM), (load, 0, 0, number)]
    # Memory that is shared and has no file is in no process's size once it is let go of.
    program += [(equal, 0, 4, MMAP[column]), (load, 0, 0, fourth), (any_bit, 0, 2, ANONYMOUS), (any_bit, 0, 1, SHARED)]
    program += [(end, 0, 0, deny | errno.EPERM), (load, 0, 0, number), (end, 0, 0, allow)]
    return b"".join(struct.pack("=HBBI", *step) for step in program)


def forbid_system_calls():
    program = seccomp_filter()
    memory = ctypes.create_string_buffer(program, len(program))
    call("prctl", SET_SECCOMP, 2, struct.pack("@HP", len(program) // 8, ctypes.addressof(memory)), 0, 0)


def close_all_but(*wanted):
    """Nothing that the zygote has open is left, and what is written past sys.stdout goes nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    ends = [2, *sorted(wanted), resource.getrlimit(resource.RLIMIT_NOFILE)[0]]
    for before, after in zip(ends, ends[1:], strict=False):
        os.closerange(before + 1, after)


def box(config, limits, supervisor, main, nested):
    """One submission's box, from the zygote's fork to the last process in it. Returns an exit status."""
    channel = Channel(supervisor)
    try:
        if config["protected"]:
            if nested:
                new_namespaces(config["uid"])
                if pid := os.fork():
                    supervisor.close()
                    main.close()
                    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                call("prctl", SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
                new_mounts(limits["disk"])
            drop_privileges(config["uid"])
        close_all_but(supervisor.fileno(), main.fileno())
        set_limits(limits, config["protected"])
        if config["protected"]:
            forbid_system_calls()
            call("prctl", SET_DUMPABLE, 0, 0, 0, 0)
        pid = os.fork()
    except BaseException as error:
        channel.send({"failed": f"{type(error).__name__}: {error}"})
        return 1
    if pid:
        main.close()
        guard = Supervisor(channel, limits, config["protected"])
        guard.main = pid
        guard.watch()
        if not config["protected"]:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        return 0
    with contextlib.suppress(BaseException):
        supervisor.close()
        if config["protected"]:
            call("prctl", SET_DUMPABLE, 1, 0, 0, 0)
        os.setsid()
        os.nice(5)
        os.makedirs(config["work"], exist_ok=True)
        os.chdir(config["work"])
        random.seed(0)
        np.random.seed(0)
        serve(Channel(main), config["shell"], limits)
    os._exit(0)


# ----------------------------------------------------------------------------------------------------------------- zygote


def warm_up(shell, names):
    """Does once what would otherwise be slow in every box. What cannot be imported will fail in the notebook, where it belongs."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    try:
        exec(compile("\n1 / 0\n", "<warm>", "exec"), {})
    except ZeroDivisionError as error:
        shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
    if "matplotlib.pyplot" in sys.modules:
        pyplot = sys.modules["matplotlib.pyplot"]
        pyplot.get_backend()
        axes = sys.modules["matplotlib.figure"].Figure().subplots()
        axes.plot([0, 1])
        axes.set_title("$x$ warm")
        axes.figure.savefig(io.BytesIO(), format="png", bbox_inches="tight")
        pyplot.uninstall_repl_displayhook()  # it would draw every figure once more than is shown
    gc.collect()
    gc.freeze()


def nesting_works(config):
    """Whether this process can make namespaces of its own, and whether the box, unprivileged, can read what it needs."""
    limits = {"disk": 2**20}
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        with contextlib.suppress(BaseException):
            new_namespaces(config["uid"])
            if (inner := os.fork()) == 0:
                with contextlib.suppress(BaseException):
                    new_mounts(limits["disk"])
                    os.write(writer, b"nested")
                os._exit(0)
            os.waitpid(inner, 0)
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with open(reader, "rb") as file:
        return file.read() == b"nested"


def unreadable(config):
    """Paths that the unprivileged user could not read (a strict umask at installation)."""
    places = [entry.path for entry in os.scandir("/packages")] + ["/library", os.path.dirname(os.__file__)]
    return [place for place in places if config["uid"] is not None and os.stat(place).st_mode & 0o004 == 0]


def zygote(control, config):
    config["shell"] = make_shell()
    warm_up(config["shell"], config["warm"])
    protected = config["protected"]
    nested = protected and config["nestable"] and nesting_works(config)
    control.send({"ready": True, "nested": nested, "unreadable": unreadable(config) if protected else []})
    while True:
        try:
            request, (supervisor, main) = control.receive()
        except EOFError:
            return
        if protected and not nested:  # then this sandbox is for one box only, and this process is its supervisor
            control.close()
            os._exit(box(config, request["box"], supervisor, main, nested))
        if (pid := os.fork()) == 0:
            control.close()
            os._exit(box(config, request["box"], supervisor, main, nested))
        supervisor.close()
        main.close()
        control.send({"ended": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = Channel(socket.socket(fileno=int(sys.argv[1])))
    zygote(control, control.receive()[0])
