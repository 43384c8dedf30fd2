// Where `up --metrics` serves numbers, and `--web` the page, and to whom, as a person writes it.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { failure, type Problem, type Result, success } from '../base/result.ts'
import { digestOf } from '../monitor/access.ts'
import type { Place } from '../monitor/server.ts'

/** sizeof sun_path, with the zero behind it. */
const LONGEST_SOCKET_NAME = 107
/** Shorter tokens can be guessed. */
const SHORTEST_TOKEN = 16

/** `127.0.0.1:9754`, `[::1]:9754`, `unix:/run/sealwire/metrics.sock`; `option`: where it is written. */
export function readPlace(text: string, option = '--metrics'): Result<Place, Problem> {
  const refused = (what: string) =>
    failure<Problem>({
      ...{ severity: 'error', where: option, what },
      hint: `write 127.0.0.1:9754, [::1]:9754 or unix:/run/sealwire/${option.slice(2)}.sock`,
    })
  if (text.startsWith('unix:')) {
    const path = text.slice(5)
    if (path === '') return refused('the socket has no name')
    if (Buffer.byteLength(resolve(path)) > LONGEST_SOCKET_NAME) return refused('the name is too long for a socket')
    return success({ kind: 'socket', path: resolve(path) })
  }
  const [, name, digits] = /^(.*):(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (name === undefined || !(port >= 1 && port <= 65535)) return refused(`“${text}” is no address with a port`)
  const host = loopback.get(name)
  if (host === undefined) return refused(`“${name}” is no address of loopback, and other machines are not answered`)
  return success({ kind: 'port', host, port })
}

const loopback = new Map<string, '127.0.0.1' | '::1'>([
  ['127.0.0.1', '127.0.0.1'],
  ['localhost', '127.0.0.1'],
  ['[::1]', '::1'],
])

/** The token of a file: its first line. What is kept of it is a digest. */
export function readToken(file: string): Result<Uint8Array, Problem> {
  const refused = (what: string) =>
    failure<Problem>({
      ...{ severity: 'error', where: file, what },
      hint: `put a line of ${SHORTEST_TOKEN} or more random letters into a file that only this user reads`,
    })
  try {
    const token = readFileSync(file, 'utf8').split('\n', 1)[0]!.trim()
    if (token.length < SHORTEST_TOKEN) return refused('the token is too short')
    return /^\S+$/.test(token) ? success(digestOf(token)) : refused('the token has spaces in it')
  } catch (error) {
    return refused(`the token cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
}
