// The registry as one immutable tree: keys with values and keys. Names keep the spelling they were first written with and are
// found under any; keys stand in Windows's order, values in the order in which they came. Changes are values too, and a list
// of them is applied as a whole: who holds the tree before sees nothing of them.
import { compareNames, folded, isSameName, pathNames } from './registry-name.ts'
import type { RegistryValue } from './value.ts'

export interface RegistryKey {
  readonly name: string
  /** In the order in which they were made; no two of the same name. */
  readonly values: readonly RegistryValue[]
  /** In the order of `compareNames`; no two of the same name. */
  readonly keys: readonly RegistryKey[]
}

/** `key` is a whole path from the root: `HKEY_LOCAL_MACHINE\SYSTEM`, or `HKLM\SYSTEM`. */
export type RegistryChange =
  /** Makes the key and all above it where they are missing. */
  | { readonly kind: 'set'; readonly key: string; readonly value: RegistryValue }
  | { readonly kind: 'create-key'; readonly key: string }
  /** With everything below it. A key that is not there is no fault. */
  | { readonly kind: 'delete-key'; readonly key: string }
  | { readonly kind: 'delete-value'; readonly key: string; readonly name: string }

/** A registry without keys; its own name is empty and in no path. */
export const emptyRegistry: RegistryKey = { name: '', values: [], keys: [] }

/** The key at a path below `root`; the empty path is `root` itself. */
export function keyAt(root: RegistryKey, path: string): RegistryKey | undefined {
  let key: RegistryKey | undefined = root
  for (const name of pathNames(path)) {
    key = childOf(key, name)
    if (key === undefined) return undefined
  }
  return key
}

/** The key of that name directly below `key`. */
export function childOf(key: RegistryKey, name: string): RegistryKey | undefined {
  const { keys } = key
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const order = compareNames(keys[middle]!.name, name)
    if (order === 0) return keys[middle]
    if (order < 0) low = middle + 1
    else high = middle
  }
  return undefined
}

/** The value of that name; the empty name is the default value. */
export function valueIn(key: RegistryKey, name: string): RegistryValue | undefined {
  return key.values.find(value => isSameName(value.name, name))
}

export function valueAt(root: RegistryKey, path: string, name: string): RegistryValue | undefined {
  const key = keyAt(root, path)
  return key === undefined ? undefined : valueIn(key, name)
}

/** The path as the registry spells it, or undefined where there is no such key. */
export function spelledPath(root: RegistryKey, path: string): string | undefined {
  const names: string[] = []
  let key = root
  for (const name of pathNames(path)) {
    const child = childOf(key, name)
    if (child === undefined) return undefined
    names.push(child.name)
    key = child
  }
  return names.join('\\')
}

/** A key and everything below it, each with its path, parents first. */
export function* keysFrom(key: RegistryKey, path: string): Generator<{ path: string; key: RegistryKey }> {
  yield { path, key }
  for (const child of key.keys) yield* keysFrom(child, path === '' ? child.name : `${path}\\${child.name}`)
}

/** What makes a key with everything below it anew at a path. */
export function changesTo(key: RegistryKey, path: string): readonly RegistryChange[] {
  const changes: RegistryChange[] = []
  for (const at of keysFrom(key, path)) {
    if (at.path === '') continue
    changes.push({ kind: 'create-key', key: at.path })
    for (const value of at.key.values) changes.push({ kind: 'set', key: at.path, value })
  }
  return changes
}

/** A key with these values and keys in the order that `RegistryKey` asks for; of two with one name the later counts. */
export function registryKey(
  name: string,
  values: readonly RegistryValue[],
  keys: readonly RegistryKey[] = [],
): RegistryKey {
  const draft = new Draft(name)
  for (const value of values) draft.values.set(folded(value.name), value)
  for (const key of keys) draft.keys.set(folded(key.name), key)
  return draft.finished()
}

/** The registry after all the changes, in their order. What they do not touch is shared with the one before. */
export function applied(root: RegistryKey, changes: readonly RegistryChange[]): RegistryKey {
  const draft = Draft.of(root)
  for (const change of changes) draft.apply(change)
  return draft.finished()
}

/** A key that is being changed: the only one here that does, and nobody else sees it. */
class Draft {
  readonly #name: string
  readonly values = new Map<string, RegistryValue>()
  readonly keys = new Map<string, RegistryKey | Draft>()

  constructor(name: string) {
    this.#name = name
  }

  static of(key: RegistryKey): Draft {
    const draft = new Draft(key.name)
    for (const value of key.values) draft.values.set(folded(value.name), value)
    for (const child of key.keys) draft.keys.set(folded(child.name), child)
    return draft
  }

  apply(change: RegistryChange): void {
    const names = pathNames(change.key)
    switch (change.kind) {
      case 'create-key':
        this.#at(names, true)
        return
      case 'set':
        this.#at(names, true)!.#set(change.value)
        return
      case 'delete-value':
        this.#at(names, false)?.values.delete(folded(change.name))
        return
      case 'delete-key':
        // The root itself has no name and stays.
        if (names.length > 0) this.#at(names.slice(0, -1), false)?.keys.delete(folded(names.at(-1)!))
    }
  }

  #set(value: RegistryValue): void {
    const name = folded(value.name)
    // Case-preserving: the first spelling stays.
    this.values.set(name, { ...value, name: this.values.get(name)?.name ?? value.name })
  }

  #at(names: readonly string[], make: boolean): Draft | undefined {
    let draft: Draft = this
    for (const name of names) {
      const found = draft.keys.get(folded(name))
      if (found === undefined && !make) return undefined
      const child: Draft = found === undefined ? new Draft(name) : found instanceof Draft ? found : Draft.of(found)
      draft.keys.set(folded(name), child)
      draft = child
    }
    return draft
  }

  finished(): RegistryKey {
    const names = [...this.keys.keys()].sort()
    return {
      name: this.#name,
      values: [...this.values.values()],
      keys: names.map(name => {
        const child = this.keys.get(name)!
        return child instanceof Draft ? child.finished() : child
      }),
    }
  }
}
