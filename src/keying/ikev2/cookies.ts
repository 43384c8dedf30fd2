// Cookies (RFC 7296 §2.6): who has to send one back has its address proved before this host computes or keeps anything for
// it. A cookie is a keyed hash of what the request repeats, so nothing is remembered of those that were asked. One costs a
// microsecond or two, since a flood of strangers is answered with nothing else.
import { hash } from 'node:crypto'
import type { Address } from '../../base/address.ts'
import type { Random } from '../../base/random.ts'
import { isEqual, writeWord } from '../../crypto/octets.ts'
import { HEADER_LENGTH, RESPONSE } from '../../wire/ike/header.ts'
import { IKE_VERSION_2 } from '../../wire/ike/message.ts'
import { notifyStatuses } from '../../wire/ike/notify-numbers.ts'
import { exchangeTypes, payloadTypes } from '../../wire/ike/numbers.ts'
import type { Instant } from '../machine.ts'

/** An IKE_SA_INIT request, and where it claims to come from. */
export interface FirstRequest {
  readonly address: Address
  /** All of it, from the IKE header on. */
  readonly octets: Uint8Array
}

/** Seconds that a secret makes cookies; for as long again it is still recognised. */
const SECRET_LASTS = 60
const SECRET_BYTES = 32
const HASH_BYTES = 16
/** One octet says which secret, the rest is the hash. */
export const COOKIE_BYTES = 1 + HASH_BYTES
const COOKIE = notifyStatuses.of.COOKIE
/** Generic payload header, then protocol, size of the SPI and type (RFC 7296 §3.10). */
const NOTIFY_HEADER = 8
const FIRST_PAYLOAD_AT = 16
const SPI_BYTES = 8

interface CookieSecret {
  readonly number: number
  readonly octets: Uint8Array
  readonly since: Instant
}

/**
 * Where the payloads behind the cookie start: a cookie can only be the first payload (RFC 7296 §2.6), so that nothing else
 * is read here. `HEADER_LENGTH` where there is none.
 */
function endOfCookie(octets: Uint8Array): number {
  const at = HEADER_LENGTH
  if (octets[FIRST_PAYLOAD_AT] !== payloadTypes.of.N || octets.length < at + NOTIFY_HEADER) return at
  const length = (octets[at + 2]! << 8) | octets[at + 3]!
  const type = (octets[at + 6]! << 8) | octets[at + 7]!
  if (type !== COOKIE || octets[at + 5] !== 0 || length < NOTIFY_HEADER || at + length > octets.length) return at
  return at + length
}

/** The cookie that the request brings. */
export function cookieIn(octets: Uint8Array): Uint8Array | undefined {
  const end = endOfCookie(octets)
  return end === HEADER_LENGTH ? undefined : octets.subarray(HEADER_LENGTH + NOTIFY_HEADER, end)
}

export class CookieJar {
  #present: CookieSecret | undefined
  #previous: CookieSecret | undefined
  /** What is hashed. */
  #room = new Uint8Array(BLOCK + 2048)

  /** The cookie to ask for. */
  make(request: FirstRequest, now: Instant, random: Random): Uint8Array {
    this.#turn(now)
    this.#present ??= fresh((this.#previous?.number ?? 0) + 1, now, random)
    return this.#cookieOf(request, this.#present)
  }

