"""Windows, as far as Linux can play it, for the code of this repository alone; the libraries go on as they are.

Python reads this before anything else wherever this folder is on PYTHONPATH, and so in every process that such a one starts.
What `app.py`, `core` and `pages` then see:

- `sys.platform`, `os.name`; modules, functions and signals that Windows lacks are not there;
- a folder cannot be opened, nor a file flushed that is open for reading only;
- a file that anybody has open or mapped cannot be removed, renamed or replaced, nor a folder with such a file renamed;
- no descriptor and no lock can be inherited, and SIGTERM ends a process at once;
- a process started with `sys.executable` is a launcher, as in a virtual environment, and the Python that works is its child;
- a text file opened without an encoding is an error (with PYTHONWARNDEFAULTENCODING=1).

What it cannot play: drives and backslashes (see test_paths.py), consoles, code pages, virus scanners.
"""

import builtins
import errno
import fcntl
import os
import signal
import subprocess
import sys
import types
import warnings
from typing import Any

MARK = b"UNCONFOUND_TEST_WINDOWS="
HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
OURS = tuple(os.path.join(PROJECT, name) for name in ("app.py", f"core{os.sep}", f"pages{os.sep}"))
LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep

NO_MODULES = {"curses", "fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
NOT_IN_OS = {
    *("fork", "forkpty", "killpg", "setsid", "getsid", "getpgid", "setpgid", "getpgrp", "tcgetpgrp", "nice", "uname"),
    *("geteuid", "getuid", "getgid", "getegid", "getgroups", "getresuid", "setuid", "seteuid", "setgid", "initgroups"),
    *("statvfs", "fstatvfs", "pread", "preadv", "pwrite", "pwritev", "readv", "writev", "sendfile", "copy_file_range"),
    *("mkfifo", "mknod", "chown", "fchown", "lchown", "fchmod", "lockf", "pipe2", "openpty", "ttyname", "ctermid"),
    *("sync", "fdatasync", "posix_fadvise", "posix_fallocate", "memfd_create", "splice", "eventfd", "getloadavg"),
    *(
        "wait",
        "wait3",
        "wait4",
        "waitid",
        "WNOHANG",
        "WUNTRACED",
        "WIFEXITED",
        "WEXITSTATUS",
        "WIFSIGNALED",
        "WTERMSIG",
    ),
    *("getpriority", "setpriority", "chroot", "fchdir", "getxattr", "setxattr", "listxattr", "posix_spawn", "confstr"),
    *("sched_getaffinity", "sched_setaffinity", "sched_yield", "sched_getparam", "sched_setscheduler", "sysconf"),
    *("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "O_SYNC", "O_DSYNC", "O_TMPFILE", "O_PATH", "O_NOATIME"),
}
IN_SIGNAL = {"SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN"}
NOT_IN_SIGNAL = {name for name in dir(signal) if name.startswith("SIG")} - IN_SIGNAL | {
    *(
        "alarm",
        "pause",
        "pthread_kill",
        "pthread_sigmask",
        "setitimer",
        "getitimer",
        "sigwait",
        "sigpending",
        "siginterrupt",
    ),
}


class Other(types.ModuleType):
    """A module as it is on Windows: some names have another value, and some are not there."""

    def __init__(self, real: types.ModuleType, missing: set[str], **other: Any) -> None:
        super().__init__(real.__name__)
        self.__dict__.update(other, __file__=getattr(real, "__file__", None))
        self.__dict__["_real"], self.__dict__["_missing"] = real, missing

    def __getattr__(self, name: str) -> Any:
        if name in self._missing:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} on Windows")
        return getattr(self._real, name)


# --- os ---


def open_(path: Any, flags: int, *rest: Any, **named: Any) -> int:
    if os.path.isdir(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))
    return os.open(path, flags, *rest, **named)


def fsync(handle: Any) -> None:
    number = handle if isinstance(handle, int) else handle.fileno()
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "Bad file descriptor")
    os.fsync(number)


def locking(descriptor: int, mode: int, _bytes: int) -> None:
    assert mode == MSVCRT.LK_NBLCK
    assert os.lseek(descriptor, 0, os.SEEK_CUR) > os.fstat(descriptor).st_size, "nobody could read what is locked"
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(errno.EACCES, "Permission denied") from None


MSVCRT = types.ModuleType("msvcrt")
MSVCRT.__dict__.update(locking=locking, LK_NBLCK=2)


# --- open files ---


