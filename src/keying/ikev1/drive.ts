// What moves a main mode SA: a message comes, the system's Kerberos answers, somebody wishes for a child. Here stand what holds
// for every message: pieces are put together, what comes again is answered again, what is sealed is opened, and what has no
// place in its state leads nowhere.
import { formatAddress, sameAddress } from '../../base/address.ts'
import { HEADER_LENGTH } from '../../wire/ike/header.ts'
import type { MessageHeader } from '../../wire/ike/message.ts'
import { bodiesOfV1, readMessageV1 } from '../../wire/ike/v1-message.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { firstTypeV1, type PayloadV1 } from '../../wire/ike/v1-payloads.ts'
import type { KerberosAnswer, Path, World } from '../machine.ts'
import { type Flight, isAnswerTo, markOf, sayAgain } from './flight.ts'
import { gather } from './fragments.ts'
import { deleteAnswered, toldBeforeProof, toldInClear } from './informational.ts'
import { kerberosAnswered } from './main-mode-kerberos.ts'
import type { Opening } from './main-mode-proof.ts'
import { type Driven, type ExchangeName, find, type Opened, unseal } from './opened.ts'
import { ivFor } from './phase-two.ts'
import { ignoredIn } from './sending.ts'
import { type Candidate, type Established, inState, isEstablished, type Session } from './session.ts'
import { told } from './told.ts'
import { exchangeTransitionFor, mainTransitionFor } from './transitions.ts'

/** `octets` from the IKE header on. */
export function receive(session: Session, octets: Uint8Array, path: Path, world: World): Driven {
  const read = readMessageV1(octets)
  if (!read.ok) return ignoredIn(session, path, `malformed: ${read.error.what}`)
  const message = read.value
  if (!isFromPeer(session, path)) {
    return ignoredIn(session, path, `its session is with ${formatAddress(session.path.remote.address)}`)
  }
  if (message.kind === 'clear') {
    const piece = find(message.payloads, 'fragment')
    if (piece !== undefined) return receivePiece(session, piece, path, world)
  }
  const mark = markOf(octets)
  const again = flightsOf(session, message.header.messageId).find(flight => isAnswerTo(flight, mark))
  // To the path that was proved, wherever this one claims to come from.
  if (again !== undefined) return { session, outputs: sayAgain(session, again, world) }
  const exchange = exchangeTypesV1.nameOf(message.header.exchange) as ExchangeName
  if (message.kind === 'clear') {
    const opened = openedInClear(message.header, message.payloads, octets, path, mark)
    return withFirst(
      told('received', session, message.header, message.payloads, path, false, world),
      inClear(session, exchange, opened, world),
    )
  }
  const { header, firstInside, sealed } = message
  if (header.messageId === 0) return sealedMain(session, exchange, { header, firstInside, sealed, path, mark }, world)
  return sealedLater(session, exchange, { header, firstInside, sealed, path, mark }, world)
}

/** Ports may change, by a NAT or when IKE moves to 4500; the address does not. */
function isFromPeer({ path }: Session, { local, remote }: Path): boolean {
  return sameAddress(path.local.address, local.address) && sameAddress(path.remote.address, remote.address)
}

function receivePiece(session: Session, piece: Parameters<typeof gather>[1], path: Path, world: World): Driven {
  const gathered = gather(session.gathered, piece, world.now, world.settings)
  const { gathered: _, ...rest } = session
  const next = { ...rest, support: { ...session.support, hasFragmented: true } }
  switch (gathered.kind) {
    case 'piece':
      return { session: { ...next, gathered: gathered.gathered }, outputs: [] }
    case 'refused':
      return ignoredIn(next, path, gathered.what)
    case 'whole': {
      const read = readMessageV1(gathered.octets)
      // A piece inside a piece would go on for ever.
      const isPiece = read.ok && read.value.kind === 'clear' && find(read.value.payloads, 'fragment') !== undefined
      return isPiece ? ignoredIn(next, path, 'a fragment of fragments') : receive(next, gathered.octets, path, world)
    }
  }
}

/** What was sent last, in main mode or in the exchange of that ID. */
function flightsOf({ state }: Session, messageId: number): readonly Flight[] {
  if (state.kind === 'established') {
    const exchange = state.exchanges.get(messageId)
    return messageId === 0 ? [state.last] : exchange?.flight === undefined ? [] : [exchange.flight]
  }
  return 'flight' in state ? [state.flight] : []
}

function openedInClear(
  header: MessageHeader,
  payloads: readonly PayloadV1[],
  octets: Uint8Array,
  path: Path,
  mark: Uint8Array,
): Opened {
  const content = octets.subarray(HEADER_LENGTH)
  return { header, payloads, bodies: bodiesOfV1(firstTypeV1(payloads), content), content, path, mark }
}

function inClear(session: Session, exchange: ExchangeName, message: Opened, world: World): Driven {
  if (exchange === 'informational') return toldInClear(session, message, world)
  const { kind } = session.state
  const row = mainTransitionFor(session, exchange)
  if (row === undefined || kind === 'key-answered' || kind === 'proof-sent') {
    return ignoredIn(session, message.path, `${exchange} in clear in the state ${kind}`)
  }
  return row.run(session, { message, openings: [] }, world)
}

