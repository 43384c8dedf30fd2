// What a session has to do when its time comes, without any message: renew itself, ask a silent peer, keep a NAT's mapping,
// let go of what is over. Requests only go into the queue; wake.ts begins them where nothing is outstanding.
import { wipeSecrets } from '../../crypto/ike-keys.ts'
import type { Instant, KeyingOutput, World } from '../machine.ts'
import { sessionDeletion } from './established.ts'
import type { Child, Established, Intention, Replaced, Session, State } from './session.ts'
import type { Step } from './step.ts'

/**
 * Seconds that a session may stand without a child: as long as Windows keeps a main mode without quick modes is hours,
 * which keeps keys for nobody; ten minutes still spare most hosts that speak again a new authentication.
 */
const CHILDLESS = 600
/** Seconds that further key exchanges of the peer are waited for. */
const FOLLOW_UP = 60
/** RFC 3948 §2.3. */
const KEEPALIVE = 0xff

interface Duty {
  readonly at: (session: Session<Established>) => Instant | undefined
  readonly do: (session: Session<Established>, world: World) => Done
}

interface Done {
  readonly state: Established
  readonly outputs: readonly KeyingOutput[]
}

const established: readonly Duty[] = [
  {
    at: ({ state }) => (wants(state, 'delete-session') ? undefined : state.expiresAt),
    do: ({ state }) => urgent(state, { kind: 'delete-session', why: 'its lifetime is over' }),
  },
  {
    at: ({ state }) =>
      state.childlessSince === undefined || wants(state, 'delete-session') || wants(state, 'make-child')
        ? undefined
        : state.childlessSince + CHILDLESS,
    do: ({ state }) => urgent(state, { kind: 'delete-session', why: 'it has had no child for a long while' }),
  },
  {
    at: ({ state }) => (state.rekeyAt < state.expiresAt ? state.rekeyAt : undefined),
    // Begun once; who fails sets another time.
    do: ({ state }) => {
      const isPointless = wants(state, 'rekey-session') || state.peerRekey !== undefined
      const queue: readonly Intention[] = isPointless ? state.queue : [...state.queue, { kind: 'rekey-session' }]
      return { state: { ...state, rekeyAt: state.expiresAt, queue }, outputs: [] }
    },
  },
  {
    // A request that is outstanding asks as well.
    at: ({ state, window }) => {
      const { liveness } = state.rhythm
      const isAsking = window.outstanding !== undefined || state.queue.length > 0
      return liveness === 0 || isAsking ? undefined : state.heardAt + liveness
    },
    do: ({ state }) => ({ state: { ...state, queue: [...state.queue, { kind: 'ask-whether-alive' }] }, outputs: [] }),
  },
  {
    at: ({ state }) => {
      const times = state.children.flatMap(child => (child.standing === 'gone' ? [child.removeAt ?? 0] : []))
      return times.length === 0 ? undefined : Math.min(...times)
    },
    do: ({ state }, { now }) => {
      const over = state.children.filter(({ standing, removeAt = 0 }) => standing === 'gone' && removeAt <= now)
      const children = state.children.filter(child => !over.includes(child))
      return { state: { ...state, children }, outputs: [{ kind: 'remove', names: over.map(({ name }) => name) }] }
    },
  },
  {
    at: ({ state }) => (state.followUp === undefined ? undefined : state.followUp.since + FOLLOW_UP),
    do: ({ state: { followUp, ...state } }) => {
      wipeSecrets(followUp?.shared ?? [])
      return { state, outputs: [] }
    },
  },
  {
    // Packets follow the peer's port only by keys of their own: its NAT drops what goes to the old one.
    at: ({ state: { moved } }) => (moved === undefined || moved.isDone === true ? undefined : moved.renewAt),
    do: ({ state }, { now }) => {
      const { at } = state.moved!
      const stale = state.children.filter(one => one.standing === 'used' && one.protocol === 'esp' && one.since < at)
      const isAsked = ({ name }: Child) => state.queue.some(one => one.kind === 'rekey-child' && one.name === name)
      const wanted = stale.filter(child => !isAsked(child))
      const queue = [...state.queue, ...wanted.map(({ name }) => ({ kind: 'rekey-child', name }) as const)]
      return { state: { ...state, queue, moved: { at, renewAt: now, isDone: true } }, outputs: [] }
    },
  },
  {
    // Whoever is behind the NAT keeps its mapping alive (RFC 3948 §4).
    at: ({ state: { nat, saidAt, rhythm } }) => (nat.beforeUs ? saidAt + rhythm.keepalive : undefined),
    do: ({ state, path }, { now }) => ({
      state: { ...state, saidAt: now },
      outputs: [{ kind: 'send', path, bytes: Uint8Array.of(KEEPALIVE) }],
    }),
  },
]

function wants({ queue }: Established, kind: Intention['kind']): boolean {
  return queue.some(one => one.kind === kind)
}

/** Before all else, and whatever pause was asked for. */
function urgent({ notBefore: _, ...state }: Established, intention: Intention): Done {
  return { state: { ...state, queue: [intention, ...state.queue] }, outputs: [] }
}

/** When `duties` has something to do; undefined where only a message or a wish can change anything. */
export function dutyAt(session: Session): Instant | undefined {
  if (isIn(session, 'established')) {
    const times = established.map(duty => duty.at(session)).filter(time => time !== undefined)
    return times.length === 0 ? undefined : Math.min(...times)
  }
  if (isIn(session, 'replaced')) return mayDelete(session) ? session.state.closesAt : undefined
  return isIn(session, 'closed') ? session.state.until : undefined
}

function isIn<K extends State['kind']>(
  session: Session,
  kind: K,
): session is Session<Extract<State, { readonly kind: K }>> {
  return session.state.kind === kind
}

/** The peer's turn is over. */
function mayDelete({ state, window }: Session<Replaced>): boolean {
  return state.isDeleting !== true && window.outstanding === undefined
}

/** What is due now; undefined where nothing is. */
export function duties(session: Session, world: World): Step | undefined {
  const at = dutyAt(session)
  if (at === undefined || world.now < at) return undefined
  if (isIn(session, 'replaced')) {
    const next = { ...session, state: { ...session.state, isDeleting: true } as const }
    return { session: next, request: { exchange: 'INFORMATIONAL', payloads: [sessionDeletion()] }, outputs: [] }
  }
  if (!isIn(session, 'established')) return { session: undefined, outputs: [] }
  let current = session
  const outputs: KeyingOutput[] = []
  for (const duty of established) {
    const due = duty.at(current)
    if (due === undefined || world.now < due) continue
    const done = duty.do(current, world)
    current = { ...current, state: done.state }
    outputs.push(...done.outputs)
  }
  return { session: current, outputs }
}
