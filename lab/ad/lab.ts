// Brings the whole lab up and takes it down, and keeps between the two commands what it made (state.json in the state
// directory). Order: bridge, first controller, accounts, the others (joined over the bridge), replication both ways.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { groupsFile } from './configuration.ts'
import { makeController, type RunningController, writeFile } from './domain-controller.ts'
import { accounts, type Controller, corp, corpOnIpv6, type Forest, namingContexts } from './forest.ts'
import { end, hold, inside, isAlive, type LabHost } from './namespace.ts'
import { connect, knowNeighbours, makeBridge, usualLinkSize } from './network.ts'
import { must, run, waitUntil } from './run.ts'

export interface Lab {
  readonly forest: Forest
  readonly wire: LabHost
  readonly controllers: readonly RunningController[]
  /** What its links carry: the MTU that they were made with. */
  readonly linkSize: number
  /** No link has an address of IPv4. */
  readonly isIpv6Only: boolean
}

interface State {
  readonly hosts: readonly LabHost[]
  readonly net: Net
}

/** What the controllers stand on. */
export type Net = Pick<Lab, 'linkSize' | 'isIpv6Only'>

export const usualNet: Net = { linkSize: usualLinkSize, isIpv6Only: false }

export type Progress = (step: string) => void

const wireName = 'wire'

export interface Extent {
  /** How many of the forest's controllers there are in the end; left out, all of them. */
  readonly controllers?: number
  /** Left out, IPv4 on links of 1,500. */
  readonly net?: Net
}

