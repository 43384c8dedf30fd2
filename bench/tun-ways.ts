// Ways from one network namespace to another over a veth link, for the bench of the TUN data plane: bare, sealed by us, by
// wireguard-go, by strongSwan in user space. Each tells what it spends on processors, the sender and the receiver apart.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { formatAddress } from '../src/base/address.ts'
import type { EngineName } from '../src/crypto/packet-engine.ts'
import { RULE, Scene } from '../src/dataplane/contract-scene.ts'
import { TABLE, tunHosts } from '../src/dataplane/tun/test-tun-hosts.ts'
import { pairName } from '../src/ipsec/association.ts'
import { ip, twoHosts } from '../src/native/test-namespaces.ts'
import { LabRoom } from '../test/interop/ike/lab-room.ts'
import { load, type RoomStrongSwan, startStrongSwan } from '../test/interop/ike/strongswan.ts'
import { bothEnds } from '../test/ipsec-pair.ts'

/** Seconds on the processor so far. */
export interface Spent {
  readonly sender: number
  readonly receiver: number
}

export interface Way {
  readonly name: string
  /** Of the receiver. */
  readonly address: string
  /** Runs a program at the sender and answers what it says. */
  run(words: readonly string[]): Promise<string>
  /** Starts a program at the receiver; the answer ends it. */
  serve(words: readonly string[]): Promise<() => Promise<void>>
  /** Undefined where nobody seals. */
  spent?(): Promise<Spent>
  close(): Promise<void>
}

/** What a test does with its context, for a benchmark. */
export function collecting(): { readonly context: TestContext; readonly clean: () => Promise<void> } {
  const works: (() => void | Promise<void>)[] = []
  const context = { after: (work: () => void | Promise<void>) => void works.push(work) } as unknown as TestContext
  const clean = async () => {
    for (const work of works) await work()
  }
  return { context, clean }
}

export function bareLink(): Way {
  const { context, clean } = collecting()
  const { left, right } = twoHosts(context)
  return { name: 'veth, nothing sealed', address: '10.99.0.2', ...between(left, right), close: clean }
}

export async function sealed(engine: EngineName, form: 'in UDP' | 'raw' | 'raw, by frames'): Promise<Way> {
  const inUdp = form === 'in UDP'
  const byFrames = form === 'raw, by frames'
  const hosts = await tunHosts({ family: 4, change: { engine, mtu: 1420, byFrames }, captureBytes: 0 })
  const scene = new Scene(hosts)
  const [one, other] = [hosts.one, hosts.other]
  const sender = await threadsOf(() => one.plane.start(scene.toldOne))
  const receiver = await threadsOf(() => other.plane.start(scene.toldOther))
  // The tests' hosts lead one port of UDP into the device; here all but the agent's own goes there.
  for (const [namespace, peer] of [
    [hosts.hosts.left, other.address],
    [hosts.hosts.right, one.address],
  ] as const) {
    const words = ['to', formatAddress(peer), 'ipproto', 'udp', 'lookup', String(TABLE)]
    ip('-n', namespace, 'rule', 'add', 'pref', '5412', ...words)
  }
  await scene.enforce('negotiate')
  const encapsulation = inUdp ? { encapsulation: { sourcePort: 4500, destinationPort: 4500 } } : {}
  const words = { rule: RULE, security: 'esp-aes128gcm16', replayWindow: 8192, ...encapsulation }
  const [here, there] = bothEnds({ one: one.address, other: other.address, ...words })
  await one.plane.install(here)
  await other.plane.install(there)
  await other.plane.beginSending(pairName(there))
  await one.plane.beginSending(pairName(here))
  return {
    name: `sealwire, ESP ${form}, ${engine}`,
    address: formatAddress(other.address),
    ...between(hosts.hosts.left, hosts.hosts.right),
    spent: async () => ({ sender: secondsOf('self', sender), receiver: secondsOf('self', receiver) }),
    close: () => hosts.close(),
  }
}

let devices = 0

export function wireguard(program: string): Way {
  const { context, clean } = collecting()
  const { left, right } = twoHosts(context)
  const ends = [left, right].map((namespace, index) => {
    // Its control socket has the device's name, whatever the namespace.
    const device = `wg${process.pid % 100_000}-${devices++}`
    const inside = (...words: string[]) => spawnSync('ip', ['netns', 'exec', namespace, ...words], { encoding: 'utf8' })
    const running = spawn('ip', ['netns', 'exec', namespace, program, '-f', device], { stdio: 'ignore' })
    const key = spawnSync('wg', ['genkey'], { encoding: 'utf8' }).stdout.trim()
    const publicKey = spawnSync('wg', ['pubkey'], { input: key, encoding: 'utf8' }).stdout.trim()
    for (let tries = 0; tries < 50 && inside('ip', 'link', 'show', device).status !== 0; tries++) {
      spawnSync('sleep', ['0.1'])
    }
    return { namespace, device, inside, running, key, publicKey, index }
  })
  for (const { namespace, device, inside, key, index } of ends) {
    const peer = ends[1 - index]!
    // A key comes by a pipe: what Node hands over is a socket, which nobody can open again.
    const script = `cat | wg set ${device} listen-port 51820 private-key /dev/stdin peer ${peer.publicKey} endpoint 10.99.0.${2 - index}:51820 allowed-ips 10.97.0.0/24`
    spawnSync('ip', ['netns', 'exec', namespace, 'sh', '-c', script], { input: key })
    inside('ip', 'address', 'add', `10.97.0.${index + 1}/24`, 'dev', device)
    inside('ip', 'link', 'set', device, 'mtu', '1420', 'up')
  }
  const version = /v0\.0\.(\d+)/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout)?.[1] ?? program
  const of = (index: number) => secondsOf(String(ends[index]!.running.pid))
  return {
    name: `wireguard-go ${version}`,
    address: '10.97.0.2',
    ...between(left, right),
    spent: async () => ({ sender: of(0), receiver: of(1) }),
    async close() {
      for (const { running } of ends) await ended(running)
      await clean()
    },
  }
}