  /** Whether it brings a cookie that was made here for it, not long ago. */
  accepts(request: FirstRequest, now: Instant): boolean {
    const cookie = cookieIn(request.octets)
    if (cookie === undefined || cookie.length !== COOKIE_BYTES) return false
    this.#turn(now)
    const secret = [this.#present, this.#previous].find(one => one !== undefined && one.number === cookie[0])
    return secret !== undefined && isEqual(this.#cookieOf(request, secret), 0, cookie, 0, COOKIE_BYTES)
  }

  #turn(now: Instant): void {
    if (isOld(this.#present, SECRET_LASTS, now)) {
      this.#previous = this.#present
      this.#present = undefined
    }
    if (isOld(this.#previous, 2 * SECRET_LASTS, now)) {
      this.#previous!.octets.fill(0)
      this.#room.fill(0, 0, BLOCK)
      this.#previous = undefined
    }
  }

  /**
   * SHA-256 of one block with the secret and all that has a fixed size, and then the payloads without the cookie. RFC 7296
   * would do with SPI and nonce; with all octets, who only sees a cookie on its way cannot begin other sessions with it.
   * The length stands in the block, so that no hashed text is the beginning of another: so keyed, SHA-256 is a PRF without
   * HMAC's second pass (Coron et al. 2005), and half of its result is withheld, without which nobody goes on from it.
   */
  #cookieOf({ address, octets }: FirstRequest, secret: CookieSecret): Uint8Array {
    const end = endOfCookie(octets)
    const length = octets.length - end
    if (this.#room.length < BLOCK + length) this.#room = new Uint8Array(BLOCK + length)
    const room = this.#room
    room.set(secret.octets)
    for (let at = 0; at < SPI_BYTES; at++) room[SPI_AT + at] = octets[at]!
    room[FAMILY_AT] = address.family
    // With a cookie the type of what stands behind it is in the cookie's header, else in the message's.
    room[TYPE_AT] = octets[end === HEADER_LENGTH ? FIRST_PAYLOAD_AT : HEADER_LENGTH]!
    writeWord(room, LENGTH_AT, length)
    for (let word = 0; word < 4; word++) writeWord(room, ADDRESS_AT + 4 * word, address.words[word] ?? 0)
    room.set(octets.subarray(end), BLOCK)
    const hashed = hash('sha256', room.subarray(0, BLOCK + length), 'binary')
    const cookie = new Uint8Array(COOKIE_BYTES)
    cookie[0] = secret.number
    for (let at = 0; at < HASH_BYTES; at++) cookie[1 + at] = hashed.charCodeAt(at)
    return cookie
  }
}

/** SHA-256's, and what stands in the first one behind the secret. */
const BLOCK = 64
const SPI_AT = SECRET_BYTES
const FAMILY_AT = SPI_AT + SPI_BYTES
const TYPE_AT = FAMILY_AT + 1
const LENGTH_AT = TYPE_AT + 1
const ADDRESS_AT = BLOCK - 16

function isOld(secret: CookieSecret | undefined, lasts: number, now: Instant): boolean {
  return secret !== undefined && now >= secret.since + lasts
}

function fresh(number: number, now: Instant, random: Random): CookieSecret {
  const octets = new Uint8Array(SECRET_BYTES)
  random.fill(octets)
  return { number: number & 0xff, octets, since: now }
}

/** Everything that is the same in all answers (RFC 7296 §3.1, §3.10). */
const answerFrame = (() => {
  const frame = new Uint8Array(HEADER_LENGTH + NOTIFY_HEADER)
  frame.set([payloadTypes.of.N, IKE_VERSION_2.major << 4, exchangeTypes.of.IKE_SA_INIT, RESPONSE], FIRST_PAYLOAD_AT)
  writeWord(frame, HEADER_LENGTH - 4, frame.length + COOKIE_BYTES)
  frame[HEADER_LENGTH + 3] = NOTIFY_HEADER + COOKIE_BYTES
  frame.set([COOKIE >> 8, COOKIE & 0xff], HEADER_LENGTH + 6)
  return frame
})()

/** The answer with the cookie, with `ahead` octets of zero in front: written as it stands, since a flood has to cost little. */
export function cookieAnswer(request: Uint8Array, cookie: Uint8Array, ahead: number): Uint8Array {
  const answer = new Uint8Array(ahead + answerFrame.length + COOKIE_BYTES)
  answer.set(answerFrame, ahead)
  for (let at = 0; at < SPI_BYTES; at++) answer[ahead + at] = request[at]!
  answer.set(cookie, ahead + answerFrame.length)
  return answer
}
