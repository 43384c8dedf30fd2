// Counts the packets of a recording by kind, with tshark and not with sealwire's own reader: the numbers are what the
// auditor is measured by. Each packet is judged by itself (no reassembly): a later IP fragment shows no ports.

import { resolve } from 'node:path'
import { broadcastAddress } from './forest.ts'
import { must } from './run.ts'

export type Counts = ReadonlyMap<string, number>

interface Row {
  readonly protocols: string
  readonly destination: string
  readonly protocol: string
  readonly udpPorts: readonly string[]
  readonly tcpPorts: readonly string[]
  /** The same for every fragment of one datagram. */
  readonly datagram: string
  readonly offset: number
  readonly more: boolean
}

const noReassembly = ['-o', 'ip.defragment:FALSE', '-o', 'tcp.desegment_tcp_streams:FALSE']
const columns = [
  ...['frame.protocols', 'ip.src', 'ip.dst', 'ip.proto', 'udp.srcport', 'udp.dstport', 'tcp.srcport', 'tcp.dstport'],
  ...['ip.id', 'ip.frag_offset', 'ip.flags.mf'],
]

/** The first block adds up to all packets; the rest looks at the same packets in other ways. */
export async function countPackets(path: string): Promise<Counts> {
  const file = resolve(path)
  // An ICMP error quotes a header: -E occurrence=f keeps to the outermost one.
  const fields = ['-T', 'fields', '-E', 'occurrence=f', ...columns.flatMap(name => ['-e', name])]
  const rows = (await must(['tshark', '-n', '-r', file, ...noReassembly, ...fields]))
    .split('\n')
    .filter(line => line.includes('\t'))
    .map(readRow)
  const count = (is: (row: Row) => boolean): number => rows.filter(is).length
  const kindIs = (kind: string) => count(row => kindOf(row) === kind)
  const split = new Set(rows.filter(row => row.more && isKerberosPort(row)).map(row => row.datagram))
  const filtered = async (filter: string): Promise<number> =>
    (await must(['tshark', '-n', '-r', file, ...checksums, '-Y', filter, '-T', 'fields', '-e', 'frame.number']))
      .split('\n')
      .filter(line => /^\d+$/.test(line)).length
  return new Map([
    ['all packets', rows.length],
    ['port 88 over UDP', kindIs('kerberos-udp')],
    ['port 88 over TCP', kindIs('kerberos-tcp')],
    ['RSVP (IP protocol 46)', kindIs('rsvp')],
    ['multicast', kindIs('multicast')],
    ['broadcast (255.255.255.255 and 10.54.0.255)', kindIs('broadcast')],
    ['other unicast', kindIs('unicast')],
    ['not IP (ARP)', kindIs('not-ip')],
    ['IP fragments, first', count(row => row.more && row.offset === 0)],
    ['IP fragments, later (no ports; counted as other unicast)', count(row => row.offset > 0)],
    ['of these, later fragments of a port-88 datagram', count(row => row.offset > 0 && split.has(row.datagram))],
    ['`kerberos` dissected, each packet by itself', count(row => /:kerberos\b/.test(row.protocols))],
    ['of these, on port 88', count(row => /:kerberos\b/.test(row.protocols) && isKerberosPort(row))],
    ['`kerberos` dissected, with tshark reassembling', await filtered('kerberos')],
    ['wrong checksums (IP, UDP, TCP, ICMP)', await filtered(wrongChecksum)],
    ['malformed by tshark', await filtered('_ws.malformed')],
  ])
}

const checksums = ['ip', 'udp', 'tcp'].flatMap(protocol => ['-o', `${protocol}.check_checksum:TRUE`])
const wrongChecksum = ['ip', 'udp', 'tcp', 'icmp'].map(protocol => `${protocol}.checksum.status == "Bad"`).join(' || ')

function readRow(line: string): Row {
  const [protocols = '', source = '', destination = '', protocol = '', ...rest] = line.split('\t')
  const [udpFrom = '', udpTo = '', tcpFrom = '', tcpTo = '', identification = '', offset = '', more = ''] = rest
  return {
    protocols,
    destination,
    protocol,
    udpPorts: [udpFrom, udpTo],
    tcpPorts: [tcpFrom, tcpTo],
    datagram: `${source} ${identification}`,
    offset: Number(offset),
    more: more === '1' || more === 'True',
  }
}

/** The most special reason first, as a default exemption would be found. */
function kindOf(row: Row): string {
  if (row.destination === '') return 'not-ip'
  if (row.destination === '255.255.255.255' || row.destination === broadcastAddress) return 'broadcast'
  const first = Number(row.destination.split('.')[0])
  if (first >= 224 && first <= 239) return 'multicast'
  if (row.protocol === '46') return 'rsvp'
  if (row.udpPorts.includes('88') && row.protocol === '17') return 'kerberos-udp'
  if (row.tcpPorts.includes('88') && row.protocol === '6') return 'kerberos-tcp'
  return 'unicast'
}

function isKerberosPort(row: Row): boolean {
  return kindOf(row).startsWith('kerberos')
}
