// Keys for the auditor by the name of their file, or of a folder that has Wireshark's table `esp_sa` in it.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type KeyText, readKeyText } from '../audit/key-file.ts'
import { type KnownKey, keyProblem } from '../audit/known-key.ts'
import { octetsOf } from '../base/bytes.ts'
import type { Console } from './console.ts'

/** A line has some 250 characters: more associations than any host has. */
const LARGEST = 64 * 1024 * 1024
const TABLE = 'esp_sa'

/** Undefined when its problems were said: answer 2 then. `seen` gets the octets. What single lines lack is a warning. */
export function readKeys(
  path: string,
  console: Console,
  seen: (where: string, octets: Uint8Array) => void = () => {},
): { readonly keys: readonly KnownKey[]; readonly texts: readonly KeyText[] } | undefined {
  const text = readText(path, seen)
  if (typeof text === 'string') {
    console.problems([keyProblem('error', path, text, `give Wireshark's table ${TABLE}, or what ip xfrm state prints`)])
    return undefined
  }
  const read = readKeyText(text)
  console.problems(read.problems)
  if (read.problems.some(({ severity }) => severity === 'error')) return undefined
  if (read.keys.length > 0) return { keys: read.keys, texts: [text] }
  console.problems([keyProblem('error', text.where, 'not one key in it can be used')])
  return undefined
}

function readText(path: string, seen: (where: string, octets: Uint8Array) => void): KeyText | string {
  try {
    const where = statSync(path).isDirectory() ? join(path, TABLE) : path
    const { size } = statSync(where)
    if (size > LARGEST) return `a file of ${size} bytes is no table of keys`
    const octets = octetsOf(readFileSync(where))
    seen(where, octets)
    return { where, text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(octets) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT') return 'there is no such file'
    if (code === 'EACCES' || code === 'EPERM') return 'the file may not be read'
    if (code === 'EISDIR') return 'this is a folder'
    throw error
  }
}
