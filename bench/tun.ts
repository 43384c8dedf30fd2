// Throughput of the TUN data plane: one TCP stream of iperf3 between two network namespaces over a veth link, sealed by us in
// each form and by each packet engine, next to the bare link and to wireguard-go, in turn, in the same rounds.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { formatAddress } from '../src/base/address.ts'
import type { EngineName } from '../src/crypto/packet-engine.ts'
import { RULE, Scene } from '../src/dataplane/contract-scene.ts'
import { tunHosts } from '../src/dataplane/tun/test-tun-hosts.ts'
import { pairName } from '../src/ipsec/association.ts'
import { twoHosts, whyNoHosts } from '../src/native/test-namespaces.ts'
import { bothEnds } from '../test/ipsec-pair.ts'
import { hasCommand, median, type Table } from './bench.ts'

const ROUNDS = Number(process.argv.find(word => /^--rounds=/.test(word))?.slice(9) ?? 3)
const SECONDS = 3
const PORT = '5201'

interface Measured {
  readonly gigabits: number[]
  readonly milliseconds: number[]
  /** On the processor, for 10^9 octets on one host. */
  readonly seconds: number[]
}

/** A way from one namespace to the other. */
interface Way {
  readonly name: string
  readonly from: string
  readonly to: string
  /** Of the far end. */
  readonly address: string
  /** Seconds on the processor that sealing and opening took so far, both hosts together; absent where nobody does. */
  readonly spent?: () => number
  close(): Promise<void> | void
}

export async function benchTun(): Promise<readonly Table[]> {
  const missing = whyNoHosts()
  if (missing !== false) throw new Error(`this cannot be measured here, ${missing}`)
  if (!hasCommand('iperf3')) throw new Error('iperf3 is missing (apt-get install iperf3)')
  // Each data plane hears of the end of the process.
  process.setMaxListeners(50)
  const ways: Way[] = []
  try {
    ways.push(bareLink())
    for (const engine of ['ipsec-mb', 'openssl', 'node'] as const) {
      ways.push(await ours(engine, true), await ours(engine, false))
    }
    if (hasCommand('wireguard-go') && hasCommand('wg')) ways.push(wireguard())
    const measured = new Map<string, Measured>()
    for (let round = 0; round < ROUNDS; round++) {
      for (const way of ways) {
        process.stderr.write(`round ${round + 1} of ${ROUNDS}: ${way.name}\n`)
        const known = measured.get(way.name) ?? { gigabits: [], milliseconds: [], seconds: [] }
        const before = way.spent?.() ?? 0
        known.gigabits.push(stream(way))
        const octets = (known.gigabits.at(-1)! * SECONDS) / 8
        known.seconds.push(((way.spent?.() ?? 0) - before) / 2 / octets)
        known.milliseconds.push(roundTrip(way))
        process.stderr.write(
          `  ${known.gigabits.at(-1)!.toFixed(2)} Gbit/s, ${known.milliseconds.at(-1)} ms, ${known.seconds.at(-1)!.toFixed(2)} s for a gigabyte\n`,
        )
        measured.set(way.name, known)
      }
    }
    return [table(measured)]
  } finally {
    for (const way of ways) await way.close()
  }
}

function table(measured: ReadonlyMap<string, Measured>): Table {
  const [, link] = [...measured][0]!
  const bare = median(link.gigabits)
  return {
    title: 'TUN data plane: one TCP stream',
    unit: 'Gbit/s (ping in ms; processor seconds for a gigabyte on each host)',
    against: 'the bare link',
    rows: [...measured].map(([what, { gigabits, milliseconds, seconds }]) => ({
      what,
      value: `${median(gigabits).toFixed(2)} (${median(milliseconds).toFixed(2)}; ${median(seconds).toFixed(2)})`,
      ratio: (median(gigabits) / bare).toFixed(2),
    })),
    remarks: [
      `AES-128-GCM in transport mode; both hosts, both ends of iperf3 and the link share this machine. Medians of ${ROUNDS} rounds of ${SECONDS} seconds, in turn.`,
    ],
  }
}

function collecting(): { context: TestContext; clean: () => void } {
  const works: (() => void)[] = []
  const context = { after: (work: () => void) => void works.push(work) } as unknown as TestContext
  const clean = () => {
    for (const work of works) work()
  }
  return { context, clean }
}

function bareLink(): Way {
  const { context, clean } = collecting()
  const { left, right } = twoHosts(context)
  return { name: 'veth, nothing sealed', from: left, to: right, address: '10.99.0.2', close: clean }
}

