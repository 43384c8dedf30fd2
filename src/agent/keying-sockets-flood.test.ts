// The IKE port on loopback: what strangers begin and what is of sessions comes by two sockets, and answers leave from the
// port and address that were asked.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { effectiveCapabilities } from '../native/capabilities.ts'
import { KeyingSockets } from './keying-sockets.ts'

const PORT = 45_197
const isRoot = process.platform === 'linux' && effectiveCapabilities().has('CAP_NET_ADMIN')

test('first messages, messages of sessions and scraps are all heard, and answered in their batch or later', {
  skip: isRoot ? false : 'skipped, because only root may mark what it sends',
  timeout: 10_000,
}, async context => {
  const heard: Uint8Array[] = []
  const sockets = new KeyingSockets({
    ...{ mark: 0, port: PORT },
    heard: (path, bytes) => {
      heard.push(bytes)
      sockets.send(path, bytes)
      setImmediate(() => sockets.send(path, Uint8Array.of(...bytes, 9)))
    },
  })
  sockets.open()
  context.after(() => sockets.close())
  const other = new KeyingSockets({ mark: 0, port: PORT, heard: () => {} })
  assert.throws(() => other.open(), /opening UDP port 45197/)
  const peer = createSocket('udp4')
  context.after(() => peer.close())
  const answers: string[] = []
  peer.on('message', (bytes, { address, port }) => answers.push(`${address} ${port} ${bytes.toString('hex')}`))
  const message = (responderSpi: number, first: number, exchange: number) =>
    Uint8Array.of(...new Uint8Array(8).fill(1), ...new Uint8Array(8).fill(responderSpi), first, 0x20, exchange, 8)
  const sent = [message(0, 33, 34), message(0, 41, 34), message(2, 46, 35), message(0, 33, 2), Uint8Array.of(255)]
  for (const bytes of sent) peer.send(bytes, PORT, '127.0.0.2')
  while (answers.length < 2 * sent.length) await once(peer, 'message')
  const expected = sent.flatMap(bytes => [bytes.toHex(), `${bytes.toHex()}09`])
  assert.deepEqual(answers.toSorted(), expected.map(hex => `127.0.0.2 ${PORT} ${hex}`).toSorted())
  assert.deepEqual(heard.map(bytes => bytes.toHex()).toSorted(), sent.map(bytes => bytes.toHex()).toSorted())
})
