// The TUN data plane between two network namespaces over a veth link: streams of iperf3, floods of small datagrams, round
// trips; sealed by us in each form and by each packet engine, next to the bare link, wireguard-go and strongSwan, in turn, in
// the same rounds. Other builds of wireguard-go are named by the variable WIREGUARD_GO, paths with a space between.
import { spawnSync } from 'node:child_process'
import { whyNoHosts } from '../src/native/test-namespaces.ts'
import { whyNoRoom } from '../test/interop/ike/lab-room.ts'
import { whyNoStrongSwan } from '../test/interop/ike/strongswan.ts'
import { hasCommand, median, type Table } from './bench.ts'
import { associationsTable, firstPacketTable } from './tun-start.ts'
import { bareLink, sealed, strongSwan, type Way, wireguard } from './tun-ways.ts'

const ROUNDS = 3
const SECONDS = 2
const PORT = '5201'
const SMALL = 64
const PINGS = 200

interface Run {
  /** Gbit/s of one stream and of four. */
  readonly one: number
  readonly four: number
  /** On the processor for 10^9 octets of the one stream. */
  readonly sender: number
  readonly receiver: number
  /** Datagrams a second that arrived, and the share that did not. */
  readonly datagrams: number
  readonly lost: number
  /** Milliseconds, the median. */
  readonly roundTrip: number
}

export async function benchTun(): Promise<readonly Table[]> {
  const missing = whyNoHosts()
  if (missing !== false) throw new Error(`this cannot be measured here, ${missing}`)
  if (!hasCommand('iperf3')) throw new Error('iperf3 is missing (apt-get install iperf3)')
  // Each data plane hears of the end of the process.
  process.setMaxListeners(50)
  const ways: Way[] = []
  const leftOut: string[] = []
  try {
    ways.push(bareLink())
    for (const engine of ['ipsec-mb', 'openssl'] as const) {
      for (const form of ['in UDP', 'raw', 'raw, by frames'] as const) ways.push(await sealed(engine, form))
    }
    // Where nothing is installed that could do better.
    ways.push(await sealed('node', 'in UDP'))
    const others = (process.env['WIREGUARD_GO'] ?? '').split(' ').filter(path => path !== '')
    const programs = hasCommand('wireguard-go') ? ['wireguard-go', ...others] : others
    if (programs.length === 0 || !hasCommand('wg')) leftOut.push('wireguard-go or wg is not installed')
    else for (const program of programs) ways.push(wireguard(program))
    const why = whyNoRoom() || whyNoStrongSwan()
    if (why === '') ways.push(await strongSwan())
    else leftOut.push(`strongSwan: ${why}`)
    const measured = new Map<string, Run[]>(ways.map(({ name }) => [name, []]))
    for (let round = 0; round < ROUNDS; round++) {
      for (const way of ways) {
        const run = await measure(way)
        measured.get(way.name)!.push(run)
        process.stderr.write(`round ${round + 1} of ${ROUNDS}: ${way.name}: ${JSON.stringify(run)}\n`)
      }
    }
    const tables = tablesOf(measured, leftOut)
    for (const way of ways.splice(0)) await way.close()
    return [...tables, await firstPacketTable(), await associationsTable()]
  } finally {
    for (const way of ways) await way.close()
  }
}

async function measure(way: Way): Promise<Run> {
  const before = await way.spent?.()
  const one = await iperf(way, [])
  const after = await way.spent?.()
  const gigabytes = one.bytes / 1e9
  const share = (role: 'sender' | 'receiver') =>
    before === undefined || after === undefined ? Number.NaN : (after[role] - before[role]) / gigabytes
  const four = await iperf(way, ['-P', '4'])
  const flood = await iperf(way, ['-u', '-b', '0', '-l', String(SMALL)])
  const arrived = Math.max(0, flood.packets - flood.lost)
  return {
    one: (8 * gigabytes) / one.seconds,
    four: (8 * four.bytes) / 1e9 / four.seconds,
    sender: share('sender'),
    receiver: share('receiver'),
    datagrams: arrived / flood.seconds,
    lost: 1 - arrived / flood.packets,
    roundTrip: await roundTrip(way),
  }
}

interface Sum {
  readonly bytes: number
  readonly seconds: number
  readonly packets: number
  readonly lost: number
}

