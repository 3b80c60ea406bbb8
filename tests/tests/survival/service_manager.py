"""Starts the helper, keeps what it stores (sd_notify(3), FDSTORE=1), and starts it again with that when
it has died and the file /run/restart is there."""
import os, select, socket, sys, time
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind("/run/notify")
kept = {}

def listen():
    while select.select([notify], [], [], 0.02)[0]:
        data, fds, _, _ = socket.recv_fds(notify, 4096, 16)
        said = dict(line.split("=", 1) for line in data.decode().split())
        if "FDSTOREREMOVE" in said:
            for fd in kept.pop(said["FDNAME"], []):
                os.close(fd)
        if "FDSTORE" in said:
            kept.setdefault(said["FDNAME"], []).extend(fds)
            for fd in fds:
                os.set_inheritable(fd, False)

while True:
    given = [(name, fd) for name, fds in kept.items() for fd in fds]
    pid = os.fork()
    if pid == 0:
        high = [os.dup(fd) for _, fd in given]
        for number, fd in enumerate(high):
            os.dup2(fd, 3 + number, inheritable=True)
        os.environ.update(NOTIFY_SOCKET="/run/notify", ADIT_LOG="debug")
        if given:
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)),
                              LISTEN_FDNAMES=":".join(name for name, _ in given))
        os.execv(sys.argv[1], [sys.argv[1], "--state-dir", "/run/adit-state", "--runtime-dir", "/run/adit",
                               "--providers-dir", "/run/adit-providers"])
    open("/run/helper.pid", "w").write(str(pid))
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        listen()
    while not os.path.exists("/run/restart"):
        listen()
