#!/usr/bin/env python3
"""A tunnel provider in plain Python: each IP packet travels as one UDP datagram.

Varlink on descriptor 3 (the helper calls) and 4 (we call), nothing but the standard library. On
descriptor 5 the next helper takes the tunnel over when this one dies. There is no encryption: this
shows the protocol, not how to protect traffic.

Provider configuration: {"remote": "192.0.2.1:5000", "address": "10.77.0.2/24", "routes": ["10.77.0.0/16"]}
and, if wanted, "settings": network settings that replace those made from the rest, such as {"dns": ...}.
A change of all but "remote" takes effect in the running tunnel.
"""
import json
import os
import select
import socket
import sys


class Connection:
    """NUL-terminated JSON, with file descriptors beside it."""

    def __init__(self, fd):
        self.socket, self.buffer, self.fds = socket.socket(fileno=fd), b"", []

    def receive(self):
        while b"\0" not in self.buffer:
            data, fds, _, _ = socket.recv_fds(self.socket, 65536, 16)
            if not data:
                self.helper_is_gone()
            self.buffer, self.fds = self.buffer + data, self.fds + fds
        message, self.buffer = self.buffer.split(b"\0", 1)
        fds, self.fds = self.fds, []
        return json.loads(message), fds

    def helper_is_gone(self):
        """The tunnel goes on while the next one comes; a call that has no answer is not made again."""
        if self is not provider or not server:
            sys.exit(0)
        self.socket, self.buffer = listener.accept()[0], b""

    def send(self, message, fds=()):
        socket.send_fds(self.socket, [json.dumps(message).encode() + b"\0"], fds)

    def call(self, method, **parameters):
        self.send({"method": "org.adit.Host." + method, "parameters": parameters})
        reply, fds = self.receive()
        if "error" in reply:
            raise RuntimeError(reply["error"], reply.get("parameters"))
        return reply.get("parameters", {}), fds


HELLO = b"hello"
provider, host = Connection(3), Connection(4)
listener = socket.socket(fileno=5)
listener.settimeout(60)
tun = server = None
counters = {"packetsIn": 0, "packetsOut": 0}


def start(call, fds):
    """Greets the server, sets the network up, and says that the tunnel is established."""
    global tun, server
    wanted = call["configuration"]["protocol"]["providerConfiguration"]
    tun = fds[call["tun"]["queues"][0]]
    reply, sockets = host.call("OpenUdp", remote=wanted["remote"])
    server = socket.socket(fileno=sockets[reply["fdIndex"]])
    if not greeted():
        error = {"domain": "org.example.udp", "code": 7, "message": "The server does not greet back."}
        return host.call("StartCompleted", error=error)
    configure(wanted)
    host.call("StartCompleted")


def configure(wanted):
    host.call("SetTunnelNetworkSettings", settings={
        "tunnelRemoteAddress": wanted["remote"].rsplit(":", 1)[0],
        "ipv4": {
            "addresses": [wanted["address"]],
            "includedRoutes": [{"destination": route} for route in wanted["routes"]],
        },
        "mtu": 1400,
        **wanted.get("settings", {}),
    })


def reconfigure(wanted):
    try:
        configure(wanted)
        return True
    except RuntimeError as refusal:
        print(refusal, file=sys.stderr)
        return False


def greeted():
    try:
        server.send(HELLO)
        return bool(select.select([server], [], [], 5)[0]) and server.recv(65536) == HELLO
    except OSError:
        return False


def answer():
    """Serves one call of the helper."""
    message, fds = provider.receive()
    method, call = message["method"].rsplit(".", 1)[1], message.get("parameters") or {}
    reply, handed_over = {}, []
    if method == "Attach":
        host.socket = socket.socket(fileno=fds[call["host"]])
        os.dup2(fds[call["log"]], 1)
        os.dup2(fds[call["log"]], 2)
        reply, handed_over = {"established": True, "reasserting": False, "queues": [0]}, [tun]
    elif method == "Status":
        reply = {"status": counters}
    elif method == "HandleAppMessage":
        reply = {"reply": call["message"]}
    elif method == "ConfigurationChanged":
        reply = {"applied": reconfigure(call["configuration"]["protocol"]["providerConfiguration"])}
    provider.send({"parameters": reply}, handed_over)
    if method == "Start":
        start(call, fds)


while True:
    waiting = [provider.socket] + ([tun, server] if server else [])
    for ready in select.select(waiting, [], [])[0]:
        if ready is provider.socket:
            answer()
        elif ready is tun:
            counters["packetsOut"] += 1
            server.send(os.read(tun, 65536))
        else:
            packet = server.recv(65536)
            if packet != HELLO:
                counters["packetsIn"] += 1
                os.write(tun, packet)
