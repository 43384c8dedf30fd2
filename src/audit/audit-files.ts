// Audits several captures at once, each in a worker thread, as many as there are cores. A capture that cannot be opened
// fails alone.
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Me } from '../policy/filter.ts'
import type { Policy } from '../policy/model.ts'
import type { CapturePointOption } from './capture-point.ts'
import type { KeyText } from './key-file.ts'
import type { AuditReport } from './report.ts'

export interface WorkerSettings {
  /** Without secrets: threads get a plain copy. */
  readonly policy: Policy | undefined
  readonly me: Me
  readonly capturePoint: CapturePointOption
  readonly seed: number
  /** See AuditFileOptions. */
  readonly forPage?: boolean
  /** As they stand in their files: a thread gets plain values. */
  readonly keyTexts?: readonly KeyText[] | undefined
}

export type WorkerAnswer =
  | { readonly kind: 'progress'; readonly index: number; readonly done: number }
  | { readonly kind: 'report'; readonly index: number; readonly report: AuditReport }
  | { readonly kind: 'failed'; readonly index: number; readonly message: string }

export type FileOutcome =
  | { readonly ok: true; readonly report: AuditReport }
  | { readonly ok: false; readonly message: string }

/** Answers in the order of the files. `progress` gets octets read so far in all files together. */
export async function auditFiles(
  files: readonly string[],
  settings: WorkerSettings,
  progress: (done: number) => void = () => {},
): Promise<readonly FileOutcome[]> {
  const { policy } = settings
  const plain = { ...settings, policy: policy === undefined ? undefined : withoutSecrets(policy) }
  const outcomes: FileOutcome[] = []
  const done = files.map(() => 0)
  let next = 0
  const workers = Math.min(files.length, availableParallelism())
  await Promise.all(
    Array.from({ length: workers }, () => {
      return new Promise<void>((resolve, reject) => {
        const worker = new Worker(new URL('./audit-worker.ts', import.meta.url), { workerData: plain })
        const give = () => {
          const index = next++
          if (index < files.length) worker.postMessage({ index, file: files[index]! })
          else void worker.terminate().then(() => resolve())
        }
        worker.on('message', (answer: WorkerAnswer) => {
          if (answer.kind === 'progress') {
            done[answer.index] = answer.done
            progress(done.reduce((sum, bytes) => sum + bytes, 0))
            return
          }
          outcomes[answer.index] =
            answer.kind === 'report' ? { ok: true, report: answer.report } : { ok: false, message: answer.message }
          give()
        })
        worker.on('error', reject)
        give()
      })
    }),
  )
  return outcomes
}

function withoutSecrets(policy: Policy): Policy {
  return { ...policy, keys: [], rules: policy.rules.map(rule => ({ ...rule, authentication: [] })) }
}