def refuse_open(path: Any, dir_fd: int | None, *, folder_too: bool) -> None:
    """As Windows does, where the call comes from our code: perhaps through the standard library, never another one."""
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith((LIBRARY, "<frozen")):
        if frame.f_code.co_name == "TemporaryFile" or "site-packages" in frame.f_code.co_filename:
            return
        frame = frame.f_back
    if frame is None or not frame.f_code.co_filename.startswith(OURS):
        return
    name = os.fsdecode(path)
    name = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), name) if dir_fd is not None else name
    name = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for one in paths_of(pid):
            if one == name or (folder_too and one.startswith(name + "/")):
                raise PermissionError(errno.EACCES, f"The file is being used by process {pid} ({one})", name)


def paths_of(pid: str) -> set[str]:
    """What a process of this game has open or mapped."""
    found = set()
    try:
        if int(pid) != os.getpid():
            with open(f"/proc/{pid}/environ", "rb") as environ:
                if MARK not in environ.read():
                    return found
        for number in os.listdir(f"/proc/{pid}/fd"):
            one = os.readlink(f"/proc/{pid}/fd/{number}")
            if not os.path.isdir(one):
                found.add(one)
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
            found.update(line.split(None, 5)[5].rstrip("\n") for line in maps if "/" in line)
    except OSError:
        pass
    return found


def guarded(real: Any, *, target: bool) -> Any:
    def call(path: Any, *rest: Any, dir_fd: int | None = None, **named: Any) -> Any:
        refuse_open(path, named.get("src_dir_fd", dir_fd), folder_too=target)
        if target:
            refuse_open(rest[0], named.get("dst_dir_fd"), folder_too=True)
        return real(path, *rest, **named, **({} if dir_fd is None else {"dir_fd": dir_fd}))

    return call


# --- processes ---


class Popen(subprocess.Popen):
    """As on Windows; a new group is played by a session of its own."""

    def __init__(self, args: Any, **named: Any) -> None:
        for name in ("start_new_session", "pass_fds", "preexec_fn", "process_group"):
            assert not named.get(name), f"{name} has no effect on Windows, or is refused there"
        flags = named.pop("creationflags", 0)
        if args[0] == sys.executable:
            args = [sys.executable, "-I", "-S", os.path.join(HERE, "launcher.py"), *_as_windows(args[1:])]
        super().__init__(args, start_new_session=bool(flags & 0x200), **named)

    def send_signal(self, _signal: int) -> None:
        super().send_signal(signal.SIGKILL)


def _as_windows(arguments: list[str]) -> list[str]:
    """A Python that reads no sitecustomize is told by its code."""
    if "-S" not in arguments:
        return arguments
    code = arguments.index("-c") + 1
    told = f"exec(compile(open({__file__!r}, encoding='utf-8').read(), {__file__!r}, 'exec'), {{'__file__': {__file__!r}}}); "
    return [*arguments[:code], told + arguments[code], *arguments[code + 1 :]]


def no_signals(psutil: Any) -> None:
    """psutil's `terminate` and `send_signal(SIGTERM)` are `TerminateProcess` on Windows."""
    psutil.Process.terminate = psutil.Process.kill
    psutil.Process.send_signal = lambda self, _signal: self.kill()


# --- what our code imports ---

WINDOWS = {
    "os": Other(os, NOT_IN_OS, name="nt", O_BINARY=0, open=open_, fsync=fsync, getppid=lambda: 1),
    "sys": Other(sys, {"getdlopenflags", "setdlopenflags", "abiflags"}, platform="win32"),
    "signal": Other(signal, NOT_IN_SIGNAL),
    "subprocess": Other(subprocess, set(), Popen=Popen),
    "msvcrt": MSVCRT,
}
_import = builtins.__import__


def import_(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    if level == 0 and str((globals or {}).get("__file__", "")).startswith(OURS):
        if name.partition(".")[0] in NO_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r} on Windows", name=name)
        if name in WINDOWS:
            return WINDOWS[name]
        if name == "psutil":
            found = _import(name, globals, locals, fromlist, level)
            no_signals(found)
            return found
    return _import(name, globals, locals, fromlist, level)


builtins.__import__ = import_
os.unlink = guarded(os.unlink, target=False)
os.remove = guarded(os.remove, target=False)
os.rename = guarded(os.rename, target=True)
os.replace = guarded(os.replace, target=True)
if sys.flags.warn_default_encoding:
    warnings.filterwarnings("error", category=EncodingWarning, module=r"(core|pages|app)\b")
