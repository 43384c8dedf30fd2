// For tests of the monitor's server: one on a free port with made-up answers and a clock that stands, and requests to it with
// any head.
import { type ClientRequest, type IncomingHttpHeaders, request } from 'node:http'
import type { TestContext } from 'node:test'
import { VirtualClock } from '../base/time.ts'
import { MonitorServer, type MonitorServerOptions } from './server.ts'
import { type TestSource, testSource } from './test-source.ts'

export interface Got {
  readonly code: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Sent {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export async function serveForTest(t: TestContext, changes: Partial<MonitorServerOptions> = {}) {
  const clock = new VirtualClock()
  const source = testSource()
  const options: MonitorServerOptions = {
    ...{ place: { kind: 'port', host: '127.0.0.1', port: 0 }, tokenDigest: undefined, source, clock },
    ...changes,
  }
  const server = new MonitorServer(options)
  await server.start()
  t.after(() => server.close())
  const where = () =>
    options.place.kind === 'socket' ? { socketPath: options.place.path } : { host: '127.0.0.1', port: server.port }
  const open = (path: string, { method = 'GET', headers = {} }: Sent = {}): ClientRequest =>
    request({ ...where(), path, method, headers, agent: false })
  const ask = (path: string, sent: Sent = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<Got>()
    const asked = open(path, sent)
    asked.on('response', response => {
      let text = ''
      response.setEncoding('utf8').on('data', piece => (text += piece))
      response.on('end', () => resolve({ code: response.statusCode!, headers: response.headers, text }))
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end(sent.body)
    return promise
  }
  const get = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
    ask(path, { method, headers })
  const pass = (seconds: number) => clock.advanceTo(clock.now() + seconds)
  return { server, source: options.source as TestSource, clock, open, ask, get, pass }
}
