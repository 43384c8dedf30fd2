// What of the sessions and children of IKEv1 a new policy, or new credentials, no longer allow.
import type { CompiledPolicy } from '../../policy/compile.ts'
import { wantsEspInUdp } from '../candidates.ts'
import type { World } from '../machine.ts'
import { keyedRule, sameCredential, staysAllowed } from '../policy-change.ts'
import { type Child, isSamePeer } from './children.ts'
import type { Driven } from './opened.ts'
import { peerOf } from './quick-agreement.ts'
import { inState, isEstablished, type Session, wishesOf } from './session.ts'

export type Verdict =
  | { readonly kind: 'ends'; readonly why: string; readonly ending: readonly Child[] }
  | {
      readonly kind: 'stays'
      readonly why: string
      readonly ending: readonly Child[]
      /** With credentials as the new policy has them. */
      readonly refresh: (session: Session) => Driven
    }

export function judgePolicy(session: Session, all: readonly Child[], before: CompiledPolicy, world: World): Verdict {
  const { policy: after, credentials } = world
  if (!isEstablished(session)) {
    const rules = [session.rule, ...wishesOf(session).map(({ rule }) => rule)]
    const isAllowed = (name: string) =>
      keyedRule(after.policy, name)?.keying.includes('ikev1') === true && credentials.of(name).length > 0
    const ends = session.state.kind !== 'closing' && !rules.every(isAllowed)
    return ends
      ? { kind: 'ends', why: 'the policy changed', ending: [] }
      : stays([], session => ({ session, outputs: [] }))
  }
  const { state, path } = session
  const change = { before, after, credentials }
  const children = all.filter(one => isSamePeer(one.peer, peerOf(session)))
  const credential = sameCredential(state.peer.credential, change)
  const own = sameCredential(state.own.credential, change)
  if (credential === undefined || own === undefined) {
    const what = credential === undefined ? 'its peer was judged by' : 'this host proved itself with'
    return { kind: 'ends', why: `the policy no longer has what ${what}`, ending: children }
  }
  if (wantsEspInUdp(before, path, 'ikev1') !== wantsEspInUdp(after, path, 'ikev1')) {
    return { kind: 'ends', why: 'the policy wants ESP in another form', ending: children }
  }
  const isKept = (child: Child) =>
    keyedRule(after.policy, child.rule)?.keying.includes('ikev1') === true && staysAllowed(child, credential, change)
  const ending = children.filter(child => !isKept(child))
  if (ending.length > 0 && ending.length === children.length) {
    return { kind: 'ends', why: 'the policy no longer has the rules that it was for', ending }
  }
  return stays(ending, now =>
    isEstablished(now)
      ? {
          session: inState(now, {
            ...now.state,
            own: { ...now.state.own, credential: own },
            peer: { ...now.state.peer, credential },
          }),
          outputs: [],
        }
      : { session: now, outputs: [] },
  )
}

function stays(ending: readonly Child[], refresh: (session: Session) => Driven): Verdict {
  return { kind: 'stays', why: 'the policy no longer has its rule', ending, refresh }
}
