// `monitor --web`: the page in a browser, served by a process of the user's own that reaches the agent by its control socket.
// Who has the address has the token, which stands in its fragment: that part is sent to nobody and written into no log.
import { userInfo } from 'node:os'
import { askedSource } from '../agent/asked-source.ts'
import type { ControlClient } from '../agent/control-client.ts'
import { readPlace } from '../agent/metrics-place.ts'
import type { StateFolder } from '../agent/state-folder.ts'
import { fillRandom } from '../base/random.ts'
import type { Problem, Result } from '../base/result.ts'
import { systemClock } from '../base/time.ts'
import { digestOf } from '../monitor/access.ts'
import { builtPage } from '../monitor/page-files.ts'
import { MonitorServer, type Place } from '../monitor/server.ts'
import { AgentLink } from './agent-link.ts'
import { FINE, MACHINE_CANNOT } from './command.ts'
import type { Console } from './console.ts'

/** Octets: nobody guesses them in the time that there is. */
const TOKEN_LENGTH = 24

export interface WebOptions {
  readonly place: Place
  readonly isJson: boolean
}

/** `true`: a free port of loopback. */
export function readWebPlace(given: string | true): Result<Place, Problem> {
  if (given === true) return { ok: true, value: { kind: 'port', host: '127.0.0.1', port: 0 } }
  return readPlace(given, '--web')
}

/** Serves until somebody ends it; answers the exit status. */
export async function serveMonitor(
  client: ControlClient,
  folder: StateFolder,
  { place, isJson }: WebOptions,
  console: Console,
): Promise<number> {
  const link = new AgentLink(folder, client)
  const token = place.kind === 'port' ? newToken() : undefined
  const source = askedSource({
    ask: command => link.ask(command),
    listen: (least, hear) => link.listen(least, hear),
    by: `the monitor’s page of ${userInfo().username} (process ${process.pid})`,
  })
  const server = new MonitorServer({
    ...{ place, source, clock: systemClock, page: builtPage },
    tokenDigest: token === undefined ? undefined : digestOf(token),
  })
  const ended = untilEnded()
  try {
    await server.start()
  } catch (error) {
    link.close()
    return cannotServe(error as NodeJS.ErrnoException, place, console)
  }
  const url = urlOf(place, server.port, token)
  if (isJson) console.json({ url })
  else {
    console.print(url)
    console.say(
      'Open it in a browser of this machine. Whoever has it sees and changes what the page does; Ctrl+C ends it.',
    )
  }
  await ended
  await server.close()
  link.close()
  return FINE
}

function newToken(): string {
  const octets = new Uint8Array(TOKEN_LENGTH)
  fillRandom(octets)
  return octets.toBase64({ alphabet: 'base64url' })
}

function urlOf(place: Place, port: number | undefined, token: string | undefined): string {
  if (place.kind === 'socket') return `unix:${place.path}`
  const host = place.host === '::1' ? '[::1]' : place.host
  return `http://${host}:${port}/#token=${token}`
}

function untilEnded(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve())
  return promise
}

const refusals: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has it: leave the place out for a free port',
  EACCES: 'this user may not listen there: take a port from 1024 on',
  EADDRNOTAVAIL: 'this machine has no such address',
}

function cannotServe({ code, message }: NodeJS.ErrnoException, place: Place, console: Console): number {
  const where = place.kind === 'socket' ? place.path : `${place.host}:${place.port}`
  console.problems([
    {
      severity: 'error',
      where: '--web',
      what: `${where} cannot be served: ${code ?? message}`,
      hint: refusals[code ?? ''] ?? '',
    },
  ])
  return MACHINE_CANNOT
}
