// One table for each field of numbers: number, name and meaning stand once, and everything that needs a number, a word for
// it or an explanation asks the table. Names are those of the registry where it has words for people, else RFC words.

/** Number, meaning in words, and where it is defined. */
export type NumberRow = readonly [number: number, meaning: string, source: string]

export interface NumberTable<Name extends string> {
  /** What the field is called. */
  readonly field: string
  /** Number by name, for code that sends or expects one. */
  readonly of: Readonly<Record<Name, number>>
  readonly rows: readonly {
    readonly number: number
    readonly name: Name
    readonly meaning: string
    readonly source: string
  }[]
  /** The name, or the number in digits where the table does not have it. */
  nameOf(number: number): string
  has(number: number): boolean
}

export function numberTable<const Rows extends Readonly<Record<string, NumberRow>>>(
  field: string,
  rows: Rows,
): NumberTable<keyof Rows & string> {
  type Name = keyof Rows & string
  const entries = Object.entries(rows) as [Name, NumberRow][]
  const names = new Map(entries.map(([name, [number]]) => [number, name]))
  return {
    field,
    of: Object.fromEntries(entries.map(([name, [number]]) => [name, number])) as Record<Name, number>,
    rows: entries.map(([name, [number, meaning, source]]) => ({ number, name, meaning, source })),
    nameOf: number => names.get(number) ?? String(number),
    has: number => names.has(number),
  }
}
