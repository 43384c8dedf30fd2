// Where the TUN data plane's thread begins: in the namespace that it is to serve, before anything is opened there.
import { type MessagePort, workerData } from 'node:worker_threads'
import { enterNamespace } from '../../native/namespaces.ts'
import { PacketWorker } from './packet-worker.ts'
import type { TunOptions } from './tun-options.ts'

export interface WorkerTask {
  readonly port: MessagePort
  /** An eventfd that tells of messages: the thread stands in poll and hears nothing else. */
  readonly wakeup: number
  /** One word: messages that the main thread has not taken yet. */
  readonly unheard: SharedArrayBuffer
  readonly options: TunOptions
}

const { port, wakeup, unheard, options } = workerData as WorkerTask
try {
  if (options.namespace !== undefined) enterNamespace(options.namespace)
  new PacketWorker(port, wakeup, new Int32Array(unheard), options).run()
} finally {
  port.close()
}
