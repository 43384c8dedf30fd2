// Registry hives (regf), so that a machine can be judged from its files alone: SYSTEM, SOFTWARE and others, dirty ones with
// their transaction logs. Damaged ones are read as far as they go, and what is missing is said.
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { BASE_BLOCK, HiveCells, type KeyCell } from './hive-cells.ts'
import { baseBlockOf, isDirty, replay } from './hive-log.ts'
import { type RegistryKey, registryKey, valueAt } from './registry.ts'
import { isSameName } from './registry-name.ts'
import { numberOf, type RegistryValue } from './value.ts'

/** Windows's own limit on the depth of keys. */
const DEEPEST = 512
/** More than any machine has. */
const MOST_KEYS = 4_000_000

export interface HiveOptions {
  /** Names the file in problems. */
  readonly where: string
  /** The contents of its transaction logs (`.LOG`, `.LOG1`, `.LOG2`), in any order. */
  readonly logs?: readonly Uint8Array[]
  /** Whether a key, by its path below the root, and what is below it is read; left out, all are. */
  readonly wants?: (path: readonly string[]) => boolean
}

export interface Hive {
  /** The hive's root, without the name that the file gives it. */
  readonly root: RegistryKey
  /** Entries of the logs that were carried out. */
  readonly replayed: number
  /** Warnings: what is dirty, damaged or left out. */
  readonly problems: readonly Problem[]
}

/** Bytes of any content give a hive or problems; never throws. */
export function readHive(
  bytes: Uint8Array,
  { where, logs = [], wants = () => true }: HiveOptions,
): Result<Hive, readonly Problem[]> {
  const warnings: Problem[] = []
  const warn = (what: string, hint = '') => warnings.push({ severity: 'warning', where, what, hint })
  const fail = (what: string, hint: string) => failure([{ severity: 'error', where, what, hint }] as const)
  if (Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'CREG') {
    return fail('a registry of Windows 95, 98 or Me, which has no IPsec', 'name a hive of Windows 2000 or later')
  }
  const base = baseBlockOf(bytes)
  if (base === undefined)
    return fail('no registry hive: it does not begin with regf', 'name a file such as SYSTEM or SOFTWARE')
  const replayed = replay(bytes, logs)
  if (isDirty(base) && replayed.entries === 0) {
    const missing =
      logs.length === 0 ? 'name its logs too: SYSTEM.LOG1 and SYSTEM.LOG2' : 'the logs that were given add nothing'
    warn('the hive was being written when the machine stopped: what it says may be old', missing)
  }
  const view = new DataView(replayed.bytes.buffer, replayed.bytes.byteOffset, replayed.bytes.length)
  if (replayed.bytes.length < BASE_BLOCK + 32)
    return fail('the hive is cut off before its first key', 'copy the file anew')
  const stated = BASE_BLOCK + view.getUint32(40, true)
  if (stated > replayed.bytes.length) warn(`the hive is cut off: ${replayed.bytes.length} of ${stated} octets`)
  const reader = new TreeReader(new HiveCells(replayed.bytes, base.minor >= 4), wants)
  const root = reader.read(view.getUint32(36, true)) ?? reader.fromRemains()
  if (root === undefined) return fail('no key can be read in it', 'copy the file anew')
  for (const what of reader.faults()) warn(what)
  return success({ root: { ...root, name: '' }, replayed: replayed.entries, problems: warnings })
}

class TreeReader {
  readonly #cells: HiveCells
  readonly #wants: (path: readonly string[]) => boolean
  readonly #seen = new Set<number>()
  #lostKeys = 0
  /** By their parent alone. */
  #foundKeys = 0
  #parents: ReadonlyMap<number, readonly KeyCell[]> | undefined
  #lostValues = 0
  #cutValues = 0
  #isOrphaned = false

  constructor(cells: HiveCells, wants: (path: readonly string[]) => boolean) {
    this.#cells = cells
    this.#wants = wants
  }

  read(offset: number): RegistryKey | undefined {
    const cell = this.#cells.key(offset)
    return cell === undefined ? undefined : this.#tree(cell, [])
  }

