# Scapy's IPsec layer as a peer: seals and opens IP packets for scapy.test.ts. One JSON value a line in each direction;
# a request names the association and lists packets in hex, the answer has one packet or one fault for each.
import json
import sys

from scapy.config import conf

conf.logLevel = 50
from scapy.compat import raw
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import AH, AUTH_ALGOS, CRYPT_ALGOS, ESP, SecurityAssociation


def packet_of(octets):
    return (IP if octets[0] >> 4 == 4 else IPv6)(octets)


def association(words):
    tunnel = None
    if words["tunnel"]:
        source, destination = words["tunnel"]
        tunnel = (IPv6 if ":" in source else IP)(src=source, dst=destination)
    return SecurityAssociation(
        {"esp": ESP, "ah": AH}[words["protocol"]],
        spi=words["spi"],
        crypt_algo=words["cipher"],
        crypt_key=bytes.fromhex(words["cipherKey"]),
        crypt_icv_size=words["icvBytes"],
        auth_algo=words["integrity"],
        auth_key=bytes.fromhex(words["integrityKey"]),
        tunnel_header=tunnel,
        nat_t_header=UDP(sport=words["port"], dport=words["port"]) if words["port"] else None,
        esn_en=words["sequenceHigh"] is not None,
        esn=words["sequenceHigh"] or 0,
    )


def each(work, packets):
    done = []
    for packet in packets:
        try:
            done.append({"packet": raw(work(packet_of(bytes.fromhex(packet)))).hex()})
        except Exception as fault:
            done.append({"fault": f"{type(fault).__name__}: {fault}"[:200]})
    return done


print(json.dumps({"ciphers": list(CRYPT_ALGOS), "integrity": list(AUTH_ALGOS)}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    sa = association(request["association"])
    answer = {"sealed": each(sa.encrypt, request["seal"]), "opened": each(sa.decrypt, request["open"])}
    print(json.dumps(answer), flush=True)
