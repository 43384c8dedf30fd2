// Cookies (RFC 7296 §2.6): who has to send one back has its address proved before this host computes or keeps anything for
// it. A cookie is a keyed hash of what the request repeats, so nothing is remembered of those that were asked.
import type { Address } from '../base/address.ts'
import type { Random } from '../base/random.ts'
import { isEqual } from '../crypto/octets.ts'
import { findPrf, prf } from '../crypto/prf.ts'
import type { Instant } from './machine.ts'

/** What a request repeats in front of its cookie's sender: RFC 7296 §2.6 names nonce, address and SPI. */
export interface CookieClaim {
  readonly nonce: Uint8Array
  readonly address: Address
  readonly initiatorSpi: bigint
}

/** Seconds that a secret makes cookies; for as long again it is still recognised. */
const SECRET_LASTS = 60
const SECRET_BYTES = 32
/** One octet says which secret, the rest is the hash. */
const HASH_BYTES = 16
const hash = findPrf('hmac-sha2-256')

interface CookieSecret {
  readonly number: number
  readonly octets: Uint8Array
  readonly since: Instant
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

function cookieOf({ nonce, address, initiatorSpi }: CookieClaim, secret: CookieSecret): Uint8Array {
  // SPI and address have a length that the family tells, so that no two claims are written alike.
  const fixed = new Uint8Array(9 + 4 * address.words.length)
  const view = new DataView(fixed.buffer)
  view.setBigUint64(0, initiatorSpi)
  view.setUint8(8, address.family)
  for (const [index, word] of address.words.entries()) view.setUint32(9 + 4 * index, word)
  const cookie = new Uint8Array(1 + HASH_BYTES)
  cookie[0] = secret.number
  cookie.set(prf(hash, secret.octets, fixed, nonce).subarray(0, HASH_BYTES), 1)
  return cookie
}