/** Whatever fails, nothing of it stays. */
export async function bringUp(directory: string, progress: Progress, extent: Extent = {}): Promise<Lab> {
  if (existsSync(directory)) throw new Error(`${directory} exists: the lab is up, or was not taken down`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeState(directory, { hosts: [], net: extent.net ?? usualNet })
  try {
    return await build(directory, progress, extent)
  } catch (error) {
    await takeDown(directory)
    throw error
  }
}

async function build(directory: string, progress: Progress, extent: Extent): Promise<Lab> {
  const { net } = readState(directory)
  const forest = forestOn(net)
  const wire = await newHost(directory, wireName)
  await makeBridge(wire)
  const controllers: RunningController[] = []
  for (const controller of forest.controllers.slice(0, extent.controllers)) {
    const host = await addHost(directory, wire, controller)
    // A controller asks the first one while it is made.
    await knowNeighbours([...controllers, { ...controller, host }])
    const running = await makeController(forest, controller, host)
    progress(`${controller.name} is a domain controller of ${forest.domain}`)
    // Before the others join: they then get the accounts with everything else.
    if (controllers.length === 0) await makeAccounts(forest, running)
    controllers.push(running)
  }
  await replicateAll(forest, controllers)
  progress('replicated both ways')
  return { forest, wire, controllers, ...net }
}

export function netOf({ linkSize, isIpv6Only }: Lab): Net {
  return { linkSize, isIpv6Only }
}

function forestOn({ isIpv6Only }: Net): Forest {
  return isIpv6Only ? corpOnIpv6 : corp
}

async function newHost(directory: string, name: string): Promise<LabHost> {
  const host = await hold(name, `${directory}/${name}`)
  // After every single one: should this process be killed, `down` knows what there is to end.
  const state = readState(directory)
  writeState(directory, { ...state, hosts: [...state.hosts, host] })
  return host
}

/** One more host on the wire, which is nothing yet: no controller, no member of a domain. */
export async function addHost(directory: string, wire: LabHost, controller: Controller): Promise<LabHost> {
  const host = await newHost(directory, controller.name)
  await connect(wire, host, controller, readState(directory).net.linkSize)
  return host
}

/** Its link goes with it. */
export async function removeHost(directory: string, host: LabHost): Promise<void> {
  await end(host)
  const state = readState(directory)
  writeState(directory, { ...state, hosts: state.hosts.filter(({ name }) => name !== host.name) })
  rmSync(host.directory, { recursive: true, force: true })
}

/** The lab that an earlier `up` made. */
export function findLab(directory: string): Lab {
  const { hosts, net } = readState(directory)
  const host = (name: string): LabHost => {
    const found = hosts.find(each => each.name === name)
    if (found === undefined || !isAlive(found)) throw new Error(`the lab is not up in ${directory}: no ${name}`)
    return found
  }
  const running = (controller: Controller): RunningController => ({ ...controller, host: host(controller.name) })
  const forest = forestOn(net)
  return { forest, wire: host(wireName), controllers: forest.controllers.map(running), ...net }
}

/** Where a lab beside this one lies while a chapter needs one. */
export function innerLab(directory: string): string {
  return `${directory}/inner`
}

/** Ends what state.json names, controllers first, and removes the directory. Says false when there was nothing. */
export async function takeDown(directory: string): Promise<boolean> {
  if (!existsSync(directory)) return false
  await takeDown(innerLab(directory))
  for (const host of readState(directory).hosts.toReversed()) await end(host)
  rmSync(directory, { recursive: true, force: true })
  return true
}

function stateFile(directory: string): string {
  return `${directory}/state.json`
}

function writeState(directory: string, state: State): void {
  writeFileSync(stateFile(directory), JSON.stringify(state))
}

/** A directory without the file is not the lab's: it is neither used nor removed. */
function readState(directory: string): State {
  if (!existsSync(directory)) throw new Error(`the lab is not up: there is no ${directory}`)
  if (!existsSync(stateFile(directory))) throw new Error(`${directory} is not a lab's: it has no state.json`)
  // One that an older sealwire made says nothing of its net.
  return { net: usualNet, ...(JSON.parse(readFileSync(stateFile(directory), 'utf8')) as Partial<State>) } as State
}

async function makeAccounts(forest: Forest, first: RunningController): Promise<void> {
  const samba = (...words: string[]) => must(inside(first.host, ['samba-tool', ...words]))
  // The password change of the exercise is repeated at once and goes back to the old password.
  const lenient = ['--complexity=off', '--history-length=0', '--min-pwd-age=0', '--max-pwd-age=0']
  await samba('domain', 'passwordsettings', 'set', ...lenient)
  for (const { name, password } of Object.values(accounts)) await samba('user', 'create', name, password)
  await writeFile(first.host, '/tmp/groups.ldif', groupsFile(forest))
  await must(inside(first.host, ['ldbmodify', '-H', '/var/lib/samba/private/sam.ldb', '/tmp/groups.ldif']))
}

/** Left to themselves the controllers would take minutes: first decide who copies from whom, then copy, each way. */
export async function replicateAll(forest: Forest, controllers: readonly RunningController[]): Promise<void> {
  for (const { host, name } of controllers) await untilDone(inside(host, ['samba-tool', 'drs', 'kcc', name]))
  const pull = async (to: RunningController, from: RunningController): Promise<void> => {
    for (const context of namingContexts(forest)) {
      await untilDone(inside(to.host, ['samba-tool', 'drs', 'replicate', to.name, from.name, context]))
    }
  }
  const pairs = controllers.flatMap(to => controllers.filter(from => from !== to).map(from => [to, from] as const))
  await Promise.all(pairs.map(([to, from]) => pull(to, from)))
}

/** A controller that has just started answers other questions earlier than these; where much else runs, one takes a minute. */
async function untilDone(command: readonly string[]): Promise<void> {
  let last = ''
  const isDone = async (): Promise<boolean> => {
    const { status, output } = await run(command)
    last = output.trim()
    return status === 0
  }
  try {
    await waitUntil(command.join(' '), 180, isDone)
  } catch (error) {
    if (error instanceof Error && error.name !== 'AbortError') error.message += `\n${last}`
    throw error
  }
}