  #tree(cell: KeyCell, path: readonly string[]): RegistryKey {
    this.#seen.add(cell.offset)
    const keys: RegistryKey[] = []
    for (const child of this.#children(cell)) {
      if (path.length >= DEEPEST || this.#seen.size >= MOST_KEYS) {
        this.#lostKeys++
        continue
      }
      const below = [...path, child.name]
      if (this.#wants(below)) keys.push(this.#tree(child, below))
    }
    return registryKey(cell.name, this.#values(cell), keys)
  }

  /** By the key's list; where that is damaged, also those that name it as their parent. */
  #children(cell: KeyCell): readonly KeyCell[] {
    const found = this.#cells
      .subkeys(cell)
      .flatMap(offset => (this.#seen.has(offset) ? [] : (this.#cells.key(offset) ?? [])))
    const lost = Math.min(cell.subkeys, MOST_KEYS) - found.length
    if (lost <= 0) return found
    const listed = new Set(found.map(({ offset }) => offset))
    const strays = this.#byParent(cell.offset).filter(({ offset }) => !listed.has(offset) && !this.#seen.has(offset))
    const again = strays.slice(0, lost)
    this.#foundKeys += again.length
    this.#lostKeys += lost - again.length
    return [...found, ...again]
  }

  #byParent(offset: number): readonly KeyCell[] {
    this.#parents ??= this.#everyKey()
    return this.#parents.get(offset) ?? []
  }

  /** Keys wherever they stand, by the offset of their parent. */
  #everyKey(): ReadonlyMap<number, readonly KeyCell[]> {
    const below = new Map<number, KeyCell[]>()
    let count = 0
    for (const offset of this.#cells.keysAnywhere()) {
      const cell = this.#cells.key(offset)
      if (cell === undefined || ++count > MOST_KEYS) continue
      const siblings = below.get(cell.parent)
      if (siblings === undefined) below.set(cell.parent, [cell])
      else siblings.push(cell)
    }
    return below
  }

  #values(cell: KeyCell): readonly RegistryValue[] {
    const offsets = this.#cells.valueOffsets(cell)
    this.#lostValues += Math.max(0, Math.min(cell.values, MOST_KEYS) - offsets.length)
    return offsets.flatMap(offset => {
      const value = this.#cells.value(offset)
      if (value === undefined) {
        this.#lostValues++
        return []
      }
      if (value.isCut) this.#cutValues++
      return [{ name: value.name, type: value.type, data: value.data }]
    })
  }

  /** For a hive without a root: every key that still stands, below those whose parents do not. */
  fromRemains(): RegistryKey | undefined {
    this.#parents = this.#everyKey()
    const all = [...this.#parents.values()].flat()
    const offsets = new Set(all.map(({ offset }) => offset))
    const orphans = all.filter(({ parent }) => !offsets.has(parent))
    if (orphans.length === 0) return undefined
    this.#isOrphaned = true
    return registryKey(
      '',
      [],
      orphans.map(orphan => this.#tree(orphan, [orphan.name])),
    )
  }

  faults(): readonly string[] {
    const count = (number: number, what: string) =>
      number === 0 ? [] : [`${number} ${what}${number === 1 ? '' : 's'} cannot be read`]
    return [
      ...(this.#isOrphaned
        ? ['its root cannot be read: the keys that still stand are shown below one of no name']
        : []),
      ...(this.#foundKeys === 0
        ? []
        : [
            `${this.#foundKeys} keys stand in no list any more and were found by their parents: they may be deleted ones`,
          ]),
      ...count(this.#lostKeys, 'key'),
      ...count(this.#lostValues, 'value'),
      ...(this.#cutValues === 0 ? [] : [`${this.#cutValues} values are shorter than they state`]),
    ]
  }
}

/** Where Windows mounts a hive, told by what it holds: `SYSTEM` has Select, `SOFTWARE` has Microsoft. */
export function mountPointOf(root: RegistryKey): string | undefined {
  const has = (name: string) => root.keys.some(key => isSameName(key.name, name))
  if (has('Select') || has('ControlSet001')) return 'HKEY_LOCAL_MACHINE\\SYSTEM'
  if (has('Microsoft') || (has('Policies') && !has('Control Panel'))) return 'HKEY_LOCAL_MACHINE\\SOFTWARE'
  if (has('SAM')) return 'HKEY_LOCAL_MACHINE\\SAM'
  if (has('Policy') && !has('Software')) return 'HKEY_LOCAL_MACHINE\\SECURITY'
  return has('Software') ? 'HKEY_CURRENT_USER' : undefined
}

/** A whole registry of one hive. In SYSTEM `CurrentControlSet` is the one that Select names. */
export function mounted(root: RegistryKey): RegistryKey | undefined {
  const point = mountPointOf(root)
  if (point === undefined) return undefined
  const tree = point.endsWith('SYSTEM') ? withCurrentControlSet(root) : root
  const names = point.split('\\').toReversed()
  return names.reduce((below, name) => registryKey('', [], [registryKey(name, below.values, below.keys)]), tree)
}

function withCurrentControlSet(root: RegistryKey): RegistryKey {
  const select = valueAt(root, 'Select', 'Current')
  const number = select === undefined ? undefined : numberOf(select)
  const name = `ControlSet${String(number ?? 1).padStart(3, '0')}`
  const current = root.keys.find(key => isSameName(key.name, name))
  if (current === undefined) return root
  const others = root.keys.filter(key => !isSameName(key.name, 'CurrentControlSet'))
  return registryKey(root.name, root.values, [...others, { ...current, name: 'CurrentControlSet' }])
}
