// What goes between the agent and the process that has the system's Kerberos in it.
import type { KerberosAnswer, KerberosAsk, SessionId } from '../../keying/machine.ts'

export interface ToProcess {
  readonly number: number
  readonly session: SessionId
  readonly ask: KerberosAsk
}

export interface FromProcess {
  /** Of the question. */
  readonly number: number
  readonly answer: KerberosAnswer
}
