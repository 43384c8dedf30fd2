// The applications of a live host, in a worker that has entered the host's namespace, so that all its sockets are there:
// servers of every kind, and a client of each that says whether it got the answer it wanted.

import { createHash } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { isSameOctets } from '../../base/bytes.ts'
import { systemClock } from '../../base/time.ts'
import { enterNamespace } from '../../native/namespaces.ts'
import { wordsOfError } from '../agent-event.ts'
import { within } from '../within.ts'
import type { Asked, Deed, HeardCounts, HostRole, Told } from './host-deeds.ts'
import { pause } from './programs.ts'
import { RsvpSocket } from './rsvp-socket.ts'

const role = workerData as HostRole
enterNamespace(role.namespace)

const GROUP = '239.255.54.1'
const ports = { tcp: 5001, udp: 5002, groups: 5003, dns: 53, kerberos: 88 } as const
const TRANSFER = 400_000
const LARGE_DATAGRAM = 20_000
const DATAGRAMS = 3
/** Seconds in which an answer comes, if one does. */
const PATIENCE = 4

const heard = { broadcast: 0, multicast: 0, rsvp: 0 }
const rsvp = new RsvpSocket(role.peer)

function listen(socket: Socket, port: number, address: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('error', reject)
  socket.bind(port, address, () => {
    socket.off('error', reject)
    // An answer that the guard holds back is no fault of this server.
    socket.on('error', () => {})
    resolve()
  })
  return promise
}

/** What comes to a TCP port is answered once, when `answer` has enough of it. */
function serve(port: number, answer: (received: Buffer) => Uint8Array | undefined): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    let received: Buffer = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.end())
    socket.on('data', (piece: Buffer) => {
      received = Buffer.concat([received, piece])
      const reply = answer(received)
      if (reply !== undefined) socket.end(reply)
    })
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, role.address, resolve)
  return promise
}

function answering(port: number, answer: (datagram: Buffer) => Uint8Array): Promise<void> {
  const socket = createSocket('udp4')
  socket.on('message', (datagram, { port: to, address }) => socket.send(answer(datagram), to, address))
  return listen(socket, port, role.address)
}

function digest(octets: Uint8Array): Buffer {
  return createHash('sha256').update(octets).digest()
}

async function startServers(): Promise<void> {
  await serve(ports.tcp, received => (received.length >= TRANSFER ? digest(received) : undefined))
  await answering(ports.udp, digest)
  // A name server that knows one name: the question comes back as an answer with the address of this host.
  await answering(ports.dns, question => {
    const reply = Buffer.concat([question, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]), addressOctets()])
    reply.writeUInt16BE(0x8580, 2)
    reply.writeUInt16BE(1, 6)
    return reply
  })
  const groups = createSocket({ type: 'udp4', reuseAddr: true })
  groups.on('message', message => {
    const kind = message.toString()
    if (kind === 'broadcast' || kind === 'multicast') heard[kind]++
  })
  await listen(groups, ports.groups, '0.0.0.0')
  groups.addMembership(GROUP, role.address)
  const { kerberos } = role
  if (kerberos === undefined) return
  await answering(ports.kerberos, () => kerberos.reply)
  const whole = withLength(kerberos.request).length
  await serve(ports.kerberos, received => (received.length >= whole ? withLength(kerberos.reply) : undefined))
}

function addressOctets(): Buffer {
  return Buffer.from(role.address.split('.').map(Number))
}

/** Kerberos over TCP puts the length in front (RFC 4120 §7.2.2). */
function withLength(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(4 + message.length)
  framed.writeUInt32BE(message.length)
  framed.set(message, 4)
  return framed
}

