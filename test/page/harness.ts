// Serves the built page with an agent that is made up: `node test/page/harness.ts [SCENE] [PORT]`. The first line of the feed
// has ten minutes behind it, so that curves are there at once. Headers are those of the monitor's own server.
import { readFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pageFileAt } from '../../src/monitor/page-files.ts'
import { securityHeaders } from '../../src/monitor/server.ts'
import type { Heard } from '../../src/monitor/view.ts'
import { BEGAN, eventsOf, floodOf, madeUpPolicy, previewOf, type Scene, scenes, statusOf } from './made-up-agent.ts'

const folder = join(import.meta.dirname, '../../dist/page')
const BEHIND = 600
const FLOOD = 10_000

export interface Harness {
  readonly url: string
  /** From the next line of the feed on. */
  show(scene: Scene): void
  close(): Promise<void>
}

export async function startHarness(first: Scene, port = 0): Promise<Harness> {
  let scene = first
  let value = 0
  let at = BEGAN
  const readers = new Set<ServerResponse>()
  const line = (heard: readonly Heard[]) => `${JSON.stringify(heard)}\n`
  const second = (now: number): readonly Heard[] => [
    ...eventsOf(scene, now).map((event): Heard => ({ kind: 'event', event })),
    { kind: 'status', status: statusOf(scene, now, value) },
  ]
  const tell = (heard: readonly Heard[]) => {
    for (const reader of readers) reader.write(line(heard))
  }
  const clock = setInterval(() => tell(second(++at)), 1000)
  // As the feed sends a flood: ten lines a second, the rest counted.
  const flood = setInterval(() => {
    if (scene !== 'flood') return
    const events = floodOf(at, 2000).map((event): Heard => ({ kind: 'event', event }))
    tell([...events, { kind: 'omitted', events: FLOOD / 10 }])
  }, 100)
  const server: Server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://harness')
    const answer = (code: number, type: string, body: string | Uint8Array) =>
      response.writeHead(code, { ...securityHeaders, 'content-type': type }).end(body)
    const json = (body: unknown) => answer(200, 'application/json', JSON.stringify(body))
    const file = pageFileAt(pathname)
    if (file !== undefined) {
      void readFile(join(folder, file.name)).then(body => answer(200, file.type, body))
      return
    }
    if (request.headers.authorization !== 'Bearer made-up') return void answer(401, 'text/plain', 'a token is needed')
    if (pathname === '/feed') {
      response.writeHead(200, { ...securityHeaders, 'content-type': 'application/x-ndjson' })
      // Whole statuses of a thousand associations would be a long line: the past of few is enough there.
      const behind = scene === 'many' || scene === 'flood' ? 60 : BEHIND
      for (let from = at - behind; from < at; from += 20)
        response.write(line(Array.from({ length: 20 }, (_, index) => second(from + index)).flat()))
      readers.add(response)
      response.on('close', () => readers.delete(response))
      return
    }
    if (pathname === '/policy') return void json(madeUpPolicy)
    if (pathname === '/setting' && request.method === 'GET')
      return void json(previewOf(value, Number(searchParams.get('value') ?? value)))
    if (pathname === '/setting') {
      void readBody(request).then(body => {
        const change = JSON.parse(body) as { readonly value: number; readonly expected: number }
        if (change.expected !== value)
          return answer(
            409,
            'application/json',
            JSON.stringify({
              problems: [{ where: 'expected', what: 'another value is in force by now', hint: 'look again' }],
            }),
          )
        value = change.value
        tell([{ kind: 'status', status: statusOf(scene, at + 0.5, value) }])
        return json({ ok: true })
      })
      return
    }
    answer(404, 'text/plain', 'not here')
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(port, '127.0.0.1', resolve)
  await promise
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/#token=made-up`,
    show(next) {
      scene = next
    },
    async close() {
      clearInterval(clock)
      clearInterval(flood)
      server.closeAllConnections()
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      await closed.promise
    },
  }
}

async function readBody(request: AsyncIterable<Uint8Array>): Promise<string> {
  const parts = await Array.fromAsync(request)
  return Buffer.concat(parts).toString('utf8')
}

if (import.meta.main) {
  const [scene = 'exempt', port = '0'] = process.argv.slice(2)
  const known = scenes.find(one => one === scene)
  if (known === undefined) throw new Error(`scenes are ${scenes.join(', ')}`)
  const { url } = await startHarness(known, Number(port))
  console.log(url)
}
