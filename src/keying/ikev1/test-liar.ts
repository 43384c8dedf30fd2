// A peer of IKEv1 for tests that has the right keys and lies: it goes through the exchanges by the handlers of this folder, and
// what it says is changed before it is hashed and sealed, so that every hash is right.
import { type Address, parseAddress } from '../../base/address.ts'
import { concatenate } from '../../base/bytes.ts'
import { type Random, seededRandom } from '../../base/random.ts'
import { sealContent } from '../../crypto/ike1-envelope.ts'
import { closingHash, firstIv } from '../../crypto/ike1-keys.ts'
import { type CompiledPolicy, compile } from '../../policy/compile.ts'
import type { Policy } from '../../policy/model.ts'
import { HEADER_LENGTH } from '../../wire/ike/header.ts'
import type { MessageHeader } from '../../wire/ike/message.ts'
import { bodiesOfMessageV1, readMessageV1, writeInsideV1, writeMessageV1 } from '../../wire/ike/v1-message.ts'
import { exchangeTypesV1 } from '../../wire/ike/v1-numbers.ts'
import { bodyOfV1, type PayloadV1, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import type { ChildWish } from '../child-rule.ts'
import type { Credentials } from '../credentials.ts'
import { defaultKeyingSettings } from '../keying-settings.ts'
import type { Path, World } from '../machine.ts'
import { START_DATE, sharedSecret } from '../test-hosts.ts'
import { receive } from './drive.ts'
import { markOf } from './flight.ts'
import { answerSa, beginMainMode } from './main-mode.ts'
import { type Driven, find, headerOf } from './opened.ts'
import { firstHash, ivFor, secondHash } from './phase-two.ts'
import { proofHash } from './proof.ts'
import { beginQuickMode } from './quick-mode.ts'
import { inState, isEstablished, type Secured, type Session } from './session.ts'

/** What it would have said, without the HASH payload in front of what follows main mode. */
export interface Saying {
  readonly header: MessageHeader
  readonly payloads: readonly PayloadV1[]
}

export interface Lies {
  readonly payloads: (saying: Saying) => readonly PayloadV1[]
  /** Of the octets behind the HASH payload, or of all of main mode's: lengths may lie. */
  readonly octets: (content: Uint8Array) => Uint8Array
}

export const honest: Lies = { payloads: ({ payloads }) => payloads, octets: content => content }

const MAIN = exchangeTypesV1.of['main mode']
const QUICK = exchangeTypesV1.of['quick mode']

export class Liar {
  readonly address: Address
  session: Session | undefined
  lies: Lies = honest
  now = 0
  /** Messages that it has said. */
  said = 0
  readonly #path: Path
  readonly #policy: CompiledPolicy
  readonly #credentials: Credentials
  readonly #random: Random
  readonly #send: (path: Path, bytes: Uint8Array) => void
  /** The last block of ciphertext in each exchange. */
  readonly #blocks = new Map<number, Uint8Array>()
  /** Messages of each exchange so far, and the nonces in them. */
  readonly #counts = new Map<number, number>()
  readonly #nonces = new Map<number, Uint8Array[]>()

  constructor(
    address: string,
    victim: Address,
    policy: Policy,
    seed: number,
    send: (path: Path, bytes: Uint8Array) => void,
  ) {
    this.address = parseAddress(address)!
    this.#path = { local: { address: this.address, port: 500 }, remote: { address: victim, port: 500 } }
    this.#policy = compile(policy, { me: [this.address] })
    this.#credentials = sharedSecret(policy)
    this.#random = seededRandom(seed)
    this.#send = send
  }

  get world(): World {
    return {
      now: this.now,
      date: START_DATE + this.now,
      random: this.#random,
      policy: this.#policy,
      credentials: this.#credentials,
      settings: { ...defaultKeyingSettings, tellMessages: true },
      isSpiTaken: () => false,
    }
  }

  begins(wish: ChildWish): void {
    const begun = beginMainMode({ rule: wish.rule, wishes: [wish] }, this.#path, this.world)
    if (typeof begun === 'string') throw new Error(begun)
    this.#take(undefined, begun)
  }

  asksFor(wish: ChildWish): void {
    const { session } = this
    if (isEstablished(session)) this.#take(session, beginQuickMode(session, wish, undefined, this.world))
  }

  /** A message of its own making under the keys of main mode, where it has them. */
  tells(payloads: readonly PayloadV1[], messageId: number): void {
    const { session } = this
    if (!isEstablished(session)) return
    this.#say(session, session, { header: headerOf(session, 'informational', messageId, 1), payloads })
  }

  hears(bytes: Uint8Array, { local, remote }: Path): void {
    const read = readMessageV1(bytes)
    if (!read.ok) return
    const path = { local: remote, remote: local }
    const { header } = read.value
    const before = this.session
    if (read.value.kind === 'sealed') this.#note(header.messageId, bytes)
    if (before !== undefined) return this.#take(before, receive(before, bytes, path, this.world))
    if (read.value.kind !== 'clear') return
    const content = bytes.subarray(HEADER_LENGTH)
    const { payloads } = read.value
    const message = { header, payloads, bodies: bodiesOfMessageV1(bytes), content, path, mark: markOf(bytes) }
    this.#take(undefined, answerSa(message, this.world))
  }

  #note(messageId: number, bytes: Uint8Array): void {
    // Said again: it is the same message.
    if (this.#blocks.get(messageId)?.toHex() === bytes.slice(-16).toHex()) return
    this.#counts.set(messageId, (this.#counts.get(messageId) ?? 0) + 1)
    this.#blocks.set(messageId, bytes.slice(-16))
  }

  #take(before: Session | undefined, driven: Driven): void {
    this.session = driven.session
    for (const output of driven.outputs) {
      if (output.kind !== 'report' || output.event.kind !== 'message-v1') continue
      const { way, header, payloads } = output.event
      if (way === 'received') {
        const nonce = find(payloads, 'nonce')
        if (nonce !== undefined) this.#noncesOf(header.messageId).push(nonce.nonce)
      } else {
        const isHashed = header.messageId !== 0 && payloads[0]?.kind === 'hash'
        this.#say(before, this.session, { header, payloads: isHashed ? payloads.slice(1) : payloads })
      }
    }
  }

  #noncesOf(messageId: number): Uint8Array[] {
    const found = this.#nonces.get(messageId) ?? []
    this.#nonces.set(messageId, found)
    return found
  }

  #say(before: Session | undefined, session: Session | undefined, saying: Saying): void {
    const { header } = saying
    const { messageId } = header
    this.said++
    const payloads = this.lies.payloads(saying)
    const isSealed = (header.flags & 1) !== 0
    // The last word of a session that is gone: nobody waits for it.
    if (isSealed && session === undefined) return
    if (!isSealed || session === undefined) {
      const bytes = writeMessageV1({ kind: 'clear', header, payloads })
      return this.#send(this.#path, bytes)
    }
    const nonce = find(payloads, 'nonce')
    if (nonce !== undefined) this.#noncesOf(messageId).push(nonce.nonce)
    const { secured, first, content } =
      header.exchange === MAIN ? this.#proof(before, session, payloads) : this.#hashed(session, saying, payloads)
    const isNew = !this.#blocks.has(messageId)
    const iv = isNew ? (messageId === 0 ? secured.iv : ivFor(secured, messageId)) : this.#blocks.get(messageId)!
    const { sealed } = sealContent(secured.suite.cipher, secured.keys.cipher, iv, content)
    const bytes = writeMessageV1({ kind: 'sealed', header, firstInside: first, sealed })
    this.#note(messageId, bytes)
    this.session = withIv(session, messageId, bytes.slice(-16))
    this.#send(this.#path, bytes)
  }

  /** Messages 5 and 6: the hash is right for the identity that stands there. */
  #proof(before: Session | undefined, session: Session, payloads: readonly PayloadV1[]) {
    const known = before?.state.kind === 'key-answered' ? before.state : undefined
    const sent = session.state.kind === 'proof-sent' ? session.state : undefined
    const { main, exchanged } = (known ?? sent)!
    const secured: Secured =
      known === undefined
        ? { ...sent!.secured, iv: firstIv(sent!.secured.suite, exchanged.values) }
        : known.candidates[0]!.secured
    const identity = find(payloads, 'identification')
    const parts = { cookies: session.cookies, main, exchanged, secured }
    const hash = proofHash(session.role, parts, identity === undefined ? new Uint8Array(0) : bodyOfV1(identity))
    const right = payloads.map(one => (one.kind === 'hash' && one.hash.length === hash.length ? { ...one, hash } : one))
    const { first, content } = writeInsideV1(right)
    return { secured, first, content: this.lies.octets(content) }
  }

  #hashed(session: Session, { header }: Saying, payloads: readonly PayloadV1[]) {
    if (!('secured' in session.state)) throw new Error('no keys')
    const { secured } = session.state
    const { messageId, exchange } = header
    const { first, content } = writeInsideV1(payloads)
    const behind = this.lies.octets(content)
    const count = this.#counts.get(messageId) ?? 0
    const [initiator, responder] = this.#noncesOf(messageId)
    const hash =
      exchange === QUICK && count === 2 && initiator !== undefined && responder !== undefined
        ? closingHash(secured.suite, secured.keys, messageId, { initiator, responder })
        : count % 2 === 1 && initiator !== undefined
          ? secondHash(secured, messageId, initiator)(behind)
          : firstHash(secured, messageId)(behind)
    const front = writeInsideV1([payloadV1('hash', { hash })]).content.slice()
    // The type of what follows stands in the generic header in front.
    front[0] = first
    return { secured, first: 8, content: concatenate([front, behind]) }
  }
}

/** What the peer's next message is opened with, since what was sealed is not what the handler sealed. */
function withIv(session: Session, messageId: number, iv: Uint8Array): Session {
  const { state } = session
  if (messageId === 0) {
    return state.kind === 'proof-sent' || state.kind === 'established'
      ? ({ ...session, state: { ...state, secured: { ...state.secured, iv } } } as Session)
      : session
  }
  if (!isEstablished(session)) return session
  const exchange = session.state.exchanges.get(messageId)
  if (exchange === undefined || !('iv' in exchange)) return session
  const exchanges = new Map(session.state.exchanges).set(messageId, { ...exchange, iv })
  return inState(session, { ...session.state, exchanges })
}
