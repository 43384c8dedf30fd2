// What tshark, by its own dissectors, makes of a recording: packets by the same classes as sealwire's auditor, and the
// messages of Kerberos by their names. It is the second opinion that a chapter compares the auditor with.

import { classes, type TrafficClass } from '../../src/audit/verdict.ts'
import { broadcastAddress } from './forest.ts'
import { must } from './run.ts'

export interface TsharkCounts {
  readonly packets: number
  readonly classes: Readonly<Record<TrafficClass, number>>
  /** Packets that tshark, which puts pieces and streams together, knows as Kerberos by their content, on port 88. */
  readonly kerberos: number
  /** AS-REQ, TGS-REP … of these. */
  readonly messages: Readonly<Record<string, number>>
  /** Pieces of IP packets that are in clear: neither ESP, AH nor ESP in UDP. */
  readonly clearPieces: number
  /** Octets of the largest frame, Ethernet header included. */
  readonly largestFrame: number
}

interface Row {
  readonly protocols: string
  readonly length: number
  readonly hardware: string
  readonly source: string
  readonly destination: string
  readonly protocol: string
  readonly ports: readonly string[]
  /** The same for every piece of one datagram. */
  readonly datagram: string
  readonly offset: number
  readonly more: boolean
}

const alone = ['-o', 'ip.defragment:FALSE', '-o', 'ipv6.defragment:FALSE', '-o', 'tcp.desegment_tcp_streams:FALSE']
const columns = [
  ...['frame.protocols', 'frame.len', 'eth.dst', 'ip.src', 'ip.dst', 'ip.proto', 'udp.srcport', 'udp.dstport'],
  ...['tcp.srcport', 'tcp.dstport', 'ip.id', 'ip.frag_offset', 'ip.flags.mf', 'ipv6.src', 'ipv6.dst', 'ipv6.nxt'],
  ...['ipv6.hopopts.nxt', 'ipv6.fraghdr.nxt', 'ipv6.fraghdr.ident', 'ipv6.fraghdr.offset', 'ipv6.fraghdr.more'],
]

/** RFC 4120 §7.5.7. */
const messageNames: ReadonlyMap<string, string> = new Map([
  ['10', 'AS-REQ'],
  ['11', 'AS-REP'],
  ['12', 'TGS-REQ'],
  ['13', 'TGS-REP'],
  ['30', 'KRB-ERROR'],
])

export async function askTshark(file: string): Promise<TsharkCounts> {
  const read = ['tshark', '-n', '-r', file]
  // An ICMP error quotes a header: the outermost one counts.
  const fields = ['-T', 'fields', '-E', 'occurrence=f', ...columns.flatMap(name => ['-e', name])]
  const isKerberos = 'kerberos && (udp.port == 88 || tcp.port == 88)'
  const [packets, kerberos] = await Promise.all([
    must([...read, ...alone, ...fields]),
    must([...read, '-Y', isKerberos, '-T', 'fields', '-e', 'frame.number', '-e', 'kerberos.msg_type']),
  ])
  const rows = linesOf(packets).map(readRow)
  const byClass = Object.fromEntries(classes.map(name => [name, 0])) as Record<TrafficClass, number>
  const first = new Map(rows.filter(row => row.more && row.offset === 0).map(row => [row.datagram, classOf(row)]))
  let clearPieces = 0
  for (const row of rows) {
    const own = classOf(row)
    // Pieces behind the first have no ports: what they are the first one says, where it is there.
    const told = row.offset > 0 && own === 'unicast' ? (first.get(row.datagram) ?? own) : own
    byClass[told]++
    if ((row.more || row.offset > 0) && told !== 'esp' && told !== 'ah' && told !== 'ike') clearPieces++
  }
  const found = linesOf(kerberos)
  const messages: Record<string, number> = {}
  for (const line of found) {
    for (const type of (line.split('\t')[1] ?? '').split(',')) {
      const name = messageNames.get(type)
      if (name !== undefined) messages[name] = (messages[name] ?? 0) + 1
    }
  }
  return {
    packets: rows.length,
    classes: byClass,
    kerberos: found.length,
    messages,
    clearPieces,
    largestFrame: rows.reduce((most, { length }) => Math.max(most, length), 0),
  }
}

/** Packets that one of tshark's own filters finds. */
export async function countPackets(file: string, filter: string): Promise<number> {
  const output = await must([
    'tshark',
    '-n',
    '-r',
    file,
    '-Y',
    filter,
    '-T',
    'fields',
    '-e',
    'frame.number',
    '-e',
    'frame.len',
  ])
  return linesOf(output).length
}

/** tshark's warnings, which come in the same stream, have no tabulator. */
function linesOf(output: string): readonly string[] {
  return output.split('\n').filter(line => line.includes('\t'))
}

function readRow(line: string): Row {
  const [protocols = '', length = '', hardware = '', source4 = '', destination4 = '', protocol4 = '', ...rest] =
    line.split('\t')
  const [udpFrom = '', udpTo = '', tcpFrom = '', tcpTo = '', identification4 = '', offset4 = '', more4 = ''] = rest
  const [source6 = '', destination6 = '', next = '', behindHops = '', behindPiece = '', ...piece6] = rest.slice(7)
  const [identification6 = '', offset6 = '', more6 = ''] = piece6
  // A packet of IPv4 has no fields of IPv6, and the other way round.
  const [source, destination] = [source4 || source6, destination4 || destination6]
  const protocol = protocol4 || behindPiece || behindHops || next
  const identification = identification4 || identification6
  const [offset, more] = [offset4 || offset6, more4 || more6]
  return {
    protocols,
    length: Number(length),
    hardware,
    source,
    destination,
    protocol,
    ports: protocol === '17' ? [udpFrom, udpTo] : protocol === '6' ? [tcpFrom, tcpTo] : [],
    datagram: `${source} ${destination} ${protocol} ${identification}`,
    offset: Number(offset),
    more: more === '1' || more === 'True',
  }
}

function classOf(row: Row): TrafficClass {
  const has = (name: string) => row.protocols.split(':').includes(name)
  if (row.destination === '') return 'not-ip'
  if (has('malformed')) return 'malformed'
  if (row.protocol === '50') return 'esp'
  if (row.protocol === '51') return 'ah'
  if (has('isakmp') && row.protocol === '17') return 'ike'
  // RFC 3948: on port 4500 ESP, or a keepalive, which belongs to the keying that holds the way open.
  if (has('udpencap')) return has('esp') ? 'esp' : 'ike'
  if (row.ports.includes('88')) return 'kerberos'
  if (row.protocol === '46') return 'rsvp'
  const start = Number(row.destination.split('.')[0])
  if ((start >= 224 && start <= 239) || /^ff..:/.test(row.destination)) return 'multicast'
  const isBroadcast = row.destination === '255.255.255.255' || row.destination === broadcastAddress
  return isBroadcast || row.hardware === 'ff:ff:ff:ff:ff:ff' ? 'broadcast' : 'unicast'
}
