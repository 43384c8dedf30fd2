// Everything that can happen to a main mode SA by a message, as a table: in which state, which exchange, what then. Table order
// is search order. docs/ikev1-states.md is printed from it. After main mode it is the state of the exchange that counts, by its
// message ID; "new" stands for one that has not been seen.
import type { KeyingOutput, World } from '../machine.ts'
import { answerInformational, deleteAnswered } from './informational.ts'
import { answerKeys, keysAnswered, saAnswered } from './main-mode.ts'
import { answerProof, type Opening, proofAnswered } from './main-mode-proof.ts'
import type { Driven, ExchangeName, Opened } from './opened.ts'
import { answerQuickMode, quickModeAnswered, quickModeConfirmed, quickModeConnected } from './quick-mode.ts'
import type { Established, Exchange, ExchangeKind, Session, StateKind } from './session.ts'

export interface MainTransition {
  /** What happens, in a sentence. */
  readonly story: string
  readonly from: StateKind
  readonly exchange: ExchangeName
  /** What the session can be afterwards. */
  readonly to: readonly (StateKind | 'gone')[]
  readonly run: (session: Session, arrived: Arrived, world: World) => Driven
}

/** A message of main mode: in clear, or under each key that may be meant. */
export interface Arrived {
  readonly message: Opened
  readonly openings: readonly Opening[]
}

export interface ExchangeTransition {
  readonly story: string
  readonly from: ExchangeKind | 'new'
  readonly exchange: ExchangeName
  readonly to: readonly (ExchangeKind | 'gone')[]
  readonly run: (
    session: Session<Established>,
    message: Opened & { readonly nextIv: Uint8Array },
    exchange: Exchange | undefined,
    world: World,
  ) => Driven
}

type In<K extends StateKind> = Session<Extract<Session['state'], { readonly kind: K }>>

function main<K extends StateKind>(
  from: K,
  to: MainTransition['to'],
  story: string,
  run: (session: In<K>, arrived: Arrived, world: World) => Driven,
): MainTransition {
  return { story, from, exchange: 'main mode', to, run: run as MainTransition['run'] }
}

export const mainTransitions: readonly MainTransition[] = [
  main(
    'sa-sent',
    ['sa-sent', 'key-sent', 'awaiting-kerberos', 'gone'],
    'The peer has chosen; public values go',
    (session, { message }, world) => saAnswered(session, message, world),
  ),
  main(
    'sa-answered',
    ['sa-answered', 'key-answered', 'awaiting-kerberos'],
    'A public value comes, ours goes',
    (session, { message }, world) => answerKeys(session, message, world),
  ),
  main(
    'key-sent',
    ['key-sent', 'proof-sent', 'awaiting-kerberos'],
    "The peer's public value comes; we prove who we are",
    (session, { message }, world) => keysAnswered(session, message, world),
  ),
  main(
    'key-answered',
    ['key-answered', 'established', 'awaiting-kerberos'],
    'The peer proves who it is, and so do we',
    (session, { message, openings }, world) => answerProof(session, openings, message.path, world),
  ),
  main(
    'proof-sent',
    ['established', 'awaiting-kerberos', 'gone'],
    'The peer proves who it is, too',
    (session, { openings }, world) => {
      const [opening] = openings
      return opening === undefined
        ? { session, outputs: [] as readonly KeyingOutput[] }
        : proofAnswered(session, { ...opening.message, nextIv: opening.nextIv }, world)
    },
  ),
]

type ExchangeOf<K extends ExchangeKind> = Extract<Exchange, { readonly kind: K }>
type Message = Opened & { readonly nextIv: Uint8Array }

function under<K extends ExchangeKind>(
  from: K,
  exchange: ExchangeName,
  to: ExchangeTransition['to'],
  story: string,
  run: (session: Session<Established>, exchange: ExchangeOf<K>, message: Message, world: World) => Driven,
): ExchangeTransition {
  return {
    story,
    from,
    exchange,
    to,
    run: (session, message, one, world) => run(session, one as ExchangeOf<K>, message, world),
  }
}

function fresh(
  exchange: ExchangeName,
  to: ExchangeTransition['to'],
  story: string,
  run: (session: Session<Established>, message: Message, world: World) => Driven,
): ExchangeTransition {
  return { story, from: 'new', exchange, to, run: (session, message, _, world) => run(session, message, world) }
}

export const exchangeTransitions: readonly ExchangeTransition[] = [
  fresh(
    'quick mode',
    ['quick-answered', 'gone'],
    'The peer asks for associations; we receive from now on',
    answerQuickMode,
  ),
  fresh(
    'informational',
    ['over', 'gone'],
    'The peer deletes, tells, or asks whether we are there',
    answerInformational,
  ),
  under(
    'quick-sent',
    'quick mode',
    ['quick-connecting', 'over'],
    'Our wish is answered; we receive, and send a moment later',
    quickModeAnswered,
  ),
  under('quick-answered', 'quick mode', ['over'], 'The peer has what it asked for; we send', quickModeConfirmed),
  under('quick-connecting', 'quick mode', ['over'], 'The peer says CONNECTED; we send', quickModeConnected),
  under('quick-connecting', 'informational', ['over'], 'The same in an informational exchange', quickModeConnected),
  under('told', 'informational', ['over'], 'A Windows answers our delete', deleteAnswered),
]

export function mainTransitionFor(session: Session, exchange: ExchangeName): MainTransition | undefined {
  return mainTransitions.find(one => one.from === session.state.kind && one.exchange === exchange)
}

export function exchangeTransitionFor(
  from: ExchangeTransition['from'],
  exchange: ExchangeName,
): ExchangeTransition | undefined {
  return exchangeTransitions.find(one => one.from === from && one.exchange === exchange)
}
