// Who may begin a session with this host, and at what price: nothing as long as few try; a cookie, which proves the address,
// when many do (RFC 7296 §2.6), whether they stay half open or are refused; and never more than some at once. All of it before a key is exchanged or a word believed.
import { FROM_INITIATOR, type IkeHeader, isFromInitiator, isResponse, RESPONSE } from '../../wire/ike/header.ts'
import { IKE_VERSION_2, type MessageHeader, readHeader, writeMessage } from '../../wire/ike/message.ts'
import { notification } from '../../wire/ike/notify.ts'
import { exchangeTypes } from '../../wire/ike/numbers.ts'
import type { Payload } from '../../wire/ike/v2-payloads.ts'
import { NAT_TRAVERSAL_PORT } from '../../wire/udp-encapsulation.ts'
import { MARKER_BYTES, withMarker } from '../first-look.ts'
import type { HalfOpen } from '../half-open.ts'
import { type KeyingOutput, type Path, report, type SessionId, type World } from '../machine.ts'
import { RateLimit } from '../rate-limit.ts'
import { CookieJar, cookieAnswer } from './cookies.ts'

export type Entry =
  | { readonly kind: 'enters'; readonly insteadOf?: SessionId }
  | { readonly kind: 'turned-away'; readonly outputs: readonly KeyingOutput[] }

/** Answers to other versions and to messages of no session, a second and at once: they are sent to addresses that nobody has proved. */
const ANSWERED = [5, 20] as const

/** What is asked of the world before anything is done for a stranger. */
export type StrangersWorld = Pick<World, 'now' | 'random' | 'settings'>

export class Strangers {
  readonly #cookies = new CookieJar()
  readonly #otherVersions = new RateLimit(...ANSWERED)
  readonly #noSessions = new RateLimit(...ANSWERED)
  #free: { readonly from: number; readonly limit: RateLimit } | undefined

  /**
   * The answer for a first message that has to bring a cookie and does not; undefined where it may be looked at. `octets`
   * from the IKE header on. A flood of them costs a hash each and nothing else.
   */
  askForCookie(
    octets: Uint8Array,
    path: Path,
    halfOpen: number,
    world: StrangersWorld,
  ): readonly KeyingOutput[] | undefined {
    const { settings, now } = world
    // Who is refused leaves nothing half open, and has cost a key exchange perhaps.
    if (halfOpen < settings.halfOpen.cookiesFrom && this.#mayComeFreely(world)) return undefined
    const request = { octets, address: path.remote.address }
    if (this.#cookies.accepts(request, now)) return undefined
    const cookie = this.#cookies.make(request, now, world.random)
    const ahead = path.local.port === NAT_TRAVERSAL_PORT ? MARKER_BYTES : 0
    const sent: KeyingOutput = { kind: 'send', path, bytes: cookieAnswer(octets, cookie, ahead) }
    if (!settings.tellMessages) return [sent]
    const header = readHeader(octets)
    return header.ok ? [told(headerFor(header.value), [notification('COOKIE', { cookie })], path), sent] : [sent]
  }

  /** For a message whose header has no SPI of ours, once it needs no cookie or has brought one. */
  judge(header: IkeHeader, path: Path, halfOpen: HalfOpen, { now, settings }: StrangersWorld): Entry {
    const { exchange, messageId, initiatorSpi } = header
    const isFirst = exchange === exchangeTypes.of.IKE_SA_INIT && !isResponse(header) && messageId === 0
    if (!isFirst || initiatorSpi === 0n) return turnedAway(path, 'a message of no session that begins none')
    const admission = halfOpen.admit(path.remote.address, now, settings)
    if (admission.kind === 'too-many') return turnedAway(path, admission.what)
    return admission.kind === 'welcome' ? { kind: 'enters' } : { kind: 'enters', insteadOf: admission.id }
  }

  /** As many in a second as may be half open at once. */
  #mayComeFreely({ now, settings }: StrangersWorld): boolean {
    const { cookiesFrom } = settings.halfOpen
    if (this.#free?.from !== cookiesFrom)
      this.#free = { from: cookiesFrom, limit: new RateLimit(cookiesFrom, cookiesFrom) }
    return this.#free.limit.allows(now)
  }

  /** RFC 7296 §2.5: a higher version is told which one is known here, so that it can speak that. */
  otherVersion(header: IkeHeader, path: Path, world: StrangersWorld): readonly KeyingOutput[] {
    const { major } = header.version
    if (major <= IKE_VERSION_2.major || isResponse(header) || !this.#otherVersions.allows(world.now)) return []
    return answer(header, [notification('INVALID_MAJOR_VERSION', {})], path, world)
  }

  /** RFC 7296 §2.21.4: whoever still asks under a session that this host has lost need not wait until it gives up. */
  noSession(header: IkeHeader, path: Path, world: StrangersWorld): readonly KeyingOutput[] {
    const isOfSession = header.initiatorSpi !== 0n && header.responderSpi !== 0n
    const isAsking = isOfSession && !isResponse(header) && header.exchange !== exchangeTypes.of.IKE_SA_INIT
    if (!isAsking || !this.#noSessions.allows(world.now)) return []
    return answer(header, [notification('INVALID_IKE_SPI', {})], path, world)
  }
}

function turnedAway(path: Path, what: string): Entry {
  return { kind: 'turned-away', outputs: [report({ kind: 'ignored', path, what, peer: path.remote.address })] }
}

/** In clear, and nothing is remembered of it. */
function answer(
  asked: IkeHeader,
  payloads: readonly Payload[],
  path: Path,
  { settings }: StrangersWorld,
): readonly KeyingOutput[] {
  const header = headerFor(asked)
  const bytes = withMarker(path, writeMessage({ header, payloads }))
  const sent: KeyingOutput = { kind: 'send', path, bytes }
  return settings.tellMessages ? [told(header, payloads, path), sent] : [sent]
}

function headerFor(asked: IkeHeader): MessageHeader {
  const { initiatorSpi, responderSpi, exchange, messageId } = asked
  const flags = isFromInitiator(asked) ? RESPONSE : RESPONSE | FROM_INITIATOR
  return { initiatorSpi, responderSpi, version: IKE_VERSION_2, exchange, flags, messageId }
}

function told(header: MessageHeader, payloads: readonly Payload[], path: Path): KeyingOutput {
  const about = { path, header, payloads, isSealed: false, again: 0, peer: path.remote.address }
  return report({ kind: 'message', way: 'sent', ...about })
}
