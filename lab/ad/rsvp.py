# One RSVP Path message (RFC 2205 §3.1.3, IP protocol 46) from one lab host to another, and the receiver that proves it
# arrived. Python, because neither Node nor Debian's shell tools open a raw socket.  rsvp.py send|receive FROM TO
import socket
import struct
import sys
import time

mode, source, destination = sys.argv[1:4]
PROTOCOL = 46
# RFC 2205 A: every object that holds an address has another class type for IPv6.
is_ipv6 = ":" in destination
family, TYPE = (socket.AF_INET6, 2) if is_ipv6 else (socket.AF_INET, 1)
wire = socket.socket(family, socket.SOCK_RAW, PROTOCOL)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def item(class_number, class_type, body):
    return struct.pack("!HBB", len(body) + 4, class_number, class_type) + body


def path_message():
    here, there = socket.inet_pton(family, source), socket.inet_pton(family, destination)
    udp, port = 17, 5004
    # RFC 2210 §3.1: a token bucket of 16 kB/s, packets of 64 to 1500 bytes.
    bucket = struct.pack("!BBHBBHBBHfffII", 0, 0, 7, 1, 0, 6, 127, 0, 5, 16000.0, 4000.0, 16000.0, 64, 1500)
    body = b"".join([
        item(1, TYPE, there + struct.pack("!BBH", udp, 0, port)),  # SESSION
        item(3, TYPE, here + struct.pack("!I", 0)),  # RSVP_HOP
        item(5, 1, struct.pack("!I", 30000)),  # TIME_VALUES: refreshed every 30 s
        item(11, TYPE, here + struct.pack("!HH", 0, port)),  # SENDER_TEMPLATE
        item(12, 2, bucket),  # SENDER_TSPEC
    ])

    def message(total):
        return struct.pack("!BBHBBH", 0x10, 1, total, 64, 0, 8 + len(body)) + body

    return message(checksum(message(0)))


if mode == "receive":
    wire.bind((destination, 0))
    print("listening", flush=True)
    packet, (sender, *_) = wire.recvfrom(65535)
    # A raw socket of IPv4 shows the IP header, one of IPv6 does not.
    header = 0 if is_ipv6 else (packet[0] & 15) * 4
    if sender != source or packet[header + 1] != 1 or checksum(packet[header:]) != 0:
        sys.exit("something else arrived")
    print(f"RSVP Path message of {len(packet) - header} bytes from {sender}")
else:
    # The receiver is started at the same time.
    time.sleep(0.3)
    wire.bind((source, 0))
    # RFC 2205 §3.11.3: a Path message carries the Router Alert option (RFC 2113; RFC 2711, where 1 stands for RSVP).
    if is_ipv6:
        wire.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, bytes([0, 0, 5, 2, 0, 1, 1, 0]))
    else:
        wire.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([148, 4, 0, 0]))
    wire.sendto(path_message(), (destination, 0))
