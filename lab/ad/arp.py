# Asks for the station of an address by ARP (RFC 826) and prints who answers: by a packet socket, so that it works where no
# rule of the host lets IP pass and no route leads there. Python, because neither Node nor Debian's shell tools open one.
# arp.py DEVICE FROM TO
import socket
import struct
import sys
import time

device, source, target = sys.argv[1:4]
ARP, REQUEST, REPLY = 0x0806, 1, 2
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP))
wire.bind((device, 0))
wire.settimeout(0.5)
own = wire.getsockname()[4]
here, there = socket.inet_aton(source), socket.inet_aton(target)
question = struct.pack("!HHBBH", 1, 0x0800, 6, 4, REQUEST) + own + here + bytes(6) + there
for attempt in range(3):
    wire.send(b"\xff" * 6 + own + struct.pack("!H", ARP) + question)
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        try:
            frame = wire.recv(65535)
        except TimeoutError:
            break
        answer = frame[14:42]
        if struct.unpack("!H", answer[6:8])[0] == REPLY and answer[14:18] == there:
            print(answer[8:14].hex(":"))
            sys.exit()
sys.exit("no answer")
