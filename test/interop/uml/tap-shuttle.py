# Runs in a network namespace of its own: makes the TAP device, starts user-mode Linux on it, and carries Ethernet frames
# between the device and whoever started this: two octets of length, then the frame, on standard input and output. File
# descriptors 3 and 4 become the guest's serial lines. Everything ends with the input.
import os
import select
import signal
import socket
import subprocess
import sys

PACKET_OUTGOING = 4
ANY_PROTOCOL = 0x0003

name, *guest = sys.argv[1:]
for words in (["tuntap", "add", "dev", name, "mode", "tap"], ["link", "set", name, "addrgenmode", "none", "up"]):
    subprocess.run(["ip", *words], check=True)
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ANY_PROTOCOL))
tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
tap.bind((name, ANY_PROTOCOL))
child = subprocess.Popen(guest, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=(3, 4))
os.close(3)
os.close(4)

held = b""
try:
    while child.poll() is None:
        ready, _, _ = select.select([0, tap], [], [], 1)
        if tap in ready:
            frame, sender = tap.recvfrom(65535)
            # What we put on the device is shown to us as well.
            if sender[2] != PACKET_OUTGOING:
                os.write(1, len(frame).to_bytes(2, "big") + frame)
        if 0 in ready:
            octets = os.read(0, 1 << 20)
            if not octets:
                break
            held += octets
            at = 0
            while len(held) - at >= 2 and len(held) - at - 2 >= (length := int.from_bytes(held[at : at + 2], "big")):
                try:
                    tap.send(held[at + 2 : at + 2 + length])
                except OSError as fault:
                    # While the guest is away the device has no carrier.
                    print("tap:", fault, file=sys.stderr, flush=True)
                at += 2 + length
            held = held[at:]
finally:
    if child.poll() is None:
        child.send_signal(signal.SIGKILL)
        child.wait()
