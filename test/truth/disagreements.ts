// Where our decoder and the truth of ../shared/testdata differ, each difference with who is right and why. A difference
// that is not here fails the test, and so does one that is here and has gone.
import type { Disagreement } from './compare-truth.ts'

export interface KnownDisagreement extends Disagreement {
  readonly right: 'ours' | 'truth'
  readonly why: string
}

const laterSection =
  'A section of pcapng version 2.0 stands in the middle. tshark stops there; we pass it over with a warning and go on.'
const portsInPart = 'The SCTP header is cut off behind the ports. tshark reads none of it; the ports are in the packet.'
const slip =
  'tshark does not read SLIP. By its definition 16 octets precede the packet, and tcpdump reads this frame as IPv6 as well.'
const notIke = (what: string) =>
  `tshark takes everything on port 500 for IKE. ${what}: other traffic must not pass for IKE.`

export const knownDisagreements: readonly KnownDisagreement[] = [
  {
    capture: 'gopacket/pcapgo__tests__be__test901.pcapng',
    frame: 0,
    field: 'frames',
    ours: '2',
    truth: '1',
    right: 'ours',
    why: laterSection,
  },
  {
    capture: 'suricata-verify/sctp-pkt-too-small__input.pcap',
    frame: 1,
    field: 'ports',
    ours: '1234 5678',
    truth: '',
    right: 'ours',
    why: portsInPart,
  },
  {
    capture: 'tcpdump/cve2015-0261-crash.pcap',
    frame: 1,
    field: 'version',
    ours: '6',
    truth: '',
    right: 'ours',
    why: slip,
  },
  {
    capture: 'tcpdump/cve2015-0261-crash.pcap',
    frame: 1,
    field: 'source',
    ours: '3030:3030:3030:3030:3030:3030:3030:3030',
    truth: '',
    right: 'ours',
    why: slip,
  },
  {
    capture: 'tcpdump/cve2015-0261-crash.pcap',
    frame: 1,
    field: 'destination',
    ours: '130:3030:3030:3030:3030:3030:3030:3030',
    truth: '',
    right: 'ours',
    why: slip,
  },
  {
    capture: 'tcpdump/cve2015-0261-crash.pcap',
    frame: 1,
    field: 'protocol',
    ours: '62',
    truth: '',
    right: 'ours',
    why: slip,
  },
  {
    capture: 'tcpdump/cve2015-0261-crash.pcap',
    frame: 1,
    field: 'fragment',
    ours: '0',
    truth: '',
    right: 'ours',
    why: slip,
  },
  {
    capture: 'tcpdump/cve2015-0261-crash.pcap',
    frame: 1,
    field: 'class',
    ours: 'unicast',
    truth: 'not-ip',
    right: 'ours',
    why: slip,
  },
  {
    capture: 'tcpdump/esp_truncated.pcap',
    frame: 1,
    field: 'class',
    ours: 'unicast',
    truth: 'esp',
    right: 'ours',
    why: 'It comes from port 4500, but announces 354 octets: ESP fills whole words of four (RFC 4303 §2.4).',
  },
  {
    capture: 'tcpdump/isakmp-delete-segfault.pcap',
    frame: 1,
    field: 'class',
    ours: 'broadcast',
    truth: 'ike',
    right: 'ours',
    why: notIke('Its version is 11.14'),
  },
  {
    capture: 'tcpdump/isakmp-various-oobr.pcap',
    frame: 1,
    field: 'class',
    ours: 'unicast',
    truth: 'ike',
    right: 'ours',
    why: notIke('Its header claims 269 MB in a datagram of 32 kB'),
  },
]
