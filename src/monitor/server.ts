// The monitor's HTTP server: metrics, health and readiness, on loopback or a Unix socket, for GET alone. Bounded in
// everything that a client chooses; a status is asked of the agent at most once a second, however many ask here.
import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Rules, whyNot } from './access.ts'
import type { AgentStatus } from './agent-status.ts'
import { contentTypes, type Form, writeMetrics } from './metrics.ts'

export type Place =
  /** `host` is an address of loopback. */
  | { readonly kind: 'port'; readonly host: '127.0.0.1' | '::1'; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string }

export interface MonitorServerOptions {
  readonly place: Place
  readonly tokenDigest: Uint8Array | undefined
  readonly status: () => Promise<AgentStatus>
  /** Seconds; only differences mean something. */
  readonly now: () => number
}

const MOST_CONNECTIONS = 32
const LONGEST_HEAD = 8192
/** Seconds that an answer of the agent is good for. */
const FRESH_FOR = 1

interface Page {
  readonly code: number
  readonly type: string
  readonly text: string
}

export class MonitorServer {
  readonly #options: MonitorServerOptions
  #server: Server | undefined
  #asked: { readonly at: number; readonly status: Promise<AgentStatus> } | undefined

  constructor(options: MonitorServerOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { place } = this.#options
    const limits = { maxHeaderSize: LONGEST_HEAD, headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000 }
    const server = createServer({ ...limits, requireHostHeader: false }, (request, response) => {
      void this.#answer(request, response)
    })
    server.maxConnections = MOST_CONNECTIONS
    server.on('clientError', (_, socket) => socket.destroy())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    if (place.kind === 'port') server.listen(place.port, place.host, resolve)
    else {
      removeOldSocket(place.path)
      // Nobody else may connect in the moment before the mode is set either.
      const mask = process.umask(0o177)
      server.listen(place.path, resolve)
      process.umask(mask)
    }
    await promise
    server.on('error', () => {})
    if (place.kind === 'socket') chmodSync(place.path, 0o600)
    this.#server = server
  }

  /** Undefined on a Unix socket. */
  get port(): number | undefined {
    const address = this.#server?.address() as AddressInfo | string | null | undefined
    return typeof address === 'object' ? address?.port : undefined
  }

  async close(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    server.close(() => resolve())
    server.closeAllConnections()
    await promise
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    const page = await this.#page(request).catch(() => plain(503, 'the agent does not answer'))
    response.writeHead(page.code, {
      'content-type': page.type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cross-origin-resource-policy': 'same-origin',
      ...(page.code === 401 ? { 'www-authenticate': 'Bearer' } : {}),
      ...(page.code === 405 ? { allow: 'GET' } : {}),
      // What else such a client sends is not read.
      ...(page.code >= 400 ? { connection: 'close' } : {}),
    })
    response.end(page.text)
  }

  async #page({ method = '', url = '', headers }: IncomingMessage): Promise<Page> {
    const { tokenDigest } = this.#options
    const rules: Rules = { port: this.port, tokenDigest }
    const { host, origin, authorization, accept } = headers
    const fetchSite = headers['sec-fetch-site']
    const head = { method, host, origin, authorization, fetchSite: Array.isArray(fetchSite) ? fetchSite[0] : fetchSite }
    const forbidden = whyNot(head, rules)
    if (forbidden !== undefined) return plain(forbidden.status, forbidden.what)
    switch (url.split('?', 1)[0]) {
      case '/metrics': {
        const form: Form = accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'prometheus'
        return { code: 200, type: contentTypes[form], text: writeMetrics(await this.#status(), form) }
      }
      case '/healthz':
        return healthOf(await this.#status())
      case '/readyz':
        return readinessOf(await this.#status())
      default:
        return plain(404, 'here are /metrics, /healthz and /readyz')
    }
  }

  #status(): Promise<AgentStatus> {
    const { now, status } = this.#options
    const at = now()
    if (this.#asked === undefined || at - this.#asked.at >= FRESH_FOR) this.#asked = { at, status: status() }
    return this.#asked.status
  }
}

/** Whether to start it anew would help: not where its data plane answers. */
export function healthOf({ dataPlane, state }: AgentStatus): Page {
  const isWell = dataPlane['isAnswering'] === true && state !== 'down'
  return isWell ? plain(200, 'ok') : plain(503, 'the data plane does not answer')
}

/** Whether it enforces its policy as it should. */
export function readinessOf({ state, dataPlane, guard }: AgentStatus): Page {
  if (state !== 'up') return plain(503, `the agent is ${state.replace('-', ' ')}`)
  if (dataPlane['isAnswering'] !== true) return plain(503, 'the data plane does not answer')
  if (guard?.isThere === false) return plain(503, 'the guard is not as it was put in place')
  return plain(200, 'ready')
}

function plain(code: number, text: string): Page {
  return { code, type: 'text/plain; charset=utf-8', text: `${text}\n` }
}

/** One that a killed agent left; what is no socket stays, and then the name is taken. */
function removeOldSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path)
}