/** Throws where what comes back is not what is wanted. */
async function askByUdp(port: number, datagram: Uint8Array, isWanted: (reply: Buffer) => boolean): Promise<void> {
  const socket = createSocket('udp4')
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    socket.on('error', reject)
    socket.on('message', resolve)
    socket.bind(0, role.address, () => {
      socket.send(datagram, port, role.peer, error => {
        if (error !== null) reject(error)
      })
    })
    if (!isWanted(await within(systemClock, PATIENCE, 'an answer', promise))) throw new Error('another answer came')
  } finally {
    socket.close()
  }
}

async function askByTcp(port: number, content: Uint8Array, isWanted: (reply: Buffer) => boolean): Promise<void> {
  const socket = connect({ port, host: role.peer, localAddress: role.address })
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
    const pieces: Buffer[] = []
    socket.on('error', reject)
    socket.on('data', (piece: Buffer) => pieces.push(piece))
    socket.on('end', () => resolve(Buffer.concat(pieces)))
    socket.write(content)
    const reply = await within(systemClock, PATIENCE, 'an answer', promise)
    if (!isWanted(reply)) throw new Error('another answer came')
    socket.end()
    await within(systemClock, PATIENCE, 'the end', new Promise(done => socket.once('close', done)))
  } finally {
    socket.destroy()
  }
}

async function tellGroup(to: string, text: string): Promise<void> {
  const socket = createSocket('udp4')
  await listen(socket, 0, role.address)
  socket.setBroadcast(true)
  socket.setMulticastInterface(role.address)
  try {
    for (let count = 0; count < DATAGRAMS; count++) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      socket.send(text, ports.groups, to, error => (error === null ? resolve() : reject(error)))
      await promise
    }
  } finally {
    socket.close()
  }
}

function patterned(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 255)
}

function recorded() {
  if (role.kerberos === undefined) throw new Error('there is no recorded exchange')
  return role.kerberos
}

const clients: Readonly<Record<Deed, () => Promise<void>>> = {
  async tcp() {
    const content = patterned(TRANSFER)
    await askByTcp(ports.tcp, content, reply => isSameOctets(reply, digest(content)))
  },
  async udp() {
    const content = patterned(LARGE_DATAGRAM)
    await askByUdp(ports.udp, content, reply => isSameOctets(reply, digest(content)))
  },
  async dns() {
    const name = Buffer.from('\x03dc2\x04corp\x04test\0', 'latin1')
    for (let id = 1; id <= DATAGRAMS; id++) {
      const question = Buffer.concat([
        Buffer.from([0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        name,
        Buffer.from([0, 1, 0, 1]),
      ])
      await askByUdp(ports.dns, question, reply => reply[1] === id && reply.length === question.length + 16)
    }
  },
  async rsvp() {
    if (role.rsvp === undefined) throw new Error('this host has nothing to reserve')
    for (let count = 0; count < DATAGRAMS; count++) {
      const refused = rsvp.send(role.rsvp)
      if (refused !== undefined) throw new Error(refused)
      await pause(0.02)
    }
  },
  broadcast: () => tellGroup(role.broadcast, 'broadcast'),
  multicast: () => tellGroup(GROUP, 'multicast'),
  'kerberos-udp': () => askByUdp(ports.kerberos, recorded().request, reply => isSameOctets(reply, recorded().reply)),
  'kerberos-tcp': () =>
    askByTcp(ports.kerberos, withLength(recorded().request), reply =>
      isSameOctets(reply, withLength(recorded().reply)),
    ),
}

function counts(): HeardCounts {
  heard.rsvp += rsvp.received()
  return { ...heard }
}

function tell(told: Told): void {
  parentPort!.postMessage(told)
}

parentPort!.on('message', ({ id, what }: Asked) => {
  if (what === 'heard') return tell({ id, worked: true, why: '', heard: counts() })
  clients[what]().then(
    () => tell({ id, worked: true, why: '', heard: counts() }),
    (error: unknown) => tell({ id, worked: false, why: wordsOfError(error), heard: counts() }),
  )
})

await startServers()
tell({ id: 0, worked: true, why: '', heard: counts() })
