// For tests: a worker that stands in poll until its eventfd wakes it, then says so.
import { parentPort, workerData } from 'node:worker_threads'
import { Arena } from './arena.ts'
import { PollSet, READABLE, takeWakeup } from './readiness.ts'

const { fd } = workerData as { fd: number }
const polled = new PollSet(new Arena(65536))
const wake = polled.add(fd, READABLE)
parentPort?.postMessage('waiting')
const ready = polled.wait(10_000)
parentPort?.postMessage({ ready, happened: polled.happened(wake), woken: takeWakeup(fd), again: takeWakeup(fd) })
