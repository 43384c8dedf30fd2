// The monitor's HTTP server, on loopback or a Unix socket: metrics, health and readiness for machines, and with a page also the
// feed that it lives on, the policy, and the setting, which is the one thing that can be changed here. Bounded in everything
// that a client chooses; a status is asked of the agent once, however many ask here.
import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Problem, Result } from '../base/result.ts'
import type { Clock } from '../base/time.ts'
import { type Forbidden, type Wanted, whyNot } from './access.ts'
import type { AgentStatus } from './agent-status.ts'
import { FeedHub } from './feed-hub.ts'
import { contentTypes, type Form, writeMetrics } from './metrics.ts'
import type { MonitorSource } from './monitor-source.ts'
import { pageFileAt, readPageFile } from './page-files.ts'
import { EXPECTED, isSettingValue, readSettingChange } from './setting-change.ts'

export type Place =
  /** `host` is an address of loopback. */
  | { readonly kind: 'port'; readonly host: '127.0.0.1' | '::1'; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string }

export interface MonitorServerOptions {
  readonly place: Place
  readonly tokenDigest: Uint8Array | undefined
  readonly source: MonitorSource
  /** The folder of the built page; left out, numbers alone are served. */
  readonly page?: string
  readonly clock: Clock
}

const MOST_CONNECTIONS = 64
const LONGEST_HEAD = 8192
/** Octets. */
const LONGEST_BODY = 1024

interface Answer {
  readonly code: number
  readonly type: string
  readonly body: string | Uint8Array
}

type Handler = (request: IncomingMessage, query: URLSearchParams) => Promise<Answer>

interface Route extends Wanted {
  /** `feed`: an answer that does not end. */
  readonly handler: Handler | 'feed'
}

/** Of every answer. The page's own script and style are all that runs and counts; nothing is kept, framed or guessed. */
export const securityHeaders = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const

export class MonitorServer {
  readonly #options: MonitorServerOptions
  readonly #hub: FeedHub
  readonly #routes: ReadonlyMap<string, Route>
  readonly #nothing: Route
  #server: Server | undefined

  constructor(options: MonitorServerOptions) {
    this.#options = options
    this.#hub = new FeedHub(options)
    this.#routes = this.#table()
    const words =
      options.page === undefined ? '/metrics, /healthz and /readyz' : 'the page, /metrics, /healthz and /readyz'
    this.#nothing = get(async () => plain(404, `here are ${words}`))
  }

