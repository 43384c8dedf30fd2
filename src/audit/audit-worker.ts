// One worker thread of an audit of several captures: takes file names, answers reports. audit-files.ts gives it work.
import { parentPort, workerData } from 'node:worker_threads'
import { compile } from '../policy/compile.ts'
import { auditFile } from './audit-file.ts'
import type { WorkerAnswer, WorkerSettings } from './audit-files.ts'
import { readKeyText } from './key-file.ts'

const port = parentPort!
const settings = workerData as WorkerSettings
const { capturePoint, seed, forPage = false } = settings
const keys = settings.keyTexts?.flatMap(text => readKeyText(text).keys)
const policy = settings.policy === undefined ? undefined : compile(settings.policy, { me: settings.me })

port.on('message', async ({ index, file }: { index: number; file: string }) => {
  const answer = (value: WorkerAnswer) => port.postMessage(value)
  let told = 0
  const progress = (done: number) => {
    // Told every 64 MiB: a message costs more than reading a small piece.
    if (done - told < 64 * 1024 * 1024) return
    told = done
    answer({ kind: 'progress', index, done })
  }
  try {
    const options = {
      capturePoint,
      seed,
      forPage,
      progress,
      ...(policy === undefined ? {} : { policy }),
      ...(keys === undefined ? {} : { keys }),
    }
    answer({ kind: 'report', index, report: await auditFile(file, options) })
  } catch (error) {
    answer({ kind: 'failed', index, message: error instanceof Error ? error.message : String(error) })
  }
})
