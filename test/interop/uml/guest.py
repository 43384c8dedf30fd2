#!/usr/bin/python3
# The first process of the Linux guest, in Debian's own Python: loads the kernel's IPsec, then does what JSON lines on the
# serial line ask, other programs among them; a second line carries what it is told to join to a Unix socket. Its files are
# the host's, read only, but for /tmp, /run and /var/log; nothing of it stays.
import ctypes
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import tty

MODULES = "/usr/lib/uml/modules/" + platform.release()
WANTED = """ipv6 esp4 esp6 ah4 ah6 xfrm_user cbc ecb ctr gcm ccm ghash-generic seqiv echainiv authenc authencesn hmac
drbg jitterentropy_rng sha512_generic des_generic chacha20poly1305 chacha_generic poly1305_generic cmac xcbc crypto_null xfrm_algo af_key""".split()
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


def write(request):
    os.makedirs(os.path.dirname(request["path"]), exist_ok=True)
    with open(request["path"], "w") as file:
        file.write(request["text"])
    return {"fault": ""}


def read(request):
    with open(request["path"], errors="replace") as file:
        return {"fault": "", "text": file.read()}


def run(request):
    try:
        done = subprocess.run(
            request["words"],
            env={**os.environ, **request.get("environment", {})},
            input=request.get("input", ""),
            text=True,
            capture_output=True,
            timeout=request.get("patience", 30),
        )
        return {"status": done.returncode, "output": done.stdout, "fault": done.stderr}
    except subprocess.TimeoutExpired:
        return {"status": 124, "output": "", "fault": "took too long"}


def start(request):
    with open(request["log"], "ab") as log:
        environment = {**os.environ, **request.get("environment", {})}
        child = subprocess.Popen(request["words"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    started[child.pid] = child
    return {"fault": "", "process": child.pid}


def stop(request):
    child = started.pop(request["process"])
    child.send_signal(getattr(signal, request.get("signal", "SIGTERM")))
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    return {"fault": ""}


def attach(request):
    """Joins the second serial line to a Unix socket, in place of the one before."""
    detach(request)
    until = time.monotonic() + PATIENCE
    while True:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(request["path"])
            break
        except OSError as fault:
            line.close()
            if time.monotonic() > until:
                return {"fault": f"{request['path']}: {fault}"}
            time.sleep(0.05)
    attached.append(line)

    def carry():
        try:
            while octets := line.recv(65536):
                write_all(second, octets)
        except OSError:
            pass

    threading.Thread(target=carry, daemon=True).start()
    return {"fault": ""}


def detach(request):
    for line in attached:
        try:
            line.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        line.close()
    attached.clear()
    return {"fault": ""}


def write_all(line, octets):
    while octets:
        octets = octets[line.write(octets) :]


def carry_second():
    while octets := second.read(4096):
        for line in attached:
            try:
                line.sendall(octets)
            except OSError:
                pass


takers = []
attached = []
started = {}
parts = (ip, encapsulation, ping, send, statistics, setting, write, read, run, start, stop, attach, detach)
commands = {each.__name__: each for each in parts}

for kind, where in (("proc", "/proc"), ("sysfs", "/sys"), ("tmpfs", "/tmp"), ("tmpfs", "/run"), ("tmpfs", "/var/log")):
    mount(kind, where)
missing = load_modules()
subprocess.run(["ip", "link", "set", "lo", "up"])
for family in (socket.AF_INET, socket.AF_INET6):
    threading.Thread(target=echo, args=(family,), daemon=True).start()
serial, second = (open(f"/dev/ttyS{number}", "r+b", buffering=0) for number in (0, 1))
for line in (serial, second):
    tty.setraw(line, termios.TCSANOW)
threading.Thread(target=carry_second, daemon=True).start()


def answer(value):
    write_all(serial, json.dumps(value).encode() + b"\n")


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
