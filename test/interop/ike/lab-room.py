# The first process of a lab's own network, process and mount namespaces: makes TAP devices and further network namespaces,
# runs programs in them, and carries Ethernet frames between the devices and whoever started this. Requests and answers are
# JSON lines on file descriptor 3; frames stand on standard input and output behind two octets of length and one with the
# device's number. Everything ends with the input.
import ctypes
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import threading

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000

libc = ctypes.CDLL(None, use_errno=True)
# Names of network namespaces, sockets and PID files under /run are this lab's own.
libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, None)
os.makedirs("/run/netns", exist_ok=True)

channel = os.fdopen(3, "r+b", buffering=0)
speaking = threading.Lock()
taps = []
started = {}


def within(request):
    name = request.get("namespace")
    return ["ip", "netns", "exec", name] if name else []


def environment(request):
    return {**os.environ, **request.get("environment", {})}


def tap(request):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", request["name"].encode(), IFF_TAP | IFF_NO_PI))
    # Before anybody can send through it: frames are told apart by their place in this list.
    taps.append(device)
    os.write(wake[1], b"\0")
    return {"number": len(taps) - 1}


def run(request):
    try:
        done = subprocess.run(
            within(request) + request["words"],
            input=request.get("input", ""),
            env=environment(request),
            text=True,
            capture_output=True,
            timeout=request.get("patience", 30),
        )
        return {"status": done.returncode, "output": done.stdout, "fault": done.stderr}
    except subprocess.TimeoutExpired as late:
        return {"status": 124, "output": (late.stdout or b"").decode(), "fault": "took too long"}


def start(request):
    with open(request["log"], "ab") as log:
        words = within(request) + request["words"]
        child = subprocess.Popen(words, env=environment(request), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    started[child.pid] = child
    return {"process": child.pid}


def stop(request):
    child = started.pop(request["process"], None)
    if child is None:
        return {"status": None}
    child.send_signal(getattr(signal, request.get("signal", "SIGTERM")))
    try:
        return {"status": child.wait(request.get("patience", 5))}
    except subprocess.TimeoutExpired:
        child.kill()
        return {"status": child.wait()}


commands = {each.__name__: each for each in (tap, run, start, stop)}


def answer(line):
    request = json.loads(line)
    try:
        value = commands[request["do"]](request)
    except Exception as fault:
        value = {"error": f"{type(fault).__name__}: {fault}"}
    with speaking:
        channel.write(json.dumps({"id": request["id"], **value}).encode() + b"\n")


def listen():
    held = b""
    while octets := channel.read(65536):
        *lines, held = (held + octets).split(b"\n")
        for line in lines:
            threading.Thread(target=answer, args=(line,), daemon=True).start()
    os._exit(0)


wake = os.pipe()
threading.Thread(target=listen, daemon=True).start()
held = b""
while True:
    ready, _, _ = select.select([0, wake[0], *taps], [], [])
    if wake[0] in ready:
        os.read(wake[0], 4096)
    for number, device in enumerate(taps):
        if device in ready:
            frame = os.read(device, 65535)
            os.write(1, len(frame).to_bytes(2, "big") + bytes([number]) + frame)
    if 0 in ready:
        octets = os.read(0, 1 << 20)
        if not octets:
            os._exit(0)
        held += octets
        at = 0
        while len(held) - at >= 3 and len(held) - at - 3 >= (length := int.from_bytes(held[at : at + 2], "big")):
            try:
                os.write(taps[held[at + 2]], held[at + 3 : at + 3 + length])
            except OSError as fault:
                # A device that is down takes nothing.
                print("tap:", fault, file=sys.stderr, flush=True)
            at += 3 + length
        held = held[at:]