const SECRET = 'a secret of the benchmark'

/** Two daemons in a room of their own, with ESP in user space, which is always in UDP. */
export async function strongSwan(): Promise<Way> {
  const room = new LabRoom()
  const daemons: RoomStrongSwan[] = []
  const [one, two] = ['10.54.9.1', '10.54.9.2'] as const
  const close = async () => {
    for (const daemon of daemons) await daemon.stop()
    await room.close()
  }
  try {
    for (const name of ['one', 'two']) await room.must(undefined, `ip netns add ${name}`)
    await room.must(undefined, 'ip link add wire netns one type veth peer name wire netns two')
    for (const [index, name] of ['one', 'two'].entries()) {
      await room.must(name, 'ip link set lo up')
      await room.must(name, `ip address add ${[one, two][index]}/24 dev wire`)
      await room.must(name, `ip address add 10.97.${index + 1}.1/32 dev lo`)
      await room.must(name, 'ip link set wire up')
      daemons.push(await startStrongSwan({ room, name, namespace: name, ikeLog: 1 }))
    }
    for (const [index, { vici }] of daemons.entries()) {
      const [local, remote] = index === 0 ? [one, two] : [two, one]
      const selectors = { localSelectors: [`10.97.${index + 1}.1/32`], remoteSelectors: [`10.97.${2 - index}.1/32`] }
      const connection = {
        ...{ name: 'bench', local, remote, ike: ['aes128gcm16-prfsha256-x25519'], esp: ['aes128gcm16'], ...selectors },
        ...{ here: { auth: 'psk' }, there: { auth: 'psk' }, mode: 'tunnel' as const },
      }
      await load(vici, [connection], { psk: [one, two].map(address => [address, SECRET] as const) })
    }
    await daemons[0]!.vici.ask('initiate', { child: 'bench', timeout: '10000' })
  } catch (error) {
    await close()
    throw error
  }
  const seconds = 'for p in $(pidof charon-systemd); do echo $p $(cat /proc/$p/task/*/schedstat | cut -d" " -f1); done'
  let served = 0
  return {
    name: 'strongSwan 5.9, kernel-libipsec',
    address: '10.97.2.1',
    run: async words => (await room.run({ words, namespace: 'one' }, '', 60)).output,
    async serve(words) {
      const number = await room.start({ words, namespace: 'two' }, join(room.folder, `served-${served++}`))
      return () => room.stopProgram(number)
    },
    async spent() {
      const { output } = await room.run({ words: ['sh', '-c', seconds] })
      const all = output
        .trim()
        .split('\n')
        .map(line => line.split(' ').map(Number))
      const [sender, receiver] = all.toSorted((a, b) => a[0]! - b[0]!).map(([, ...times]) => sumOf(times) / 1e9)
      return { sender: sender!, receiver: receiver! }
    },
    close,
  }
}

function between(from: string, to: string): Pick<Way, 'run' | 'serve'> {
  return {
    run: words =>
      new Promise((resolve, reject) => {
        const child = spawn('ip', ['netns', 'exec', from, ...words], { stdio: ['ignore', 'pipe', 'ignore'] })
        let said = ''
        child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
        child.on('error', reject)
        child.on('close', () => resolve(said))
      }),
    async serve(words) {
      const child = spawn('ip', ['netns', 'exec', to, ...words], { stdio: 'ignore' })
      return () => ended(child)
    },
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.on('close', () => resolve())
    child.kill()
  })
}

/** The threads that this process has more after `work`. */
async function threadsOf(work: () => Promise<void>): Promise<readonly string[]> {
  const before = new Set(readdirSync('/proc/self/task'))
  await work()
  return readdirSync('/proc/self/task').filter(thread => !before.has(thread))
}

/** From the scheduler, in nanoseconds there; of all threads where none are named. */
function secondsOf(pid: string, threads: readonly string[] = readdirSync(`/proc/${pid}/task`)): number {
  return (
    sumOf(threads.map(thread => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]))) /
    1e9
  )
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}
