#!/usr/bin/python3
# The first and only process of the Linux guest, in Debian's own Python: loads the kernel's IPsec, then does what JSON lines
# on the serial line ask. Its files are the host's, read only; nothing of it stays.
import ctypes
import json
import os
import platform
import socket
import subprocess
import sys
import termios
import threading
import tty

MODULES = "/usr/lib/uml/modules/" + platform.release()
WANTED = """ipv6 esp4 esp6 ah4 ah6 xfrm_user cbc ecb ctr gcm ccm ghash-generic seqiv echainiv authenc authencesn hmac
drbg jitterentropy_rng sha512_generic des_generic chacha20poly1305 chacha_generic poly1305_generic cmac xcbc crypto_null""".split()
FINIT_MODULE = 313
REBOOT_POWER_OFF = 0x4321FEDC
ECHO_PORT = 7
UDP_ENCAP, ESP_IN_UDP = 100, 2
# Seconds to an answer, on a machine that has much else to do.
PATIENCE = 15

libc = ctypes.CDLL(None, use_errno=True)


def mount(kind, where):
    libc.mount(kind.encode(), where.encode(), kind.encode(), 0, None)


def load_modules():
    needs = {}
    with open(MODULES + "/modules.dep") as lines:
        for line in lines:
            path, _, behind = line.partition(":")
            needs[os.path.basename(path)[:-3]] = (path, [os.path.basename(name)[:-3] for name in behind.split()])
    with open(MODULES + "/modules.builtin") as lines:
        loaded = {os.path.basename(line.strip())[:-3] for line in lines}
    missing = []

    def load(name):
        if name in loaded:
            return
        loaded.add(name)
        if name not in needs:
            return missing.append(name)
        path, before = needs[name]
        for other in reversed(before):
            load(other)
        with open(MODULES + "/" + path) as module:
            libc.syscall(FINIT_MODULE, module.fileno(), b"", 0)

    for name in WANTED:
        load(name)
    return missing


def pattern(size, seed):
    return bytes((seed + index * 167 + (index >> 8)) & 255 for index in range(size))


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp_socket(family):
    line = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        line.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return line


def echo(family):
    """Sends every datagram back to where it came from."""
    server = udp_socket(family)
    server.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", ECHO_PORT))
    while True:
        data, peer = server.recvfrom(65535)
        try:
            server.sendto(data, peer)
        except OSError as fault:
            print("echo:", fault, flush=True)


def ip(request):
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(request["lines"]) + "\n", text=True, capture_output=True)
    return {"fault": "" if done.returncode == 0 else done.stderr.strip() or "ip: refused"}


def encapsulation(request):
    """The sockets that take ESP out of UDP for the kernel; they only have to stay open."""
    for family in (socket.AF_INET, socket.AF_INET6):
        taker = udp_socket(family)
        taker.bind(("", request["port"]))
        taker.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, ESP_IN_UDP)
        takers.append(taker)
    return {"fault": ""}


def ping(request):
    family = family_of(request["to"])
    is_ipv6 = family == socket.AF_INET6
    asking, answering = (128, 129) if is_ipv6 else (8, 0)
    line = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if is_ipv6 else socket.IPPROTO_ICMP)
    line.settimeout(request.get("patience", PATIENCE))
    with line:
        for number, size in enumerate(request["sizes"]):
            body = b"\x54\x09" + number.to_bytes(2, "big") + pattern(size, number)
            head = bytes([asking, 0, 0, 0])
            if not is_ipv6:
                words = head + body + b"\0" * (len(body) % 2)
                total = sum(int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2))
                total = (total & 0xFFFF) + (total >> 16)
                total = (total & 0xFFFF) + (total >> 16)
                head = bytes([asking, 0]) + (~total & 0xFFFF).to_bytes(2, "big")
            line.sendto(head + body, (request["to"], 0))
            while True:
                try:
                    answer = line.recv(65535)
                except TimeoutError:
                    return {"fault": f"no answer to a ping of {size} octets"}
                if not is_ipv6:
                    answer = answer[(answer[0] & 15) * 4 :]
                if answer[0] == answering and answer[4:8] == body[:4]:
                    break
            if answer[4:] != body:
                return {"fault": f"another answer to a ping of {size} octets"}
    return {"fault": ""}


def send(request):
    """A datagram to the other side's echo, and what comes back compared."""
    data = pattern(request["size"], request["seed"])
    with socket.socket(family_of(request["to"]), socket.SOCK_DGRAM) as line:
        line.settimeout(PATIENCE)
        for attempt in range(3):
            try:
                line.sendto(data, (request["to"], ECHO_PORT))
                break
            except OSError as fault:
                # The first packet of a path tells its sender how large a piece may be; the second keeps to it.
                if attempt == 2:
                    return {"fault": f"sending {len(data)} octets: {fault}"}
        try:
            answer = line.recv(65535)
        except TimeoutError:
            return {"fault": f"no echo of {len(data)} octets"}
    return {"fault": "" if answer == data else f"another echo of {len(data)} octets"}


def statistics(request):
    with open("/proc/net/xfrm_stat") as lines:
        return {"counts": {name: int(count) for name, count in map(str.split, lines) if count != "0"}}


def setting(request):
    for path, value in request["values"].items():
        with open("/proc/sys/" + path, "w") as file:
            file.write(value)
    return {"fault": ""}


takers = []
commands = {each.__name__: each for each in (ip, encapsulation, ping, send, statistics, setting)}

for kind, where in (("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/tmp")):
    mount(kind, where)
missing = load_modules()
subprocess.run(["ip", "link", "set", "lo", "up"])
for family in (socket.AF_INET, socket.AF_INET6):
    threading.Thread(target=echo, args=(family,), daemon=True).start()
serial = open("/dev/ttyS0", "r+b", buffering=0)
tty.setraw(serial, termios.TCSANOW)


def answer(value):
    serial.write(json.dumps(value).encode() + b"\n")


answer({"ready": platform.release(), "missing": missing})
held = b""
while True:
    *lines, held = (held + serial.read(4096)).split(b"\n")
    for line in lines:
        request = json.loads(line)
        if request["do"] == "halt":
            libc.reboot(REBOOT_POWER_OFF)
        try:
            answer(commands[request["do"]](request))
        except Exception as fault:
            answer({"fault": f"{type(fault).__name__}: {fault}"})
