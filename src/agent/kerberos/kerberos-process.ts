// The process that has the system's Kerberos in it, started by kerberos-service.ts. What C does there cannot hold up or bring
// down the agent: it reads tokens of strangers, and waits for key centres in threads that nobody can stop.
import { gssapi } from '../../native/gssapi.ts'
import { KerberosContexts } from './kerberos-contexts.ts'
import type { FromProcess, ToProcess } from './kerberos-messages.ts'

const gss = gssapi()
const contexts = typeof gss === 'string' ? undefined : new KerberosContexts(gss)

function answer(message: FromProcess): void {
  // Nobody is there any more when this fails, and then this process ends too.
  process.send?.(message, () => {})
}

process.on('message', ({ number, session, ask }: ToProcess) => {
  if (contexts === undefined) return answer({ number, answer: { kind: 'failed', what: String(gss) } })
  void contexts.ask(session, ask).then(said => {
    if (said !== undefined) answer({ number, answer: said })
  })
})
process.on('disconnect', () => process.exit(0))
// A terminal's signal goes to all of its processes: the agent says when this one ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
