// One end of a TCP connection that carries numbered octets both ways and checks every one that arrives. Run by stream.ts in the
// network of a lab host:  stream-program.ts listen OWN PORT | connect OWN PORT PEER. A line on standard input ends the sending;
// what is left then arrives, and the connection is closed. A JSON line every ten seconds, and at the end, says how it stands.

import { createConnection, createServer, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { isNumbered, numbered } from './numbered-octets.ts'

/** 40 kB a second each way: the wire is never silent, and an hour of it can be audited beside everything else. */
const CHUNK = 2048
const EVERY_MS = 50
const TELL_MS = 10_000

const [mode, own = '', port = '', peer = ''] = process.argv.slice(2)

let sent = 0
let received = 0
let wrongAt: number | null = null
let error: string | null = null
let ended = false
let isFull = false
let longest = 0
let last: number | undefined

function tell(): void {
  const state = { sent, received, wrongAt, error, ended, longestStallSeconds: longest / 1000 }
  process.stdout.write(`${JSON.stringify(state)}\n`)
}

function serve(socket: Socket): void {
  socket.setNoDelay(true)
  const sending = setInterval(() => {
    if (isFull) return
    isFull = !socket.write(numbered(sent, CHUNK))
    sent += CHUNK
  }, EVERY_MS)
  const telling = setInterval(tell, TELL_MS)
  socket.on('drain', () => {
    isFull = false
  })
  socket.on('data', octets => {
    // For the types: without an encoding there are no texts.
    if (typeof octets === 'string') return
    const now = performance.now()
    if (last !== undefined) longest = Math.max(longest, now - last)
    last = now
    if (wrongAt === null && !isNumbered(octets, received)) wrongAt = received
    received += octets.length
  })
  socket.on('end', () => {
    ended = true
  })
  socket.on('error', problem => {
    error = problem.message
  })
  socket.on('close', () => {
    clearInterval(sending)
    clearInterval(telling)
    tell()
    process.exit(0)
  })
  createInterface({ input: process.stdin }).once('line', () => {
    clearInterval(sending)
    socket.end()
  })
}

// Half-open: the other end may still have something under way when this one is done.
const allowHalfOpen = true
if (mode === 'listen') {
  const server = createServer({ allowHalfOpen }, socket => {
    server.close()
    serve(socket)
  })
  server.listen(Number(port), own, () => process.stdout.write('"listening"\n'))
} else {
  const socket = createConnection({ host: peer, port: Number(port), localAddress: own, allowHalfOpen }, () => {
    process.stdout.write('"connected"\n')
    serve(socket)
  })
  socket.once('error', problem => {
    process.stderr.write(`${problem.message}\n`)
    process.exitCode = 1
  })
}
