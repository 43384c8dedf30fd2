// Cookies (RFC 7296 §2.6): who has to send one back has its address proved before this host computes or keeps anything for
// it. A cookie is a keyed hash of what the request repeats, so nothing is remembered of those that were asked.
import type { Address } from '../base/address.ts'
import type { Random } from '../base/random.ts'
import { isEqual } from '../crypto/octets.ts'
import { findPrf, prf } from '../crypto/prf.ts'
import { HEADER_LENGTH } from '../wire/ike/header.ts'
import { notifyStatuses } from '../wire/ike/notify-numbers.ts'
import { payloadTypes } from '../wire/ike/numbers.ts'
import type { Instant } from './machine.ts'

/**
 * What a request that brings its cookie repeats: everything (RFC 7296 §2.6). RFC 7296 would do with SPI and nonce; with all
 * octets, who only sees a cookie on its way cannot begin other sessions with it.
 */
export interface CookieClaim {
  readonly address: Address
  readonly initiatorSpi: bigint
  /** The payloads without the cookie. */
  readonly content: Uint8Array
}

/** Seconds that a secret makes cookies; for as long again it is still recognised. */
const SECRET_LASTS = 60
const SECRET_BYTES = 32
/** One octet says which secret, the rest is the hash. */
const HASH_BYTES = 16
const hash = findPrf('hmac-sha2-256')
const COOKIE = notifyStatuses.of.COOKIE
/** Generic payload header, then protocol, size of the SPI and type (RFC 7296 §3.10). */
const NOTIFY_HEADER = 8
const FIRST_PAYLOAD_AT = 16

interface CookieSecret {
  readonly number: number
  readonly octets: Uint8Array
  readonly since: Instant
}

export interface FirstRequest {
  readonly cookie?: Uint8Array
  /** The payloads without it, with the type of the first of them in front. */
  readonly content: Uint8Array
}

/** A cookie can only be the first payload, so that nothing else is read here. `octets` from the IKE header on. */
export function readFirstRequest(octets: Uint8Array): FirstRequest {
  const payloads = octets.subarray(HEADER_LENGTH)
  const whole = { content: withType(octets[FIRST_PAYLOAD_AT]!, payloads) }
  if (octets[FIRST_PAYLOAD_AT] !== payloadTypes.of.N || payloads.length < NOTIFY_HEADER) return whole
  const view = new DataView(payloads.buffer, payloads.byteOffset)
  const [length, spiBytes, type] = [view.getUint16(2), view.getUint8(5), view.getUint16(6)]
  if (type !== COOKIE || spiBytes !== 0 || length < NOTIFY_HEADER || length > payloads.length) return whole
  const content = withType(payloads[0]!, payloads.subarray(length))
  return { cookie: payloads.subarray(NOTIFY_HEADER, length), content }
}

function withType(first: number, payloads: Uint8Array): Uint8Array {
  const content = new Uint8Array(1 + payloads.length)
  content[0] = first
  content.set(payloads, 1)
  return content
}

export class CookieJar {
  #present: CookieSecret | undefined
  #previous: CookieSecret | undefined

  /** The cookie to ask for. */
  make(claim: CookieClaim, now: Instant, random: Random): Uint8Array {
    this.#turn(now)
    this.#present ??= fresh((this.#previous?.number ?? 0) + 1, now, random)
    return cookieOf(claim, this.#present)
  }

  /** Whether the cookie was made here for this claim, not long ago. */
  accepts(cookie: Uint8Array, claim: CookieClaim, now: Instant): boolean {
    this.#turn(now)
    const secret = [this.#present, this.#previous].find(one => one !== undefined && one.number === cookie[0])
    if (secret === undefined || cookie.length !== 1 + HASH_BYTES) return false
    return isEqual(cookieOf(claim, secret), 0, cookie, 0, cookie.length)
  }

  #turn(now: Instant): void {
    const isOld = (secret: CookieSecret | undefined, lasts: number) =>
      secret !== undefined && now >= secret.since + lasts
    if (isOld(this.#present, SECRET_LASTS)) {
      this.#previous = this.#present
      this.#present = undefined
    }
    if (isOld(this.#previous, 2 * SECRET_LASTS)) {
      this.#previous!.octets.fill(0)
      this.#previous = undefined
    }
  }
}

function fresh(number: number, now: Instant, random: Random): CookieSecret {
  const octets = new Uint8Array(SECRET_BYTES)
  random.fill(octets)
  return { number: number & 0xff, octets, since: now }
}

function cookieOf({ content, address, initiatorSpi }: CookieClaim, secret: CookieSecret): Uint8Array {
  // SPI and address have a length that the family tells, so that no two claims are written alike.
  const fixed = new Uint8Array(9 + 4 * address.words.length)
  const view = new DataView(fixed.buffer)
  view.setBigUint64(0, initiatorSpi)
  view.setUint8(8, address.family)
  for (const [index, word] of address.words.entries()) view.setUint32(9 + 4 * index, word)
  const cookie = new Uint8Array(1 + HASH_BYTES)
  cookie[0] = secret.number
  cookie.set(prf(hash, secret.octets, fixed, content).subarray(0, HASH_BYTES), 1)
  return cookie
}
