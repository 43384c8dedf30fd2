// Installing what a machine boots with, below any root, so that images can be made as well; and keeping the last good
// policy's rules for the next boot. Files are replaced whole: a machine that goes down meanwhile finds the old or the new.
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import type { Ruleset } from '../dataplane/guard/ruleset.ts'
import { type BootExemption, type BootMode, bootRuleset } from './boot-ruleset.ts'
import { type AgentUnit, agentUnit, bootPlaces, bootScript, guardUnit } from './boot-units.ts'

export interface BootChoice extends AgentUnit {
  readonly mode: BootMode
  readonly exemptions: readonly BootExemption[]
}

interface BootFile {
  readonly path: string
  readonly text: string
  readonly mode: number
}

/** Every file that an installation consists of, with its path on the machine. */
export function bootFiles(choice: BootChoice): readonly BootFile[] {
  const { script, rules, guardUnit: guard, agentUnit: agent } = bootPlaces
  return [
    { path: rules, text: bootRuleset(choice.mode, choice.exemptions).text, mode: 0o600 },
    { path: script, text: bootScript(), mode: 0o755 },
    { path: guard, text: guardUnit(choice.mode !== 'permit'), mode: 0o644 },
    { path: agent, text: agentUnit(choice), mode: 0o644 },
  ]
}

const links = [
  [bootPlaces.guardLink, '../sealwire-guard.service'],
  [bootPlaces.agentLink, '../sealwire.service'],
] as const

/** Answers the paths that were written. Both units start with the next boot; nothing is started now. */
export function installBoot(root: string, choice: BootChoice): Result<readonly string[], Problem> {
  return onFiles(root, () => {
    if (!statSync(root).isDirectory()) throw Object.assign(new Error('no folder'), { code: 'ENOTDIR' })
    const written = bootFiles(choice).map(({ path, text, mode }) => {
      replaceFile(join(root, path), text, mode)
      return path
    })
    for (const [path, target] of links) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      rmSync(join(root, path), { force: true })
      symlinkSync(target, join(root, path))
    }
    return [...written, ...links.map(([path]) => path)]
  })
}

/** Answers the paths that were there. The policy, the firewall's file and the last good rules stay. */
export function removeBoot(root: string): Result<readonly string[], Problem> {
  const { script, rules, guardUnit: guard, agentUnit: agent, guardLink, agentLink } = bootPlaces
  return onFiles(root, () =>
    [guardLink, agentLink, guard, agent, script, rules].filter(path => {
      const there = isThere(join(root, path))
      if (there) rmSync(join(root, path))
      return there
    }),
  )
}

export interface BootState {
  readonly isInstalled: boolean
  /** `block`, with exemptions behind it. */
  readonly mode: string | undefined
  /** Which rules the next boot loads. */
  readonly loads: 'the last good policy' | 'the boot mode' | 'nothing'
  readonly files: readonly { readonly path: string; readonly isThere: boolean }[]
}

export function bootState(root: string): Result<BootState, Problem> {
  return onFiles(root, () => {
    const { script, rules, guardUnit: guard, agentUnit: agent, guardLink, agentLink, lastGood, firewall } = bootPlaces
    const needed = [script, rules, guard, agent, guardLink, agentLink]
    const files = [...needed, lastGood, firewall].map(path => ({ path, isThere: isThere(join(root, path)) }))
    const there = new Set(files.filter(one => one.isThere).map(({ path }) => path))
    const isInstalled = needed.every(path => there.has(path))
    const head = there.has(rules) ? readFileSync(join(root, rules), 'utf8').slice(0, 4096) : ''
    const mode = /^# boot mode ([^\n]*): written by sealwire/.exec(head)?.[1]
    const loads = !isInstalled ? 'nothing' : there.has(lastGood) ? 'the last good policy' : 'the boot mode'
    return { isInstalled, mode, loads, files }
  })
}

/** To be called when a policy has been put in force: the next boot starts with it. Throws where it cannot be kept. */
export function keepForBoot(ruleset: Ruleset, path: string = bootPlaces.lastGood): void {
  replaceFile(path, ruleset.text, 0o600)
}

function replaceFile(path: string, text: string, mode: number): void {
  mkdirSync(dirname(path), { recursive: true })
  const fresh = `${path}.new`
  rmSync(fresh, { force: true })
  const fd = openSync(fresh, 'wx', mode)
  try {
    writeFileSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(fresh, path)
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function onFiles<T>(root: string, work: () => T): Result<T, Problem> {
  try {
    return success(work())
  } catch (error) {
    const { code = '', path = root } = error as NodeJS.ErrnoException
    const known = fileErrors[code]
    if (known === undefined) throw error
    return failure({ severity: 'error', where: path, what: known[0], hint: known[1] })
  }
}

const fileErrors: Readonly<Record<string, readonly [string, string]>> = {
  ENOENT: ['there is no such folder', 'make it, or check --root'],
  ENOTDIR: ['this is no folder', 'name a folder with --root'],
  EISDIR: ['this is a folder', 'move it away: a file of this name is needed'],
  EACCES: ['this may not be written by you', 'run it as root'],
  EPERM: ['this may not be written by you', 'run it as root'],
  EROFS: ['the file system is read-only', 'name another --root, or mount it writable'],
  ENOSPC: ['the file system is full', 'make room'],
}
