// Applications of a host, as a program of its own to be run in its network namespace: streams whose octets are held against
// their hash at both ends, and datagrams that come back. Prints one line of JSON.
//   serve ADDRESS PORT…                  until it is killed; says "ready"
//   tcp OWN PEER PORT STREAMS BYTES      so many octets each way, all streams at once
//   udp OWN PEER PORT COUNT BYTES        echoes, one after the other
//   rsvp OWN PEER COUNT                  messages of RSVP
//   flow OWN PEER PORT SECONDS [PAUSE]   a stream both ways, PAUSE milliseconds between pieces of 64 KiB; the longest time in
//                                        which nothing arrived
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { RsvpSocket } from '../../src/agent/live-demo/rsvp-socket.ts'
import { RSVP } from '../../src/base/flow.ts'

const HASH = 32
const PIECE = 64 * 1024

/** Octets that depend on their place, so that none can be missing, doubled or moved. */
function pattern(seed: number, from: number, count: number): Buffer {
  const octets = Buffer.allocUnsafe(count)
  let word = (Math.imul(seed, 0x9e3779b1) ^ from) >>> 0
  for (let at = 0; at < count; at++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0
    octets[at] = word >>> 24
  }
  return octets
}

/** Sends them and their hash, and nothing after. */
async function give(socket: Socket, seed: number, count: number): Promise<void> {
  const hash = createHash('sha256')
  for (let at = 0; at < count; at += PIECE) {
    const piece = pattern(seed, at, Math.min(PIECE, count - at))
    hash.update(piece)
    if (!socket.write(piece)) await once(socket, 'drain')
  }
  socket.end(hash.digest())
}

/** How many octets came before their hash; throws where it is another. The socket stays open for what is given. */
async function take(socket: Socket): Promise<number> {
  const hash = createHash('sha256')
  let [tail, count] = [Buffer.alloc(0), 0]
  socket.on('data', (piece: Buffer) => {
    const all = Buffer.concat([tail, piece])
    const sure = Math.max(0, all.length - HASH)
    hash.update(all.subarray(0, sure))
    count += sure
    tail = all.subarray(sure)
  })
  await once(socket, 'end')
  if (Buffer.compare(hash.digest(), tail) !== 0)
    throw new Error(`what arrived is not what was sent, of ${count} octets`)
  return count
}

function serve(address: string, ports: readonly number[]): void {
  let waiting = 2 * ports.length
  const ready = () => --waiting === 0 && console.log('ready')
  for (const port of ports) {
    const server = createServer({ allowHalfOpen: true }, socket => {
      socket.on('error', () => {})
      // The client says in its first octets how many it wants.
      socket.once('data', (first: Buffer) => {
        const wanted = first.readUInt32BE(0)
        if (first.length > 4) socket.unshift(first.subarray(4))
        if (wanted === 0xffffffff) return void echo(socket)
        void Promise.all([take(socket), give(socket, wanted, wanted)]).catch(() => socket.destroy())
      })
    })
    server.listen(port, address, 512, ready)
    const type = address.includes(':') ? 'udp6' : 'udp4'
    const datagrams = createSocket({ type, recvBufferSize: 4 << 20 })
    datagrams.on('message', (bytes, from) => datagrams.send(bytes, from.port, from.address))
    datagrams.on('error', () => {})
    datagrams.bind(port, address, ready)
  }
}

function echo(socket: Socket): void {
  socket.pipe(socket)
}

async function tcp(own: string, peer: string, port: number, streams: number, bytes: number) {
  const began = performance.now()
  const one = async (index: number) => {
    const socket = connect({ host: peer, port, localAddress: own, allowHalfOpen: true })
    await once(socket, 'connect')
    const want = Buffer.alloc(4)
    want.writeUInt32BE(bytes)
    socket.write(want)
    const [, got] = await Promise.all([give(socket, index, bytes), take(socket)])
    return got
  }
  const got = await Promise.all(Array.from({ length: streams }, (_, index) => one(index)))
  return { got, seconds: (performance.now() - began) / 1000 }
}

async function udp(own: string, peer: string, port: number, count: number, bytes: number) {
  const type = own.includes(':') ? 'udp6' : 'udp4'
  const socket = createSocket({ type, recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 })
  socket.bind(0, own)
  await once(socket, 'listening')
  let same = 0
  for (let index = 0; index < count; index++) {
    const sent = pattern(index, 0, bytes)
    const back = once(socket, 'message', { signal: AbortSignal.timeout(1000) }).catch(() => undefined)
    socket.send(sent, port, peer)
    const answer = await back
    if (answer !== undefined && Buffer.compare(answer[0] as Buffer, sent) === 0) same++
  }
  socket.close()
  return { same }
}

/** What comes back must be what went, octet for octet, however long it is on the way. */
async function flow(own: string, peer: string, port: number, seconds: number, pause = 1) {
  const socket = connect({ host: peer, port, localAddress: own, allowHalfOpen: true })
  await once(socket, 'connect')
  socket.write(Buffer.alloc(4, 0xff))
  const until = performance.now() + 1000 * seconds
  const [sent, got] = [createHash('sha256'), createHash('sha256')]
  let [out, back, last, stall, stallAt] = [0, 0, performance.now(), 0, 0]
  const reading = once(socket, 'end')
  socket.on('data', (piece: Buffer) => {
    const now = performance.now()
    if (now - last > stall) [stall, stallAt] = [now - last, last - (until - 1000 * seconds)]
    last = now
    got.update(piece)
    back += piece.length
  })
  for (let index = 0; performance.now() < until; index++) {
    const piece = pattern(index, 0, PIECE)
    sent.update(piece)
    out += piece.length
    if (!socket.write(piece)) await once(socket, 'drain')
    // So that time stays for everything else on a machine of two processors.
    await new Promise(resolve => setTimeout(resolve, pause))
  }
  socket.end()
  await reading
  const isSame = out === back && sent.digest('hex') === got.digest('hex')
  return { bytes: out, back, isSame, stall: stall / 1000, stallAt: stallAt / 1000 }
}

/** Path messages with nothing in them: an IP header, and RSVP's own (RFC 2205 §3.1.1). */
function rsvp(peer: string, count: number) {
  const socket = new RsvpSocket(peer)
  const faults = new Set<string>()
  for (let index = 0; index < count; index++) {
    const packet = Buffer.alloc(28)
    packet.set([0x45, 0, 0, 28, 0, index + 1, 0, 0, 64, RSVP])
    packet.set(peer.split('.').map(Number), 16)
    packet.set([0x10, 1, 0xef, 0xf6, 64, 0, 0, 8], 20)
    const fault = socket.send(packet)
    if (fault !== undefined) faults.add(fault)
  }
  return { faults: [...faults] }
}

const [what, own, ...rest] = process.argv.slice(2)
const peer = rest[0]!
const [port, count, bytes] = rest.slice(1).map(Number) as [number, number, number]
if (what === 'serve') serve(own!, rest.map(Number))
else if (what === 'tcp') console.log(JSON.stringify(await tcp(own!, peer, port, count, bytes)))
else if (what === 'udp') console.log(JSON.stringify(await udp(own!, peer, port, count, bytes)))
else if (what === 'rsvp') console.log(JSON.stringify(rsvp(peer, port)))
else if (what === 'flow') console.log(JSON.stringify(await flow(own!, peer, port, count, bytes)))
else throw new Error(`unknown: ${what}`)
