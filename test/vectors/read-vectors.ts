// Published answers from the folder shared with every part of the project; where it is not there, tests skip and say so.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../../shared/testdata/vectors')

/** For a test's `skip`. */
export const whyNoVectors: string | false = existsSync(folder) ? false : 'skipped, because ../shared is not here'

export function vectorText(name: string): string {
  return readFileSync(join(folder, name), 'utf8')
}

export type Fields = Readonly<Record<string, string>>

/** Lists of the kind { tests: [...] }. */
export function vectorList(name: string): readonly Fields[] {
  return JSON.parse(vectorText(name)).tests
}

export interface WycheproofCase {
  readonly tcId: number
  readonly comment?: string
  readonly flags?: readonly string[]
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly [field: string]: unknown
}

export interface WycheproofGroup {
  readonly [field: string]: unknown
  readonly tests: readonly WycheproofCase[]
}

export function wycheproof(name: string): readonly WycheproofGroup[] {
  return JSON.parse(vectorText(`wycheproof/${name}`)).testGroups
}

export const hex = (text: string): Uint8Array => Uint8Array.fromHex(text)