interface Sealed {
  readonly header: MessageHeader
  readonly firstInside: number
  readonly sealed: Uint8Array
  readonly path: Path
  readonly mark: Uint8Array
}

function openedWith({ header, path, mark }: Sealed, unsealed: NonNullable<ReturnType<typeof unseal>>): Opened {
  const { payloads, bodies, content } = unsealed
  return { header, payloads, bodies, content, path, mark }
}

function sealedMain(session: Session, exchange: ExchangeName, sealed: Sealed, world: World): Driven {
  const { state } = session
  const row = mainTransitionFor(session, exchange)
  const candidates: readonly Candidate[] =
    state.kind === 'key-answered' ? state.candidates : state.kind === 'proof-sent' ? [{ secured: state.secured }] : []
  if (row === undefined || candidates.length === 0) {
    return ignoredIn(session, sealed.path, `${exchange} in the state ${state.kind}`)
  }
  const openings = candidates.flatMap((candidate): readonly Opening[] => {
    const { secured } = candidate
    const unsealed = unseal(secured, secured.iv, sealed.firstInside, sealed.sealed)
    return unsealed === undefined ? [] : [{ candidate, message: openedWith(sealed, unsealed), nextIv: unsealed.nextIv }]
  })
  const { header, path, mark } = sealed
  const bare: Opened = { header, path, mark, payloads: [], bodies: [], content: sealed.sealed }
  const first = openings[0]?.message ?? bare
  if (openings.length === 0 && state.kind === 'proof-sent') return ignoredIn(session, path, 'it cannot be opened')
  const driven = row.run(session, { message: first, openings }, world)
  return withFirst(told('received', session, header, first.payloads, path, true, world), driven)
}

function sealedLater(session: Session, exchange: ExchangeName, sealed: Sealed, world: World): Driven {
  const { header, path } = sealed
  const { messageId } = header
  const { state } = session
  if (state.kind === 'closing') {
    if (messageId !== state.messageId || exchange !== 'informational')
      return ignoredIn(session, path, 'its session is about to end')
    const unsealed = unseal(state.secured, state.iv, sealed.firstInside, sealed.sealed)
    if (unsealed === undefined) return ignoredIn(session, path, 'it cannot be opened')
    const message = { ...openedWith(sealed, unsealed), nextIv: unsealed.nextIv }
    return deleteAnswered(inState(session, state), state, message, world)
  }
  if (state.kind === 'proof-sent' && exchange === 'informational') {
    const unsealed = unseal(state.secured, ivFor(state.secured, messageId), sealed.firstInside, sealed.sealed)
    const message = unsealed && openedWith(sealed, unsealed)
    const first = told('received', session, header, message?.payloads ?? [], path, true, world)
    return withFirst(first, toldBeforeProof(inState(session, state), message, path, world))
  }
  if (!isEstablished(session)) return ignoredIn(session, path, `${exchange} in the state ${state.kind}`)
  const { secured, exchanges, used } = session.state
  const known = exchanges.get(messageId)
  if (known === undefined && used.has(messageId)) return ignoredIn(session, path, 'its message ID was used before')
  if (known === undefined && used.isFull) return ignoredIn(session, path, 'too many exchanges were under this session')
  const row = exchangeTransitionFor(known?.kind ?? 'new', exchange)
  if (row === undefined) return ignoredIn(session, path, whyNot(exchange, known?.kind))
  const iv = known !== undefined && 'iv' in known ? known.iv : ivFor(secured, messageId)
  const unsealed = unseal(secured, iv, sealed.firstInside, sealed.sealed)
  if (unsealed === undefined) return ignoredIn(session, path, 'it cannot be opened')
  const message = openedWith(sealed, unsealed)
  const driven = row.run(followed(session, path), { ...message, nextIv: unsealed.nextIv }, known, world)
  // What is not authentic changes nothing, the path above all.
  const isTaken = driven.session === undefined || driven.session.state !== session.state
  const first = told('received', session, header, message.payloads, path, true, world)
  return withFirst(first, isTaken ? driven : { ...driven, session })
}

function whyNot(exchange: ExchangeName, known: string | undefined): string {
  return exchange === 'new group mode'
    ? 'a group of its own, which this host does not take'
    : `${exchange} has no place ${known === undefined ? 'under a main mode' : `in the state ${known}`}`
}

/** Only who is not behind a NAT itself follows a peer whose NAT gave it another port; never to another address. */
function followed(session: Session<Established>, path: Path): Session<Established> {
  const { beforePeer, beforeUs } = session.state.nat
  const hasMoved = session.path.remote.port !== path.remote.port
  return beforePeer && !beforeUs && hasMoved && session.path.local.port === path.local.port
    ? { ...session, path }
    : session
}

function withFirst(first: Driven['outputs'], driven: Driven): Driven {
  return first.length === 0 ? driven : { ...driven, outputs: [...first, ...driven.outputs] }
}

/** The system's Kerberos says something to what the session asked. */
export function answered(session: Session, answer: KerberosAnswer, world: World): Driven {
  const { state } = session
  return state.kind === 'awaiting-kerberos'
    ? kerberosAnswered(inState(session, state), answer, world)
    : { session, outputs: [] }
}
