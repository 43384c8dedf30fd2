// Names and paths of the registry: kept as they were written, compared as Windows compares them. Windows raises each UTF-16
// unit by itself with a table where a small letter has one capital that comes back to it, so that "ß", "ı" and "µ" stay what
// they are; JavaScript's own raising differs there and is held to the same rule.

/** Roots that Windows has, with their short names. */
const roots: readonly (readonly [string, string])[] = [
  ['HKEY_LOCAL_MACHINE', 'HKLM'],
  ['HKEY_CURRENT_USER', 'HKCU'],
  ['HKEY_CLASSES_ROOT', 'HKCR'],
  ['HKEY_USERS', 'HKU'],
  ['HKEY_CURRENT_CONFIG', 'HKCC'],
]

const fullNames = new Map(roots.flatMap(([full, short]) => [full, short].map(name => [name, full] as const)))

export const rootNames: readonly string[] = roots.map(([full]) => full)

/** Windows's own limits. */
export const LONGEST_KEY_NAME = 255
export const LONGEST_VALUE_NAME = 16383
export const DEEPEST_PATH = 512

const ascii = /^[\x00-\x7f]*$/

/** What two spellings of one name have in common. As long as the name itself, so that lengths can be compared first. */
export function folded(name: string): string {
  if (ascii.test(name)) return name.toUpperCase()
  let raised = ''
  for (let index = 0; index < name.length; index++) raised += raisedUnit(name[index]!)
  return raised
}

function raisedUnit(unit: string): string {
  // The one letter of two small forms whose second form is raised as well.
  if (unit === 'ς') return 'Σ'
  const capital = unit.toUpperCase()
  return capital.length === 1 && capital.toLowerCase() === unit ? capital : unit
}

export function isSameName(a: string, b: string): boolean {
  return a === b || (a.length === b.length && folded(a) === folded(b))
}

/** Negative, zero or positive: the order in which Windows keeps the keys of a key. */
export function compareNames(a: string, b: string): number {
  const [x, y] = [folded(a), folded(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

/** The names of a path, the root in full: `hklm\System` is HKEY_LOCAL_MACHINE and System. Empty for the empty path. */
export function pathNames(path: string): readonly string[] {
  if (path === '') return []
  const [root, ...names] = path.split('\\')
  // A backslash at the end is a habit of people, not a key without a name.
  if (names.at(-1) === '') names.pop()
  return [fullNames.get(folded(root!)) ?? root!, ...names]
}

/** The path with its root in full. */
export function fullPath(path: string): string {
  return pathNames(path).join('\\')
}

/** What keeps a path from being a key of Windows's registry, or undefined. */
export function pathFault(path: string): string | undefined {
  const [root, ...names] = pathNames(path)
  if (root === undefined || !rootNames.includes(root)) {
    return `it has to begin with one of ${roots.flat().join(', ')}`
  }
  if (names.includes('')) return 'a name between two backslashes is empty'
  if (names.some(name => name.includes('\0'))) return 'a name has a zero character in it'
  if (names.length > DEEPEST_PATH) return `it is more than ${DEEPEST_PATH} keys deep`
  if (names.some(name => name.length > LONGEST_KEY_NAME)) return `a name is longer than ${LONGEST_KEY_NAME} characters`
  return undefined
}

/** What keeps a text from being the name of a value, or undefined. */
export function valueNameFault(name: string): string | undefined {
  return name.length > LONGEST_VALUE_NAME ? `the name is longer than ${LONGEST_VALUE_NAME} characters` : undefined
}
