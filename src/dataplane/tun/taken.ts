// What was changed on this host, kept in a file, so that everything can be taken back: by this process, by `sealwire down`,
// or by the next start after this process was killed. A change is written down before it is made; taking back what was
// never made does nothing, and what somebody else made stays.
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { currentNamespace } from '../../native/namespaces.ts'
import type { NetlinkSocket } from '../../native/netlink.ts'
import { MADE_BY_SEALWIRE, type Rule } from '../../native/route-messages.ts'
import { type Done, listRules, undo } from '../../native/routing.ts'
import { restoreSysctl, type SysctlChange } from '../../native/sysctl.ts'

export interface Taken {
  /** In the order of doing. */
  readonly done: readonly Done[]
  readonly settings: readonly SysctlChange[]
}

interface Written extends Taken {
  readonly version: 1
  /** Changes end with the kernel and with the network namespace that they were made in. */
  readonly boot: string
  readonly namespace: string
}

const FILE = 'taken.json'
const nothingTaken: Taken = { done: [], settings: [] }

/** `elsewhere`: the changes are in another network namespace, where they have to be taken back. */
export type Undone =
  | { readonly kind: 'nothing' }
  /** `failed`: what the kernel would not take back, each with its reason. */
  | { readonly kind: 'undone'; readonly changes: number; readonly failed: readonly string[] }
  | { readonly kind: 'elsewhere'; readonly namespace: string }

/** `folder` is of one agent, and only root may write there: what stands in the file is done as root. */
export function writeTaken(folder: string, taken: Taken, namespace = currentNamespace()): void {
  const path = join(folder, FILE)
  if (taken.done.length === 0 && taken.settings.length === 0) {
    rmSync(path, { force: true })
    return
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const written: Written = { version: 1, boot: bootOf(), namespace, ...taken }
  const fresh = `${path}.new`
  const fd = openSync(fresh, 'w', 0o600)
  try {
    writeSync(fd, `${JSON.stringify(written)}\n`)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(fresh, path)
  const directory = openSync(folder, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** Takes back what the file in `folder` tells of. Harmless where there is none, and when done twice. */
export function undoTaken(folder: string, netlink: NetlinkSocket, here = currentNamespace()): Undone {
  const found = readTaken(folder)
  if (found === undefined) return { kind: 'nothing' }
  if (found !== 'unreadable') {
    const { boot, namespace } = found
    if (boot === bootOf() && namespace !== here) return { kind: 'elsewhere', namespace }
    if (boot !== bootOf()) {
      writeTaken(folder, nothingTaken)
      return { kind: 'nothing' }
    }
  }
  const { done, settings } = found === 'unreadable' ? sweep(netlink) : found
  const failed: string[] = []
  let changes = 0
  const attempt = (change: () => boolean) => {
    try {
      if (change()) changes++
    } catch (error) {
      // One that cannot be taken back keeps none of the others here.
      failed.push(error instanceof Error ? error.message : String(error))
    }
  }
  for (const one of undoingOrder(done)) attempt(() => undo(netlink, one).kind !== 'nothing')
  for (const setting of settings.toReversed()) attempt(() => restoreSysctl(setting))
  writeTaken(folder, nothingTaken)
  return { kind: 'undone', changes, failed }
}

function readTaken(folder: string): Written | 'unreadable' | undefined {
  let text: string
  try {
    text = readFileSync(join(folder, FILE), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new Error(`reading ${FILE} in ${folder}`, { cause: error })
  }
  try {
    const written = JSON.parse(text) as Partial<Written> | null
    const isWhole = written?.version === 1 && Array.isArray(written.done) && Array.isArray(written.settings)
    return isWhole ? (written as Written) : 'unreadable'
  } catch {
    return 'unreadable'
  }
}

/** Where the file tells nothing, the kernel still knows who made a rule. Routes into the device went with it. */
function sweep(netlink: NetlinkSocket): Taken {
  const rules = ([4, 6] as const).flatMap(family => listRules(netlink, family))
  const ours = rules.filter(
    ({ madeBy, priority }) => madeBy === MADE_BY_SEALWIRE && 5400 <= priority && priority <= 5499,
  )
  return { done: ours.map(({ madeBy: _, ...rule }) => ({ kind: 'rule-added', rule })), settings: [] }
}

/**
 * Backwards; but of rules with one priority those that ask for more come first: told to remove a rule, the kernel takes the
 * first that has all that is asked for, and perhaps more.
 */
function undoingOrder(done: readonly Done[]): readonly Done[] {
  const rules = done.flatMap(one => (one.kind === 'rule-added' ? [one] : []))
  const sorted = removalOrder(rules.map(({ rule }) => rule))
  return [
    ...sorted.map(rule => ({ kind: 'rule-added' as const, rule })),
    ...done.filter(({ kind }) => kind !== 'rule-added').toReversed(),
  ]
}

/** From the last priority to the first, landmarks behind all. */
export function removalOrder(rules: readonly Rule[]): readonly Rule[] {
  return rules.toSorted(
    (a, b) =>
      Number(a.isLandmark ?? false) - Number(b.isLandmark ?? false) ||
      b.priority - a.priority ||
      Object.keys(b).length - Object.keys(a).length,
  )
}

function bootOf(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}