async function ours(engine: EngineName, inUdp: boolean): Promise<Way> {
  const hosts = await tunHosts({ family: 4, change: { engine, mtu: 1420 }, captureBytes: 0 })
  const scene = new Scene(hosts)
  await scene.start()
  await scene.enforce('negotiate')
  const [one, other] = [hosts.one, hosts.other]
  const encapsulation = inUdp ? { encapsulation: { sourcePort: 4500, destinationPort: 4500 } } : {}
  const words = { rule: RULE, security: 'esp-aes128gcm16', replayWindow: 8192, ...encapsulation }
  const [here, there] = bothEnds({ one: one.address, other: other.address, ...words })
  await one.plane.install(here)
  await other.plane.install(there)
  await other.plane.beginSending(pairName(there))
  await one.plane.beginSending(pairName(here))
  return {
    name: `sealwire, ESP ${inUdp ? 'in UDP' : 'raw'}, ${engine}`,
    from: hosts.hosts.left,
    to: hosts.hosts.right,
    address: formatAddress(other.address),
    // Both hosts' workers are of this process, which does nothing else meanwhile; nor do the others.
    spent: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    },
    close: () => hosts.close(),
  }
}

function wireguard(): Way {
  const { context, clean } = collecting()
  const { left, right } = twoHosts(context)
  const ends = [left, right].map((namespace, index) => {
    const device = `wgbench${process.pid % 1000}${index}`
    const inside = (...words: string[]) => spawnSync('ip', ['netns', 'exec', namespace, ...words], { encoding: 'utf8' })
    const running = spawn('ip', ['netns', 'exec', namespace, 'wireguard-go', '-f', device], { stdio: 'ignore' })
    const key = spawnSync('wg', ['genkey'], { encoding: 'utf8' }).stdout.trim()
    const publicKey = spawnSync('wg', ['pubkey'], { input: key, encoding: 'utf8' }).stdout.trim()
    for (let tries = 0; tries < 50 && inside('ip', 'link', 'show', device).status !== 0; tries++) {
      spawnSync('sleep', ['0.1'])
    }
    return { namespace, device, inside, running, key, publicKey, index }
  })
  for (const { device, inside, key, index } of ends) {
    const peer = ends[1 - index]!
    // A key comes by a pipe: what Node hands over is a socket, which nobody can open again.
    const script = `cat | wg set ${device} listen-port 51820 private-key /dev/stdin peer ${peer.publicKey} endpoint 10.99.0.${2 - index}:51820 allowed-ips 10.97.0.0/24`
    spawnSync('ip', ['netns', 'exec', ends[index]!.namespace, 'sh', '-c', script], { input: key })
    inside('ip', 'address', 'add', `10.97.0.${index + 1}/24`, 'dev', device)
    inside('ip', 'link', 'set', device, 'mtu', '1420', 'up')
  }
  const version = spawnSync('wireguard-go', ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0] ?? ''
  return {
    name: `wireguard-go (${version.replace('wireguard-go ', '').slice(0, 20)})`,
    from: left,
    to: right,
    address: '10.97.0.2',
    spent: () => ends.reduce((sum, { running }) => sum + processSeconds(running.pid!), 0),
    close: () => {
      for (const { running } of ends) running.kill()
      clean()
    },
  }
}

/** From proc(5), whose ticks are hundredths of a second everywhere. */
function processSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Gbit/s that arrived. */
function stream({ from, to, address }: Way): number {
  const server = spawn('ip', ['netns', 'exec', to, 'iperf3', '-s', '-1', '-p', PORT], { stdio: 'ignore' })
  try {
    for (let tries = 0; tries < 5; tries++) {
      const words = ['netns', 'exec', from, 'iperf3', '-c', address, '-p', PORT, '-t', String(SECONDS), '-J']
      const { stdout } = spawnSync('ip', words, { encoding: 'utf8', timeout: (SECONDS + 10) * 1000 })
      const result = JSON.parse(stdout === '' ? '{}' : stdout) as {
        end?: { sum_received?: { bits_per_second: number } }
      }
      const bits = result.end?.sum_received?.bits_per_second
      if (bits !== undefined) return bits / 1e9
      spawnSync('sleep', ['0.1'])
    }
    throw new Error(`iperf3 does not reach ${address}`)
  } finally {
    server.kill()
  }
}

/** Milliseconds of a ping, the mean of many. */
function roundTrip({ from, address }: Way): number {
  const words = ['netns', 'exec', from, 'ping', '-q', '-c', '100', '-i', '0.005', address]
  const { stdout } = spawnSync('ip', words, { encoding: 'utf8' })
  return Number(/= [\d.]+\/([\d.]+)\//.exec(stdout)?.[1] ?? Number.NaN)
}
