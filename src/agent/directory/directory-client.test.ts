// What cannot be reached, does not answer or is not trusted ends as a problem that names the address, in bounded time.
import assert from 'node:assert/strict'
import { createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Secret } from '../../base/secret.ts'
import type { DirectoryAddress } from './directory-client.ts'
import { readDomainPolicies, writeDomainPolicies } from './directory-policies-live.ts'

/** A server on loopback that does `answer` with what it hears. */
async function serverThat(context: TestContext, answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    answer(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return `127.0.0.1:${address.port}`
}

async function faultOf(address: DirectoryAddress): Promise<string> {
  const read = await readDomainPolicies(address)
  assert.ok(!read.ok)
  assert.equal(read.error.length, 1)
  assert.equal(read.error[0]!.where, address.url)
  return read.error[0]!.what
}

test('an address that is none of a directory is told, and nothing is asked', async () => {
  for (const url of ['http://dc1.corp.test', 'ldap://', 'dc1.corp.test', 'ldap://user@host']) {
    assert.match(await faultOf({ url }), /no address of a directory/)
  }
})

test('an empty password is no password: it is not tried', async () => {
  const address = { url: 'ldap://127.0.0.1:1', user: 'a', password: new Secret('') }
  assert.match(await faultOf(address), /password is empty/)
})

test('a directory that is not there is told', async () => {
  assert.match(await faultOf({ url: 'ldap://127.0.0.1:1', seconds: 2 }), /cannot be reached: .*ECONNREFUSED/)
})

test('a directory that says nothing is not waited for', async context => {
  const host = await serverThat(context, () => undefined)
  const start = performance.now()
  assert.match(await faultOf({ url: `ldap://${host}`, seconds: 0.3 }), /cannot be reached/)
  assert.ok(performance.now() - start < 3000)
})

test('what answers with anything but LDAP, or hangs up, is told', async context => {
  const talks = await serverThat(context, socket =>
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  )
  assert.match(await faultOf({ url: `ldap://${talks}`, seconds: 1 }), /cannot be reached/)
  const leaves = await serverThat(context, socket => socket.destroy())
  assert.match(await faultOf({ url: `ldap://${leaves}`, seconds: 1 }), /cannot be reached/)
})

test('a password is said to nobody before TLS', async context => {
  const heard: Uint8Array[] = []
  const host = await serverThat(context, socket => socket.on('data', data => heard.push(Buffer.from(data))))
  const address = { url: `ldap://${host}`, user: 'a@corp.test', password: new Secret('open sesame'), seconds: 0.3 }
  const written = await writeDomainPolicies(address, { objects: [] })
  assert.ok(!written.ok)
  const all = Buffer.concat(heard)
  assert.ok(all.length > 0)
  assert.ok(!all.includes('open sesame') && !all.includes('a@corp.test'))
})
