// Where the live demo plays: two network namespaces for the hosts and a third one that holds nothing but the bridge between
// them, where the wire is captured. No link leads to the machine's own network. Everything is written down in the demo's
// folder before it is made, and held by a lock; what a demo that was killed left is found by that, and removed.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fillRandom } from '../../base/random.ts'
import { type FileLock, lockFile } from '../../native/file-lock.ts'
import { computeChecksums } from '../../native/link-checksums.ts'
import { insideNamespace } from '../../native/namespaces.ts'
import { readSysctl, writeSysctl } from '../../native/sysctl.ts'
import { type DemoHost, demoHosts, demoNetwork } from '../demo/demo-policies.ts'
import { mustRun, pause, runProgram, type Words } from './programs.ts'

/** Of root alone, and empty after a restart, as the namespaces are. */
const ROOT = '/run/sealwire-demo'
/** The link of each host. */
const LINK = 'eth0'
const OWN_NAME = /^sealwire-demo-[0-9a-f]{8}-(dc1|dc2|wire)$/

export interface StageHost extends DemoHost {
  readonly namespace: string
  /** Of the agent there. */
  readonly state: string
  readonly policy: string
}

export interface Stage {
  /** `sealwire-demo-1a2b3c4d`: what the names of the namespaces begin with. */
  readonly name: string
  /** Gone with the stage. */
  readonly folder: string
  readonly hosts: readonly [StageHost, StageHost]
  /** The namespace of the bridge, and its port that leads to the first host. */
  readonly wire: { readonly namespace: string; readonly port: string }
  /** What keeps the next demo from taking this one for a dead one. */
  readonly lock: FileLock
}

/** Removes what demos left that were killed, and answers their names. Those that still play are not touched. */
export async function removeLeftStages(): Promise<readonly string[]> {
  if (!existsSync(ROOT)) return []
  const removed: string[] = []
  for (const name of readdirSync(ROOT)) {
    const folder = join(ROOT, name)
    const lock = lockFile(join(folder, 'lock'))
    if (lock === undefined) continue
    await removeNamespaces(namespacesOf(folder))
    rmSync(folder, { recursive: true, force: true })
    lock.release()
    removed.push(name)
  }
  return removed
}

/** Throws where the machine does not let us; what was made by then is to be removed all the same. */
export function planStage(): Stage {
  const tag = Buffer.from(randomOctets(4)).toString('hex')
  const name = `sealwire-demo-${tag}`
  const folder = join(ROOT, name)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const lock = lockFile(join(folder, 'lock'))
  if (lock === undefined) throw new Error(`${folder} is held by another demo`)
  const hosts = demoHosts.map(host => ({
    ...host,
    namespace: `${name}-${host.name}`,
    state: join(folder, `${host.name}-state`),
    policy: join(folder, `${host.name}.yaml`),
  })) as [StageHost, StageHost]
  const wire = { namespace: `${name}-wire`, port: hosts[0].name }
  const namespaces = [...hosts.map(({ namespace }) => namespace), wire.namespace]
  writeFileSync(join(folder, 'namespaces.json'), JSON.stringify(namespaces))
  return { name, folder, hosts, wire, lock }
}

function randomOctets(count: number): Uint8Array {
  const octets = new Uint8Array(count)
  fillRandom(octets)
  return octets
}

export async function buildStage({ hosts, wire }: Stage, signal: AbortSignal): Promise<void> {
  const ip = async (...words: readonly string[]) => void (await mustRun(['ip', ...words], { signal }))
  await ip('netns', 'add', wire.namespace)
  // The bridge itself says nothing, and floods groups to everyone. Windows 2000's policy knows no IPv6.
  withoutIpv6(wire.namespace)
  await ip(...at(wire.namespace, 'link add bridge type bridge stp_state 0 mcast_snooping 0'))
  await ip(...at(wire.namespace, 'link set bridge up'))
  for (const { name, namespace, address } of hosts) {
    await ip('netns', 'add', namespace)
    withoutIpv6(namespace)
    await ip(...at(wire.namespace, `link add ${name} type veth peer name ${LINK} netns ${namespace}`))
    // A wire carries packets of its size, with checksums: without this, those of 64 KiB are captured that only hosts know.
    insideNamespace(namespace, () => computeChecksums(LINK))
    await ip(...at(namespace, `link set ${LINK} gso_max_segs 1`))
    await ip(...at(wire.namespace, `link set ${name} master bridge up`))
    await ip(...at(namespace, 'link set lo up'))
    await ip(...at(namespace, `address add ${address}/${demoNetwork.split('/')[1]} broadcast + dev ${LINK}`))
    await ip(...at(namespace, `link set ${LINK} up`))
    await ip(...at(namespace, `route add 224.0.0.0/4 dev ${LINK}`))
  }
}

function withoutIpv6(namespace: string): void {
  const path = 'net/ipv6/conf/all/disable_ipv6'
  insideNamespace(namespace, () => {
    if (readSysctl(path) !== undefined) writeSysctl(path, '1')
  })
}

function at(namespace: string, words: string): readonly string[] {
  return ['-n', namespace, ...words.split(' ')]
}

/** The words that run a program in a namespace. */
export function inside(namespace: string, words: readonly string[]): Words {
  return ['ip', 'netns', 'exec', namespace, ...words]
}

/** Ends what runs there, removes the namespaces with all links, and the folder. */
export async function removeStage({ folder, lock }: Pick<Stage, 'folder' | 'lock'>): Promise<void> {
  await removeNamespaces(namespacesOf(folder))
  rmSync(folder, { recursive: true, force: true })
  lock.release()
}

/** As written down; a name that is not of our making is not believed. */
function namespacesOf(folder: string): readonly string[] {
  try {
    const names = JSON.parse(readFileSync(join(folder, 'namespaces.json'), 'utf8')) as unknown
    return Array.isArray(names) ? names.filter(name => typeof name === 'string' && OWN_NAME.test(name)) : []
  } catch {
    return []
  }
}

/** Turns of a twentieth of a second in which processes that were ended may go. */
const PATIENCE = 60

async function removeNamespaces(names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (!existsSync(join('/run/netns', name))) continue
    for (let turn = 0; turn < PATIENCE; turn++) {
      const { out } = await runProgram(['ip', 'netns', 'pids', name])
      const pids = out.split('\n').filter(text => /^\d+$/.test(text))
      if (pids.length === 0) break
      for (const pid of pids) kill(Number(pid))
      await pause(0.05)
    }
    await mustRun(['ip', 'netns', 'delete', name])
  }
}

export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