  async start(): Promise<void> {
    const { place, page } = this.#options
    const limits = { maxHeaderSize: LONGEST_HEAD, headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 5000 }
    const often = { connectionsCheckingInterval: 2000 }
    const server = createServer({ ...limits, ...often, requireHostHeader: false }, (request, response) => {
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
    if (page !== undefined) this.#hub.start()
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
    this.#hub.stop()
    const { promise, resolve } = Promise.withResolvers<void>()
    server.close(() => resolve())
    server.closeAllConnections()
    await promise
  }

  #table(): ReadonlyMap<string, Route> {
    const numbers: readonly (readonly [string, Route])[] = [
      ['/metrics', get(request => this.#metrics(request))],
      ['/healthz', get(async () => healthOf(await this.#hub.status()))],
      ['/readyz', get(async () => readinessOf(await this.#hub.status()))],
    ]
    const { page, source } = this.#options
    if (page === undefined) return new Map(numbers)
    return new Map([
      ...numbers,
      ['/feed', { methods: ['GET'], isOpen: false, handler: 'feed' }],
      ['/policy', get(async () => said(await source.policy()))],
      ['/setting', { methods: ['GET', 'POST'], isOpen: false, handler: (...given) => this.#setting(...given) }],
    ])
  }

  #routeOf(path: string): Route {
    const { page } = this.#options
    const file = page === undefined ? undefined : pageFileAt(path)
    if (page === undefined || file === undefined) return this.#routes.get(path) ?? this.#nothing
    const handler = async () => {
      const body = await readPageFile(page, file)
      return body === undefined ? notBuilt : { code: 200, type: file.type, body }
    }
    return { methods: ['GET'], isOpen: true, handler }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    const route = this.#routeOf(path)
    const forbidden = this.#whyNot(request, route)
    if (forbidden !== undefined) return write(response, plain(forbidden.status, forbidden.what), route)
    if (route.handler === 'feed') return this.#feed(response, route)
    const asked = route.handler(request, new URLSearchParams(query))
    write(response, await asked.catch(() => plain(503, 'the agent does not answer')), route)
  }

  #whyNot({ method = '', headers }: IncomingMessage, route: Route): Forbidden | undefined {
    const { host, origin, authorization } = headers
    const [fetchSite, fetchDest] = [headers['sec-fetch-site'], headers['sec-fetch-dest']].map(value =>
      Array.isArray(value) ? value[0] : value,
    )
    const contentType = headers['content-type']
    const head = { method, host, origin, authorization, contentType, fetchSite, fetchDest }
    return whyNot(head, route, { port: this.port, tokenDigest: this.#options.tokenDigest })
  }

  #feed(response: ServerResponse, route: Route): void {
    const leave = this.#hub.join({
      write: line => response.write(line),
      unread: () => response.writableLength,
      end: () => response.destroy(),
    })
    if (leave === undefined) return write(response, plain(503, 'enough are reading along already'), route)
    response.on('close', leave)
    response.writeHead(200, { ...securityHeaders, 'content-type': 'application/x-ndjson; charset=utf-8' })
    response.flushHeaders()
  }

  async #metrics({ headers }: IncomingMessage): Promise<Answer> {
    const isOpen = headers.accept?.includes('application/openmetrics-text') === true
    const form: Form = isOpen ? 'openmetrics' : 'prometheus'
    return { code: 200, type: contentTypes[form], body: writeMetrics(await this.#hub.status(), form) }
  }

  async #setting(request: IncomingMessage, query: URLSearchParams): Promise<Answer> {
    const { source } = this.#options
    if (request.method === 'GET') {
      const text = query.get('value')
      const value = text === null ? undefined : /^\d{1,10}$/.test(text) ? Number(text) : -1
      if (value === undefined || isSettingValue(value)) return said(await source.preview(value))
      return refused(422, [wrong('value', 'this is no whole number', 'write ?value=1')])
    }
    const body = await bodyOf(request)
    if (body === undefined) return refused(413, [wrong('the request', `it has over ${LONGEST_BODY} octets`, '')])
    const read = readSettingChange(body)
    if (!read.ok) return refused(422, read.error)
    const changed = await source.change(read.value)
    if (changed.ok) return json(200, { ok: true })
    return refused(changed.error.some(({ where }) => where === EXPECTED) ? 409 : 422, changed.error)
  }
}

function get(handler: Handler): Route {
  return { methods: ['GET'], isOpen: false, handler }
}

function write(response: ServerResponse, { code, type, body }: Answer, { methods }: Wanted): void {
  if (response.destroyed) return
  response.writeHead(code, {
    ...securityHeaders,
    'content-type': type,
    ...(code === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    ...(code === 405 ? { allow: methods.join(', ') } : {}),
    // What else such a client sends is not read.
    ...(code >= 400 ? { connection: 'close' } : {}),
  })
  response.end(body)
}

/** Undefined where there is more of it than anybody means. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > LONGEST_BODY) return undefined
  const decoder = new TextDecoder()
  let text = ''
  let length = 0
  for await (const octets of request as AsyncIterable<Uint8Array>) {
    length += octets.length
    if (length > LONGEST_BODY) return undefined
    text += decoder.decode(octets, { stream: true })
  }
  return text + decoder.decode()
}

/** Whether to start it anew would help: not where its data plane answers. */
export function healthOf({ dataPlane, state }: AgentStatus): Answer {
  const isWell = dataPlane['isAnswering'] === true && state !== 'down'
  return isWell ? plain(200, 'ok') : plain(503, 'the data plane does not answer')
}

/** Whether it enforces its policy as it should. */
export function readinessOf({ state, dataPlane, guard }: AgentStatus): Answer {
  if (state !== 'up') return plain(503, `the agent is ${state.replace('-', ' ')}`)
  if (dataPlane['isAnswering'] !== true) return plain(503, 'the data plane does not answer')
  if (guard?.isThere === false) return plain(503, 'the guard is not as it was put in place')
  return plain(200, 'ready')
}

function said(result: Result<unknown, readonly Problem[]>): Answer {
  return result.ok ? json(200, result.value) : refused(422, result.error)
}

function refused(code: number, problems: readonly Problem[]): Answer {
  return json(code, { problems: problems.map(({ where, what, hint }) => ({ where, what, hint })) })
}

function wrong(where: string, what: string, hint: string): Problem {
  return { severity: 'error', where, what, hint }
}

function json(code: number, value: unknown): Answer {
  return { code, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` }
}

function plain(code: number, text: string): Answer {
  return { code, type: 'text/plain; charset=utf-8', body: `${text}\n` }
}

const notBuilt = plain(
  503,
  'The page is not built here: run ./sealwire --version in its folder, which builds it, and load this again.',
)

/** One that a killed agent left; what is no socket stays, and then the name is taken. */
function removeOldSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path)
}