async function iperf(way: Way, more: readonly string[]): Promise<Sum> {
  const stop = await way.serve(['iperf3', '-s', '-1', '-p', PORT])
  try {
    let said = ''
    for (let tries = 0; tries < 10; tries++) {
      said = await way.run(['iperf3', '-c', way.address, '-p', PORT, '-t', String(SECONDS), '-J', ...more])
      const { end } = JSON.parse(said === '' ? '{}' : said) as {
        end?: { sum_received?: Counted; sum?: Counted }
      }
      const counted = more.includes('-u') ? end?.sum : end?.sum_received
      if (counted?.bytes !== undefined && counted.seconds > 0) {
        const { bytes, seconds, packets = 0, lost_packets: lost = 0 } = counted
        return { bytes, seconds, packets, lost }
      }
      spawnSync('sleep', ['0.1'])
    }
    throw new Error(`iperf3 does not reach ${way.address} by ${way.name}: ${said.slice(-300)}`)
  } finally {
    await stop()
  }
}

interface Counted {
  readonly bytes: number
  readonly seconds: number
  readonly packets?: number
  readonly lost_packets?: number
}

async function roundTrip({ run, address }: Way): Promise<number> {
  const said = await run(['ping', '-c', String(PINGS), '-i', '0.005', address])
  return median([...said.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time)))
}

function tablesOf(measured: ReadonlyMap<string, readonly Run[]>, leftOut: readonly string[]): readonly Table[] {
  const names = [...measured.keys()]
  const of = (name: string, part: keyof Run) => median(measured.get(name)!.map(run => run[part]))
  const newest = names
    .filter(name => name.startsWith('wireguard-go'))
    .toSorted()
    .at(-1)
  const references = [names[0]!, newest, names.find(name => name.startsWith('strongSwan'))].filter(
    name => name !== undefined,
  )
  const table = (title: string, unit: string, part: keyof Run, value: (name: string) => string): Table => ({
    title: `TUN data plane: ${title}`,
    unit,
    against: references.map(name => (name === names[0] ? 'the bare link' : name)).join('; '),
    rows: names.map(what => ({
      what,
      value: value(what),
      ratio: references.map(reference => (of(what, part) / of(reference, part)).toFixed(2)).join('; '),
    })),
    remarks: [],
  })
  const spent = (name: string) =>
    Number.isNaN(of(name, 'sender')) ? '' : ` (${of(name, 'sender').toFixed(2)} and ${of(name, 'receiver').toFixed(2)})`
  const processorTime = (): Table => {
    const sealing = names.filter(name => spent(name) !== '')
    const seconds = (name: string) => median(measured.get(name)!.map(({ sender, receiver }) => sender + receiver))
    const others = references.slice(1)
    return {
      title: 'TUN data plane: processor time of the same stream',
      unit: 'seconds for a gigabyte, both ends',
      against: `${others.join('; ')}; how many times less`,
      rows: sealing.map(what => ({
        what,
        value: seconds(what).toFixed(2),
        ratio: others.map(other => (seconds(other) / seconds(what)).toFixed(2)).join('; '),
      })),
      remarks: [],
    }
  }
  const share = (name: string) => `${Math.round(of(name, 'lost') * 100)} % lost`
  const tables = [
    table('one TCP stream', 'Gbit/s (processor seconds for a gigabyte, sender and receiver)', 'one', name => {
      return `${of(name, 'one').toFixed(2)}${spent(name)}`
    }),
    processorTime(),
    table('four TCP streams', 'Gbit/s', 'four', name => of(name, 'four').toFixed(2)),
    table(`UDP of ${SMALL} octets as fast as can be`, 'arrived a second', 'datagrams', name => {
      return `${Math.round(of(name, 'datagrams') / 1000)},000 (${share(name)})`
    }),
    table('round trip without other traffic', 'ms', 'roundTrip', name => of(name, 'roundTrip').toFixed(3)),
  ]
  const remarks = [
    `ESP with AES-128-GCM: ours in transport mode with the guard's rules in force, strongSwan's in tunnel mode. Both hosts, both ends of iperf3 and the link share this machine with whatever else runs there, so that processor time says more than speed; what the kernel does for a sealed packet is in it. Medians of ${ROUNDS} rounds of ${SECONDS} seconds, in turn.`,
    ...leftOut.map(why => `Left out: ${why}.`),
  ]
  return tables.map((table, index) => (index === tables.length - 1 ? { ...table, remarks } : table))
}
