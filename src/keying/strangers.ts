// Who may begin a session with this host, and at what price: nothing as long as few try; a cookie, which proves the address,
// when many do (RFC 7296 §2.6), whether they stay half open or are refused; and never more than some at once. All of it before a key is exchanged or a word believed.
import { type IkeHeader, isResponse, RESPONSE } from '../wire/ike/header.ts'
import { IKE_VERSION_2, writeMessage } from '../wire/ike/message.ts'
import { notification } from '../wire/ike/notify.ts'
import { exchangeTypes } from '../wire/ike/numbers.ts'
import type { Payload } from '../wire/ike/v2-payloads.ts'
import { CookieJar, readFirstRequest } from './cookies.ts'
import type { HalfOpen } from './half-open.ts'
import { withMarker } from './ikev2/envelope.ts'
import { type KeyingOutput, type Path, report, type SessionId, type World } from './machine.ts'
import { RateLimit } from './rate-limit.ts'

export type Entry =
  | { readonly kind: 'enters'; readonly insteadOf?: SessionId }
  | { readonly kind: 'turned-away'; readonly outputs: readonly KeyingOutput[] }

/** Answers to other versions, a second and at once: they are sent to addresses that nobody has proved. */
const OTHER_VERSIONS = [5, 20] as const

export class Strangers {
  readonly #cookies = new CookieJar()
  readonly #otherVersions = new RateLimit(...OTHER_VERSIONS)
  #free: { readonly from: number; readonly limit: RateLimit } | undefined

  /** For a message whose header has no SPI of ours. */
  judge(header: IkeHeader, octets: Uint8Array, path: Path, halfOpen: HalfOpen, world: World): Entry {
    const { exchange, messageId, initiatorSpi } = header
    const isFirst = exchange === exchangeTypes.of.IKE_SA_INIT && !isResponse(header) && messageId === 0
    if (!isFirst || initiatorSpi === 0n) return turnedAway(path, 'a message of no session that begins none')
    const { address } = path.remote
    const { settings } = world
    // Who is refused leaves nothing half open, and has cost a key exchange perhaps.
    if (halfOpen.count >= settings.halfOpen.cookiesFrom || !this.#mayComeFreely(world)) {
      const asked = this.#askForCookie(header, octets, path, world)
      if (asked !== undefined) return asked
    }
    const admission = halfOpen.admit(address, world.now, settings)
    if (admission.kind === 'too-many') return turnedAway(path, admission.what)
    return admission.kind === 'welcome' ? { kind: 'enters' } : { kind: 'enters', insteadOf: admission.id }
  }

  /** As many in a second as may be half open at once. */
  #mayComeFreely({ now, settings }: World): boolean {
    const { cookiesFrom } = settings.halfOpen
    if (this.#free?.from !== cookiesFrom)
      this.#free = { from: cookiesFrom, limit: new RateLimit(cookiesFrom, cookiesFrom) }
    return this.#free.limit.allows(now)
  }

  /** Undefined for who has brought one. */
  #askForCookie(header: IkeHeader, octets: Uint8Array, path: Path, world: World): Entry | undefined {
    const { cookie: brought, content } = readFirstRequest(octets)
    const claim = { content, address: path.remote.address, initiatorSpi: header.initiatorSpi }
    if (brought !== undefined && this.#cookies.accepts(brought, claim, world.now)) return undefined
    const cookie = this.#cookies.make(claim, world.now, world.random)
    return { kind: 'turned-away', outputs: answer(header, [notification('COOKIE', { cookie })], path, world) }
  }

  /** RFC 7296 §2.5: a higher version is told which one is known here, so that it can speak that. */
  otherVersion(header: IkeHeader, path: Path, world: World): readonly KeyingOutput[] {
    const { major } = header.version
    if (major <= IKE_VERSION_2.major || isResponse(header) || !this.#otherVersions.allows(world.now)) return []
    return answer(header, [notification('INVALID_MAJOR_VERSION', {})], path, world)
  }
}

function turnedAway(path: Path, what: string): Entry {
  return { kind: 'turned-away', outputs: [report({ kind: 'ignored', path, what, peer: path.remote.address })] }
}

/** In clear, and nothing is remembered of it. */
function answer(
  { initiatorSpi, responderSpi, exchange, messageId }: IkeHeader,
  payloads: readonly Payload[],
  path: Path,
  { settings }: World,
): readonly KeyingOutput[] {
  const header = { initiatorSpi, responderSpi, version: IKE_VERSION_2, exchange, flags: RESPONSE, messageId }
  const bytes = withMarker(path, writeMessage({ header, payloads }))
  const sent: KeyingOutput = { kind: 'send', path, bytes }
  if (!settings.tellMessages) return [sent]
  const about = { path, header, payloads, isSealed: false, again: 0, peer: path.remote.address }
  return [report({ kind: 'message', way: 'sent', ...about }), sent]
}
