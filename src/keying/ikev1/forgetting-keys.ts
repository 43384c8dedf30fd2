// Keys that a session has no use for any more are overwritten: all of one that is gone, and of several that a peer might have
// meant those that it did not.
import { wipeSecrets } from '../../crypto/ike-keys.ts'
import { type Ike1Keys, wipeIke1Keys } from '../../crypto/ike1-keys.ts'
import type { Session } from './session.ts'

function keysOf({ state }: Session): ReadonlySet<Ike1Keys> {
  const keys = new Set<Ike1Keys>()
  if ('secured' in state) keys.add(state.secured.keys)
  if (state.kind === 'key-answered') for (const { secured } of state.candidates) keys.add(secured.keys)
  if (state.kind === 'awaiting-kerberos' && 'secured' in state.step) keys.add(state.step.secured.keys)
  return keys
}

/** `after` is what the session became; absent where nothing is left of it. */
export function forgetKeys(before: Session, after: Session | undefined): void {
  const kept = after === undefined ? new Set<Ike1Keys>() : keysOf(after)
  for (const keys of keysOf(before)) if (!kept.has(keys)) wipeIke1Keys(keys)
  if (after !== undefined) return
  const { state } = before
  if (state.kind === 'key-sent') state.exchange.close()
  if (state.kind === 'awaiting-kerberos' && state.step.kind === 'answer-token') wipeSecrets([state.step.shared])
  if (state.kind !== 'established') return
  for (const exchange of state.exchanges.values()) {
    if (exchange.kind === 'quick-sent') exchange.begun.exchange?.close()
  }
}
