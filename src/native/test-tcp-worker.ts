// For tests: a worker that lives in a network namespace, with Node's own TCP in it. As a server it counts and hashes
// what comes and answers with that; as a client it sends a sequence that anybody can make again.
import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { enterNamespace } from './namespaces.ts'

export interface TcpTask {
  readonly namespace: string
  readonly role: 'server' | 'client'
  readonly address: string
  readonly port: number
  readonly octets: number
  /** One word that is 1 when the worker is done. */
  readonly done: SharedArrayBuffer
}

export function sequence(octets: number): Buffer {
  const bytes = Buffer.alloc(octets)
  let state = 1
  for (let at = 0; at < octets; at++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0
    bytes[at] = state >>> 16
  }
  return bytes
}

function serve(task: TcpTask): void {
  // The client closes only its half.
  const server = createServer({ allowHalfOpen: true }, socket => {
    const hash = createHash('sha256')
    socket.on('data', part => hash.update(part))
    socket.on('end', () => {
      socket.end(hash.digest('hex'))
      server.close()
    })
    socket.on('close', finish)
  })
  server.listen(task.port, task.address, () => parentPort?.postMessage('ready'))
}

function send(task: TcpTask): void {
  const socket = connect({ host: task.address, port: task.port, allowHalfOpen: true })
  socket.end(sequence(task.octets))
  let answer = ''
  socket.on('data', part => (answer += part.toString()))
  socket.on('error', error => (answer = String(error)))
  socket.on('close', () => {
    parentPort?.postMessage(answer)
    finish()
  })
}

function finish(): void {
  Atomics.store(new Int32Array((workerData as TcpTask).done), 0, 1)
}

const task = workerData as TcpTask | null
if (task !== null && typeof task === 'object' && 'namespace' in task) {
  enterNamespace(task.namespace)
  if (task.role === 'server') serve(task)
  else send(task)
}
